package all

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/elicit"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/model/forest"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/model/permutation"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
	"github.com/ehrlab/ehrlab/plugins/plant"
	"github.com/ehrlab/ehrlab/plugins/plugintest"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// keyed is code whose version enters keys, and which no plugin registers: the steps that every data set goes through, and
// the libraries that plugins name in Info.Uses.
type keyed struct {
	kind, name string
	version    int
	output     func(in plugintest.Inputs) any // by all paths that may change it; it is JSON
}

// allKeyed is the list, by kind and name. A library that a plugin uses and that is not here fails the test: add it.
var allKeyed = []keyed{
	{"library", "attack", attack.Version, attackOutput},
	{"library", "classifier", classifier.Version, classifierOutput},
	{"library", "compare", compare.Version, compareOutput},
	{"library", "elicit", elicit.Version, elicitOutput},
	{"library", "encode", encode.Version, encodeOutput},
	{"library", "events", events.Version, eventsOutput},
	{"library", "forest", forest.Version, forestOutput},
	{"library", "gbdt", gbdt.Version, gbdtOutput},
	{"library", "gram", gram.Version, gramOutput},
	{"library", "icu", icu.Version, icuOutput},
	{"library", "label", label.Version, labelOutput},
	{"library", "logistic", logistic.Version, logisticOutput},
	{"library", "neighbour", neighbour.Version, neighbourOutput},
	{"library", "permutation", permutation.Version, permutationOutput},
	{"library", "stats", stats.Version, statsOutput},
	{"library", "stats-tests", stats.Version, statsTestsOutput},
	{"library", "subgroup", subgroup.Version, subgroupOutput},
	{"step", "cohort", cohort.Version, cohortOutput},
	{"step", "lineup", plant.Version, lineupOutput},
	{"step", "prepare", prepare.Version, prepareOutput},
	{"step", "split", split.Version, splitOutput},
	{"step", "split-by-site-and-time", split.Version, siteOutput},
}

// checkKeyed notes the digests of what is keyed, and checks that it is all that plugins use.
func checkKeyed(t *testing.T, g *golden, r *plugins.Registry, in plugintest.Inputs) {
	for _, k := range allKeyed {
		t.Run(k.kind+" "+k.name, func(t *testing.T) {
			b := must(json.Marshal(k.output(in)))
			sum := sha256.Sum256(b)
			g.note(t, entry{k.kind, k.name, k.version, hex.EncodeToString(sum[:])})
		})
	}
	for _, u := range used(r) {
		at := slices.IndexFunc(allKeyed, func(k keyed) bool { return k.kind == "library" && k.name == u.Name })
		if at < 0 || allKeyed[at].version != u.Version {
			t.Errorf("a plugin uses %q, version %d, which is not in library_test.go: add it, so that a change of it is noticed", u.Name, u.Version)
		}
	}
}

// used lists what plugins name in Info.Uses.
func used(r *plugins.Registry) []plugins.Use {
	return slices.Concat(usedBy(&r.Datasets), usedBy(&r.Features), usedBy(&r.Strategies), usedBy(&r.Metrics), usedBy(&r.Views))
}

func usedBy[P any](set *plugins.Set[P]) []plugins.Use {
	var out []plugins.Use
	for _, name := range set.Names() {
		out = append(out, set.Get(name).Info.Uses...)
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the inputs are fixed
	}
	return v
}

func trainOf(in plugintest.Inputs) plugins.Sample { return in.Parts[plugins.Train] }

func source(label string) *rand.Rand {
	return plugins.NewRand(1, "golden", plugins.ForSplit).For(plugins.ForSplit, label)
}

func icuOutput(plugintest.Inputs) any {
	var ends []float64
	for stay := range int64(20) {
		ends = append(ends, icu.WindowEnd(3, stay, 2.5*float64(stay)))
	}
	return []any{icu.Columns(), ends, icu.VitalHours, icu.LabHours}
}

