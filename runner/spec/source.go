package spec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/ehrlab/ehrlab/plugins"
)

const (
	maxBytes = 1 << 20 // of one file: a study is a few hundred lines; the bound keeps hostile input harmless
	maxDepth = 100     // of brackets: the parser recurses, and a stack overflow cannot be recovered from
)

// sources are the user's files, parsed as far as they can be.
type sources struct {
	dir      string // folder of the experiment, absolute
	workDir  string
	layers   []*layer             // the experiment itself, what it extends, what that extends, and so on
	trees    map[string]*ast.File // by absolute path
	bytes    int                  // of all files
	baseless bool                 // what it extends is not known: anything may stand there

	order   map[string]int
	shown   map[string]string // absolute path to path in messages
	files   []*ast.File       // what is extended comes first
	own     int               // of files: the first of the experiment itself
	broken  map[string]bool   // top-level names that lie in a part with a syntax error
	guesses []span            // values with a name that was replaced because nothing declares it
}

// readSources reads and parses a .cue file, or all .cue files of a folder in the order of their names, and what they extend.
//
// Mistakes go to rep. The error is for files that cannot be read at all.
func readSources(path, workDir string, rep *reporter) (*sources, error) {
	s := &sources{workDir: workDir, trees: map[string]*ast.File{}, order: map[string]int{}, shown: map[string]string{}, broken: map[string]bool{}}
	rep.sources = s
	if err := s.readLayers(path, rep); err != nil {
		return nil, err
	}
	s.checkImports(rep)
	s.checkNames(rep)
	s.checkUnread(rep)
	return s, nil
}

