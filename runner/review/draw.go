package review

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/engine"
)

// Request says what is to be drawn.
type Request struct {
	N        int // records of each origin
	Training int // records for practice besides, of both origins together
	Raters   []string
	Repeats  float64 // share of the records that a rater is shown twice, in [0, 0.5]
	Seed     uint64
	Header   []Match
	Sample   string // AtRandom or ByScore
	Rows     string // AllRows or KeptRows; ByScore draws from all
	Audit    string // whose scores; "": that of the only auditor there is
	Exclude  []*Key // whose records are not shown again
	Columns  []string
}

// Check says what is wrong with a request, or returns nil.
func (q *Request) Check() error {
	switch {
	case q.N < 2:
		return fmt.Errorf("%d records of each origin: want at least 2", q.N)
	case q.N > 10_000:
		return fmt.Errorf("%d records of each origin: nobody reads more than 10000", q.N)
	case q.Training < 0 || q.Training > 100:
		return fmt.Errorf("%d records for practice: want 0 to 100", q.Training)
	case !(q.Repeats >= 0 && q.Repeats <= 0.5):
		return fmt.Errorf("a share of %g repeats: want 0 to 0.5", q.Repeats)
	case q.Sample != AtRandom && q.Sample != ByScore:
		return fmt.Errorf("sample %q: want %s or %s", q.Sample, AtRandom, ByScore)
	case q.Rows != AllRows && q.Rows != KeptRows:
		return fmt.Errorf("rows %q: want %s or %s", q.Rows, AllRows, KeptRows)
	case q.Sample == ByScore && q.Rows == KeptRows:
		return errors.New("a sample by score is drawn across all scores, those of rows that were dropped among them; draw from all rows")
	case q.Sample == ByScore && len(q.Header) > 0:
		return errors.New("a sample by score has known probabilities, which matching by header would change; want one of them")
	case q.Sample == ByScore && len(q.Exclude) > 0:
		return errors.New("a sample by score gives every row a chance, and excluded rows have none; want one of them")
	}
	return CheckRaters(q.Raters)
}

// candidate is a row that may be drawn.
type candidate struct {
	Record
	frame  *frame.Frame
	chance float64 // with which it stands for its patient, in (0,1]
}

// drawer draws records of one cell.
type drawer struct {
	*Request
	rows  *engine.Rows
	judge *plugins.AuditReport // nil where records have no scores
	rand  plugins.Rand
}

// source returns a random source. It hangs on the rows, so that who knows the seed alone cannot work out what was drawn.
func (d *drawer) source(labels ...string) *rand.Rand {
	return d.rand.For(plugins.ForSimulation, append([]string{"review"}, labels...)...)
}

func newDrawer(q *Request, rows *engine.Rows, cell string) (*drawer, error) {
	h := sha256.New()
	for _, id := range slices.Concat(rows.MadeIdentity, rows.TestIdentity) {
		h.Write([]byte(id))
	}
	d := &drawer{Request: q, rows: rows, rand: plugins.NewRand(q.Seed, cell+"\x00"+hex.EncodeToString(h.Sum(nil)), plugins.ForSimulation)}
	var err error
	d.judge, err = d.report()
	return d, err
}

