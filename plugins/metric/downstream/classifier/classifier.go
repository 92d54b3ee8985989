// Package classifier trains the models that utility metrics test: it reads the labels of a pair, fits a model of the settings,
// and tunes its penalty, its number of trees and its threshold on rows that the experiment names.
package classifier

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/model/forest"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Version is raised when equal inputs may give another model, besides the versions of the models themselves.
const Version = 1

// The models.
const (
	Logistic = "logistic"
	Boosted  = "gbdt"
	Forest   = "random-forest"
)

// Config says which model is fitted, and how. Start from Defaults.
type Config struct {
	Model    string        `json:"model"`
	Logistic Ridge         `json:"logistic"`
	Boosted  gbdt.Config   `json:"gbdt"`
	Forest   forest.Config `json:"random-forest"`
}

// Ridge is the settings of the logistic regression.
type Ridge struct {
	C float64 `json:"C"` // weight of the data against the penalty, > 0
}

// Schema is the CUE of the settings that a Config takes, for the schema of a plugin that offers them.
const Schema = `// the model: "logistic" unless set, a ridge-penalised logistic regression on the standard encoding; "gbdt": boosted trees
model?: "logistic" | "gbdt" | "random-forest"
// of logistic, the weight of the data against the penalty: 1 unless set
logistic?: {C?: number & >0}
// of gbdt: the trees, in the terms of XGBoost
gbdt?: {
	` + gbdt.Schema + `
}
// of random-forest: the trees, in the terms of scikit-learn
"random-forest"?: {
	` + forest.Schema + `
}`

// Defaults is the logistic regression with C = 1; the other models have the defaults of their packages.
func Defaults() Config {
	return Config{Model: Logistic, Logistic: Ridge{C: 1}, Boosted: gbdt.Defaults(), Forest: forest.Defaults()}
}

// Uses are the models and preparations that what this package returns depends on.
func Uses() []plugins.Use {
	return []plugins.Use{
		{Name: "classifier", Version: Version},
		{Name: "encode", Version: encode.Version},
		{Name: "forest", Version: forest.Version},
		{Name: "gbdt", Version: gbdt.Version},
		{Name: "label", Version: label.Version},
		{Name: "logistic", Version: logistic.Version},
		{Name: "stats", Version: stats.Version},
	}
}

// Need estimates what training takes, whichever the model: the encoded rows, and the weighted copy of a step or the trees.
func Need(s plugins.Size) plugins.Need {
	rows := s.Rows + s.N
	cells := 8 * int64(rows) * int64(s.Columns)
	trees := max(gbdt.Bytes(rows, s.Columns), forest.Defaults().Bytes(rows, 2*s.Columns)) // two: missing values and levels
	return plugins.Need{Threads: int(min(max(int64(rows)*int64(s.Columns)/250_000, 1), 8)), Bytes: cells + max(3*cells, trees)}
}

// Check says which setting is wrong. A model that is not fitted must have its defaults: settings of it would do nothing.
func (c Config) Check() error {
	known := false
	for _, m := range c.models() {
		if m.name == c.Model {
			known = true
			if err := m.check(); err != nil {
				return err
			}
		} else if m.given != m.plain {
			return fmt.Errorf("%s has settings, and the model is %q", m.name, c.Model)
		}
	}
	if !known {
		return fmt.Errorf("model is %q; want %q, %q or %q", c.Model, Logistic, Boosted, Forest)
	}
	return nil
}

type modelSettings struct {
	name         string
	given, plain string // JSON of the settings, and of the defaults
	check        func() error
}

func (c *Config) models() []modelSettings {
	plain := Defaults()
	return []modelSettings{
		{Logistic, text(c.Logistic), text(plain.Logistic), c.Logistic.check},
		{Boosted, text(c.Boosted), text(plain.Boosted), c.Boosted.Check},
		{Forest, text(c.Forest), text(plain.Forest), c.Forest.Check},
	}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error() // not finite: no default
	}
	return string(b)
}

func (r Ridge) check() error {
	if !(r.C > 0) || math.IsInf(r.C, 0) {
		return fmt.Errorf("logistic regression: C is %v; want a number above 0", r.C)
	}
	return nil
}

// With returns the settings with some of those of the model set to other numbers, by their names in JSON. It is an error
// when the model has no such setting or it cannot have that value.
func (c Config) With(settings map[string]float64) (Config, error) {
	block := map[string]any{Logistic: &c.Logistic, Boosted: &c.Boosted, Forest: &c.Forest}[c.Model]
	written, err := json.Marshal(settings)
	if err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(written))
	d.DisallowUnknownFields()
	if err := d.Decode(block); err != nil {
		return c, fmt.Errorf("%s: %w", c.Model, err)
	}
	return c, c.Check()
}

// Sources returns a random source for a label; a model takes as many as it needs.
type Sources func(labels ...string) *rand.Rand

