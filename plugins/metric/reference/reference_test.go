package reference_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
)

// An evaluator computes the value of an entry: see Compare for what it returns. An error that is undefined makes it nil.
type evaluator func(f *reference.Folder, e reference.Entry) (any, error)

// undefined is why a metric has no value on an input.
type undefined string

func (u undefined) Error() string { return "undefined: " + string(u) }

// areas are the evaluators by metric, one map for each file beside this one.
var areas = []map[string]evaluator{marginals, joint, distances, attacks, utility, fairness, statistics, trajectories}

// measure builds a metric as the runner does, with a with block in JSON (empty for the defaults), and measures a pair.
func measure(register func(*plugins.Registry), name, with string, pair *plugins.Pair) (*plugins.Measurement, error) {
	r := &plugins.Registry{}
	register(r)
	m, _, err := r.Metrics.Get(name).Build(json.RawMessage(with))
	if err != nil {
		return nil, err
	}
	info := r.Metrics.Get(name).Info
	return m.Measure(context.Background(), metrictest.Env(info, 2, 1), pair.Only(info.Reads...))
}

// scoreOf returns the value of the score of a name whose dimensions are the given pairs of name and value; nil where it is undefined.
func scoreOf(m *plugins.Measurement, name string, dims ...string) (any, error) {
	for _, s := range m.Scores {
		same := s.Name == name && 2*len(s.Dims) == len(dims)
		for i := 0; i < len(dims); i += 2 {
			same = same && s.Dims[dims[i]] == dims[i+1]
		}
		switch {
		case same && s.Status == plugins.OK:
			return s.Value, nil
		case same:
			return nil, undefined(s.Reason)
		}
	}
	return nil, fmt.Errorf("no score %s with the dimensions %q", name, dims)
}

// framesOf returns a pair's real rows, synthetic rows and those that the generator has not seen.
func framesOf(f *reference.Folder, name string) (pair *reference.Pair, real, synthetic, holdout *frame.Frame, err error) {
	if pair, err = f.Pair(name); err != nil {
		return
	}
	if real, err = pair.Frame("real"); err != nil {
		return
	}
	if synthetic, err = pair.Frame("synth"); err != nil {
		return
	}
	holdout, err = pair.Frame("holdout")
	return
}

// fidelity sets the synthetic rows against the real ones, in the place of the test part, as the fidelity entries do.
func fidelity(f *reference.Folder, name string) (*plugins.Pair, error) {
	_, real, synthetic, _, err := framesOf(f, name)
	if err != nil {
		return nil, err
	}
	return metrictest.Pair(real, synthetic, ""), nil
}

func evaluators(t *testing.T) map[string]evaluator {
	t.Helper()
	all := map[string]evaluator{}
	for _, area := range areas {
		for name, evaluate := range area {
			if all[name] != nil {
				t.Fatalf("two evaluators of %s", name)
			}
			all[name] = evaluate
		}
	}
	return all
}

// TestReference compares every entry of a folder: that of EHRLAB_REFERENCE_DIR, or testdata. It ends with the line
// "N passed, N failed, N skipped"; an entry whose metric is not known here is skipped. EHRLAB_REFERENCE_OUT names a file
// for the values that were found, as one JSON object by id.
func TestReference(t *testing.T) {
	dir := os.Getenv("EHRLAB_REFERENCE_DIR")
	if dir == "" {
		dir = "testdata"
	}
	folder, err := reference.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	known, values := evaluators(t), map[string]any{}
	passed, failed, skipped := 0, 0, 0
	for _, e := range folder.Entries {
		evaluate := known[e.Metric]
		if evaluate == nil {
			t.Logf("%s: skipped: no metric %q", e.ID, e.Metric)
			skipped++
			values[e.ID] = nil
			continue
		}
		if testing.Short() && e.Kind == "learned" {
			skipped++ // fits forests and boosted trees
			continue
		}
		value, err := evaluate(folder, e)
		var none undefined
		if errors.As(err, &none) {
			value, err = nil, nil
		}
		values[e.ID] = reference.Whole(value)
		switch wrong := e.Compare(value); {
		case err != nil:
			t.Errorf("%s: %v", e.ID, err)
			failed++
		case wrong != "":
			t.Errorf("%s: %s", e.ID, wrong)
			failed++
		default:
			passed++
		}
	}
	if out := os.Getenv("EHRLAB_REFERENCE_OUT"); out != "" {
		content, err := json.MarshalIndent(values, "", " ")
		if err != nil {
			t.Fatalf("%v in %v", err, slices.Sorted(maps.Keys(values)))
		}
		if err := os.WriteFile(out, append(content, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d passed, %d failed, %d skipped", passed, failed, skipped)
}
