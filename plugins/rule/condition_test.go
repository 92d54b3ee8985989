package rule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// A condition that people may write wrong says what and where.
func TestMistakesOfConditions(t *testing.T) {
	for source, want := range map[string]string{
		"":                                    "at character 1: a number, a text, a column or a bracket expected, not the end of the condition",
		"a":                                   "at character 1: a condition expected, not a column",
		"a + 1":                               "at character 3: a condition expected, not a number",
		"a <":                                 "at character 4: a number, a text, a column or a bracket expected, not the end of the condition",
		"a <= 1 b":                            `at character 8: "b" is too much here`,
		"a = 1":                               `at character 3: '=' has no meaning here; "equal" is written ==`,
		"a > 1 && b > 1":                      `at character 7: '&' has no meaning here; conditions are joined by "and", "or" and "not"`,
		"a ≤ 1":                               "at character 3: '≤' has no meaning here; it is written <= or >=",
		"é > 1 and (b < 2":                    `at character 17: ")" expected, not the end of the condition`,
		"a > 1 and b":                         "at character 11: a condition expected, not a column",
		"a > 1 or b + 1":                      "at character 12: a condition expected, not a number",
		"not a":                               "at character 5: a condition expected, not a column",
		"(a > 1) + 1 > 2":                     "at character 4: a number expected, not a condition",
		"a < 'x'":                             "at character 3: texts have no order; compare them by == or !=, or use in",
		"1 == 'x'":                            "at character 3: a number is never equal to a text",
		"'y' == 'x'":                          "at character 5: two texts are compared, and no column",
		"'x' + 1 > 2":                         "at character 1: a number expected, not a text",
		"a == 'x":                             "at character 6: ' is never closed",
		"`a b == 1":                           "at character 1: ` is never closed",
		"a in 1":                              `at character 6: "[" expected, not "1"`,
		"a in []":                             `at character 7: a number, a text, a column or a bracket expected, not "]"`,
		"a in [1, 'x']":                       "at character 10: a list holds numbers or texts, not both",
		"a in [b]":                            "at character 7: a list holds numbers or texts",
		"a + 1 in ['x']":                      "at character 3: a text expected, not a number",
		"a not 1":                             `at character 7: "in" expected, not "1"`,
		"a matches b":                         `at character 11: a regular expression in quotes expected, not "b"`,
		"a matches '('":                       "at character 11: missing closing ): `(`",
		"1 matches 'x'":                       "at character 1: a column expected before matches",
		"logg(a) > 1":                         `at character 1: no function named "logg"; there are abs, log10, max, min, missing, pow and present`,
		"abs(a, b) > 1":                       "at character 1: abs takes 1 value, not 2",
		"pow(a) > 1":                          "at character 1: pow takes 2 values, not 1",
		"min(a) > 1":                          "at character 1: min takes 2 values or more, not 1",
		"missing(1)":                          "at character 9: a column expected",
		"missing a":                           `at character 9: "(" expected, not "a"`,
		"1a > 2":                              `at character 1: "1a" is no number; a column whose name starts with a digit stands in backquotes`,
		". > 2":                               `at character 1: "." is no number; a column whose name starts with a digit stands in backquotes`,
		"{v > 1":                              "at character 1: { without }",
		"v} > 1":                              "at character 1: } without {",
		"{} > 1":                              "at character 1: a variable in braces has a name, as {v} has",
		"`` > 1":                              "at character 1: a column has a name",
		"and > 1":                             `at character 1: a number, a text, a column or a bracket expected, not "and"`,
		"a < b < (c > 1)":                     "at character 12: a number, a text or a column expected, not a condition",
		strings.Repeat("(", 300):              "at character 201: nested more than 200 times",
		strings.Repeat("not ", 300) + "a > 1": "at character 801: nested more than 200 times",
		strings.Repeat("-", 300) + "1 > 1":    "at character 201: nested more than 200 times",
	} {
		if _, m := parse(source); m == nil || m.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", source, m, want)
		}
	}
}

// nothing is a missing number in the tests below.
var nothing = math.NaN()

