package report

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// printedFacts are those of a source: of all data sets, of one, of a feature subset, of levels that ours has and lacks, and choices.
func printedFacts() []spec.Published {
	of := func(fact spec.Fact, value float64) spec.PublishedValue {
		return spec.PublishedValue{At: "Table 6", Fact: fact, Value: value}
	}
	level := func(column, level string, value float64) spec.PublishedValue {
		return spec.PublishedValue{At: "Table 6", Fact: spec.GroupsFact, Column: column, Level: level, Value: value}
	}
	at := func(p spec.PublishedValue, name, value string) spec.PublishedValue {
		p.Where = map[string]spec.Value{name: {Text: value}}
		return p
	}
	return []spec.Published{{Name: "lin", Source: "Lin (2025)", Values: []spec.PublishedValue{
		at(of(spec.RowsFact, 88857), "dataset", "icu"), of(spec.LabelFact, 0.0867), at(of(spec.ColumnsFact, 83), "features", "top2"),
		of(spec.MissingFact, 1896830), level("female", "1", 40459), level("female", "2", 48398), at(level("race", "9", 5), "dataset", "unknown"),
		{At: "Table 7", Search: "strategy", Choice: []string{"conditional", "group"}},
		{At: "Table 7", Search: "size", Axis: "n", Choice: []string{"10000"}},
	}}}
}

func realStays() *record.Core {
	core := stays()
	core.Manifest.Simulated = false
	core.Manifest.Data[0].Simulated, core.Manifest.Data[0].Governance = false, plugins.Open
	return core
}

func withPrinted(t *testing.T, core *record.Core, table spec.Table) Rendered {
	t.Helper()
	table.Published = "lin"
	tables, err := Tables(core, record.Views{Published: printedFacts(), Tables: []spec.Table{table}})
	if err != nil || tables[0].Problem != "" {
		t.Fatal(err, tables[0].Problem)
	}
	return tables[0]
}

func TestPrintedFactsStandBesideOurs(t *testing.T) {
	table := spec.Table{Name: "d", Kind: spec.DatasetTable, Where: map[string][]spec.Value{"dataset": texts("icu")}}
	r := withPrinted(t, realStays(), table)
	want := []string{
		"rows | 200 | 88,857 | -88,657", "columns | 6 | – | –", "subjects | 150 | – | –", "hospitals | 7 | – | –", "label | 10.00 | 8.67 | 1.33",
		"female 1 | 120 | 40,459 | -40,339", "female 0 | 100 | – | –", "race levels | – | – | –", "missing | 112 | 1,896,830 | -1,896,718", "missing_share | 9.33 | – | –",
	}
	if d := cmp.Diff(want, shownCells(r)); d != "" {
		t.Error(d)
	}
	golden(t, "facts.md", r.Markdown)
	golden(t, "facts.tex", r.LaTeX)
	golden(t, "facts.csv", r.CSV)
	lacks := "Printed in Lin (2025), but not told of these data, which lack or withhold it: female 2."
	if !slices.Contains(r.Remarks, lacks) {
		t.Errorf("%q", r.Remarks)
	}
	// What was printed of a feature subset is of the tables of that one.
	table.Features, table.Of = "top2", []string{"columns", "rows"}
	if d := cmp.Diff([]string{"columns | 3 | 83 | -80", "rows | 200 | 88,857 | -88,657"}, shownCells(withPrinted(t, realStays(), table))); d != "" {
		t.Error(d)
	}
	traced := spec.Table{Name: "d", Kind: spec.DatasetTable, Of: []string{"rows"}, Where: table.Where, Published: "lin"}
	o, err := Trace(realStays(), record.Views{Published: printedFacts(), Tables: []spec.Table{traced}}, "d", "rows", "theirs")
	if err != nil || len(o.Counts) != 0 || !slices.Contains(o.How, "as others printed it") || o.Shown != "88,857" {
		t.Errorf("%v %+v", err, o)
	}
}

// Facts of invented patients, and what is chosen for them, stand beside no printed one, in any format.
func TestPrintedFactsAreNotComparedWithSimulatedOnes(t *testing.T) {
	core := stays()
	core.Manifest.Choices = choicesOf(core)
	for _, table := range []spec.Table{{Name: "d", Kind: spec.DatasetTable, Where: map[string][]spec.Value{"dataset": texts("icu")}}, {Name: "c", Kind: spec.ConfigurationTable, Compact: true}, {Name: "c", Kind: spec.ConfigurationTable}} {
		r := withPrinted(t, core, table)
		data, err := json.Marshal(r.Table)
		if err != nil {
			t.Fatal(err)
		}
		for format, text := range map[string]string{"Markdown": string(r.Markdown), "LaTeX": string(r.LaTeX), "HTML": string(r.HTML), "CSV": string(r.CSV), "Parquet": string(r.Parquet), "JSON": string(data)} {
			for _, printed := range []string{"88857", "88,857", "8.67", "0.0867", "1896830", "conditional", "10000", "difference"} {
				if strings.Contains(text, printed) {
					t.Errorf("%s, %s: %s, as printed, stands beside what is simulated", table.Kind, format, printed)
				}
			}
			if people := format == "Markdown" || format == "LaTeX" || format == "HTML"; people && !strings.Contains(text, notComparable) {
				t.Errorf("%s, %s does not say that they cannot be compared", table.Kind, format)
			}
		}
		if !strings.Contains(string(r.CSV), "Table ") {
			t.Errorf("%s: no value says where one was printed for it", table.Kind)
		}
	}
}

// choicesOf are two searches of a study, the second over two axes.
func choicesOf(core *record.Core) []record.Choice {
	mean := 0.5
	return []record.Choice{
		{
			Search: "strategy", Of: []string{"strategy"}, Score: "across.auroc", Direction: plugins.Higher, Part: plugins.Validation, Best: 0, RunnerUp: -1,
			Candidates: []record.Candidate{{Values: []string{"naive"}, Mean: &mean, N: 3}},
		},
		{
			Search: "size", Of: []string{"features", "n"}, Score: "kl.mean", Direction: plugins.Lower, Part: plugins.Validation, Best: 0, RunnerUp: -1,
			Candidates: []record.Candidate{{Values: []string{"top5", "1000"}, Mean: &mean, N: 3}},
		},
	}
}

func TestPrintedChoicesStandBesideOurs(t *testing.T) {
	core := realStays()
	core.Manifest.Choices = choicesOf(core)
	labels := map[string]map[string]string{"n": {"1000": "1k", "10000": "10k"}}
	r := withPrinted(t, core, spec.Table{Name: "c", Kind: spec.ConfigurationTable, Compact: true, Labels: labels})
	if d := cmp.Diff([]string{"strategy | naive | conditional or group", "features | top5 | –", "n | 1k | 10k"}, shownCells(r)); d != "" {
		t.Error(d)
	}
	golden(t, "chosen.md", r.Markdown)
	golden(t, "chosen.csv", r.CSV)
	r = withPrinted(t, core, spec.Table{Name: "c", Kind: spec.ConfigurationTable, Of: []string{"size"}})
	if d := cmp.Diff([]string{"size, features, n, kl.mean ↓, validation rows | top5, 1000 | –, 10000 | 0.500 | – | – | 1"}, shownCells(r)); d != "" {
		t.Error(d)
	}
}
