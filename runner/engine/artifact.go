package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/plant"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// artifact is the output of a step: small structured content, and a table where there is one.
type artifact struct {
	meta  meta
	table *frame.Frame // nil when the stage has none
}

// meta is the structured content of the outputs of all stages.
type meta struct {
	Facts
	Ranked      []plugins.RankedColumn `json:"ranked,omitempty"`      // features: the columns in order
	Measurement *plugins.Measurement   `json:"measurement,omitempty"` // measure
	Prepared    *prepare.Fitted        `json:"prepared,omitempty"`    // prepare: what later steps need of it
	Lineup      []plant.Record         `json:"lineup,omitempty"`      // lineup: of each row; none of one that is synthetic rows alone, in their order
	Judged      *plugins.Judged        `json:"judged,omitempty"`      // judge
	Decided     *decided               `json:"decided,omitempty"`     // decide, but for arms beside an audit
	Generated   *generated             `json:"generated,omitempty"`   // generate: of a strategy that does not read all of train alike
}

// generated is what later steps need of a strategy's output besides its rows.
type generated struct {
	Exposed   []int           `json:"exposed"`           // as plugins.Generated.Exposed
	Members   []int           `json:"members,omitempty"` // of a shadow model: as plugins.Shadow.Members
	Strata    *plugins.Strata `json:"strata,omitempty"`
	Responses [][]string      `json:"responses,omitempty"` // the keys of the answers, for each of Facts.Usage
}

// Variable describes a column of a data set as it was read.
type Variable struct {
	Name    string     `json:"name"`
	Kind    frame.Kind `json:"kind"`
	Unit    string     `json:"unit,omitempty"`
	Missing int        `json:"missing"` // rows without a value
}

// LabelFacts is what synthetic rows say of the label.
type LabelFacts struct {
	Rows     int  `json:"rows"`
	Labelled int  `json:"labelled"`       // rows with a label
	Events   int  `json:"events"`         // rows with the event, where the label has two classes in the data
	Classes  int  `json:"classes"`        // that occur
	Binary   bool `json:"binary"`         // the label has two classes in the data
	None     bool `json:"none,omitempty"` // there is no label: rows are events, and Rows counts patients
}

// Facts is what the index of the cache keeps of an output, to be read without the output.
type Facts struct {
	*plan.PartRows                   // prepare
	*plan.ScoreFacts                 // measure: what the plan grows by
	Sites            []plan.SiteFact `json:"sites,omitempty"` // sites
	Counts           []plugins.Count `json:"counts,omitempty"`
	Notes            []string        `json:"notes,omitempty"`
	Dependent        string          `json:"dependent,omitempty"` // generate
	Variables        []Variable      `json:"variables,omitempty"` // dataset
	Truth            []plugins.Truth `json:"truth,omitempty"`     // dataset
	Label            *LabelFacts     `json:"label,omitempty"`     // generate
	Usage            []plugins.Usage `json:"usage,omitempty"`     // generate: of the models that were asked, without the keys of their answers
	Records          int             `json:"records,omitempty"`   // judge
	Long             bool            `json:"long,omitempty"`      // too much for the index: the output has it
}

// timeless returns the content without the times of answers: equal answers that were got at other times are equal.
func (m meta) timeless() meta {
	m.Usage = slices.Clone(m.Usage)
	for i := range m.Usage {
		m.Usage[i].First, m.Usage[i].Last = time.Time{}, time.Time{}
	}
	return m
}

// encode returns the stored form of an artifact, and the digest of its decoded content: schema, values
// and missing values, independent of how the table is stored and of when answers were got.
func (a *artifact) encode() ([]byte, cache.Hash, error) {
	head, err := json.Marshal(a.meta)
	if err != nil {
		return nil, "", err
	}
	timeless, err := json.Marshal(a.meta.timeless())
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	h.Write(timeless)
	var out bytes.Buffer
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(head))))
	out.Write(head)
	if a.table != nil {
		h.Write([]byte(a.table.Digest()))
		if err := frame.WriteParquet(&out, a.table); err != nil {
			return nil, "", err
		}
	}
	return out.Bytes(), cache.Hash(hex.EncodeToString(h.Sum(nil))), nil
}

// decode reads what encode wrote.
func decode(b []byte) (*artifact, error) {
	if len(b) < 4 {
		return nil, errors.New("stored output is too short")
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n > len(b)-4 {
		return nil, errors.New("stored output is cut off")
	}
	var a artifact
	if err := json.Unmarshal(b[4:4+n], &a.meta); err != nil {
		return nil, fmt.Errorf("stored output: %w", err)
	}
	if rest := b[4+n:]; len(rest) > 0 {
		var err error
		if a.table, err = frame.ReadParquet(rest); err != nil {
			return nil, fmt.Errorf("stored output: %w", err)
		}
	}
	return &a, nil
}

// The columns of a split's table, and of the part that rows of prepared data belong to.
const (
	rowColumn  = "row"
	partColumn = "part"
)

// stack puts the parts of a data set under each other; PartRows says where each ends.
func stack(parts map[plugins.Part]*frame.Frame) (*artifact, error) {
	a := &artifact{meta: meta{Facts: Facts{PartRows: &plan.PartRows{Rows: map[plugins.Part]int{}}}}}
	var frames []*frame.Frame
	for _, p := range plugins.AllParts() {
		a.meta.Rows[p] = parts[p].Rows()
		frames = append(frames, parts[p])
	}
	var err error
	if a.table, err = frame.Concat(frames...); err != nil {
		return nil, err
	}
	a.meta.Columns = len(a.table.Columns())
	return a, nil
}

// part returns the rows of one part of stacked data.
func (a *artifact) part(wanted plugins.Part) (*frame.Frame, error) {
	if a.table == nil || a.meta.PartRows == nil {
		return nil, errors.New("prepared data without parts")
	}
	from := 0
	for _, p := range plugins.AllParts() {
		n := a.meta.Rows[p]
		if p == wanted {
			rows := make([]int, n)
			for i := range rows {
				rows[i] = from + i
			}
			return a.table.Take(rows), nil
		}
		from += n
	}
	return nil, fmt.Errorf("no part %q", wanted)
}