func TestWhatConditionsSay(t *testing.T) {
	f := frame.Must(
		frame.NewNumber("a", []float64{1}), frame.NewNumber("b", []float64{2}), frame.NewNumber("zero", []float64{0}),
		frame.NewNumber("lost", []float64{nothing}), frame.NewNumber("9 a", []float64{9}), frame.NewNumber("min", []float64{3}),
		frame.NewCategoryFromStrings("c", []string{"Hip, left"}, nil), frame.NewCategoryFromStrings("d", []string{"Hip, left"}, nil),
		frame.NewCategoryFromStrings("e", []string{"hip"}, nil), frame.NewCategoryFromStrings("none", []string{""}, []bool{true}),
	)
	for source, want := range map[string]uint8{
		"a < b":                            yes,
		"b <= a":                           no,
		"a <= a and a >= a and a == a":     yes,
		"a != a":                           no,
		"a < b < 3":                        yes,
		"a < b < 2":                        no,
		"1 < a":                            no,
		"1 <= a":                           yes,
		"2 > a":                            yes,
		"1 > a":                            no,
		"1 >= a":                           yes,
		"a + b * 2 == 5":                   yes,
		"(a + b) * 2 == 6":                 yes,
		"b - a - a == 0":                   yes,
		"b / a / 2 == 1":                   yes,
		"-b + 3 == a":                      yes,
		"--b == b":                         yes,
		"a > -1.5e0":                       yes,
		"abs(a - b) == 1":                  yes,
		"log10(100 * a) == b":              yes,
		"pow(b, 3) == 8":                   yes,
		"min(a, b, -4) == -4":              yes,
		"max(a, b, -4) == b":               yes,
		"`min` == 3":                       yes,
		"`9 a` == 9":                       yes,
		"a in [3, 1]":                      yes,
		"a in [-1, 2]":                     no,
		"a not in [-1, 2]":                 yes,
		"not a in [-1, 2]":                 yes,
		"a + 1 in [2]":                     yes,
		"c == 'Hip, left'":                 yes,
		`c == "hip"`:                       no,
		"'hip' == e":                       yes,
		"c != 'hip'":                       yes,
		"c == d":                           yes,
		"c != d":                           no,
		"c == e":                           no,
		"c in ['x', 'Hip, left']":          yes,
		"c not in ['x', 'Hip, left']":      no,
		"c matches '^hip'":                 no,
		"c matches '(?i)^hip'":             yes,
		"missing(lost) and present(a)":     yes,
		"present(lost) or missing(a)":      no,
		"missing(none) and not missing(c)": yes,
		"lost > 1":                         unknown,
		"lost <= 1":                        unknown,
		"not lost > 1":                     unknown,
		"1 > lost":                         unknown,
		"lost == lost":                     unknown,
		"lost != 1":                        unknown,
		"lost in [1]":                      unknown,
		"lost not in [1]":                  unknown,
		"none == 'x'":                      unknown,
		"none != 'x'":                      unknown,
		"none == c":                        unknown,
		"none matches 'x'":                 unknown,
		"none in ['x']":                    unknown,
		"a / zero > 1":                     unknown,
		"zero / zero > 1":                  unknown,
		"log10(zero) < 1":                  unknown,
		"log10(-a) < 1":                    unknown,
		"pow(-b, 0.5) < 1":                 unknown,
		"pow(lost, 0) == 1":                unknown,
		"pow(a, lost) == 1":                unknown,
		"1e308 * b * 10 > 0":               unknown,
		"min(a, lost) < 5":                 unknown,
		"max(lost, a) > 0":                 unknown,
		"abs(lost) >= 0":                   unknown,
		"lost > 1 and a > b":               no,
		"lost > 1 and a < b":               unknown,
		"lost > 1 or a < b":                yes,
		"lost > 1 or a > b":                unknown,
		"a > b and a > b or a < b":         yes,
		"not a > b and a > b":              no,
		"not (a > b and a > b)":            yes,
	} {
		n, m := parse(source)
		if m != nil {
			t.Errorf("%q: %v", source, m)
			continue
		}
		if got := compile(n, nil, f).truth(&scratch{}, 0, 0, 1)[0]; got != want {
			t.Errorf("%q is %d, want %d", source, got, want)
		}
	}
}

