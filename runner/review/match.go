package review

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// ParseMatch reads a column to match by: NAME, or NAME:WITHIN where numbers may differ.
func ParseMatch(text string) (Match, error) {
	name, within, some := text, "", false
	if at := strings.LastIndexByte(text, ':'); at >= 0 {
		name, within, some = text[:at], text[at+1:], true
	}
	m := Match{Column: name}
	if some {
		v, err := strconv.ParseFloat(within, 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) {
			return m, fmt.Errorf("header %q: want NAME, or NAME:WITHIN with a number ≥ 0, such as age:5", text)
		}
		m.Within = v
	}
	if m.Column == "" {
		return m, fmt.Errorf("header %q: want the name of a column", text)
	}
	return m, nil
}

// matched finds a real row for each synthetic one, in the order in which these were drawn, until there are as many pairs as are
// wanted: of those that share the header the nearest, and each once. Pairs come first, then synthetic rows and real rows that are in none.
func (d *drawer) matched(synthetic, real []candidate) (a, b []candidate, err error) {
	for _, m := range d.Header {
		c := d.rows.Made.Column(m.Column)
		switch {
		case c == nil:
			return nil, nil, fmt.Errorf("header: the records have no column %q; they have %s", m.Column, strings.Join(d.rows.Made.Names(), ", "))
		case c.Kind != frame.Number && m.Within > 0:
			return nil, nil, fmt.Errorf("header: column %q has no numbers that could differ by %g", m.Column, m.Within)
		}
	}
	d.source("draw", Real).Shuffle(len(real), func(i, j int) { real[i], real[j] = real[j], real[i] })
	used := make([]bool, len(real))
	var unpaired []candidate
	for _, s := range synthetic {
		best, least := -1, math.Inf(1)
		for i := 0; i < len(real) && len(a) < d.N; i++ {
			if used[i] {
				continue
			}
			if apart := d.apart(s, real[i]); apart < least {
				best, least = i, apart
			}
		}
		if best < 0 {
			s.Pair = ""
			unpaired = append(unpaired, s)
			continue
		}
		used[best] = true
		pair := fmt.Sprintf("m%0*d", digits(d.N), len(a)+1)
		r := real[best]
		s.Pair, r.Pair = pair, pair
		s.Probability = 0 // which rows find a pair hangs on the real ones
		a, b = append(a, s), append(b, r)
	}
	if len(a) < d.N {
		return nil, nil, fmt.Errorf("%d synthetic rows share their header with a real one that is not taken; want no more records, or a wider header such as age:5", len(a))
	}
	for i := range real {
		if !used[i] {
			b = append(b, real[i])
		}
	}
	return append(a, unpaired...), b, nil
}

// apart is how far two rows lie apart in the header: infinite where they do not share it, else the sum of differences, each by what
// is allowed.
func (d *drawer) apart(a, b candidate) float64 {
	sum := 0.0
	for _, m := range d.Header {
		x, y := a.frame.Column(m.Column), b.frame.Column(m.Column)
		switch {
		case x.IsMissing(a.Row) != y.IsMissing(b.Row):
			return math.Inf(1)
		case x.IsMissing(a.Row):
		case x.Kind != frame.Number:
			if x.Levels[x.Codes[a.Row]] != y.Levels[y.Codes[b.Row]] {
				return math.Inf(1)
			}
		default:
			difference := math.Abs(x.Numbers[a.Row] - y.Numbers[b.Row])
			if difference > m.Within {
				return math.Inf(1)
			}
			if m.Within > 0 {
				sum += difference / m.Within
			}
		}
	}
	return sum
}
