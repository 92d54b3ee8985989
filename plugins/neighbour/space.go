package neighbour

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Space is what distances are measured in. It is fitted on frames, and places rows of frames with the same columns. It is
// immutable.
type Space struct {
	euclidean bool
	columns   []column
	encoder   *encode.Encoder // Euclidean
	both      float64         // Gower: what two missing values add, 0 or 1
	reaches   []float64       // Gower: by column, what a difference is divided by

	numbers []int   // number columns; for Gower in order of their place among coarse numbers
	fields  []field // words of bit fields: missing marks of numbers, and codes of categories
	pieces  int     // of coarse numbers of a row
	turn    *turn   // Euclidean
}

// column is one column of the frames.
type column struct {
	name   string
	kind   frame.Kind
	levels map[string]int32 // Category
	word   int              // of its code, or of the mark of a missing value
	shift  int

	low    float64 // Gower: where coarse numbers start
	scale  float64 // Gower: a power of two that keeps differences finite
	reach  float64 // Gower: what a difference is divided by; 0 for categories, of which any difference counts 1
	value  int     // Euclidean: the feature of the value in the encoding
	spread float64 // Gower: mean distance of its coarse numbers from their mean: columns that tell more come first
}

// field is a word of bit fields: high has the highest bit of each, low all others.
type field struct {
	low, high uint64
	weight    int  // what a difference adds to the sum
	apart     bool // bits that are set in both rows differ, too
}

// piece is, for Gower, the coarse numbers of perPiece columns of a row: three times a word with 8 numbers in its bytes, and one with
// the mask of those that are present. The loops over words are written out.
type piece struct{ words [6]uint64 }

// packed is, for Euclidean, the coarse numbers of perPiece axes of a row: words of 4 numbers in 16 bits each, and the sum of their
// squares.
type packed struct {
	words   [6]uint64
	squares int64
}

const perPiece = 24

// steps is the greatest coarse number: 7 bits.
const steps = 127

// margin is added to what rounding may have moved a row, in steps, so that no rounding of the bounds themselves can rule out
// a neighbour; they err by less than a millionth of it.
const margin = 1e-4

// NewEuclidean returns the Euclidean distance on the standard encoding: means and SDs of reference, levels and missing
// indicators of reference and all others. Encoded values beyond ±1e150 count as that.
//
// It is an error when one of the others lacks a column of reference, or has it of the other kind.
func NewEuclidean(reference *frame.Frame, others ...*frame.Frame) (*Space, error) {
	encoder, err := encode.FitAll(reference, others)
	if err != nil {
		return nil, err
	}
	s := &Space{euclidean: true, encoder: encoder}
	frames := append([]*frame.Frame{reference}, others...)
	s.addColumns(frames)
	at := map[string]int{}
	for i, f := range encoder.Features() {
		if f.Part == encode.Value {
			at[f.Variable] = i
		}
	}
	for i := range s.columns {
		if c := &s.columns[i]; c.kind == frame.Number {
			c.value = at[c.name]
			s.numbers = append(s.numbers, i)
		}
	}
	rows, err := s.sample(frames)
	if err != nil {
		return nil, err
	}
	s.turn = newTurn(rows, len(s.numbers))
	s.pieces = (len(s.turn.axes) + perPiece - 1) / perPiece
	return s, nil
}

