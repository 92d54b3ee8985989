package elicit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/reply"
)

// atOnce is how many chains of a step wait for answers at a time. The client keeps to what the provider allows, over
// all steps; this only has to be more than any allows one of them.
const atOnce = 64

// run is the state of one Generate.
type run struct {
	st    *Strategy
	s     *setup
	model plugins.LLM
	env   plugins.Env
	n     int
	key   string // name of the column that numbers rows

	equal   counter
	exposed map[int]bool
	cells   []*filling
	stopped atomic.Bool // a chain has met an error: the others need not go on
	begun   sync.Mutex
	done    int // rows that came back, for progress
}

// filling is a cell that rows come in for.
type filling struct {
	*cell
	chains  int // begun so far
	intake  *reply.Intake
	shown   *reply.Seen
	blocks  []reply.Account // of later stages
	records []reply.Record
}

func (f *filling) missing() int { return f.rows - len(f.records) }

func newRun(st *Strategy, s *setup, model plugins.LLM, env plugins.Env, n int) (*run, error) {
	r := &run{st: st, s: s, model: model, env: env, n: n, key: s.keyName(), equal: counter{}, exposed: map[int]bool{}}
	for i := range s.all {
		f := &filling{cell: &s.all[i], blocks: make([]reply.Account, len(s.stages)-1)}
		contract := r.whole(f.cell)
		var err error
		if f.shown, err = reply.NewSeen(contract, r.written(f.cell), nil); err != nil {
			return nil, err
		}
		f.intake = reply.NewIntake(contract, f.shown)
		r.cells = append(r.cells, f)
	}
	return r, nil
}

