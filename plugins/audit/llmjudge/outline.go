package llmjudge

import (
	"context"
	"errors"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

const (
	// sampled is how many records the length of requests is estimated from.
	sampled = 100
	// Tokens of answers, as hosted models write them: of the braces and the score; of a reason; and of a finding, of which there
	// is about one a record.
	scoreTokens, reasonTokens, findingTokens = 12, 60, 50
)

// Outline works out what Judge would ask, from the records at hand. Every judge is asked once a record and repeat, so that all
// three numbers of requests are the same; records that were judged before cost nothing, which nobody knows here. With records 0 it
// is the requests about the records at hand, one by one.
func (j *Judge) Outline(ctx context.Context, _ plugins.Env, like plugins.Lineup, records int) (*plugins.Outline, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := j.asking(like)
	if err != nil {
		return nil, err
	}
	rows := like.Frame.Rows()
	switch {
	case records < 0:
		return nil, errors.New("the number of records is below 0")
	case records == 0:
		return a.requests(ctx, like.Frame)
	case rows == 0:
		return nil, errors.New("there is no record to estimate requests from")
	}
	call := a.call(records * j.config.Repeats)
	n := min(sampled, rows)
	for i := range n {
		record := a.sheet.Record(like.Frame, i*rows/n)
		request := a.request(&record, 0)
		input := prompt.EstimateInput(request)
		if i == 0 {
			call.Request, call.InputLow, call.InputHigh = request, input, input
		}
		call.InputLow, call.InputHigh = min(call.InputLow, input), max(call.InputHigh, input)
	}
	call.InputLow = max(1, int(float64(call.InputLow)/prompt.MostOver))
	out := &plugins.Outline{}
	for _, name := range j.config.LLMs {
		call.Model = name
		out.Calls = append(out.Calls, call)
	}
	return out, nil
}

// requests are the requests about each record.
func (a *asking) requests(ctx context.Context, records *frame.Frame) (*plugins.Outline, error) {
	out := &plugins.Outline{}
	call := a.call(a.config.Repeats)
	for row := range records.Rows() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		record := a.sheet.Record(records, row)
		call.Request = a.request(&record, 0)
		call.InputHigh = prompt.EstimateInput(call.Request)
		call.InputLow = max(1, int(float64(call.InputHigh)/prompt.MostOver))
		for _, name := range a.config.LLMs {
			call.Model = name
			out.Calls = append(out.Calls, call)
		}
	}
	return out, nil
}

// call is so many calls, with what is known of their answers.
func (a *asking) call(number int) plugins.OutlinedCall {
	call := plugins.OutlinedCall{Label: "a record", Low: number, Expected: number, High: number, OutputLow: scoreTokens, OutputTokens: scoreTokens}
	if a.config.Reasons {
		call.OutputLow, call.OutputTokens = call.OutputLow+reasonTokens/10, call.OutputTokens+reasonTokens
	}
	if a.config.Findings {
		call.OutputTokens += findingTokens
	}
	return call
}
