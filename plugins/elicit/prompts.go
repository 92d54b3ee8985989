package elicit

import (
	"crypto/sha256"
	"encoding/json"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/reply"
)

// ask is one request in the making.
type ask struct {
	cell     *cell
	stage    int
	rows     int
	examples []int         // rows of train
	table    *prompt.Table // rows to be continued; nil in the first stage
	keys     []int         // of these
}

// request returns the request and what its reply must hold.
func (st *Strategy) request(s *setup, a ask) (plugins.Request, reply.Contract, error) {
	columns := s.stages[a.stage]
	contract := st.contract(s, a.cell, columns, a.rows)
	schema := &prompt.Schema{Rows: a.rows, Format: st.config.Format}
	var written []string // what is fixed needs no figures, and those of train may say otherwise
	for _, i := range columns {
		told := s.columns[i].told
		if told.Value = a.cell.value(told.Name); told.Value == nil {
			written = append(written, told.Name)
		}
		schema.Columns = append(schema.Columns, told)
	}
	if a.table != nil {
		schema.Key, contract.Key, contract.Keys = a.table.Names[0], a.table.Names[0], a.keys
		contract.Given = s.given(a.table, slices.Concat(s.stages[:a.stage]...))
	}
	values := prompt.Values{
		Schema: schema, Table: a.table, Aggregates: tellOf(s.aggregates, written),
		Target: s.target.Name, Group: a.cell.said, Label: a.cell.label, Notes: st.config.Constraints,
	}
	if len(a.examples) > 0 {
		shown, err := frame.New(s.stageColumns(slices.Concat(s.stages[:a.stage+1]...))...)
		if err != nil {
			return plugins.Request{}, contract, err
		}
		values.Examples = prompt.TableOf(shown, a.examples)
	}
	messages, err := st.template.Messages(values)
	if err != nil {
		return plugins.Request{}, contract, err
	}
	out := plugins.Request{
		Messages: messages, Temperature: st.config.Temperature, TopP: st.config.TopP, MaxTokens: st.config.MaxTokens, Reveals: st.reveals(),
	}
	if a.table != nil {
		out.Reveals = plugins.EgressRows
	}
	if st.config.Format == prompt.JSON {
		out.Schema = st.jsonSchema(s, contract)
	}
	return out, contract, nil
}

// given is what records may repeat of a table whose columns, behind the key, are some of the setup's.
func (s *setup) given(table *prompt.Table, columns []int) []reply.Given {
	out := make([]reply.Given, len(columns))
	for i, at := range columns {
		shown := make([]string, len(table.Rows))
		for row, line := range table.Rows {
			shown[row] = line[i+1]
		}
		out[i] = reply.Given{Column: s.columns[at].valid, Shown: shown}
	}
	return out
}

func (s *setup) stageColumns(at []int) []*frame.Column {
	out := make([]*frame.Column, len(at))
	for i, c := range at {
		out[i] = s.columns[c].Column
	}
	return out
}

// jsonSchema returns the JSON Schema of a reply. It tells what the prompt tells, and no more.
func (st *Strategy) jsonSchema(s *setup, c reply.Contract) json.RawMessage {
	c.Columns = slices.Clone(c.Columns)
	for i := range c.Columns {
		at := slices.IndexFunc(s.columns, func(o column) bool { return o.Name == c.Columns[i].Name })
		told := s.columns[at].told
		c.Columns[i].Min, c.Columns[i].Max = told.Min, told.Max
		c.Columns[i].Levels, c.Columns[i].Open = told.Levels, len(told.Levels) == 0
		// without a look at train, nobody knows which values may be missing but those of the label
		c.Columns[i].Missing = told.Missing || st.config.Limits != LimitsTrain && s.columns[at].Column != s.target
		c.Columns[i].Unit = told.Unit
	}
	named := st.config.Limits != LimitsNone
	return c.Schema(reply.Told{Types: named, Levels: named, Ranges: named, Length: true})
}

// counter numbers equal requests. It is not safe for concurrent use.
type counter map[[sha256.Size]byte]int

// next is how often it was given the identity before.
func (c counter) next(id [sha256.Size]byte) int {
	n := c[id]
	c[id]++
	return n
}

// identity is the hash of what a model is sent of a request.
func identity(r plugins.Request) ([sha256.Size]byte, error) {
	r.Ordinal, r.Reveals = 0, ""
	text, err := json.Marshal(r)
	return sha256.Sum256(text), err
}

// keyName is the name of the column that numbers the rows of a table: "row", unless a column has this name.
func (s *setup) keyName() string {
	name := "row"
	for s.shown.Column(name) != nil {
		name += "_"
	}
	return name
}
