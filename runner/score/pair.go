package score

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
)

// Pair is a pair of files, ready to be rated.
type Pair struct {
	Shape   plugins.Shape
	Files   []File // real, synthetic and, when there is one, holdout
	Columns []Variable
	Label   string // "" when there is none
	Notes   []string

	holdout   bool
	again     int    // rows of the holdout that the real file has, too
	unlabeled string // why the label that was given cannot be predicted
	roles     plugins.Roles
	limits    map[string]plugins.Limit
	parts     map[plugins.Part]plugins.Sample
	synthetic *frame.Frame
}

// File is a file that was read, and what is in it.
type File struct {
	Role     Role    `json:"role"`
	Path     string  `json:"path"`
	Bytes    int64   `json:"bytes"`
	SHA256   string  `json:"sha256"` // of what it decompresses to, where it is a gzip file
	Rows     int     `json:"rows"`
	Subjects *int    `json:"subjects,omitempty"` // where they are known
	Visits   *int    `json:"visits,omitempty"`   // of events
	Codes    *int    `json:"codes,omitempty"`    // different ones of events
	Missing  float64 `json:"missing"`            // share of the values of the columns that are compared
	Label    *Share  `json:"label,omitempty"`    // rows with the event, of those with a label
}

// Share is so many of so many.
type Share struct {
	Value string `json:"value"` // that is counted
	N     int    `json:"n"`
	Of    int    `json:"of"`
}

// Variable is a column that is compared.
type Variable struct {
	Name    string           `json:"name"`
	Kind    frame.Kind       `json:"kind"`
	Unit    string           `json:"unit,omitempty"`
	Missing map[Role]float64 `json:"missing"` // share of the rows of each file
}

// Open reads a pair of files. columns says what their columns are; it may be empty. Kinds that it does not give are told by
// the values of the real file, and hold for the others.
//
// With a holdout, the real rows are those that the generator has seen, train, and the holdout the unseen ones, test. Without one, the
// real rows stand for both.
func Open(ctx context.Context, files Files, columns *Columns, threads int) (*Pair, error) {
	p := &Pair{Shape: columns.Shape(), limits: columns.limits(), holdout: files.Holdout != ""}
	if e := columns.eventsOf(); e != nil {
		var err error
		if columns, err = e.asRead(columns); err != nil {
			return nil, err
		}
	}
	frames, err := p.read(ctx, files, columns, threads)
	if err != nil {
		return nil, err
	}
	if p.Shape == plugins.Events {
		err = p.arrangeEvents(columns.Events, frames)
	} else {
		err = p.arrange(columns, frames)
	}
	if err != nil {
		return nil, err
	}
	p.noteFiles()
	return p, nil
}

// rows are the frames of a pair; holdout is nil when there is none.
type rows struct{ real, synthetic, holdout *frame.Frame }

// each lists the frames in the order of Pair.Files.
func (r rows) each() []*frame.Frame {
	if r.holdout == nil {
		return []*frame.Frame{r.real, r.synthetic}
	}
	return []*frame.Frame{r.real, r.synthetic, r.holdout}
}

// read reads the files.
func (p *Pair) read(ctx context.Context, files Files, columns *Columns, threads int) (out rows, err error) {
	r := &reading{columns: columns, threads: threads, kinds: map[string]frame.Kind{}}
	one := func(role Role, path string, like *frame.Frame) *frame.Frame {
		if err != nil {
			return nil
		}
		var f *frame.Frame
		var file File
		if f, file, err = r.read(ctx, role, path, like); err == nil {
			p.Files = append(p.Files, file)
		}
		return f
	}
	out.real = one(RoleReal, files.Real, nil)
	out.synthetic = one(RoleSynthetic, files.Synthetic, out.real)
	if p.holdout {
		out.holdout = one(RoleHoldout, files.Holdout, out.real)
	}
	for _, f := range []**frame.Frame{&out.real, &out.synthetic, &out.holdout} {
		if err == nil && *f != nil {
			*f, err = r.agree(*f)
		}
	}
	return out, err
}

