package all

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Every score says how far its values may lie apart on machines of two numeric classes. What is stated is more than rounding and far less
// than the range; models and Euclidean distances state something, and formulas in closed form, counts among them, nothing.
func TestEveryScoreHasATolerance(t *testing.T) {
	r := Registry()
	for _, name := range r.Metrics.Names() {
		info := r.Metrics.Get(name).Info
		uses := func(model string) bool {
			return slices.ContainsFunc(info.Uses, func(u plugins.Use) bool { return u.Name == model })
		}
		most := 0.0
		for _, s := range info.Scores {
			at, says, rounding := name+"."+s.Name, s.Agreement(), plugins.Rounding(s)
			bad := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) || v < 0 }
			if bad(says.Absolute) || bad(says.Relative) || says.Rows < 0 || says.Absolute == 0 || says.Why == "" || strings.ContainsAny(says.Why, "\n.") {
				t.Errorf("%s: %+v is no tolerance", at, says)
			}
			if width := s.Max - s.Min; !math.IsInf(width, 0) && says.Absolute > width/5 || says.Relative > 0.2 || says.Rows > 2 {
				t.Errorf("%s: %s would pass values that have little in common", at, says)
			}
			if s.Ideal != nil && s.Best != "" {
				t.Errorf("%s: two best values", at)
			}
			if s.Tolerance == nil {
				continue
			}
			most = max(most, says.Absolute)
			if says.Absolute <= rounding.Absolute && says.Relative <= rounding.Relative && says.Rows == 0 {
				t.Errorf("%s: what it states is no more than rounding", at)
			}
			if !uses("gbdt") && !uses("logistic") && !uses("neighbour") {
				t.Errorf("%s: %s, of a metric without models and distances", at, says)
			}
			if s.NoInterval == plugins.Description && math.IsInf(s.Max, 1) {
				t.Errorf("%s: a count is the same everywhere", at)
			}
		}
		if uses("gbdt") && most < 0.005 || uses("logistic") && most < 1e-8 {
			t.Errorf("%s: it fits models and tolerates %v at most", name, most)
		}
	}
}

// What chance gives is best of scores that hang on how many members there are, or on a setting: not the end of their range.
func TestBestValuesThatHangOnTheData(t *testing.T) {
	r := Registry()
	for _, at := range [][2]string{
		{"membership", "attack_precision"},
		{"membership", "attack_f1"},
		{"trajectory-privacy", "attack_precision"},
		{"trajectory-privacy", "attack_f1"},
		{"copies", "near_copy_share"},
	} {
		if s := (rated{info: r.Metrics.Get(at[0]).Info}).declared(at[1]); s.Best == "" {
			t.Errorf("%s.%s: %v is called best", at[0], at[1], s.Min)
		}
	}
}

// valuesFile names a file of values: one that is not there is written, and values are compared with those in one that is. make classes
// does so with and without fused multiplication.
const valuesFile = "EHRLAB_CLASS_VALUES"

// classValues are the scores of all metrics on the worlds of TestScoresOfAnotherClass.
type classValues struct {
	Class  string                   `json:"class"`
	Worlds map[string]string        `json:"worlds"` // digests
	Scores map[string]plugins.Score `json:"scores"`
}

