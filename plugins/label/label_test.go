package label

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

func number(v ...float64) *frame.Column { return frame.NewNumber("death", v) }

func category(v ...string) *frame.Column {
	missing := make([]bool, len(v))
	for i := range v {
		missing[i] = v[i] == "?"
	}
	return frame.NewCategoryFromStrings("death", v, missing)
}

func TestBinary(t *testing.T) {
	for _, c := range []struct {
		name     string
		col      *frame.Column
		positive string
		want     []float64
	}{
		{"number", number(0, 1, 1), "", []float64{0, 1, 1}},
		{"number, 1 is positive", number(0, 1, 1), "1", []float64{0, 1, 1}},
		{"number, 0 is positive", number(0, 1, 1), "0", []float64{1, 0, 0}},
		{"last level in byte order", category("Expired", "Alive", "Expired"), "", []float64{1, 0, 1}},
		{"named level", category("Expired", "Alive", "Expired"), "Alive", []float64{0, 1, 0}},
	} {
		got, err := Binary(c.col, c.positive)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

func TestBinaryErrors(t *testing.T) {
	for _, c := range []struct {
		name     string
		col      *frame.Column
		positive string
		want     string
	}{
		{"no rows", number(), "", `target "death" has no rows`},
		{"missing numbers", number(0, 1, math.NaN(), math.NaN()), "", "missing in 2 of 4 rows"},
		{"missing levels", category("a", "b", "?"), "", "missing in 1 of 3 rows"},
		{"third number", number(0, 1, 2), "", "neither 0 nor 1 in 1 of 3 rows"},
		{"three levels", category("a", "b", "c"), "", "has 3 levels; two are needed"},
		{"three levels, one named", category("a", "b", "c"), "a", "has 3 levels; two are needed"},
		{"one number", number(1, 1), "", "one class only"},
		{"one level", category("a", "a"), "", "one class only"},
		{"positive level absent", category("a", "b"), "c", "one class only"},
		{"odd positive number", number(0, 1), "yes", `positive class is 0 or 1, not "yes"`},
	} {
		_, err := Binary(c.col, c.positive)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if one := strings.Contains(c.want, "one class"); one != errors.Is(err, ErrOneClass) {
			t.Errorf("%s: errors.Is(ErrOneClass) is %v", c.name, !one)
		}
	}
}

func TestPositive(t *testing.T) {
	for _, c := range []struct {
		col  *frame.Column
		want string
		fail string
	}{
		{number(0, 0), "1", ""},
		{category("yes", "no"), "yes", ""},
		{category("?"), "", "no labels"},
		{category("no"), "", "one class only"},
		{category("a", "b", "c"), "", "3 levels"},
	} {
		got, err := Positive(c.col)
		if got != c.want || (err == nil) != (c.fail == "") || (err != nil && !strings.Contains(err.Error(), c.fail)) {
			t.Errorf("%v: %q, %v; want %q, %q", c.col.Levels, got, err, c.want, c.fail)
		}
	}
}
