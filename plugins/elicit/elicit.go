// Package elicit gets rows out of language models. It is what the strategies that ask one have in common; each of them adds
// the texts of its prompt, and says in what order columns are written and which groups rows are made in.
//
// Generate parts the rows that are wanted among cells, one for each group and label that we decide on (cells.go), and asks for
// them in calls of so many rows. Every prompt shows the same rows of train, or each its own (examples.go), beside a schema
// that says what a reply has to hold and what may be told of train (setup.go, prompts.go). Where columns are written in
// blocks, a call is a chain of requests: the first begins rows, the others continue them, with the rows so far
// attached and each answer tied to its row by a number (chain.go). What comes back is read and judged by package reply,
// whose account is kept for every cell; what is missing is asked for again, in as many rounds as are allowed (rounds.go).
// Too few rows after the last round are an error, never a smaller n. outline.go says beforehand what would be asked.
//
// Results do not depend on the order in which answers come. Equal requests of a step are numbered in the order of its
// calls, which is fixed before the first is sent, and answers are taken in that order. The calls for n rows begin with those
// for fewer rows, as far as these fill their calls.
package elicit

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/reply"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Version is raised when equal settings, tasks and answers may give other requests or other rows: by this package, package prompt
// or package reply.
const Version = 1

// Shares of groups.
const (
	SharesEqual = "equal" // every group has as many rows
	SharesReal  = "real"  // as in train
)

// Design is what one strategy has of its own.
type Design struct {
	Block  int      // columns that are written at once; 0: all of them
	Order  []string // features in the order in which they are written; those it does not name follow, as in train
	By     []string // columns that groups are formed by, crossed where there are several; they need be no features
	Shares string   // SharesEqual or SharesReal, where By is not empty
}

// Strategy asks a language model for rows. It implements plugins.Prompting.
type Strategy struct {
	config   Config
	design   Design
	template *prompt.Template
}

// New returns a strategy. The error says which setting is wrong, and what would be right.
func New(c Config, d Design) (*Strategy, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	template, err := prompt.ParseTemplate(c.Prompt.System, c.Prompt.User)
	if err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	st := &Strategy{config: c, design: d, template: template}
	return st, st.try()
}

// try renders the prompt once, so that a mistake in its texts is told before any data are read.
func (st *Strategy) try() error {
	one := &prompt.Table{Names: []string{"a"}, Rows: [][]string{{"1"}}}
	values := prompt.Values{
		Schema: &prompt.Schema{Rows: 1, Format: st.config.Format, Columns: []prompt.Column{{Name: "b"}}}, Examples: one, Target: "b", Group: "a is 1",
	}
	if _, err := st.template.Messages(values); err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	if st.design.Block == 0 {
		return nil
	}
	values.Schema.Key, values.Table = "a", one
	messages, err := st.template.Messages(values)
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	if blocks, err := prompt.Find(messages); err != nil || blocks.Table == nil {
		return errors.New("prompt: it lacks {{table}}, the rows that are to be continued")
	}
	return nil
}

func (d *Design) check() error {
	if d.Block < 0 {
		return fmt.Errorf("block is %d; want at least 1", d.Block)
	}
	for _, list := range []struct {
		name   string
		values []string
	}{{"by", d.By}, {"order", d.Order}} {
		seen := map[string]bool{}
		for _, v := range list.values {
			if seen[v] {
				return fmt.Errorf("%s names %q twice", list.name, v)
			}
			seen[v] = true
		}
	}
	if len(d.By) > 0 {
		return OneOf("shares", d.Shares, SharesEqual, SharesReal)
	}
	return nil
}

// Models names the model that is asked.
func (st *Strategy) Models() []string { return []string{st.config.LLM} }

// Beside lists the columns that groups are formed by.
func (st *Strategy) Beside() []string { return st.design.By }

// Reveals is the most that a request tells: rows where examples are shown or rows are continued; aggregates where levels,
// ranges, shares or the prevalence are those of train; else the schema.
func (st *Strategy) Reveals() plugins.Egress {
	if st.design.Block > 0 {
		return plugins.EgressRows
	}
	return st.reveals()
}

// reveals is what a request tells that no rows are attached to.
func (st *Strategy) reveals() plugins.Egress {
	c, d := &st.config, &st.design
	switch {
	case c.Examples > 0:
		return plugins.EgressRows
	case c.Limits == LimitsTrain || c.Aggregates != AggregatesNone,
		len(d.By) > 0 && (c.Limits != LimitsDeclared || d.Shares == SharesReal),
		c.Label.Mode == Conditioned && (c.Limits != LimitsDeclared || c.Label.Prevalence == Real):
		return plugins.EgressAggregates
	}
	return plugins.EgressSchema
}

// Generate asks for the rows of a task. What ends it once it asks is in a *plugins.UnfinishedError, with the account of the rows so
// far: a *plugins.ShortfallError when too few come.
func (st *Strategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := st.newSetup(env, task)
	if err != nil {
		return nil, err
	}
	model := env.LLM[st.config.LLM]
	if model == nil {
		return nil, fmt.Errorf("there is no llm %q", st.config.LLM)
	}
	r, err := newRun(st, s, model, env, task.N)
	if err != nil {
		return nil, err
	}
	if err = r.rounds(ctx); err == nil {
		var out *plugins.Generated
		if out, err = r.generated(); err == nil {
			return out, nil
		}
	}
	return nil, &plugins.UnfinishedError{Err: err, Counts: r.counts()}
}

// contract is what the rows of a cell must be: all columns, or those of some stage.
func (st *Strategy) contract(s *setup, c *cell, columns []int, rows int) reply.Contract {
	out := reply.Contract{
		Container: st.config.Format, Rows: rows,
		Policy: reply.Policy{OutOfRange: st.config.OutOfRange, Duplicates: st.config.Duplicates, Copies: st.config.Copies},
	}
	for _, i := range columns {
		column := s.columns[i].valid
		if v := c.value(column.Name); v != nil {
			column.Fixed = *v
		}
		out.Columns = append(out.Columns, column)
		if s.counted != nil && s.columns[i].Column == s.target {
			out.Label, out.Labels = column.Name, s.counted
		}
	}
	return out
}

// Info completes what is the same of all strategies.
func Info(i plugins.Info) plugins.Info {
	i.Source = "Lin, Yu, Lee (2025), CHIL, PMLR 287:105-129, arXiv 2504.14657 (the strategies; prompts and label control are our own)"
	i.Shapes = []plugins.Shape{plugins.Records}
	i.Reads = []plugins.Part{plugins.Train}
	i.Random = []plugins.Purpose{plugins.ForExamples, plugins.ForGeneration}
	i.Remote = true
	i.Uses = []plugins.Use{{Name: "elicit", Version: Version}, {Name: "label", Version: label.Version}, {Name: "stats", Version: stats.Version}}
	i.Need = func(s plugins.Size) plugins.Need {
		// columns of train, sorted one at a time; every row as values, and as the texts of its prompt and reply
		return plugins.Need{Threads: 1, Bytes: 24*int64(s.Rows)*int64(s.Columns) + 128*int64(s.N)*int64(s.Columns)}
	}
	return i
}
