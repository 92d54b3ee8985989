package cli_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// restrictedExperiment asks for rows like those of a table, which is restricted unless it says otherwise. HOST is approved as
// local only where it is named by a loopback address.
const restrictedExperiment = `name: "asked"
datasets: mine: {
	use: "table"
	with: path: "rows.csv"
	row: "stay", subject: "patient", target: "died"
	limits: {age: {min: 16, max: 90}, unit: levels: ["MICU", "SICU", "CCU"], weight: {min: 30, max: 200}}
	split: {train: 0.5, validation: 0.1, test: 0.2, reference: 0.2, by: "subject", stratify: "died", seed: 7}
}
features: few: {use: "list", with: columns: ["age", "unit", "weight"]}
llms: m: {
	use: "openai"
	with: {model: "gpt-4o-2024-08-06", base_url: "BASE", limits: retries: 1}
}
let common = {llm: "m", rows: 10}
strategies: {
	declared: {use: "llm-schema", with: {common, examples: 0, limits: "declared", aggregates: "none", label: prevalence: 0.3}}
	figures: {use: "llm-schema", with: {common, examples: 0}}
	rows: {use: "llm-naive", with: {common, examples: 5}}
	growing: {use: "llm-conditional", with: {common, examples: 0, block: 1, limits: "declared", aggregates: "none"}}
}
metrics: tv: use: "tv"
matrix: [{strategy: ["STRATEGY"], features: ["few"], n: [20], seed: [1]}]
tables: t: {rows: ["strategy"], columns: [{score: "tv.mean"}]}
`

// restricted writes a study of invented rows that count as restricted.
func restricted(t *testing.T, s *llmtest.Server, strategy, approval string) *study {
	t.Helper()
	x := newStudy(t, edited(t, restrictedExperiment, "STRATEGY", strategy, "	use: \"openai\"\n", "	use: \"openai\"\n"+approval), s)
	rng := rand.New(rand.NewPCG(5, 5))
	var b strings.Builder
	b.WriteString("stay,patient,age,unit,weight,died\n")
	for i := range 600 {
		fmt.Fprintf(&b, "%d,p%d,%d,%s,%.6f,%d\n", i, i, 20+rng.IntN(60), []string{"MICU", "SICU", "CCU"}[rng.IntN(3)], 50+40*rng.Float64(), rng.IntN(4)/3)
	}
	if err := os.WriteFile(filepath.Join(x.dir, "rows.csv"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestWhatLeavesARestrictedDataSet holds vet and run to what is approved; the proof is what the server has received.
func TestWhatLeavesARestrictedDataSet(t *testing.T) {
	t.Parallel()
	approved := func(reveals string) string {
		return `	approval: {basis: "agreement 4.2", by: "A. Person", date: "2026-01-31", retention: "none", reveals: "` + reveals + "\"}\n"
	}
	cases := []struct {
		name, strategy, approval string
		refused                  string // a part of the message; empty when it may leave
	}{
		{"no approval, declared limits alone", "declared", "", `sends the schema of the restricted data set "mine" there, and no approval`},
		{"no approval, rows", "rows", "", `sends rows of the restricted data set "mine" there, and no approval`},
		{"no approval, a growing table", "growing", "", "sends rows of the restricted"},
		{"approved for rows", "rows", approved("rows"), ""},
		{"approved for aggregates, rows", "rows", approved("aggregates"), `sends rows of the restricted data set "mine" there, and the approval ends at "aggregates"`},
		{"approved for aggregates, figures", "figures", approved("aggregates"), ""},
		{"approved for aggregates, a growing table", "growing", approved("aggregates"), `sends rows of the restricted data set "mine" there, and the approval ends at "aggregates"`},
		{"approved for the schema, figures", "figures", approved("schema"), `sends aggregates of the restricted data set "mine" there, and the approval ends at "schema"`},
		{"approved for the schema, declared limits alone", "declared", approved("schema"), ""},
		{"local", "growing", "	approval: local: true\n", ""},
		{"local, for the schema", "rows", "	approval: {local: true, reveals: \"schema\"}\n", `the approval ends at "schema"`},
		{"no retention", "rows", strings.Replace(approved("rows"), `retention: "none", `, "", 1), "lacks retention"},
		{"of another data set", "rows", strings.Replace(approved("rows"), "basis:", `datasets: ["other"], basis:`, 1), `no data set named "other"`},
	}
	answer := invented(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(answer))
			x := restricted(t, server, c.strategy, c.approval)
			if c.refused == "" {
				x.exits(0, "vet", "x.cue")
				x.run(0)
				if len(server.Log()) == 0 {
					t.Error("what may leave was not sent")
				}
				return
			}
			for _, command := range []string{"vet", "run"} {
				if end := x.exits(2, command, "x.cue"); !strings.Contains(end.errs, c.refused) {
					t.Errorf("%s does not say %q:\n%s", command, c.refused, end.errs)
				}
			}
			if n := len(server.Log()); n > 0 {
				t.Errorf("the server has received %d requests", n)
			}
		})
	}
}

// TestLocalIsThisMachine shows that a model elsewhere is not approved by saying that it is local.
func TestLocalIsThisMachine(t *testing.T) {
	t.Parallel()
	x := restricted(t, llmtest.NewServer(t, llmtest.OpenAI), "rows", "	approval: local: true\n")
	at := strings.Index(x.text, `base_url: "`) + len(`base_url: "`)
	end := at + strings.Index(x.text[at:], `"`)
	x.write(x.text[:at] + "https://models.invalid/v1" + x.text[end:])
	if end := x.exits(2, "vet", "x.cue"); !strings.Contains(end.errs, `"models.invalid" is not on this machine`) {
		t.Error(end.errs)
	}
}

// TestRedirectsAreNotFollowed shows that rows do not go where a server points to.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	target := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	var faults []llmtest.Fault
	for range 100 {
		faults = append(faults, llmtest.Redirect)
	}
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.RedirectTo(target.BaseURL()+"/chat/completions"), llmtest.Script(faults...))
	x := restricted(t, server, "rows", "	approval: local: true\n")
	end := x.exits(3, "run", "x.cue")
	if !strings.Contains(end.errs, "redirects to "+target.URL) || !strings.Contains(end.errs, "set base_url") {
		t.Error(end.errs)
	}
	if len(target.Log()) > 0 || len(server.Log()) == 0 {
		t.Errorf("the server has received %d requests and the target of its redirects %d, want some and none", len(server.Log()), len(target.Log()))
	}
}

// TestRecordingsOfRestrictedData shows that neither the journal nor a recording keeps requests with rows of restricted data.
func TestRecordingsOfRestrictedData(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	x := restricted(t, server, "rows", "	approval: local: true\n")
	x.run(0)
	end := x.exits(0, "llm", "record", "x.cue", "x.recording")
	if !strings.Contains(end.out, "2 answers to requests that may hold rows of restricted data") {
		t.Error(end.out)
	}
	shown, err := prompt.Find(server.Log()[0].Messages)
	if err != nil || len(shown.Examples.Rows) != 5 {
		t.Fatalf("the prompt shows no 5 rows: %v", err)
	}
	weight := shown.Examples.Column("weight")
	for _, row := range shown.Examples.Rows {
		if found := holding(t, x.dir, row[weight]); !slices.Equal(found, []string{"rows.csv"}) {
			t.Errorf("a value of a row that was shown to the model is in %q", found)
		}
	}
	info, err := os.Stat(filepath.Join(x.dir, "x.recording"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the recording has the mode %v: %v", info.Mode(), err)
	}
}
