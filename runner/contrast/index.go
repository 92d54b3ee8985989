package contrast

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// noValue is the value of an axis that has no bearing on a cell.
var noValue = spec.Value{Kind: spec.NoValue}.String()

// Index finds the cells and scores of a core. It is for one goroutine.
type Index struct {
	core       *record.Core
	replicates map[string]bool     // see Replicates
	by         map[string][]string // see Groups

	byCell map[string][]*record.Score
	byName map[string][]*record.Score  // by cell, metric and name
	byAxes map[string]map[string][]int // by what is replaced: cells by the axes that must be alike
}

// NewIndex returns the index of a core, which must not change as long as it is used.
func NewIndex(core *record.Core) *Index {
	return &Index{
		core: core, replicates: Replicates(&core.Manifest), by: Groups(&core.Manifest), byAxes: map[string]map[string][]int{},
	}
}

// Replicates returns the axes whose values differ by chance alone: the seed, and each declared axis that sets a seed. The value is true
// for those on the same data, so that their spread does not hold the sampling of test rows.
func Replicates(m *record.Manifest) map[string]bool {
	var resolved struct{ Axes []spec.Axis }
	out := map[string]bool{"seed": true}
	if json.Unmarshal(m.Resolved, &resolved) != nil { // a record without it declares no axes
		return out
	}
	for _, a := range resolved.Axes {
		if strings.HasSuffix(a.Sets, ".seed") {
			out[a.Name] = !strings.HasPrefix(a.Sets, "datasets.")
		}
	}
	return out
}

// Groups returns, for each metric that has some, the dimensions of what it measures apart, too: levels of columns, and named groups.
func Groups(m *record.Manifest) map[string][]string {
	var resolved struct{ Metrics []spec.Metric }
	out := map[string][]string{}
	if json.Unmarshal(m.Resolved, &resolved) != nil {
		return out
	}
	for _, metric := range resolved.Metrics {
		if dims := metric.Apart(); len(dims) > 0 {
			out[metric.Name] = dims
		}
	}
	return out
}

// Partner returns the cell that has the values of to and is otherwise like the given cell of the same core; -1 where there is none, or not
// one alone. its reports that the given cell has these values itself. Axes that from names and to does not are free.
//
// Train hospitals differ when arrangements of hospitals are compared, and are left out of what must be alike, and so are sample sizes that
// follow them, where no cell has the same. An axis that has no bearing on one of the two is alike, where no cell has the same.
func (ix *Index) Partner(cell int, from, to map[string]spec.Value) (other int, its bool) {
	if ix.has(cell, to) {
		return cell, true
	}
	free := slices.Sorted(maps.Keys(from))
	free = slices.DeleteFunc(free, func(axis string) bool { _, set := to[axis]; return set })
	name := Described(to) + "\x00" + strings.Join(free, "\x00")
	if ix.byAxes[name] == nil {
		index := map[string][]int{}
		for i := range ix.core.Cells {
			if !ix.has(i, to) {
				continue
			}
			for _, sized := range []bool{true, false} {
				key := ix.axesKey(i, to, free, sized)
				index[key] = append(index[key], i)
			}
		}
		ix.byAxes[name] = index
	}
	if at := ix.byAxes[name][ix.axesKey(cell, to, free, true)]; len(at) > 0 {
		return only(at), false
	}
	if _, named := to["n"]; !named && comparesHospitals(to) {
		if at := ix.byAxes[name][ix.axesKey(cell, to, free, false)]; len(at) > 0 {
			return only(at), false
		}
	}
	return ix.looseTwin(cell, to, free), false
}

func only(cells []int) int {
	if len(cells) == 1 {
		return cells[0]
	}
	return -1
}