// arrange tells variables from other columns, and hands the rows to the parts that they stand for.
func (p *Pair) arrange(c *Columns, frames rows) error {
	if c.Positive != "" {
		if err := p.recode(c, &frames); err != nil {
			return err
		}
	}
	variables := p.variables(c, frames)
	if len(variables) == 0 {
		return fmt.Errorf("%s: there is no column to compare besides those of subjects, sites and identifiers", p.Files[0].Path)
	}
	seen, err := sample(frames.real, c, variables)
	if err != nil {
		return err
	}
	unseen := seen
	if p.holdout {
		if unseen, err = sample(frames.holdout, c, variables); err != nil {
			return err
		}
	}
	made, err := sample(frames.synthetic, c, variables)
	if err != nil {
		return err
	}
	p.take(seen, unseen, made.Frame)
	p.roles, p.Label = c.roles(seen.Frame), c.Label
	p.describe(c, frames)
	p.checkLabel(c, frames)
	return nil
}

// take hands rows to the parts that they stand for.
func (p *Pair) take(seen, unseen plugins.Sample, synthetic *frame.Frame) {
	p.parts, p.synthetic = parts(seen, unseen), synthetic
}

func parts(seen, unseen plugins.Sample) map[plugins.Part]plugins.Sample {
	return map[plugins.Part]plugins.Sample{
		plugins.Train: seen, plugins.Test: unseen, plugins.Validation: {Frame: seen.Frame.Take(nil)},
	}
}

// recode makes the value of the label that is to be predicted the one that metrics take for it.
func (p *Pair) recode(c *Columns, frames *rows) error {
	var levels []string // of real rows
	for _, f := range []*frame.Frame{frames.real, frames.holdout} {
		if f != nil {
			levels = append(levels, f.Column(c.Label).Levels...)
		}
	}
	slices.Sort(levels)
	levels = slices.Compact(levels)
	if frames.real.Column(c.Label).Kind == frame.Category && !slices.Contains(levels, c.Positive) {
		return fmt.Errorf("%s: no row has the label %q = %q, which is said to be the positive one", p.Files[0].Path, c.Label, c.Positive)
	}
	for _, f := range []**frame.Frame{&frames.real, &frames.synthetic, &frames.holdout} {
		if *f == nil {
			continue
		}
		columns := slices.Clone((*f).Columns())
		for i, column := range columns {
			if column.Name != c.Label {
				continue
			}
			var err error
			if columns[i], err = c.predicted(column, levels); err != nil {
				return err
			}
		}
		var err error
		if *f, err = frame.New(columns...); err != nil {
			return err
		}
	}
	return nil
}

// variables lists the columns that are compared: all but the subject, a site that synthetic rows do not have, and what nobody has
// declared to be a variable and tells the rows apart.
func (p *Pair) variables(c *Columns, frames rows) []string {
	var names, texts, numbers, doubtful []string
	for _, column := range frames.real.Columns() {
		name := column.Name
		if name == c.Subject || frames.synthetic.Column(name) == nil {
			continue
		}
		if c.column(name).Kind == "" && !slices.ContainsFunc(c.named(), func(said [2]string) bool { return said[1] == name }) {
			surely, maybe := numbering(column)
			switch {
			case written(column):
				texts = append(texts, name)
				continue
			case surely:
				numbers = append(numbers, name)
				continue
			case maybe:
				doubtful = append(doubtful, name)
			}
		}
		names = append(names, name)
	}
	p.noteTexts(c, frames)
	p.note(texts, "left out: %s, where more than half of the real rows have a text of their own, as identifiers, dates and free text have; --keep NAME compares it as a category")
	p.note(numbers, "left out: %s, whole numbers under the name of an identifier, another one in every real row; --keep NAME compares it")
	p.note(doubtful, "compared, but perhaps an identifier: %s, by the name, or as every real row has another whole number; --drop NAME leaves it out, --subject NAME takes it for the patient")
	return names
}

