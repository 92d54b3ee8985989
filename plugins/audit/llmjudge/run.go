package llmjudge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// atOnce is how many requests of a step wait for answers at a time. The client keeps to what the providers allow, over all steps;
// this only has to be more than any allows one of them.
const atOnce = 64

// run is the state of one Judge.
type run struct {
	*asking
	models   []plugins.LLM
	env      plugins.Env
	frame    *frame.Frame
	reader   *reader
	opinions []*opinion // by record, then judge, then repeat; nil: no answer yet

	mu         sync.Mutex
	done       int    // records that all opinions are there of
	left       []int  // of each record, opinions that are not there
	suspicious []bool // records
}

func newRun(a *asking, models []plugins.LLM, env plugins.Env, f *frame.Frame) *run {
	each := len(models) * a.config.Repeats
	r := &run{
		asking: a, models: models, env: env, frame: f, reader: a.reader(),
		opinions: make([]*opinion, f.Rows()*each), left: make([]int, f.Rows()), suspicious: make([]bool, f.Rows()),
	}
	for i := range r.left {
		r.left[i] = each
	}
	return r
}

// each is how many opinions there are of a record.
func (r *run) each() int { return len(r.models) * r.config.Repeats }

// spent reports whether a request was not sent because nothing more may be. What is asked of the others may have been answered
// before, so they go on: what a step comes to hangs on the answers that there are, not on who asked first.
func spent(err error) bool {
	var fault *plugins.LLMError
	return errors.As(err, &fault) && (fault.Fault == plugins.FaultBudget || fault.Fault == plugins.FaultReplay)
}

