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
	if len(got.Required) != 6 || got.Properties["matrix"] == nil || got.Defs["metric/tvd"] == nil || got.Defs["strategy/gaussian-copula"] == nil {
		t.Errorf("%s", b)
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

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"tdv", "tvd", 1}, {"smothing", "smoothing", 1}, {"kitten", "sitting", 3}, {"ähre", "ehre", 1}} {
		if got := distance(c.a, c.b); got != c.want || distance(c.b, c.a) != got {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