// note notes something of columns, where there are any.
func (p *Pair) note(columns []string, what string) {
	if len(columns) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf(what, some(columns)))
	}
}

// noteTexts notes columns that hold texts in the real file and numbers alone in the synthetic one: nobody has declared their kinds,
// and the real file may have a slip.
func (p *Pair) noteTexts(c *Columns, frames rows) {
	var names []string
	for _, column := range frames.real.Columns() {
		s := frames.synthetic.Column(column.Name)
		if s == nil || column.Kind != frame.Category || c.column(column.Name).Kind != "" || column.Name == c.Subject || column.Name == c.Site {
			continue
		}
		if len(s.Levels) > 0 && allNumbers(s.Levels) && len(column.Levels) > 0 {
			names = append(names, column.Name)
		}
	}
	if len(names) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("compared as categories, as the real file holds texts there: %s, where the synthetic file holds numbers alone; --columns can declare kinds, and missing codes", some(names)))
	}
}

// allNumbers reports whether all texts are numbers.
func allNumbers(texts []string) bool {
	return !slices.ContainsFunc(texts, func(t string) bool {
		_, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
		return err != nil
	})
}

// describe counts what is in the files.
func (p *Pair) describe(c *Columns, frames rows) {
	for _, column := range p.parts[plugins.Train].Frame.Columns() {
		p.Columns = append(p.Columns, Variable{Name: column.Name, Kind: column.Kind, Unit: column.Unit, Missing: map[Role]float64{}})
	}
	for i, f := range frames.each() {
		file, missing := &p.Files[i], 0
		file.Rows = f.Rows()
		for k := range p.Columns {
			v := &p.Columns[k]
			n := f.Column(v.Name).MissingCount()
			v.Missing[file.Role] = float64(n) / float64(f.Rows())
			missing += n
		}
		file.Missing = float64(missing) / float64(f.Rows()*len(p.Columns))
		if subject := f.Column(c.Subject); subject != nil {
			n := len(subject.Levels)
			file.Subjects = &n
		}
	}
}

// checkLabel counts the events of each file, and sees whether the label can be predicted: metrics of models need one of two values
// without gaps.
func (p *Pair) checkLabel(c *Columns, frames rows) {
	if c.Label == "" {
		return
	}
	column := frames.real.Column(c.Label)
	positive, err := label.Positive(column)
	if errors.Is(err, label.ErrOneClass) {
		err = nil // scores that need two are undefined
	}
	for _, f := range []*frame.Frame{frames.real, frames.holdout} {
		if f == nil || err != nil {
			continue
		}
		if _, err = label.Binary(f.Column(c.Label), positive); errors.Is(err, label.ErrOneClass) {
			err = nil
		}
	}
	if err != nil {
		p.unlabeled, p.Label, p.roles.Label = err.Error(), "", ""
		p.Notes = append(p.Notes, "the label cannot be predicted: "+p.unlabeled+"; of several values, --positive says which one is predicted")
		return
	}
	for i, f := range frames.each() {
		p.Files[i].Label = count(f.Column(c.Label), positive)
	}
	if c.Positive != "" {
		for i := range p.Files {
			p.Files[i].Label.Value = c.Positive
		}
	}
}

// count counts the rows with a value of the label.
func count(column *frame.Column, value string) *Share {
	s := &Share{Value: value, Of: column.Len() - column.MissingCount()}
	for i := range column.Len() {
		switch {
		case column.IsMissing(i):
		case column.Kind == frame.Number && column.Numbers[i] == 1, column.Kind == frame.Category && column.Levels[column.Codes[i]] == value:
			s.N++
		}
	}
	return s
}