func attackOutput(in plugintest.Inputs) any {
	pair := plugins.NewPair(plugins.NewParts(in.Parts), in.Synthetic, in.Target)
	pair.Exposed = []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89}
	var out []any
	for _, group := range []string{attack.Exposed, attack.Train} {
		r := attack.Named(pair, group, attack.Source(plugins.Env{Rand: plugins.NewRand(1, "golden", plugins.ForResample)}))
		even, odd := r.Halves()
		out = append(out, r, r.Dependent(), even, odd)
	}
	train, test := trainOf(in).Frame, in.Parts[plugins.Test].Frame
	sides, note := attack.OnlyComplete([]*frame.Frame{train, test, in.Synthetic}, []string{"lactate", "race"})
	cells := must(attack.NewCells([]string{"age", "race"}, []attack.Band{{Column: "age", Width: 10}}, sides...))
	scanner := must(attack.NewScanner(in.Synthetic, test, train.Names()))
	near := make([][]int32, test.Rows())
	member, score := make([]bool, test.Rows()), make([]float64, test.Rows())
	for i := range near {
		near[i] = scanner.Nearest(i, nil)
		member[i], score[i] = i%3 == 0, float64(near[i][0]%11)
	}
	reading, _ := attack.NewRanking(member, score).Read(nil, nil)
	rates := attack.Rates("", nil, 0.9, attack.Outcome{Attacks: 50, Successes: 20.5}, attack.Outcome{Attacks: 40, Successes: 3}, attack.Outcome{Attacks: 50, Successes: 1}, nil)
	return append(out, note, cells, attack.Distinct(in.Synthetic.Take([]int{3, 3, 4})).Rows(), near, reading, rates)
}

func classifierOutput(in plugintest.Inputs) any {
	train, target := trainOf(in), in.Target
	pair := plugins.NewPair(plugins.NewParts(in.Parts), in.Synthetic, target)
	rows := must(classifier.NewLabels(pair, plugins.Train)).Rows(train.Frame)
	near := must(classifier.Near(context.Background(), train.Frame, target, 0.1, 1))
	subjects := classifier.BySubject(train.Subject, len(rows.Y))
	out := []any{near, subjects, classifier.Equal(train.Frame, target), classifier.Deal(source("deal"), subjects, rows.Y, 3)}
	for _, model := range []string{classifier.Logistic, classifier.Boosted} {
		c, t := classifier.Defaults(), classifier.DefaultTuning()
		c.Model = model
		if model == classifier.Boosted {
			t.Patience, t.Grid = 5, []map[string]float64{{"max_depth": 2}, {"max_depth": 4}}
		} else {
			t.Grid = []map[string]float64{{"C": 0.01}, {"C": 1}}
		}
		l := classifier.Learner{Config: c, Tuning: t, Skip: []string{target}, Threads: 1, Source: func(labels ...string) *rand.Rand {
			return source(strings.Join(labels, " "))
		}}
		m := must(l.Train(context.Background(), rows, func() (classifier.Groups, error) { return subjects, nil }, classifier.Rows{}))
		out = append(out, m.Threshold, m.Entry, m.Trees, m.Importances(), must(m.Predict(context.Background(), in.Synthetic, 1)))
	}
	return out
}

func cohortOutput(in plugintest.Inputs) any {
	low, high, present, missing := 45.0, 85.0, false, true
	var out []any
	for _, filters := range [][]cohort.Filter{
		{{Column: "age", Min: &low, Max: &high}, {Column: "race", In: []string{"a", "b"}}, {Column: "lactate", Missing: &present}},
		{{Column: "is_female", In: []string{"1"}}, {Column: "race", Missing: &missing}},
		{{Title: "one stay", First: "subject", By: []string{"age", "bun"}}, {Not: &cohort.Condition{Column: "race", NotIn: []string{"a"}}}},
		{{First: "subject"}, {Any: []cohort.Condition{{Column: "age", Max: &low}, {Column: "lactate", Missing: &missing}}}},
	} {
		f := frame.Must(append(slices.Clone(trainOf(in).Frame.Columns()), trainOf(in).Subject)...)
		rows, counts, _, err := cohort.Select(f, trainOf(in).Subject, filters)
		out = append(out, must(rows, err), counts, cohort.Describe(f, trainOf(in).Subject, rows, nil))
	}
	return out
}

