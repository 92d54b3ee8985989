package prepare

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// zeroOne makes a whole 0/1 column without unit.
func zeroOne(name string, values ...float64) *frame.Column {
	c := frame.NewNumber(name, values)
	c.Integer = true
	return c
}

// race is a one-hot set whose columns do not stand together; row 3 is none of them, row 4 is missing.
func race() *frame.Frame {
	return frame.Must(
		whole("age", 50, 60, 70, 80),
		zeroOne("black", 1, 0, 0, nan),
		zeroOne("death", 0, 1, 0, 1),
		zeroOne("asian", 0, 1, 0, nan),
		frame.NewNumber("lactate", []float64{1, 2, 3, 4}),
	)
}

func fitted(t *testing.T, train *frame.Frame, cfg Config, skip ...string) *Fitted {
	t.Helper()
	p, err := Fit(ctx, train, cfg, Options{Skip: func(column string) bool {
		for _, s := range skip {
			if s == column {
				return true
			}
		}
		return false
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func encode(t *testing.T, p *Fitted, f *frame.Frame) (*frame.Frame, []plugins.Count) {
	t.Helper()
	out, counts, err := p.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	return out, counts
}

func decode(t *testing.T, p *Fitted, f *frame.Frame) (*frame.Frame, []plugins.Count) {
	t.Helper()
	out, counts, err := p.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return out, counts
}

func TestASetIsOneVariable(t *testing.T) {
	f := race()
	p := fitted(t, f, Config{OneHot: map[string]OneHot{"race": {Columns: []string{"asian", "black"}, None: "white"}}}, "death")
	model, counts := encode(t, p, f)
	want := frame.Must(f.Column("age"), category("race", "black asian white -"), f.Column("death"), f.Column("lactate"))
	if diff := equalFrames(want, model); diff != "" || counts != nil {
		t.Errorf("counts %v, frame %s", counts, diff)
	}
	natural, counts := decode(t, p, model)
	if diff := equalFrames(f, natural); diff != "" || counts != nil {
		t.Errorf("counts %v, frame %s", counts, diff)
	}
	if got := p.ModelNames([]string{"asian", "lactate", "black", "age"}); !cmp.Equal(got, []string{"race", "lactate", "age"}) {
		t.Errorf("model names %q", got)
	}
	if got := p.NaturalNames([]string{"lactate", "race"}); !cmp.Equal(got, []string{"lactate", "black", "asian"}) {
		t.Errorf("natural names %q", got)
	}
}

func TestASubsetIsDecodedToItsColumns(t *testing.T) {
	f := race()
	p := fitted(t, f, Config{OneHot: map[string]OneHot{"race": {Columns: []string{"black", "asian"}, None: "white"}}})
	model, _ := encode(t, p, f)
	tests := []struct{ of, want string }{
		{"race", "black asian"},
		{"race death", "black death asian"},                 // in order of train: so are its natural columns
		{"lactate race death", "lactate black asian death"}, // ranked otherwise: the set is replaced where it stands
		{"lactate death", "lactate death"},
		{"", ""},
	}
	for _, tt := range tests {
		part, err := model.Select(strings.Fields(tt.of)...)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := decode(t, p, part)
		want, _ := f.Select(strings.Fields(tt.want)...)
		if diff := equalFrames(want, got); diff != "" {
			t.Errorf("%q: %s", tt.of, diff)
		}
	}
	half, err := f.Select("age", "asian")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Encode(half); err == nil || !strings.Contains(err.Error(), `one-hot set "race": no column named "black" beside the others`) {
		t.Errorf("half a set: %v", err)
	}
}

func TestRowsThatAreNoSet(t *testing.T) {
	good := frame.Must(zeroOne("a", 1, 0), zeroOne("b", 0, 1))
	tests := []struct {
		name string
		f    *frame.Frame
		want string
	}{
		{"two ones", frame.Must(zeroOne("a", 1, 0, 1, 1), zeroOne("b", 0, 1, 1, 1)), `one-hot set "s": rows that have a 1 in more than one column: 2, the first is row 3`},
		{"other values", frame.Must(zeroOne("a", 1, 2), zeroOne("b", 0, 0)), "rows that have a value other than 0 and 1: 1, the first is row 2"},
		{"some missing", frame.Must(zeroOne("a", nan, 1), zeroOne("b", 0, nan)), "rows that miss some columns of the set, but not all: 2, the first is row 1"},
		{"none", frame.Must(zeroOne("a", 1, 0), zeroOne("b", 0, 0)), `rows that have 0 in all columns: name their level as "none", or leave the set out: 1, the first is row 2`},
	}
	cfg := Config{OneHot: map[string]OneHot{"s": {Columns: []string{"a", "b"}}}}
	p := fitted(t, good, cfg)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Fit(ctx, tt.f, cfg, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "train: ") {
				t.Errorf("fit: %v", err)
			}
			if _, _, err := p.Apply(ctx, tt.f, 1); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("apply: %v", err)
			}
			if _, _, err := p.Encode(tt.f); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("encode: %v", err)
			}
		})
	}
}