// Model predicts the probability of the positive class.
type Model interface {
	// Predict returns the probability of each row of a frame with the columns that the model was fitted on.
	Predict(ctx context.Context, f *frame.Frame, threads int) ([]float64, error)
	// Importances returns how much the model uses each of Variables, at least 0. Logistic regression: the |coefficient| of a
	// standardised number, and the SD over the training rows of what the levels of a category add to the log-odds.
	// Boosted trees: the gain of all splits by the variable. A forest: its share of the decrease of impurity.
	Importances() []float64
	// Variables names the columns of the frame that the model was fitted on, in order.
	Variables() []string
}

// Rows are rows to train on or to predict, with their labels.
type Rows struct {
	Frame *frame.Frame
	Y     []bool
}

// Take returns the given rows.
func (r Rows) Take(rows []int) Rows {
	y := make([]bool, len(rows))
	for i, row := range rows {
		y[i] = r.Y[row]
	}
	return Rows{Frame: r.Frame.Take(rows), Y: y}
}

// Under puts further rows under others, in the columns and units of these. It is an error when the further ones lack a column, or
// have it of another kind.
func Under(rows, further Rows) (Rows, error) {
	columns := make([]*frame.Column, 0, len(rows.Frame.Columns()))
	for _, c := range rows.Frame.Columns() {
		made := further.Frame.Column(c.Name)
		if made == nil {
			return Rows{}, fmt.Errorf("the rows to be added have no column %q", c.Name)
		}
		same := *made
		same.Unit = c.Unit
		columns = append(columns, &same)
	}
	f, err := frame.New(columns...)
	if err != nil {
		return Rows{}, err
	}
	both, err := frame.Concat(rows.Frame, f)
	return Rows{Frame: both, Y: slices.Concat(rows.Y, further.Y)}, err
}

// Events is the number of positive rows.
func (r Rows) Events() int {
	n := 0
	for _, y := range r.Y {
		if y {
			n++
		}
	}
	return n
}

func (r Rows) numbers() []float64 {
	y := make([]float64, len(r.Y))
	for i, positive := range r.Y {
		if positive {
			y[i] = 1
		}
	}
	return y
}

// Fit fits the model to rows of both classes, on all columns but the skipped ones. Boosted trees stop early where watch has rows
// and patience is above 0. A frame without any column left gives the share of events for every row.
//
// It is an error when the labels are of one class, or the model says so.
func (c Config) Fit(ctx context.Context, train Rows, skip []string, threads int, source Sources) (Model, error) {
	m, _, err := c.fit(ctx, train, nil, 0, skip, threads, source)
	return m, err
}

// fit also returns the number of trees that boosting kept.
func (c Config) fit(ctx context.Context, train Rows, watch *Rows, patience int, skip []string, threads int, source Sources) (Model, int, error) {
	events := train.Events()
	if events == 0 || events == len(train.Y) {
		return nil, 0, fmt.Errorf("the rows to train on have one label class")
	}
	if c.Model == Boosted {
		return c.boosted(ctx, train, watch, patience, skip, threads, source)
	}
	encoder := encode.Fit(train.Frame, skip...)
	x, err := encoder.Transform(train.Frame)
	if err != nil {
		return nil, 0, err
	}
	if len(x.Columns) == 0 {
		return constant{share: float64(events) / float64(len(train.Y)), variables: encoder.Variables()}, 0, nil
	}
	if c.Model == Forest {
		settings := c.Forest
		settings.Threads = threads
		settings.Rand = func(tree int) *rand.Rand { return source("tree", strconv.Itoa(tree)) }
		m, err := forest.Fit(ctx, x, train.numbers(), settings)
		if err != nil {
			return nil, 0, err
		}
		return &grown{encoder, m}, 0, nil
	}
	m, err := logistic.Fit(ctx, x, train.numbers(), logistic.Config{C: c.Logistic.C, Threads: threads})
	if err != nil {
		return nil, 0, err
	}
	return &regression{encoder, m, contributions(encoder, x, m.Weights)}, 0, nil
}

// contributions returns the importance of each variable in a logistic regression.
func contributions(e *encode.Encoder, x *encode.Design, weights []float64) []float64 {
	number := map[string]bool{}
	mean, squares := make([]float64, len(weights)), make([]float64, len(weights))
	for j, f := range e.Features() {
		switch {
		case f.Part == encode.Value:
			number[f.Variable] = true
			mean[j] = math.Abs(weights[j])
		case !number[f.Variable]: // the first column of a number is its value
			share := float64(len(x.Columns[j].Ones)) / float64(x.Rows)
			mean[j], squares[j] = share*weights[j], share*weights[j]*weights[j]
		}
	}
	out, second := byVariable(e, mean), byVariable(e, squares)
	for i, name := range e.Variables() {
		if !number[name] {
			out[i] = math.Sqrt(max(0, second[i]-out[i]*out[i]))
		}
	}
	return out
}

