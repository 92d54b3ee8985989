// Package subgroup forms the groups of patients that fairness metrics compare: rows by the levels of columns, alone or crossed.
package subgroup

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// Version is raised when equal columns may form other groups.
const Version = 1

// Use is what a metric that builds on this package lists in Info.Uses.
func Use() plugins.Use { return plugins.Use{Name: "subgroup", Version: Version} }

// The greatest numbers of groups: a column of more levels is a measurement, and more crossed groups are a mistake.
const (
	mostLevels = 100
	mostGroups = 1000
)

// and joins the names of crossed columns, and of their levels.
const and = " & "

// Config is the settings that name the columns. Every column forms groups by its levels; with Crossed, and at least two columns, so do
// their combinations.
type Config struct {
	By      []string `json:"by"`
	Crossed bool     `json:"crossed"`
}

// Schema is the CUE of the settings that a Config takes.
const Schema = `// columns whose levels are the groups; they need be no features
by!: [string, ...string] @column()
// also the groups that the columns form together: false unless set
crossed?: bool`

// Check says which setting is wrong.
func (c Config) Check() error {
	if len(c.By) == 0 {
		return errors.New("by is empty; name the columns that groups are formed by")
	}
	for i, name := range c.By {
		if name == "" || slices.Contains(c.By[:i], name) {
			return fmt.Errorf("by names the column %q twice, or one without a name", name)
		}
	}
	return nil
}

// Sets lists the sets of columns that form groups together.
func (c Config) Sets() [][]string {
	var sets [][]string
	for _, name := range c.By {
		sets = append(sets, []string{name})
	}
	if c.Crossed && len(c.By) > 1 {
		sets = append(sets, c.By)
	}
	return sets
}

// Name is what a set of columns is called: "sex", or "sex & race".
func Name(set []string) string { return strings.Join(set, and) }

// Groups are the rows of frames by the levels of one set of columns.
type Groups struct {
	Levels []string // names of the groups, in order of their levels: "f", or "f & asian"
	// Of is the group of each row of each frame, an index into Levels; frame.Missing where a level is missing.
	Of [][]int32
}

// Columns returns the named columns of a real sample: of its frame, or of those beside it. The error names one that it lacks.
func Columns(s plugins.Sample, part plugins.Part, set []string) ([]*frame.Column, error) {
	return find(set, fmt.Sprintf("the %s part has", part), s.Frame, s.Beside)
}

// Synthetic returns the named columns of synthetic rows. The error names one that they lack.
func Synthetic(f *frame.Frame, set []string) ([]*frame.Column, error) {
	return find(set, "the synthetic rows have", f)
}

func find(set []string, who string, frames ...*frame.Frame) ([]*frame.Column, error) {
	var columns []*frame.Column
names:
	for _, name := range set {
		for _, f := range frames {
			if f == nil {
				continue
			}
			if c := f.Column(name); c != nil {
				columns = append(columns, c)
				continue names
			}
		}
		return nil, fmt.Errorf("%s no column %q", who, name)
	}
	return columns, nil
}

// Form groups the rows of some frames, of which it is given the columns of one set. A group is there when a row of any frame is in it.
//
// It is an error when a column has more levels than groups can be formed of, or crossed columns form too many.
func Form(frames ...[]*frame.Column) (*Groups, error) {
	g := &Groups{Of: make([][]int32, len(frames))}
	keys := make([][]string, len(frames)) // of each row; "" where a level is missing
	all := map[string]string{}            // the name of each key
	for f, columns := range frames {
		rows := columns[0].Len()
		keys[f] = make([]string, rows)
		of, levels := make([][]int32, len(columns)), make([][]string, len(columns))
		for i, c := range columns {
			if of[i], levels[i] = split.Indexed(c); len(levels[i]) > mostLevels {
				return nil, fmt.Errorf("column %q has more than %d values: groups are formed by columns of few", c.Name, mostLevels)
			}
		}
		for row := range rows {
			key, name := keyOf(of, levels, row)
			if keys[f][row] = key; key != "" {
				all[key] = name
			}
		}
	}
	if len(all) > mostGroups {
		return nil, fmt.Errorf("the columns form more than %d groups together; name fewer", mostGroups)
	}
	order := make([]string, 0, len(all))
	for key := range all {
		order = append(order, key)
	}
	slices.Sort(order)
	at := map[string]int32{}
	for i, key := range order {
		g.Levels = append(g.Levels, all[key])
		at[key] = int32(i)
	}
	for f := range frames {
		g.Of[f] = make([]int32, len(keys[f]))
		for row, key := range keys[f] {
			if g.Of[f][row] = frame.Missing; key != "" {
				g.Of[f][row] = at[key]
			}
		}
	}
	return g, nil
}

// keyOf returns what tells the group of a row, ordered like its levels, and its name; "" where a level is missing.
func keyOf(of [][]int32, levels [][]string, row int) (key, name string) {
	texts := make([]string, len(of))
	for i := range of {
		if of[i][row] == frame.Missing {
			return "", ""
		}
		level := levels[i][of[i][row]]
		key += level + "\x00"
		if texts[i] = level; level == "" || len(of) > 1 && strings.Contains(level, and) {
			texts[i] = strconv.Quote(level)
		}
	}
	return key, strings.Join(texts, and)
}

// Rows lists the rows of a group in a frame, ascending.
func (g *Groups) Rows(f, group int) []int {
	var rows []int
	for row, of := range g.Of[f] {
		if int(of) == group {
			rows = append(rows, row)
		}
	}
	return rows
}

// Outside is the number of rows of a frame that are in no group.
func (g *Groups) Outside(f int) int {
	n := 0
	for _, of := range g.Of[f] {
		if of == frame.Missing {
			n++
		}
	}
	return n
}