// lineupOutput plants errors of every kind in simulated stays: the fixture has few columns that allow any.
func lineupOutput(in plugintest.Inputs) any {
	r := Registry()
	d, _, err := r.Datasets.Get("simulated-icu").Build([]byte(`{"rows": 200, "hospitals": 2, "categories": true}`))
	env := plugins.Env{Rand: plugins.NewRand(1, "golden", plugins.ForSimulation), Threads: 1, Progress: func(int, int) {}}
	data := must(must(d, err).Read(context.Background(), env))
	known := plant.Known{Target: "death", About: map[string]plugins.ColumnInfo{}}
	for _, c := range must(d.Header(context.Background(), env)).Columns {
		known.About[c.Name] = c
	}
	m := must(plant.Mix(data.Frame.Take([]int{1, 2, 3}), data.Frame, data.Frame.Column("uniquepid"), &plant.Config{
		Rows: 150, Share: 0.8, Shuffled: 20, Combine: []map[string]any{{"death": 1.0, "age": -1.0}},
	}, known, plugins.NewRand(0, in.Digest(), plugins.ForAudit)))
	return []any{m.Frame.Digest(), m.Records, m.Counts, m.Notes}
}

func splitOutput(in plugintest.Inputs) any {
	var out []any
	for _, cfg := range []split.Config{{By: "subject", Stratify: []string{"death"}}, {By: "subject"}, {By: "row", Stratify: []string{"unit"}}, {By: "row"}} {
		cfg.Train, cfg.Validation, cfg.Test, cfg.Reference = 0.45, 0.1, 0.25, 0.2
		out = append(out, must(split.Assign(trainOf(in).Frame, split.Columns{Subject: trainOf(in).Subject}, cfg, source(cfg.By+strings.Join(cfg.Stratify, "")))))
	}
	return out
}

func siteOutput(in plugintest.Inputs) any {
	f, subject, site := trainOf(in).Frame, trainOf(in).Subject, trainOf(in).Site
	var out []any
	for _, cfg := range []split.Config{
		{By: "site", Train: 0.5, Test: 0.25, Reference: 0.25},
		{By: "time", Time: "age", Train: 0.45, Validation: 0.1, Test: 0.25, Reference: 0.2, Stratify: []string{"death", "race"}},
		{By: "subject", Train: 0.5, Validation: 0.1, Test: 0.2, Reference: 0.2, Stratify: []string{"death", "unit"}},
	} {
		a := must(split.Assign(f, split.Columns{Subject: subject, Site: site, Time: f.Column("age")}, cfg, source(cfg.By)))
		out = append(out, a, must(split.Tally(a.Rows, site, f.Column("death"))))
		if cfg.By == "subject" {
			one := split.SiteSet{Sites: site.Levels[:1]}
			others := split.SiteSet{Sites: one.Sites, Except: true}
			out = append(out, must(split.Restrict(a.Rows, site, subject, others, one, 20, source("restrict"))))
		}
	}
	return out
}

func prepareOutput(in plugintest.Inputs) any {
	var out []any
	skip := func(column string) bool { return column == in.Target }
	for _, missing := range []string{prepare.Keep, prepare.Median, prepare.Drop} {
		for _, levels := range []*prepare.Levels{nil, {Min: 50, Other: "OTHER"}} {
			fitted := must(prepare.Fit(context.Background(), trainOf(in).Frame, prepare.Config{Missing: missing, Levels: levels}, prepare.Options{Skip: skip}))
			for _, part := range plugins.AllParts() {
				f, counts, err := fitted.Apply(context.Background(), in.Parts[part].Frame, 1)
				out = append(out, fitted, must(f, err).Digest(), counts)
			}
		}
	}
	return out
}

