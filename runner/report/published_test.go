package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// printedStudy is what others printed for some lines of study(): one with an interval, one of another line, one for which there is no cell.
func printedStudy() []spec.Published {
	low, high := 0.5, 0.7
	place := func(strategy, features string) map[string]spec.Value {
		return map[string]spec.Value{"strategy": {Text: strategy}, "features": {Text: features}, "scope": {Text: "across"}}
	}
	return []spec.Published{{Name: "lin", Source: "Lin (2025)", Values: []spec.PublishedValue{
		{At: "Table 1", Score: "across.auroc", Where: place("naive", "all"), Value: 0.6, Low: &low, High: &high},
		{At: "Table 1", Score: "mean", Where: place("naive", "top5"), Value: 0.25},
		{At: "Table 1", Score: "across.auroc", Where: place("group", "all"), Value: 0.9},
	}}}
}

// real is study() of real patients.
func realStudy() *record.Core {
	core := study()
	core.Manifest.Simulated = false
	core.Manifest.Data = []record.DataInfo{{Name: "icu", Plugin: "table", Governance: plugins.Open}}
	return core
}

func besideTheirs(t *testing.T, core *record.Core, where map[string][]spec.Value) Rendered {
	t.Helper()
	tables, err := Tables(core, record.Views{Published: printedStudy(), Tables: []spec.Table{{
		Name: "theirs", Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Where: where, Published: "lin",
		Columns: []spec.TableColumn{{Score: "kl.mean", Title: "KL"}, {Score: "across.auroc", Title: "AUROC"}},
	}}})
	if err != nil || tables[0].Problem != "" {
		t.Fatal(err, tables[0].Problem)
	}
	return tables[0]
}

func TestNumbersOfOthersStandBesideOurs(t *testing.T) {
	r := besideTheirs(t, realStudy(), nil)
	golden(t, "theirs.md", r.Markdown)
	golden(t, "theirs.tex", r.LaTeX)
	golden(t, "theirs.html", r.HTML)
	golden(t, "theirs.csv", r.CSV)
}

// Numbers of invented patients stand beside no printed one, in any format.
func TestSimulatedNumbersAreComparedWithNone(t *testing.T) {
	r := besideTheirs(t, study(), nil)
	golden(t, "incomparable.md", r.Markdown)
	golden(t, "incomparable.tex", r.LaTeX)
	for name, text := range map[string]string{"Markdown": string(r.Markdown), "LaTeX": string(r.LaTeX), "HTML": string(r.HTML)} {
		if strings.Contains(text, "0.600") || strings.Contains(text, "difference") {
			t.Errorf("%s: the printed number, or a difference to it, stands beside a simulated one", name)
		}
		if got := strings.Count(text, notComparable); got != 2 {
			t.Errorf("%s: %d lines say that they cannot be compared, want 2", name, got)
		}
	}
	data, err := json.Marshal(r.Table)
	if err != nil {
		t.Fatal(err)
	}
	// the mean of ours is another number than what was printed, so that the latter stands nowhere by chance
	for name, text := range map[string]string{"CSV": string(r.CSV), "Parquet": string(r.Parquet), "JSON": string(data)} {
		for _, printed := range []string{",0.6,", ",0.5,", `"printed":{"value"`, `"low":0.5,"high":0.7`} {
			if strings.Contains(text, printed) {
				t.Errorf("%s: %s, as printed, stands beside a simulated number", name, printed)
			}
		}
	}
	found := 0
	for i := range r.Lines {
		for _, v := range r.Lines[i].Values {
			if p := v.Printed; p != nil {
				found++
				if p.Comparable || p.Value != nil || p.Low != nil || p.High != nil {
					t.Errorf("a simulated value has a printed one beside it: %+v", p)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no value says where a number was printed for it")
	}
}

// Where lines and columns change places, the lines of others have no n.
func TestNumbersOfOthersHaveNoCount(t *testing.T) {
	views := record.Views{Published: printedStudy(), Tables: []spec.Table{{
		Name: "t", Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Published: "lin", Transpose: true,
		Where: map[string][]spec.Value{"strategy": texts("naive"), "features": texts("top5")}, Columns: []spec.TableColumn{{Score: "kl.mean", Title: "KL"}},
	}}}
	real, err := Tables(realStudy(), views)
	if err != nil {
		t.Fatal(err)
	}
	simulated, err := Tables(study(), views)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		string(real[0].Markdown):       {"| theirs | 0.250 | – |", "| difference | 0.030 | 3/3 |"},
		string(real[0].LaTeX):          {"theirs & 0.250 &  & -- ", "difference & 0.030"},
		string(real[0].HTML):           {`<th scope="row">theirs</th><td>0.250</td><td>–</td>`},
		string(simulated[0].Markdown):  {"| theirs | " + notComparable + " | – |"},
		Text(real[0].Table, 80, false): {"theirs      0.250                       –"},
	} {
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("no %q in\n%s", w, text)
			}
		}
	}
	for i := range real[0].Lines {
		for c, v := range real[0].Lines[i].Values {
			if real[0].Columns[c].derived == theirs && v.N+v.Of != 0 {
				t.Errorf("a printed number is of %d of %d cells", v.N, v.Of)
			}
		}
	}
}

// Where a source has several numbers for a value, that is said, and not that it has none.
func TestSeveralPrintedNumbersAreTold(t *testing.T) {
	views := printedStudy()
	again := views[0].Values[0]
	again.Score, again.At = "auroc", "Table 2"
	views[0].Values = append(views[0].Values[:1], again)
	tables, err := Tables(realStudy(), record.Views{Published: views, Tables: []spec.Table{{
		Name: "t", Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Published: "lin", Columns: []spec.TableColumn{{Score: "across.auroc"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	text := string(tables[0].Markdown)
	if !strings.Contains(text, "has several numbers, so that none stands beside them: 1.") || strings.Contains(text, "No number of the table is printed") {
		t.Errorf("two numbers for one value are passed over in silence:\n%s", text)
	}
}

// What was printed changes no number of ours.
func TestNothingIsComputedFromPrintedNumbers(t *testing.T) {
	with, without := besideTheirs(t, realStudy(), nil), made(t, realStudy(), spec.Table{
		Name: "theirs", Rows: []string{"strategy", "features"}, Over: []string{"seed"},
		Columns: []spec.TableColumn{{Score: "kl.mean", Title: "KL"}, {Score: "across.auroc", Title: "AUROC"}},
	})
	for i := range with.Lines {
		var ours []Value
		for c, v := range with.Lines[i].Values {
			if with.Columns[c].derived == ownScore {
				ours = append(ours, v)
			}
		}
		for c, v := range without.Lines[i].Values {
			if ours[c].Value != v.Value || ours[c].Status != v.Status {
				t.Errorf("line %v, column %d: %v with printed numbers, %v without", with.Lines[i].Labels, c, ours[c].Value, v.Value)
			}
		}
	}
}

// A mean over what a printed number tells apart is not what was printed.
func TestAMeanOverPlacesHasNoPrintedNumber(t *testing.T) {
	tables, err := Tables(realStudy(), record.Views{Published: printedStudy(), Tables: []spec.Table{{
		Name: "t", Rows: []string{"strategy"}, Over: []string{"seed", "features"}, Published: "lin", Columns: []spec.TableColumn{{Score: "across.auroc"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range tables[0].Lines {
		for _, v := range l.Values {
			if v.Printed != nil {
				t.Errorf("%v: %v stands beside a mean over feature sets", l.Labels, *v.Printed.Value)
			}
		}
	}
}