// TestScoresOfAnotherClass holds the tolerances to values of another numeric class.
func TestScoresOfAnotherClass(t *testing.T) {
	path := os.Getenv(valuesFile)
	if path == "" {
		t.Skip("compares two builds: make classes")
	}
	now := measureWorlds(t)
	raw, err := os.ReadFile(path)
	if err != nil {
		if raw, err = json.Marshal(now); err == nil {
			err = os.WriteFile(path, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d scores of %s", len(now.Scores), now.Class)
		return
	}
	var was classValues
	if err := json.Unmarshal(raw, &was); err != nil {
		t.Fatal(err)
	}
	if was.Class == now.Class {
		t.Fatalf("both builds are of %s", now.Class)
	}
	for key, digest := range was.Worlds {
		if now.Worlds[key] != digest {
			t.Fatalf("%s: the rows are others, so that values say nothing", key)
		}
	}
	compareValues(t, &was, now)
}

// measureWorlds measures every metric: on small worlds, with the settings of the other tests, and on one that is large enough
// for ties and for deep trees.
func measureWorlds(t *testing.T) *classValues {
	out := &classValues{Class: plugins.Numeric(), Worlds: map[string]string{}, Scores: map[string]plugins.Score{}}
	var mu sync.Mutex
	measure := func(m rated, label string, w world) {
		found, err := m.measure(w)
		if err != nil {
			t.Errorf("%s, %s: %v", m.name, label, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		out.Worlds[m.name+" "+label] = w.parts[plugins.Train].Frame.Digest() + w.parts[plugins.Test].Frame.Digest() + w.synthetic.Digest()
		for _, s := range found.Scores {
			out.Scores[fmt.Sprint(m.name, " ", s.Name, " ", s.Dims, " ", label)] = s
		}
	}
	t.Run("small", func(t *testing.T) {
		eachMetric(t, nil, func(t *testing.T, m rated) {
			for seed := range uint64(6) {
				n := []sizes{{60, 20, 50, 50}, {160, 40, 120, 120}, {400, 100, 300, 300}}[seed%3]
				measure(m, fmt.Sprint("small ", seed), rounded(m.draw(rand.New(rand.NewPCG(seed, 77)), n)))
			}
		})
	})
	t.Run("large", func(t *testing.T) {
		eachMetric(t, deep, func(t *testing.T, m rated) {
			measure(m, "large", rounded(m.draw(rand.New(rand.NewPCG(0, 77)), sizes{3000, 800, 2000, 2000})))
		})
	})
	return out
}

// deep are settings with all steps of models, or with Euclidean distances.
var deep = map[string]string{
	"adversarial-accuracy": `{"distance": "euclidean"}`,
	"anonymity":            `{"quasi": ["age"]}`,
	"attribution":          `{"key": ["age", "unit"], "resamples": 20}`,
	"detection":            `{"model": "gbdt"}`,
	"downstream":           `{"model": "gbdt", "train": "both", "resamples": 100}`,
	"fairness":             `{"by": ["unit"], "model": "gbdt", "resamples": 20}`,
	"identifiability":      `{}`,
	"importance-agreement": `{"model": "gbdt"}`,
	"membership":           `{"resamples": 20}`,
	"nearest":              `{"distance": "euclidean"}`,
	"singling-out":         `{}`,
	"sites":                `{"model": "gbdt", "site": "unit", "resamples": 20, "grid": true}`,
	"trajectory-privacy":   `{"patients": 300, "resamples": 20}`,
}

// rounded is the world with numbers of three decimals: logarithms and exponentials, which they were drawn by, differ between classes.
func rounded(w world) world {
	return w.mapped(func(f *frame.Frame) *frame.Frame {
		var columns []*frame.Column
		for _, c := range f.Columns() {
			if c.Kind == frame.Number {
				own := *c
				own.Numbers = slices.Clone(c.Numbers)
				for i, x := range own.Numbers {
					own.Numbers[i] = math.Round(x*1000) / 1000
				}
				c = &own
			}
			columns = append(columns, c)
		}
		return frame.Must(columns...)
	})
}

// compareValues reports scores beyond their tolerance, and prints by how much those of each metric differ at most.
func compareValues(t *testing.T, was, now *classValues) {
	r, largest, different := Registry(), map[string]float64{}, 0
	if len(was.Scores) != len(now.Scores) || len(now.Scores) < 1000 {
		t.Errorf("%d scores of %s, %d of %s", len(was.Scores), was.Class, len(now.Scores), now.Class)
	}
	for key, a := range was.Scores {
		b, has := now.Scores[key]
		name, _, _ := strings.Cut(key, " ")
		if !has || a.Status != b.Status || a.N != b.N || (a.Interval == nil) != (b.Interval == nil) {
			t.Errorf("%s: %+v and %+v", key, a, b)
			continue
		}
		m := rated{name: name, info: r.Metrics.Get(name).Info}
		says := m.declared(a.Name).Agreement()
		pairs := [][2]float64{{a.Value, b.Value}}
		if a.Interval != nil {
			pairs = append(pairs, [2]float64{a.Interval.Low, b.Interval.Low}, [2]float64{a.Interval.High, b.Interval.High})
		}
		for _, p := range pairs {
			off := math.Abs(p[0] - p[1])
			if off > says.Allows(p[0], p[1], a.N) {
				t.Errorf("%s: %v and %v, beyond %s", key, p[0], p[1], says)
			}
			largest[name] = max(largest[name], off/max(1, math.Abs(p[0])))
			if off > 0 {
				different++
			}
		}
	}
	t.Logf("%s and %s: %d of %d values and ends of intervals differ; of one size or, where that is greater, of 1, by at most", was.Class, now.Class, different, len(was.Scores))
	for _, name := range r.Metrics.Names() {
		if off := largest[name]; off > 0 {
			t.Logf("%-30s %.1e", name, off)
		}
	}
}
