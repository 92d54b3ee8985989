package elicit

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// The ways in which examples are chosen.
const (
	Random     = "random"     // rows of train, each as likely as any other
	Stratified = "stratified" // the same within each label, in its share of train, and at least one of each where that fits
)

// What a schema tells of the values of a column.
const (
	LimitsNone     = "none"     // nothing: names alone
	LimitsDeclared = "declared" // types, units, and the limits and levels that the experiment declares
	LimitsTrain    = "train"    // as declared, and where nothing is declared the levels and the usual range in train
)

// What is told of train besides.
const (
	AggregatesNone    = "none"
	AggregatesColumns = "columns" // shares and quantiles of each column
	AggregatesLabel   = "label"   // the same for the rows of each label too
)

// What happens to a row with a value out of range, equal to a row before it, or to a row that was shown as an example.
const (
	Keep = "keep" // it is delivered, and counted
	Drop = "drop" // it is not, and another is asked for
)

// Who decides on the label of a row.
const (
	Generated   = "generated"   // the model
	Conditioned = "conditioned" // we: rows are asked for by label, in the shares of Prevalence
)

// Where the label stands among the columns.
const (
	First = "first"
	Last  = "last"
)

// Config is what the settings of all strategies that ask a language model have in common.
type Config struct {
	LLM           string   `json:"llm"`           // the experiment's name of the model
	Examples      int      `json:"examples"`      // rows of train in each prompt
	ExampleChoice string   `json:"exampleChoice"` // Random or Stratified
	FreshExamples bool     `json:"freshExamples"` // other examples in every call
	Rows          int      `json:"rows"`          // asked for in one call
	Rounds        int      `json:"rounds"`        // the first, and those that ask for what is missing then
	Format        string   `json:"format"`        // prompt.CSV or prompt.JSON
	Limits        string   `json:"limits"`        // one of the Limits constants
	Aggregates    string   `json:"aggregates"`    // one of the Aggregates constants
	Constraints   string   `json:"constraints"`   // free text
	OutOfRange    string   `json:"outOfRange"`    // Keep or Drop
	Duplicates    string   `json:"duplicates"`    // Keep or Drop
	Copies        string   `json:"copies"`        // Keep or Drop
	Temperature   *float64 `json:"temperature,omitempty"`
	TopP          *float64 `json:"top_p,omitempty"`
	MaxTokens     int      `json:"max_tokens,omitempty"`
	Label         Label    `json:"label"`
	Prompt        Prompt   `json:"prompt"`
}

// Label says who decides on the label.
type Label struct {
	Mode       string     `json:"mode"`       // Generated or Conditioned
	Prevalence Prevalence `json:"prevalence"` // of Conditioned
	Order      string     `json:"order"`      // First or Last
}

// Prompt is the texts of a prompt, with the placeholders of package prompt.
type Prompt struct {
	System string `json:"system"` // empty: no such message
	User   string `json:"user"`
}

// Prevalence is the share of rows of the positive class, in (0,1), or 0: the shares of all labels are those of train. In
// JSON the latter is "real".
type Prevalence float64

// Real is the prevalence of train.
const Real Prevalence = 0

// MarshalJSON writes a number, or "real".
func (p Prevalence) MarshalJSON() ([]byte, error) {
	if p == Real {
		return []byte(`"real"`), nil
	}
	return json.Marshal(float64(p))
}

// UnmarshalJSON reads a number in (0,1), or "real".
func (p *Prevalence) UnmarshalJSON(text []byte) error {
	var v float64
	switch {
	case string(text) == `"real"`:
		*p = Real
		return nil
	case json.Unmarshal(text, &v) != nil, !(v > 0 && v < 1):
		return errors.New(`prevalence is neither "real" nor a number between 0 and 1`)
	}
	*p = Prevalence(v)
	return nil
}

// Defaults returns the settings that strategies begin with, asking by the given texts.
func Defaults(system, user string) Config {
	return Config{
		Examples: 30, ExampleChoice: Random, Rows: 50, Rounds: 3, Format: prompt.CSV,
		Limits: LimitsTrain, Aggregates: AggregatesNone, OutOfRange: Keep, Duplicates: Keep, Copies: Keep,
		Label:  Label{Mode: Generated, Prevalence: Real, Order: Last},
		Prompt: Prompt{System: system, User: user},
	}
}

// Schema returns the CUE fields of Config. limits and aggregates say what these are unless set, and format likewise.
func Schema(limits, aggregates, format string) string {
	return strings.NewReplacer("LIMITS", limits, "AGGREGATES", aggregates, "FORMAT", format).Replace(schema)
}

