package all

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/plugintest"
)

// oddWorlds is how many worlds every metric is measured on; the short mode takes those on which formulas have no value most often.
const (
	oddWorlds      = 250
	oddWorldsShort = 60
)

// few are numbers of rows on which many formulas have no value.
var few = []int{0, 1, 2, 3, 6, 15, 40}

// cheap are settings with models of few steps.
var cheap = map[string]string{
	"attribution":          `{"key": ["age", "race", "unit"], "bands": [{"column": "age", "width": 10}], "resamples": 10}`,
	"detection":            `{}`,
	"downstream":           `{"resamples": 10}`,
	"fairness":             `{"by": ["unit"], "minimum": {"rows": 2, "events": 1, "nonevents": 1}, "resamples": 10}`,
	"importance-agreement": `{"model": "gbdt", "gbdt": {"rounds": 3}, "by": "permutation", "top": 3}`,
	"membership":           `{"gbdt": {"rounds": 2}, "resamples": 10}`,
	"mmd":                  `{}`,
	"sites":                `{"site": "unit", "rows": 2, "events": 1, "nonevents": 1, "resamples": 10, "grid": true}`,
	"trajectory-privacy":   `{"resamples": 10}`,
}

// blamed are the errors that a metric may return: they say what is wrong with the real label, without which there is no task.
var blamed = regexp.MustCompile(`^((train|validation|test) part: target |the data set has no target)`)

// On any input a metric gives scores in their range, or says why there are none: no panic, no NaN, no infinity. What a generator made is
// never an error.
func TestOddInputGivesScoresOrReasons(t *testing.T) {
	worlds := oddWorlds
	if testing.Short() {
		worlds = oddWorldsShort
	}
	eachMetric(t, cheap, func(t *testing.T, m rated) {
		defined, undefined := 0, 0
		for i := range worlds {
			w, about := m.odd(i)
			out, err := m.carefully(w)
			switch {
			case err != nil && (!blamed.MatchString(err.Error()) || m.onEvents()):
				t.Errorf("%s: %v", about, err)
			case err == nil:
				for _, fault := range plugintest.Faults(m.info, out) {
					t.Errorf("%s: %s", about, fault)
				}
				for _, s := range out.Scores {
					if isOK(s) {
						defined++
					} else {
						undefined++
					}
				}
			}
			if t.Failed() {
				return // one world is enough to look into
			}
		}
		if defined == 0 || undefined == 0 {
			t.Errorf("%d scores are defined and %d are not: the worlds try one of both alone", defined, undefined)
		}
	})
}

// carefully measures a world; a panic is an error.
func (m rated) carefully(w world) (out *plugins.Measurement, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return m.measure(w)
}

// trouble changes the values of a column.
type trouble struct {
	name   string
	number func(rng *rand.Rand, v float64) float64
	text   func(rng *rand.Rand, v string) string // "" is missing
}

var troubles = []trouble{
	{"all missing", func(*rand.Rand, float64) float64 { return math.NaN() }, func(*rand.Rand, string) string { return "" }},
	{"constant", func(*rand.Rand, float64) float64 { return 1e-9 }, func(*rand.Rand, string) string { return "a" }},
	{"another constant", func(*rand.Rand, float64) float64 { return -3e11 }, func(*rand.Rand, string) string { return "unseen" }},
	{"mostly missing", oftenMissing, func(rng *rand.Rand, v string) string { return []string{v, ""}[min(rng.IntN(8), 1)] }},
	{"tiny", func(_ *rand.Rand, v float64) float64 { return v * 1e-9 }, func(_ *rand.Rand, v string) string { return v + "\u00e9 \"x\", y\n" }},
	{"huge", func(_ *rand.Rand, v float64) float64 { return v * 1e12 }, func(_ *rand.Rand, v string) string { return "NA" + v }},
	{"huge and close", func(_ *rand.Rand, v float64) float64 { return 1e12 + v*1e-3 }, func(*rand.Rand, string) string { return " " }},
	{"of all sizes", ofAllSizes, func(rng *rand.Rand, v string) string { return fmt.Sprint(v, rng.IntN(1000)) }},
	{"with outliers", withOutliers, func(rng *rand.Rand, v string) string { return []string{v, "nan"}[rng.IntN(2)] }},
	{"of other sign", func(_ *rand.Rand, v float64) float64 { return -v }, func(_ *rand.Rand, v string) string { return "-" + v }},
}

func oftenMissing(rng *rand.Rand, v float64) float64 {
	return []float64{v, math.NaN()}[min(rng.IntN(8), 1)]
}

func ofAllSizes(rng *rand.Rand, v float64) float64 { return v * math.Pow(10, float64(rng.IntN(22)-9)) }

func withOutliers(rng *rand.Rand, v float64) float64 {
	return []float64{v, -1e12, 1e12}[max(rng.IntN(12)-9, 0)]
}

