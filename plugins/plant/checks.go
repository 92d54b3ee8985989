package plant

import (
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// field is a value of a record: a number, or the level of a category. A missing one is NaN and nil.
type field struct {
	number float64
	level  *string
}

func (f field) missing() bool { return math.IsNaN(f.number) && f.level == nil }

func (f field) equals(other field) bool {
	if f.level != nil && other.level != nil {
		return *f.level == *other.level
	}
	return f.level == nil && other.level == nil && f.number == other.number
}

// record is the values of a row, by column.
type record []field

// check is something that no record may be: a value outside of what its column can hold, or values that contradict each other.
type check struct {
	columns []int
	broken  func(r record) bool // false where a value that it needs is missing
}

// knowledge is what is known of the columns of a test part, by their place.
type knowledge struct {
	columns  []*frame.Column
	words    []words
	as       []*measured
	decimals []int // that the values of a column are written with; -1: more than mostDecimals
	values   []int // different values, counted up to fewValues
	apart    []bool
	checks   []check
	exactly  [][]int // columns of 0 and 1 of which exactly one is 1
	less     []relation
}

// relation says that the value of a column is at most that of another, where both are of one moment or of one window.
type relation struct {
	below, above int
	slack        float64 // by which it may be more
	what         string  // the reverse, in words
	related      bool    // they may be taken for each other: what is exchanged by a swap
}

const (
	mostDecimals = 6
	fewValues    = 3
)

// learn finds out what is known of columns.
func learn(test *frame.Frame, known Known) *knowledge {
	k := &knowledge{columns: test.Columns()}
	for _, c := range k.columns {
		w, info := wordsOf(c.Name), known.About[c.Name]
		k.words = append(k.words, w)
		k.as = append(k.as, knownAs(c, info, w))
		k.decimals = append(k.decimals, decimals(c))
		k.values = append(k.values, different(c))
		k.apart = append(k.apart, c.Name == known.Target || isIdentifier(info.Role))
	}
	k.limit(known.Limits)
	k.relate()
	k.findExactlyOne(test.Rows())
	k.acidBase()
	k.pregnancy()
	return k
}

// isIdentifier reports whether an error in a column of this role is no clinical one.
func isIdentifier(r plugins.Role) bool {
	switch r {
	case plugins.RoleRow, plugins.RoleSubject, plugins.RoleSite, plugins.RoleID, plugins.RoleScore, plugins.RoleContext, plugins.RoleTarget:
		return true
	}
	return false
}

// decimals returns how many decimals the values of a column need.
func decimals(c *frame.Column) int {
	need := 0
	for _, v := range c.Numbers {
		for need <= mostDecimals && !math.IsNaN(v) && rounded(v, need) != v {
			need++
		}
		if need > mostDecimals {
			return -1
		}
	}
	return need
}

// rounded rounds to decimals; a negative number of them leaves a value as it is.
func rounded(v float64, decimals int) float64 {
	if decimals < 0 {
		return v
	}
	scale := math.Pow(10, float64(decimals))
	if r := math.Round(v*scale) / scale; !math.IsInf(r, 0) {
		return r
	}
	return v
}

// different counts the values of a number column that are not alike, up to fewValues.
func different(c *frame.Column) int {
	if c.Kind == frame.Category {
		return min(len(c.Levels), fewValues)
	}
	var seen []float64
	for _, v := range c.Numbers {
		if !math.IsNaN(v) && !slices.Contains(seen, v) {
			if seen = append(seen, v); len(seen) == fewValues {
				break
			}
		}
	}
	return len(seen)
}

// limit makes checks of what columns can hold: the limits that the experiment declares, or else those of their quantity.
func (k *knowledge) limit(declared map[string]plugins.Limit) {
	for i, c := range k.columns {
		low, high := math.Inf(-1), math.Inf(1)
		l, ok := declared[c.Name]
		switch {
		case ok && len(l.Levels) > 0:
			k.check(func(r record) bool { return r[i].level != nil && !slices.Contains(l.Levels, *r[i].level) }, i)
			continue
		case ok:
			if l.Min != nil {
				low = *l.Min
			}
			if l.Max != nil {
				high = *l.Max
			}
		case k.as[i] != nil:
			if a, b, published := k.as[i].limits(); published {
				low, high = a, b
			}
		}
		if !math.IsInf(low, 0) || !math.IsInf(high, 0) {
			k.check(func(r record) bool { return r[i].number < low || r[i].number > high }, i)
		}
	}
}

func (k *knowledge) check(broken func(record) bool, columns ...int) {
	k.checks = append(k.checks, check{columns, broken})
}

// atMost adds a relation.
func (k *knowledge) atMost(below, above int, related bool, what string) {
	k.relation(relation{below: below, above: above, what: what, related: related})
}

func (k *knowledge) relation(r relation) {
	k.less = append(k.less, r)
	k.check(r.broken, r.below, r.above)
}

func (less relation) broken(r record) bool {
	return r[less.below].number > r[less.above].number+less.slack
}

// relate finds columns of which one is at most the other: the least, the first and last, and the greatest of the same measurements;
// blood pressures of the same statistic; days on a ventilator and in hospital; haemoglobin and haematocrit; PaO2 and its ratio to FiO2.
func (k *knowledge) relate() {
	families := map[string]map[string]int{} // by the name without the statistic, by statistic
	var order []string
	for i, c := range k.columns {
		statistic, rest := k.words[i].split()
		if c.Kind != frame.Number || statistic == "" {
			continue
		}
		if families[rest] == nil {
			families[rest] = map[string]int{}
			order = append(order, rest)
		}
		families[rest][statistic] = i
	}
	for _, name := range order {
		f := families[name]
		low, hasLow := f["min"]
		high, hasHigh := f["max"]
		if hasLow && hasHigh {
			k.atMost(low, high, true, "min above max")
		}
		for _, statistic := range []string{"first", "last", "mean", "median"} {
			at, ok := f[statistic]
			if ok && hasLow {
				k.atMost(low, at, false, statistic+" below min")
			}
			if ok && hasHigh {
				k.atMost(at, high, false, statistic+" above max")
			}
		}
	}
	k.sameStatistic("diasbp", "sysbp", true, "diastolic above systolic")
	k.sameStatistic("meanbp", "sysbp", false, "mean above systolic")
	k.sameStatistic("diasbp", "meanbp", false, "diastolic above mean")
	k.sameStatistic("hemoglobin", "hematocrit", true, "hemoglobin above hematocrit")
	k.sameStatistic("bg_pao2", "bg_pao2fio2ratio", true, "PaO2 above PaO2/FiO2")
	k.days()
}

// sameStatistic relates columns of two quantities that are alike but for the quantity. Both have to be in their first form: relations of
// haemoglobin in g/dL to haematocrit in % are none of other units.
func (k *knowledge) sameStatistic(below, above string, related bool, what string) {
	for i := range k.columns {
		if !k.is(i, below) {
			continue
		}
		for j := range k.columns {
			if k.is(j, above) && k.context(i) == k.context(j) {
				k.atMost(i, j, related, what)
			}
		}
	}
}

// is reports whether a column is a quantity in its first form.
func (k *knowledge) is(i int, quantity string) bool {
	m := k.as[i]
	return m != nil && m.quantity.name == quantity && m.form.unit == m.quantity.forms[0].unit
}

// context is what the name of a column says besides its quantity.
func (k *knowledge) context(i int) string {
	from, to, _ := k.words[i].find(k.as[i].quantity.words)
	return strings.Join(slices.Delete(slices.Clone(k.words[i]), from, to), " ")
}

// days relates days on a ventilator to those of the stay.
func (k *knowledge) days() {
	var ventilated, stay []int
	for i, c := range k.columns {
		switch w := k.words[i]; {
		case c.Kind != frame.Number || k.values[i] < fewValues:
		case w.has("ventdays", "actualventdays", "vent_days", "ventilator_days", "days_ventilated"):
			ventilated = append(ventilated, i)
		case w.has("hosp_los", "los_hosp", "los_hospital", "hospital_los", "hospital_days", "time_in_hospital"):
			stay = append(stay, i)
		}
	}
	if len(ventilated) == 1 && len(stay) == 1 {
		// a stay touches fewer days of the calendar than its length and two
		k.relation(relation{below: ventilated[0], above: stay[0], slack: 2, what: "more days on a ventilator than in hospital", related: true})
	}
}

// mostlyOne is the share of rows in which one of the columns of a set is 1, from which on the set stands for one variable.
const mostlyOne = 0.9

// findExactlyOne finds columns of 0 and 1 with one beginning of their names that stand for one variable: no row has two.
func (k *knowledge) findExactlyOne(rows int) {
	sets := map[string][]int{}
	var order []string
	for i, c := range k.columns {
		if c.Kind != frame.Number || len(k.words[i]) < 2 || !isFlag(c) || k.apart[i] {
			continue
		}
		prefix := strings.Join(k.words[i][:len(k.words[i])-1], " ")
		if sets[prefix] == nil {
			order = append(order, prefix)
		}
		sets[prefix] = append(sets[prefix], i)
	}
	for _, prefix := range order {
		set := sets[prefix]
		if len(set) < 2 || !k.oneVariable(set, rows) {
			continue
		}
		k.exactly = append(k.exactly, set)
		k.check(func(r record) bool {
			sum := 0.0
			for _, i := range set {
				if r[i].number == 1 {
					sum++
				}
			}
			return sum > 1
		}, set...)
	}
}

// oneVariable reports whether no row has two of the columns, and most have one.
func (k *knowledge) oneVariable(set []int, rows int) bool {
	ones := 0
	for row := range rows {
		sum := 0
		for _, i := range set {
			if k.columns[i].Numbers[row] == 1 {
				sum++
			}
		}
		if sum > 1 {
			return false
		}
		ones += sum
	}
	return rows > 0 && float64(ones) >= mostlyOne*float64(rows)
}

func isFlag(c *frame.Column) bool {
	return !slices.ContainsFunc(c.Numbers, func(v float64) bool { return v != 0 && v != 1 && !math.IsNaN(v) })
}

// sample is the columns of one blood gas.
type sample struct{ ph, paco2, excess int }

// acidBase checks that the metabolic side of a blood gas does not point the other way than pH and PaCO2 leave open: with a raised pH, a
// raised PaCO2 means that base is in excess, and with a lowered pH, a lowered PaCO2 that it lacks.
//
// Source: the Henderson–Hasselbalch equation, pH = 6.1 + log10([HCO3]/(0.0307 PaCO2)): with pH at least 7.45 and PaCO2 at least 45 mmHg,
// bicarbonate is above 30 mmol/L, and with pH at most 7.35 and PaCO2 at most 35 mmHg below 20; both are far from what 10 mmol/L
// of base excess of the other sign go with.
func (k *knowledge) acidBase() {
	for _, s := range k.samples() {
		k.check(func(r record) bool {
			ph, paco2, excess := r[s.ph].number, r[s.paco2].number, r[s.excess].number
			return ph >= 7.45 && paco2 >= 45 && excess <= -10 || ph <= 7.35 && paco2 <= 35 && excess >= 10
		}, s.ph, s.paco2, s.excess)
	}
}

func (k *knowledge) samples() (out []sample) {
	for i := range k.columns {
		if !k.is(i, "bg_ph") {
			continue
		}
		for j := range k.columns {
			if !k.is(j, "bg_paco2") || k.context(i) != k.context(j) {
				continue
			}
			for e := range k.columns {
				if k.is(e, "bg_baseexcess") && k.context(i) == k.context(e) {
					out = append(out, sample{i, j, e})
				}
			}
		}
	}
	return out
}

// sexed is a column that tells the sex, and one of 0 and 1, or of levels, that only women can have.
type sexed struct {
	sex, pregnant int
	isMale        func(field) bool
	yes, no       field
}

// pregnancy checks that no man is pregnant.
func (k *knowledge) pregnancy() {
	for _, s := range k.pregnancies() {
		k.check(func(r record) bool {
			return s.isMale(r[s.sex]) && !r[s.pregnant].missing() && r[s.pregnant].equals(s.yes)
		}, s.sex, s.pregnant)
	}
}

func (k *knowledge) pregnancies() (out []sexed) {
	for i, c := range k.columns {
		if !k.words[i].has("pregnant", "pregnancy", "is_pregnant") || k.apart[i] {
			continue
		}
		yes, no, ok := yesNo(c)
		for j := range k.columns {
			if isMale := k.male(j); ok && isMale != nil {
				out = append(out, sexed{j, i, isMale, yes, no})
			}
		}
	}
	return out
}

// yesNo returns the two values of a column of yes and no.
func yesNo(c *frame.Column) (yes, no field, ok bool) {
	if c.Kind == frame.Number {
		return field{number: 1}, field{number: 0}, isFlag(c)
	}
	at := [2]*string{}
	for i, level := range c.Levels {
		switch strings.ToLower(level) {
		case "yes", "y", "true", "t", "1":
			at[0] = &c.Levels[i]
		case "no", "n", "false", "f", "0":
			at[1] = &c.Levels[i]
		default:
			return yes, no, false
		}
	}
	if at[0] == nil || at[1] == nil {
		return yes, no, false
	}
	return field{math.NaN(), at[0]}, field{math.NaN(), at[1]}, true
}

// male returns what tells men by the values of a column; nil where it does not say the sex.
func (k *knowledge) male(i int) func(field) bool {
	c, w := k.columns[i], k.words[i]
	levels := func(f field, names ...string) bool {
		return f.level != nil && slices.Contains(names, strings.ToLower(*f.level))
	}
	switch {
	case c.Kind == frame.Category && w.has("sex", "gender"):
		return func(f field) bool { return levels(f, "m", "male", "man") }
	case c.Kind == frame.Number && isFlag(c) && w.has("female"):
		return func(f field) bool { return f.number == 0 }
	case c.Kind == frame.Number && isFlag(c) && w.has("male"):
		return func(f field) bool { return f.number == 1 }
	}
	return nil
}

// record returns a row.
func (k *knowledge) record(row int) record {
	out := make(record, len(k.columns))
	for i, c := range k.columns {
		out[i] = fieldOf(c, row)
	}
	return out
}

func fieldOf(c *frame.Column, row int) field {
	switch {
	case c.IsMissing(row):
		return field{number: math.NaN()}
	case c.Kind == frame.Category:
		return field{math.NaN(), &c.Levels[c.Codes[row]]}
	}
	return field{number: c.Numbers[row]}
}
