package cli

import (
	"encoding/json"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// shortPart is cells that will fail: their strategy hands out no row of a part twice, and the part has fewer rows than they want.
type shortPart struct {
	Strategy string       `json:"strategy"`
	Dataset  string       `json:"dataset"`
	Part     plugins.Part `json:"part"`
	Has      int          `json:"has"`  // of the part
	Unit     string       `json:"unit"` // "rows" or, of events, "patients"
	N        int          `json:"n"`
	Cells    int          `json:"cells"`
	First    string       `json:"first"` // of these cells
}

// shortParts lists the cells that will fail for want of rows, where the data have been prepared and the sizes of their parts are known.
func shortParts(p *plan.Plan, c *cache.Cache) []shortPart {
	var out []shortPart
	at := map[shortPart]int{}
	for _, cell := range p.Cells {
		if cell.Generate == nil || cell.Dataset.Prepare == nil {
			continue
		}
		w := cell.Generate.Work.(plan.GenerateWork)
		lender, ok := w.Plugin.(plugins.Lender)
		if !ok || lender.Lends() == "" {
			continue
		}
		has, unit, known := partSize(c, cell.Dataset.Prepare.Key, lender.Lends())
		if !known || w.N <= has {
			continue
		}
		s := shortPart{Strategy: p.Text(cell, "strategy"), Dataset: cell.Dataset.Dataset.Name, Part: lender.Lends(), Has: has, Unit: unit, N: w.N}
		i, seen := at[s]
		if !seen {
			i, at[s] = len(out), len(out)
			s.First = cell.ID
			out = append(out, s)
		}
		out[i].Cells++
	}
	return out
}

// partSize is what a finished preparation left of a part: its rows or, of events, its patients.
func partSize(c *cache.Cache, key cache.Key, part plugins.Part) (n int, unit string, known bool) {
	raw, done := c.Facts(key)
	var f plan.PartRows
	if !done || json.Unmarshal(raw, &f) != nil {
		return 0, "", false
	}
	of, unit := f.Rows, "rows"
	if f.Patients != nil {
		of, unit = f.Patients, "patients"
	}
	n, known = of[part]
	return n, unit, known
}

// text is a line on them.
func (s *shortPart) text() string {
	return fmt.Sprintf("%s: the %s part of %s has %d %s, fewer than n = %d, and %s hands out none of them twice; raise its share, or lower n",
		s.First, s.Part, s.Dataset, s.Has, s.Unit, s.N, s.Strategy)
}

func (a *app) printShort(all []shortPart) {
	cells := 0
	for i := range all {
		cells += all[i].Cells
	}
	if cells == 0 {
		return
	}
	a.printf("\n%s will fail for want of rows, such as\n", plural(cells, "cell"))
	for i := range all {
		a.printf("  %s\n", all[i].text())
	}
}
