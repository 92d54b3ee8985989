// Package reference compares metrics with values that established libraries gave.
//
// A folder of references holds expected.json, and pairs of frames with a columns.json that says what their columns are.
// Nothing else of a pair is known here: any folder of the same form will do. testdata is the folder that the project keeps;
// TestReference takes another from EHRLAB_REFERENCE_DIR, and writes the values that it found to the file that
// EHRLAB_REFERENCE_OUT names.
package reference

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Folder is a folder of reference values.
type Folder struct {
	dir     string
	Entries []Entry
	pairs   map[string]*Pair
}

// Entry is one reference value: of a metric on a pair, or on a file of vectors.
type Entry struct {
	ID        string          `json:"id"`
	Pair      string          `json:"pair"` // "A" for the folder pairA; "fixtures" for files that are no pair
	Metric    string          `json:"metric"`
	Columns   []string        `json:"columns"`
	Params    json.RawMessage `json:"params"`
	Inputs    []string        `json:"inputs"` // files besides those of the pair, relative to the folder
	Value     any             `json:"value"`  // json.Number, list, object, bool or string; nil where undefined
	Kind      string          `json:"kind"`   // "deterministic", "stochastic" or "learned"
	Tolerance Tolerance       `json:"tolerance"`
}

// Tolerance is how far a number may be from the reference: |x - value| ≤ Abs + Rel·|value|.
type Tolerance struct {
	Abs float64 `json:"abs"`
	Rel float64 `json:"rel"`
}

// Open reads the expected.json of a folder; frames are read when they are asked for.
func Open(dir string) (*Folder, error) {
	content, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		return nil, err
	}
	var file struct{ Entries []Entry }
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber() // an integer has to agree exactly, and is told by how it is written
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("expected.json: %w", err)
	}
	return &Folder{dir: dir, Entries: file.Entries, pairs: map[string]*Pair{}}, nil
}

// Decode reads the parameters of an entry into a struct; an entry without parameters leaves it as it is.
func (e Entry) Decode(into any) error {
	if len(e.Params) == 0 || string(e.Params) == "null" {
		return nil
	}
	return json.Unmarshal(e.Params, into)
}

// Read returns a file of the folder, such as "inference/vectors.json".
func (f *Folder) Read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(name)))
}

// Table reads a CSV file of the folder as text, by column. The empty field is the empty text.
func (f *Folder) Table(name string) (map[string][]string, error) {
	content, err := f.Read(name)
	if err != nil {
		return nil, err
	}
	lines, err := lines(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := map[string][]string{}
	for i, column := range lines[0] {
		out[column] = []string{}
		for _, line := range lines[1:] {
			out[column] = append(out[column], line[i])
		}
	}
	return out, nil
}

func lines(r io.Reader) ([][]string, error) {
	lines, err := csv.NewReader(r).ReadAll()
	if err == nil && len(lines) == 0 {
		err = io.ErrUnexpectedEOF
	}
	return lines, err
}

// Pair is real and synthetic rows, and real ones that the generator has not seen, with what columns.json says of them.
type Pair struct {
	folder *Folder
	name   string
	Columns
	frames map[string]*frame.Frame
}

// Columns is the columns.json of a pair; what a pair has no use for is empty.
type Columns struct {
	Columns []struct {
		Name string `json:"name"`
		Kind string `json:"kind"` // "numeric", "categorical" or "id"
	} `json:"columns"`
	Label            string      `json:"label"`
	Positive         string      `json:"positive"`
	Site             string      `json:"site"`
	Group            string      `json:"group"`
	Features         []string    `json:"features"`
	KDEColumns       []string    `json:"kde_columns"`
	QuasiIdentifiers []string    `json:"quasi_identifiers"`
	AttributeKey     []string    `json:"attribute_key"`
	AttributeSecret  string      `json:"attribute_secret"`
	LinkAux          [2][]string `json:"link_aux"`
	InferAux         []string    `json:"infer_aux"`
	InferSecret      string      `json:"infer_secret"`
	InferNumeric     string      `json:"infer_secret_numeric"`
	VocabularySize   int         `json:"vocabulary_size"`
	Vocabulary       string      `json:"vocabulary"`
	Rules            []string    `json:"rules"`
}

// Pair returns a pair by its letter.
func (f *Folder) Pair(name string) (*Pair, error) {
	if p := f.pairs[name]; p != nil {
		return p, nil
	}
	p := &Pair{folder: f, name: name, frames: map[string]*frame.Frame{}}
	content, err := f.Read("pair" + name + "/columns.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(content, &p.Columns); err != nil {
		return nil, fmt.Errorf("pair %s: columns.json: %w", name, err)
	}
	f.pairs[name] = p
	return p, nil
}

// Names lists the columns of some kinds, in order.
func (p *Pair) Names(kinds ...string) []string {
	var names []string
	for _, c := range p.Columns.Columns {
		for _, kind := range kinds {
			if c.Kind == kind {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// Frame returns "real", "synth" or "holdout". Numeric columns are numbers, all others categories with the text of each field
// as it is; the empty field is missing, and nothing else is.
func (p *Pair) Frame(name string) (*frame.Frame, error) {
	if f := p.frames[name]; f != nil {
		return f, nil
	}
	table, err := p.folder.Table("pair" + p.name + "/" + name + ".csv")
	if err != nil {
		return nil, err
	}
	var columns []*frame.Column
	for _, c := range p.Columns.Columns {
		texts, ok := table[c.Name]
		if !ok {
			return nil, fmt.Errorf("pair %s: %s.csv has no column %q", p.name, name, c.Name)
		}
		column, err := parse(c.Name, c.Kind, texts)
		if err != nil {
			return nil, fmt.Errorf("pair %s: %s.csv: %w", p.name, name, err)
		}
		columns = append(columns, column)
	}
	f, err := frame.New(columns...)
	if err == nil {
		p.frames[name] = f
	}
	return f, err
}

func parse(name, kind string, texts []string) (*frame.Column, error) {
	if kind != "numeric" {
		missing := make([]bool, len(texts))
		for i, text := range texts {
			missing[i] = text == ""
		}
		return frame.NewCategoryFromStrings(name, texts, missing), nil
	}
	numbers := make([]float64, len(texts))
	for i, text := range texts {
		if text == "" {
			numbers[i] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("column %q, row %d: not a number", name, i+1)
		}
		numbers[i] = v
	}
	return frame.NewNumber(name, numbers), nil
}
