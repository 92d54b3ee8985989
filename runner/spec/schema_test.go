package spec

import (
	"encoding/json"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

func TestSchemaCUE(t *testing.T) {
	text := SchemaCUE(fakeRegistry())
	v := cuecontext.New().CompileString(text)
	if v.Err() != nil {
		t.Fatalf("%v\n%s", v.Err(), text)
	}
	for _, path := range []string{"#Experiment", "#Dataset.split", "#metric.tvd", `#strategy."gaussian-copula"`, "#view.line"} {
		if p := cue.ParsePath(path); v.LookupPath(p).Exists() == (path == "#Dataset.split") { // optional fields are no values
			t.Errorf("%s: unexpected", path)
		}
	}
	if !strings.Contains(text, "smoothing?: number & >=0") {
		t.Error("settings of tvd are not in the schema")
	}
}

func TestSchemaJSON(t *testing.T) {
	b, err := SchemaJSON(fakeRegistry())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Required   []string                  `json:"required"`
		Properties map[string]map[string]any `json:"properties"`
		Defs       map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Required) != 5 || got.Properties["matrix"] == nil || got.Defs["metric/tvd"] == nil || got.Defs["strategy/gaussian-copula"] == nil {
		t.Errorf("%s", b)
	}
}

// Editors reject what is not the constant that a schema names: a block that is open, or empty, must be no constant.
func TestSchemaJSONOfSettings(t *testing.T) {
	b, err := SchemaJSON(fakeRegistry())
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := json.Unmarshal(b, &top); err != nil {
		t.Fatal(err)
	}
	blocks := 0
	walkJSON(top, func(name string, s map[string]any) {
		if c, ok := s["const"].(map[string]any); ok {
			t.Errorf("%s: const %v", name, c)
		}
		if (name == "with" || name == "where") && s["$ref"] == nil {
			blocks++
			if s["type"] != "object" {
				t.Errorf("%s: %v", name, s)
			}
		}
	})
	if blocks != 16 {
		t.Errorf("%d open blocks: want with of 7 kinds of plugins, and where of tables, their columns, plots, their panels, x and y, contrasts, checks, searches and published values", blocks)
	}
	defs := top["$defs"].(map[string]any)
	for name, want := range map[string]string{
		"strategy/independent": `{"additionalProperties":false,"description":"a fake","type":"object"}`,
		// an audit names its models itself
		"audit/llm-judge": `{"additionalProperties":false,"description":"a fake","properties":{"llms":{"items":{"type":"string"},"minItems":1,"prefixItems":[{"type":"string"}],"type":"array"},` +
			`"prompt":{"additionalProperties":false,"properties":{"user":{"anyOf":[{"type":"string"},{"additionalProperties":false,` +
			`"properties":{"file":{"type":"string"}},"required":["file"],"type":"object"}]}},"type":"object"},` +
			`"repeats":{"allOf":[{"type":"number"},{"minimum":1,"type":"integer"}]},` +
			`"rubric":{"anyOf":[{"type":"string"},{"additionalProperties":false,"properties":{"file":{"type":"string"}},"required":["file"],"type":"object"}]}` +
			`},"required":["llms"],"type":"object"}`,
		// Load takes an llm that the llm axis names, and a prompt in a file
		"strategy/llm-naive": `{"additionalProperties":false,"description":"a fake","properties":{` +
			`"batch":{"allOf":[{"type":"number"},{"exclusiveMinimum":0,"type":"integer"}]},"by":{"items":{"type":"string"},"type":"array"},` +
			`"examples":{"allOf":[{"type":"number"},{"minimum":0,"type":"integer"}]},"label":{"additionalProperties":false,"properties":{"mode":{"enum":["generated","conditioned"]}},"type":"object"},"llm":{"type":"string"},` +
			`"prompt":{"anyOf":[{"type":"string"},{"additionalProperties":false,"properties":{"file":{"type":"string"}},"required":["file"],"type":"object"}]}` +
			`},"required":[],"type":"object"}`,
	} {
		if got, _ := json.Marshal(defs[name]); string(got) != want {
			t.Errorf("%s is\n%s", name, got)
		}
	}
	view, _ := json.Marshal(defs["Plot"].(map[string]any)["allOf"])
	if want := `{"if":{"properties":{"kind":{"const":"line"}},"required":["kind"]},"then":{"properties":{"with":{"$ref":"#/$defs/view~1line"}}}}`; !strings.Contains(string(view), want) {
		t.Errorf("Plot has %s", view)
	}
}

// Editors know the sections that language models have.
func TestSchemaJSONOfModels(t *testing.T) {
	b, err := SchemaJSON(fakeRegistry())
	if err != nil {
		t.Fatal(err)
	}
	var top struct {
		Properties map[string]any            `json:"properties"`
		Defs       map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(b, &top); err != nil {
		t.Fatal(err)
	}
	if got, _ := top.Properties["budget"].(map[string]any); got["$ref"] != "#/$defs/Budget" {
		t.Errorf("budget is %v", got)
	}
	for def, fields := range map[string][]string{
		"LLM": {"use", "with", "price", "approval"}, "Budget": {"usd", "tokens", "calls", "cell", "by"}, "Allowance": {"usd", "tokens", "calls"},
		"Approval": {"basis", "by", "date", "retention", "reveals", "local", "datasets"}, "Price": {"input", "output", "cached"}, "Dataset": {"limits"},
	} {
		properties, _ := top.Defs[def]["properties"].(map[string]any)
		for _, f := range fields {
			if properties[f] == nil {
				t.Errorf("%s has no %s: %v", def, f, properties)
			}
		}
	}
}

// walkJSON calls f with each object of a JSON value and the name it has in the object around it.
func walkJSON(v any, f func(name string, object map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			if object, ok := below.(map[string]any); ok {
				f(name, object)
			}
			walkJSON(below, f)
		}
	case []any:
		for _, below := range v {
			walkJSON(below, f)
		}
	}
}

// The schema of experiments says in CUE what the rules say in Go: the example of the design passes both.
func TestSchemaAcceptsTheExample(t *testing.T) {
	ctx := cuecontext.New()
	v := ctx.CompileString(SchemaCUE(fakeRegistry())).LookupPath(cue.ParsePath("#Experiment"))
	if err := v.Unify(ctx.CompileString(design)).Validate(cue.Concrete(true)); err != nil {
		t.Error(err)
	}
	if v.Unify(ctx.CompileString(design+"extra: 1\n")).Validate(cue.Concrete(true)) == nil {
		t.Error("the schema is open")
	}
}