// addCore adds the core metrics to an experiment that names none, as if they stood in a further file of it.
func (s *sources) addCore(core []plugins.Preset) {
	const section = "metrics"
	for _, f := range s.files {
		if slices.ContainsFunc(f.Decls, func(d ast.Decl) bool { return mentions(d, section) }) {
			return
		}
	}
	if len(core) == 0 || s.broken[section] {
		return
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s: {\n", section)
	for _, p := range core {
		with := p.With
		if len(with) == 0 {
			with = []byte("{}")
		}
		fmt.Fprintf(&text, "\t%q: {use: %q, with: %s}\n", p.Name, p.Use, with)
	}
	text.WriteString("}\n")
	at := s.coreFile()
	f, err := parser.ParseFile(at, text.Bytes())
	if err != nil {
		panic(fmt.Sprintf("core metrics: %v", err)) // a bug of the list of plugins
	}
	s.order[at], s.shown[at] = len(s.files), coreName
	s.files = append(s.files, f)
}

// coreName is the file in which the core metrics stand, in messages.
const coreName = "core metrics"

func (s *sources) coreFile() string { return filepath.Join(s.dir, coreName) }

// mentions reports whether a top-level part has a section, under a condition or not, or one that is meant to be it: a slip is reported
// elsewhere.
func mentions(d ast.Decl, section string) bool {
	switch d := d.(type) {
	case *ast.Field:
		label, _, _ := ast.LabelName(d.Label)
		return label == section || closest(label, []string{section}) != ""
	case *ast.Comprehension:
		if body, ok := d.Value.(*ast.StructLit); ok {
			return slices.ContainsFunc(body.Elts, func(d ast.Decl) bool { return mentions(d, section) })
		}
	}
	return false
}

// globQuote escapes the characters that filepath.Glob would interpret.
func globQuote(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case info.Size() > maxBytes:
		return nil, fmt.Errorf("%s has %d bytes; an experiment file has at most %d", name, info.Size(), maxBytes)
	}
	return os.ReadFile(name)
}

// relative returns path as messages show it: relative to dir, with slashes, "./" in front.
func relative(path, dir string) string {
	if dir == "" {
		dir, _ = os.Getwd()
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	rel = filepath.ToSlash(rel)
	if !strings.HasPrefix(rel, "../") {
		rel = "./" + rel
	}
	return rel
}

// parse parses one file. Each top-level part with a syntax error gives one mistake and is left out, so
// that the other parts are still checked.
func (s *sources) parse(name string, src []byte, rep *reporter) *ast.File {
	text := bytes.Clone(src)
	for {
		b := scanBrackets(text)
		if b.tooDeep >= 0 {
			rep.add("", place(name, src, b.tooDeep), "brackets are nested deeper than %d", maxDepth)
			return &ast.File{Filename: name}
		}
		f, err := parser.ParseFile(name, text, parser.ParseComments)
		if err == nil {
			return f
		}
		at, message := syntaxError(err, len(text))
		if b.open >= 0 && (at >= lastByte(text) || labelOf(text, b.open) != labelOf(text, at)) {
			at, message = b.open, fmt.Sprintf("%q is never closed", text[b.open])
		}
		rep.add("", place(name, src, at), "syntax error: %s", message)
		start, end := partAround(text, at)
		if label := labelOf(text, start); label != "" {
			s.broken[label] = true
		}
		if !blank(text[start:end]) {
			return &ast.File{Filename: name} // nothing left to leave out
		}
	}
}

// syntaxError returns the byte offset and the text of the first error of the parser.
func syntaxError(err error, size int) (at int, message string) {
	at = size
	for _, e := range errors.Errors(err) {
		p := e.Position()
		if !p.IsValid() || message != "" && p.Offset() >= at {
			continue
		}
		format, args := e.Msg()
		at, message = min(p.Offset(), size), fmt.Sprintf(format, args...)
	}
	if message == "" {
		message = err.Error()
	}
	return at, message
}

// brackets is what a scan of a file's brackets finds.
type brackets struct {
	open    int // offset of the outermost bracket that is never closed, or -1
	tooDeep int // offset of the first bracket beyond maxDepth, or -1
}

// scanBrackets matches brackets outside strings and comments. It need not be exact: it only decides
// which part of a file that does not parse is to blame, and bounds the depth of what is parsed.
func scanBrackets(src []byte) brackets {
	var stack []int
	depth := 0 // in strings too: an interpolation nests
	for i := 0; i < len(src); i++ {
		switch c := src[i]; c {
		case '/':
			if bytes.HasPrefix(src[i:], []byte("//")) {
				i = lineEnd(src, i)
			}
		case '"', '\'':
			end := stringEnd(src, i)
			depth += bytes.Count(src[i:end], []byte(`\(`)) // an upper bound
			if depth > maxDepth*10 {
				return brackets{open: -1, tooDeep: i}
			}
			i = end - 1
		case '{', '[', '(':
			stack = append(stack, i)
			if len(stack) > maxDepth {
				return brackets{open: -1, tooDeep: i}
			}
		case '}', ']', ')':
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		}
	}
	if len(stack) > 0 {
		return brackets{open: stack[0], tooDeep: -1}
	}
	return brackets{open: -1, tooDeep: -1}
}

func lineEnd(src []byte, i int) int {
	if n := bytes.IndexByte(src[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(src)
}

// stringEnd returns the offset after the string literal that starts at i, or after its line when it does not end.
func stringEnd(src []byte, i int) int {
	quote := src[i : i+1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(src[i:], triple) {
		if n := bytes.Index(src[i+3:], triple); n >= 0 {
			return i + 3 + n + 3
		}
		return len(src)
	}
	for j := i + 1; j < len(src) && src[j] != '\n'; j++ {
		switch src[j] {
		case '\\':
			j++
		case quote[0]:
			return j + 1
		}
	}
	return lineEnd(src, i)
}

// partAround returns the bytes from the last line at or before at that starts a top-level part to the next such line.
func partAround(src []byte, at int) (start, end int) {
	end = len(src)
	for i := 0; i < len(src); i = lineEnd(src, i) + 1 {
		if !startsPart(src[i:]) {
			continue
		}
		if i > at {
			return start, i
		}
		start = i
	}
	return start, end
}

// startsPart reports whether a line starts a top-level part: formatted files indent everything else.
func startsPart(line []byte) bool {
	if len(line) == 0 {
		return false
	}
	c := line[0]
	return c == '"' && !bytes.HasPrefix(line, []byte(`"""`)) || c == '_' || c == '#' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// labelOf returns the name that the part around an offset declares, or "".
func labelOf(src []byte, at int) string {
	start, end := partAround(src, at)
	line := string(src[start:min(end, lineEnd(src, start))])
	label, _, ok := strings.Cut(line, ":")
	if let, isLet := strings.CutPrefix(line, "let "); isLet {
		label, _, ok = strings.Cut(let, "=")
	}
	if !ok {
		return ""
	}
	return strings.Trim(strings.TrimSpace(label), `"?!`)
}

// blank overwrites text with spaces, so that the places of all else stay right. It reports whether there was any.
func blank(text []byte) bool {
	any := false
	for i, c := range text {
		if c != '\n' && c != '\r' && c != ' ' && c != '\t' {
			text[i], any = ' ', true
		}
	}
	return any
}

func lastByte(text []byte) int { return len(bytes.TrimRight(text, " \t\r\n")) }

// where is a place in a user's file.
type where struct {
	file         string // absolute
	line, column int
}

func (w where) known() bool { return w.line > 0 }

func place(name string, src []byte, at int) where {
	at = min(at, len(src))
	return where{file: name, line: 1 + bytes.Count(src[:at], []byte("\n")), column: at - bytes.LastIndexByte(src[:at], '\n')}
}

func whereOf(p token.Pos) where {
	if !p.IsValid() {
		return where{}
	}
	at := p.Position()
	return where{file: at.Filename, line: at.Line, column: at.Column}
}

// packageName is the package that all files are put into, whatever theirs is called: names of one are known in the others then.
const packageName = "experiment"

// checkPackages demands one package, or none: a folder is one anyway.
func (s *sources) checkPackages(l *layer, rep *reporter) {
	first := ""
	for _, file := range l.files {
		f := s.trees[file.path]
		for i, d := range f.Decls {
			p, ok := d.(*ast.Package)
			if !ok {
				continue
			}
			if first == "" {
				first = p.Name.Name
			}
			if p.Name.Name != first {
				rep.add("", whereOf(p.Name.Pos()), "package %q, but another file of the folder has package %q", p.Name.Name, first)
			}
			f.Decls = slices.Delete(f.Decls, i, i+1)
			f.Unresolved = slices.DeleteFunc(f.Unresolved, func(id *ast.Ident) bool { return id == p.Name })
			break
		}
		f.Decls = slices.Insert(f.Decls, 0, ast.Decl(&ast.Package{Name: ast.NewIdent(packageName)}))
	}
}

// builtins are the packages of CUE itself that compute without touching the machine.
var builtins = []string{
	"crypto/hmac", "crypto/md5", "crypto/sha1", "crypto/sha256", "crypto/sha512", "encoding/base64", "encoding/csv", "encoding/hex",
	"encoding/json", "encoding/yaml", "html", "list", "math", "math/bits", "net", "path", "regexp", "strconv", "strings", "struct",
	"text/tabwriter", "text/template", "time", "uuid",
}

// checkImports lets through what CUE brings along and takes out every other import, with the names that it would bind. That of the
// schema for editors is no mistake.
func (s *sources) checkImports(rep *reporter) {
	for _, f := range s.files {
		gone := map[ast.Node]bool{}
		var forEditors []*ast.ImportSpec
		f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
			group, ok := d.(*ast.ImportDecl)
			if !ok {
				return false
			}
			group.Specs = slices.DeleteFunc(group.Specs, func(spec *ast.ImportSpec) bool {
				path := strings.Trim(spec.Path.Value, `"`)
				if slices.Contains(builtins, path) {
					return false
				}
				if path == EditorImport {
					forEditors = append(forEditors, spec)
					return true
				}
				rep.add("", whereOf(spec.Path.Pos()), "nothing can be imported but CUE's own packages, such as \"list\" and \"strings\"")
				gone[spec] = true
				return true
			})
			return len(group.Specs) == 0
		})
		for _, spec := range forEditors {
			s.dropEditorSchema(f, spec, rep)
		}
		if len(gone) > 0 {
			s.replace(f, func(id *ast.Ident) bool { return gone[id.Node] })
		}
	}
}

// span is the text of one value of a file.
type span struct {
	file     string
	from, to int
}

func (s span) holds(p token.Pos) bool {
	return p.IsValid() && p.Filename() == s.file && p.Offset() >= s.from && p.Offset() < s.to
}

// replace turns the identifiers that match into "_", the value that anything may still be, and notes the
// values that they stand in: what CUE says of those is a consequence.
func (s *sources) replace(f *ast.File, match func(*ast.Ident) bool) {
	var values []ast.Node
	ast.Walk(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			values = append(values, n)
		case *ast.Ident:
			if match(n) {
				n.Name, n.Node, n.Scope = "_", nil, nil
				var around ast.Node = f
				if len(values) > 0 {
					around = values[len(values)-1].(*ast.Field).Value
				}
				s.guesses = append(s.guesses, span{file: f.Filename, from: around.Pos().Offset(), to: around.End().Offset()})
			}
		}
		return true
	}, func(n ast.Node) {
		if _, ok := n.(*ast.Field); ok {
			values = values[:len(values)-1]
		}
	})
}

// guessed reports whether a place lies in a value that holds a replaced name.
func (s *sources) guessed(p token.Pos) bool {
	return slices.ContainsFunc(s.guesses, func(g span) bool { return g.holds(p) })
}

// checkNames reports each name that nothing declares, and replaces it so that all else can be evaluated.
func (s *sources) checkNames(rep *reporter) {
	declared := map[string]bool{}
	for _, f := range s.files {
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				if name, _, err := ast.LabelName(field.Label); err == nil {
					declared[name] = true
				}
			}
		}
	}
	known := make([]string, 0, len(declared))
	for name := range declared {
		known = append(known, name)
	}
	for _, f := range s.files {
		unknown := map[*ast.Ident]bool{}
		for _, id := range f.Unresolved {
			if declared[id.Name] || predeclared[id.Name] || strings.HasPrefix(id.Name, "__") && predeclared[id.Name[2:]] {
				continue
			}
			unknown[id] = true
			if !s.broken[id.Name] && !s.baseless {
				rep.add(pathTo(f, id), whereOf(id.Pos()), "no value named %q%s", id.Name, didYouMean(id.Name, known))
			}
		}
		if len(unknown) > 0 {
			s.replace(f, func(id *ast.Ident) bool { return unknown[id] })
		}
	}
}

