package spec

import (
	"encoding/json"
	"fmt"
	"slices"
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
// The settings of plugins are under $defs, by kind and name, and a block that names a plugin has its settings.
func SchemaJSON(r *plugins.Registry) ([]byte, error) {
	ctx := cuecontext.New()
	top, err := jsonSchema(ctx, schemas.Experiment, "#Experiment")
	if err != nil {
		return nil, fmt.Errorf("schema of experiments: %w", err)
	}
	set, err := newSchemaSet(ctx, r)
	if err != nil {
		return nil, err
	}
	defs := top["$defs"].(map[string]any) // #Dataset and the others
	for _, k := range pluginKinds {
		var settings []any
		for _, name := range pluginNames(r, k.kind) {
			info := set.plugin(k.kind, name).info
			s, err := jsonSchema(ctx, settingsSource(info), "#With")
			if err != nil {
				return nil, fmt.Errorf("schema of %s %q: %w", k.kind, name, err)
			}
			delete(s, "$schema") // said once, at the top
			s["description"] = info.Summary
			set.rule(k.kind, name).widen(s, k.kind)
			defs[k.kind+"/"+name] = s
			settings = append(settings, settingsOf(k.names, name, k.kind))
		}
		if len(settings) > 0 {
			defs[k.definition].(map[string]any)["allOf"] = settings
		}
	}
	return json.MarshalIndent(top, "", "  ")
}

// settingsOf says which settings a block has when its field names a plugin.
func settingsOf(field, name, kind string) map[string]any {
	ref := strings.NewReplacer("~", "~0", "/", "~1").Replace(kind + "/" + name)
	return map[string]any{
		"if":   map[string]any{"properties": map[string]any{field: map[string]any{"const": name}}, "required": []string{field}},
		"then": map[string]any{"properties": map[string]any{"with": map[string]any{"$ref": "#/$defs/" + ref}}},
	}
}

// widen lets a JSON Schema of settings take what Load takes beyond the CUE schema: an llm of a strategy that the llm axis names,
// and a text in a file of its own.
func (r *rule) widen(schema map[string]any, kind string) {
	properties, _ := schema["properties"].(map[string]any)
	for _, f := range r.fields {
		if _, ok := f.marked("llm"); ok && kind == "strategy" {
			required, _ := schema["required"].([]any)
			schema["required"] = slices.DeleteFunc(required, func(name any) bool { return name == f.key })
		}
		if _, ok := f.marked("text"); ok {
			file := map[string]any{
				"type": "object", "properties": map[string]any{"file": map[string]any{"type": "string"}},
				"required": []string{"file"}, "additionalProperties": false,
			}
			properties[f.key] = map[string]any{"anyOf": []any{properties[f.key], file}}
		} else if below, ok := properties[f.key].(map[string]any); ok {
			f.widen(below, kind)
		}
	}
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
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, err
	}
	if _, empty := out["const"]; empty { // a definition without fields is closed
		out["additionalProperties"] = false
	}
	openBlocks(out)
	return out, nil
}

// openBlocks makes objects of what the converter takes for constants: to it, {...} is the constant {}.
func openBlocks(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if c, ok := s["const"].(map[string]any); ok && len(c) == 0 {
			delete(s, "const")
			s["type"] = "object"
		}
		for _, below := range s {
			openBlocks(below)
		}
	case []any:
		for _, below := range s {
			openBlocks(below)
		}
	}
}
