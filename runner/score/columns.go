package score

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Columns says what the columns of a pair are: the content of a columns.json. Everything is optional.
type Columns struct {
	Columns      []Column `json:"columns"`       // those to compare; empty: all columns of the files
	MissingToken string   `json:"missing_token"` // stands for "no value" in every column, besides the empty field

	Label            string      `json:"label"`
	Site             string      `json:"site"`
	Subject          string      `json:"subject"`
	Group            Names       `json:"group"`
	QuasiIdentifiers []string    `json:"quasi_identifiers"`
	AttributeKey     []string    `json:"attribute_key"`
	AttributeSecret  string      `json:"attribute_secret"`
	LinkAux          [2][]string `json:"link_aux"`
	InferAux         []string    `json:"infer_aux"`
	InferSecret      string      `json:"infer_secret"`
	InferNumeric     string      `json:"infer_secret_numeric"`
}

// Column is one column of a pair.
type Column struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"` // "numeric", "categorical" or "id", which is no variable; empty: by its values
	Unit    string   `json:"unit"`
	Missing []string `json:"missing"` // texts that stand for "no value"
}

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

// elsewhere are fields of the columns.json of reference pairs that say nothing of columns here.
var elsewhere = []string{"positive", "features", "kde_columns", "vocabulary_size", "vocabulary", "rules"}

// ReadColumns reads a columns.json. Fields that it does not know are an error.
func ReadColumns(path string) (*Columns, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := strict(content, &fields); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range elsewhere {
		delete(fields, name)
	}
	known, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	c := &Columns{}
	if err := strict(known, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	seen := map[string]bool{}
	for i, column := range c.Columns {
		switch {
		case column.Name == "":
			return nil, fmt.Errorf("%s: column %d has no name", path, i+1)
		case seen[column.Name]:
			return nil, fmt.Errorf("%s: column %q is given twice", path, column.Name)
		case !slices.Contains([]string{"", "numeric", "categorical", "id"}, column.Kind):
			return nil, fmt.Errorf("%s: column %q has the kind %q; want numeric, categorical or id", path, column.Name, column.Kind)
		}
		seen[column.Name] = true
	}
	return c, nil
}

// strict decodes one JSON value without fields that nobody asked for.
func strict(content []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("line %d: %w", 1+bytes.Count(content[:syntax.Offset], []byte("\n")), err)
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the first JSON value")
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

// named lists the columns that have a role, with what the role is called.
func (c *Columns) named() [][2]string {
	list := [][2]string{{"label", c.Label}, {"site", c.Site}, {"subject", c.Subject}, {"attribute_secret", c.AttributeSecret}, {"infer_secret", c.InferSecret}, {"infer_secret_numeric", c.InferNumeric}}
	for role, names := range map[string][]string{
		"group": c.Group, "quasi_identifiers": c.QuasiIdentifiers, "attribute_key": c.AttributeKey,
		"link_aux": slices.Concat(c.LinkAux[0], c.LinkAux[1]), "infer_aux": c.InferAux,
	} {
		for _, name := range names {
			list = append(list, [2]string{role, name})
		}
	}
	list = slices.DeleteFunc(list, func(x [2]string) bool { return x[1] == "" })
	slices.SortFunc(list, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return list
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
		case column.Name == c.Label:
		case column.Kind == frame.Number:
			r.Numbers = append(r.Numbers, column.Name)
		default:
			r.Categories = append(r.Categories, column.Name)
		}
	}
	return r
}
