// Package llmjudge is the auditor that asks language models how plausible each record is.
//
// A record is judged by itself, in one request a judge and repeat: a compact table (package sheet) in a fenced block, with a rubric of a
// scale from 1 to 10 and the kinds of faults to look for (prompt.go). The answer is JSON, held to a schema where the model can be
// (answer.go). Opinions are put together to a verdict without any threshold (combine.go). Equal records have equal requests,
// whatever stands beside them, so that none is paid for twice; outline.go says beforehand what would be asked.
//
// Source: the idea of a language model that scores records from 1 to 10 is that of Zhou et al. (2026); the texts are our own.
package llmjudge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/sheet"
)

// The ends of the scale.
const (
	least = 1
	most  = 10
)

// The ways in which the scores of several opinions become one. Opinions without a score are left out.
const (
	Mean     = "mean"
	Median   = "median"   // between the two in the middle where their number is even
	Majority = "majority" // the greatest score that more than half of the opinions reach: it passes a threshold when most of them do
)

// Config is the auditor's "with" block.
type Config struct {
	LLMs        []string `json:"llms"`    // the experiment's names of the judges
	Repeats     int      `json:"repeats"` // of each judge
	Combine     string   `json:"combine"` // Mean, Median or Majority
	Findings    bool     `json:"findings"`
	Reasons     bool     `json:"reasons"`
	Temperature *float64 `json:"temperature,omitempty"`
	MaxTokens   int      `json:"max_tokens,omitempty"`
	Rubric      string   `json:"rubric"`
	Prompt      Prompt   `json:"prompt"`
	sheet.Options
}

// Prompt is the texts of a prompt, with placeholders.
type Prompt struct {
	System string `json:"system"` // empty: no such message
	User   string `json:"user"`
}

// Register adds the auditor to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Audits, plugins.Info{
		Name:    "llm-judge",
		Version: 1,
		Summary: "language models score each record from 1 to 10 by a rubric, and name its faults",
		Source:  "the scale and the task: Zhou et al. (2026); prompt, rubric and kinds of faults are our own. Normal ranges: " + sheet.StandardSource,
		Schema: `// the models that judge: one or more
llms!: [string, ...string] @llm()
// how often each judges a record: 1 unless set; more tell how far it agrees with itself
repeats?: int & >=1 & <=100
// how the scores of several opinions become one: "mean" unless set; "median"; "majority": the greatest score that more than half of
// them reach, which passes a threshold when most of the opinions do. Opinions without a score are left out
combine?: "mean" | "median" | "majority"
// true unless set: judges name the faults that they see, each with its kind and columns
findings?: bool
// true unless set: judges give a reason in one or two sentences
reasons?: bool
// as the model is set, unless set here
temperature?: number & >=0 & <=2
// cap on the tokens of an answer, reasoning included: as the model is set, unless set here
max_tokens?: int & >=1
// what the scores from 1 to 10 mean: a rubric in five bands unless set
rubric?: string @text()
// the texts of the prompt, with placeholders: {{record}} is needed, alone on its line of the user's message; {{rubric}} {{kinds}}
// {{answer}} {{target}}
prompt?: {
	// the message that says what the model is to do; empty: none
	system?: string @text()
	// the message that holds the record
	user?: string @text()
}
` + sheet.Schema,
		Shapes: []plugins.Shape{plugins.Records},
		Remote: true,
		Scale:  &plugins.Scale{Min: least, Max: most, Keep: 7, Step: 1},
		Uses:   []plugins.Use{{Name: "sheet", Version: sheet.Version}, {Name: "icu", Version: icu.Version}},
		Need: func(s plugins.Size) plugins.Need { // the lineup, and what came of each record
			return plugins.Need{Threads: 1, Bytes: 16*int64(s.N)*int64(s.Columns) + 4096*int64(s.N)}
		},
	}, Defaults(), New)
}

// Defaults returns the settings of those who set none but the models.
func Defaults() Config {
	return Config{
		Repeats: 1, Combine: Mean, Findings: true, Reasons: true, Rubric: rubric, Prompt: Prompt{System: system, User: user}, Options: sheet.Defaults(),
	}
}

// Judge asks language models. It implements plugins.Consulting.
type Judge struct {
	config Config
	texts  *texts
}

// New returns the auditor. The error says which setting is wrong, and what would be right.
func New(c Config) (plugins.Auditor, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	t, err := parse(c)
	if err != nil {
		return nil, err
	}
	return &Judge{config: c, texts: t}, nil
}