// value is what a node comes to for one record, worked out by itself: NaN for what is not there, and truth as in evaluate.go.
func (n *node) value(record map[string]any, values map[string]string) (number float64, text string, truth uint8) {
	var numbers []float64
	var texts []string
	var truths []uint8
	for _, a := range n.args {
		x, s, b := a.value(record, values)
		numbers, texts, truths = append(numbers, x), append(texts, s), append(truths, b)
	}
	holds := func(b bool) (float64, string, uint8) {
		if slices.ContainsFunc(numbers, math.IsNaN) && !slices.ContainsFunc(texts, func(s string) bool { return s != "" }) || slices.Contains(texts, "") && slices.ContainsFunc(texts, func(s string) bool { return s != "" }) {
			return nothing, "", unknown
		}
		if b {
			return nothing, "", yes
		}
		return nothing, "", no
	}
	finite := func(x float64) (float64, string, uint8) {
		if math.IsInf(x, 0) || slices.ContainsFunc(numbers, math.IsNaN) {
			return nothing, "", unknown
		}
		return x, "", unknown
	}
	switch n.op {
	case opNumber:
		return n.number, "", unknown
	case opText:
		return nothing, n.texts[0], unknown
	case opColumn:
		switch v := record[n.column.name(values)].(type) {
		case float64:
			return v, "", unknown
		case string:
			return nothing, v, unknown
		}
		return nothing, "", unknown
	case opAdd:
		return finite(numbers[0] + numbers[1])
	case opSubtract:
		return finite(numbers[0] - numbers[1])
	case opMultiply:
		return finite(numbers[0] * numbers[1])
	case opDivide:
		return finite(numbers[0] / numbers[1])
	case opNegate:
		return finite(-numbers[0])
	case opAbs:
		return finite(math.Abs(numbers[0]))
	case opLog10:
		return finite(math.Log10(numbers[0]))
	case opPow:
		return finite(math.Pow(numbers[0], numbers[1]))
	case opMin:
		return finite(slices.Min(numbers))
	case opMax:
		return finite(slices.Max(numbers))
	case opLess:
		return holds(numbers[0] < numbers[1])
	case opAtMost:
		return holds(numbers[0] <= numbers[1])
	case opMore:
		return holds(numbers[0] > numbers[1])
	case opAtLeast:
		return holds(numbers[0] >= numbers[1])
	case opEqual:
		return holds(numbers[0] == numbers[1] || texts[0] == texts[1] && texts[0] != "")
	case opDiffer:
		return holds(numbers[0] != numbers[1] && (texts[0] != texts[1] || texts[0] == ""))
	case opIn:
		return holds(slices.Contains(n.numbers, numbers[0]) || texts[0] != "" && slices.Contains(n.texts, texts[0]))
	case opMatches:
		return holds(n.pattern.MatchString(texts[0]))
	case opMissing, opPresent:
		if (math.IsNaN(numbers[0]) && texts[0] == "") == (n.op == opMissing) {
			return nothing, "", yes
		}
		return nothing, "", no
	case opAnd:
		return nothing, "", min(truths[0], truths[1])
	case opOr:
		return nothing, "", max(truths[0], truths[1])
	}
	return nothing, "", yes - truths[0]
}

