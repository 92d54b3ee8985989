package ratings

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// none stands for an origin, a guess or a flag that is not given.
const none = -1

// rating is what one rater says of one record.
type rating struct {
	record, rater int
	value         float64 // NaN: missing
	flag          int     // 1, 0 or none
	guess         int     // index of an origin, unknown or none
	confidence    float64 // NaN: missing
}

// unknown is the guess of a rater who does not know.
const unknown = 2

// sheet is the ratings of a file, in an order that does not hang on that of its rows.
type sheet struct {
	rows    int
	raters  []string
	origins []int     // of each record: an index into Config.Origins, or none
	pairs   []int32   // of each record, or frame.Missing
	judge   []float64 // the judge's score of each record; NaN: none
	has     map[string]bool
	first   []rating    // of each record by each rater, by record and rater
	second  [][2]rating // the first and the second, where there is a second
	later   int         // ratings of third and later rounds
	of      string      // the synthetic rows that records are of, as plugins.RowsID; empty: the file does not say
}

// role is a column with what it stands for.
type role struct {
	what, name string
	needed     bool // it has to be in the file
	kind       frame.Kind
}

// all lists the columns with the names that they have in the file. One that need not be there is left out where its own name is
// that of another.
func (c Columns) all() []role {
	roles := []role{
		{"record", c.Record, true, frame.Category},
		{"rater", c.Rater, true, frame.Category},
		{"rating", c.Rating, true, frame.Number},
		{"origin", c.Origin, false, frame.Category},
		{"round", c.Round, false, ""},
		{"guess", c.Guess, false, frame.Category},
		{"confidence", c.Confidence, false, frame.Number},
		{"flag", c.Flag, false, frame.Category},
		{"pair", c.Pair, false, frame.Category},
		{"judge", c.Judge, false, frame.Number},
		{"rows", c.Rows, false, frame.Category},
	}
	taken := map[string]bool{}
	for _, r := range roles {
		taken[r.name] = true
	}
	var out []role
	for _, r := range roles {
		r.needed = r.needed || r.name != ""
		if r.name == "" {
			if r.name = r.what; !r.needed && taken[r.name] {
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// The part of the file that Check looks at.
const (
	sampleRows  = 20_000
	sampleBytes = 4 << 20
)

// maxBytes limits the decompressed content: a review has thousands of ratings, not hundreds of millions.
const maxBytes = 1 << 30

// reader turns the rows of a file into ratings. Its faults have a place.
type reader struct {
	ctx    context.Context
	config Config
	opts   frame.ReadOptions
	names  map[string]string        // of the columns in the file, by what they stand for
	of     map[string]*frame.Column // those that the file has, by what they stand for
	rows   int
}

// read reads the file, or a sample of it. Errors are *frame.FileError.
func read(ctx context.Context, c Config, threads int, sample bool) (*sheet, error) {
	r := &reader{ctx: ctx, config: c, names: map[string]string{}, of: map[string]*frame.Column{}}
	r.opts = frame.ReadOptions{Threads: threads, Missing: c.Missing, MaxBytes: maxBytes, Keep: []string{}, Columns: map[string]frame.ColumnOptions{}}
	if c.Delimiter != "" {
		r.opts.Delimiter = c.Delimiter[0]
	}
	head := r.opts
	t, err := frame.SampleFile(ctx, c.Path, head, 1, sampleBytes)
	if err != nil {
		return nil, err
	}
	for _, of := range c.Columns.all() {
		r.names[of.what] = of.name
		if of.needed || slices.Contains(t.Header, of.name) {
			r.opts.Keep = append(r.opts.Keep, of.name)
			r.opts.Columns[of.name] = frame.ColumnOptions{Kind: of.kind}
		}
	}
	if sample {
		t, err = frame.SampleFile(ctx, c.Path, r.opts, sampleRows, sampleBytes)
	} else {
		t, err = frame.ReadFile(ctx, c.Path, r.opts)
	}
	if err != nil {
		return nil, err
	}
	for what, name := range r.names {
		if column := t.Frame.Column(name); column != nil {
			r.of[what] = column
		}
	}
	r.rows = t.Frame.Rows()
	return r.sheet()
}

// fault is an error about a field.
func (r *reader) fault(row int, what, format string, args ...any) error {
	return frame.FaultAt(r.ctx, r.config.Path, r.opts, row, r.names[what], fmt.Sprintf(format, args...))
}

// sheet makes ratings of rows.
func (r *reader) sheet() (*sheet, error) {
	if r.rows == 0 {
		return nil, &frame.FileError{File: filepath.Base(r.config.Path), Msg: "no row below the header; want one for each rating"}
	}
	for _, what := range []string{"record", "rater", "origin", "round"} {
		if column := r.of[what]; column != nil {
			for row := range r.rows {
				if column.IsMissing(row) {
					return nil, r.fault(row, what, "no %s; every rating needs one", what)
				}
			}
		}
	}
	s := &sheet{rows: r.rows, raters: r.of["rater"].Levels, has: map[string]bool{}}
	for what := range r.of {
		s.has[what] = true
	}
	var err error
	if s.of, err = r.rated(); err != nil {
		return nil, err
	}
	if s.origins, err = r.origins(); err != nil {
		return nil, err
	}
	if err = r.beside(s); err != nil {
		return nil, err
	}
	rated := make([]rating, r.rows)
	for row := range rated {
		if rated[row], err = r.rating(row); err != nil {
			return nil, err
		}
	}
	return s, r.arrange(s, rated)
}

// rated returns the synthetic rows that the file says it tells of; empty where it does not say.
func (r *reader) rated() (string, error) {
	c := r.of["rows"]
	if c == nil {
		return "", nil
	}
	for row := range r.rows {
		if c.IsMissing(row) || c.Codes[row] != c.Codes[0] {
			return "", r.fault(row, "rows", "is not what the first row has; want ratings of the same synthetic rows in a file")
		}
	}
	return c.Levels[c.Codes[0]], nil
}

// origins returns the origin of each record.
func (r *reader) origins() ([]int, error) {
	records := r.of["record"]
	out := slices.Repeat([]int{none}, len(records.Levels))
	column := r.of["origin"]
	if column == nil {
		return out, nil
	}
	for row, record := range records.Codes {
		at := slices.Index(r.config.Origins[:], column.Levels[column.Codes[row]])
		switch {
		case at < 0:
			return nil, r.fault(row, "origin", `is neither %q nor %q; "origins" says what they are called`, r.config.Origins[0], r.config.Origins[1])
		case out[record] != none && out[record] != at:
			return nil, r.fault(row, "origin", "the record has another origin in a row above")
		}
		out[record] = at
	}
	return out, nil
}

// rating reads a row.
func (r *reader) rating(row int) (rating, error) {
	out := rating{
		record: int(r.of["record"].Codes[row]), rater: int(r.of["rater"].Codes[row]),
		value: r.of["rating"].Numbers[row], flag: none, guess: none, confidence: math.NaN(),
	}
	if name := r.of["rater"].Levels[out.rater]; name == all || name == mean {
		return out, r.fault(row, "rater", "a rater is called as scores of several raters are; want another name than %q and %q", all, mean)
	}
	if limits := r.config.Range; limits != nil && (out.value < limits.Min || out.value > limits.Max) {
		return out, r.fault(row, "rating", "outside the range from %v to %v", limits.Min, limits.Max)
	}
	if c := r.of["confidence"]; c != nil {
		out.confidence = c.Numbers[row]
	}
	if c := r.of["guess"]; c != nil && !c.IsMissing(row) {
		names := append(slices.Clone(r.config.Origins[:]), r.config.Unknown) // the last is the index unknown
		if out.guess = slices.Index(names, c.Levels[c.Codes[row]]); out.guess < 0 {
			return out, r.fault(row, "guess", "is none of %q, %q and %q", names[0], names[1], names[unknown])
		}
	}
	if c := r.of["flag"]; c != nil && !c.IsMissing(row) {
		switch strings.ToLower(c.Levels[c.Codes[row]]) {
		case "1", "true", "yes":
			out.flag = 1
		case "0", "false", "no":
			out.flag = 0
		default:
			return out, r.fault(row, "flag", "is no flag; want 1 or 0, true or false, yes or no")
		}
	}
	return out, nil
}

// arrange puts ratings in order, and parts first from second ones.
func (r *reader) arrange(s *sheet, rated []rating) error {
	order := make([]int, len(rated))
	for i := range order {
		order[i] = i
	}
	rounds := r.of["round"]
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rated[a].record, rated[b].record), cmp.Compare(rated[a].rater, rated[b].rater), compareRounds(rounds, a, b), a-b)
	})
	round, repeated := 0, none
	for i, row := range order {
		now := rated[row]
		if i == 0 || rated[order[i-1]].record != now.record || rated[order[i-1]].rater != now.rater {
			s.first = append(s.first, now)
			round = 1
			continue
		}
		if compareRounds(rounds, order[i-1], row) == 0 && (repeated == none || row < repeated) {
			repeated = row // of several, the first of the file is told
		}
		if round++; round > 2 {
			s.later++
			continue
		}
		s.second = append(s.second, [2]rating{s.first[len(s.first)-1], now})
	}
	switch {
	case repeated == none:
		return nil
	case rounds == nil:
		return r.fault(repeated, "record", "the rater has rated the record in a row above; a column %q can tell repeats apart", r.names["round"])
	}
	return r.fault(repeated, "round", "the rater has rated the record in this round in a row above")
}

