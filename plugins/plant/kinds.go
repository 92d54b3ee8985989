package plant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Kind is a kind of error that can be planted.
type Kind struct {
	Name string
	Doc  string // one line, lower case
	find func(p *planter) []variant
}

// The names of kinds. Planted.Kind has one of them, and for some after ": " which of several errors of the kind it is.
const (
	Swap       = "swap"
	Order      = "order"
	Unit       = "unit"
	Factor     = "factor-10"
	Shuffled   = "shuffled"
	Impossible = "impossible"
)

// Kinds lists the kinds in their fixed order.
func Kinds() []Kind {
	return []Kind{
		{Swap, "the values of two related columns are exchanged, such as the least and the greatest, or diastolic and systolic pressure", swaps},
		{Order, "a value leaves the order that its column has to others: the least above the greatest, the first or the last outside of both", orders},
		{Unit, "a value is written in another unit than its column has, such as °F for °C, or µmol/L for mg/dL", units},
		{Factor, "a value is ten times as great, or a tenth", factors},
		{Shuffled, "a value is that of another patient", shuffles},
		{Impossible, "values of several columns that no patient can have together, those of `combine` among them", impossibles},
	}
}

// variant is one error of a kind that the columns allow, such as one column in another unit. plant returns the record with the error, and
// the columns that it changed; false where the record, which is a row of test, does not allow it.
type variant struct {
	kind  string
	plant func(row int, r record, rng *rand.Rand) (record, []int, bool)
	// declared says that the experiment itself calls the values impossible.
	declared bool
}

// planter is what errors are made from.
type planter struct {
	*knowledge
	config *Config
	whose  []int32 // the subject of each row
}

// set returns a record with other values, and the columns that have another one now. Values are written with the decimals of their column.
func (p *planter) set(r record, columns []int, values ...field) (record, []int, bool) {
	out, changed := slices.Clone(r), []int(nil)
	for i, at := range columns {
		v := values[i]
		if v.level == nil {
			v.number = rounded(v.number, p.decimals[at])
			if math.IsInf(v.number, 0) {
				return nil, nil, false
			}
		}
		if !v.equals(out[at]) && !v.missing() {
			out[at] = v
			changed = append(changed, at)
		}
	}
	return out, changed, len(changed) > 0
}

// setNumbers is set for numbers.
func (p *planter) setNumbers(r record, columns []int, values ...float64) (record, []int, bool) {
	fields := make([]field, len(values))
	for i, v := range values {
		fields[i] = field{number: v}
	}
	return p.set(r, columns, fields...)
}

// swaps exchanges columns that are related, and PaO2 with PaCO2.
func swaps(p *planter) (out []variant) {
	add := func(a, b int) {
		out = append(out, variant{kind: Swap, plant: func(_ int, r record, _ *rand.Rand) (record, []int, bool) {
			if r[a].missing() || r[b].missing() {
				return nil, nil, false
			}
			changed, columns, ok := p.set(r, []int{a, b}, r[b], r[a])
			return changed, columns, ok && len(columns) == 2
		}})
	}
	for _, less := range p.less {
		if less.related && !p.apart[less.below] && !p.apart[less.above] {
			add(less.below, less.above)
		}
	}
	for i := range p.columns {
		for j := range p.columns {
			if p.is(i, "bg_pao2") && p.is(j, "bg_paco2") && p.context(i) == p.context(j) {
				add(i, j)
			}
		}
	}
	return out
}

// orders moves one of two columns of the same quantity beyond the other, by as much as the column varies. The value stays one that the
// column can hold: what is wrong with it is the order alone.
func orders(p *planter) (out []variant) {
	for _, less := range p.less {
		if statistic, _ := p.words[less.below].split(); statistic == "" || !p.alike(less) {
			continue
		}
		for _, moved := range []int{less.below, less.above} {
			out = append(out, p.beyond(Order, less, moved))
		}
	}
	return out
}

// alike reports whether both columns of a relation are of one quantity.
func (p *planter) alike(r relation) bool {
	_, below := p.words[r.below].split()
	_, above := p.words[r.above].split()
	return below == above
}

// beyond moves a column beyond the other of a relation.
func (p *planter) beyond(kind string, less relation, moved int) variant {
	spread, positive := p.spread(moved), !slices.ContainsFunc(p.columns[moved].Numbers, func(v float64) bool { return v < 0 })
	return variant{kind: kind, plant: func(_ int, r record, rng *rand.Rand) (record, []int, bool) {
		below, above := r[less.below].number, r[less.above].number
		if !(below <= above+less.slack) || spread == 0 || p.apart[moved] {
			return nil, nil, false
		}
		step := less.slack + spread*(0.25+rng.Float64())
		value := above + step
		if moved == less.above {
			value = below - step
		}
		after, changed, ok := p.setNumbers(r, []int{moved}, value)
		switch {
		case !ok || !less.broken(after), p.outside(after, moved), positive && after[moved].number < 0:
			return nil, nil, false
		}
		return after, changed, true
	}}
}