// ask puts all requests. A refusal is an opinion; any other error ends it, and is that of the first request it befell.
func (r *run) ask(ctx context.Context) error {
	r.env.Progress(0, r.frame.Rows())
	errs := make([]error, len(r.opinions))
	err := parallel.For(ctx, atOnce, len(r.opinions), func(i int) error {
		if errs[i] = r.one(ctx, i); spent(errs[i]) {
			return nil
		}
		return errs[i]
	})
	if err != nil {
		return err
	}
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

// one asks for one opinion.
func (r *run) one(ctx context.Context, i int) error {
	row, which := i/r.each(), i%r.each()
	record := r.sheet.Record(r.frame, row)
	response, err := r.models[which/r.config.Repeats].Complete(ctx, r.request(&record, which%r.config.Repeats))
	var fault *plugins.LLMError
	o := &opinion{status: plugins.Declining}
	switch {
	case errors.As(err, &fault) && fault.Fault == plugins.FaultRefused:
	case err != nil:
		return err
	default:
		*o = r.reader.read(response.Text, response.Stop)
	}
	r.opinions[i] = o
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspicious[row] = len(record.Suspicious) > 0
	if r.left[row]--; r.left[row] == 0 {
		r.done++
		r.env.Progress(r.done, r.frame.Rows())
	}
	return nil
}

// of are the opinions of a record.
func (r *run) of(row int) []*opinion { return r.opinions[row*r.each() : (row+1)*r.each()] }

// verdict is an opinion as a verdict.
func (r *run) verdict(row int, o *opinion) plugins.Verdict {
	return plugins.Verdict{Status: o.status, Score: o.score, Suspicious: r.suspicious[row]}
}

// judged puts the opinions together.
func (r *run) judged() *plugins.Judged {
	out := &plugins.Judged{Verdicts: make([]plugins.Verdict, r.frame.Rows()), Counts: r.counts()}
	out.Opinions = r.byJudge()
	asked := 0 // records with a score
	for row := range out.Verdicts {
		var opinions []plugins.Verdict
		for _, o := range r.of(row) {
			opinions = append(opinions, r.verdict(row, o))
		}
		out.Verdicts[row] = combined(r.config.Combine, opinions)
		if out.Verdicts[row].Status == plugins.Scored {
			asked++
		}
		if r.config.Findings {
			out.Findings = append(out.Findings, r.findings(row)...)
		}
	}
	if r.config.Findings {
		for _, k := range kinds {
			out.Criteria = append(out.Criteria, plugins.Criterion{Name: k.name, Message: k.message, Severity: k.severity, Applies: asked})
		}
	}
	out.Notes = r.notes()
	return out
}

// byJudge are the opinions as the contract has them.
func (r *run) byJudge() []plugins.Opinion {
	var out []plugins.Opinion
	for which := range r.each() {
		o := plugins.Opinion{
			Judge: r.config.LLMs[which/r.config.Repeats], Repeat: which % r.config.Repeats, Verdict: make([]plugins.Verdict, r.frame.Rows()),
		}
		if r.config.Reasons {
			o.Reasons = make([]string, r.frame.Rows())
		}
		for row := range o.Verdict {
			one := r.of(row)[which]
			o.Verdict[row] = r.verdict(row, one)
			if r.config.Reasons {
				o.Reasons[row] = one.reason
			}
		}
		out = append(out, o)
	}
	return out
}

// findings are the faults of a record, by kind. Opinions that name the same columns for the same kind name one fault.
func (r *run) findings(row int) []plugins.Finding {
	var out []plugins.Finding
	for _, o := range r.of(row) {
		for _, f := range o.findings {
			if !slices.ContainsFunc(out, func(g plugins.Finding) bool { return g.Criterion == f.kind && slices.Equal(g.Columns, f.columns) }) {
				out = append(out, plugins.Finding{Record: row, Criterion: f.kind, Columns: f.columns, Text: f.text})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b plugins.Finding) int { return a.Criterion - b.Criterion })
	return out
}

// counts is the account of every judge: judgements are those asked for, and each is scored, unparsable or refused once it is answered.
func (r *run) counts() []plugins.Count {
	var out []plugins.Count
	for which := range r.each() {
		dims := map[string]string{plugins.JudgeDim: r.config.LLMs[which/r.config.Repeats]}
		if r.config.Repeats > 1 {
			dims["repeat"] = strconv.Itoa(which%r.config.Repeats + 1)
		}
		out = append(out, r.account(which, dims)...)
	}
	suspicious := 0
	for _, s := range r.suspicious {
		if s {
			suspicious++
		}
	}
	return append(out, plugins.Count{Name: "records with text that speaks to its reader", Value: suspicious})
}

// account is the account of one judge and repeat.
func (r *run) account(which int, dims map[string]string) []plugins.Count {
	status := map[plugins.VerdictStatus]int{}
	var all opinion
	answered, prose, truncated, rounded := 0, 0, 0, 0
	add := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	for row := range r.frame.Rows() {
		o := r.of(row)[which]
		if o == nil {
			continue
		}
		answered++
		status[o.status]++
		add(&prose, o.prose && o.status == plugins.Scored)
		add(&truncated, o.truncated)
		add(&rounded, o.rounded)
		all.unknown, all.misnamed, all.beyond = all.unknown+o.unknown, all.misnamed+o.misnamed, all.beyond+o.beyond
	}
	out := []plugins.Count{
		{Name: "judgements", Dims: dims, Value: r.frame.Rows()},
		{Name: "judgements scored", Dims: dims, Value: status[plugins.Scored]},
		{Name: "judgements unparsable", Dims: dims, Value: status[plugins.Unparsable]},
		{Name: "judgements refused", Dims: dims, Value: status[plugins.Declining]},
	}
	if n := r.frame.Rows() - answered; n > 0 {
		out = append(out, plugins.Count{Name: "judgements without an answer", Dims: dims, Value: n})
	}
	for _, c := range []plugins.Count{
		{Name: "answers that ended at the cap on tokens", Value: truncated},
		{Name: "answers with text around the verdict", Value: prose},
		{Name: "scores rounded to a whole number", Value: rounded},
		{Name: "cited columns that the record does not have", Value: all.unknown},
		{Name: "findings of a kind that was not asked for", Value: all.misnamed},
		{Name: "findings left out", Value: all.beyond},
	} {
		if c.Dims = dims; c.Value > 0 {
			out = append(out, c)
		}
	}
	return out
}

// notes say what a reader of the scores has to know.
func (r *run) notes() []string {
	var out []string
	var made []string
	for i, m := range r.models {
		if m.Info().Simulated {
			made = append(made, r.config.LLMs[i])
		}
	}
	if len(made) > 0 {
		out = append(out, fmt.Sprintf("simulated judges: %s; their scores are a check of software, and no evidence about language models", strings.Join(made, ", ")))
	}
	return out
}
