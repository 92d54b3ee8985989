package sheet

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/dataset/simulatedicu"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// cohort is simulated stays: values of one distribution, whatever the seed.
func cohort(t *testing.T, seed, rows int) *frame.Frame {
	t.Helper()
	var r plugins.Registry
	simulatedicu.Register(&r)
	e := r.Datasets.Get("simulated-icu")
	d, _, err := e.Build(fmt.Appendf(nil, `{"rows":%d,"seed":%d,"categories":true}`, rows, seed))
	if err != nil {
		t.Fatal(err)
	}
	data, err := d.Read(t.Context(), plugins.Env{Rand: plugins.NewRand(1, "cohort", e.Info.Random...), Threads: 2, Progress: func(int, int) {}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := data.Frame.Select(icuNames(data.Frame)...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// icuNames are the columns that are no identifiers: these differ from cohort to cohort.
func icuNames(f *frame.Frame) []string {
	var out []string
	for _, name := range f.Names() {
		switch name {
		case "patientunitstayid", "hospitalid", "uniquepid", "hospitaldischargeyear", "region", "numbedscategory", "teachingstatus":
		default:
			out = append(out, name)
		}
	}
	return out
}

// otherwise writes the same values as another hand would: with digits that no device shows, levels in capitals or with blanks around
// them, and words for what is missing.
func otherwise(f *frame.Frame, styles map[string]plugins.Style, r *rand.Rand) *frame.Frame {
	words := []string{"NA", "", "n/a", "NaN", " null "}
	columns := make([]*frame.Column, 0, len(f.Columns()))
	for _, c := range f.Columns() {
		out := *c
		if c.Kind == frame.Number {
			step := math.Pow(10, -float64(styles[c.Name].Decimals))
			out.Numbers, out.Integer = make([]float64, len(c.Numbers)), false
			for i, v := range c.Numbers {
				out.Numbers[i] = math.Round(v/step)*step + (r.Float64()-0.5)*0.98*step
			}
			columns = append(columns, &out)
			continue
		}
		values := make([]string, c.Len())
		for i := range values {
			if values[i] = words[r.IntN(len(words))]; !c.IsMissing(i) {
				values[i] = " " + strings.ToUpper(c.Levels[c.Codes[i]]) + "  "
			}
		}
		columns = append(columns, frame.NewCategoryFromStrings(c.Name, values, nil))
	}
	return frame.Must(columns...)
}

var fraction = regexp.MustCompile(`\.([0-9]+)`)

// formatting is what can be said of a written record without reading it: its length, digits behind points, marks of
// missing values, characters of each kind.
func formatting(written []string) *frame.Frame {
	names := []string{"length", "lines", "longest line", "points", "digits after points", "most digits after a point", "missing marks", "words for missing", "digits", "capitals", "small", "blanks", "double blanks", "minus", "zeros at the end", "beyond ASCII", "commas", "exponents"}
	values := make([][]float64, len(names))
	for _, text := range written {
		digits, most, zeros := 0, 0, 0
		for _, m := range fraction.FindAllStringSubmatch(text, -1) {
			digits, most = digits+len(m[1]), max(most, len(m[1]))
			if strings.HasSuffix(m[1], "0") {
				zeros++
			}
		}
		longest := 0
		for line := range strings.Lines(text) {
			longest = max(longest, len(line))
		}
		count := func(in func(r rune) bool) (n float64) {
			for _, r := range text {
				if in(r) {
					n++
				}
			}
			return n
		}
		for i, v := range []float64{
			float64(len(text)), float64(strings.Count(text, "\n")), float64(longest), float64(strings.Count(text, ".")), float64(digits), float64(most),
			float64(strings.Count(text, Missing)), float64(strings.Count(text, "NA") + strings.Count(text, "null") + strings.Count(text, "n/a") + strings.Count(text, "NaN")),
			count(func(r rune) bool { return r >= '0' && r <= '9' }), count(func(r rune) bool { return r >= 'A' && r <= 'Z' }), count(func(r rune) bool { return r >= 'a' && r <= 'z' }),
			count(func(r rune) bool { return r == ' ' }), float64(strings.Count(text, "  ")), count(func(r rune) bool { return r == '-' }), float64(zeros),
			count(func(r rune) bool { return r > 0x7f }), count(func(r rune) bool { return r == ',' }), float64(strings.Count(text, "e+") + strings.Count(text, "e-")),
		} {
			values[i] = append(values[i], v)
		}
	}
	columns := make([]*frame.Column, len(names))
	for i := range names {
		columns[i] = frame.NewNumber(names[i], values[i])
	}
	return frame.Must(columns...)
}

// classify fits models on half of the records and returns how well they tell the others apart, with intervals of 99 %.
func classify(t *testing.T, features *frame.Frame, y []float64) map[string][3]float64 {
	t.Helper()
	var train, test []int
	for i := range y {
		if i%2 == 0 {
			train = append(train, i)
		} else {
			test = append(test, i)
		}
	}
	labels := func(rows []int) (values []float64, events []bool) {
		for _, i := range rows {
			values, events = append(values, y[i]), append(events, y[i] == 1)
		}
		return values, events
	}
	fitted, _ := labels(train)
	_, want := labels(test)
	d, err := stats.NewDeLong(want, boosted(t, features.Take(train), fitted, features.Take(test)), regressed(t, features.Take(train), fitted, features.Take(test)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][3]float64{}
	for k, name := range []string{"boosted trees", "logistic regression"} {
		low, high, err := d.Interval(k, 0.99)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = [3]float64{d.AUROC[k], low, high}
	}
	return out
}

func boosted(t *testing.T, train *frame.Frame, y []float64, test *frame.Frame) []float64 {
	t.Helper()
	e := gbdt.NewEncoding(train)
	x, err := e.Matrix(train)
	if err != nil {
		t.Fatal(err)
	}
	c := gbdt.Defaults()
	c.Rand, c.Threads = rand.New(rand.NewPCG(1, 2)), 2
	m, err := gbdt.Fit(context.Background(), x, y, c)
	if err != nil {
		t.Fatal(err)
	}
	if x, err = e.Matrix(test); err != nil {
		t.Fatal(err)
	}
	out, err := m.Predict(context.Background(), x, 2)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func regressed(t *testing.T, train *frame.Frame, y []float64, test *frame.Frame) []float64 {
	t.Helper()
	e := encode.Fit(train)
	x, err := e.Transform(train)
	if err != nil {
		t.Fatal(err)
	}
	m, err := logistic.Fit(context.Background(), x, y, logistic.Config{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	if x, err = e.Transform(test); err != nil {
		t.Fatal(err)
	}
	return m.Predict(x)
}

// Records of one distribution, written by two hands, cannot be told apart by their formatting once they are on sheets. As they were
// written they can: what is at chance is the sheet's doing.
func TestFormattingTellsNothing(t *testing.T) {
	const rows = 1500
	real, made := cohort(t, 1, rows), cohort(t, 2, rows)
	styles := Styles(cohort(t, 3, rows)) // of train
	made = otherwise(made, styles, rand.New(rand.NewPCG(3, 4)))
	s := sheetOf(t, real, Known{About: about(), Styles: styles}, nil)
	var raw, sheets []string
	var y []float64
	for _, of := range []struct {
		f     *frame.Frame
		label float64
	}{{real, 0}, {made, 1}} {
		for i := range rows {
			r := s.Record(of.f, i)
			sheets = append(sheets, r.Markdown())
			raw = append(raw, prompt.TableOf(of.f, []int{i}).CSV())
			y = append(y, of.label)
		}
	}
	for name, a := range classify(t, formatting(raw), y) {
		if t.Logf("as they were written, %s: AUROC %.3f (%.3f to %.3f)", name, a[0], a[1], a[2]); a[1] < 0.99 {
			t.Errorf("as they were written, %s tells records apart with an AUROC of %.3f only: this test shows nothing", name, a[0])
		}
	}
	for name, a := range classify(t, formatting(sheets), y) {
		if t.Logf("on sheets, %s: AUROC %.3f (%.3f to %.3f)", name, a[0], a[1], a[2]); a[1] > 0.5 || a[2] < 0.5 {
			t.Errorf("on sheets, %s tells records apart by their formatting: AUROC %.3f (%.3f to %.3f)", name, a[0], a[1], a[2])
		}
	}
}