// compareRounds compares rows by their round: as numbers where all of them are, else as texts.
func compareRounds(c *frame.Column, a, b int) int {
	switch {
	case c == nil:
		return 0
	case c.Kind == frame.Number:
		return cmp.Compare(c.Numbers[a], c.Numbers[b])
	}
	return cmp.Compare(c.Codes[a], c.Codes[b])
}

// counts account for what was read.
func (s *sheet) counts() []plugins.Count {
	missing, guesses, flags := 0, 0, 0
	rated := make([]bool, len(s.origins))
	for _, x := range s.first {
		if math.IsNaN(x.value) {
			missing++
		} else {
			rated[x.record] = true
		}
		if x.guess == none {
			guesses++
		}
		if x.flag == none {
			flags++
		}
	}
	unrated := 0
	for _, yes := range rated {
		if !yes {
			unrated++
		}
	}
	out := []plugins.Count{
		{Name: "rows of ratings read", Value: s.rows},
		{Name: "raters", Value: len(s.raters)},
		{Name: "records to rate", Value: len(s.origins)},
		{Name: "records without a rating", Value: unrated},
		{Name: "ratings", Value: len(s.first) - missing},
		{Name: "ratings missing", Value: missing},
		{Name: "repeated ratings", Value: len(s.second)},
		{Name: "ratings of third and later rounds, not used", Value: s.later},
	}
	if s.has["guess"] {
		out = append(out, plugins.Count{Name: "guesses missing", Value: guesses})
	}
	if s.has["flag"] {
		out = append(out, plugins.Count{Name: "flags missing", Value: flags})
	}
	return out
}