// designs returns the encoded train and test parts, without the target.
func designs(in plugintest.Inputs) (train, test *encode.Design, features []encode.Feature) {
	e := encode.Fit(trainOf(in).Frame, in.Target)
	return must(e.Transform(trainOf(in).Frame)), must(e.Transform(in.Parts[plugins.Test].Frame)), e.Features()
}

// elicitOutput is the first requests of each way of asking; what becomes of answers is in the digests of the strategies.
func elicitOutput(in plugintest.Inputs) any {
	var out []any
	for _, design := range []elicit.Design{
		{}, {Block: 3, Order: []string{"lactate", "unit"}}, {By: []string{"is_female", "race"}, Shares: elicit.SharesReal},
	} {
		for _, limits := range []string{elicit.LimitsNone, elicit.LimitsTrain} {
			c := elicit.Defaults("{{target}}", "{{schema}}\n{{aggregates}}\n{{examples}}\n{{table}}\n{{group}} {{label}} {{notes}}")
			c.Limits, c.Format, c.ExampleChoice = limits, prompt.JSON, elicit.Stratified
			c.Aggregates, c.Label.Mode = elicit.AggregatesLabel, elicit.Conditioned
			env := plugins.Env{Rand: plugins.NewRand(1, "library", plugins.ForExamples, plugins.ForGeneration), Threads: 1}
			task := plugins.Task{Parts: plugins.NewParts(in.Parts), Target: in.Target, N: in.N}
			out = append(out, must(must(elicit.New(c, design)).Outline(context.Background(), env, task)))
		}
	}
	return out
}

func encodeOutput(in plugintest.Inputs) any {
	train, test, features := designs(in)
	var sums []float64
	row := make([]float64, train.Rows)
	for i, c := range train.Columns {
		c.AddTo(row, float64(i)-2.5)
		sums = append(sums, c.Dot(row))
	}
	return []any{train, test, features, row, sums}
}

func labelOutput(in plugintest.Inputs) any {
	f := trainOf(in).Frame
	var out []any
	for _, c := range []*frame.Column{f.Column(in.Target), f.Column("is_female"), frame.NewCategoryFromStrings("c", []string{"yes", "no", "yes"}, nil)} {
		positive := must(label.Positive(c))
		out = append(out, positive, must(label.Binary(c, "")), must(label.Binary(c, positive)))
	}
	for _, c := range []*frame.Column{f.Column("age"), f.Column("lactate"), f.Column("flat"), f.Column("unit"), f.Column("race")} {
		_, err := label.Binary(c, "")
		out = append(out, err == nil)
	}
	return out
}

// long returns columns with several blocks of rows.
func long(columns int) [][]float64 {
	r := source("long")
	out := make([][]float64, columns)
	for j := range out {
		out[j] = make([]float64, 5003)
		for i := range out[j] {
			out[j][i] = r.NormFloat64() + float64(j)
		}
	}
	return out
}

func gramOutput(_ plugintest.Inputs) any {
	x := long(9)
	lower := must(gram.Lower(context.Background(), x, x, 2))
	for i := range lower {
		lower[i] = lower[i][:i+1]
	}
	return []any{must(gram.Cross(context.Background(), x[:4], x[3:], 2)), lower}
}

func logisticOutput(in plugintest.Inputs) any {
	y := must(label.Binary(trainOf(in).Frame.Column(in.Target), ""))
	train, test, _ := designs(in)
	var out []any
	for _, c := range []float64{0.1, 1, 10} {
		m := must(logistic.Fit(context.Background(), train, y, logistic.Config{C: c, Threads: 2}))
		out = append(out, m, m.Predict(test))
	}
	wide := &encode.Design{Rows: train.Rows} // beyond the width at which steps are solved for in another way
	r := source("wide")
	for range 2001 {
		dense := make([]float64, train.Rows)
		for i := range dense {
			dense[i] = r.NormFloat64()
		}
		wide.Columns = append(wide.Columns, encode.Column{Dense: dense})
	}
	return append(out, must(logistic.Fit(context.Background(), wide, y, logistic.Config{C: 1, Threads: 2})))
}

