package score

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Columns says what the columns of a pair are: the content of a columns.json. Everything is optional.
type Columns struct {
	Columns      []Column `json:"columns"`       // those to compare; empty: all columns of the files
	Drop         Names    `json:"drop"`          // those not to read
	Keep         Names    `json:"keep"`          // those to compare though their values look like identifiers or free text
	MissingToken string   `json:"missing_token"` // stands for "no value" in every column, besides the empty field

	Label    string `json:"label"`
	Positive string `json:"positive"` // the value of the label that is predicted; empty: 1, or the last of two texts
	Site     string `json:"site"`
	Subject  string `json:"subject"`
	Group    Names  `json:"group"`

	QuasiIdentifiers []string    `json:"quasi_identifiers"`
	AttributeKey     []string    `json:"attribute_key"`
	AttributeSecret  string      `json:"attribute_secret"`
	LinkAux          [2][]string `json:"link_aux"`
	InferAux         []string    `json:"infer_aux"`
	InferSecret      string      `json:"infer_secret"`
	InferNumeric     string      `json:"infer_secret_numeric"`

	Events *Events `json:"events"` // set where a row is an event of a patient
}

// Column is one column of a pair.
type Column struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"` // "numeric", "categorical" or "id", which is no variable; empty: by its values
	Unit    string   `json:"unit"`
	Missing []string `json:"missing"` // texts that stand for "no value"
	Min     *float64 `json:"min"`     // what the column can hold whatever the patients at hand have
	Max     *float64 `json:"max"`
}

// The kinds of columns that a columns.json gives.
const (
	kindNumber   = "numeric"
	kindCategory = "categorical"
	kindID       = "id"
)

// Names is a list of names that may be written as one text.
type Names []string

// UnmarshalJSON reads a text or a list of texts.
func (n *Names) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*n = Names{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// elsewhere are fields of the columns.json of reference pairs that have no use here.
var elsewhere = []string{"features", "kde_columns", "vocabulary_size", "vocabulary", "rules"}

// ReadColumns reads a columns.json. Fields that it does not know are an error.
func ReadColumns(path string) (*Columns, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, openFault(path, err)
	}
	c, err := parseColumns(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func parseColumns(content []byte) (*Columns, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	c := &Columns{}
	if err := decode(content, c); err != nil {
		return nil, err
	}
	var raw struct {
		Columns []json.RawMessage `json:"columns"`
		Events  json.RawMessage   `json:"events"`
	}
	if err := json.Unmarshal(content, &raw); err != nil {
		return nil, err
	}
	if err := unknownField(content, c, "", elsewhere...); err != nil {
		return nil, err
	}
	for i, column := range raw.Columns {
		if err := unknownField(column, &Column{}, fmt.Sprintf(" of column %d", i+1)); err != nil {
			return nil, err
		}
	}
	if err := unknownField(raw.Events, &Events{}, " of events"); err != nil {
		return nil, err
	}
	return c, c.Check()
}

// decode reads one JSON value; mistakes have the line that they are in.
func decode(content []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(content))
	err := d.Decode(into)
	line := func(offset int64) int {
		return 1 + bytes.Count(content[:min(int(max(offset, 0)), len(content))], []byte("\n"))
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: no JSON: %w", line(syntax.Offset), err)
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("line %d: want %s, not %s", line(kind.Offset), article(kind.Type), valueOf(kind.Value))
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: field %q: want %s, not %s", line(kind.Offset), kind.Field, article(kind.Type), valueOf(kind.Value))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New(`it ends too early; want an object such as {"label": "died"}`)
	case err != nil:
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the first JSON value")
	}
	return nil
}

// article names a type for people.
func article(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Float64:
		return "a number"
	}
	return "an object"
}

// valueOf names what stands in JSON for people. It never holds the value itself.
func valueOf(said string) string {
	switch {
	case said == "array":
		return "a list"
	case said == "object":
		return "an object"
	case said == "string":
		return "a text"
	case said == "bool":
		return "true or false"
	}
	return "a number"
}