// rounds asks until every cell has its rows, or the rounds are over.
func (r *run) rounds(ctx context.Context) error {
	r.env.Progress(0, r.n)
	for range r.st.config.Rounds {
		chains, err := r.plan()
		if err != nil {
			return err
		}
		if len(chains) == 0 {
			break
		}
		if err := r.ask(ctx, chains); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(r.cells, func(f *filling) bool { return f.missing() > 0 }) {
		return r.shortfall()
	}
	return nil
}

// written are the columns of train that the model decides on. A row that repeats an example in all of them is a copy, whatever
// label or group we put to it.
func (r *run) written(c *cell) []string {
	return slices.DeleteFunc(slices.Clone(r.s.train.Names()), func(name string) bool { return c.value(name) != nil })
}

// whole is the contract of all columns of a cell.
func (r *run) whole(c *cell) reply.Contract {
	all := make([]int, len(r.s.columns))
	for i := range all {
		all[i] = i
	}
	return r.st.contract(r.s, c, all, c.rows)
}

// planned is a chain and the cell that its rows are for.
type planned struct {
	*chain
	into *filling
}

// plan makes the chains of a round: for each cell in turn, as many as its missing rows need, each with all rows of a call but
// the last.
func (r *run) plan() ([]planned, error) {
	var out []planned
	for _, f := range r.cells {
		var before *chain
		for missing := f.missing(); missing > 0; missing -= r.st.config.Rows {
			c, err := r.another(before, f, min(missing, r.st.config.Rows))
			if err != nil {
				return nil, err
			}
			c.first.Ordinal = r.equal.next(c.id)
			before = c
			f.chains++
			out = append(out, planned{c, f})
		}
	}
	return out, nil
}

// another makes the next chain of a cell: the same as that before, where it asks for as many rows and shows the same examples.
func (r *run) another(before *chain, f *filling, rows int) (*chain, error) {
	if before == nil || before.rows != rows || r.st.config.FreshExamples {
		return r.st.begin(r.s, f.cell, f.chains, rows)
	}
	c := *before
	c.number = f.chains
	return &c, nil
}

// begin makes a chain; the ordinal of its first request is left open.
func (st *Strategy) begin(s *setup, c *cell, number, rows int) (*chain, error) {
	out := &chain{cell: c, number: number, rows: rows, examples: s.chooser.of(c.words, strconv.Itoa(number))}
	var err error
	if out.first, out.contract, err = st.request(s, ask{cell: c, rows: rows, examples: out.examples}); err != nil {
		return nil, err
	}
	out.id, err = identity(out.first)
	return out, err
}

// spent reports whether a request was not sent because nothing more may be. What the other chains ask may have been answered
// before, so they go on: what a step comes to hangs on the answers that there are, not on who asked first.
func spent(err error) bool {
	var fault *plugins.LLMError
	return errors.As(err, &fault) && (fault.Fault == plugins.FaultBudget || fault.Fault == plugins.FaultReplay)
}

// ask runs chains, and takes what they bring in their order. What chains brought that have met an error, or ended before their
// last request as another has, is accounted for as well.
func (r *run) ask(ctx context.Context, chains []planned) error {
	results, errs := make([]*chained, len(chains)), make([]error, len(chains))
	err := parallel.For(ctx, atOnce, len(chains), func(i int) error {
		if results[i], errs[i] = r.run(ctx, chains[i].chain); spent(errs[i]) {
			return nil
		} else if errs[i] != nil {
			r.stopped.Store(true)
			return errs[i]
		}
		r.progress(len(results[i].records))
		return nil
	})
	for _, e := range errs { // what stopped the others says more than that they were stopped
		if e != nil && !errors.Is(e, errStopped) {
			err = e
			break
		}
	}
	for i, p := range chains {
		if results[i] == nil { // not begun
			continue
		}
		if results[i].shown && len(p.examples) > 0 {
			for _, row := range p.examples {
				r.exposed[row] = true
			}
			if wrong := p.into.shown.AddFrame(r.s.train, p.examples); wrong != nil {
				return cmp.Or(err, wrong)
			}
		}
		p.into.take(results[i])
	}
	return err
}

func (r *run) progress(rows int) {
	r.begun.Lock()
	defer r.begun.Unlock()
	r.done = min(r.n, r.done+rows)
	r.env.Progress(r.done, r.n)
}

// take adds what a chain brought. Rows beyond those that are missing are surplus, whatever they hold.
func (f *filling) take(c *chained) {
	f.intake.Account.Add(c.account)
	f.records = append(f.records, f.intake.Deliver(c.records, f.missing())...)
	for i := range c.blocks {
		f.blocks[i].Add(c.blocks[i])
	}
}

// generated puts the rows of all cells together. Where there are several cells, rows are in random order: the first of them are
// no group, and of no label.
func (r *run) generated() (*plugins.Generated, error) {
	var records []reply.Record
	var codes []int32
	for _, f := range r.cells {
		for _, record := range f.records {
			records, codes = append(records, record), append(codes, int32(f.group))
		}
	}
	if len(r.cells) > 1 {
		r.env.Rand.For(plugins.ForGeneration, "order").Shuffle(len(records), func(i, j int) {
			records[i], records[j] = records[j], records[i]
			codes[i], codes[j] = codes[j], codes[i]
		})
	}
	table, err := r.whole(&cell{}).Frame(records, r.s.train)
	if err != nil {
		return nil, err
	}
	counts := append(r.counts(), r.outside(records)...)
	r.noteSurvivors()
	return &plugins.Generated{
		Frame: table, Counts: counts, Notes: r.s.notes, Strata: r.s.strata(codes),
		Exposed: append([]int{}, slices.Sorted(maps.Keys(r.exposed))...),
	}, nil
}

// outside counts the values out of range of each column, and notes that there are some.
func (r *run) outside(records []reply.Record) []plugins.Count {
	values := make([]int, len(r.s.columns))
	all := 0
	for _, record := range records {
		all += len(record.Outside)
		for _, at := range record.Outside {
			values[at]++
		}
	}
	var out []plugins.Count
	for i, n := range values {
		if n > 0 {
			out = append(out, plugins.Count{Name: "values out of range", Dims: map[string]string{"column": r.s.columns[i].Name}, Value: n})
		}
	}
	if all > 0 {
		r.s.note(fmt.Sprintf("values delivered that are outside the declared limits, or outside the range of train where none are declared: %d, in columns: %d",
			all, len(out)))
	}
	return out
}

// counts is the account of every cell.
func (r *run) counts() []plugins.Count {
	var out []plugins.Count
	for _, f := range r.cells {
		out = append(out, f.intake.Account.Counts(f.dims)...)
		for i := range f.blocks {
			out = append(out, ofBlock(&f.blocks[i], with(f.dims, "block", strconv.Itoa(i+2)))...)
		}
	}
	return out
}

// ofBlock is the account of the parts of rows that later blocks ask for.
func ofBlock(a *reply.Account, dims map[string]string) []plugins.Count {
	out := []plugins.Count{
		{Name: "parts of rows requested", Dims: dims, Value: a.Requested},
		{Name: "parts of rows returned", Dims: dims, Value: a.Returned},
	}
	for _, reason := range slices.Sorted(maps.Keys(a.Rejected)) {
		out = append(out, plugins.Count{Name: "parts of rows rejected", Dims: with(dims, "reason", string(reason)), Value: a.Rejected[reason]})
	}
	for _, label := range slices.Sorted(maps.Keys(a.ByLabel)) {
		out = append(out, plugins.Count{Name: "parts of rows rejected by label", Dims: with(dims, "label", label), Value: a.ByLabel[label]})
	}
	for _, repair := range slices.Sorted(maps.Keys(a.Repairs)) {
		out = append(out, plugins.Count{Name: "parts of rows repaired by kind", Dims: with(dims, "repair", string(repair)), Value: a.Repairs[repair]})
	}
	return out
}

func with(dims map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	maps.Copy(out, dims)
	return out
}

// shortfall is the error of too few rows.
func (r *run) shortfall() error {
	var all reply.Account
	got := 0
	for _, f := range r.cells {
		all.Add(f.intake.Account)
		got += len(f.records)
	}
	rounds := "rounds"
	if r.st.config.Rounds == 1 {
		rounds = "round"
	}
	return &plugins.ShortfallError{
		Requested: r.n, Delivered: got,
		Reason: fmt.Sprintf("after %d %s: %s", r.st.config.Rounds, rounds, why(&all)),
	}
}

// why says what became of the rows that are missing, and what would help.
func why(a *reply.Account) string {
	var parts []string
	say := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	reasons := slices.SortedFunc(maps.Keys(a.Rejected), func(x, y reply.Reason) int {
		return cmp.Or(cmp.Compare(a.Rejected[y], a.Rejected[x]), cmp.Compare(x, y))
	})
	var each []string
	for _, reason := range reasons {
		each = append(each, fmt.Sprintf("%d %s", a.Rejected[reason], reason))
	}
	if n := a.RejectedRows(); n > 0 {
		say(n, "rejected ("+strings.Join(each, ", ")+")")
	}
	say(a.Refused, "calls refused")
	say(a.Truncated, "answers ended at the cap on tokens")
	say(a.Empty, "answers without a row")
	if len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("%d returned of %d requested", a.Returned, a.Requested))
	}
	help := "; raise rounds"
	if a.Truncated > 0 {
		help = "; raise max_tokens, or ask for fewer rows in a call"
	}
	return strings.Join(parts, ", ") + help
}
