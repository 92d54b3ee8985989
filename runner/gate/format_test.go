package gate

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// nasty holds what each format must escape.
const nasty = "a|b <i>&\"' `x` 100%, [y]: z\n::error::\x01"

// everything is a report with each verdict, a limit, and names that must be escaped.
func everything(t *testing.T) *Report {
	t.Helper()
	arms := map[string][2][]float64{
		"same": {{0.8, 0.81, 0.82}, {0.8, 0.81, 0.82}}, "better": {{0.9, 0.92, 0.91}, {0.7, 0.72, 0.715}},
		"worse": {{0.6, 0.62, 0.61}, {0.7, 0.72, 0.715}}, "underpowered": {{0.6, 0.7, 0.8}, {0.8, 0.7, 0.6}},
		nasty: {{0.5, 0.5, 0.5}, {0.6, 0.6, 0.6}},
	}
	now, old := skeleton(2), skeleton(1)
	for i, name := range []string{"same", "better", "worse", "underpowered", nasty} {
		a, b := flat(2, name, arms[name][0]...), flat(1, name, arms[name][1]...)
		if name == nasty {
			a.Scores[1].Status, a.Scores[1].Reason = plugins.Failed, nasty
		}
		now.Cells, now.Scores = append(now.Cells, a.Cells...), append(now.Scores, a.Scores...)
		if i != 0 {
			old.Cells, old.Scores = append(old.Cells, b.Cells...), append(old.Scores, b.Scores...)
		}
	}
	same := flat(1, "same", arms["same"][1]...)
	old.Cells, old.Scores = append(old.Cells, same.Cells...), append(old.Scores, same.Scores...)
	extra := flat(2, "extra", 0.5, 0.5)
	now.Cells, now.Scores = append(now.Cells, extra.Cells...), append(now.Scores, extra.Scores...)
	now.Manifest.Simulated = true

	limited, passing := holds(0.02), holds(0.02)
	low := 0.99
	limited.Name, limited.Limit, limited.Where = "limited", &spec.Range{Min: &low}, map[string][]spec.Value{"strategy": {{Text: "same"}}}
	passing.Name, passing.PassUnderpowered, passing.Where = "passing", true, map[string][]spec.Value{"strategy": {{Text: "underpowered"}}}
	first := holds(0.02)
	first.File = "./odd, folder:1/100%.cue"
	r := report(t, []spec.Check{first, limited, passing}, now, old)
	r.Time = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := []Verdict{Same, Better, Worse, Underpowered, Incomplete, NotComparable, Same, Underpowered}
	var got []Verdict
	for _, c := range r.Comparisons {
		got = append(got, c.Verdict)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	return r
}

func TestText(t *testing.T) {
	r := everything(t)
	text := r.Text(80)
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range []string{
		"trial v2 against v1, accepted 2026-03-01: new split\n", "SIMULATED",
		"✓ SAME – holds: across.auroc, strategy same\n  0.810 → 0.810 ↑   δ 0, all scores are equal\n  tolerance 0.02   detectable –   3/3 pairs\n",
		"✗ WORSE – holds: across.auroc, strategy worse\n", "tolerance 0.02   detectable ", "✗ INCOMPLETE", "✗ NOT COMPARABLE",
		"✗ SAME, beyond the limit – limited: across.auroc, strategy same\n", "0.81 is below the limit, min: 0.99\n",
		"? UNDERPOWERED, which the check lets pass – passing: across.auroc,",
		"8 comparisons: 1 worse, 1 incomplete, 1 not comparable, 2 underpowered, 1 better, 2 same, 1 beyond the limit\nfails: ",
		"each has 98.75 %",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, text)
		}
		if regexp.MustCompile(`(?m)^\s*::`).MatchString(text) {
			t.Errorf("a name makes a workflow command:\n%s", text)
		}
	}
}

// Every line of the table has its columns, and nothing of a name is taken for markup.
func TestMarkdown(t *testing.T) {
	text := everything(t).Markdown()
	bars := regexp.MustCompile(`(^|[^\\])\|`)
	rows := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") {
			rows++
			if n := len(bars.FindAllString(line, -1)); n != 10 {
				t.Errorf("%d bars: %s", n, line)
			}
		}
	}
	if rows != 10 || !strings.HasPrefix(text, "**ehrlab check trial: 1 worse, ") || strings.Contains(text, "<i>") || strings.Contains(text, "\x01") {
		t.Errorf("%d rows in\n%s", rows, text)
	}
	if strings.Index(text, "<details>") < strings.LastIndex(text, "\n| ") || strings.Count(text, "details>") != 2 {
		t.Errorf("the details are not folded away:\n%s", text)
	}
}

