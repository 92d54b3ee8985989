package plant

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// described is a combination in words, columns in byte order. It is part of the experiment and no row's.
func described(combination map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(combination)) {
		parts = append(parts, fmt.Sprintf("%s %v", name, combination[name]))
	}
	return strings.Join(parts, ", ")
}

// combination gives records the values of a combination.
func (p *planter) combination(kind string, combination map[string]any) variant {
	var columns []int
	var values []field
	for _, name := range slices.Sorted(maps.Keys(combination)) {
		at := slices.IndexFunc(p.columns, func(c *frame.Column) bool { return c.Name == name })
		columns = append(columns, at)
		values = append(values, declaredField(combination[name]))
	}
	return variant{kind: kind, declared: true, plant: func(_ int, r record, _ *rand.Rand) (record, []int, bool) {
		out, changed := slices.Clone(r), []int(nil)
		for i, at := range columns {
			if !values[i].equals(r[at]) { // as it is declared: it is not rounded
				out[at] = values[i]
				changed = append(changed, at)
			}
		}
		return out, changed, len(changed) > 0
	}}
}

// declaredField is a value of a combination; missing where it is of another type.
func declaredField(v any) field {
	switch v := v.(type) {
	case string:
		return field{math.NaN(), &v}
	case bool:
		if v {
			return field{number: 1}
		}
		return field{number: 0}
	case float64:
		return field{number: v}
	case int:
		return field{number: float64(v)}
	case int64:
		return field{number: float64(v)}
	}
	return field{number: math.NaN()}
}

// checkCombine finds combinations that no record can be given: that name one column or none, one that is not there, or a value of another
// kind than its column.
func checkCombine(all []map[string]any, test *frame.Frame) error {
	for i, combination := range all {
		at := fmt.Sprintf("combination %d", i+1)
		for _, name := range slices.Sorted(maps.Keys(combination)) {
			c, v := test.Column(name), declaredField(combination[name])
			switch {
			case c == nil:
				return fmt.Errorf(`"combine", %s: no column named %q; want one of the features or the target`, at, name)
			case v.level == nil && c.Kind == frame.Category:
				return fmt.Errorf(`"combine", %s: column %q has levels; want one of them, in quotes`, at, name)
			case v.level != nil && c.Kind == frame.Number:
				return fmt.Errorf(`"combine", %s: column %q has numbers; want one without quotes`, at, name)
			}
		}
	}
	return nil
}

// Check finds settings that no lineup can be made with, without looking at rows.
func (c *Config) Check() error {
	switch {
	case c.Rows < 0:
		return fmt.Errorf(`"rows" %d: want a number of rows of test, or 0 for all`, c.Rows)
	case !(c.Share >= 0 && c.Share <= 1):
		return fmt.Errorf(`"share" %v: want a share of the rows, from 0 to 1`, c.Share)
	case c.Shuffled < 0:
		return fmt.Errorf(`"shuffled" %d: want a number of rows, 0 or more`, c.Shuffled)
	}
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	for i, name := range c.Kinds {
		switch {
		case !slices.Contains(names, name):
			return fmt.Errorf(`"kinds": no kind of error named %q; want one of %s`, name, strings.Join(names, ", "))
		case slices.Contains(c.Kinds[:i], name):
			return fmt.Errorf(`"kinds": %q is there twice`, name)
		}
	}
	for i, combination := range c.Combine {
		if len(combination) < 2 {
			return fmt.Errorf(`"combine", combination %d: want the values of two columns or more`, i+1)
		}
		for _, name := range slices.Sorted(maps.Keys(combination)) {
			if v := declaredField(combination[name]); v.missing() || math.IsInf(v.number, 0) {
				return fmt.Errorf(`"combine", combination %d: column %q: want a finite number or a text`, i+1, name)
			}
		}
	}
	if len(c.Combine) > 0 && len(c.Kinds) > 0 && !slices.Contains(c.Kinds, Impossible) {
		return errors.New(`"combine" declares impossible combinations, and "kinds" leaves "impossible" out: want both, or neither`)
	}
	return nil
}
