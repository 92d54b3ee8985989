package spec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// sampledDataset is a data set of 400 rows whose header tells what a sample shows.
type sampledDataset struct{ fakeDataset }

func (sampledDataset) Header(context.Context, plugins.Env) (*plugins.Header, error) {
	seen := plugins.Seen{Rows: 390}
	with := func(levels, rewritten int, zeroOne bool) *plugins.Seen {
		s := seen
		s.Levels, s.Rewritten, s.ZeroOne = levels, rewritten, zeroOne
		return &s
	}
	return &plugins.Header{Rows: 400, Columns: []plugins.ColumnInfo{
		{Name: "age", Kind: frame.Number, Seen: with(0, 0, false)},
		{Name: "ward", Kind: frame.Category, Seen: with(4, 2, false)},
		{Name: "code", Kind: frame.Category, Seen: with(9, 1, false)},
		{Name: "five", Kind: frame.Category, Seen: with(5, 0, false)},
		{Name: "dose", Kind: frame.Number, Seen: with(0, 0, false)},
		{Name: "died", Kind: frame.Number, Seen: with(0, 0, true)},
		{Name: "alive", Kind: frame.Category, Seen: with(2, 0, false)},
		{Name: "rare", Kind: frame.Category},
	}}, nil
}

type lendingStrategy struct {
	fakeStrategy
	part plugins.Part
}

func (s lendingStrategy) Lends() plugins.Part { return s.part }

// sampledRegistry is that of the other tests with plugins whose samples, targets and rows matter.
func sampledRegistry() *plugins.Registry {
	r := fakeRegistry()
	records := []plugins.Shape{plugins.Records}
	plugins.Add(&r.Datasets, plugins.Info{Name: "sampled", Version: 1, Summary: "a fake", Shapes: records, Schema: "columns?: [string]: string\nrows?: int"},
		struct {
			Columns map[string]string `json:"columns,omitempty"`
			Rows    int               `json:"rows,omitempty"`
		}{}, func(struct {
			Columns map[string]string `json:"columns,omitempty"`
			Rows    int               `json:"rows,omitempty"`
		},
		) (plugins.Dataset, error) {
			return sampledDataset{}, nil
		})
	for name, part := range map[string]plugins.Part{"lends": plugins.Reference, "shuffles": plugins.Train, "repeats": ""} {
		plugins.Add(&r.Strategies, plugins.Info{Name: name, Version: 1, Summary: "a fake", Shapes: records}, none{},
			func(none) (plugins.Strategy, error) { return lendingStrategy{part: part}, nil })
	}
	uses := []plugins.Use{{Name: "other", Version: 1}, {Name: twoClasses, Version: 1}}
	plugins.Add(&r.Metrics, plugins.Info{Name: "classes", Version: 1, Summary: "a fake", Shapes: records, Uses: uses, Scores: []plugins.ScoreInfo{{Name: "x", Summary: "x", Better: plugins.Higher}}},
		none{}, func(none) (plugins.Metric, error) { return fakeMetric{}, nil })
	plugins.Add(&r.Features, plugins.Info{Name: "ranks", Version: 1, Summary: "a fake", Shapes: records, Uses: uses}, none{},
		func(none) (plugins.Features, error) { return fakeFeatures{[]string{""}}, nil })
	return r
}

// sampled are the warnings on an experiment whose one data set is of 400 rows.
func sampled(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.cue")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Load(path, Options{Registry: sampledRegistry(), WorkDir: filepath.Dir(path)})
	if err != nil {
		t.Fatal(err)
	}
	return found(e, err)
}

const sampledStudy = `name: "sampled"
datasets: d: {use: "sampled"%s, target: "%s"%s, split: {train: 0.6, test: 0.2, reference: 0.2}}
features: {all: use: "all", ranked: use: "ranks"}
strategies: {floor: use: "independent", ceiling: use: "lends", same: use: "shuffles", boot: use: "repeats"}
metrics: {kl: use: "kl", utility: use: "classes"}
`

