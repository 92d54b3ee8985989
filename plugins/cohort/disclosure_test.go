package cohort

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// system is what a reader knows of counts: sums of some that he has read, and what each is at least. It is no part of what is tested.
type system struct {
	low   []int
	sums  []sum
	names map[string]int
}

type sum struct {
	of    []int // variables, each as often as it counts
	total int
}

// unknown is the variable of a name.
func (s *system) unknown(name string, least int) int {
	if i, known := s.names[name]; known {
		s.low[i] = max(s.low[i], least)
		return i
	}
	s.names[name] = len(s.low)
	s.low = append(s.low, least)
	return len(s.low) - 1
}

func (s *system) add(total int, of ...int) { s.sums = append(s.sums, sum{of, total}) }

// may reports whether a variable can have a value, all sums being as they are.
func (s *system) may(variable, value int) bool {
	high := make([]int, len(s.low))
	for i := range high {
		high[i] = 1 << 20
	}
	low := slices.Clone(s.low)
	if value < low[variable] {
		return false
	}
	low[variable], high[variable] = value, value
	return s.search(low, high)
}

// search narrows the bounds of all variables, and tries the values of the narrowest that is open.
func (s *system) search(low, high []int) bool {
	for changed := true; changed; {
		changed = false
		for _, e := range s.sums {
			least, most := 0, 0
			times := map[int]int{}
			for _, v := range e.of {
				least, most = least+low[v], most+high[v]
				times[v]++
			}
			for v, n := range times {
				if h := (e.total - least + n*low[v]) / n; e.total-least < 0 {
					return false
				} else if h < high[v] {
					high[v], changed = h, true
				}
				if l := (e.total - most + n*high[v] + n - 1) / n; l > low[v] {
					low[v], changed = l, true
				}
				if low[v] > high[v] {
					return false
				}
			}
			if changed { // sums of bounds are of before
				break
			}
		}
	}
	open := -1
	for v := range low {
		if low[v] < high[v] && (open < 0 || high[v]-low[v] < high[open]-low[open]) {
			open = v
		}
	}
	if open < 0 {
		return true
	}
	for v := low[open]; v <= high[open]; v++ {
		l, h := slices.Clone(low), slices.Clone(high)
		l[open], h[open] = v, v
		if s.search(l, h) {
			return true
		}
	}
	return false
}

// invented is a small data set: a one-hot set, in some rows without a value, in some without a 1; a column of levels; one of two, which
// another repeats; and columns whose values are not counted.
type invented struct {
	table    *frame.Frame
	set      []string
	none     bool // some rows have no 1
	whole    bool // no row of the set lacks a value
	repeated bool
}

func invent(rng *rand.Rand) *invented {
	n := 24 + rng.IntN(50)
	in := &invented{none: rng.IntN(2) == 0, whole: rng.IntN(3) > 0, repeated: rng.IntN(2) == 0}
	skewed := func(k int) int { return int(float64(k) * rng.Float64() * rng.Float64()) }
	members := 2 + rng.IntN(3)
	columns := make([][]float64, members)
	for i := range columns {
		columns[i] = make([]float64, n)
		in.set = append(in.set, fmt.Sprintf("race_%d", i))
	}
	level, sex := make([]float64, n), make([]float64, n)
	lacks := [3][]float64{make([]float64, n), make([]float64, n), make([]float64, n)}
	shares := [4]float64{rng.Float64() * 0.4, rng.Float64() * 0.4, rng.Float64() * 0.9, rng.Float64() * 0.3}
	for row := range n {
		choices := members
		if in.none {
			choices++
		}
		at := skewed(choices)
		for i := range columns {
			if i == at {
				columns[i][row] = 1
			}
		}
		if !in.whole && rng.IntN(6) == 0 {
			for i := range columns {
				columns[i][row] = nan
			}
		}
		level[row], sex[row] = float64(skewed(4)), float64(skewed(2))
		for i := range lacks {
			lacks[i][row] = float64(row) + 0.5
			if rng.Float64() < shares[i] {
				lacks[i][row] = nan
			}
		}
		if rng.Float64() < shares[3]*shares[3] {
			level[row] = nan
		}
	}
	whole := func(name string, values []float64) *frame.Column {
		c := frame.NewNumber(name, values)
		c.Integer = true
		return c
	}
	var all []*frame.Column
	for i, name := range in.set {
		all = append(all, whole(name, columns[i]))
	}
	all = append(all, whole("level", level), whole("sex", sex), frame.NewNumber("a", lacks[0]), frame.NewNumber("b", lacks[1]), frame.NewNumber("c", lacks[2]))
	if in.repeated {
		names := make([]string, n)
		for row := range names {
			names[row] = map[float64]string{0: "z", 1: "a"}[sex[row]]
		}
		all = append(all, frame.NewCategoryFromStrings("gender", names, nil))
	}
	in.table = frame.Must(all...)
	return in
}

