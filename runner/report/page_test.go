package report

import (
	"encoding/json"
	"html"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/page"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// contentOf is what the page says of a version without plots.
func contentOf(t *testing.T, core *record.Core, v record.Views) *page.Content {
	t.Helper()
	tables, err := Tables(core, v)
	if err != nil {
		t.Fatal(err)
	}
	return newSource(core, v.Data).content(v, tables, nil)
}

func pageOf(t *testing.T, core *record.Core, v record.Views) string {
	t.Helper()
	raw, err := contentOf(t, core, v).HTML()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestPageSaysWhatIsMissing has a failed cell, cells that were left out, and a score without a value.
func TestPageSaysWhatIsMissing(t *testing.T) {
	c := contentOf(t, study(), views())
	var got []string
	for _, p := range c.Problems {
		got = append(got, p.Kind+", "+p.Count+": "+p.Reason+" "+strings.Join(p.Examples, " "))
	}
	want := []string{
		"Excluded, 1 cell: Budget. copula-all-3",
		"Failed at generate, 1 cell: Timed out | twice. naive-all-2",
		"Excluded, 3 cells: Of no interest. ceiling-top5-1 ceiling-top5-2 ceiling-top5-3",
		"Undefined within.auroc, 2 cells: One class. copula-top5-2 copula-top5-3",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if len(c.Warnings) != 1 || c.Warnings[0].Kind != "Scores kl.mean" || c.Warnings[0].Count != "12 cells" {
		t.Errorf("warnings: %+v", c.Warnings)
	}
	facts := map[string]string{}
	for _, f := range c.Facts {
		facts[f.Name] = f.Text
	}
	wantFacts := map[string]string{
		"State": "INCOMPLETE: some cells or scores failed", "Cells": "13 of 14 with results, 1 failed, 4 excluded",
		"Values":       "57 measured, 2 undefined, 4 failed",
		"Axis dataset": "icu", "Axis strategy": "naive, copula, ceiling", "Axis features": "top5, all", "Axis seed": "1, 2, 3",
	}
	if d := cmp.Diff(wantFacts, facts); d != "" {
		t.Error(d)
	}
	if c.Banner == "" {
		t.Error("no banner on a page of invented patients")
	}
	real := study()
	real.Manifest.Simulated = false
	if banner := contentOf(t, real, views()).Banner; banner != "" {
		t.Errorf("real data have the banner %q", banner)
	}
}

// TestPageHoldsEveryNumber compares the values in the page with those of the tables.
func TestPageHoldsEveryNumber(t *testing.T) {
	v := views()
	text := pageOf(t, study(), v)
	for _, table := range filled(study(), v) {
		start := strings.Index(text, `id="table-`+table.Name+`"`)
		if start < 0 {
			t.Fatalf("the page lacks table %s", table.Name)
		}
		part := text[start:]
		part = part[:strings.Index(part, "</figure>")]
		var got, want []float64
		for _, m := range regexp.MustCompile(`data-value="([^"]*)"`).FindAllStringSubmatch(part, -1) {
			f, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, f)
		}
		for _, l := range table.Lines {
			for _, value := range l.Values {
				if value.Status == OK {
					want = append(want, value.Value)
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" || len(want) == 0 {
			t.Errorf("%s: %s", table.Name, d)
		}
	}
}

func TestPageKeepsNamesText(t *testing.T) {
	const hostile = `</script><img src=x onerror=alert(1)>"'&<!--`
	core, v := study(), views()
	m := &core.Manifest
	m.Resolved = json.RawMessage(`{"name": "</script><img src=x>"}`)
	m.Notes, m.Warnings = []string{hostile}, []string{hostile}
	m.Data[0].Licence, m.Data[0].Citation, m.Data[0].Files = hostile, hostile, []record.FileInfo{{Role: hostile, SHA256: "00"}}
	m.Plugins = []record.PluginInfo{{Stage: "measure", Name: hostile, Version: 1}}
	m.LLMs = []record.ModelInfo{{Name: hostile, Identity: plugins.Identity{Model: hostile, Endpoint: hostile}, Served: []string{hostile}}}
	m.Scores[0].Summary, m.Tool.Version = hostile, hostile
	core.Cells[0].Status, core.Cells[0].Reason = record.CellFailed, hostile
	v.Title, v.Tables[0].Title, v.Tables[0].Caption = hostile, hostile, hostile
	text := pageOf(t, core, v)
	if strings.Contains(text, "<img") || strings.Contains(text, "alert(1)>") || strings.Count(text, "<script") != 1 || strings.Contains(text, "ZgotmplZ") {
		t.Error("a name became markup")
	}
	if !strings.Contains(text, "<h1>"+html.EscapeString(hostile)+"</h1>") {
		t.Error("the title is not as it was written")
	}
}

func TestPageCitesTheVersion(t *testing.T) {
	core := study()
	core.Manifest.ResolvedHash = strings.Repeat("0a", 32)
	core.Manifest.Finished = time.Date(2026, 3, 4, 23, 30, 0, 0, time.FixedZone("", -3600))
	core.Manifest.Tool.Version = "1.2.3"
	c := contentOf(t, core, record.Views{Title: "Costs & 5 % of {all}_rows"})
	if want := "Costs & 5 % of {all}_rows. Experiment study, version v3 (2026-03-05), resolved experiment 0a0a0a0a0a0a, made with ehrlab 1.2.3. " +
		"Cite the data sets as well, as said above."; c.Cite != want {
		t.Errorf("%s\n%s", c.Cite, want)
	}
	want := `@misc{study-v3,
  title        = {{Costs \& 5 \% of \{all\}\_rows}},
  year         = {2026},
  month        = mar,
  howpublished = {ehrlab 1.2.3},
  note         = {experiment study, version v3, resolved experiment sha256:` + strings.Repeat("0a", 32) + `},
}
`
	if d := cmp.Diff(want, c.BibTeX); d != "" {
		t.Error(d)
	}
}

func TestPageOfLongTables(t *testing.T) {
	core := large(200)
	v := record.Views{Tables: []spec.Table{{Name: "main", Rows: []string{"strategy", "column"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "ks.complement"}}}}}
	c := contentOf(t, core, v)
	if got := c.Headline[0]; got.Lines != mostLines || got.Hidden != 40*83-mostLines {
		t.Errorf("%d lines and %d hidden", got.Lines, got.Hidden)
	}
	text := pageOf(t, core, v)
	if !strings.Contains(text, strconv.Itoa(40*83-mostLines)+" more lines are in its files") || !strings.Contains(text, `href="tables/main.csv"`) {
		t.Error("the page does not say where the other lines are")
	}
	if len(filled(core, v)[0].Lines) != 40*83 {
		t.Error("the table itself was cut")
	}
}

func TestPageTellsWhatModelsCost(t *testing.T) {
	core := study()
	core.Manifest.LLMs = []record.ModelInfo{{
		Name: "o1", Identity: plugins.Identity{Model: "o1-2024-12-17"}, Served: []string{"o1-2024-12-17"}, Steps: 2, Calls: 7, Distinct: 6, Input: 90, Output: 40,
		First: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Last: time.Date(2026, 1, 3, 3, 4, 5, 0, time.UTC),
	}}
	usd := 1.75
	priced := core.Manifest.LLMs[0]
	priced.Model, priced.Name, priced.USD = "cheap", "cheap", &usd
	core.Manifest.LLMs = append(core.Manifest.LLMs, priced)
	c := contentOf(t, core, record.Views{})
	want := []string{"Price of the answers: 1.75 USD; no price is known for o1-2024-12-17; answers that steps share are counted for each of them, so that less was paid."}
	if d := cmp.Diff(want, c.Costs); d != "" {
		t.Error(d)
	}
	row := []string{"o1", "o1-2024-12-17", "o1-2024-12-17", "in process", "2026-01-02 to 2026-01-03", "2", "7", "6", "0", "0", "90", "0", "40", "0"}
	if d := cmp.Diff(row, c.Models.Rows[0]); d != "" || len(c.Models.Head) != len(row) {
		t.Error(d)
	}
	if c := contentOf(t, study(), record.Views{}); c.Models != nil || c.Costs != nil {
		t.Error("models where none was asked")
	}
}

// Findings stand in the summary, before all tables.
func TestPageNamesFindings(t *testing.T) {
	core := arms(map[string][]float64{"group": byGroup, "naive": byNaive})
	v := record.Views{Primary: []spec.Contrast{against("first", "across.auroc", "group", "naive")}}
	c := contentOf(t, core, v)
	table := filled(core, v)[0]
	if len(c.Findings) != 1 || len(c.Headline) != 1 || c.Headline[0].Name != spec.PrimaryTable {
		t.Fatalf("findings %+v, headline %+v", c.Findings, c.Headline)
	}
	f, said := c.Findings[0], findings(table)[0]
	if f.Name != "first" || !strings.HasPrefix(f.Text, said+"; difference 0.052 [") || !strings.HasSuffix(f.Text, ", 6/6 pairs") || f.Score != "across.auroc ↑: group against naive" {
		t.Errorf("%+v, the table says %q", f, said)
	}
}

func TestPageIsTheSameAgain(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := Render(study(), views(), registry(), dir); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := read(t, filepath.Join(first, PageFile)), read(t, filepath.Join(second, PageFile)); string(a) != string(b) {
		t.Error("the same record gives another page")
	}
	if strings.Contains(string(read(t, filepath.Join(first, PageFile))), first) {
		t.Error("the page holds a path of this machine")
	}
}

// A plot without a drawing stands in the page with its reason.
func TestPageOfAPlotThatIsNot(t *testing.T) {
	dir, v := t.TempDir(), views()
	v.Plots[0].Kind = "pie"
	if err := Render(study(), v, registry(), dir); err == nil {
		t.Fatal("an unknown view was taken")
	}
	if text := string(read(t, filepath.Join(dir, PageFile))); !strings.Contains(text, "No drawing: no view named") {
		t.Error("the page does not say why a plot is missing")
	}
}

func BenchmarkPage1000Cells(b *testing.B) {
	core := large(1000)
	v := record.Views{Tables: []spec.Table{{Name: "main", Rows: []string{"strategy", "column"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "ks.complement"}}}}}
	tables, err := Tables(core, v)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := newSource(core, v.Data).content(v, tables, nil).HTML(); err != nil {
			b.Fatal(err)
		}
	}
}