// report returns the report of the auditor whose scores records have.
func (d *drawer) report() (*plugins.AuditReport, error) {
	var names []string
	for i := range d.rows.Reports {
		if r := &d.rows.Reports[i]; r.Audit == d.Audit || d.Audit == "" && len(d.rows.Reports) == 1 {
			return r, nil
		}
		names = append(names, strconv.Quote(d.rows.Reports[i].Audit))
	}
	switch {
	case d.Audit == "" && d.Sample == AtRandom:
		return nil, nil
	case len(names) == 0:
		return nil, errors.New("the cell is not audited, so that its records have no scores; name a cell of an audit")
	case d.Audit == "":
		return nil, fmt.Errorf("the cell has several audits; say whose scores are meant: one of %s", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the cell has no audit %q; want one of %s", d.Audit, strings.Join(names, ", "))
}

// verdicts are those of a source of records, by its row.
func (d *drawer) verdicts(source plugins.Source) map[int]plugins.Verdict {
	out := map[int]plugins.Verdict{}
	if d.judge == nil {
		return out
	}
	for i, s := range d.judge.Sources {
		if s == source {
			out[d.judge.Origin[i]] = d.judge.Judged.Verdicts[i]
		}
	}
	return out
}

// scored gives a record the verdict of the auditor.
func (r *Record) scored(v plugins.Verdict, judged bool) {
	r.Judged = judged
	if judged && v.Status == plugins.Scored {
		r.Score = &v.Score
	}
}

// of identifies the synthetic rows that are drawn from.
func (d *drawer) of() string {
	if d.Rows == AllRows {
		return plugins.RowsID(d.rows.Made)
	}
	return plugins.RowsID(d.rows.Made.Take(d.rows.Kept))
}

// synthetic lists the synthetic rows that may be drawn.
func (d *drawer) synthetic() []candidate {
	shown := d.shown()
	verdicts := d.verdicts(plugins.FromSynthetic)
	from := d.rows.Kept
	if d.Rows == AllRows {
		from = make([]int, d.rows.Made.Rows())
		for i := range from {
			from[i] = i
		}
	}
	var out []candidate
	for _, row := range from {
		c := candidate{Record{Origin: Synthetic, Row: row, Identity: d.rows.MadeIdentity[row]}, d.rows.Made, 1}
		v, judged := verdicts[row]
		if c.scored(v, judged); !shown[c.Identity] {
			out = append(out, c)
		}
	}
	return out
}

// real lists the real rows that may be drawn: one of each patient, and for a sample by score those that the auditor has judged.
func (d *drawer) real() []candidate {
	shown := d.shown()
	verdicts := d.verdicts(plugins.FromReal)
	var out []candidate
	of := map[string]int{} // rows of each patient
	for _, row := range d.source("patients").Perm(d.rows.Test.Rows()) {
		c := candidate{Record{Origin: Real, Row: row, Identity: d.rows.TestIdentity[row]}, d.rows.Test, 1}
		if s := d.rows.Subject; s != nil && !s.IsMissing(row) {
			c.Subject = subjectHash(s, row)
		}
		v, judged := verdicts[row]
		c.scored(v, judged)
		if shown[c.Identity] || c.Subject != "" && shown[c.Subject] || d.Sample == ByScore && !judged {
			continue
		}
		if c.Subject != "" {
			if of[c.Subject]++; of[c.Subject] > 1 {
				continue
			}
		}
		out = append(out, c)
	}
	for i := range out {
		out[i].chance = 1 / float64(max(of[out[i].Subject], 1))
	}
	slices.SortFunc(out, func(a, b candidate) int { return a.Row - b.Row })
	return out
}

// subjectHash tells patients apart without naming them.
func subjectHash(c *frame.Column, row int) string {
	text := ""
	if c.Kind == frame.Number {
		text = strconv.FormatFloat(c.Numbers[row], 'g', -1, 64)
	} else {
		text = c.Levels[c.Codes[row]]
	}
	sum := sha256.Sum256([]byte("subject\x00" + text))
	return hex.EncodeToString(sum[:12])
}

// shown are the identities of records and patients of earlier packets.
func (d *drawer) shown() map[string]bool {
	out := map[string]bool{}
	for _, k := range d.Exclude {
		for _, r := range k.Records {
			out[r.Identity] = true
			if r.Subject != "" {
				out[r.Subject] = true
			}
		}
	}
	return out
}

// draw returns the records of the study, then those for practice, all with names that tell nothing.
func (d *drawer) draw() ([]candidate, error) {
	synthetic, err := d.strata(d.synthetic(), Synthetic)
	if err != nil {
		return nil, err
	}
	real := d.real()
	if len(d.Header) > 0 {
		synthetic, real, err = d.matched(synthetic, real)
	} else {
		real, err = d.strata(real, Real)
	}
	if err != nil {
		return nil, err
	}
	half := d.Training / 2
	need := map[string]int{Synthetic: half, Real: d.Training - half}
	study := slices.Concat(synthetic[:d.N], real[:d.N])
	var practice []candidate
	for _, rest := range [][]candidate{synthetic[d.N:], real[d.N:]} {
		for _, c := range rest {
			if need[c.Origin] > 0 {
				need[c.Origin]--
				c.Training, c.Pair, c.Probability = true, "", 0
				practice = append(practice, c)
			}
		}
	}
	if need[Synthetic]+need[Real] > 0 {
		return nil, fmt.Errorf("there are too few rows for %d records for practice besides; want fewer", d.Training)
	}
	d.source("names").Shuffle(len(study), func(i, j int) { study[i], study[j] = study[j], study[i] })
	for i := range study {
		study[i].Name = fmt.Sprintf("r%0*d", digits(len(study)), i+1)
	}
	for i := range practice {
		practice[i].Name = fmt.Sprintf("p%d", i+1)
	}
	return slices.Concat(study, practice), nil
}

func digits(n int) int { return max(3, len(strconv.Itoa(n))) }

// strata puts candidates in a random order of which the first N are the sample, the others follow. Those of the sample have the
// probability that they were drawn with: N by all at random, and by score as many of each score as there can be; that of a row of a patient
// with several is lower by as much.
func (d *drawer) strata(of []candidate, origin string) ([]candidate, error) {
	if len(of) < d.N {
		return nil, fmt.Errorf("there are %d %s rows to draw %d records from; want fewer, or a larger cell", len(of), origin, d.N)
	}
	d.source("draw", origin).Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	if d.Sample == AtRandom {
		for i := range of {
			of[i].Probability = of[i].chance * float64(d.N) / float64(len(of))
		}
		return of, nil
	}
	stratum := d.stratify(of)
	size := map[int]int{}
	for _, c := range of {
		size[stratum(c)]++
	}
	share, err := allocate(size, d.N, origin)
	if err != nil {
		return nil, err
	}
	var drawn, rest []candidate
	taken := map[int]int{}
	for _, c := range of {
		s := stratum(c)
		c.Probability = c.chance * float64(share[s]) / float64(size[s])
		if taken[s] < share[s] {
			taken[s]++
			drawn = append(drawn, c)
		} else {
			rest = append(rest, c)
		}
	}
	return append(drawn, rest...), nil
}

// The strata of a sample by score.
const (
	mostStrata = 20 // scores that each are a stratum; more are put into bins
	bins       = 10 // of equal width over the scale
)

// stratify returns the stratum of a record: its score, or that it has none.
func (d *drawer) stratify(of []candidate) func(candidate) int {
	var scores []float64
	for _, c := range of {
		if c.Score != nil {
			scores = append(scores, *c.Score)
		}
	}
	slices.Sort(scores)
	scores = slices.Compact(scores)
	scale := d.judge.Scale
	return func(c candidate) int {
		switch {
		case c.Score == nil:
			return -1
		case len(scores) <= mostStrata:
			at, _ := slices.BinarySearch(scores, *c.Score)
			return at
		}
		return min(int(math.Floor((*c.Score-scale.Min)/(scale.Max-scale.Min)*bins)), bins-1)
	}
}

// allocate shares n draws among strata as evenly as their sizes allow.
func allocate(size map[int]int, n int, origin string) (map[int]int, error) {
	if n < len(size) {
		return nil, fmt.Errorf("the %s rows have %d different scores; want at least as many records, so that each has a chance", origin, len(size))
	}
	var order []int
	for s := range size {
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b int) int { return max(-1, min(1, size[a]-size[b]))*2 + max(-1, min(1, a-b)) })
	out := map[int]int{}
	for i, s := range order { // the smallest first: what they lack, the others share
		out[s] = min(size[s], n/(len(order)-i))
		n -= out[s]
	}
	return out, nil
}