// sample is the encoded numbers of rows at equal distances from each other.
func (s *Space) sample(frames []*frame.Frame) ([][]float64, error) {
	total := 0
	for _, f := range frames {
		total += f.Rows()
	}
	const most = 1000
	every, at := max(1, (total+most-1)/most), 0
	var out [][]float64
	for _, f := range frames {
		var rows []int
		for ; at < f.Rows(); at += every {
			rows = append(rows, at)
		}
		at -= f.Rows()
		design, err := s.encoder.Transform(f.Take(rows))
		if err != nil {
			return nil, err
		}
		for i := range rows {
			x := make([]float64, len(s.numbers))
			for k, c := range s.numbers {
				x[k] = held(design.Columns[s.columns[c].value].Dense[i])
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// Ranges says what Gower's distance divides differences of numbers by.
type Ranges struct {
	Of    []*frame.Frame // the range of the values in these frames
	Least float64        // but no less than this; with 0 a column without range counts 0 for equal values, else 1
}

// NewGower returns Gower's distance over the columns of reference: the mean of |x - y| divided by the column's range in
// the reference, at most 1, of numbers, and of 0 (equal) or 1 of categories. A missing value is at 0 from another, and at 1
// from any value. The distance lies in [0,1].
//
// others are the further frames whose rows will be compared. It is an error when one lacks a column of reference, or has it
// of the other kind.
//
// Source: J. C. Gower (1971), Biometrics 27(4), 857–871, with missing values as here and equal weights.
func NewGower(reference *frame.Frame, others ...*frame.Frame) (*Space, error) {
	return NewGowerOver(Ranges{Of: []*frame.Frame{reference}}, false, append([]*frame.Frame{reference}, others...)...)
}

// NewGowerOver is NewGower with other ranges, over the columns of the first of the frames; with missingApart two missing
// values are at 1 from each other.
func NewGowerOver(ranges Ranges, missingApart bool, frames ...*frame.Frame) (*Space, error) {
	s := &Space{}
	if missingApart {
		s.both = 1
	}
	for _, f := range slices.Concat(frames, ranges.Of) {
		if err := fits(frames[0], f); err != nil {
			return nil, err
		}
	}
	s.addColumns(frames)
	for i := range s.columns {
		c := &s.columns[i]
		if c.kind == frame.Category {
			continue
		}
		c.scale = 1
		low, high := extent(numbers(ranges.Of, c.name))
		if math.IsInf(high-low, 1) {
			c.scale = 0.25 // differences of values beyond the range, too, are finite
		}
		c.low, c.reach = low*c.scale, max(high*c.scale-low*c.scale, ranges.Least*c.scale)
		if low > high { // no value
			c.low, c.reach = 0, ranges.Least
		}
		c.spread = spread(numbers(frames, c.name), func(x float64) float64 { return s.coarse(c, x*c.scale) })
	}
	s.arrange()
	s.reaches = make([]float64, len(s.columns))
	for i, c := range s.columns {
		s.reaches[i] = c.reach
	}
	return s, nil
}

func fits(reference, f *frame.Frame) error {
	for _, c := range reference.Columns() {
		switch other := f.Column(c.Name); {
		case other == nil:
			return fmt.Errorf("no column named %q in a frame that is to be compared", c.Name)
		case other.Kind != c.Kind:
			return fmt.Errorf("column %q is a %s in one frame and a %s in another", c.Name, c.Kind, other.Kind)
		}
	}
	return nil
}

func numbers(frames []*frame.Frame, name string) [][]float64 {
	var out [][]float64
	for _, f := range frames {
		out = append(out, f.Column(name).Numbers)
	}
	return out
}

// extent is the least and the greatest value; +Inf and -Inf when there is none.
func extent(values [][]float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, list := range values {
		for _, x := range list {
			if !math.IsNaN(x) {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	return low, high
}

// spread is the sum of distances of coarse numbers from their mean, over the rows.
func spread(values [][]float64, coarse func(float64) float64) float64 {
	sum, n := 0.0, 0.0
	each := func(f func(float64)) {
		for _, list := range values {
			for _, x := range list {
				if !math.IsNaN(x) {
					f(coarse(x))
				}
			}
		}
	}
	each(func(q float64) { sum += q; n++ })
	mean, out := sum/max(1, n), 0.0
	each(func(q float64) { out += math.Abs(q - mean) })
	return out
}

// coarse places a value on the scale of coarse numbers, in [0, steps], not yet rounded. The map shrinks no less than the
// distance does: differences of what it returns are never greater than those of values, in steps.
func (s *Space) coarse(c *column, x float64) float64 {
	u := 0.0
	if c.reach > 0 {
		u = (x - c.low) / c.reach * steps
	}
	return min(max(u, 0), steps)
}

// addColumns lists the columns of the first frame with the levels of all.
func (s *Space) addColumns(frames []*frame.Frame) {
	for _, c := range frames[0].Columns() {
		add := column{name: c.Name, kind: c.Kind, word: -1}
		if c.Kind == frame.Category {
			add.levels = map[string]int32{}
			for _, f := range frames {
				for _, level := range f.Column(c.Name).Levels {
					if _, known := add.levels[level]; !known {
						add.levels[level] = int32(len(add.levels))
					}
				}
			}
		}
		s.columns = append(s.columns, add)
	}
	s.packMarks(frames)
	s.packCodes()
}

// packMarks gives each number column with a missing value a bit.
func (s *Space) packMarks(frames []*frame.Frame) {
	used := 64
	for i := range s.columns {
		c := &s.columns[i]
		lacks := func(f *frame.Frame) bool { return f.Column(c.name).MissingCount() > 0 }
		if c.kind == frame.Category || !slices.ContainsFunc(frames, lacks) {
			continue
		}
		if used == 64 {
			s.fields, used = append(s.fields, field{weight: 1, apart: s.both > 0}), 0
		}
		c.word, c.shift = len(s.fields)-1, used
		s.fields[c.word].high |= 1 << used
		used++
	}
}

// packCodes gives each category column a field for its levels and one code for missing values.
func (s *Space) packCodes() {
	used, weight := 64, 1
	if s.euclidean {
		weight = 2 // two of the 0/1 columns of a category differ
	}
	for i := range s.columns {
		c := &s.columns[i]
		if c.kind == frame.Number {
			continue
		}
		width := max(1, bits.Len(uint(len(c.levels))))
		if used+width > 64 {
			s.fields, used = append(s.fields, field{weight: weight}), 0
		}
		c.word, c.shift = len(s.fields)-1, used
		f := &s.fields[c.word]
		f.high |= 1 << (used + width - 1)
		f.low |= (1<<(width-1) - 1) << used
		used += width
	}
}

// arrange puts the number columns that tell most first.
func (s *Space) arrange() {
	for i, c := range s.columns {
		if c.kind == frame.Number {
			s.numbers = append(s.numbers, i)
		}
	}
	slices.SortStableFunc(s.numbers, func(a, b int) int { return cmp.Compare(s.columns[b].spread, s.columns[a].spread) })
	s.pieces = (len(s.numbers) + perPiece - 1) / perPiece
}

// Points places the rows of a frame that has the columns of the space; further columns are left out. It is an error when
// one is absent or of the other kind, or has a level that the space was not made for.
func (s *Space) Points(f *frame.Frame) (*Points, error) {
	p := s.empty(f.Rows())
	var design *encode.Design
	if s.euclidean {
		var err error
		if design, err = s.encoder.Transform(f); err != nil {
			return nil, err
		}
	}
	for i := range s.columns {
		c := &s.columns[i]
		from := f.Column(c.name)
		if from == nil || from.Kind != c.kind {
			return nil, fmt.Errorf("column %q is absent or of another kind than in the frames that the distance was made for", c.name)
		}
		if c.kind == frame.Category {
			if err := p.category(i, c, from); err != nil {
				return nil, err
			}
			continue
		}
		if err := p.number(i, c, from, design); err != nil {
			return nil, err
		}
	}
	if s.euclidean {
		p.turn()
		return p, nil
	}
	for place, i := range s.numbers {
		p.round(place, i)
	}
	for i := range p.moved {
		p.moved[i] += margin
	}
	return p, nil
}

// empty returns points of n rows in which nothing is set.
func (s *Space) empty(n int) *Points {
	fields := make([][]uint64, len(s.fields))
	for w := range fields {
		fields[w] = make([]uint64, n)
	}
	p := &Points{space: s, rows: n, exact: make([]float64, n*len(s.columns)), fields: fields, moved: make([]float64, n)}
	if !s.euclidean {
		p.coarse = make([]piece, n*s.pieces)
		return p
	}
	p.along = make([]int32, n)
	for range s.pieces {
		p.turned = append(p.turned, make([]packed, n))
	}
	return p
}

// category stores the code of each row, that after all levels for a missing value.
func (p *Points) category(at int, c *column, from *frame.Column) error {
	codes := make([]int32, len(from.Levels))
	for i, level := range from.Levels {
		code, known := c.levels[level]
		if !known {
			return fmt.Errorf("column %q has a level that is in none of the frames that the distance was made for", c.name)
		}
		codes[i] = code
	}
	width := len(p.space.columns)
	for i, code := range from.Codes {
		own, value := int32(len(c.levels)), math.NaN()
		if code != frame.Missing {
			own = codes[code]
			value = float64(own)
		}
		if !p.space.euclidean { // whose sums take categories from the fields
			p.exact[i*width+at] = value
		}
		p.fields[c.word][i] |= uint64(own) << c.shift
	}
	return nil
}

// number stores the value of each row: as it is for Gower, encoded for Euclidean.
func (p *Points) number(at int, c *column, from *frame.Column, design *encode.Design) error {
	width := len(p.space.columns)
	for i, x := range from.Numbers {
		if math.IsNaN(x) {
			if c.word < 0 {
				return fmt.Errorf("column %q has a missing value; the frames that the distance was made for have none there", c.name)
			}
			p.fields[c.word][i] |= 1 << c.shift
		}
		if design != nil {
			p.exact[i*width+at] = held(design.Columns[c.value].Dense[i])
		} else {
			p.exact[i*width+at] = x * c.scale
		}
	}
	return nil
}

// held keeps squares finite, whatever a column that is constant in the reference holds elsewhere.
func held(x float64) float64 { return min(max(x, -1e150), 1e150) }

// round stores the coarse number of each row, and by how much it is off.
func (p *Points) round(place, column int) {
	s, c := p.space, &p.space.columns[column]
	width := len(s.columns)
	for i := range p.rows {
		x := p.exact[i*width+column]
		if math.IsNaN(x) { // not present: 0, and 0 in the mask
			continue
		}
		u := s.coarse(c, x)
		q := math.Round(u)
		at := place % perPiece
		into := &p.coarse[i*s.pieces+place/perPiece]
		p.moved[i] += math.Abs(u - q)
		word, shift := 2*(at/8), 8*(at%8)
		into.words[word] |= uint64(q) << shift
		into.words[word+1] |= steps << shift
	}
}

// turn stores the coarse numbers of each row on its axes, and by how much they are off.
func (p *Points) turn() {
	s, t := p.space, p.space.turn
	x := make([]float64, len(s.numbers))
	for i := range p.rows {
		row := p.row(i)
		for k, c := range s.numbers {
			x[k] = row[c]
		}
		t.place(x)
		off := 0.0 // squared
		round := func(u float64) uint64 {
			q := math.Round(u)
			off += (u - q) * (u - q)
			return uint64(int64(q))
		}
		if len(x) > 0 {
			p.along[i] = int32(round(x[0] / t.step))
		}
		for k, a := range t.axes {
			q := round(min(max((x[a.place]-a.low)/t.step, 0), steps))
			into := &p.turned[k/perPiece][i]
			into.words[k%perPiece/4] |= q << (16 * (k % 4))
			into.squares += int64(q * q)
		}
		p.moved[i] = math.Sqrt(off) + margin
		p.worst = max(p.worst, p.moved[i])
	}
}