// Columns at a time come to what single records do, whatever the rule, where blocks end, and which values are missing.
func TestBlocksAreRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rules, faults := Packed([]string{"icu"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, r := range rules {
		members := some(r)
		for _, values := range members[:min(2, len(members))] {
			kinds := kindsOf(t, r, values)
			records := make([]map[string]any, BlockRows+7)
			for i := range records {
				records[i] = draw(rng, r, values, kinds, 0.1)
			}
			f := frameOf(records, kinds)
			m := r.bind(values, f)
			a := (&asked{members: []member{m}}).answer(&scratch{}, BlockRows, len(records))
			first := (&asked{members: []member{m}}).answer(&scratch{}, 0, BlockRows)
			for i, got := range slices.Concat(first.truth, a.truth) {
				if want := r.truthOf(records[i], values); got != want {
					t.Fatalf("%s %v of %v: %d, want %d", r.Name, values, records[i], got, want)
				}
			}
		}
	}
}

// truthOf is what a rule says of one record.
func (r *Parsed) truthOf(record map[string]any, values map[string]string) uint8 {
	if r.when != nil {
		if _, _, when := r.when.value(record, values); when != yes {
			return unknown
		}
	}
	_, _, then := r.then.value(record, values)
	return then
}

// some returns the values of the variables for every member of a family; one that takes its values from the columns is "quantity".
func some(r *Parsed) []map[string]string {
	out := listed(r.Each)
	for _, values := range out {
		if r.free != "" {
			values[r.free] = "quantity"
		}
	}
	return out
}

// kindsOf are the kinds of column that a member of a rule needs.
func kindsOf(t *testing.T, r *Parsed, values map[string]string) map[string]frame.Kind {
	t.Helper()
	kinds := map[string]frame.Kind{}
	for _, c := range r.reads {
		name := c.column.name(values)
		for _, kind := range []frame.Kind{frame.Category, frame.Number} {
			about := func(other string) (known, bool) {
				if other == name {
					return known{kind: kind}, true
				}
				return known{kind: kinds[other]}, true
			}
			if r.fit(values, about) == nil {
				kinds[name] = kind
			}
		}
		if kinds[name] == "" {
			t.Fatalf("%s: %q fits as no kind of column", r.Name, name)
		}
	}
	return kinds
}

// draw draws a record near the numbers and texts that a rule speaks of; a value is missing with some probability.
func draw(rng *rand.Rand, r *Parsed, values map[string]string, kinds map[string]frame.Kind, missing float64) map[string]any {
	numbers, texts := []float64{0, 1, 2, 7.4, 12, 24, 40, 100, 140}, []string{"other"}
	for _, n := range []*node{r.when, r.then} {
		numbers, texts = n.constants(numbers, texts)
	}
	out := map[string]any{}
	for _, c := range r.reads {
		name := c.column.name(values)
		switch {
		case rng.Float64() < missing:
		case kinds[name] == frame.Category:
			out[name] = texts[rng.IntN(len(texts))]
		default:
			x := numbers[rng.IntN(len(numbers))]
			out[name] = []float64{x, x - 1, x + 1, x * 1.01, x * 3, x / 3, -x, x * rng.Float64()}[rng.IntN(8)]
		}
	}
	return out
}

// constants are the numbers and texts of a condition; of a regular expression its words.
func (n *node) constants(numbers []float64, texts []string) ([]float64, []string) {
	if n == nil {
		return numbers, texts
	}
	if n.op == opNumber {
		numbers = append(numbers, n.number)
	}
	numbers, texts = append(numbers, n.numbers...), append(texts, n.texts...)
	if n.pattern != nil {
		texts = append(texts, strings.FieldsFunc(strings.ReplaceAll(n.pattern.String(), `\b`, ""), func(r rune) bool { return strings.ContainsRune("()|?^$:", r) })...)
	}
	for _, a := range n.args {
		numbers, texts = a.constants(numbers, texts)
	}
	return numbers, texts
}

// frameOf is a frame of records.
func frameOf(records []map[string]any, kinds map[string]frame.Kind) *frame.Frame {
	var columns []*frame.Column
	for name, kind := range kinds {
		numbers, texts, missing := make([]float64, len(records)), make([]string, len(records)), make([]bool, len(records))
		for i, r := range records {
			numbers[i], missing[i] = nothing, true
			switch v := r[name].(type) {
			case float64:
				numbers[i] = v
			case string:
				texts[i], missing[i] = v, false
			}
		}
		if kind == frame.Category {
			columns = append(columns, frame.NewCategoryFromStrings(name, texts, missing))
		} else {
			columns = append(columns, frame.NewNumber(name, numbers))
		}
	}
	return frame.Must(columns...)
}

// FuzzParse: whatever is written, there is a condition or a mistake that lies within it; and a condition can be asked of a record.
func FuzzParse(f *testing.F) {
	for _, source := range []string{"a <= b", "{v}_min <= {v}_max", "c in ['x', 'y'] and not missing(c)", "abs(a - 1) / 2 < pow(b, 2)", "`x y` matches '^a'", "1 < 2"} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		n, m := parse(source)
		if m != nil {
			if m.at < 1 || m.at > len([]rune(source))+1 || n != nil && m.message == "" {
				t.Fatalf("%q: %v", source, m)
			}
			return
		}
		r, faults := Parse("x", true, Rule{Then: source, Message: "m"})
		if len(faults) > 0 {
			return
		}
		columns := map[string]*frame.Column{}
		for _, c := range r.reads {
			name := c.column.name(map[string]string{})
			columns[name] = frame.NewNumber(name, []float64{1})
		}
		list := make([]*frame.Column, 0, len(columns))
		for _, c := range columns {
			list = append(list, c)
		}
		about := func(name string) (known, bool) { return known{kind: frame.Number}, columns[name] != nil }
		if r.fit(map[string]string{}, about) == nil {
			a := (&asked{members: []member{r.bind(map[string]string{}, frame.Must(list...))}}).answer(&scratch{}, 0, 1)
			if a.truth[0] > yes {
				t.Fatalf("%q comes to %d", source, a.truth[0])
			}
		}
	})
}