func forestOutput(in plugintest.Inputs) any {
	y := must(label.Binary(trainOf(in).Frame.Column(in.Target), ""))
	train, test, _ := designs(in)
	var out []any
	for _, change := range []func(*forest.Config){
		func(*forest.Config) {}, func(c *forest.Config) { c.MaxFeatures, c.MaxDepth, c.MinLeaf, c.OutOfBag = 3, 4, 5, true },
	} {
		c := forest.Defaults()
		c.Trees, c.Threads, c.Rand = 15, 2, func(tree int) *rand.Rand { return source(fmt.Sprint("forest ", tree)) }
		change(&c)
		m := must(forest.Fit(context.Background(), train, y, c))
		out = append(out, must(m.Predict(context.Background(), test, 2)), m.OutOfBag())
	}
	return out
}

func permutationOutput(in plugintest.Inputs) any {
	rate := func(_ context.Context, f *frame.Frame) (float64, error) { // the columns that it reads agree in some rows
		agree := 0.0
		for i, v := range f.Column("death").Numbers {
			if v == f.Column("is_female").Numbers[i] {
				agree++
			}
		}
		return agree, nil
	}
	return must(permutation.Importances(context.Background(), trainOf(in).Frame, []string{"is_female", "age"}, rate, permutation.Config{
		Repeats: 4, Threads: 2, Rand: func(column string, repeat int) *rand.Rand { return source(fmt.Sprint("permutation ", column, repeat)) },
	}))
}

func gbdtOutput(in plugintest.Inputs) any {
	var out []any
	fit := func(train, test *frame.Frame, y []float64, change func(*gbdt.Config)) {
		e := gbdt.NewEncoding(train, in.Target)
		c := gbdt.Defaults()
		c.Rounds, c.Threads, c.Rand = 15, 2, source("gbdt")
		change(&c)
		m := must(gbdt.Fit(context.Background(), must(e.Matrix(train)), y, c))
		out = append(out, m.Base, m.Trees(), must(m.Predict(context.Background(), must(e.Matrix(test)), 2)))
		for _, by := range []gbdt.By{gbdt.Gain, gbdt.Cover, gbdt.TotalGain, gbdt.TotalCover, gbdt.Weight} {
			out = append(out, must(m.Importances(by)))
		}
	}
	train, test := trainOf(in).Frame, in.Parts[plugins.Test].Frame
	y := must(label.Binary(train.Column(in.Target), ""))
	fit(train, test, y, func(*gbdt.Config) {})
	fit(train, test, y, func(c *gbdt.Config) {
		c.Subsample, c.Colsample, c.Alpha, c.Gamma, c.MinChildWeight, c.ScalePosWeight, c.BaseScore = 0.8, 0.5, 0.1, 0.2, 0.1, 2, 0.3
	})
	var columns []*frame.Column // more rows than histograms are made for one by one, more values than bins
	for j, v := range long(6) {
		columns = append(columns, frame.NewNumber(fmt.Sprint("x", j), v))
	}
	y = make([]float64, len(columns[0].Numbers))
	for i := range y {
		if columns[1].Numbers[i]*columns[0].Numbers[i] > columns[2].Numbers[i]-2 {
			y[i] = 1
		}
	}
	many := frame.Must(columns...)
	fit(many, many.Take([]int{0, 1, 2, 3, 4, 5, 6, 7}), y, func(c *gbdt.Config) { c.MaxDepth = 8 })
	return out
}