func TestJUnit(t *testing.T) {
	raw, err := everything(t).JUnit()
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(string(raw))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, raw)
		}
	}
	var got junitSuites
	if err := xml.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	// failures: worse, underpowered, limit; errors: incomplete, not comparable
	if got.Tests != 8 || got.Failures != 3 || got.Errors != 2 || got.Skipped != 1 || len(got.Suites) != 3 {
		t.Errorf("%+v", got)
	}
	var kinds []string
	for _, s := range got.Suites {
		if s.Tests != len(s.Cases) || s.Timestamp != "2026-03-01T12:00:00" || len(s.Properties) != 2 {
			t.Errorf("%+v", s)
		}
		for _, c := range s.Cases {
			kind := "passed"
			for name, r := range map[string]*junitReason{"failure ": c.Failure, "error ": c.Error, "skipped ": c.Skipped} {
				if r != nil {
					kind = name + r.Type
				}
			}
			kinds = append(kinds, kind)
			if c.Line != 12 || c.Class != s.Name {
				t.Errorf("%+v", c)
			}
		}
	}
	want := []string{
		"passed", "passed", "failure worse", "failure underpowered", "error incomplete", "error not comparable", "failure limit", "skipped ",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
}

// What SARIF 2.1.0 requires of a log: its schema names the required properties.
func TestSARIF(t *testing.T) {
	raw, err := everything(t).SARIF("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name, Version string
					Rules         []struct {
						ID               string
						ShortDescription struct{ Text string }
					}
				}
			}
			ColumnKind string
			Results    []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
				PartialFingerprints map[string]string
			}
		}
	}
	if err := json.Unmarshal(raw, &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.HasSuffix(log.Schema, "sarif-schema-2.1.0.json") || len(log.Runs) != 1 {
		t.Fatalf("%s", raw)
	}
	run := log.Runs[0]
	if run.Tool.Driver.Name != "ehrlab" || run.Tool.Driver.Version != "1.2.3" || run.ColumnKind != "unicodeCodePoints" {
		t.Errorf("%+v", run.Tool)
	}
	var got []string
	prints := map[string]bool{}
	for _, r := range run.Results {
		got = append(got, r.RuleID+" "+r.Level)
		if r.RuleIndex < 0 || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.Message.Text == "" || len(r.Locations) != 1 {
			t.Errorf("%+v", r)
		}
		at := r.Locations[0].PhysicalLocation
		if _, err := url.Parse(at.ArtifactLocation.URI); err != nil || at.Region.StartLine != 12 || at.Region.StartColumn != 2 {
			t.Errorf("%v: %+v", err, at)
		}
		for _, print := range r.PartialFingerprints {
			if prints[print] {
				t.Errorf("%q stands for two results", print)
			}
			prints[print] = true
		}
	}
	want := []string{"worse error", "underpowered error", "incomplete error", "not-comparable error", "limit error", "underpowered note"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if uri := run.Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; uri != "./odd,%20folder:1/100%25.cue" {
		t.Errorf("uri %q", uri)
	}
}

// An annotation is one line; what its properties and message hold cannot end them.
func TestGitHub(t *testing.T) {
	text := everything(t).GitHub()
	form := regexp.MustCompile(`^::(error|warning|notice) (?:file=([^,:]*),line=12,col=2,)?title=([^,:]*)::(.*)$`)
	var got []string
	for line := range strings.Lines(text) {
		m := form.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Errorf("no workflow command: %s", line)
			continue
		}
		got = append(got, m[1])
		if m[1] != "notice" && m[2] != "odd%2C folder%3A1/100%25.cue" && m[2] != "trial.cue" {
			t.Errorf("file %q", m[2])
		}
	}
	if diff := cmp.Diff([]string{"error", "error", "error", "error", "error", "warning", "notice"}, got); diff != "" {
		t.Error(diff)
	}
}