// truth is what counts are, withheld or not; those of classes that have none by themselves stand under names of their own.
func (in *invented) truth() map[string]int {
	of := map[string]int{}
	n := in.table.Rows()
	for _, c := range in.table.Columns() {
		for row := range n {
			switch {
			case c.IsMissing(row):
				of[c.Name+" missing"]++
			case c.Kind == frame.Category:
				of[c.Name+" "+c.Levels[c.Codes[row]]]++
			case c.Integer:
				of[fmt.Sprint(c.Name, " ", c.Numbers[row])]++
			default:
				of[c.Name+" present"]++
			}
		}
	}
	of["set none"] = n - of[in.set[0]+" missing"]
	for _, name := range in.set {
		of["set none"] -= of[name+" 1"]
	}
	return of
}

// known is the system of what is told, of how many rows there are, and of what the columns are to each other.
func (in *invented) known(counts []plugins.Count) *system {
	s := &system{names: map[string]int{}}
	n := in.table.Rows()
	distinct, told := map[string]int{}, map[string]int{}
	together := -1
	for _, c := range counts {
		column := c.Dims["column"]
		switch c.Name {
		case CountDistinct:
			distinct[column] = c.Value
		case CountMissing:
			told[column+" missing"] = c.Value
		case CountLevel:
			told[column+" "+c.Dims["level"]] = c.Value
		case CountMissingTogether:
			together = c.Value
		}
	}
	truth := in.truth() // of which the names are taken: who reads knows what values a column may have
	var untold []int
	for _, c := range in.table.Columns() {
		var parts []int
		for name := range truth {
			if strings.HasPrefix(name, c.Name+" ") && !strings.HasSuffix(name, " missing") && truth[name] > 0 {
				parts = append(parts, s.unknown(name, 1)) // as many levels as are told to be there
			}
		}
		missing := s.unknown(c.Name+" missing", 0)
		if _, is := told[c.Name+" missing"]; !is {
			s.low[missing] = 1
			untold = append(untold, missing)
		}
		s.add(n, append(parts, missing)...)
	}
	none := s.unknown("set none", 0)
	of := []int{none, s.unknown(in.set[0]+" missing", 0)}
	for i, name := range in.set {
		if at, is := s.names[name+" 1"]; is {
			of = append(of, at)
		}
		if i > 0 { // in the same rows
			s.same(n, in.set[0]+" missing", name+" missing")
		}
	}
	s.add(n, of...)
	if !in.none {
		s.add(0, none)
	}
	if in.repeated && truth["sex 1"] > 0 && truth["sex 0"] > 0 {
		s.same(n, "sex 1", "gender a")
	}
	for name, value := range told {
		s.add(value, s.unknown(name, 0))
	}
	if together >= 0 {
		s.add(together, untold...)
	}
	return s
}

