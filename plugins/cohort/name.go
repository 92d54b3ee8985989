package cohort

import (
	"fmt"
	"strconv"
	"strings"
)

// namedValues is how many values of a list a filter's name spells out; tables and messages stay readable.
const namedValues = 5

// String writes the filter as a reader would: "age ≥ 16", "16 ≤ age ≤ 89", "unit in MICU, SICU", "lactate present".
// Several conditions are joined by "and".
func (f Filter) String() string {
	var conditions []string
	switch {
	case f.Min != nil && f.Max != nil:
		conditions = append(conditions, shortest(*f.Min)+" ≤ "+f.Column+" ≤ "+shortest(*f.Max))
	case f.Min != nil:
		conditions = append(conditions, f.Column+" ≥ "+shortest(*f.Min))
	case f.Max != nil:
		conditions = append(conditions, f.Column+" ≤ "+shortest(*f.Max))
	}
	if f.In != nil {
		conditions = append(conditions, f.Column+" "+list(f.In))
	}
	if f.Missing != nil {
		state := "present"
		if *f.Missing {
			state = "missing"
		}
		conditions = append(conditions, f.Column+" "+state)
	}
	if len(conditions) == 0 {
		return f.Column
	}
	return strings.Join(conditions, " and ")
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func list(values []string) string {
	if len(values) == 1 {
		return "= " + values[0]
	}
	shown := values
	if len(values) > namedValues+1 { // "and 1 more" would be no shorter than the value itself
		shown = values[:namedValues]
	}
	text := "in " + strings.Join(shown, ", ")
	if rest := len(values) - len(shown); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