// arrangeEvents is arrange for rows that are events.
func (p *Pair) arrangeEvents(e *Events, frames rows) error {
	shaped := make([]*frame.Frame, 0, len(p.Files))
	for i, f := range frames.each() {
		file := &p.Files[i]
		in, err := e.in(f)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
		t, err := events.New(in)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
		if t.Patients() == 0 {
			return fmt.Errorf("%s: %w", file.Path, errNoPatient)
		}
		patients, visits, codes := t.Patients(), t.Visits(), len(t.Codes)
		file.Rows, file.Subjects, file.Visits, file.Codes = in.Rows(), &patients, &visits, &codes
		missing := 0
		for _, column := range in.Columns() {
			missing += column.MissingCount()
		}
		file.Missing = float64(missing) / float64(in.Rows()*len(in.Columns()))
		shaped = append(shaped, in)
	}
	for _, column := range shaped[0].Columns() {
		v := Variable{Name: column.Name, Kind: column.Kind, Unit: column.Unit, Missing: map[Role]float64{}}
		for i, f := range shaped {
			if of := f.Column(column.Name); of != nil {
				v.Missing[p.Files[i].Role] = float64(of.MissingCount()) / float64(f.Rows())
			}
		}
		p.Columns = append(p.Columns, v)
	}
	seen := plugins.Sample{Frame: shaped[0], Subject: shaped[0].Column(events.Subject)}
	unseen := seen
	if p.holdout {
		unseen = plugins.Sample{Frame: shaped[2], Subject: shaped[2].Column(events.Subject)}
	}
	p.take(seen, unseen, shaped[1])
	p.roles = plugins.Roles{Subject: events.Subject}
	return nil
}

// noteFiles says what is odd about the files as a whole.
func (p *Pair) noteFiles() {
	for i, a := range p.Files {
		for _, b := range p.Files[:i] {
			if a.SHA256 == b.SHA256 {
				p.Notes = append(p.Notes, fmt.Sprintf("the %s and the %s file are the same, byte for byte", b.Role, a.Role))
			}
		}
	}
	train, test := p.parts[plugins.Train].Subject, p.parts[plugins.Test].Subject
	if !p.holdout {
		p.Notes = append(p.Notes, "no --holdout is given: the real rows may be those that the generator has seen, so that copies of them look like fidelity; and there is no yardstick, which is what further real rows would score")
		return
	}
	seen, unseen := p.parts[plugins.Train].Frame, p.parts[plugins.Test].Frame
	if p.again = again(unseen, seen); p.seenAgain() && p.Files[0].SHA256 != p.Files[2].SHA256 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d of the %d rows of the holdout are rows of the real file, too, in every column: the generator has seen them, so that the holdout tells nothing of copies", p.again, unseen.Rows()))
	}
	if both := common(train, test); both > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d of the %d subjects of the holdout are subjects of the real file, too: the generator has seen them", both, *p.Files[2].Subjects))
	}
}

// common counts the values that two columns have in common.
func common(a, b *frame.Column) int {
	if a == nil || b == nil || a.Kind != b.Kind {
		return 0
	}
	if a.Kind == frame.Number {
		return overlap(distinct(a.Numbers), distinct(b.Numbers))
	}
	return overlap(a.Levels, b.Levels)
}

func distinct(values []float64) []float64 {
	out := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(out)
	return slices.Compact(out)
}

// overlap counts what two sorted lists without repeats have in common.
func overlap[T float64 | string](a, b []T) int {
	n := 0
	for _, x := range a {
		if _, found := slices.BinarySearch(b, x); found {
			n++
		}
	}
	return n
}

// identity tells pairs apart, for random sources: by the real rows, so that two synthetic files for the same real ones are set
// against the same resamples, however the files are written.
func (p *Pair) identity() string {
	return p.parts[plugins.Train].Frame.Digest() + " " + p.parts[plugins.Test].Frame.Digest()
}
