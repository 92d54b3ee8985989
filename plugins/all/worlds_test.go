package all

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/plugintest"
)

// world is what a metric is given besides its settings. Its columns are those that the settings of all_test.go name.
type world struct {
	parts     map[plugins.Part]plugins.Sample
	synthetic *frame.Frame
	target    string
	exposed   []int // rows of train, ascending; nil: all
}

// sizes are the rows, or the patients of events, of a world.
type sizes struct{ train, validation, test, synthetic int }

// patients draws rows of one population, of subjects who are numbered from first on: numbers with ties, a skewed one and a sparse
// one that is missing the more often the healthier a patient is, a constant, categories, a label that depends on most of them, second
// stays of some subjects, three sites.
func patients(rng *rand.Rand, first, n int) plugins.Sample {
	numbers := map[string][]float64{}
	texts := map[string][]string{}
	unknown := make([]bool, n)
	for i := range n {
		severity := rng.NormFloat64()
		sex, age := rng.IntN(2), 64+6*severity+11*rng.NormFloat64()
		lactate := math.Exp(0.6*severity + 0.3*rng.NormFloat64())
		if rng.Float64() < 0.6/(1+math.Exp(1.5*severity)) {
			lactate = math.NaN()
		}
		death := 0.0
		if rng.Float64() < 1/(1+math.Exp(1-1.5*severity-(age-64)/20)) {
			death = 1
		}
		for name, v := range map[string]float64{
			"age": math.Round(age), "lactate": math.Round(10*lactate) / 10, "bun": 20 * math.Exp(0.5*severity+0.3*rng.NormFloat64()),
			"flat": 1, "is_female": float64(sex), "death": death,
		} {
			numbers[name] = append(numbers[name], v)
		}
		ward := min(max(int(1.5+severity+0.4*rng.NormFloat64()), 0), 2)
		unknown[i] = rng.IntN(12) == 0
		for name, v := range map[string]string{
			"unit": []string{"cardiac", "medical", "surgical"}[ward], "race": []string{"a", "b", "b", "c"}[(rng.IntN(3)+ward)%4],
			"subject": fmt.Sprintf("p%05d", first+i-i%5/4), "site": fmt.Sprintf("h%d", rng.IntN(3)),
		} {
			texts[name] = append(texts[name], v)
		}
	}
	number := func(name, unit string, whole bool) *frame.Column {
		c := frame.NewNumber(name, numbers[name])
		c.Integer, c.Unit = whole, unit
		return c
	}
	return plugins.Sample{
		Frame: frame.Must(
			number("age", "years", true), number("lactate", "mmol/L", false), number("bun", "", false), number("flat", "", true), number("is_female", "", true),
			frame.NewCategoryFromStrings("unit", texts["unit"], nil), frame.NewCategoryFromStrings("race", texts["race"], unknown), number("death", "", true),
		),
		Subject: frame.NewCategoryFromStrings("subject", texts["subject"], nil),
		Site:    frame.NewCategoryFromStrings("site", texts["site"], nil),
	}
}

// trajectories draws the events of n patients of one population: frequent and rare codes, most of which follow from the code before,
// repeats within a visit, one to five visits.
func trajectories(rng *rand.Rand, first, n int) plugins.Sample {
	var subject, code, site []string
	var time, value, visit []float64
	for p := range n {
		at, hospital, last := 0.0, fmt.Sprintf("h%d", rng.IntN(3)), rng.IntN(12)
		for v := range 1 + rng.IntN(5) {
			for range 1 + rng.IntN(5) {
				if rng.IntN(3) == 0 {
					last = rng.IntN(1 + rng.IntN(12))
				} else {
					last = (last + 1) % 12
				}
				subject, site, code = append(subject, fmt.Sprintf("p%05d", first+p)), append(site, hospital), append(code, fmt.Sprintf("C%02d", last))
				time, value, visit = append(time, at), append(value, rng.NormFloat64()), append(visit, float64(v+1))
			}
			at += float64(1 + rng.IntN(60))
		}
	}
	days, number := frame.NewNumber(events.Time, time), frame.NewNumber(events.Visit, visit)
	days.Unit, number.Integer = "days", true
	who := frame.NewCategoryFromStrings(events.Subject, subject, nil)
	return plugins.Sample{
		Frame:   frame.Must(who, days, frame.NewCategoryFromStrings(events.Code, code, nil), frame.NewNumber(events.Value, value), number),
		Subject: who,
		Site:    frame.NewCategoryFromStrings("site", site, nil),
	}
}

// rated is a registered metric with settings.
type rated struct {
	name string
	info plugins.Info
	plugins.Metric
}

// eachMetric runs a test for every registered metric, side by side, with the settings of all_test.go unless others suit better.
func eachMetric(t *testing.T, suited map[string]string, test func(*testing.T, rated)) {
	r := Registry()
	for name := range suited {
		if r.Metrics.Get(name) == nil {
			t.Errorf("settings name the metric %q, which is not registered", name)
		}
	}
	for _, name := range r.Metrics.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			block, ok := suited[name]
			if !ok {
				block = with(t, "metric", name)
			}
			m, _, err := r.Metrics.Get(name).Build(json.RawMessage(block))
			if err != nil {
				t.Fatal(err)
			}
			test(t, rated{name, r.Metrics.Get(name).Info, m})
		})
	}
}

