package all

import (
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// exception is where a property does not hold, and why not.
type exception struct {
	metric string
	scores string // a regular expression of names and dimensions, as rated.key writes them; empty: all
	reason string
}

// allowance is the exceptions of one metric, and which of them were needed.
type allowance struct {
	of     []exception
	needed []bool
}

func allow(m rated, all []exception) *allowance {
	a := &allowance{}
	for _, e := range all {
		if e.metric == m.name {
			a.of = append(a.of, e)
		}
	}
	a.needed = make([]bool, len(a.of))
	return a
}

// covers reports whether a score is excepted; it is called where the property does not hold.
func (a *allowance) covers(key string) bool {
	found := false
	for i, e := range a.of {
		if regexp.MustCompile(e.scores).MatchString(key) {
			a.needed[i], found = true, true
		}
	}
	return found
}

// finish reports exceptions that nothing needed. The short mode tries too little to tell.
func (a *allowance) finish(t *testing.T) {
	t.Helper()
	for i, e := range a.of {
		if !a.needed[i] && !testing.Short() {
			t.Errorf("the exception %q (%s) is not needed: the property holds", e.scores, e.reason)
		}
	}
}

func TestExceptionsAreOfMetricsAndHaveReasons(t *testing.T) {
	r := Registry()
	for _, e := range slices.Concat(columnOrder, rowOrder, copyIsBest, degradation, copyIsWorst) {
		if r.Metrics.Get(e.metric) == nil || e.reason == "" {
			t.Errorf("exception %+v: want a registered metric and a reason", e)
		}
	}
	for name := range alarms {
		if r.Metrics.Get(name) == nil {
			t.Errorf("the metric %q, which would raise an alarm, is not registered", name)
		}
	}
	for _, e := range exchanges {
		if r.Metrics.Get(e.metric) == nil {
			t.Errorf("the metric %q, whose scores are symmetric, is not registered", e.metric)
		}
	}
}

// trials is how many worlds a property is tried on.
func trials(n int) uint64 {
	if testing.Short() {
		return 1
	}
	return uint64(n)
}

// exact are settings under which a metric makes no more random choices than it has to, and takes little time.
var exact = map[string]string{
	"detection":            `{}`,
	"disparity":            `{"by": ["unit"], "minimum": 1}`,
	"downstream":           `{"resamples": 0}`,
	"fairness":             `{"by": ["unit"], "minimum": {"rows": 5, "events": 1, "nonevents": 1}, "resamples": 0}`,
	"importance-agreement": `{"top": 3}`,
	"membership":           `{"gbdt": {"rounds": 3}, "resamples": 0}`,
	"mmd":                  `{}`,
	"sites":                `{"site": "unit", "rows": 10, "events": 3, "nonevents": 3, "resamples": 0, "grid": true}`,
}

// nothing is what a test says of a metric none of whose scores it could try.
const nothing = "no score is defined: the test says nothing of this metric"

// Whatever the order of the columns, scores are the same but for rounding.
var columnOrder = []exception{
	{"membership", "attack:gbdt", "of equally good splits, boosted trees take that of the first column"},
	{"nearest", "dcr_baseline_protection", "rows to compare with are drawn at random, column by column"},
	{"singling-out", "mode:multivariate|naive_rate", "predicates are about columns that are drawn by their place"},
}

func TestOrderOfColumnsMakesNoDifference(t *testing.T) {
	eachMetric(t, exact, func(t *testing.T, m rated) {
		excepted := allow(m, columnOrder)
		for seed := range trials(4) {
			rng := rand.New(rand.NewPCG(seed, 11))
			w := m.draw(rng, sizes{90, 40, 80, 70})
			order := w.synthetic.Names()
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			m.equal(t, w, w.reordered(order), excepted)
		}
		excepted.finish(t)
	})
}

// Whatever the order of the rows of each part, scores are the same but for rounding. Parts are of one size here and have no sites, so
// that members need not be drawn to be as many as the others.
var rowOrder = []exception{
	{"alpha-precision-synthcity", "", "one row's number is taken for another's: that is the slip it reproduces"},
	{"detection", "", "folds are row index mod 5, as the catalogue has it"},
	{"detection-sdmetrics", "", "folds are of shuffled rows"},
	{"downstream", "^(f1|precision|recall|specificity|balanced_accuracy|mcc|threshold)map", "the threshold is chosen in folds, to which rows are dealt in their order"},
	{"fairness", "threshold|parity|odds|opportunity|tpr|fpr|selection", "the threshold is chosen in folds, to which rows are dealt in their order"},
	{"membership", "attack:(logistic|gbdt|domias)|control:resample", "every second row of test tells what rows are like that were not seen; the positive control is drawn"},
	{"singling-out", "mode:multivariate|naive", "predicates are about rows that are drawn by their number"},
	{"sites", "within_site|generalisation_gap", "own models are tested in folds, to which rows are dealt in their order"},
}

func TestOrderOfRowsMakesNoDifference(t *testing.T) {
	eachMetric(t, exact, func(t *testing.T, m rated) {
		excepted := allow(m, rowOrder)
		for seed := range trials(4) {
			rng := rand.New(rand.NewPCG(seed, 12))
			w := m.draw(rng, sizes{80, 80, 80, 80}).withoutSites()
			m.equal(t, w, w.permuted(rng), excepted)
		}
		excepted.finish(t)
	})
}

// equal compares the scores of two worlds that are the same to the metric.
func (m rated) equal(t *testing.T, a, b world, excepted *allowance) {
	t.Helper()
	first, second := m.scores(t, a), m.scores(t, b)
	if len(first) != len(second) || !slices.ContainsFunc(values(first), isOK) {
		t.Errorf("%d scores, then %d; want the same ones, and some that are defined", len(first), len(second))
	}
	for key, s := range first {
		other, ok := second[key]
		if (!ok || s.Status != other.Status || s.N != other.N || !same(s.Value, other.Value)) && !excepted.covers(key) {
			t.Errorf("%s is %s %v of %d, then %s %v of %d", key, s.Status, s.Value, s.N, other.Status, other.Value, other.N)
		}
	}
}

func isOK(s plugins.Score) bool { return s.Status == plugins.OK }

func values(scores map[string]plugins.Score) []plugins.Score {
	out := make([]plugins.Score, 0, len(scores))
	for _, s := range scores {
		out = append(out, s)
	}
	return out
}

// aboutFidelity reports whether a metric says how alike the synthetic rows are to the real ones: not how safe or how useful they are.
func aboutFidelity(m rated) bool {
	if !slices.ContainsFunc(m.info.Scores, func(s plugins.ScoreInfo) bool { return s.Better != plugins.Neutral }) {
		return false // it describes
	}
	switch m.info.Family {
	case plugins.Marginals, plugins.Joint, plugins.Trajectories:
		return true
	}
	return m.name == "subgroup-fidelity" || m.name == "disparity" // of fairness, the others rate a model
}

// A copy of the real rows has the best value of each score with a direction, and no other sample has a better one.
var copyIsBest = []exception{
	{"alpha-precision", "^best: delta", "quantiles fall between rows, so that the curves are off by up to one row"},
	{"alpha-precision", "authenticity", "it is there to find copies"},
	{"alpha-precision-synthcity", "", "it is there to find copies"},
	{"clinical-ranges", "", "real rows, and so copies, may lie outside the limits"},
	{"detection", "detection_auroc", "real rows of a subject are in one fold, the copies of the others of them in another: the model takes copies for real"},
	{"dimension-wise", "auroc_synth|prediction", "utility: of a model's predictions of test rows, which are those that it was trained on when they are copied"},
	{"mmd", "unbiased", "that of a copy is below 0, which it is for other samples of the population on average"},
	{"pmse", "ratio|standardised", "a copy is more alike than another sample of the population is"},
	{"prdc", "density", "it has no greatest value: rows where real ones are dense lie in the balls of many"},
	{"structural-validity", "", "real trajectories, and so copies, may break rules"},
}

func TestACopyHasTheBestFidelity(t *testing.T) {
	eachMetric(t, exact, func(t *testing.T, m rated) {
		if !aboutFidelity(m) {
			t.Skip("says nothing of fidelity")
		}
		excepted := allow(m, copyIsBest)
		for seed := range trials(3) {
			rng := rand.New(rand.NewPCG(seed, 14))
			w := m.draw(rng, sizes{100, 40, 120, 120})
			rivals := m.rivals(rng, w)
			w.synthetic = w.parts[plugins.Test].Frame
			best, tried := m.scores(t, w), 0
			for key, s := range best {
				d := m.declared(s.Name)
				if d.Better == plugins.Neutral || s.Status != plugins.OK {
					continue
				}
				tried++
				if end := bestOf(d); !math.IsInf(end, 0) && math.Abs(s.Value-end) > 1e-9 && !excepted.covers("best: "+key) {
					t.Errorf("%s of a copy is %v, want %v", key, s.Value, end)
				}
			}
			if tried == 0 {
				t.Error(nothing)
			}
			for name, rival := range rivals {
				w.synthetic = rival
				for key, s := range m.scores(t, w) {
					if d := m.declared(s.Name); isOK(s) && isOK(best[key]) && gain(d, best[key].Value, s.Value) > 1e-9 && !excepted.covers("beaten: "+key) {
						t.Errorf("%s: %s is %v, that of a copy %v", name, key, s.Value, best[key].Value)
					}
				}
			}
		}
		excepted.finish(t)
	})
}

// bestOf is the best value that a score can have.
func bestOf(d plugins.ScoreInfo) float64 {
	switch {
	case d.Ideal != nil:
		return *d.Ideal
	case d.Better == plugins.Higher:
		return d.Max
	}
	return d.Min
}

// gain is by how much a value is better than another.
func gain(d plugins.ScoreInfo, from, to float64) float64 {
	switch {
	case d.Better == plugins.Neutral:
		return 0
	case d.Ideal != nil:
		return math.Abs(from-*d.Ideal) - math.Abs(to-*d.Ideal)
	case d.Better == plugins.Higher:
		return to - from
	}
	return from - to
}

// rivals are synthetic rows that are worse than a copy in some respect, by what they are.
func (m rated) rivals(rng *rand.Rand, w world) map[string]*frame.Frame {
	copied := w.parts[plugins.Test].Frame
	half, twice, one := rng.Perm(copied.Rows())[:copied.Rows()/2], make([]int, copied.Rows()), make([]int, copied.Rows())
	for i := range twice {
		twice[i], one[i] = rng.IntN(copied.Rows()), 7
	}
	return map[string]*frame.Frame{
		"other rows of the population": w.synthetic,
		"half of the rows":             copied.Take(half),
		"rows drawn with replacement":  copied.Take(twice),
		"one row over and over":        copied.Take(one),
		"columns shuffled":             shuffled(rng, copied, 1),
	}
}

// exchange is a score that is the same, or the opposite, when real and synthetic rows change places.
type exchange struct {
	metric     string
	scores     string // a regular expression, as of exception
	categories bool   // on category columns alone: on numbers the real side decides on bins, ranges or scales
	negated    bool
}

var exchanges = []exchange{
	{metric: "association", scores: "^(association_difference|frobenius)"},
	{metric: "code-probability", scores: "^(pearson|rmse|support)"},
	{metric: "code-probability", scores: "^mean_bias", negated: true},
	{metric: "contingency", categories: true},
	{metric: "correlation", scores: "^(correlation_matrix_difference|frobenius|mean_similarity|correlation_similarity)"},
	{metric: "dimension-wise", scores: "^(prevalence_(pearson|rmse|mean_abs)|codes|code_frequency_jensen_shannon)map"},
	{metric: "disparity", scores: "^(greatest_log_disparity)"},
	{metric: "disparity", scores: "^log_disparity", negated: true},
	{metric: "hellinger", categories: true},
	{metric: "homogeneity"},
	{metric: "jensen-shannon", categories: true},
	{metric: "ks"},
	{metric: "missingness", scores: "^(missing_value_similarity|mean|mean_informative_missingness_difference|informative_missingness_difference|co_missingness_difference)map"},
	{metric: "mmd", categories: true},
	{metric: "moments", scores: "^(confidence_interval_overlap|mean_confidence|mean_absolute_standardised|share_|columns_without)"},
	{metric: "moments", scores: "^standardised_mean_difference", negated: true},
	{metric: "mutual-information", scores: "^(normalised_mutual_information_difference|frobenius)", categories: true},
	{metric: "pmse", scores: "^pmse", categories: true},
	{metric: "record-shape", scores: "^(ks|wasserstein|sequence_length_similarity|inter_row|statistic)"},
	{metric: "subgroup-fidelity"},
	{metric: "tv"},
	{metric: "wasserstein", scores: "^wasserstein_1map"},
}

func TestRealAndSyntheticChangePlaces(t *testing.T) {
	eachMetric(t, exact, func(t *testing.T, m rated) {
		for _, e := range exchanges {
			if e.metric != m.name {
				continue
			}
			for seed := range trials(3) {
				rng := rand.New(rand.NewPCG(seed, 15))
				w := m.draw(rng, sizes{60, 40, 90, 70})
				if e.categories {
					w = w.reordered([]string{"unit", "race"})
				}
				m.exchanged(t, w, e)
			}
		}
	})
}

// exchanged compares scores with those of the world whose synthetic rows are the real ones.
func (m rated) exchanged(t *testing.T, w world, e exchange) {
	t.Helper()
	other := w
	other.parts = map[plugins.Part]plugins.Sample{plugins.Train: w.parts[plugins.Train], plugins.Validation: w.parts[plugins.Validation], plugins.Test: {Frame: w.synthetic}}
	other.synthetic = w.parts[plugins.Test].Frame
	first, second := m.scores(t, w), m.scores(t, other)
	tried, sign := 0, 1.0
	if e.negated {
		sign = -1
	}
	for key, s := range first {
		if !regexp.MustCompile(e.scores).MatchString(key) {
			continue
		}
		if isOK(s) {
			tried++
		}
		if o := second[key]; s.Status != o.Status || !same(s.Value, sign*o.Value) {
			t.Errorf("%s is %s %v; with real and synthetic rows exchanged %s %v", key, s.Status, s.Value, o.Status, o.Value)
		}
	}
	if tried == 0 {
		t.Errorf("%s: %s", e.scores, nothing)
	}
}

// The greater the share of rows whose columns are shuffled, the worse are the scores of joint structure. Those of single pairs of
// columns are left out: a pair that hangs together by chance alone has nothing to lose.
var degradation = []exception{
	{"alpha-precision", "authenticity", "it finds copies: shuffled rows are none"},
	{"alpha-precision-synthcity", "", "it finds copies: shuffled rows are none"},
	{"code-probability", "pattern:unigram", "it is about each code alone"},
	{"detection", "", "the rows here repeat subjects, which nobody knows of synthetic ones: theirs are in several folds, and are told by each other"},
	{"detection-sdmetrics", "", "a linear model sees means alone, which stay as they are"},
	{"pmse", "", "a linear model sees means alone, which stay as they are"},
	{"prdc", "recall", "shuffled rows lie far apart, and their wide balls hold real rows"},
	{"quality-report-sdmetrics", "column_shapes|data_|diagnostic", "it is about each column alone"},
}

func TestShufflingColumnsIsSeen(t *testing.T) {
	suited := maps.Clone(exact)
	suited["detection"] = `{"model": "gbdt"}` // the linear model sees means alone, which stay as they are
	eachMetric(t, suited, func(t *testing.T, m rated) {
		if m.info.Family != plugins.Joint && m.name != "code-probability" {
			t.Skip("says nothing of joint structure")
		}
		excepted, sums := allow(m, degradation), map[string][]float64{}
		shares := []float64{0, 0.35, 0.7, 1}
		for seed := range uint64(4) { // one alone goes up and down by chance
			rng := rand.New(rand.NewPCG(seed, 16))
			w := m.draw(rng, sizes{100, 40, 250, 250})
			original := w.synthetic
			for at, share := range shares {
				w.synthetic = shuffled(rand.New(rand.NewPCG(seed, 17)), original, share)
				for key, s := range m.scores(t, w) {
					if m.declared(s.Name).Better == plugins.Neutral || !isOK(s) || s.Dims["column"] != "" {
						continue
					}
					if sums[key] == nil {
						sums[key] = make([]float64, len(shares))
					}
					sums[key][at] += gain(m.declared(s.Name), 0, s.Value)
				}
			}
		}
		if len(sums) == 0 {
			t.Error(nothing)
		}
		for key, s := range sums {
			falls := s[0] > s[1] && s[1] > s[2] && s[2] > s[3]
			if !falls && !excepted.covers(key) {
				t.Errorf("%s, by the share of shuffled rows: %v, want ever worse ones", key, s)
			}
		}
		excepted.finish(t)
	})
}

// shuffled returns a frame in which the values of each column are dealt anew among a share of the rows: of events, the codes alone.
func shuffled(rng *rand.Rand, f *frame.Frame, share float64) *frame.Frame {
	rows := rng.Perm(f.Rows())[:int(share*float64(f.Rows()))]
	columns := make([]*frame.Column, len(f.Columns()))
	for j, c := range f.Columns() {
		from := make([]int, f.Rows())
		for i := range from {
			from[i] = i
		}
		for i, to := range rng.Perm(len(rows)) {
			from[rows[i]] = rows[to]
		}
		if columns[j] = c; f.Column("code") == nil || c.Name == "code" {
			columns[j] = c.Take(from)
		}
	}
	return frame.Must(columns...)
}
