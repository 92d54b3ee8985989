package split

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// byTime makes the latest rows the test part: what is developed is tested on a later time.
//
// Everything that development reads (train, validation and reference) comes from the earlier rows, where it is dealt at
// random by subject, or by row where no subject is known, and stratified when asked. The reference part stands
// for what a perfect generator of the train part would give, so that it must share its period; and the validation part is
// part of development. The test part thus differs from each of them by time, and they among themselves by chance alone.
//
// Rows of one time are never cut in two. The cut is the one whose test part is nearest to its share of the rows, of two
// that are equally near the later one; with the two discharge years of eICU the shares cannot be met. A note says
// what they came to. A number column is ordered as numbers; a category must hold dates, all of them in one
// form of ISO 8601. Dates that de-identification has shifted by patient are no usable time, and cannot be recognised.
//
// A subject with rows on both sides stays in the test part: its earlier rows are dropped, with the count "rows dropped:
// subject is in the test part", and so are rows without a time ("rows dropped: no time").
func byTime(c Columns, cfg Config, shares []float64, strata []*frame.Column, r *rand.Rand) (*Assignment, error) {
	of, times, err := c.times(cfg.Time)
	if err != nil {
		return nil, err
	}
	if shares[test] == 0 || shares[test] == 1 {
		return nil, fmt.Errorf(`by is "time", but the share of part "test" is %v: it gets the latest rows, the other parts the earlier ones`, shares[test])
	}
	cut := latest(of, times, shares[test])
	partOf := make([]int8, len(of))
	missing := 0
	for row, at := range of {
		switch {
		case at == frame.Missing:
			partOf[row] = none
			missing++
		case at >= cut:
			partOf[row] = test
		default:
			partOf[row] = train // until the earlier rows are dealt
		}
	}
	u := people(len(of), c.Subject)
	lost := keepApart(partOf, u)[train][test]
	a := &Assignment{Rows: map[plugins.Part][]int{}}
	a.noteMissing(ByTime, "time", missing, u)
	if err := a.dealEarlier(partOf, c.Subject, strata, shares, r); err != nil {
		return nil, err
	}
	a.fill(partOf)
	var levels *stratification
	if len(strata) > 0 {
		if levels, err = stratify(strata); err != nil {
			return nil, err
		}
	}
	a.count(u, levels)
	if missing > 0 {
		a.add("rows dropped: no time", missing)
	}
	if c.Subject != nil {
		a.add("rows dropped: subject is in the test part", lost)
	}
	a.noteShares(ByTime, shares)
	return a, nil
}

// dealEarlier deals the rows that partOf has in train among the parts but test.
func (a *Assignment) dealEarlier(partOf []int8, subject *frame.Column, strata []*frame.Column, shares []float64, r *rand.Rand) error {
	var rows []int
	for row, p := range partOf {
		if p == train {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf(`by is "time": no earlier row is left, since all their subjects are in the test part too`)
	}
	if subject != nil {
		subject = subject.Take(rows)
	}
	columns := make([]*frame.Column, len(strata))
	for i, c := range strata {
		columns[i] = c.Take(rows)
	}
	earlier := slices.Clone(shares)
	earlier[test] = 0
	dealt, _, err := a.deal(people(len(rows), subject), columns, earlier, r)
	if err != nil {
		return err
	}
	for i, row := range rows {
		partOf[row] = dealt[i]
	}
	return nil
}

// times numbers the distinct times in order and returns the number of each row's time, and how many there are.
func (c Columns) times(name string) (of []int32, times int32, err error) {
	switch {
	case name == "":
		return nil, 0, fmt.Errorf(`by is "time", but the column to go by is not named: give it as time`)
	case c.Time == nil:
		return nil, 0, fmt.Errorf(`by is "time", but there is no column named %q`, name)
	case c.Time.Kind == frame.Category && !dates(c.Time.Levels):
		return nil, 0, fmt.Errorf(`by is "time", but category column %q does not hold dates of one form, such as 2006-01-02: its order would not be that of time`, name)
	}
	of, values := Indexed(c.Time)
	if len(values) < 2 {
		return nil, 0, fmt.Errorf(`by is "time", but column %q has %d distinct values: with fewer than two there is no earlier and later`, name, len(values))
	}
	return of, int32(len(values)), nil
}

// dates reports whether all texts are dates of one form, so that their order by bytes is that of time.
func dates(texts []string) bool {
	for _, form := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z"} {
		wrong := func(text string) bool {
			_, err := time.Parse(form, text)
			return err != nil || len(text) != len(form) // Parse takes fractions of a second, too
		}
		if !slices.ContainsFunc(texts, wrong) {
			return true
		}
	}
	return false
}

// latest returns the first time of the test part, as byTime says. There are at least two times.
func latest(of []int32, times int32, share float64) int32 {
	size := make([]int, times)
	rows := 0
	for _, at := range of {
		if at != frame.Missing {
			size[at]++
			rows++
		}
	}
	cut, off := int32(0), math.Inf(1)
	later := 0
	for at := times - 1; at > 0; at-- {
		later += size[at]
		if d := math.Abs(float64(later) - share*float64(rows)); d < off-tolerance {
			cut, off = at, d
		}
	}
	return cut
}