// The JSON has no number that JSON lacks, and says what the report says.
func TestDocument(t *testing.T) {
	r := everything(t)
	raw, err := json.Marshal(r.Document())
	if err != nil {
		t.Fatal(err)
	}
	var got Document
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Document(), got); diff != "" {
		t.Error(diff)
	}
	if got.ExitCode != 4 || got.Passes || got.Verdicts["underpowered"] != 2 || got.Version != "v2" || got.Comparisons[0].Baseline != "v1" {
		t.Errorf("%+v", got)
	}
	if c := got.Comparisons[4]; c.Delta != nil || c.Low != nil || c.Verdict != Incomplete {
		t.Errorf("%+v", c)
	}
	if c := got.Comparisons[2]; *c.Delta >= 0 || *c.Low >= *c.High || *c.Margin != 0.02 || c.Pairs != 3 || c.ExitCode != 4 {
		t.Errorf("%+v", c)
	}
}

// docs/checks.md names each field of the JSON.
func TestTheDocumentIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "checks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ = bytes.Cut(page, []byte("## The JSON"))
	for _, field := range slices.Concat(fieldsOf(Document{}), fieldsOf(DocumentItem{})) {
		if !bytes.Contains(page, []byte("`"+field+"`")) {
			t.Errorf("%q is not documented", field)
		}
	}
}

// fieldsOf are the names of the JSON fields of a struct.
func fieldsOf(v any) []string {
	var out []string
	for i := range reflect.TypeOf(v).NumField() {
		name, _, _ := strings.Cut(reflect.TypeOf(v).Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

// A file holds what checks need of a version, so that comparing with it is comparing with the version.
func TestFile(t *testing.T) {
	w := newWard(9, 2, 4)
	old := w.rate(1)
	old.Scores = append(old.Scores, record.Score{Cell: old.Cells[0].ID, Metric: "kl", Score: plugins.Score{Name: "mean", Value: 1, Status: plugins.OK}})
	w.change([]float64{0.1, 0})
	now := w.rate(2)
	check := holds(0.02)
	raw, err := Encode(&Version{"v1", old}, []spec.Check{check}, "first release", map[string]string{"holds": "1 worse"}, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), `"kl"`) {
		t.Error("the file holds what no check reads")
	}
	v, f, err := Decode(raw)
	if err != nil || v.Name != "v1" || f.Reason != "first release" || f.Spite() != "1 worse by holds" || f.Time.Year() != 2026 {
		t.Fatalf("%v: %+v", err, v)
	}
	want, got := against(t, check, now, old), against(t, check, now, v.Core)
	for i := range want.Comparisons {
		want.Comparisons[i].Baseline, got.Comparisons[i].Baseline = Baseline{}, Baseline{}
	}
	if diff := cmp.Diff(want.Document(), got.Document()); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(string) string{
		"empty":     func(string) string { return "" },
		"no JSON":   func(s string) string { return s[1:] },
		"cut":       func(s string) string { return s[:len(s)/2] },
		"two":       func(s string) string { return s + s },
		"format":    func(s string) string { return strings.Replace(s, fileFormat, "ehrlab baseline 2", 1) },
		"cell":      func(s string) string { return strings.Replace(s, `"cells":[{"id":"icu`, `"cells":[{"id":"other`, 1) },
		"no reason": func(s string) string { return strings.Replace(s, `"status":"ok"`, `"status":"failed"`, -1) },
		"manifest":  func(string) string { return `{"version":3}` },
	} {
		_, _, err := Decode([]byte(change(string(raw))))
		if want := map[string]string{"empty": "it is empty", "cut": "it is cut off"}[name]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := Encode(&Version{"v1", flat(1, "copula", 0.8, 0.9)}, []spec.Check{holds(0.02)}, "first release", nil, time.Time{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"format":"ehrlab baseline 1","scores":[{"draws":{"values":[1e99]}}]}`))
	now := flat(2, "copula", 0.8, 0.9)
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, _, err := Decode(raw)
		if err != nil {
			return
		}
		r := against(t, holds(0.02), now, v.Core)
		if _, err := json.Marshal(r.Document()); err != nil {
			t.Error(err)
		}
		if r.Code() == 0 && slices.ContainsFunc(r.Comparisons, func(c Comparison) bool { return c.N == 0 }) {
			t.Errorf("nothing was compared, and it passes: %+v", r.Comparisons)
		}
	})
}
