package subgroup_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	number   = metrictest.Number
	category = metrictest.Category
)

func TestForm(t *testing.T) {
	sex := category("sex", "m", "f", "", "f", "m")
	age := number("old", 1, 0, 1, math.NaN(), 1)
	for _, c := range []struct {
		name   string
		frames [][]*frame.Column
		levels []string
		of     [][]int32
	}{
		{"a category", [][]*frame.Column{{sex}}, []string{"f", "m"}, [][]int32{{1, 0, -1, 0, 1}}},
		{"a number", [][]*frame.Column{{age}}, []string{"0", "1"}, [][]int32{{1, 0, 1, -1, 1}}},
		{"crossed: only groups that are there", [][]*frame.Column{{sex, age}}, []string{"f & 0", "m & 1"}, [][]int32{{1, 0, -1, -1, 1}}},
		{"two frames", [][]*frame.Column{{sex}, {category("sex", "x", "f")}}, []string{"f", "m", "x"}, [][]int32{{1, 0, -1, 0, 1}, {2, 0}}},
		{"a frame without rows", [][]*frame.Column{{sex}, {category("sex")}}, []string{"f", "m"}, [][]int32{{1, 0, -1, 0, 1}, {}}},
		{"levels that look crossed", [][]*frame.Column{{category("a", "x & y", "x"), category("b", "z", "y & z")}}, []string{`x & "y & z"`, `"x & y" & z`}, [][]int32{{1, 0}}},
	} {
		g, err := subgroup.Form(c.frames...)
		if err != nil || !slices.Equal(g.Levels, c.levels) || !slices.EqualFunc(g.Of, c.of, slices.Equal[[]int32]) {
			t.Errorf("%s: %+v, %v; want %q, %v", c.name, g, err, c.levels, c.of)
		}
	}
	g, _ := subgroup.Form([]*frame.Column{sex})
	if !slices.Equal(g.Rows(0, 0), []int{1, 3}) || g.Outside(0) != 1 {
		t.Errorf("rows %v, outside %d", g.Rows(0, 0), g.Outside(0))
	}
}

func TestFormRefusesMeasurements(t *testing.T) {
	values, other := make([]float64, 101), make([]float64, 101)
	for i := range values {
		values[i], other[i] = float64(i), float64(i%11)
	}
	if _, err := subgroup.Form([]*frame.Column{number("x", values...)}); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("101 levels: %v", err)
	}
	var a, b []float64
	for i := range 40 {
		for j := range 40 {
			a, b = append(a, float64(i)), append(b, float64(j))
		}
	}
	if _, err := subgroup.Form([]*frame.Column{number("a", a...), number("b", b...)}); err == nil {
		t.Error("1600 crossed groups are formed")
	}
	if _, err := subgroup.Form([]*frame.Column{number("x", other...)}); err != nil {
		t.Errorf("11 levels: %v", err)
	}
}

func TestSets(t *testing.T) {
	for _, c := range []struct {
		config subgroup.Config
		want   []string
	}{
		{subgroup.Config{By: []string{"sex"}, Crossed: true}, []string{"sex"}},
		{subgroup.Config{By: []string{"sex", "race"}}, []string{"sex", "race"}},
		{subgroup.Config{By: []string{"sex", "race"}, Crossed: true}, []string{"sex", "race", "sex & race"}},
	} {
		var got []string
		for _, set := range c.config.Sets() {
			got = append(got, subgroup.Name(set))
		}
		if !slices.Equal(got, c.want) || c.config.Check() != nil {
			t.Errorf("%+v: %q, want %q", c.config, got, c.want)
		}
	}
	for _, by := range [][]string{nil, {""}, {"a", "b", "a"}} {
		if (subgroup.Config{By: by}).Check() == nil {
			t.Errorf("%q is accepted", by)
		}
	}
}

func TestColumnsAreFoundBeside(t *testing.T) {
	s := plugins.Sample{Frame: frame.Must(number("x", 1)), Beside: frame.Must(category("sex", "f"))}
	if c, err := subgroup.Columns(s, plugins.Test, []string{"sex", "x"}); err != nil || len(c) != 2 || c[0].Name != "sex" {
		t.Errorf("%v, %v", c, err)
	}
	s.Beside = nil
	if _, err := subgroup.Columns(s, plugins.Train, []string{"x", "sex"}); err == nil || err.Error() != `the train part has no column "sex"` {
		t.Error(err)
	}
	if _, err := subgroup.Synthetic(s.Frame, []string{"sex"}); err == nil || err.Error() != `the synthetic rows have no column "sex"` {
		t.Error(err)
	}
}