func (c *Config) check() error {
	for i, name := range c.LLMs {
		if slices.Contains(c.LLMs[:i], name) {
			return fmt.Errorf("llms names %q twice; repeats asks a model several times", name)
		}
	}
	switch {
	case strings.TrimSpace(c.Rubric) == "":
		return errors.New("rubric is empty; want what the scores mean, or leave it out for the one in five bands")
	case c.Repeats < 1:
		return fmt.Errorf("repeats is %d; want at least 1", c.Repeats)
	case c.Combine != Mean && c.Combine != Median && c.Combine != Majority:
		return fmt.Errorf("combine is %q; want %q, %q or %q", c.Combine, Mean, Median, Majority)
	case c.MaxTokens < 0:
		return fmt.Errorf("max_tokens is %d; want at least 1", c.MaxTokens)
	case c.Temperature != nil && !(*c.Temperature >= 0 && !math.IsInf(*c.Temperature, 0)):
		return fmt.Errorf("temperature is %v; want 0 or more", *c.Temperature)
	}
	return c.Options.Check()
}

// Models names the judges.
func (j *Judge) Models() []string { return slices.Clone(j.config.LLMs) }

// Reveals is the most that a request tells: real rows stand among those that are judged.
func (j *Judge) Reveals() plugins.Egress { return plugins.EgressRows }

// Vet returns what the settings say of columns that there are not.
func (j *Judge) Vet(columns []plugins.ColumnInfo) plugins.Faults {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return j.config.Options.Vet(names)
}

// asking is what stays the same over the records of a lineup.
type asking struct {
	*Judge
	sheet  *sheet.Sheet
	before []plugins.Message // the last of them goes on with the record
	after  string
	schema []byte
}

func (j *Judge) asking(in plugins.Lineup) (*asking, error) {
	if in.Shape != "" && in.Shape != plugins.Records {
		return nil, fmt.Errorf("the data are %s; it judges %s", in.Shape, plugins.Records)
	}
	s, err := sheet.New(in.Frame, sheet.Known{About: in.About, Limits: in.Limits, Styles: in.Styles}, j.config.Options)
	if err != nil {
		return nil, err
	}
	a := &asking{Judge: j, sheet: s, schema: schema(j.config.Findings, j.config.Reasons)}
	a.before, a.after, err = j.texts.around(in.Target)
	return a, err
}

// request asks for a judgement of a record. repeat tells equal ones apart.
func (a *asking) request(r *sheet.Record, repeat int) plugins.Request {
	messages := slices.Clone(a.before)
	last := &messages[len(messages)-1]
	last.Text += prompt.RenderRecord(r.Markdown()) + a.after
	return plugins.Request{
		Messages: messages, Schema: a.schema, Temperature: a.config.Temperature, MaxTokens: a.config.MaxTokens,
		Reveals: plugins.EgressRows, Ordinal: repeat,
	}
}

// models returns the judges in order.
func (j *Judge) models(env plugins.Env) ([]plugins.LLM, error) {
	if len(j.config.LLMs) == 0 {
		return nil, errors.New("llms names no model to ask")
	}
	out := make([]plugins.LLM, len(j.config.LLMs))
	for i, name := range j.config.LLMs {
		if out[i] = env.LLM[name]; out[i] == nil {
			return nil, fmt.Errorf("there is no llm %q", name)
		}
		for k := range i {
			if same(out[i].Info().Identity, out[k].Info().Identity) {
				return nil, fmt.Errorf("llms: %q and %q are one model with equal settings, whose answers are the same; repeats asks a model several times", j.config.LLMs[k], name)
			}
		}
	}
	return out, nil
}

func same(a, b plugins.Identity) bool {
	return a.API == b.API && a.Endpoint == b.Endpoint && a.Model == b.Model && string(a.Settings) == string(b.Settings)
}

var _ interface {
	plugins.Consulting
	plugins.Vetting
} = (*Judge)(nil)

// Judge asks for a judgement of every record. What ends it once it asks is in a *plugins.UnfinishedError, with the account of the
// answers so far; they are stored, and a further run asks for the others only.
func (j *Judge) Judge(ctx context.Context, env plugins.Env, in plugins.Lineup) (*plugins.Judged, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	models, err := j.models(env)
	if err != nil {
		return nil, err
	}
	a, err := j.asking(in)
	if err != nil {
		return nil, err
	}
	r := newRun(a, models, env, in.Frame)
	if err := r.ask(ctx); err != nil {
		return nil, &plugins.UnfinishedError{Err: err, Counts: r.counts()}
	}
	return r.judged(), nil
}