// sides are where a trouble is: both first.
var sides = []string{"both sides", "the real side", "the synthetic side"}

// odd makes world number i, and says what is odd about it: first 0 to 2 rows on either side, then one trouble of all columns, then sizes,
// troubles, roles and columns by chance.
func (m rated) odd(i int) (w world, about string) {
	const byRows = 18
	rng := rand.New(rand.NewPCG(uint64(i), 13))
	size := func() int { return few[rng.IntN(len(few))] }
	n := sizes{size(), size(), size(), size()}
	fixed := i - byRows
	switch {
	case i < 9:
		n.train, n.test, n.synthetic = i/3, i/3, i%3
	case i < byRows:
		n.train, n.test, n.synthetic = 25, i%3, 20+i/12
	case fixed < len(troubles)*len(sides):
		n = sizes{30, 20, 25, 20}
	}
	w = m.draw(rng, n)
	about = fmt.Sprintf("world %d, %+v", i, n)
	switch {
	case i < byRows:
		return w, about
	case fixed < len(troubles)*len(sides):
		what, side := troubles[fixed/len(sides)], fixed%len(sides)
		for _, name := range m.spoilt(w) {
			if name != w.target {
				w = w.spoil(rng, name, what, side)
			}
		}
		return w, fmt.Sprintf("%s: all columns %s on %s", about, what.name, sides[side])
	}
	return m.byChance(rng, w, about, i%5 == 0)
}

// spoilt are the columns that troubles may befall.
func (m rated) spoilt(w world) []string {
	if m.onEvents() {
		return []string{events.Time, events.Code, events.Value, events.Visit} // events without a subject are nobody's
	}
	return w.synthetic.Names()
}

// byChance spoils about half of the columns of a world, and takes some of what else there is.
func (m rated) byChance(rng *rand.Rand, w world, about string, nothingSeen bool) (world, string) {
	for _, name := range m.spoilt(w) {
		if rng.IntN(2) == 0 {
			continue
		}
		what, side := troubles[rng.IntN(len(troubles))], rng.IntN(len(sides))
		if name == w.target && rng.IntN(2) == 0 { // else as any other column
			what.name, what.number = "of one class", func(*rand.Rand, float64) float64 { return 1 }
		}
		w, about = w.spoil(rng, name, what, side), about+fmt.Sprintf("; %s %s on %s", name, what.name, sides[side])
	}
	if rng.IntN(3) == 0 || m.name == "memorisation" {
		w.exposed = []int{}
		for row := range w.parts[plugins.Train].Frame.Rows() {
			if rng.IntN(2) == 0 && !nothingSeen {
				w.exposed = append(w.exposed, row)
			}
		}
		about += fmt.Sprintf("; %d rows exposed", len(w.exposed))
	}
	if m.onEvents() {
		return w, about
	}
	names := w.synthetic.Names()
	one := names[rng.IntN(len(names)-1)]
	switch rng.IntN(8) {
	case 0:
		w, about = w.reordered([]string{one, w.target}), about+"; one column and the label: "+one
	case 1:
		w, about = w.reordered([]string{w.target}), about+"; the label alone"
	case 2:
		w, about = w.reordered([]string{one}), about+"; one column, no label: "+one
		w.target = ""
	}
	if rng.IntN(3) == 0 {
		w, about = w.each(func(_ plugins.Part, s plugins.Sample) plugins.Sample { return plugins.Sample{Frame: s.Frame} }), about+"; no subjects, no sites"
	}
	return w, about
}

// spoil returns the world with a trouble in one column of a side.
func (w world) spoil(rng *rand.Rand, name string, what trouble, side int) world {
	if side < 2 {
		w = w.each(func(_ plugins.Part, s plugins.Sample) plugins.Sample {
			s.Frame = spoiled(rng, s.Frame, name, what)
			return s
		})
	}
	if side != 1 {
		w.synthetic = spoiled(rng, w.synthetic, name, what)
	}
	return w
}

func spoiled(rng *rand.Rand, f *frame.Frame, name string, what trouble) *frame.Frame {
	columns := slices.Clone(f.Columns())
	at := slices.Index(f.Names(), name)
	c := columns[at]
	if c.Kind == frame.Number {
		values := make([]float64, c.Len())
		for i, v := range c.Numbers {
			values[i] = what.number(rng, v)
		}
		columns[at] = frame.NewNumber(name, values)
		columns[at].Unit = c.Unit
		return frame.Must(columns...)
	}
	texts, missing := make([]string, c.Len()), make([]bool, c.Len())
	for i := range texts {
		if !c.IsMissing(i) {
			texts[i] = what.text(rng, c.Levels[c.Codes[i]])
		}
		missing[i] = texts[i] == ""
	}
	columns[at] = frame.NewCategoryFromStrings(name, texts, missing)
	return frame.Must(columns...)
}