const schema = `// the model that is asked
llm!: string @llm()
// rows of train that each prompt shows: 30 unless set; strategies and subsets of features with the same seed show the same ones;
// rows that a subset does not have ("drop-by-subset") are replaced
examples?: int & >=0 & <=10000
// how they are chosen: "random" unless set; "stratified": so that labels have their shares of train, and none lacks
exampleChoice?: "random" | "stratified"
// false unless set: every call shows the same rows; true: each shows others
freshExamples?: bool
// synthetic rows asked for in one call: 50 unless set
rows?: int & >=1 & <=10000
// rounds of calls: 3 unless set; those after the first ask for what is missing; too few rows after the last are an error
rounds?: int & >=1 & <=100
// what answers are written in: "FORMAT" unless set; json is held to a schema where the model can be
format?: "csv" | "json"
// what the prompt tells of the values of columns: "LIMITS" unless set; "none": their names alone; "declared": types, units, and the
// limits and levels that the experiment declares; "train": where it declares none, the levels in train and its 5th and 95th percentile
limits?: "none" | "declared" | "train"
// what it tells of train besides: "AGGREGATES" unless set; "columns": shares and quantiles of each column; "label": those by label too.
// Nothing is told that stands for fewer than 11 patients
aggregates?: "none" | "columns" | "label"
// further constraints, as the prompt has them
constraints?: string @text()
// rows with a value outside the declared limits, or outside the range of train where none are: "keep" unless set; all are counted.
// To drop them changes the prevalence where the model puts them under one label; a note says so
outOfRange?: "keep" | "drop"
// rows equal to one before: "keep" unless set
duplicates?: "keep" | "drop"
// rows equal to an example of their prompt in all columns that the model writes: "keep" unless set
copies?: "keep" | "drop"
// as the model is set, unless set here
temperature?: number & >=0 & <=2
// as the model is set, unless set here
top_p?: number & >0 & <=1
// cap on the tokens of an answer, reasoning included: as the model is set, unless set here
max_tokens?: int & >=1
// who decides on the label of a row
label?: {
	// "generated" unless set: the model; "conditioned": rows are asked for by label
	mode?: "generated" | "conditioned"
	// of conditioned, the share of the positive class: "real" unless set, as in train
	prevalence?: "real" | (number & >0 & <1)
	// where the label stands among the columns: "last" unless set
	order?: "first" | "last"
}
// the texts of the prompt, with placeholders: {{schema}} is needed; {{aggregates}} {{examples}} {{table}} {{rows}} {{columns}}
// {{target}} {{group}} {{label}} {{notes}}
prompt?: {
	// the message that says what the model is to do; empty: none
	system?: string @text()
	// the message that asks for rows; empty: none
	user?: string @text()
}`

// check says what is wrong with the settings, or returns nil.
func (c *Config) check() error {
	for _, v := range []struct {
		name, value string
		allowed     []string
	}{
		{"exampleChoice", c.ExampleChoice, []string{Random, Stratified}},
		{"format", c.Format, []string{prompt.CSV, prompt.JSON}},
		{"limits", c.Limits, []string{LimitsNone, LimitsDeclared, LimitsTrain}},
		{"aggregates", c.Aggregates, []string{AggregatesNone, AggregatesColumns, AggregatesLabel}},
		{"outOfRange", c.OutOfRange, []string{Keep, Drop}},
		{"duplicates", c.Duplicates, []string{Keep, Drop}},
		{"copies", c.Copies, []string{Keep, Drop}},
		{"label.mode", c.Label.Mode, []string{Generated, Conditioned}},
		{"label.order", c.Label.Order, []string{First, Last}},
	} {
		if err := OneOf(v.name, v.value, v.allowed...); err != nil {
			return err
		}
	}
	switch p := float64(c.Label.Prevalence); {
	case c.Examples < 0:
		return fmt.Errorf("examples is %d; want 0 or more", c.Examples)
	case c.Rows < 1:
		return fmt.Errorf("rows is %d; want at least 1", c.Rows)
	case c.Rounds < 1:
		return fmt.Errorf("rounds is %d; want at least 1", c.Rounds)
	case c.MaxTokens < 0:
		return fmt.Errorf("max_tokens is %d; want at least 1", c.MaxTokens)
	case c.Temperature != nil && !(*c.Temperature >= 0 && !math.IsInf(*c.Temperature, 0)):
		return fmt.Errorf("temperature is %v; want 0 or more", *c.Temperature)
	case c.TopP != nil && !(*c.TopP > 0 && *c.TopP <= 1):
		return fmt.Errorf("top_p is %v; want a number above 0, at most 1", *c.TopP)
	case !(p >= 0 && p < 1):
		return fmt.Errorf("label.prevalence is %v; want a number between 0 and 1", p)
	}
	return nil
}

// OneOf says that a setting has none of the allowed values, or returns nil.
func OneOf(name, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s is %q; want \"%s\"", name, value, strings.Join(allowed, `" or "`))
}
