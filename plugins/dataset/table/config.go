package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Config is the data set's "with" block.
type Config struct {
	Source
	Join map[string]JoinConfig `json:"join,omitempty"` // further tables, whose columns are added

	MaxBytes int64 `json:"maxBytes"` // limit of the decompressed content of each file, > 0
}

// Source is one table: one file, several under each other, or the members of an archive.
type Source struct {
	Path      Paths                   `json:"path"`
	Members   string                  `json:"members,omitempty"`   // of an archive: the members that are read
	Origin    string                  `json:"origin,omitempty"`    // name of the column that says which file a row is from
	Header    []string                `json:"header,omitempty"`    // names of the columns of files without a header line
	Delimiter string                  `json:"delimiter,omitempty"` // of CSV: one ASCII character
	Columns   map[string]ColumnConfig `json:"columns,omitempty"`   // what is known of a column, or of a variable of a long table
	Missing   []Code                  `json:"missing,omitempty"`   // codes of "no value" in every column
	Keep      []string                `json:"keep,omitempty"`      // columns that are read; nil: all
	Drop      []string                `json:"drop,omitempty"`      // columns that are left out
	Long      *LongConfig             `json:"long,omitempty"`      // a row of the file is one measurement
}

// ColumnConfig declares one column, or one variable of a long table.
type ColumnConfig struct {
	Kind     frame.Kind        `json:"kind,omitempty"`
	Unit     string            `json:"unit,omitempty"`
	UnitFrom string            `json:"unitFrom,omitempty"` // column that holds the unit of each value
	Convert  map[string]Factor `json:"convert,omitempty"`  // from other units to Unit
	Group    string            `json:"group,omitempty"`    // what kind of variable it is, e.g. "labs"
	Missing  []Code            `json:"missing,omitempty"`  // further codes
	Levels   map[string]Code   `json:"levels,omitempty"`   // code of the file → level; there are no others
	Date     *DateConfig       `json:"date,omitempty"`
	Min      *float64          `json:"min,omitempty"` // least plausible value, in Unit
	Max      *float64          `json:"max,omitempty"`
	Outside  string            `json:"outside,omitempty"` // what a value beyond Min or Max is: "error" unless "missing"
}

// DateConfig makes a number of a date or a time.
type DateConfig struct {
	Format string `json:"format,omitempty"` // "iso", "us", "eu" or a pattern such as "%d.%m.%Y"; "iso" unless set
	Min    string `json:"min,omitempty"`    // earliest date, as 1990-01-31
	Max    string `json:"max,omitempty"`    // latest date
	Since  string `json:"since,omitempty"`  // another date; 1970-01-01 unless set
	In     string `json:"in,omitempty"`     // unit of the number: "days" unless set
}

// LongConfig says how a table of measurements becomes one of rows.
type LongConfig struct {
	Row       string          `json:"row"`                 // column that names the row
	Variable  string          `json:"variable"`            // column that names what was measured
	Value     string          `json:"value"`               // column that holds the value
	Order     string          `json:"order,omitempty"`     // column that tells first from last; the order of the file unless set
	Unit      string          `json:"unit,omitempty"`      // column that holds the unit of the value
	Take      Take            `json:"take,omitzero"`       // statistics of every variable
	Variables map[string]Take `json:"variables,omitempty"` // statistics of single variables
	Keep      []string        `json:"keep,omitempty"`      // columns with one value a row
}

// JoinConfig is a table whose columns are added to the rows that have its key.
type JoinConfig struct {
	Source
	On          On     `json:"on"`
	Cardinality string `json:"cardinality"`      // "one-to-one" or "many-to-one"
	How         string `json:"how,omitempty"`    // "left" unless "inner"
	Prefix      string `json:"prefix,omitempty"` // put before the names of the joined columns
}

// Code is a text of a file; in JSON it may be written as a number too.
type Code string

// UnmarshalJSON reads a text, or a number as its shortest text: -1, -1.0 and "-1" are one code.
func (c *Code) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*c = Code(text)
		return nil
	}
	var number float64
	if err := json.Unmarshal(b, &number); err != nil {
		return fmt.Errorf("code %s: want a text or a number", b)
	}
	*c = Code(strconv.FormatFloat(number, 'f', -1, 64))
	return nil
}

// Paths is one path, or a list of them. The form is kept: settings lead to each path by its place.
type Paths struct {
	All  []string
	List bool
}

// UnmarshalJSON reads a text or a list of texts.
func (p *Paths) UnmarshalJSON(b []byte) error {
	*p = Paths{}
	var err error
	p.All, p.List, err = oneOrMore(b)
	return err
}

// MarshalJSON writes the form that was read.
func (p Paths) MarshalJSON() ([]byte, error) { return marshalOneOrMore(p.All, p.List) }

// Take is the statistics of a variable. One that stands alone, not in a list, gives a column with the plain name.
type Take struct {
	Stats []string
	List  bool
}

// UnmarshalJSON reads a text or a list of texts.
func (t *Take) UnmarshalJSON(b []byte) error {
	*t = Take{}
	var err error
	t.Stats, t.List, err = oneOrMore(b)
	return err
}

// MarshalJSON writes the form that was read.
func (t Take) MarshalJSON() ([]byte, error) { return marshalOneOrMore(t.Stats, t.List) }

// IsZero reports whether no statistics are named.
func (t Take) IsZero() bool { return t.Stats == nil && !t.List }

// On is the columns of a key, in the rows joined to and in the joined table.
type On struct {
	Left  []string `json:"left"`
	Right []string `json:"right"`
}

// UnmarshalJSON reads a name, a list of names, or {left, right} of either.
func (o *On) UnmarshalJSON(b []byte) error {
	*o = On{}
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		names, _, err := oneOrMore(b)
		o.Left, o.Right = names, names
		return err
	}
	var sides struct{ Left, Right json.RawMessage }
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&sides); err != nil {
		return err
	}
	var err error
	if o.Left, _, err = oneOrMore(sides.Left); err != nil {
		return err
	}
	o.Right, _, err = oneOrMore(sides.Right)
	return err
}

// Factor turns a value of another unit into one of the column's: value · Factor + Offset.
type Factor struct {
	Factor float64 `json:"factor"`
	Offset float64 `json:"offset,omitempty"`
}

// UnmarshalJSON reads a number, or {factor, offset}.
func (f *Factor) UnmarshalJSON(b []byte) error {
	*f = Factor{}
	if json.Unmarshal(b, &f.Factor) == nil {
		return nil
	}
	type plain Factor
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode((*plain)(f))
}

func oneOrMore(b []byte) (texts []string, list bool, err error) {
	var one string
	if len(b) == 0 || json.Unmarshal(b, &one) == nil {
		if one == "" {
			return nil, false, nil
		}
		return []string{one}, false, nil
	}
	if err := json.Unmarshal(b, &texts); err != nil {
		return nil, false, fmt.Errorf("%s: want a text or a list of texts", b)
	}
	return texts, true, nil
}

func marshalOneOrMore(texts []string, list bool) ([]byte, error) {
	switch {
	case list:
		return json.Marshal(append([]string{}, texts...))
	case len(texts) == 0:
		return []byte(`""`), nil
	}
	return json.Marshal(texts[0])
}