// outside reports whether the value of a column lies outside of its own limits.
func (p *planter) outside(r record, column int) bool {
	return slices.ContainsFunc(p.checks, func(c check) bool { return len(c.columns) == 1 && c.columns[0] == column && c.broken(r) })
}

// spread is the distance of the quartiles of a column, or of its extremes where these are equal.
func (p *planter) spread(column int) float64 {
	values := slices.DeleteFunc(slices.Clone(p.columns[column].Numbers), math.IsNaN)
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	if middle := values[3*n/4] - values[n/4]; middle > 0 {
		return middle
	}
	return values[n-1] - values[0]
}

// units writes a column in each other form of its quantity.
func units(p *planter) (out []variant) {
	for i, m := range p.as {
		if m == nil || p.apart[i] {
			continue
		}
		for _, other := range m.quantity.forms {
			if other.unit == m.form.unit {
				continue
			}
			kind := fmt.Sprintf("%s: %s for %s", Unit, other.unit, m.form.unit)
			out = append(out, variant{kind: kind, plant: func(_ int, r record, _ *rand.Rand) (record, []int, bool) {
				return p.setNumbers(r, []int{i}, other.write(m.form.read(r[i].number)))
			}})
		}
	}
	return out
}

// factors moves the point of a column that has more than two values.
func factors(p *planter) (out []variant) {
	for i, c := range p.columns {
		if c.Kind != frame.Number || p.values[i] < fewValues || p.apart[i] {
			continue
		}
		for _, f := range []struct {
			sign   string
			factor float64
		}{{"×", 10}, {"÷", 0.1}} {
			out = append(out, variant{kind: fmt.Sprintf("%s: %s 10", Factor, f.sign), plant: func(_ int, r record, _ *rand.Rand) (record, []int, bool) {
				after, changed, ok := p.setNumbers(r, []int{i}, r[i].number*f.factor)
				// 4 becomes 0 in a column of whole numbers: that is no point in another place
				return after, changed, ok && after[i].number != 0
			}})
		}
	}
	return out
}

// donors is how many patients are asked for another value.
const donors = 30

// shuffles takes the value of another subject.
func shuffles(p *planter) (out []variant) {
	for i, c := range p.columns {
		if p.values[i] < 2 || p.apart[i] {
			continue
		}
		out = append(out, variant{kind: Shuffled, plant: func(row int, r record, rng *rand.Rand) (record, []int, bool) {
			for range donors {
				from := rng.IntN(c.Len())
				if v := fieldOf(c, from); p.whose[from] != p.whose[row] && !r[i].missing() && !v.missing() && !v.equals(r[i]) {
					return p.set(r, []int{i}, v)
				}
			}
			return nil, nil, false
		}})
	}
	return out
}

// impossibles makes values of several columns contradict each other.
func impossibles(p *planter) (out []variant) {
	named := func(what string) string { return Impossible + ": " + what }
	for _, less := range p.less {
		if !p.alike(less) {
			out = append(out, p.beyond(named(less.what), less, less.below), p.beyond(named(less.what), less, less.above))
		}
	}
	for _, set := range p.exactly {
		out = append(out, variant{kind: named("two of " + strings.Join(p.words[set[0]][:len(p.words[set[0]])-1], "_")), plant: p.second(set)})
	}
	for _, s := range p.samples() {
		out = append(out, variant{kind: named("alkalaemia with acid of both sides"), plant: func(_ int, r record, rng *rand.Rand) (record, []int, bool) {
			if r[s.ph].missing() || r[s.paco2].missing() || r[s.excess].missing() {
				return nil, nil, false
			}
			return p.setNumbers(r, []int{s.ph, s.paco2, s.excess}, 7.5+0.1*rng.Float64(), 60+30*rng.Float64(), -20+8*rng.Float64())
		}})
	}
	for _, s := range p.pregnancies() {
		out = append(out, variant{kind: named("pregnant man"), plant: func(_ int, r record, _ *rand.Rand) (record, []int, bool) {
			if !s.isMale(r[s.sex]) {
				return nil, nil, false
			}
			return p.set(r, []int{s.pregnant}, s.yes)
		}})
	}
	for _, combination := range p.config.Combine {
		out = append(out, p.combination(named(described(combination)), combination))
	}
	return out
}

// second sets another column of a set of which one is 1.
func (p *planter) second(set []int) func(int, record, *rand.Rand) (record, []int, bool) {
	return func(_ int, r record, rng *rand.Rand) (record, []int, bool) {
		var off []int
		for _, i := range set {
			if r[i].number == 0 {
				off = append(off, i)
			}
		}
		if len(off) != len(set)-1 {
			return nil, nil, false
		}
		return p.setNumbers(r, []int{off[rng.IntN(len(off))]}, 1)
	}
}
