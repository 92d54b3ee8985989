package classifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// What a model is tuned on.
const (
	OnSynthetic  = "synthetic"
	OnValidation = "real-validation"
)

// The ways to choose a threshold, besides a number.
const (
	Youden     = "youden"
	Prevalence = "prevalence"
)

// Tuning says what is chosen for a model besides its coefficients or trees, and on which rows. Start from DefaultTuning.
type Tuning struct {
	// On is OnSynthetic, the rows that the model is trained on, in folds: no real label is used for a model that is trained on
	// synthetic rows (and one that is trained on real rows is tuned on these). OnValidation is the real validation part.
	On       string `json:"tune_on"`
	Folds    int    `json:"tune_folds"` // of the training rows, ≥ 2
	Patience int    `json:"patience"`   // gbdt only: rounds without a lower log-loss after which to stop; 0: no early stopping
	// Grid are settings of the model to try, by their names, of which those with the lowest log-loss on the tuning rows are taken,
	// the first of equal ones. None: the settings as they are.
	Grid      []map[string]float64 `json:"grid,omitempty"`
	Threshold Threshold            `json:"threshold"`
}

// Reads lists the parts that a metric reads whose model is tuned so.
func (t Tuning) Reads() []plugins.Part {
	if t.On == OnValidation {
		return []plugins.Part{plugins.Test, plugins.Train, plugins.Validation}
	}
	return []plugins.Part{plugins.Test, plugins.Train}
}

// TuningSchema is the CUE of the settings that a Tuning takes.
const TuningSchema = `// rows to tune on. "synthetic" unless set: folds of the training rows, so that no real label is used where these are synthetic; "real-validation": the validation part
tune_on?: "synthetic" | "real-validation"
// folds of the training rows to tune on: 3 unless set
tune_folds?: int & >=2 & <=100
// of gbdt: rounds without a lower log-loss on the tuning rows after which boosting stops; 0 unless set: it does not
patience?: int & >=0
// settings of the model to try, such as {C: 0.1}, of which those with the lowest log-loss on the tuning rows are taken
grid?: [...{[string]: number}]
// probability from which a row is called positive. "youden" unless set: where recall + specificity are greatest on the tuning rows; "prevalence": where as many are called as have the label
threshold?: "youden" | "prevalence" | number & >=0 & <=1`

// DefaultTuning chooses the threshold alone, on folds of the training rows.
func DefaultTuning() Tuning {
	return Tuning{On: OnSynthetic, Folds: 3, Threshold: Threshold{By: Youden}}
}

// Threshold is a probability from which rows are called positive: chosen By a rule, or At a number where By is empty. In JSON it is
// the name of the rule, or the number.
type Threshold struct {
	By string
	At float64
}

// MarshalJSON writes the rule or the number.
func (t Threshold) MarshalJSON() ([]byte, error) {
	if t.By != "" {
		return json.Marshal(t.By)
	}
	return json.Marshal(t.At)
}

// UnmarshalJSON reads a rule or a number.
func (t *Threshold) UnmarshalJSON(b []byte) error {
	*t = Threshold{}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &t.By)
	}
	return json.Unmarshal(b, &t.At)
}

// Check says which setting is wrong, for a model with the given settings.
func (t Tuning) Check(c Config) error {
	switch {
	case t.On != OnSynthetic && t.On != OnValidation:
		return fmt.Errorf("tune_on is %q; want %q or %q", t.On, OnSynthetic, OnValidation)
	case t.Folds < 2:
		return fmt.Errorf("tune_folds is %d; want at least 2", t.Folds)
	case t.Patience < 0:
		return fmt.Errorf("patience is %d; want at least 0", t.Patience)
	case t.Patience > 0 && c.Model != Boosted:
		return fmt.Errorf("patience is %d, which only model: %q has", t.Patience, Boosted)
	case t.Threshold.By != "" && t.Threshold.By != Youden && t.Threshold.By != Prevalence:
		return fmt.Errorf("threshold is %q; want %q, %q or a number", t.Threshold.By, Youden, Prevalence)
	case !(t.Threshold.At >= 0 && t.Threshold.At <= 1):
		return fmt.Errorf("threshold is %v; want a probability", t.Threshold.At)
	}
	for i, settings := range t.Grid {
		if _, err := c.With(settings); err != nil {
			return fmt.Errorf("grid, entry %d: %w", i+1, err)
		}
	}
	return nil
}