// fewest is the least that a count can be by what is known to be there: the rows with a 0 in one column of a set are those of all others.
func (in *invented) fewest(name string) int {
	if !strings.HasPrefix(name, "race_") || !strings.HasSuffix(name, " 0") {
		return 1
	}
	others, truth := 0, in.truth()
	for _, member := range in.set {
		if member+" 0" != name && truth[member+" 1"] > 0 {
			others++
		}
	}
	return max(others, 1)
}

// same says that two counts are equal: each makes n with the same rest.
func (s *system) same(n int, a, b string) {
	rest := s.unknown("all but "+a, 0)
	s.add(n, s.unknown(a, 0), rest)
	s.add(n, s.unknown(b, 0), rest)
}

// What is told leaves each count of few rows that is withheld any number of 1 to 10, to one who knows how many rows there are, what one-hot
// sets are, and which columns repeat each other. And no count of few rows is told.
func TestNothingWithheldFollows(t *testing.T) {
	withheld, told, lost := 0, 0, 0
	for seed := range uint64(400) {
		in := invent(rand.New(rand.NewPCG(seed, 7)))
		rows := make([]int, in.table.Rows())
		for i := range rows {
			rows[i] = i
		}
		counts := Describe(in.table, nil, rows, [][]string{in.set})
		for _, c := range counts {
			if c.Name != CountDistinct && c.Value > 0 && c.Value < plugins.FewestTold {
				t.Fatalf("seed %d: %v is told", seed, c)
			}
			if c.Name == CountLevel {
				told++
			}
		}
		s := in.known(counts)
		for name, rows := range in.truth() {
			at, asked := s.names[name]
			if !asked || rows == 0 || rows >= plugins.FewestTold {
				continue
			}
			withheld++
			for v := in.fewest(name); v < plugins.FewestTold; v++ {
				if !s.may(at, v) {
					t.Fatalf("seed %d: that %s is of %d rows is narrowed: it cannot be %d, by\n%s", seed, name, rows, v, strings.Join(described(counts), "\n"))
				}
			}
		}
		if !s.may(0, in.truth()[nameOf(s, 0)]) {
			lost++
		}
	}
	if withheld < 500 || told < 500 || lost > 0 {
		t.Errorf("%d counts are withheld and %d told, %d systems contradict the data: the test sees too little", withheld, told, lost)
	}
}

func nameOf(s *system, variable int) string {
	for name, i := range s.names {
		if i == variable {
			return name
		}
	}
	return ""
}

// Of a one-hot set the rows with a 1 in a column follow from those in the others: of four columns the smallest other is not told.
func TestOneHotSetIsWithheldAsAWhole(t *testing.T) {
	ones := map[string]int{"asian": 4, "black": 20, "hispanic": 14, "other": 22}
	var columns []*frame.Column
	from := 0
	for _, name := range []string{"asian", "black", "hispanic", "other"} {
		values := make([]float64, 60)
		for i := range ones[name] {
			values[from+i] = 1
		}
		from += ones[name]
		c := frame.NewNumber(name, values)
		c.Integer = true
		columns = append(columns, c)
	}
	rows := make([]int, 60)
	for i := range rows {
		rows[i] = i
	}
	levels := func(table *frame.Frame) []string {
		told := described(Describe(table, nil, rows, [][]string{{"other", "black", "asian", "hispanic"}}))
		return slices.DeleteFunc(told, func(s string) bool { return strings.Contains(s, "values") })
	}
	want := []string{"black rows with the level 0: 40", "black rows with the level 1: 20", "other rows with the level 0: 38", "other rows with the level 1: 22"}
	if got := levels(frame.Must(columns...)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, c := range columns { // as files have them that know no whole numbers
		c.Integer = false
	}
	if got := levels(frame.Must(columns...)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	columns[0].Numbers[59] = 1 // two in one row
	if got := levels(frame.Must(columns...)); len(got) != 0 {
		t.Errorf("of columns that are no one-hot set: %q", got)
	}
}
