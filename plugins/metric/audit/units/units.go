// Package units knows whose the records of an audit are. Untouched and planted records of one subject of the test part hang together;
// a synthetic or column-shuffled record is nobody's, and stands for itself.
package units

import (
	"fmt"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// Units are the subjects of the test part. One goroutine at a time may use them.
type Units struct {
	of    []int32 // of each test row, from 0
	n     int
	known bool    // something says whose rows are
	sizes []int32 // by unit, 0 between calls
}

// New returns the subjects of the rows of test; a row without one stands for itself.
func New(test plugins.Sample) *Units {
	u := &Units{of: make([]int32, test.Frame.Rows()), known: test.Subject != nil}
	if u.known {
		of, names := split.Indexed(test.Subject)
		u.of, u.n = of, len(names)
	}
	for row, who := range u.of {
		if !u.known || who == frame.Missing {
			u.of[row] = int32(u.n)
			u.n++
		}
	}
	u.sizes = make([]int32, u.n)
	return u
}

// OfTest reports whether records of a source are rows of the test part, with or without an error.
func OfTest(source plugins.Source) bool {
	return source == plugins.FromReal || source == plugins.FromPlanted
}

// By lists the records of each source.
func By(r *plugins.AuditReport) map[plugins.Source][]int {
	out := map[plugins.Source][]int{}
	for i, source := range r.Sources {
		out[source] = append(out[source], i)
	}
	return out
}

// People is the number of subjects that records are of, those that are nobody's each counting once.
func (u *Units) People(r *plugins.AuditReport, records []int) int {
	_, people := u.squares(r, records)
	return people
}

// Trials are the records of a share. Those of one subject count as Kish's effective number.
func (u *Units) Trials(r *plugins.AuditReport, records []int) compare.Trials {
	squares, _ := u.squares(r, records)
	return compare.Clustered(u.Unit(r, records), len(records), squares)
}

// squares is the sum of the squared numbers of records of each unit, and how many units there are.
func (u *Units) squares(r *plugins.AuditReport, records []int) (squares, units int) {
	for _, i := range records {
		if !OfTest(r.Sources[i]) {
			squares++
			units++
			continue
		}
		size := &u.sizes[u.of[r.Origin[i]]]
		if *size == 0 {
			units++
		}
		squares += int(2**size + 1) // the next square
		*size++
	}
	for _, i := range records {
		if OfTest(r.Sources[i]) {
			u.sizes[u.of[r.Origin[i]]] = 0
		}
	}
	return squares, units
}

// Clusters numbers the units of records, from 0 in the order in which they occur.
func (u *Units) Clusters(r *plugins.AuditReport, records []int) (of []int32, n int) {
	of = make([]int32, len(records))
	for k, i := range records {
		if !OfTest(r.Sources[i]) {
			of[k] = int32(n)
			n++
			continue
		}
		number := &u.sizes[u.of[r.Origin[i]]] // of its unit, from 1
		if *number == 0 {
			n++
			*number = int32(n)
		}
		of[k] = *number - 1
	}
	for _, i := range records {
		if OfTest(r.Sources[i]) {
			u.sizes[u.of[r.Origin[i]]] = 0
		}
	}
	return of, n
}

// Unit is what records are resampled by, such as "test subjects and synthetic rows".
func (u *Units) Unit(r *plugins.AuditReport, records []int) string {
	seen := map[plugins.Source]bool{}
	for _, i := range records {
		seen[r.Sources[i]] = true
	}
	var names []string
	if seen[plugins.FromReal] || seen[plugins.FromPlanted] {
		names = append(names, map[bool]string{true: "test subjects", false: "test rows"}[u.known])
	}
	for _, source := range []plugins.Source{plugins.FromSynthetic, plugins.FromShuffled} {
		if seen[source] {
			names = append(names, Called(source)+" rows")
		}
	}
	return strings.Join(names, " and ")
}

// Called is what the records of a source are called.
func Called(source plugins.Source) string {
	switch source {
	case plugins.FromShuffled:
		return "column-shuffled"
	case plugins.FromReal:
		return "untouched real"
	}
	return string(source)
}

// Lacks says why there is no record of a source.
func Lacks(audit string, by map[plugins.Source][]int, source plugins.Source) string {
	calibrate := "audits." + audit
	switch {
	case source == plugins.FromSynthetic:
		return "no synthetic record was judged"
	case len(by[plugins.FromReal]) == 0 && len(by[plugins.FromPlanted]) == 0:
		return fmt.Sprintf(`the audit was not calibrated; write "calibrate: {rows: 400, share: 0.05}" in %s`, calibrate)
	case source == plugins.FromPlanted:
		return fmt.Sprintf(`no error was planted: "calibrate.share" in %s is 0, or no column allows an error of its "kinds"`, calibrate)
	case source == plugins.FromShuffled:
		return fmt.Sprintf(`no column-shuffled record was judged; write "shuffled: 100" in "calibrate" of %s`, calibrate)
	}
	return "every real record has a planted error"
}
