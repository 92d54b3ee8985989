package elicit

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/reply"
)

// chain is one call for rows of a cell: a request, or where columns are written in blocks, one for each block and those that ask
// again for what came back wrong.
type chain struct {
	cell     *cell
	number   int // among the chains of the cell, over all rounds
	rows     int
	examples []int
	first    plugins.Request   // with its ordinal
	id       [sha256.Size]byte // of the first, its ordinal apart
	contract reply.Contract    // of the first
}

// chained is what a chain brought.
type chained struct {
	shown   bool // a request had the examples in it: texts of a prompt may leave them out
	account reply.Account
	blocks  []reply.Account // of the requests of each stage after the first
	records []reply.Record  // with a value for each column of the setup, in its order
}

// incomplete is why a row is rejected that some block could not be had for.
const incomplete reply.Reason = "incomplete"

// errStopped ends chains when another has met an error.
var errStopped = errors.New("stopped")

// run asks a chain's requests. With an error, what it brought are the accounts of the requests before: rows that were begun count as
// rejected.
func (r *run) run(ctx context.Context, c *chain) (*chained, error) {
	out := &chained{blocks: make([]reply.Account, len(r.s.stages)-1)}
	got, err := r.complete(ctx, c.first, c.contract, out)
	if err != nil {
		return out, err
	}
	out.account = got.Account
	if len(r.s.stages) > 1 && len(got.Records) > c.rows { // more than were asked for need not be continued
		out.account.Surplus += len(got.Records) - c.rows
		got.Records = got.Records[:c.rows]
	}
	begun := len(got.Records)
	rows := make([]partial, begun)
	for i, record := range got.Records {
		// numbers differ from chain to chain, and so do requests with equal rows in them
		rows[i] = partial{key: c.number*r.st.config.Rows + i + 1, values: make([]reply.Value, len(r.s.columns)), repaired: record.Repaired}
		rows[i].fill(r.s.stages[0], record)
		rows[i].counted = record
	}
	for stage := 1; stage < len(r.s.stages) && len(rows) > 0; stage++ {
		if rows, err = r.extend(ctx, c, stage, rows, out); err != nil {
			out.finish(nil, begun)
			return out, err
		}
	}
	out.finish(rows, begun-len(rows))
	return out, nil
}

// partial is a row that some blocks are there of.
type partial struct {
	key      int
	values   []reply.Value // by column of the setup
	outside  []int
	repaired bool
	done     bool         // in the current stage
	counted  reply.Record // of the first stage: its account has it
}

// fill puts the values of a record in their places.
func (p *partial) fill(columns []int, record reply.Record) {
	for i, at := range columns {
		p.values[at] = record.Values[i]
	}
	for _, i := range record.Outside {
		p.outside = append(p.outside, columns[i])
	}
	p.repaired = p.repaired || record.Repaired
	p.done = true
}

// extend asks for the columns of a stage for all rows, and again for those that no valid answer came for, as often as there are
// rounds. It returns the rows that have them.
func (r *run) extend(ctx context.Context, c *chain, stage int, rows []partial, out *chained) ([]partial, error) {
	for i := range rows {
		rows[i].done = false
	}
	again := counter{}
	for range r.st.config.Rounds {
		missing := 0
		for i := range rows {
			if !rows[i].done {
				missing++
			}
		}
		if missing == 0 {
			break
		}
		if r.stopped.Load() {
			return nil, errStopped
		}
		request, contract, err := r.st.request(r.s, r.continued(c, stage, rows, missing))
		if err != nil {
			return nil, err
		}
		id, err := identity(request)
		if err != nil {
			return nil, err
		}
		request.Ordinal = again.next(id)
		got, err := r.complete(ctx, request, contract, out)
		if err != nil {
			return nil, err
		}
		out.blocks[stage-1].Add(got.Account)
		for _, record := range got.Records {
			at, _ := slices.BinarySearchFunc(rows, record.Key, func(p partial, key int) int { return p.key - key })
			rows[at].fill(r.s.stages[stage], record)
		}
	}
	return slices.DeleteFunc(rows, func(p partial) bool {
		if !p.done {
			r.lost(out, p, stage)
		}
		return !p.done
	}), nil
}

// continued is the request for the rows that are not done.
func (r *run) continued(c *chain, stage int, rows []partial, missing int) ask {
	before := slices.Concat(r.s.stages[:stage]...)
	table := &prompt.Table{Names: append([]string{r.key}, names(r.s.stageColumns(before))...)}
	keys := make([]int, 0, missing)
	for i := range rows {
		if rows[i].done {
			continue
		}
		keys = append(keys, rows[i].key)
		line := make([]string, 0, len(table.Names))
		line = append(line, prompt.Number(float64(rows[i].key)))
		for _, at := range before {
			line = append(line, text(rows[i].values[at]))
		}
		table.Rows = append(table.Rows, line)
	}
	return ask{cell: c.cell, stage: stage, rows: missing, examples: c.examples, table: table, keys: keys}
}

// text is a value as CSV has it.
func text(v reply.Value) string {
	switch {
	case v.Missing:
		return ""
	case v.Level != "":
		return v.Level
	}
	return prompt.Number(v.Number)
}

// finish makes records of rows, and brings the account to rows: a record of the first stage that was lost later is rejected, and
// one that a later stage repaired, or has a value out of range of, counts as the first stage would have counted it. Repairs by kind
// are those of the first stage: those of later ones are of parts of rows.
func (c *chained) finish(rows []partial, lost int) {
	for i := range c.blocks {
		b := &c.blocks[i]
		c.account.Calls += b.Calls
		c.account.Refused += b.Refused
		c.account.Truncated += b.Truncated
		c.account.Prose += b.Prose
		c.account.Empty += b.Empty
	}
	if lost > 0 {
		if c.account.Rejected == nil {
			c.account.Rejected = map[reply.Reason]int{}
		}
		c.account.Rejected[incomplete] += lost
	}
	for _, row := range rows {
		slices.Sort(row.outside)
		c.records = append(c.records, reply.Record{Values: row.values, Outside: row.outside, Repaired: row.repaired})
		if len(row.outside) > len(row.counted.Outside) && len(row.counted.Outside) == 0 {
			c.account.Outside++
		}
		if row.repaired && !row.counted.Repaired {
			c.account.Repaired++
		}
	}
}

// complete asks one request and reads the answer. A refusal is an answer without rows.
func (r *run) complete(ctx context.Context, request plugins.Request, contract reply.Contract, out *chained) (*reply.Reply, error) {
	blocks, err := prompt.Find(request.Messages)
	if err != nil {
		return nil, err
	}
	out.shown = out.shown || blocks.Examples != nil
	response, err := r.model.Complete(ctx, request)
	if refused(err) {
		return &reply.Reply{Account: reply.Refusal(contract.Rows)}, nil
	}
	if err != nil {
		return nil, err
	}
	return reply.Parse(response.Text, response.Stop, contract), nil
}

func refused(err error) bool {
	var fault *plugins.LLMError
	return errors.As(err, &fault) && fault.Fault == plugins.FaultRefused
}
