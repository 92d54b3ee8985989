package cohort

import (
	"fmt"
	"strconv"
	"strings"
)

// namedValues is how many values of a list a filter's name spells out; tables and messages stay readable.
const namedValues = 5

// String writes the rule of the filter as a reader would: "age ≥ 16", "first row of each patient by day",
// "(age ≥ 65 and age ≤ 89) or unit = MICU", "not (unit in MICU, SICU)".
func (f Filter) String() string {
	switch {
	case f.First != "":
		text := "first row of each " + f.First
		if len(f.By) > 0 {
			text += " by " + strings.Join(f.By, ", ")
		}
		return text
	case f.Any != nil:
		texts := make([]string, len(f.Any))
		for i, c := range f.Any {
			if texts[i] = c.String(); len(c.texts()) > 1 && len(f.Any) > 1 {
				texts[i] = "(" + texts[i] + ")"
			}
		}
		return strings.Join(texts, " or ")
	case f.Not != nil:
		return "not (" + f.Not.String() + ")"
	}
	return f.condition().String()
}

// name is how the account names the step.
func (f Filter) name() string {
	if f.Title != "" {
		return f.Title
	}
	return f.String()
}

// String writes the condition as a reader would: "16 ≤ age ≤ 89", "unit ≠ MICU", "lactate present".
// Its parts are joined by "and".
func (c Condition) String() string {
	texts := c.texts()
	if len(texts) == 0 {
		return c.Column
	}
	return strings.Join(texts, " and ")
}

// texts writes the parts of the condition.
func (c Condition) texts() []string {
	var texts []string
	switch {
	case c.Min != nil && c.Max != nil:
		texts = append(texts, shortest(*c.Min)+" ≤ "+c.Column+" ≤ "+shortest(*c.Max))
	case c.Min != nil:
		texts = append(texts, c.Column+" ≥ "+shortest(*c.Min))
	case c.Max != nil:
		texts = append(texts, c.Column+" ≤ "+shortest(*c.Max))
	}
	if c.In != nil {
		texts = append(texts, c.Column+" "+list("=", "in", c.In))
	}
	if c.NotIn != nil {
		texts = append(texts, c.Column+" "+list("≠", "not in", c.NotIn))
	}
	if c.Missing != nil {
		state := "present"
		if *c.Missing {
			state = "missing"
		}
		texts = append(texts, c.Column+" "+state)
	}
	return texts
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// list names values: after one word when there is one, after another when there are more.
func list(one, several string, values []string) string {
	if len(values) == 1 {
		return one + " " + values[0]
	}
	shown := values
	if len(values) > namedValues+1 { // "and 1 more" would be no shorter than the value itself
		shown = values[:namedValues]
	}
	text := several + " " + strings.Join(shown, ", ")
	if rest := len(values) - len(shown); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
