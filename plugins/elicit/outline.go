package elicit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// usuallyMissing is the share of rows that Outline expects to be asked for again: answers that are short by a row or two, or have
// one that does not meet the contract, are common, and answers that are no use at all are not.
const usuallyMissing = 0.05

// sampled is how many rows of train the length of values is estimated from.
const sampled = 100

// Outline works out what Generate would ask first. Requests that continue rows are shown with an ellipsis for each value.
func (st *Strategy) Outline(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Outline, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := st.newSetup(env, task)
	if err != nil {
		return nil, err
	}
	values := s.lengths()
	out := &plugins.Outline{}
	for i := range s.all {
		c := &s.all[i]
		out.Cells = append(out.Cells, plugins.OutlinedCell{Dims: c.dims, Rows: c.rows})
		if c.rows == 0 {
			continue
		}
		begun, err := st.begin(s, c, 0, min(c.rows, st.config.Rows))
		if err != nil {
			return nil, err
		}
		for stage := range s.stages {
			call, err := st.outline(s, begun, stage, values)
			if err != nil {
				return nil, err
			}
			out.Calls = append(out.Calls, *call)
		}
	}
	return out, nil
}

// outline describes the requests of a stage of a cell.
func (st *Strategy) outline(s *setup, c *chain, stage int, values lengths) (*plugins.OutlinedCall, error) {
	out := &plugins.OutlinedCall{Model: st.config.LLM, Label: c.cell.words, Request: c.first}
	chains := (c.cell.rows + st.config.Rows - 1) / st.config.Rows
	rounds := st.config.Rounds
	out.Low, out.Expected, out.High = chains, chains, chains*rounds
	if rounds > 1 {
		out.Expected += int(math.Ceil(usuallyMissing * float64(c.cell.rows) / float64(st.config.Rows)))
	}
	least, attached := 0.0, 0.0 // tokens of rows to be continued, beyond those of the ellipses
	if stage > 0 {
		out.High *= rounds // in each round, rows are continued as often
		a := st.ellipses(s, c, stage)
		var err error
		if out.Request, _, err = st.request(s, a); err != nil {
			return nil, err
		}
		for _, at := range slices.Concat(s.stages[:stage]...) {
			least += float64(c.rows) * (values.least[at] - float64(prompt.EstimateTokens(ellipsis)))
			attached += float64(c.rows) * (values.mean[at] - float64(prompt.EstimateTokens(ellipsis)))
		}
	}
	if len(s.stages) > 1 {
		if out.Label != "" {
			out.Label += ", "
		}
		out.Label += fmt.Sprintf("block %d of %d", stage+1, len(s.stages))
	}
	if out.Label == "" {
		out.Label = "rows"
	}
	input := float64(prompt.EstimateInput(out.Request))
	out.InputLow, out.InputHigh = max(1, int((input+least)/prompt.MostOver)), max(1, int(math.Round(input+attached)))
	out.OutputLow = max(1, int(st.output(s, stage, c.rows, values.least)/prompt.MostOver))
	out.OutputTokens = int(math.Ceil(st.output(s, stage, c.rows, values.mean)))
	return out, nil
}

const ellipsis = "…"

// ellipses is the request that continues rows of which nothing is known yet.
func (st *Strategy) ellipses(s *setup, c *chain, stage int) ask {
	before := slices.Concat(s.stages[:stage]...)
	a := ask{cell: c.cell, stage: stage, rows: c.rows, examples: c.examples}
	a.table = &prompt.Table{Names: append([]string{s.keyName()}, names(s.stageColumns(before))...)}
	for row := range c.rows {
		line := make([]string, len(a.table.Names))
		for i, at := range before {
			line[i+1] = ellipsis
			if v := c.cell.value(s.columns[at].Name); v != nil {
				line[i+1] = *v
			}
		}
		line[0] = prompt.Number(float64(row + 1))
		a.table.Rows, a.keys = append(a.table.Rows, line), append(a.keys, row+1)
	}
	return a
}

// output estimates the tokens of an answer from the tokens of the values of each column.
func (st *Strategy) output(s *setup, stage, rows int, lengths []float64) float64 {
	columns := s.stages[stage]
	each, head := 0.0, 0.0 // of a line or object, with what ends it; of the header
	if stage > 0 {
		each = 2 // the key
	}
	for _, at := range columns {
		name := float64(prompt.EstimateTokens(s.columns[at].Name))
		each += lengths[at] + 1
		if st.config.Format == prompt.JSON {
			each += name + 2
			continue
		}
		head += name + 1
		if lengths[at] == 0 { // two separators in a row are a token
			each -= 0.5
		}
	}
	if st.config.Format == prompt.JSON {
		each++
	}
	return head + float64(rows)*each
}

// lengths are the tokens of the values of each column, missing ones included.
type lengths struct{ least, mean []float64 }

// lengths estimates them from rows of train.
func (s *setup) lengths() lengths {
	out := lengths{make([]float64, len(s.columns)), make([]float64, len(s.columns))}
	n := min(sampled, s.train.Rows())
	for i, c := range s.columns {
		total, least := 0, math.MaxInt
		for k := range n {
			tokens := prompt.EstimateTokens(prompt.Cell(c.Column, k*s.train.Rows()/n))
			total, least = total+tokens, min(least, tokens)
		}
		out.least[i], out.mean[i] = float64(least), float64(total)/float64(n)
	}
	return out
}