// unknownField returns an error when an object has a field that a struct has not, nor is among others. of says whose it is.
func unknownField(object []byte, of any, whose string, others ...string) error {
	var fields map[string]json.RawMessage
	if len(object) == 0 || json.Unmarshal(object, &fields) != nil {
		return nil // decode says what is wrong
	}
	t := reflect.TypeOf(of).Elem()
	var known []string
	for i := range t.NumField() {
		known = append(known, t.Field(i).Tag.Get("json"))
	}
	var wrong []string
	for name := range fields {
		if !slices.Contains(known, name) && !slices.Contains(others, name) {
			wrong = append(wrong, name)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("no field %q%s%s", wrong[0], whose, spelling.Hint(wrong[0], "there are", known))
}

// Check says what is wrong with the fields.
func (c *Columns) Check() error {
	seen := map[string]bool{}
	for i, column := range c.Columns {
		switch {
		case column.Name == "":
			return fmt.Errorf("column %d has no name", i+1)
		case seen[column.Name]:
			return fmt.Errorf("column %q is given twice", column.Name)
		case !slices.Contains([]string{"", kindNumber, kindCategory, kindID}, column.Kind):
			return fmt.Errorf("column %q has the kind %q; want %s, %s or %s", column.Name, column.Kind, kindNumber, kindCategory, kindID)
		case column.Min != nil && column.Max != nil && *column.Min >= *column.Max:
			return fmt.Errorf("column %q has min %v and max %v; min must be less", column.Name, *column.Min, *column.Max)
		}
		seen[column.Name] = true
	}
	if c.Positive != "" && c.Label == "" {
		return errors.New("positive is given without a label")
	}
	if (len(c.LinkAux[0]) == 0) != (len(c.LinkAux[1]) == 0) {
		return errors.New("link_aux wants two lists of columns")
	}
	return c.checkRoles()
}

// checkRoles says which column has roles that exclude each other.
func (c *Columns) checkRoles() error {
	alone := [][2]string{{"label", c.Label}, {"site", c.Site}, {"subject", c.Subject}}
	for i, a := range alone {
		for _, b := range alone[:i] {
			if a[1] != "" && a[1] == b[1] {
				return fmt.Errorf("column %q is said to be the %s and the %s", a[1], b[0], a[0])
			}
		}
	}
	for _, said := range c.named() {
		if said[1] == c.Subject && said[0] != "subject" {
			return fmt.Errorf("column %q is said to be the subject and in %s; the subject is no variable", said[1], said[0])
		}
		if slices.Contains(c.Drop, said[1]) {
			return fmt.Errorf("column %q is said to be dropped and in %s", said[1], said[0])
		}
		if said[0] != "subject" && c.column(said[1]).Kind == kindID {
			return fmt.Errorf("column %q is said to be an id, which is no variable, and in %s", said[1], said[0])
		}
	}
	return nil
}

// column returns what is said of a column; the zero Column when nothing is.
func (c *Columns) column(name string) Column {
	i := slices.IndexFunc(c.Columns, func(x Column) bool { return x.Name == name })
	if i < 0 {
		return Column{}
	}
	return c.Columns[i]
}

// named lists the roles with the columns that have them, sorted by role.
func (c *Columns) named() [][2]string {
	var list [][2]string
	for role, names := range map[string][]string{
		"label": {c.Label}, "site": {c.Site}, "subject": {c.Subject}, "attribute_secret": {c.AttributeSecret},
		"infer_secret": {c.InferSecret}, "infer_secret_numeric": {c.InferNumeric},
		"group": c.Group, "keep": c.Keep, "quasi_identifiers": c.QuasiIdentifiers, "attribute_key": c.AttributeKey,
		"link_aux": slices.Concat(c.LinkAux[0], c.LinkAux[1]), "infer_aux": c.InferAux,
	} {
		for _, name := range names {
			if name != "" {
				list = append(list, [2]string{role, name})
			}
		}
	}
	slices.SortFunc(list, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(list)
}

// Shape is the shape of rows with these columns.
func (c *Columns) Shape() plugins.Shape {
	if c.eventsOf() != nil {
		return plugins.Events
	}
	return plugins.Records
}

// listed lists the columns that columns.json wants read: those that it gives, ids aside, and those with roles. It is nil
// when all columns are wanted but those to drop.
func (c *Columns) listed() []string {
	if len(c.Columns) == 0 {
		return nil
	}
	names := []string{}
	for _, column := range c.Columns {
		if (column.Kind != kindID || column.Name == c.Subject) && !slices.Contains(c.Drop, column.Name) {
			names = append(names, column.Name)
		}
	}
	for _, said := range c.named() {
		if !slices.Contains(names, said[1]) {
			names = append(names, said[1])
		}
	}
	return names
}

// limits are what columns can hold.
func (c *Columns) limits() map[string]plugins.Limit {
	out := map[string]plugins.Limit{}
	for _, column := range c.Columns {
		if column.Min != nil || column.Max != nil {
			out[column.Name] = plugins.Limit{Min: column.Min, Max: column.Max}
		}
	}
	return out
}

// roles is what metrics may know of the columns of a frame.
func (c *Columns) roles(f *frame.Frame) plugins.Roles {
	r := plugins.Roles{
		Label: c.Label, Subject: c.Subject, Site: c.Site, Groups: c.Group, QuasiIdentifiers: c.QuasiIdentifiers,
		Key: c.AttributeKey, Secret: c.AttributeSecret, NumericSecret: c.InferNumeric, Halves: c.LinkAux, Aux: c.InferAux,
	}
	if r.Secret == "" {
		r.Secret = c.InferSecret
	}
	for _, column := range f.Columns() {
		switch {
		case column.Name == c.Label || column.Name == c.Site:
		case column.Kind == frame.Number:
			r.Numbers = append(r.Numbers, column.Name)
		default:
			r.Categories = append(r.Categories, column.Name)
		}
	}
	return r
}

// predicted makes the positive value of the label the one that metrics take for it. A label for which that is so already, such
// as 0 and 1, stays as it is; another becomes 1 where it has the positive value, and 0 elsewhere.
func (c *Columns) predicted(label *frame.Column, levels []string) (*frame.Column, error) {
	if label.Kind == frame.Number {
		var positive float64
		if _, err := fmt.Sscan(c.Positive, &positive); err != nil {
			return nil, fmt.Errorf("positive is %q, and the label %q is a number", c.Positive, c.Label)
		}
		if positive == 1 {
			return label, nil
		}
		return indicator(label, func(i int) bool { return label.Numbers[i] == positive }), nil
	}
	if len(levels) == 2 && levels[1] == c.Positive {
		return label, nil
	}
	return indicator(label, func(i int) bool { return label.Levels[label.Codes[i]] == c.Positive }), nil
}

// indicator is a column like c that is 1 where is says so.
func indicator(c *frame.Column, is func(i int) bool) *frame.Column {
	values := make([]float64, c.Len())
	for i := range values {
		switch {
		case c.IsMissing(i):
			values[i] = math.NaN()
		case is(i):
			values[i] = 1
		}
	}
	out := frame.NewNumber(c.Name, values)
	out.Integer = true
	return out
}

// openFault says why a file cannot be opened, without what the system calls it.
func openFault(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s: no such file", path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s: no permission to read it", path)
	}
	return fmt.Errorf("%s: %s", path, err.Error()[strings.LastIndex(err.Error(), ": ")+1:])
}