// Every rule that ships has, for each member of its family, records that break it and records that do not; the audit tells them
// apart, and says nothing of records that lack what the rule hangs on.
func TestEveryShippedRule(t *testing.T) {
	rules, faults := Packed([]string{"icu"})
	if len(faults) > 0 || len(rules) < 100 {
		t.Fatalf("%d rules, faults: %v", len(rules), faults)
	}
	all := &Set{Rules: rules, Weights: Weights{Error: 1}, Limits: Off}
	for k, r := range rules {
		if r.Source == "" {
			t.Errorf("%s has no source", r.Name)
		}
		for _, values := range some(r) {
			kinds := kindsOf(t, r, values)
			rng := rand.New(rand.NewPCG(uint64(k), 7))
			broken, valid := find(rng, r, values, kinds, no), find(rng, r, values, kinds, yes)
			if broken == nil || valid == nil {
				t.Errorf("%s %v: no record that breaks it (%v) or none that does not (%v)", r.Name, values, broken, valid)
				continue
			}
			tell(t, all, r, values, frameOf([]map[string]any{broken, valid, {}}, kinds))
		}
	}
}

// find looks for a record of which a rule says something.
func find(rng *rand.Rand, r *Parsed, values map[string]string, kinds map[string]frame.Kind, want uint8) map[string]any {
	for range 200_000 {
		if record := draw(rng, r, values, kinds, 0); r.truthOf(record, values) == want {
			return record
		}
	}
	return nil
}

// tell judges three records, of which the first breaks a rule and the last has no values.
func tell(t *testing.T, all *Set, r *Parsed, values map[string]string, f *frame.Frame) {
	t.Helper()
	out := judged(t, all, f)
	var found []string
	for _, x := range out.Findings {
		if out.Criteria[x.Criterion].Name == r.Name {
			found = append(found, fmt.Sprint(x.Record))
		}
	}
	applies := -1
	for _, c := range out.Criteria {
		if c.Name == r.Name {
			applies = c.Applies
		}
	}
	if !slices.Equal(found, []string{"0"}) || applies != 2 {
		t.Errorf("%s %v: found in records %v, asked of %d; want it in the first of the two that it is asked of", r.Name, values, found, applies)
	}
	if r.Severity == "error" && !(out.Verdicts[0].Score <= 0.5) {
		t.Errorf("%s %v: the record that breaks it has the score %v", r.Name, values, out.Verdicts[0].Score)
	}
}