func statsOutput(_ plugintest.Inputs) any {
	x := long(2)
	x[0], x[1] = x[0][:301], x[1][:301]
	for i := range x[0] { // correlated, with ties
		x[1][i] = math.Round(4*(x[0][i]+x[1][i])) / 4
	}
	sorted := slices.Sorted(slices.Values(x[0]))
	out := []any{
		must(stats.Mean(x[0])), must(stats.SD(x[0])), stats.MidRanks(x[1]), stats.Rescaled(x[0]),
		must(stats.Pearson(x[0], x[1])), must(stats.Spearman(x[0], x[1])), must(stats.Quotient(2, 3, 1)), must(stats.Percentile(sorted, 0.05)),
	}
	mean, low, high, err := stats.MeanInterval(x[0][:5], 0.95)
	out = append(out, must(mean, err), low, high)
	low, high, err = stats.Wilson(7, 40, 0.95)
	out = append(out, must(low, err), high)

	y, p := make([]bool, len(x[0])), make([]float64, len(x[0]))
	unit := make([]int32, len(y))
	for i := range y {
		y[i] = x[0][i] > 0.5
		p[i] = 1 / (1 + math.Exp(-x[1][i]))
		if i < 8 { // certain, right and wrong
			p[i] = float64(i % 2)
		}
		unit[i] = int32(i / 2)
	}
	s := must(stats.NewPredictions(y, p))
	rows, ends := s.Ranked()
	out = append(out, s.Rows(), s.Events(), must(s.AUROC()), must(s.AUPRC()), s.Brier(), s.LogLoss(), rows, ends)
	b := stats.Bootstrap{Units: len(y)/2 + 1, Resamples: 50, Threads: 2, Source: func(i int) *rand.Rand { return source(fmt.Sprint(i)) }}
	draws := must(s.Bootstrap(context.Background(), b, unit))
	for k := range stats.DrawLogLoss + 1 {
		low, high, err := draws.Interval(k, 0.9)
		out = append(out, must(low, err), high, draws.Redrawn)
	}
	return out
}

func neighbourOutput(in plugintest.Inputs) any {
	ctx := context.Background()
	train, test, synthetic := trainOf(in).Frame, in.Parts[plugins.Test].Frame, in.Synthetic
	var out []any
	note := func(n *neighbour.Neighbours, err error) {
		must(n, err)
		for k := range n.K() {
			out = append(out, n.Distances(k+1))
		}
		index, _ := n.Row(0)
		out = append(out, index)
	}
	for _, space := range []*neighbour.Space{
		must(neighbour.NewEuclidean(train, synthetic, test)), must(neighbour.NewGower(train, synthetic, test)),
		must(neighbour.NewGowerOver(neighbour.Ranges{Of: []*frame.Frame{test, synthetic}, Least: 1}, true, train, test, synthetic)),
	} {
		a, b := must(space.Points(train)), must(space.Points(synthetic))
		note(neighbour.Search{K: 3, Threads: 2}.Nearest(ctx, b, a))
		self := must(neighbour.Search{K: 2, Self: true, Threads: 2}.Nearest(ctx, a, a))
		note(self, nil)
		out = append(out, must(neighbour.Search{Threads: 2}.Inside(ctx, b, a, self.Distances(2))), neighbour.Distance(a, 3, b, 5))
	}
	pair := plugins.NewPair(plugins.NewParts(in.Parts), synthetic, in.Target)
	env := plugins.Env{Threads: 2, Progress: func(int, int) {}}
	for _, kind := range []neighbour.Kind{neighbour.Euclidean, neighbour.Gower, neighbour.TrainGower} {
		near := must(neighbour.NewPair(pair, env, kind, 3))
		note(near.Nearest(ctx, neighbour.All(neighbour.Synthetic), neighbour.All(plugins.Train)))
		note(near.Nearest(ctx, neighbour.All(plugins.Test), neighbour.Rows{Part: plugins.Train, Some: []int{1, 2, 3, 5, 8, 13}}))
		note(near.Others(ctx, test.Take([]int{4, 4, 2}), plugins.Test))
	}
	return out
}

