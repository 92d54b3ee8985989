package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spelling"
	"github.com/ehrlab/ehrlab/schemas"
)

// schemaSet holds the schema of experiments and, made when first needed, those of plugins.
type schemaSet struct {
	ctx      *cue.Context
	registry *plugins.Registry
	top      *rule
	settings map[[2]string]*rule // by kind and name
}

// newSchemaSet compiles the schema of experiments.
func newSchemaSet(ctx *cue.Context, registry *plugins.Registry) (*schemaSet, error) {
	v := ctx.CompileString(schemas.Experiment, cue.Filename("experiment.cue"))
	if v.Err() != nil {
		return nil, fmt.Errorf("schema of experiments: %w", v.Err())
	}
	top := newRule(v.LookupPath(cue.ParsePath("#Experiment")))
	return &schemaSet{ctx: ctx, registry: registry, top: top, settings: map[[2]string]*rule{}}, nil
}

// plugin is a registered plugin of any kind.
type plugin struct {
	info  *plugins.Info
	build func(with json.RawMessage) (any, json.RawMessage, error)
}

func pluginOf[P any](set *plugins.Set[P], name string) *plugin {
	e := set.Get(name)
	if e == nil {
		return nil
	}
	return &plugin{info: &e.Info, build: func(with json.RawMessage) (any, json.RawMessage, error) { return e.Build(with) }}
}

// pluginKinds names the kinds as schemas do, with their words in messages, the definition of the blocks that name a
// plugin of the kind, and the field of these that does.
var pluginKinds = []struct{ kind, words, definition, names string }{
	{"dataset", "dataset plugin", "Dataset", "use"},
	{"features", "features plugin", "Features", "use"},
	{"strategy", "strategy plugin", "Strategy", "use"},
	{"llm", "llm plugin", "LLM", "use"},
	{"audit", "audit plugin", "Audit", "use"},
	{"metric", "metric", "Metric", "use"},
	{"view", "view", "Plot", "kind"},
}

// plugin returns a plugin by kind and name, or nil.
func (s *schemaSet) plugin(kind, name string) *plugin {
	switch kind {
	case "dataset":
		return pluginOf(&s.registry.Datasets, name)
	case "features":
		return pluginOf(&s.registry.Features, name)
	case "strategy":
		return pluginOf(&s.registry.Strategies, name)
	case "llm":
		return pluginOf(&s.registry.LLMs, name)
	case "audit":
		return pluginOf(&s.registry.Audits, name)
	case "metric":
		return pluginOf(&s.registry.Metrics, name)
	case "view":
		return pluginOf(&s.registry.Views, name)
	}
	return nil
}

func pluginNames(r *plugins.Registry, kind string) []string {
	switch kind {
	case "dataset":
		return r.Datasets.Names()
	case "features":
		return r.Features.Names()
	case "strategy":
		return r.Strategies.Names()
	case "llm":
		return r.LLMs.Names()
	case "audit":
		return r.Audits.Names()
	case "metric":
		return r.Metrics.Names()
	case "view":
		return r.Views.Names()
	}
	return nil
}

// rule returns the rule of a plugin's settings.
func (s *schemaSet) rule(kind, name string) *rule {
	key := [2]string{kind, name}
	if r, ok := s.settings[key]; ok {
		return r
	}
	v := s.ctx.CompileString(settingsSource(s.plugin(kind, name).info), cue.Filename(kind+"/"+name))
	if v.Err() != nil {
		// a plugin whose schema is no CUE is our bug; its conformance test finds it
		panic(fmt.Sprintf("schema of %s %q: %v", kind, name, v.Err()))
	}
	r := newRule(v.LookupPath(cue.ParsePath("#With")))
	s.settings[key] = r
	return r
}

func settingsSource(info *plugins.Info) string { return "#With: {\n" + info.Schema + "\n}\n" }

// settings is the kind of plugin whose settings a field holds, or "".
func (r *rule) settings() string {
	kind, _ := r.marked("settings")
	return kind
}

// built is a plugin made with the settings of an experiment.
type built struct {
	info     *plugins.Info
	plugin   any
	settings json.RawMessage // after defaults
	subsets  []string        // that a features plugin offers
}

// build makes the plugin that use names with the settings of an experiment; nil without an error when it panics,
// which is recorded.
func (c *checker) build(use *node, p *plugin, with json.RawMessage) (b *built, err error) {
	c.rep.guard(use, func() {
		made := &built{info: p.info}
		if made.plugin, made.settings, err = p.build(with); err != nil {
			return
		}
		if f, ok := made.plugin.(plugins.Features); ok {
			made.subsets = f.Subsets()
		}
		b = made
	})
	return b, err
}

// plugin checks the plugin that a block names, and its settings.
func (c *checker) plugin(n *node, r *rule) {
	for _, f := range r.fields {
		kind := f.settings()
		if kind == "" {
			continue
		}
		for _, g := range r.fields {
			if of, ok := g.marked("plugin"); ok && of == kind {
				c.use(n, n.field(g.key), n.field(f.key), kind, f.key)
			}
		}
	}
}