func TestGeneratedLevelsOutsideTheSetBecomeMissing(t *testing.T) {
	f := frame.Must(zeroOne("a", 1, 0), zeroOne("b", 0, 1))
	p := fitted(t, f, Config{OneHot: map[string]OneHot{"s": {Columns: []string{"a", "b"}}}})
	got, counts := decode(t, p, frame.Must(category("s", "b a - c c")))
	if diff := equalFrames(frame.Must(zeroOne("a", 0, 1, nan, nan, nan), zeroOne("b", 1, 0, nan, nan, nan)), got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]plugins.Count{of("generated levels outside the one-hot set, made missing", "s", 2)}, counts); diff != "" {
		t.Error(diff)
	}
	if _, _, err := p.Decode(frame.Must(zeroOne("s", 1))); err == nil || !strings.Contains(err.Error(), `column "s" is a number: want the category`) {
		t.Errorf("error %v", err)
	}
}

func TestMedianFillsASetAsOneVariable(t *testing.T) {
	// b is the level of two rows of five, no median of a column is 1
	f := frame.Must(zeroOne("a", 1, 0, 0, 0, 0, nan), zeroOne("b", 0, 1, 1, 0, 0, nan), zeroOne("c", 0, 0, 0, 1, 0, nan))
	cfg := Config{Missing: Median, OneHot: map[string]OneHot{"s": {Columns: []string{"a", "b", "c"}, None: "d"}}}
	out, counts := prepared(t, f, f.Take([]int{5}), cfg)
	if diff := equalFrames(frame.Must(zeroOne("a", 0), zeroOne("b", 1), zeroOne("c", 0)), out); diff != "" {
		t.Error(diff)
	}
	if len(counts) != 3 {
		t.Errorf("counts %v", counts)
	}
	// a and none are as frequent: the columns come first
	f = frame.Must(zeroOne("a", 0, 1, nan))
	out, _ = prepared(t, f, f.Take([]int{2}), Config{Missing: Median, OneHot: map[string]OneHot{"s": {Columns: []string{"a"}, None: "d"}}})
	if diff := equalFrames(frame.Must(zeroOne("a", 1)), out); diff != "" {
		t.Error(diff)
	}
}

func TestIndicators(t *testing.T) {
	train := frame.Must(whole("age", 1, nan, 3), category("unit", "a b c"), frame.NewNumber("x", []float64{nan, 1, 2}),
		zeroOne("p", 1, nan, 0), zeroOne("q", 0, nan, 1), zeroOne("death", 1, nan, 0))
	test := frame.Must(whole("age", 1, 2), category("unit", "- b"), frame.NewNumber("x", []float64{1, nan}),
		zeroOne("p", nan, 1), zeroOne("q", nan, 0), zeroOne("death", 0, 1))
	sets := map[string]OneHot{"s": {Columns: []string{"p", "q"}}}
	for _, missing := range []string{Keep, Median, Model} {
		p := fitted(t, train, Config{Missing: missing, Indicator: true, OneHot: sets}, "death")
		for _, f := range []*frame.Frame{train, test} {
			out, _, err := p.Apply(ctx, f, 1)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"age", "age_missing", "unit", "x", "x_missing", "p", "q", "s_missing", "death"}
			if !cmp.Equal(out.Names(), want) {
				t.Fatalf("missing %q: columns %q, want %q: unit misses nothing in train, death is not prepared", missing, out.Names(), want)
			}
			for name, of := range map[string]string{"age_missing": "age", "x_missing": "x", "s_missing": "p"} {
				c := out.Column(name)
				for row, v := range c.Numbers {
					if (v == 1) != f.Column(of).IsMissing(row) || v != 0 && v != 1 || !c.Integer {
						t.Errorf("missing %q: %s, row %d is %v", missing, name, row, v)
					}
				}
			}
			model, _ := encode(t, p, out)
			if back, _ := decode(t, p, model); equalFrames(out, back) != "" {
				t.Errorf("missing %q: %s", missing, equalFrames(out, back))
			}
		}
	}
	clash := frame.Must(whole("age", 1, nan), whole("age_missing", 1, 2))
	if _, err := Fit(ctx, clash, Config{Indicator: true}, Options{}); err == nil || !strings.Contains(err.Error(), `the mark of "age" would be named "age_missing", which is there already`) {
		t.Errorf("clash: %v", err)
	}
}

func TestOneHotJSON(t *testing.T) {
	var got Config
	text := `{"missing":"keep","oneHot":{"race":["a","b"],"sex":{"columns":["f"],"none":"m"}}}`
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := Config{Missing: Keep, OneHot: map[string]OneHot{"race": {Columns: []string{"a", "b"}}, "sex": {Columns: []string{"f"}, None: "m"}}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	b, err := json.Marshal(got)
	if err != nil || string(b) != `{"missing":"keep","oneHot":{"race":{"columns":["a","b"]},"sex":{"columns":["f"],"none":"m"}}}` {
		t.Errorf("%s, %v", b, err)
	}
}