// draw makes a world of one population in the shape that the metric takes.
func (m rated) draw(rng *rand.Rand, n sizes) world {
	of, target := patients, "death"
	if m.onEvents() {
		of, target = trajectories, ""
	}
	w := world{
		parts: map[plugins.Part]plugins.Sample{
			plugins.Train: of(rng, 0, n.train), plugins.Validation: of(rng, 10_000, n.validation), plugins.Test: of(rng, 20_000, n.test),
		},
		synthetic: of(rng, 30_000, n.synthetic).Frame, target: target,
	}
	if m.name == "memorisation" { // it alone has to know which rows were shown
		w.exposed = upTo(n.train)
		w = w.each(func(part plugins.Part, s plugins.Sample) plugins.Sample {
			if part == plugins.Train {
				s = of(rng, 0, n.train+1)
			}
			return s
		})
	}
	return w
}

func (m rated) onEvents() bool { return !slices.Contains(m.info.Shapes, plugins.Records) }

// measure hands the metric what the runner would.
func (m rated) measure(w world) (*plugins.Measurement, error) {
	return m.handed(w, plugins.Reads(m.Metric, &m.info))
}

// handed hands the metric some parts.
func (m rated) handed(w world, of []plugins.Part) (*plugins.Measurement, error) {
	parts := map[plugins.Part]plugins.Sample{}
	for part, s := range w.parts {
		parts[part] = m.beside(s)
	}
	pair := plugins.NewPair(plugins.NewParts(parts).Only(of...), w.synthetic, w.target)
	pair.Exposed = w.exposed
	if m.info.Audited {
		pair.Audit = plugintest.Audited(w.synthetic, w.parts[plugins.Test])
	}
	return m.Measure(context.Background(), plugins.Env{
		Rand: plugins.NewRand(1, "properties", m.info.Random...), Threads: 1, Log: slog.New(slog.DiscardHandler), Progress: func(int, int) {},
	}, pair)
}

// beside adds the columns that a Grouping metric asks for.
func (m rated) beside(s plugins.Sample) plugins.Sample {
	g, ok := m.Metric.(plugins.Grouping)
	if !ok {
		return s
	}
	var columns []*frame.Column
	for _, name := range g.Beside() {
		if c := s.Frame.Column(name); c != nil {
			columns = append(columns, c)
		}
	}
	s.Beside = frame.Must(columns...)
	return s
}

// scores measures a world and returns what is defined, by name and dimensions.
func (m rated) scores(t *testing.T, w world) map[string]plugins.Score {
	t.Helper()
	out, err := m.measure(w)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]plugins.Score{}
	for _, s := range out.Scores {
		byName[m.key(s)] = s
	}
	return byName
}

// key is the name of a score with its dimensions. A pair of columns has one key, whichever comes first, unless the score tells them apart.
func (m rated) key(s plugins.Score) string {
	a, b := s.Dims["column"], s.Dims["other"]
	if b != "" && b < a && !ordered[s.Name] {
		dims := map[string]string{}
		for name, v := range s.Dims {
			dims[name] = v
		}
		dims["column"], dims["other"] = b, a
		s.Dims = dims
	}
	return fmt.Sprint(s.Name, s.Dims)
}

// ordered are the scores of pairs of columns that are another when the columns change places.
var ordered = map[string]bool{"theils_u": true, "correlation_ratio": true}

// declared returns what the metric says of a score.
func (m rated) declared(name string) plugins.ScoreInfo {
	return m.info.Scores[slices.IndexFunc(m.info.Scores, func(s plugins.ScoreInfo) bool { return s.Name == name })]
}

// same reports whether two values are equal but for the order of sums.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)) }

// reordered returns the world with the named columns, in that order.
func (w world) reordered(names []string) world {
	return w.mapped(func(f *frame.Frame) *frame.Frame { return must(f.Select(names...)) })
}

// mapped returns the world with changed frames.
func (w world) mapped(change func(*frame.Frame) *frame.Frame) world {
	w = w.each(func(_ plugins.Part, s plugins.Sample) plugins.Sample {
		s.Frame = change(s.Frame)
		return s
	})
	w.synthetic = change(w.synthetic)
	return w
}

// each returns the world with changed parts.
func (w world) each(change func(plugins.Part, plugins.Sample) plugins.Sample) world {
	parts := map[plugins.Part]plugins.Sample{}
	for _, part := range plugins.AllParts() {
		if s, ok := w.parts[part]; ok {
			parts[part] = change(part, s)
		}
	}
	w.parts = parts
	return w
}

func (w world) withoutSites() world {
	return w.each(func(_ plugins.Part, s plugins.Sample) plugins.Sample {
		s.Site = nil
		return s
	})
}

// permuted returns the world with all rows in another order.
func (w world) permuted(rng *rand.Rand) world {
	exposed := w.exposed
	w = w.each(func(part plugins.Part, s plugins.Sample) plugins.Sample {
		order := rng.Perm(s.Frame.Rows())
		if part == plugins.Train && exposed != nil {
			exposed = nil
			for at, row := range order {
				if slices.Contains(w.exposed, row) {
					exposed = append(exposed, at)
				}
			}
		}
		s.Frame, s.Subject = s.Frame.Take(order), s.Subject.Take(order)
		if s.Site != nil {
			s.Site = s.Site.Take(order)
		}
		return s
	})
	w.synthetic, w.exposed = w.synthetic.Take(rng.Perm(w.synthetic.Rows())), exposed
	return w
}