// statsTestsOutput is what metrics and reports take from the tests of package stats.
func statsTestsOutput(_ plugintest.Inputs) any {
	x := long(3)
	n := 200
	y, rounded := make([]bool, n), make([]float64, n)
	for i := range y {
		y[i], rounded[i] = x[0][i] > 0.3, math.Round(4*(x[0][i]+x[1][i]))/4
	}
	d := must(stats.NewDeLong(y, x[1][:n], rounded))
	out := []any{d.AUROC, d.Covariance, must(d.Difference(0, 1))}
	points, draws := make([]float64, 4), make([][]float32, 4)
	for r := range points {
		points[r] = x[0][r]
		for _, v := range x[1][50*r : 50*(r+1)] {
			draws[r] = append(draws[r], float32(v))
		}
	}
	out = append(out, must(stats.TwoLevel(points, draws, 0.95)), must(stats.TwoLevelDifference(points, x[0][10:14], draws, draws, 0.95)))
	p := make([]float64, n)
	for i := range p {
		p[i] = 1 / (1 + math.Exp(-rounded[i]))
	}
	rates, _ := must(stats.NewPredictions(y, p)).Rater(0.4, nil).Rates(nil)
	return append(out, rates, must(stats.Welch(x[0][:9], x[1][:14])), must(stats.Holm([]float64{0.04, 0.01, 0.2})))
}

func subgroupOutput(in plugintest.Inputs) any {
	f := trainOf(in).Frame
	race, female := f.Column("race"), f.Column("is_female")
	synthetic := in.Synthetic.Column("race")
	return []any{
		must(subgroup.Form([]*frame.Column{race}, []*frame.Column{synthetic})), must(subgroup.Form([]*frame.Column{female, race})),
	}
}

func compareOutput(in plugintest.Inputs) any {
	s := must(compare.New(plugins.NewPair(plugins.NewParts(in.Parts), in.Synthetic, in.Target), plugins.Test))
	var out []any
	numbers := s.Names(frame.Number)
	for _, name := range numbers {
		out = append(out, s.Sorted(plugins.Test, name), s.Sorted(compare.Synthetic, name), s.Bins(name, 10))
	}
	for _, name := range s.Names(frame.Category) {
		out = append(out, s.Levels(name))
	}
	encoded := must(s.Encoded())
	out = append(out, must(s.PairTables(context.Background(), 2, 10)), encoded.Real, encoded.Synthetic)
	env := plugins.Env{Threads: 2, Progress: func(int, int) {}}
	m, err := s.Columns(context.Background(), env, "score", "note", s.Names(frame.Number, frame.Category), func(column string) float64 { return float64(len(column)) / 7 })
	left := compare.LeftOut{What: "columns", All: 8, Real: 2, Synthetic: 1}
	return append(out, must(m, err), compare.Edges(-1, 2.5, 7), compare.Edges(1, 1, 3), left.Counts(), s.Caveats(left, numbers))
}

func eventsOutput(plugintest.Inputs) any {
	f := plugintest.Events().Parts[plugins.Train].Frame
	subject, time, code := f.Column(events.Subject), f.Column(events.Time), f.Column(events.Code)
	patients := events.Patients(subject)
	var out []any
	for _, f := range []*frame.Frame{f, events.Copy(f, [][]int{patients[2], patients[0], patients[2]})} {
		t := must(events.New(f))
		for p := range t.Patients() {
			first, end := t.VisitsOf(p)
			out = append(out, t.RowsOf(p), t.Sets().Of(p), first, end)
			for v := first; v < end; v++ {
				out = append(out, t.CodesOf(v), t.Once().CodesOf(v), t.EventsBefore(v), t.Number[v], t.Time[v], t.Until[v])
			}
		}
		out = append(out, t.Codes, t.Take([]int{2, 1}).Events(), t.In(events.Vocabulary(t, must(events.New(plugintest.Events().Synthetic)))).CodesOf(3))
	}
	return append(out, events.ByGap(subject, time, 30), events.ByLabel(subject, time, code))
}