// needed reports whether there is anything to choose.
func (t Tuning) needed() bool { return t.Threshold.By != "" || t.Patience > 0 || len(t.Grid) > 0 }

// Learner trains models of one kind.
type Learner struct {
	Config  Config
	Tuning  Tuning
	Skip    []string // columns that are no features: the target
	Threads int
	Source  Sources
}

// Trained is a model with what was chosen for it.
type Trained struct {
	Model
	Threshold float64
	Untuned   string // why there is no threshold by a rule; empty when there is one
	Entry     int    // of the grid, from 1, that was chosen; 0 when there is no choice
	Trees     int    // at which boosting stopped; 0 when it does not stop early
	Warnings  []string
}

// Train tunes the model and fits it to all the training rows, which have to be of both classes.
//
// groups returns the groups of training rows that a fold must not divide; it is not called when no fold is made. validation are the
// rows of the validation part, with OnValidation.
func (l *Learner) Train(ctx context.Context, train Rows, groups func() (Groups, error), validation Rows) (*Trained, error) {
	if !l.Tuning.needed() {
		m, _, err := l.fit(ctx, l.Config, train, nil, "model")
		return &Trained{Model: m, Threshold: l.Tuning.Threshold.At}, err
	}
	candidates, err := l.candidates()
	if err != nil {
		return nil, err
	}
	if l.Tuning.On == OnValidation {
		return l.onValidation(ctx, train, validation, candidates)
	}
	return l.onFolds(ctx, train, groups, candidates)
}

