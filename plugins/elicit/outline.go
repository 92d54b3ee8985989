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
	lengths := s.lengths()
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
			call, err := st.outline(s, begun, stage, lengths)
			if err != nil {
				return nil, err
			}
			out.Calls = append(out.Calls, *call)
		}
	}
	return out, nil
}

// outline describes the requests of a stage of a cell.
func (st *Strategy) outline(s *setup, c *chain, stage int, lengths []float64) (*plugins.OutlinedCall, error) {
	out := &plugins.OutlinedCall{Model: st.config.LLM, Label: c.cell.words, Request: c.first}
	chains := (c.cell.rows + st.config.Rows - 1) / st.config.Rows
	rounds := st.config.Rounds
	out.Low, out.Expected, out.High = chains, chains, chains*rounds
	if rounds > 1 {
		out.Expected += int(math.Ceil(usuallyMissing * float64(c.cell.rows) / float64(st.config.Rows)))
	}
	attached := 0.0 // tokens of rows to be continued, beyond those of the ellipses
	if stage > 0 {
		out.High *= rounds // in each round, rows are continued as often
		a := st.ellipses(s, c, stage)
		var err error
		if out.Request, _, err = st.request(s, a); err != nil {
			return nil, err
		}
		for _, at := range slices.Concat(s.stages[:stage]...) {
			attached += float64(c.rows) * (lengths[at] - float64(prompt.EstimateTokens(ellipsis)))
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
	input := max(1, prompt.EstimateInput(out.Request)+int(math.Round(attached)))
	out.InputLow, out.InputHigh = input, input
	out.OutputTokens = st.output(s, stage, c.rows, lengths)
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

// output estimates the tokens of an answer from the values that train has.
func (st *Strategy) output(s *setup, stage, rows int, lengths []float64) int {
	columns := s.stages[stage]
	each, head := 1.0, 0.0 // the end of a line or object; the header
	key := 0.0
	if stage > 0 {
		key = 2
	}
	for _, at := range columns {
		name := float64(prompt.EstimateTokens(s.columns[at].Name))
		each += lengths[at] + 1
		if st.config.Format == prompt.JSON {
			each += name + 2
		} else {
			head += name + 1
		}
	}
	return int(math.Ceil(head + float64(rows)*(each+key)))
}

// lengths returns the mean number of tokens of the values of each column, missing ones included.
func (s *setup) lengths() []float64 {
	out := make([]float64, len(s.columns))
	n := min(sampled, s.train.Rows())
	for i, c := range s.columns {
		total := 0
		for k := range n {
			total += prompt.EstimateTokens(prompt.Cell(c.Column, k*s.train.Rows()/n))
		}
		out[i] = float64(total) / float64(n)
	}
	return out
}