func TestWarningsOfRewrittenLevels(t *testing.T) {
	got := sampled(t, fmt.Sprintf(sampledStudy, `, with: columns: code: "x"`, "died", "")+`matrix: [{features: ["all"], strategy: ["floor"], n: [10], seed: [1]}]
`)
	const rest = "as 4 and 4.0 would be, and each way is a level of its own; where they mean the same, declare levels: {\"4\": \"4\", …}, " +
		"in which a code stands for all ways to write it, or kind: \"number\"\n"
	want := "warning: datasets.d.use: 2 numbers are written in more than one way in column \"ward\", " + rest + "    ./x.cue:2:20\n" +
		"warning: datasets.d.with.columns.code: 1 number is written in more than one way in column \"code\", " + rest + "    ./x.cue:2:52\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestWarningsOfTargets(t *testing.T) {
	const (
		both = `matrix: [{features: ["ranked"], strategy: ["floor"], n: [10], seed: [1]}]` + "\n"
		one  = `matrix: [{features: ["all"], strategy: ["floor"], n: [10], seed: [1]}]` + "\n"
		none = `matrix: [{features: ["all"], strategy: ["floor"], n: [10], seed: [1], metrics: ["kl"]}]` + "\n"
	)
	for _, c := range []struct{ target, cohort, matrix, want string }{
		{"five", "", both, `the target "five" has 5 levels in a sample of 390 rows, and features.ranked and metrics.utility take two classes: results will be missing; code it as 0 and 1, or give it two levels`},
		{"dose", "", one, `the target "dose" holds numbers other than 0 and 1 in a sample of 390 rows, and metrics.utility takes two classes: results will be missing; code it as 0 and 1, or give it two levels`},
		{"five", "", none, ""},
		{"died", "", both, ""},
		{"alive", "", both, ""},
		{"rare", "", both, ""}, // no value in the sample
		{"five", `, cohort: [{column: "five", in: ["a", "b"]}]`, both, ""},
		{"five", `, cohort: [{not: {column: "five", in: ["c"]}}]`, both, ""},
		{"five", `, cohort: [{any: [{column: "five", in: ["c"]}, {column: "age", min: 3}]}]`, both, ""},
		{"dose", `, cohort: [{column: "age", min: 16}]`, one, `the target "dose" holds`},
	} {
		got := ""
		for _, line := range strings.Split(sampled(t, fmt.Sprintf(sampledStudy, "", c.target, c.cohort)+c.matrix), "\n") {
			if strings.Contains(line, "the target") {
				got = strings.TrimPrefix(line, "warning: datasets.d.target: ")
			}
		}
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s%s: got  %s\nwant %s", c.target, c.cohort, got, c.want)
		}
	}
}

func TestWarningsOfSampleSizes(t *testing.T) {
	const lent = `80 that the reference part of data set "d" will have (0.2 of 400), and strategy "ceiling" hands out none of them twice`
	for _, c := range []struct {
		matrix string
		want   []string // beginnings
	}{
		{`[{features: ["all"], strategy: ["floor", "boot", "ceiling", "same"], n: [80, 240], seed: [1]}]`, []string{"matrix.0.n.1: 240 rows are more than the about " + lent}},
		{`[{features: ["all"], strategy: ["same", "ceiling"], n: [241], seed: [1]}]`, []string{
			"matrix.0.n.0: 241 rows are more than the about 240 that the train part", "matrix.0.n.0: 241 rows are more than the about " + lent,
		}},
		{`[{features: ["all"], strategy: ["floor", "boot"], n: [5000], seed: [1]}]`, nil},
		{`[{features: ["all"], strategy: ["ceiling"], n: [{rows: "reference"}], seed: [1]}]`, nil},
		{`[{features: ["all"], strategy: ["floor", "ceiling"], n: [80, 240], seed: [1], exclude: [{strategy: "ceiling", n: 240, reason: "too few rows"}]}]`, nil},
		{`[{features: ["all"], strategy: ["floor", "ceiling"], n: [240, 80], seed: [1], zip: [["strategy", "n"]]}]`, nil},
		{`[{features: ["all"], strategy: ["floor"], n: [80], seed: [1], include: [{strategy: "ceiling", n: 99, features: "all", seed: 1}]}]`, []string{
			"matrix.0.include.0.n: 99 rows are more than the about " + lent,
		}},
	} {
		var got []string
		for _, line := range strings.Split(sampled(t, fmt.Sprintf(sampledStudy, "", "died", "")+"matrix: "+c.matrix+"\n"), "\n") {
			if strings.Contains(line, "rows are more") {
				got = append(got, strings.TrimPrefix(line, "warning: "))
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: got %q", c.matrix, got)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: got  %s\nwant %s", c.matrix, got[i], want)
			}
		}
	}
	axis := fmt.Sprintf(sampledStudy, "", "died", "") + `axes: size: sets: "datasets.d.with.rows"
matrix: [{features: ["all"], strategy: ["ceiling"], n: [240], seed: [1], size: [400, 4000]}]
`
	if got := sampled(t, axis); strings.Contains(got, "rows are more") {
		t.Errorf("an axis decides on the rows: %s", got)
	}
}
