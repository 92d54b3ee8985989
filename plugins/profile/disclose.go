package profile

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

// Least is how many rows everything that is said must stand for: fewer are not told from each other.
const Least = plugins.FewestTold

// Rows is a number of rows or patients. It is shown as it is when it is 0 or at least Least, else as "<11".
type Rows int

// few reports whether a number is too small to be shown.
func few(rows int) bool { return rows > 0 && rows < Least }

// String is the number as people may see it.
func (r Rows) String() string {
	if few(int(r)) {
		return fmt.Sprintf("<%d", Least)
	}
	return grouped(int(r))
}

// MarshalJSON writes a number, or the text "<11".
func (r Rows) MarshalJSON() ([]byte, error) {
	if few(int(r)) {
		return json.Marshal(r.String())
	}
	return json.Marshal(int(r))
}

// grouped writes a number with a comma between thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Share is how many of some rows something holds for. Where it, or its opposite, holds for fewer than Least rows,
// the number is not shown.
type Share struct{ Rows, Of int }

// String is the share in percent.
func (s Share) String() string {
	switch rest := s.Of - s.Rows; {
	case s.Rows == 0:
		return "0"
	case rest == 0:
		return "100 %"
	case s.Of < 2*Least:
		return "some"
	case s.Rows < Least:
		return fmt.Sprintf("<%s %%", percent(math.Ceil(1000*Least/float64(s.Of))/10))
	case rest < Least:
		return fmt.Sprintf(">%s %%", percent(math.Floor(1000*float64(s.Of-Least)/float64(s.Of))/10))
	}
	return percent(100*float64(s.Rows)/float64(s.Of)) + " %"
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// Count is the number of rows as people may see it.
func (s Share) Count() string {
	if few(s.Of-s.Rows) && s.Rows >= Least {
		return ">" + grouped(s.Of-Least)
	}
	return Rows(s.Rows).String()
}

// MarshalJSON writes the rows, as a number or as a bound such as "<11" or ">989", and what they are of.
func (s Share) MarshalJSON() ([]byte, error) {
	rows := any(s.Rows)
	if few(s.Rows) || s.Rows > 0 && few(s.Of-s.Rows) {
		rows = s.Count()
	}
	return json.Marshal(struct {
		Rows any `json:"rows"`
		Of   int `json:"of"`
	}{rows, s.Of})
}