// use checks the settings of the plugin named by use; with may be nil when the block has none.
func (c *checker) use(n, use, with *node, kind, key string) {
	if !use.is(cue.StringKind) {
		return
	}
	p := c.schemas.plugin(kind, use.text)
	if p == nil {
		words := kind
		for _, k := range pluginKinds {
			if k.kind == kind {
				words = k.words
			}
		}
		c.wrong(use, use.at, "no %s named %q%s", words, use.text, hint(use.text, "known:", pluginNames(c.schemas.registry, kind)))
		return
	}
	if with == nil {
		with = &node{path: n.below(key), label: n.label, at: n.at, kind: cue.StructKind}
	}
	before := len(c.rep.mistakes)
	c.check(with, c.schemas.rule(kind, use.text))
	if len(c.rep.mistakes) > before || !with.whole() {
		return
	}
	b, err := c.build(use, p, c.complete(with))
	switch {
	case err != nil:
		c.refused(with, err)
	case b != nil:
		c.found.built[indexKey(n.path)] = b
	}
}

// refused reports why a plugin cannot be made with settings that its schema allows.
func (c *checker) refused(with *node, err error) {
	var faults plugins.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			c.fault(with, f)
		}
		return
	}
	var misfit *json.UnmarshalTypeError
	if errors.As(err, &misfit) {
		if n := with.find(strings.Split(misfit.Field, ".")...); n != nil {
			c.wrong(n, n.at, "the value does not fit: %s expected", misfit.Type)
			return
		}
	}
	c.wrong(with, with.label, "%v", err)
}

// complete is the JSON of a with block; an llm that the llm axis will name is filled in with a stand-in.
func (c *checker) complete(with *node) json.RawMessage {
	m := with.plain().(map[string]any)
	if field, ok := c.found.blanks[indexKey(with.path)]; ok {
		m[field] = "llm"
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", joinPath(with.path), err)) // plain makes nothing that JSON lacks
	}
	return raw
}

var variable = regexp.MustCompile(`\$\{([^{}]*)\}`)

// resolvePath expands ${VAR} in a path and makes it absolute.
func (c *checker) resolvePath(n *node) {
	written := n.text
	path, ok := c.expand(n)
	if !ok {
		return
	}
	if path == "" {
		c.wrong(n, n.at, "must be a path, not an empty text")
		return
	}
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "${") {
		path = filepath.Join(c.rep.sources.folderOf(n.origin), path)
	}
	n.text = path
	c.found.paths = append(c.found.paths, n)
	c.found.written.paths = append(c.found.written.paths, writtenPath{n.path, written, n.origin})
}

// expand replaces ${VAR}. A variable that is not set stays as it is when data may be absent.
func (c *checker) expand(n *node) (string, bool) {
	missing := ""
	text := variable.ReplaceAllStringFunc(n.text, func(m string) string {
		name := variable.FindStringSubmatch(m)[1]
		if value, ok := c.opts.Env(name); ok && value != "" {
			return value
		}
		missing = name
		return m
	})
	if missing != "" && c.opts.Data == Require {
		c.wrong(n, n.at, "the environment variable %q is not set", missing)
		return "", false
	}
	return text, true
}

const maxText = 1 << 20 // bytes of a text kept in a file of its own: prompts are some kilobytes

// resolveText turns {file: PATH} into the text that the file holds.
func (c *checker) resolveText(n *node) {
	file := n.field("file")
	if n.kind != cue.StructKind || len(n.fields) != 1 || !file.is(cue.StringKind) {
		return
	}
	path, ok := c.expand(file)
	if !ok {
		n.state = bad
		return
	}
	folder := c.rep.sources.folderOf(file.origin)
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil || !info.Mode().IsRegular():
		shown := func(near string) string { return strings.TrimPrefix(relative(near, folder), "./") }
		c.wrong(n, file.at, "no file %q%s", file.text, spelling.DidYouMeanFile(path, shown))
		return
	case info.Size() > maxText:
		c.wrong(n, file.at, "the file has %d bytes; a text has at most %d", info.Size(), maxText)
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		c.wrong(n, file.at, "cannot read the file: %v", err)
		return
	}
	if !utf8.Valid(b) {
		c.wrong(n, file.at, "the file is not UTF-8 text")
		return
	}
	c.found.written.texts = append(c.found.written.texts, writtenText{file.text, string(b), file.origin})
	n.kind, n.text, n.fields = cue.StringKind, string(b), nil
}

func (c *checker) noteColumn(n *node) { c.found.columns = append(c.found.columns, n) }
func (c *checker) noteLLM(n *node)    { c.found.llms = append(c.found.llms, n) }

// notePattern notes a name that may stand for several columns.
func (c *checker) notePattern(n *node) {
	if isPattern(n.text) {
		c.found.patterns = append(c.found.patterns, n)
	} else {
		c.noteColumn(n)
	}
}