func (c Config) boosted(ctx context.Context, train Rows, watch *Rows, patience int, skip []string, threads int, source Sources) (Model, int, error) {
	encoding := gbdt.NewEncoding(train.Frame, skip...)
	if len(encoding.Features()) == 0 {
		return constant{share: float64(train.Events()) / float64(len(train.Y)), variables: encoding.Variables()}, c.Boosted.Rounds, nil
	}
	x, err := encoding.Matrix(train.Frame)
	if err != nil {
		return nil, 0, err
	}
	settings := c.Boosted
	settings.Threads, settings.Rand = threads, source("trees")
	if watch != nil && patience > 0 {
		seen, err := encoding.Matrix(watch.Frame)
		if err != nil {
			return nil, 0, err
		}
		settings.Validation = &gbdt.Validation{X: seen, Y: watch.numbers(), Patience: patience}
	}
	m, err := gbdt.Fit(ctx, x, train.numbers(), settings)
	if err != nil {
		return nil, 0, err
	}
	return &boosted{encoding, m}, m.Trees(), nil
}

type regression struct {
	encoder     *encode.Encoder
	model       *logistic.Model
	importances []float64
}

// Predict returns the probability of the positive class of each row of f, in [0,1]; an error for a frame without the columns of training.
func (m *regression) Predict(_ context.Context, f *frame.Frame, _ int) ([]float64, error) {
	x, err := m.encoder.Transform(f)
	if err != nil {
		return nil, err
	}
	return m.model.Predict(x), nil
}

// Variables names the columns that the model reads, in the order of Importances.
func (m *regression) Variables() []string { return m.encoder.Variables() }

// Importances returns how much each variable moves the model, ≥ 0, in the unit of its kind.
func (m *regression) Importances() []float64 { return m.importances }

type grown struct {
	encoder *encode.Encoder
	model   *forest.Model
}

// Predict returns the probability of the positive class of each row of f, in [0,1]; an error for a frame without the columns of training.
func (m *grown) Predict(ctx context.Context, f *frame.Frame, threads int) ([]float64, error) {
	x, err := m.encoder.Transform(f)
	if err != nil {
		return nil, err
	}
	return m.model.Predict(ctx, x, threads)
}

// Variables names the columns that the model reads, in the order of Importances.
func (m *grown) Variables() []string { return m.encoder.Variables() }

// Importances returns how much each variable moves the model, ≥ 0, in the unit of its kind.
func (m *grown) Importances() []float64 {
	return byVariable(m.encoder, m.model.Importances())
}

// byVariable adds up what belongs to the encoded columns of a variable.
func byVariable(e *encode.Encoder, values []float64) []float64 {
	names := e.Variables()
	out := make([]float64, len(names))
	at := 0
	for j, f := range e.Features() {
		for names[at] != f.Variable { // the features of a variable stand together, and a variable may have none
			at++
		}
		out[at] += values[j]
	}
	return out
}

type boosted struct {
	encoding *gbdt.Encoding
	model    *gbdt.Model
}

// Predict returns the probability of the positive class of each row of f, in [0,1]; an error for a frame without the columns of training.
func (m *boosted) Predict(ctx context.Context, f *frame.Frame, threads int) ([]float64, error) {
	x, err := m.encoding.Matrix(f)
	if err != nil {
		return nil, err
	}
	return m.model.Predict(ctx, x, threads)
}

// Variables names the columns that the model reads, in the order of Importances.
func (m *boosted) Variables() []string { return m.encoding.Variables() }

// Importances returns how much each variable moves the model, ≥ 0, in the unit of its kind.
func (m *boosted) Importances() []float64 {
	out, err := m.model.Importances(gbdt.TotalGain)
	if err != nil {
		panic(err) // the kind is a known one
	}
	return out
}

// ImportancesBy returns another importance of each of the variables of boosted trees than Model.Importances, which is gbdt.TotalGain. It is an
// error of other models, and when by is none of the constants of gbdt.
func ImportancesBy(m Model, by gbdt.By) ([]float64, error) {
	switch m := m.(type) {
	case *boosted:
		return m.model.Importances(by)
	case constant:
		return m.Importances(), nil
	}
	return nil, fmt.Errorf("importance by %q is of boosted trees alone", by)
}

// constant predicts the same for every row.
type constant struct {
	share     float64
	variables []string
}

// Predict returns the probability of the positive class of each row of f, in [0,1]; an error for a frame without the columns of training.
func (m constant) Predict(_ context.Context, f *frame.Frame, _ int) ([]float64, error) {
	out := make([]float64, f.Rows())
	for i := range out {
		out[i] = m.share
	}
	return out, nil
}

// Variables names the columns that the model reads, in the order of Importances.
func (m constant) Variables() []string { return m.variables }

// Importances returns how much each variable moves the model, ≥ 0, in the unit of its kind.
func (m constant) Importances() []float64 { return make([]float64, len(m.variables)) }
