package prepare

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// impute returns the columns of f that miss values, by name, with the values that the model draws for them.
func (im *Imputer) impute(ctx context.Context, f *frame.Frame, sets []Set, threads int) (map[string]*frame.Column, error) {
	s, err := im.sampler(f, sets)
	if err != nil {
		return nil, err
	}
	rows := s.incomplete()
	if len(rows) == 0 {
		return nil, nil
	}
	const piece = 64
	pieces := (len(rows) + piece - 1) / piece
	hashes := make([][sha256.Size]byte, len(rows))
	err = parallel.For(ctx, threads, pieces, func(i int) error {
		for at := i * piece; at < min((i+1)*piece, len(rows)); at++ {
			hashes[at] = s.identity(rows[at])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	tellApart(hashes)
	err = parallel.For(ctx, threads, pieces, func(i int) error {
		d := s.newDraw()
		for at := i * piece; at < min((i+1)*piece, len(rows)); at++ {
			if !d.row(rows[at], hashes[at]) {
				return errSingular
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.columns(f, sets)
}

// tellApart changes the hashes that an earlier row has too.
func tellApart(hashes [][sha256.Size]byte) {
	seen := make(map[[sha256.Size]byte]uint64, len(hashes))
	for i, h := range hashes {
		n := seen[h]
		if seen[h]++; n > 0 {
			hashes[i] = sha256.Sum256(binary.LittleEndian.AppendUint64(h[:], n))
		}
	}
}

// sampler draws the missing values of one frame.
type sampler struct {
	im        *Imputer
	row       *frame.Column   // identifies the row; nil when there is none
	vars      []*frame.Column // of the variables
	scales    []*scale
	first     []int         // the index of the first score of each variable, and their number
	scores    [][]float64   // of the rows
	precision []float64     // square, row by row
	block     []int         // of each variable: an index into im.Blocks, or -1
	donors    [][][]float64 // scores of the donors of each block, variable by variable
	numbers   [][]float64   // what was drawn, by variable and row; nil where nothing is missing
	levels    [][]int32     // the same of categories: an index into Variable.Levels, -1 where the row has a value
}

// sampler brings the model and a frame together.
func (im *Imputer) sampler(f *frame.Frame, sets []Set) (*sampler, error) {
	if err := im.check(); err != nil {
		return nil, err
	}
	columns, err := variables(f, sets)
	if err != nil {
		return nil, err
	}
	s := &sampler{im: im, first: []int{0}}
	if im.Row != "" {
		s.row = f.Column(im.Row)
	}
	for i := range im.Variables {
		v := &im.Variables[i]
		at := slices.IndexFunc(columns, func(c *frame.Column) bool { return c.Name == v.Name })
		if at < 0 {
			return nil, fmt.Errorf("no column named %q, which the imputation was fitted on", v.Name)
		}
		s.add(v, columns[at])
	}
	p := len(s.scores)
	s.precision = make([]float64, p*p)
	for i, row := range im.Precision {
		for j, x := range row {
			s.precision[i*p+j], s.precision[j*p+i] = x, x
		}
	}
	s.addBlocks()
	return s, nil
}

// add adds a variable.
func (s *sampler) add(v *Variable, c *frame.Column) {
	scale := newScale(v)
	s.vars = append(s.vars, c)
	s.scales = append(s.scales, scale)
	s.scores = append(s.scores, scale.columns(c)...)
	s.first = append(s.first, len(s.scores))
	s.block = append(s.block, -1)
	var numbers []float64
	var levels []int32
	if c.MissingCount() > 0 {
		if c.Kind == frame.Number {
			numbers = slices.Clone(c.Numbers)
		} else {
			levels = slices.Repeat([]int32{-1}, c.Len())
		}
	}
	s.numbers, s.levels = append(s.numbers, numbers), append(s.levels, levels)
}

func (s *sampler) addBlocks() {
	for i, b := range s.im.Blocks {
		scores := make([][]float64, len(b.Donors))
		for j, values := range b.Donors {
			s.block[b.First+j] = i
			for _, x := range values {
				scores[j] = append(scores[j], s.scales[b.First+j].score(x))
			}
		}
		s.donors = append(s.donors, scores)
	}
}

// incomplete returns the rows with a missing value.
func (s *sampler) incomplete() []int {
	if len(s.vars) == 0 {
		return nil
	}
	var rows []int
	for row := range s.vars[0].Len() {
		if slices.ContainsFunc(s.vars, func(c *frame.Column) bool { return c.IsMissing(row) }) {
			rows = append(rows, row)
		}
	}
	return rows
}

// identity is a hash of the seed and what identifies a row: its identifier, or, without one, its values.
func (s *sampler) identity(row int) [sha256.Size]byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 16*len(s.vars)), s.im.Seed)
	if s.row != nil && !s.row.IsMissing(row) {
		return sha256.Sum256(appendCell(append(b, 'i'), s.row, row))
	}
	b = append(b, 'v')
	for _, c := range s.vars {
		b = appendCell(b, c, row)
	}
	return sha256.Sum256(b)
}

// appendCell appends a value so that different rows of values are different bytes.
func appendCell(b []byte, c *frame.Column, row int) []byte {
	switch {
	case c.IsMissing(row):
		return append(b, 0)
	case c.Kind == frame.Number:
		return binary.LittleEndian.AppendUint64(append(b, 1), math.Float64bits(c.Numbers[row]+0)) // −0 is 0
	default:
		level := c.Levels[c.Codes[row]]
		return append(binary.LittleEndian.AppendUint64(append(b, 2), uint64(len(level))), level...)
	}
}

// columns returns the columns of f that miss values, filled.
func (s *sampler) columns(f *frame.Frame, sets []Set) (map[string]*frame.Column, error) {
	out := map[string]*frame.Column{}
	for i, c := range s.vars {
		switch {
		case s.numbers[i] != nil:
			filled := *c
			filled.Numbers = s.numbers[i]
			filled.Integer = c.Integer && !slices.ContainsFunc(filled.Numbers, func(x float64) bool { return x != math.Trunc(x) })
			out[c.Name] = &filled
		case s.levels[i] != nil:
			codes := slices.Clone(c.Codes)
			for row, level := range s.levels[i] {
				if level >= 0 {
					codes[row] = int32(len(c.Levels)) + level // NewCategory merges repeated levels
				}
			}
			filled := frame.NewCategory(c.Name, append(slices.Clone(c.Levels), s.im.Variables[i].Levels...), codes)
			filled.Unit = c.Unit
			out[c.Name] = filled
		}
	}
	return out, s.unfold(out, sets)
}

// unfold replaces sets by their columns.
func (s *sampler) unfold(columns map[string]*frame.Column, sets []Set) error {
	for i := range sets {
		c := columns[sets[i].Name]
		if c == nil {
			continue
		}
		var unknown account
		members, err := sets[i].unfold(c, &unknown)
		if err != nil {
			return err
		}
		delete(columns, c.Name)
		for _, m := range members {
			columns[m.Name] = m
		}
	}
	return nil
}

// draw is the work on one row.
type draw struct {
	*sampler
	*workspace
	missing  []int     // the missing scores, ascending
	realised []float64 // of the missing scores: what was drawn, less mean and centre
	noise    []float64 // normal, for each score
	dice     []float64 // uniform, two for each variable
	means    []float64 // of the marks of one category
	targets  []float64 // the scores of one block
}

func (s *sampler) newDraw() *draw {
	p := len(s.scores)
	return &draw{
		sampler: s, workspace: newWorkspace(p), realised: make([]float64, p), noise: make([]float64, p),
		dice: make([]float64, 2*len(s.vars)), means: make([]float64, maxMarks), targets: make([]float64, maxBlock),
	}
}

// row draws the missing values of a row. It reports false when the model is none.
func (d *draw) row(row int, hash [sha256.Size]byte) bool {
	rng := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(hash[:]), binary.LittleEndian.Uint64(hash[8:])))
	for i := range d.noise {
		d.noise[i] = rng.NormFloat64()
	}
	for i := range d.dice {
		d.dice[i] = rng.Float64()
	}
	d.missing = d.missing[:0]
	for i, c := range d.scores {
		d.x[i] = c[row] - d.im.Mean[i]
		if math.IsNaN(c[row]) {
			d.missing = append(d.missing, i)
		}
	}
	if !d.factorise(d.precision, len(d.scores), d.missing) {
		return false
	}
	d.expectation(d.precision, len(d.scores), d.missing)
	at := len(d.missing) // of the next score to draw, plus one: from the last on, each given those after it
	for v := len(d.vars) - 1; v >= 0; v-- {
		if d.vars[v].IsMissing(row) {
			n := d.first[v+1] - d.first[v]
			at -= n
			if d.vars[v].Kind == frame.Number {
				d.number(v, row, at, n)
			} else {
				d.category(v, row, at, n)
			}
		}
		if b := d.block[v]; b >= 0 && d.im.Blocks[b].First == v {
			d.match(b, row, at)
		}
	}
	return true
}

// conditional is the mean of a missing score, less its mean without any knowledge, given the row and the scores drawn.
func (d *draw) conditional(at int) float64 {
	m := len(d.missing)
	sum := 0.0
	for later := at + 1; later < m; later++ {
		sum += d.factor[later*m+at] * d.realised[later]
	}
	return d.centre[at] - sum/d.factor[at*m+at]
}

// number draws the value of a number; n is 0 when train has but one.
func (d *draw) number(v, row, at, n int) {
	scale := d.scales[v]
	i := 0
	if n > 0 {
		score := d.missing[at]
		mean := d.im.Mean[score] + d.conditional(at)
		if p, two := scale.probability(mean); !two {
			i = scale.value(mean + d.noise[score]/d.factor[at*len(d.missing)+at])
		} else if d.dice[2*v] < p {
			i = 1
		}
		d.realise(at, scale.scores[i])
	}
	d.numbers[v][row] = scale.variable.Values[i]
}

// realise notes the score of the value that was drawn.
func (d *draw) realise(at int, score float64) {
	d.realised[at] = score - d.im.Mean[d.missing[at]] - d.centre[at]
}

// category draws the level of a category with n marks.
func (d *draw) category(v, row, at, n int) {
	scale := d.scales[v]
	means, rest := d.means[:n], 1.0
	total := 0.0
	for i := n - 1; i >= 0; i-- {
		c := d.conditional(at + i)
		d.realised[at+i] = c - d.centre[at+i] // its mean, for those before it
		means[i] = scale.share[i] + scale.sd[i]*(d.im.Mean[d.missing[at+i]]+c)
		rest -= means[i]
		means[i] = max(means[i], 0)
		total += means[i]
	}
	rest = max(rest, 0)
	dice := d.dice[2*v] * (total + rest)
	set := n - 1
	if dice -= rest; dice < 0 {
		set = -1
	} else {
		for i, m := range means {
			if dice -= m; dice < 0 {
				set = i
				break
			}
		}
	}
	for i := range n {
		d.realise(at+i, scale.marked(i, i == set))
	}
	d.levels[v][row] = int32(d.level(v, set))
}

// level returns the level of a mark; among those that share one it is drawn by their rows in train.
func (d *draw) level(v, mark int) int {
	rows := d.im.Variables[v].Rows
	if mark < maxMarks-1 {
		return mark + 1
	}
	shared := rows[maxMarks:]
	n := 0
	for _, r := range shared {
		n += r
	}
	dice := int(d.dice[2*v+1] * float64(n))
	for i, r := range shared {
		if dice -= r; dice < 0 {
			return maxMarks + i
		}
	}
	return len(rows) - 1
}

// match gives the missing numbers of a block the values of the nearest donor. at is the place of the first of them among
// the missing scores.
func (d *draw) match(b, row, at int) {
	first, donors := d.im.Blocks[b].First, d.donors[b]
	targets := d.targets[:len(donors)]
	next := at
	for i := range targets {
		v := first + i
		if score := d.first[v]; d.vars[v].IsMissing(row) {
			targets[i] = d.im.Mean[score] + d.centre[next] + d.realised[next]
			next++
		} else {
			targets[i] = d.scores[score][row]
		}
	}
	if next == at {
		return
	}
	donor := nearest(donors, targets)
	for i := range targets {
		if v := first + i; d.vars[v].IsMissing(row) {
			d.numbers[v][row] = d.im.Blocks[b].Donors[i][donor]
			d.realise(at, donors[i][donor])
			at++
		}
	}
}

// nearest returns the first donor that is nearest to the targets.
func nearest(donors [][]float64, targets []float64) int {
	best, least := 0, math.Inf(1)
	for i := range donors[0] {
		sum := 0.0
		for j, t := range targets {
			d := donors[j][i] - t
			sum += d * d
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return best
}
