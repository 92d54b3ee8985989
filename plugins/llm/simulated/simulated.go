// Package simulated is a stand-in for a language model that writes rows, and judges them: a test bench of everything around a model,
// and no evidence about models.
//
// It reads the fenced blocks of a prompt (package prompt) and nothing else of its text, so that other texts around equal
// blocks give equal rows. Rows come from a Gaussian copula. The margins of a column are those of the aggregates block, else
// of the examples, else declared limits and levels, else generic values that its name suggests (generic.go). The
// correlation is learnt from the examples and, for the label, from aggregates by label (correlation.go). Fixed values, the rows of
// a table block and their missing cells are conditioned on (draw.go).
//
// A prompt with a record block and no schema block is answered by a judgement of that record (judge.go): it finds gross errors, and
// misses some.
//
// It speaks the chat completions API of OpenAI in process (serve.go). What goes wrong with models is a setting each, off by
// default (faults.go): a share or a probability in [0,1], drawn from a source of its own, so that one failure leaves the
// others and all rows that it does not touch as they are.
//
// An answer is decided by the blocks, the settings, what the body asks for (container, cap on tokens) and the header
// plugins.ReplicateHeader. Temperature and top_p are taken and change nothing.
package simulated

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

// Model is the name of the model. Its number is raised when equal requests may get other answers: old ones are not served.
const Model = "simulated-2"

// drawn is what random numbers derive from. It stays where judgements change for other reasons, so that rows stay as they are.
const drawn = "simulated-1"

// Config is the provider's "with" block.
type Config struct {
	Seed       uint64  `json:"seed,omitempty"`
	Degrade    float64 `json:"degrade"`
	Short      float64 `json:"short"`
	Prose      float64 `json:"prose"`
	Malformed  float64 `json:"malformed"`
	OutOfRange float64 `json:"outOfRange"`
	Refuse     float64 `json:"refuse"`
	Duplicate  float64 `json:"duplicate"`
	Copy       float64 `json:"copy"`
	Truncate   float64 `json:"truncate"`
	Overload   float64 `json:"overload"`
	Latency    float64 `json:"latency"` // seconds
	Judge      *Judge  `json:"judge,omitempty"`

	Context    int         `json:"context"` // tokens; 0: unbounded
	MaxTokens  int         `json:"max_tokens"`
	Structured bool        `json:"structured"`
	Limits     wire.Limits `json:"limits"`
}

// Register adds the provider to r.
func Register(r *plugins.Registry) {
	shared := wire.Defaults()
	plugins.Add(&r.LLMs, plugins.Info{
		Name:    "simulated",
		Version: 2,
		Summary: "a stand-in in process that reads the fenced blocks of a prompt; a software check, no evidence about models",
		Schema: `// models that differ in their seed alone draw other answers; 0 unless set
seed?: int & >=0 & <=9007199254740992
// how much rows get worse with the number of columns asked for at once: correlations and what tells of the label are multiplied
// by w = 1 / (1 + degrade * max(0, columns - 10) / 10), and margins shift by (1 - w) / 2 standard deviations; 0: not at all
degrade?: number & >=0 & <=100
// probability that a reply has too few rows: from half of them to all but one
short?: number & >=0 & <=1
// probability of text around the data; not where the request holds the reply to a JSON Schema
prose?: number & >=0 & <=1
// share of the rows that cannot be read; not where the request holds the reply to a JSON Schema
malformed?: number & >=0 & <=1
// share of the rows with one value beyond its limits, or a level that is none
outOfRange?: number & >=0 & <=1
// probability of a refusal
refuse?: number & >=0 & <=1
// share of the rows, after the first of a reply, that repeat an earlier one
duplicate?: number & >=0 & <=1
// share of the rows that are copied from the examples
copy?: number & >=0 & <=1
// probability that a reply ends too early, as if at the cap on tokens. At the cap itself it always ends
truncate?: number & >=0 & <=1
// probability that a try is answered by HTTP 429; changes no answer
overload?: number & >=0 & <=1
// seconds to an answer, on average; each takes from half to one and a half of them; changes no answer
latency?: number & >=0 & <=3600
// tokens that a request and its answer may have together; 0: no limit. 200000 unless set
context?: int & >=0
// cap on the tokens of an answer where a strategy sets none; 32768 unless set
max_tokens?: int & >=1 & <=` + fmt.Sprint(mostTokens) + `
// true unless set: answers are held to the JSON Schema of a strategy that has one
structured?: bool
// how it judges records
judge?: {
	// share of the faults that it could see that it sees: 0.9 unless set
	skill?: number & >=0 & <=1
	// standard deviation of scores around what it makes of a record: 0.7 unless set
	noise?: number & >=0 & <=10
	// probability that it sees a fault where there is none
	falseAlarm?: number & >=0 & <=1
	// probability of an answer that holds no score
	unparsable?: number & >=0 & <=1
	// probability of a refusal to judge
	refuse?: number & >=0 & <=1
}
// what the client keeps to; none of it changes an answer
limits?: {
	// a minute; no limit unless set
	requests?: int & >=0
	// a minute, of input and of the cap on output; no limit unless set
	tokens?: int & >=0
	// calls at once; 8 unless set
	concurrency?: int & >=1 & <=1024
	// after the first try; 6 unless set
	retries?: int & >=0 & <=100
	// of one try, e.g. "90s"; "5m" unless set
	timeout?: string & =~"^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
} @local()`,
	}, Config{Context: 200_000, MaxTokens: 32_768, Structured: true, Limits: shared.Limits}, New)
}