// looseTwin is the only cell that differs from the given one, besides the axes of to and free ones, by axes that have no bearing on one
// of the two.
func (ix *Index) looseTwin(cell int, to map[string]spec.Value, free []string) int {
	found := -1
	own := without(ix.core.Cells[cell].Axes, to, free)
	for i := range ix.core.Cells {
		if !ix.has(i, to) || !agree(own, without(ix.core.Cells[i].Axes, to, free)) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// without are the axes that to and free do not name.
func without(axes map[string]string, to map[string]spec.Value, free []string) map[string]string {
	out := make(map[string]string, len(axes))
	_, arranged := to["site"]
	for axis, v := range axes {
		if _, set := to[axis]; !set && !slices.Contains(free, axis) && !(arranged && axis == spec.TrainSite) {
			out[axis] = v
		}
	}
	return out
}

// has reports whether a cell has values of axes.
func (ix *Index) has(cell int, values map[string]spec.Value) bool {
	for axis, v := range values {
		if ix.core.Cells[cell].Axes[axis] != v.String() {
			return false
		}
	}
	return true
}

// comparesHospitals reports whether train hospitals differ between two arms, and with them sample sizes that follow the train part.
func comparesHospitals(to map[string]spec.Value) bool {
	_, arranged := to["site"]
	_, trained := to[spec.TrainSite]
	return arranged || trained
}

// axesKey names the axes of a cell with the values of to in the place of its own, but for free ones. Where hospitals are compared, sample
// sizes that follow the train part differ: then the cells are matched without them.
func (ix *Index) axesKey(cell int, to map[string]spec.Value, free []string, sized bool) string {
	var b strings.Builder
	fmt.Fprint(&b, sized)
	_, arranged := to["site"]
	for _, axis := range ix.core.Manifest.Axes {
		value := ix.core.Cells[cell].Axes[axis]
		if v, set := to[axis]; set {
			value = v.String()
		}
		if arranged && axis == spec.TrainSite || axis == "n" && !sized || slices.Contains(free, axis) {
			continue
		}
		b.WriteString("\x00" + value)
	}
	return b.String()
}

// Described is axes with their values, e.g. "site each".
func Described(values map[string]spec.Value) string {
	var parts []string
	for axis, v := range values {
		parts = append(parts, axis+" "+v.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// selected reports whether a cell has the values of an arm and those that are selected.
func (ix *Index) selected(cell int, arm map[string]spec.Value, where map[string][]spec.Value) bool {
	if !ix.has(cell, arm) {
		return false
	}
	for axis, values := range where {
		if v, has := ix.core.Cells[cell].Axes[axis]; has && !among(v, values) {
			return false
		}
	}
	return true
}

// asked reports whether a score has the address and the selected dimensions. One of a weighting, or of a group of patients, has to be
// asked for. A failed one that lacks a dimension might have had any value of it.
func (ix *Index) asked(s *record.Score, address string, where map[string][]spec.Value) bool {
	if address != s.Name && address != s.Metric+"."+s.Name {
		return false
	}
	for _, name := range append([]string{plugins.Weighting}, ix.by[s.Metric]...) {
		if _, has := s.Dims[name]; has && where[name] == nil {
			return false
		}
	}
	for name, values := range where {
		if slices.Contains(ix.core.Manifest.Axes, name) {
			continue
		}
		v, has := ix.dimension(s, name)
		if has && !among(v, values) || !has && s.Status != plugins.Failed {
			return false
		}
	}
	return true
}

// dimension returns the value that a score has of a dimension. One without a weighting is raw, and one without a group that its
// metric measures by is of everyone; but for a failed one, which might have had any.
func (ix *Index) dimension(s *record.Score, name string) (value string, has bool) {
	value, has = s.Dims[name]
	switch {
	case has || s.Status == plugins.Failed:
		return value, has
	case name == plugins.Weighting:
		return plugins.Raw, true
	case slices.Contains(ix.by[s.Metric], name):
		return plugins.Everyone, true
	}
	return "", false
}

func among(v string, values []spec.Value) bool {
	return slices.ContainsFunc(values, func(w spec.Value) bool { return w.String() == v })
}

// scores are those of a cell, as measured.
func (ix *Index) scores(cell int) []*record.Score {
	if ix.byCell == nil {
		ix.byCell = map[string][]*record.Score{}
		for i := range ix.core.Scores {
			s := &ix.core.Scores[i]
			ix.byCell[s.Cell] = append(ix.byCell[s.Cell], s)
		}
	}
	return ix.byCell[ix.core.Cells[cell].ID]
}

// ScoreOf finds the score of a cell with the metric, name and dimensions of another; nil where there is none. One without a value may lack
// dimensions.
func (ix *Index) ScoreOf(cell int, like *record.Score) *record.Score {
	if cell < 0 {
		return nil
	}
	if ix.byName == nil {
		ix.byName = map[string][]*record.Score{}
		for i := range ix.core.Scores {
			s := &ix.core.Scores[i]
			key := s.Cell + "\x00" + s.Metric + "\x00" + s.Name
			ix.byName[key] = append(ix.byName[key], s)
		}
	}
	all := ix.byName[ix.core.Cells[cell].ID+"\x00"+like.Metric+"\x00"+like.Name]
	for _, s := range all {
		if maps.Equal(s.Dims, like.Dims) {
			return s
		}
	}
	for _, s := range all {
		if mayBe(s, like) {
			return s
		}
	}
	return nil
}

// id is that of a cell; empty where there is none.
func (ix *Index) id(cell int) string {
	if cell < 0 {
		return ""
	}
	return ix.core.Cells[cell].ID
}

func (ix *Index) failed(cell int) bool {
	return cell >= 0 && ix.core.Cells[cell].Status == record.CellFailed && len(ix.scores(cell)) == 0
}

// missing says why a cell has no value of a score; empty where it has one.
func (ix *Index) missing(cell int, s *record.Score) string {
	switch {
	case s != nil && s.Status == plugins.OK:
		return ""
	case cell < 0:
		return "there is no such cell"
	}
	c := &ix.core.Cells[cell]
	at := "failed: "
	if c.Stage != "" {
		at = "failed at " + c.Stage + ": "
	}
	switch {
	case c.Status == record.CellExcluded:
		return "excluded: " + c.Reason
	case c.Status == record.CellNotEstimable && c.Reason != "":
		return c.Reason
	case s == nil && c.Status == record.CellFailed:
		return at + c.Reason
	case s == nil:
		return "not measured"
	case s.Status == plugins.Failed && c.Stage != "" && (s.Reason == "" || s.Reason == c.Reason):
		return at + c.Reason
	}
	return whyNot(s)
}

// keyOf names a map.
func keyOf(m map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s\x00%s\x00", k, m[k])
	}
	return b.String()
}

// UnitOf names what a mean is over, e.g. "seeds" or "sites and seeds".
func UnitOf(over []string) string {
	plural := make([]string, len(over))
	for i, a := range over {
		switch {
		case a == "strategy":
			plural[i] = "strategies"
		case a == "n":
			plural[i] = "sample sizes"
		case a == spec.TestSite:
			plural[i] = "test sites"
		case a == spec.TrainSite:
			plural[i] = "train sites"
		case strings.HasSuffix(a, "s"):
			plural[i] = a
		default:
			plural[i] = a + "s"
		}
	}
	return strings.Join(plural, " and ")
}
