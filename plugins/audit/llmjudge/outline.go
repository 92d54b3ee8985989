package llmjudge

import (
	"context"
	"errors"

	"github.com/ehrlab/ehrlab/plugins"
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
// three numbers of requests are the same; records that were judged before cost nothing, which nobody knows here.
func (j *Judge) Outline(ctx context.Context, _ plugins.Env, like plugins.Lineup, records int) (*plugins.Outline, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if records < 0 {
		return nil, errors.New("the number of records is below 0")
	}
	a, err := j.asking(like)
	if err != nil {
		return nil, err
	}
	rows := like.Frame.Rows()
	if rows == 0 {
		return nil, errors.New("there is no record to estimate requests from")
	}
	call := plugins.OutlinedCall{Label: "a record", Low: records * j.config.Repeats}
	call.Expected, call.High = call.Low, call.Low
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
	call.OutputLow, call.OutputTokens = scoreTokens, scoreTokens
	if j.config.Reasons {
		call.OutputLow, call.OutputTokens = call.OutputLow+reasonTokens/3, call.OutputTokens+reasonTokens
	}
	if j.config.Findings {
		call.OutputTokens += findingTokens
	}
	out := &plugins.Outline{}
	for _, name := range j.config.LLMs {
		call.Model = name
		out.Calls = append(out.Calls, call)
	}
	return out, nil
}