func (l *Learner) candidates() ([]Config, error) {
	if len(l.Tuning.Grid) == 0 {
		return []Config{l.Config}, nil
	}
	out := make([]Config, len(l.Tuning.Grid))
	for i, settings := range l.Tuning.Grid {
		var err error
		if out[i], err = l.Config.With(settings); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *Learner) fit(ctx context.Context, c Config, train Rows, watch *Rows, labels ...string) (Model, int, error) {
	return c.fit(ctx, train, watch, l.Tuning.Patience, l.Skip, l.Threads, func(more ...string) *rand.Rand {
		return l.Source(append(append([]string{}, labels...), more...)...)
	})
}

// onValidation fits each candidate to all the training rows and takes that with the lowest log-loss on the validation rows.
func (l *Learner) onValidation(ctx context.Context, train, validation Rows, candidates []Config) (*Trained, error) {
	if len(validation.Y) == 0 {
		return nil, Undefined("there are no validation rows to tune on")
	}
	var best *Trained
	least := math.Inf(1)
	for i, c := range candidates {
		m, trees, err := l.fit(ctx, c, train, &validation, "model")
		if err != nil {
			return nil, err
		}
		p, err := m.Predict(ctx, validation.Frame, l.Threads)
		if err != nil {
			return nil, err
		}
		rated, err := stats.NewPredictions(validation.Y, p)
		if err != nil {
			return nil, err
		}
		if loss := rated.LogLoss(); loss < least {
			least = loss
			best = l.chosen(m, i, trees)
			best.threshold(l.Tuning.Threshold, rated, "validation rows")
		}
	}
	return best, nil
}

// onFolds predicts each training row by a model of the other folds, takes the candidate with the lowest log-loss, and fits it to
// all the training rows, with the mean number of trees at which boosting stopped in the folds.
func (l *Learner) onFolds(ctx context.Context, train Rows, groups func() (Groups, error), candidates []Config) (*Trained, error) {
	grouped, err := groups()
	if err != nil {
		return nil, err
	}
	fold, folds, reason := l.deal(grouped, train.Y)
	if reason != "" {
		m, _, err := l.fit(ctx, candidates[0], train, nil, "model")
		out := &Trained{Model: m, Threshold: l.Tuning.Threshold.At}
		if l.Tuning.Threshold.By != "" {
			out.Untuned = reason
		}
		if len(candidates) > 1 || l.Tuning.Patience > 0 {
			out.Warnings = append(out.Warnings, "not tuned: "+reason)
		}
		return out, err
	}
	var best *stats.Predictions
	chosen, trees, least := 0, 0, math.Inf(1)
	for i, c := range candidates {
		p, grown, err := l.outOfFold(ctx, c, train, fold, folds, strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		rated, err := stats.NewPredictions(train.Y, p)
		if err != nil {
			return nil, err
		}
		if loss := rated.LogLoss(); loss < least {
			best, chosen, trees, least = rated, i, grown, loss
		}
	}
	final := candidates[chosen]
	if l.Tuning.Patience > 0 {
		final.Boosted.Rounds = trees
	}
	m, _, err := l.fit(ctx, final, train, nil, "model")
	if err != nil {
		return nil, err
	}
	out := l.chosen(m, chosen, trees)
	out.threshold(l.Tuning.Threshold, best, "training rows")
	return out, nil
}

// deal returns the fold of each row and the number of folds, no more than there are groups of a class; or why there are none.
func (l *Learner) deal(groups Groups, y []bool) (fold []int, folds int, reason string) {
	var with, without int // groups with a row of the class
	for _, rows := range groups {
		var has [2]bool
		for _, row := range rows {
			if y[row] {
				has[1] = true
			} else {
				has[0] = true
			}
		}
		if has[1] {
			with++
		}
		if has[0] {
			without++
		}
	}
	reason = "the training rows of a class are too few to tune on folds of them"
	if folds = min(l.Tuning.Folds, with, without); folds < 2 {
		return nil, 0, reason
	}
	fold = Deal(l.Source("folds"), groups, y, folds)
	for k := range folds {
		var has [2]bool
		for row, f := range fold {
			if f != k && y[row] {
				has[1] = true
			} else if f != k {
				has[0] = true
			}
		}
		if !has[0] || !has[1] {
			return nil, 0, reason
		}
	}
	return fold, folds, ""
}

// outOfFold predicts each row by a model of the other folds; grown is the mean number of trees, at least 1.
func (l *Learner) outOfFold(ctx context.Context, c Config, train Rows, fold []int, folds int, candidate string) (p []float64, grown int, err error) {
	p = make([]float64, len(train.Y))
	sum := 0
	for k := range folds {
		heldAt, otherAt := Fold(fold, k)
		held := train.Take(heldAt)
		m, trees, err := l.fit(ctx, c, train.Take(otherAt), &held, "fold", strconv.Itoa(k), candidate)
		if err != nil {
			return nil, 0, err
		}
		predicted, err := m.Predict(ctx, held.Frame, l.Threads)
		if err != nil {
			return nil, 0, err
		}
		for i, row := range heldAt {
			p[row] = predicted[i]
		}
		sum += trees
	}
	return p, max(1, (2*sum+folds)/(2*folds)), nil
}

// chosen returns the model of a candidate, with what was chosen.
func (l *Learner) chosen(m Model, candidate, trees int) *Trained {
	out := &Trained{Model: m}
	if len(l.Tuning.Grid) > 0 {
		out.Entry = candidate + 1
	}
	if l.Tuning.Patience > 0 {
		out.Trees = trees
	}
	return out
}

// threshold chooses the threshold on predictions of tuning rows.
func (t *Trained) threshold(how Threshold, tuning *stats.Predictions, rows string) {
	switch how.By {
	case Youden:
		at, err := tuning.Youden()
		if errors.Is(err, stats.ErrOneClass) {
			t.Untuned = "the " + rows + " to choose a threshold on have one label class"
		}
		t.Threshold = at
	case Prevalence:
		t.Threshold = tuning.PrevalenceMatched()
	default:
		t.Threshold = how.At
	}
}
