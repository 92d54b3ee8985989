package llmjudge

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

var update = flag.Bool("update", os.Getenv("UPDATE") == "1", "rewrite golden files")

// The prompt as a judge reads it: look at the golden file.
func TestPrompt(t *testing.T) {
	var b strings.Builder
	for _, with := range []string{alone, `{"llms": ["judge"], "findings": false, "reasons": false, "columns": ["age", "note"], "rubric": "10: fine\n1: not fine", "prompt": {"system": ""}}`} {
		in := stays(10)
		in.Frame = in.Frame.Take([]int{9})
		o, err := auditor(t, with).Outline(t.Context(), plugins.Env{}, in, 1)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("=== " + with + "\n")
		for _, m := range o.Calls[0].Request.Messages {
			b.WriteString("--- " + m.Role + "\n" + m.Text + "\n")
		}
		if !json.Valid(o.Calls[0].Request.Schema) {
			t.Errorf("the schema is no JSON: %s", o.Calls[0].Request.Schema)
		}
		b.WriteString("--- schema\n" + string(o.Calls[0].Request.Schema) + "\n")
	}
	const path = "testdata/prompt.golden"
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("the prompt is another: %s", d)
	}
}

func TestTextsThatAreNoPrompt(t *testing.T) {
	for user, want := range map[string]string{
		"judge it":                           `prompt.user lacks {{record}}: it is what is to be judged`,
		"":                                   `prompt.user lacks {{record}}: it is what is to be judged`,
		"the record: {{record}}":             `prompt.user: {{record}} stands alone on its line, and once`,
		"{{record}}\n{{record}}":             `prompt.user: {{record}} stands alone on its line, and once`,
		"{{if target}}\n{{record}}\n{{end}}": `prompt.user lacks {{record}}: it is what is to be judged`,
		"{{recrod}}":                         `prompt.user:1: function "recrod" not defined; there are {{record}} {{rubric}} {{kinds}} {{answer}} {{target}}`,
		"{{record":                           `prompt.user:1: unclosed action`,
		"```text\n{{record}}\n```":           `prompt.user: {{record}} stands within a fence of the text; close that before it`,
		"```record\n```\n{{record}}":         `prompt: message 2 (user): line 5: a second record block`,
		"{{record}}\x00":                     `prompt.user holds a control character`,
	} {
		c := Defaults()
		c.LLMs, c.Prompt.User = []string{"judge"}, user
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", user, err, want)
		}
	}
	c := Defaults()
	c.Prompt.System = "{{record}}"
	if _, err := New(c); err == nil || err.Error() != "prompt.system: {{record}} belongs into the user's message" {
		t.Error(err)
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	for want, edit := range map[string]func(*Config){
		`llms names "a" twice; repeats asks a model several times`:                              func(c *Config) { c.LLMs = []string{"a", "b", "a"} },
		`repeats is 0; want at least 1`:                                                         func(c *Config) { c.Repeats = 0 },
		`combine is "max"; want "mean", "median" or "majority"`:                                 func(c *Config) { c.Combine = "max" },
		`rubric is empty; want what the scores mean, or leave it out for the one in five bands`: func(c *Config) { c.Rubric = " \n" },
		`max_tokens is -1; want at least 1`:                                                     func(c *Config) { c.MaxTokens = -1 },
		`temperature is -1; want 0 or more`:                                                     func(c *Config) { cold := -1.0; c.Temperature = &cold },
		`layout is ""; want "families" or "columns"`:                                            func(c *Config) { c.Layout = "" },
	} {
		c := Defaults()
		c.LLMs = []string{"judge"}
		edit(&c)
		if _, err := New(c); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	a := auditor(t, `{"llms": ["judge"], "columns": ["age", "weight"], "ranges": {"heartrate": {"min": 1}}}`).(plugins.Vetting)
	faults := a.Vet([]plugins.ColumnInfo{{Name: "age"}, {Name: "heartrate_first"}})
	if len(faults) != 1 || faults[0].Name != "weight" || !cmp.Equal(faults[0].Field, []string{"columns", "1"}) {
		t.Errorf("%+v", faults)
	}
}

func TestCombined(t *testing.T) {
	of := func(scores ...float64) []plugins.Verdict {
		var out []plugins.Verdict
		for _, s := range scores {
			v := plugins.Verdict{Status: plugins.Scored, Score: s}
			switch s {
			case 0:
				v = plugins.Verdict{Status: plugins.Unparsable}
			case -1:
				v = plugins.Verdict{Status: plugins.Declining}
			}
			out = append(out, v)
		}
		return out
	}
	for _, c := range []struct {
		opinions               []plugins.Verdict
		mean, median, majority float64
		status                 plugins.VerdictStatus
	}{
		{of(7), 7, 7, 7, plugins.Scored},
		{of(9, 4), 6.5, 6.5, 4, plugins.Scored},
		{of(9, 1, 8), 6, 8, 8, plugins.Scored},
		{of(9, 1, 8, 4), 5.5, 6, 4, plugins.Scored},
		{of(9, 0, -1, 6), 7.5, 7.5, 6, plugins.Scored},
		{of(0, -1), 0, 0, 0, plugins.Unparsable},
		{of(-1, -1), 0, 0, 0, plugins.Declining},
	} {
		for how, want := range map[string]float64{Mean: c.mean, Median: c.median, Majority: c.majority} {
			if got := combined(how, c.opinions); got.Score != want || got.Status != c.status {
				t.Errorf("%s of %v: %+v, want %g", how, c.opinions, got, want)
			}
		}
	}
	// majority is what a vote at any threshold comes to
	for _, opinions := range [][]float64{{3}, {2, 9}, {2, 5, 9}, {1, 1, 9, 9}, {10, 4, 4, 7, 8, 1}} {
		for threshold := 1.0; threshold <= 10; threshold++ {
			votes := 0
			for _, s := range opinions {
				if s >= threshold {
					votes++
				}
			}
			if got := combined(Majority, of(opinions...)).Score >= threshold; got != (2*votes > len(opinions)) {
				t.Errorf("%v at %g: %v with %d votes", opinions, threshold, got, votes)
			}
		}
	}
}