// predeclared are the names that CUE itself declares.
var predeclared = setOf("_", "_|_", "bool", "bytes", "string", "number", "float", "float32", "float64", "int", "int8", "int16", "int32", "int64",
	"int128", "uint", "uint8", "uint16", "uint32", "uint64", "uint128", "rune", "len", "close", "and", "or", "div", "mod", "quo", "rem",
	"matchN", "matchIf", "error", "null", "true", "false")

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, n := range names {
		set[n] = true
	}
	return set
}

// pathTo returns the path of the innermost field or list element around a node of a file.
func pathTo(f *ast.File, target ast.Node) string {
	var around []ast.Node
	found := false
	ast.Walk(f, func(n ast.Node) bool {
		if !found {
			around = append(around, n)
			found = n == target
		}
		return !found
	}, func(ast.Node) {
		if !found {
			around = around[:len(around)-1]
		}
	})
	var path []string
	for i, n := range around {
		if field, ok := n.(*ast.Field); ok {
			name, _, err := ast.LabelName(field.Label)
			if err != nil {
				name = "?"
			}
			path = append(path, name)
		}
		if i == 0 {
			continue
		}
		if list, ok := around[i-1].(*ast.ListLit); ok {
			at := slices.IndexFunc(list.Elts, func(e ast.Expr) bool { return e == n })
			if slices.ContainsFunc(list.Elts[:at+1], isComprehension) {
				path = append(path, "?") // which element it gives is not known
			} else {
				path = append(path, strconv.Itoa(at))
			}
		}
	}
	return joinPath(path)
}

func isComprehension(e ast.Expr) bool {
	_, ok := e.(*ast.Comprehension)
	return ok
}
