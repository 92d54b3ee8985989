package score

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Files are the files of a pair: CSV, Parquet or Arrow, also compressed.
type Files struct {
	Real      string
	Synthetic string
	Holdout   string // real rows that the generator has not seen; empty when there are none
}

// File is a file that was read.
type File struct {
	Role   string `json:"role"` // "real", "synthetic" or "holdout"
	Rows   int    `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Pair is a pair of files, ready to be rated.
type Pair struct {
	Files []File
	Roles plugins.Roles
	// Real, Synthetic and Holdout are the variables of the rows, in the order of the real file; Holdout is nil when there is none.
	Real, Synthetic, Holdout *frame.Frame

	parts map[plugins.Part]plugins.Sample
}

// Open reads a pair of files. columns says what their columns are; it may be empty. Kinds that it does not give are told by
// the values of the real file, and hold for the others.
func Open(ctx context.Context, files Files, columns *Columns, threads int) (*Pair, error) {
	r := &reading{columns: columns, threads: threads}
	p := &Pair{}
	real, err := r.read(ctx, p, "real", files.Real, nil)
	if err != nil {
		return nil, err
	}
	synthetic, err := r.read(ctx, p, "synthetic", files.Synthetic, real)
	if err != nil {
		return nil, err
	}
	if real, err = agree(real, synthetic, files.Real); err != nil {
		return nil, err
	}
	var holdout *frame.Frame
	if files.Holdout != "" {
		if holdout, err = r.read(ctx, p, "holdout", files.Holdout, real); err != nil {
			return nil, err
		}
	}
	return p, p.arrange(columns, real, synthetic, holdout)
}

// reading reads the files of a pair alike.
type reading struct {
	columns *Columns
	threads int
}

// read reads one file. like is the frame whose columns and kinds it has to have; nil for the first file.
func (r *reading) read(ctx context.Context, p *Pair, role, path string, like *frame.Frame) (*frame.Frame, error) {
	file, err := hashed(role, path)
	if err != nil {
		return nil, err
	}
	sample, err := frame.SampleFile(ctx, path, frame.ReadOptions{File: path, Missing: r.missing()}, 1, 1<<20)
	if err != nil {
		return nil, err
	}
	opts := frame.ReadOptions{File: path, Missing: r.missing(), Columns: map[string]frame.ColumnOptions{}, Threads: r.threads}
	if opts.Keep, err = r.keep(role, path, sample.Header, like); err != nil {
		return nil, err
	}
	for _, name := range opts.Keep {
		said := r.columns.column(name)
		o := frame.ColumnOptions{Unit: said.Unit, Missing: said.Missing}
		switch {
		case said.Kind == "numeric":
			o.Kind = frame.Number
		case said.Kind == "categorical" || name == r.columns.Subject || name == r.columns.Site:
			o.Kind = frame.Category
		case like != nil && like.Column(name).MissingCount() < like.Rows():
			o.Kind = like.Column(name).Kind
		}
		opts.Columns[name] = o
	}
	table, err := frame.ReadFile(ctx, path, opts)
	if err != nil {
		if like != nil {
			return nil, fmt.Errorf("%w; kinds are those of the real file unless columns.json declares them", err)
		}
		return nil, err
	}
	if table.Frame.Rows() == 0 {
		return nil, fmt.Errorf("%s: there is no row", path)
	}
	file.Rows = table.Frame.Rows()
	p.Files = append(p.Files, file)
	if like == nil {
		return table.Frame, nil
	}
	inOrder := slices.DeleteFunc(like.Names(), func(name string) bool { return table.Frame.Column(name) == nil })
	return table.Frame.Select(inOrder...) // in the order of the first file
}

func (r *reading) missing() []string {
	if r.columns.MissingToken == "" {
		return nil
	}
	return []string{r.columns.MissingToken}
}

// keep lists the columns to read of a file: those that columns.json lists, ids aside, or all of its own. Both files have to have them.
func (r *reading) keep(role, path string, header []string, like *frame.Frame) ([]string, error) {
	wanted := header
	if len(r.columns.Columns) > 0 {
		wanted = nil
		for _, c := range r.columns.Columns {
			if c.Kind != "id" || c.Name == r.columns.Subject {
				wanted = append(wanted, c.Name)
			}
		}
		for _, said := range r.columns.named() {
			if !slices.Contains(wanted, said[1]) {
				wanted = append(wanted, said[1])
			}
		}
	}
	if like != nil && len(r.columns.Columns) == 0 {
		for _, name := range header {
			if like.Column(name) == nil && name != r.columns.Subject {
				return nil, fmt.Errorf("%s: the real file has no column %q%s; list the columns to compare in columns.json", path, name, hint(name, like.Names()))
			}
		}
		wanted = like.Names()
	}
	for _, said := range r.columns.named() {
		if like == nil && !slices.Contains(header, said[1]) {
			return nil, fmt.Errorf("%s: no column %q, which is said to be the %s%s", path, said[1], said[0], hint(said[1], header))
		}
	}
	var keep []string
	for _, name := range wanted {
		switch {
		case slices.Contains(header, name):
			keep = append(keep, name)
		case name != r.columns.Subject && name != r.columns.Site || role != "synthetic": // synthetic rows need no subject and no site
			return nil, fmt.Errorf("%s: no column %q%s", path, name, hint(name, header))
		}
	}
	return keep, nil
}

// hint is the nearest of some names, for a message.
func hint(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(strings.TrimSpace(k), strings.TrimSpace(name)) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	if len(known) > 12 {
		return ""
	}
	return "; there are " + strings.Join(known, ", ")
}

// agree gives columns of the real rows that have no value at all the kind that they have in the synthetic ones, and demands that all
// others agree.
func agree(real, synthetic *frame.Frame, path string) (*frame.Frame, error) {
	columns := slices.Clone(real.Columns())
	for i, c := range columns {
		s := synthetic.Column(c.Name)
		if s == nil || s.Kind == c.Kind {
			continue
		}
		if c.MissingCount() < real.Rows() {
			return nil, fmt.Errorf("%s: column %q is a %s here and a %s in the synthetic file; declare its kind in columns.json", path, c.Name, c.Kind, s.Kind)
		}
		columns[i] = without(c.Name, s.Kind, real.Rows())
	}
	return frame.New(columns...)
}

// without is a column of a kind that has no value.
func without(name string, kind frame.Kind, rows int) *frame.Column {
	if kind == frame.Number {
		return frame.NewNumber(name, slices.Repeat([]float64{math.NaN()}, rows))
	}
	return frame.NewCategory(name, nil, slices.Repeat([]int32{frame.Missing}, rows))
}

// arrange sets apart what is no variable (the subject, and a site that synthetic rows do not have), and hands the rows to the parts that they stand for. With a holdout, the real rows are
// those that the generator has seen, train, and the holdout the unseen ones, test. Without one, the real rows stand for both.
func (p *Pair) arrange(c *Columns, real, synthetic, holdout *frame.Frame) error {
	aside := []string{c.Subject}
	if synthetic.Column(c.Site) == nil {
		aside = append(aside, c.Site)
	}
	seen, err := sample(real, c, aside)
	if err != nil {
		return err
	}
	unseen := seen
	if holdout != nil {
		if unseen, err = sample(holdout, c, aside); err != nil {
			return err
		}
		p.Holdout = unseen.Frame
	}
	made, err := sample(synthetic, c, aside)
	if err != nil {
		return err
	}
	p.Real, p.Synthetic, p.Roles = seen.Frame, made.Frame, c.roles(seen.Frame)
	p.parts = map[plugins.Part]plugins.Sample{plugins.Train: seen, plugins.Test: unseen, plugins.Validation: {Frame: seen.Frame.Take(nil)}}
	return nil
}

// sample sets the columns of subjects and sites apart from the variables of a frame. Those that metrics may ask for by name stay beside them.
func sample(f *frame.Frame, c *Columns, aside []string) (plugins.Sample, error) {
	variables := slices.DeleteFunc(f.Names(), func(name string) bool { return slices.Contains(aside, name) })
	if len(variables) == 0 {
		return plugins.Sample{}, fmt.Errorf("there is no column to compare besides those of subjects and sites")
	}
	out := plugins.Sample{Subject: f.Column(c.Subject), Site: f.Column(c.Site), Beside: f}
	var err error
	out.Frame, err = f.Select(variables...)
	return out, err
}

// hashed is a file with its size and the hash of its content.
func hashed(role, path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return File{Role: role, Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, err
}