// Provider is the plugin. Requests are built and answers read as those of OpenAI.
type Provider struct {
	plugins.Provider
	config Config
	info   plugins.ModelInfo

	mu     sync.Mutex
	tries  map[hash]int    // that were turned away, of requests that may come again
	fitted map[hash]*model // see fit
}

// base is the address in requests. Nothing listens there: Provider is the transport.
const base = "http://localhost/v1"

// New returns the provider.
func New(c Config) (plugins.Provider, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	inner, err := openai.New(openai.Config{Config: wire.Config{
		Model: Model, BaseURL: base, Family: "simulated", Context: c.Context, MaxTokens: c.MaxTokens,
		Structured: c.Structured, Limits: c.Limits,
	}})
	if err != nil {
		return nil, err
	}
	deciding := c
	deciding.Overload, deciding.Latency, deciding.Context, deciding.Limits = 0, 0, 0, wire.Limits{}
	settings, err := json.Marshal(deciding)
	if err != nil {
		return nil, err
	}
	limits := inner.Info().Limits
	return &Provider{
		Provider: inner, config: c, tries: map[hash]int{}, fitted: map[hash]*model{},
		info: plugins.ModelInfo{
			Identity:   plugins.Identity{API: "simulated", Model: Model, Settings: settings},
			Family:     "simulated",
			Structured: c.Structured,
			InProcess:  true,
			Simulated:  true,
			Context:    c.Context,
			MaxTokens:  c.MaxTokens,
			Limits:     limits,
		},
	}, nil
}

// Info describes the model.
func (p *Provider) Info() plugins.ModelInfo { return p.info }

func (c Config) check() error {
	for _, s := range []struct {
		name  string
		value float64
	}{
		{"short", c.Short},
		{"prose", c.Prose},
		{"malformed", c.Malformed},
		{"outOfRange", c.OutOfRange},
		{"refuse", c.Refuse},
		{"duplicate", c.Duplicate},
		{"copy", c.Copy},
		{"truncate", c.Truncate},
		{"overload", c.Overload},
		{"judge.skill", c.judge().Skill},
		{"judge.falseAlarm", c.judge().FalseAlarm},
		{"judge.unparsable", c.judge().Unparsable},
		{"judge.refuse", c.judge().Refuse},
	} {
		if !(s.value >= 0 && s.value <= 1) {
			return fmt.Errorf("%s: want a share from 0 to 1", s.name)
		}
	}
	switch {
	case !(c.Degrade >= 0 && c.Degrade <= 100):
		return errors.New("degrade: want 0 to 100")
	case !(c.Latency >= 0 && c.Latency <= 3600):
		return errors.New("latency: want 0 to 3600 seconds")
	case !(c.judge().Noise >= 0 && c.judge().Noise <= 10):
		return errors.New("judge.noise: want 0 to 10")
	case c.MaxTokens > mostTokens:
		return fmt.Errorf("max_tokens is %d, want %d or fewer", c.MaxTokens, mostTokens)
	}
	return nil
}
