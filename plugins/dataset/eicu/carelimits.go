package eicu

import (
	"context"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

var carePlan = &table{
	name: "carePlanGeneral", purpose: "limits of care, such as do-not-resuscitate orders",
	columns: []frame.ScanColumn{number("patientunitstayid"), number("cplitemoffset"), text("cplgroup"), text("cplitemvalue")},
}

// careLimits are the items of the group "Care Limitation" of carePlanGeneral that limit care, in lower case. The paper counts the
// first do-not-resuscitate or comfort-measures order; that these items are such is its authors' program's list. It has all
// items of the group in the open demo but "Full therapy"; others are counted and limit nothing. carePlanEOL holds talks about
// the end of life, not orders, and is not read.
var careLimits = []string{
	"do not resuscitate", "no cpr", "no intubation", "no cardioversion", "no vasopressors/inotropes", "advance directives",
	"comfort measures only", "no augmentation of care", "no blood draws", "no blood products",
}

const (
	careGroup   = "Care Limitation"
	fullTherapy = "full therapy"
)

// firstCareLimit returns when each stay has its first limit of care, or noTime.
func (in *input) firstCareLimit(ctx context.Context, stays index) ([]int32, *account, error) {
	const full, limits, unknown = 0, 1, 2
	first := slices.Repeat([]int32{noTime}, len(stays))
	group := newMatcher(func(s string) int { return int(truth(strings.EqualFold(s, careGroup))) - 1 })
	item := newMatcher(func(s string) int {
		switch lower := strings.ToLower(s); {
		case slices.Contains(careLimits, lower):
			return limits
		case lower == fullTherapy:
			return full
		}
		return unknown
	})
	odd := int64(0)
	a, err := in.events(ctx, carePlan, stays, func(b *frame.ScanBatch, row int, stay, at int32) {
		if group.of(&b.Columns[2], row) < 0 {
			return
		}
		switch item.of(&b.Columns[3], row) {
		case limits:
			if first[stay] == noTime || at < first[stay] {
				first[stay] = at
			}
		case unknown:
			odd++
		}
	})
	if err != nil {
		return nil, nil, err
	}
	a.unknown = odd
	return first, a, nil
}

// matcher finds what a text of a scanned column stands for, and remembers it by code.
type matcher struct {
	find  func(string) int
	known []int
}

func newMatcher(find func(string) int) *matcher { return &matcher{find: find} }

// of returns what the text of a row stands for, or -1 for nothing.
func (m *matcher) of(v *frame.ScanValues, row int) int {
	code := v.Codes[row]
	if code == frame.Missing {
		return -1
	}
	for len(m.known) < len(v.Levels) {
		m.known = append(m.known, m.find(strings.TrimSpace(v.Levels[len(m.known)])))
	}
	return m.known[code]
}
