package spec

import (
	"encoding/json"
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/encoding/jsonschema"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/schemas"
)

// SchemaCUE returns the schema of experiments as one CUE file, followed by the settings of every plugin of the
// registry, each a definition such as #metric."kl".
func SchemaCUE(r *plugins.Registry) string {
	var b strings.Builder
	b.WriteString(schemas.Experiment)
	set := &schemaSet{registry: r}
	for _, k := range pluginKinds {
		for _, name := range pluginNames(r, k.kind) {
			info := set.plugin(k.kind, name).info
			fmt.Fprintf(&b, "\n// %s\n#%s: %q: {\n%s\n}\n", info.Summary, k.kind, name, info.Schema)
		}
	}
	text := []byte(b.String())
	if formatted, err := format.Source(text); err == nil {
		text = formatted
	}
	return string(text)
}

// SchemaJSON returns the schema of experiments as JSON Schema, a help for editors that says less than Load checks.
// The settings of plugins are under $defs, by kind and name.
func SchemaJSON(r *plugins.Registry) ([]byte, error) {
	ctx := cuecontext.New()
	top, err := jsonSchema(ctx, schemas.Experiment, "#Experiment")
	if err != nil {
		return nil, fmt.Errorf("schema of experiments: %w", err)
	}
	defs, _ := top["$defs"].(map[string]any)
	if defs == nil {
		defs = map[string]any{}
		top["$defs"] = defs
	}
	set := &schemaSet{registry: r}
	for _, k := range pluginKinds {
		for _, name := range pluginNames(r, k.kind) {
			info := set.plugin(k.kind, name).info
			s, err := jsonSchema(ctx, settingsSource(info), "#With")
			if err != nil {
				return nil, fmt.Errorf("schema of %s %q: %w", k.kind, name, err)
			}
			s["description"] = info.Summary
			defs[k.kind+"/"+name] = s
		}
	}
	return json.MarshalIndent(top, "", "  ")
}

// jsonSchema converts one definition of a CUE source.
func jsonSchema(ctx *cue.Context, source, definition string) (map[string]any, error) {
	v := ctx.CompileString(source)
	expr, err := jsonschema.Generate(v.LookupPath(cue.ParsePath(definition)), &jsonschema.GenerateConfig{})
	if err != nil {
		return nil, err
	}
	b, err := ctx.BuildExpr(expr).MarshalJSON()
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(b, &out)
}
