package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ehrlab/ehrlab/plugins"
)

// many is a table of so many columns, every third of which has an interval, under titles of two levels, and with awkward labels.
func many(columns, lines int) *Table {
	t := &Table{Name: "many", Title: "Many columns", Rows: []string{"strategy", "features"}, Over: []string{"seed"}}
	for c := range columns {
		t.Columns = append(t.Columns, Column{
			Score: fmt.Sprintf("metric.score%d", c), Title: fmt.Sprintf("score no. %d", c), Group: fmt.Sprintf("group of scores %d", c/4),
			Better: []plugins.Direction{plugins.Higher, plugins.Lower, plugins.Neutral}[c%3], Digits: 3,
		})
	}
	labels := []string{"floor", "a_label_that_is_longer_than_some_terminals_are_wide_and_has_no_blank", "a label of several words", "東京の病院"}
	for i := range lines {
		l := Line{Labels: []string{labels[i%len(labels)], fmt.Sprintf("top%d", i)}, N: 3, Of: 3}
		for c := range columns {
			v := Value{Status: OK, Value: float64(1000*i + c), N: 3, Of: 3}
			if c%3 == 0 {
				v.Interval = &plugins.Interval{Low: v.Value - 1, High: v.Value + 1}
			}
			l.Values = append(l.Values, v)
		}
		t.Lines = append(t.Lines, l)
	}
	return t
}

// unlaid is a text without what lays it out.
func unlaid(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \n─"+hard, r) {
			return -1
		}
		return r
	}, s)
}

// Terminals of any width: no line is wider, and every number, interval and label is there.
func TestTextFitsAndLosesNothing(t *testing.T) {
	tables := []*Table{many(1, 1), many(3, 2), many(30, 3), many(30, 12)}
	for _, declared := range dressed() {
		tables = append(tables, made(t, study(), declared).Table)
	}
	for _, table := range tables {
		for width := 20; width <= 220; width += 9 {
			shown := Text(table, width, false)
			for line := range strings.Lines(shown) {
				if w := text.StringWidth(strings.TrimSuffix(line, "\n")); w > width {
					t.Fatalf("%s, %d lines of %d columns: at width %d a line takes %d:\n%s", table.Name, len(table.Lines), len(table.Columns), width, w, line)
				}
			}
			all, table := unlaid(shown), table.shown()
			for i := range table.Lines {
				l := &table.Lines[i]
				for _, word := range words(strings.Join(l.Labels, " ")) {
					if !strings.Contains(all, unlaid(word)) {
						t.Fatalf("%s: at width %d there is no label %q:\n%s", table.Name, width, word, shown)
					}
				}
				for c := range l.Values {
					number, interval, _ := table.parts(l, c)
					if !strings.Contains(all, unlaid(number)) || !strings.Contains(all, unlaid(interval)) {
						t.Fatalf("%s: at width %d there is no %s %s:\n%s", table.Name, width, number, interval, shown)
					}
				}
			}
		}
	}
}

// Color changes how a text looks, not what it says or where its lines end.
func TestColorChangesNoText(t *testing.T) {
	table := many(30, 6)
	for _, width := range []int{30, 80, 200} {
		if got, want := text.StripEscape(Text(table, width, true)), Text(table, width, false); got != want {
			t.Errorf("at width %d:\n%s\nwithout color:\n%s", width, got, want)
		}
	}
}

// Where columns have no room beside each other the table is parted: the labels stand in each part, titles over several columns over those
// of them that it has.
func TestWideTablesAreParted(t *testing.T) {
	table := many(6, 4)
	table.Lines[1].Labels[0] = "copula"
	shown := Text(table, 80, false)
	if n := strings.Count(shown, "strategy"); n != 2 {
		t.Errorf("%d parts, want 2:\n%s", n, shown)
	}
	if blocks := Text(many(6, 3), 80, false); !strings.Contains(blocks, "strategy floor, features top0\n") {
		t.Errorf("a table of few lines is not written as blocks:\n%s", blocks)
	}
}

func TestClipped(t *testing.T) {
	spans := []span{{"a", 2}, {"", 1}, {"b", 3}}
	for _, c := range []struct {
		from, to int
		want     string
	}{{0, 6, "[{a 2} { 1} {b 3}]"}, {1, 4, "[{a 1} { 1} {b 1}]"}, {2, 3, "[]"}, {4, 6, "[{b 2}]"}} {
		if got := fmt.Sprint(clipped(spans, c.from, c.to)); got != c.want {
			t.Errorf("%d to %d: %s, want %s", c.from, c.to, got, c.want)
		}
	}
}

func TestBrokenWords(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a bc", "a|bc"},
		{"12345678", "12345678"},
		{"123456789", "12345678|9"},
		{"correlation_matrix", "correlat|ion_|matrix"},
		{"a_b_c_d_efgh", "a_b_c_d_|efgh"},
		{"東京の病院", "東京の病|院"},
		{"", ""},
	} {
		if got := strings.Join(brokenWords(c.in, 8), "|"); got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
	if got := brokenWords("東", 1); len(got) != 1 { // nothing to be done
		t.Errorf("%q", got)
	}
}
