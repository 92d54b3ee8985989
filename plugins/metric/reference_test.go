// Package metric_test checks the metrics against the reference values, where these are at hand.
package metric_test

import (
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/correlation"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream"
	"github.com/ehrlab/ehrlab/plugins/metric/kl"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// fidelity is the comparison of real with synth that the fidelity entries make.
func fidelity(t *testing.T, ref *metrictest.Reference, pair string) *plugins.Pair {
	t.Helper()
	return metrictest.Pair(ref.Frame(t, pair, "real"), ref.Frame(t, pair, "synth"), "")
}

func TestMarginalsReproduceTheReference(t *testing.T) {
	ref := metrictest.OpenReference(t)
	for _, c := range []struct {
		pair, metric, plugin string
		register             func(*plugins.Registry)
	}{
		{"A", "ks_complement", "ks", ks.Register},
		{"A", "tv_complement", "tv", tv.Register},
		{"A", "kl_divergence", "kl", kl.Register},
		{"B", "ks_complement", "ks", ks.Register},
		{"B", "tv_complement", "tv", tv.Register},
	} {
		result := metrictest.Measure(t, c.register, c.plugin, "", fidelity(t, ref, c.pair))
		for _, e := range ref.Entries(t, c.pair, c.metric) {
			if len(e.Columns) == 0 { // one entry for all columns
				for _, column := range e.Fields() {
					e.Check(t, column, result.Value(c.metric, "column", column))
				}
				continue
			}
			e.Check(t, "", result.Value(c.metric, "column", e.Columns[0]))
		}
	}
}

func TestCorrelationsReproduceTheReference(t *testing.T) {
	ref := metrictest.OpenReference(t)
	for _, coefficient := range []string{"pearson", "spearman"} {
		with := `{"pairs": true, "coefficient": "` + coefficient + `"}`
		result := metrictest.Measure(t, correlation.Register, "correlation", with, fidelity(t, ref, "A"))
		for _, e := range ref.Entries(t, "A", "correlation_similarity_"+coefficient) {
			e.Check(t, "score", result.Value("correlation_similarity", "column", e.Columns[0], "other", e.Columns[1]))
		}
	}
	for coefficient, metric := range map[string]string{
		"pearson":  "correlation_matrix_difference",
		"spearman": "correlation_matrix_difference_spearman",
	} {
		with := `{"coefficient": "` + coefficient + `"}`
		result := metrictest.Measure(t, correlation.Register, "correlation", with, fidelity(t, ref, "B"))
		for _, e := range ref.Entries(t, "B", metric) {
			e.Check(t, "mean_abs_offdiag", result.Value("correlation_matrix_difference"))
			e.Check(t, "frobenius", result.Value("frobenius"))
		}
	}
}

func TestDownstreamReproducesTheReference(t *testing.T) {
	ref := metrictest.OpenReference(t)
	columns := ref.Columns(t, "B")
	part := func(name string) *frame.Frame {
		f, err := ref.Frame(t, "B", name).Select(append(slices.Clone(columns.Features), columns.Label)...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: part("real")},
		plugins.Test:  {Frame: part("holdout")},
	}), part("synth"), columns.Label)
	for metric, with := range map[string]string{
		"trtr_logistic": `{"train": "real"}`,
		"tstr_logistic": `{"train": "synthetic"}`,
		"trts_logistic": `{"train": "real", "test": "synthetic"}`,
	} {
		result := metrictest.Measure(t, downstream.Register, "downstream", with, pair)
		for _, e := range ref.Entries(t, "B", metric) {
			for _, score := range []string{"auroc", "auprc", "brier", "log_loss"} {
				e.Check(t, score, result.Value(score))
			}
		}
		if metric == "tstr_logistic" {
			// rows are resampled there as here; the intervals agree within the spread of the reference
			e := ref.Entries(t, "B", "bootstrap_ci_auroc")[0]
			interval := result.Score("auroc").Interval
			e.Check(t, "low", interval.Low)
			e.Check(t, "high", interval.High)
		}
	}
}

// predictionsOfB reads the labels and the probabilities of pair B's predictions.
func predictionsOfB(t *testing.T, ref *metrictest.Reference) (y []bool, p map[string][]float64) {
	t.Helper()
	file := ref.Open(t, "pairB/predictions.csv")
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	p = map[string][]float64{}
	label := slices.Index(lines[0], "label")
	for _, line := range lines[1:] {
		y = append(y, line[label] == "1")
		for i, name := range lines[0] {
			if v, err := strconv.ParseFloat(line[i], 64); err == nil {
				p[name] = append(p[name], v)
			}
		}
	}
	return y, p
}

func TestPredictionMeasuresReproduceTheReference(t *testing.T) {
	ref := metrictest.OpenReference(t)
	y, p := predictionsOfB(t, ref)
	for _, e := range ref.Entries(t, "B", "classification_from_predictions") {
		s, err := stats.NewPredictions(y, p[e.Columns[0]])
		if err != nil {
			t.Fatal(err)
		}
		auroc, err := s.AUROC()
		if err != nil {
			t.Fatal(err)
		}
		auprc, err := s.AUPRC()
		if err != nil {
			t.Fatal(err)
		}
		for field, got := range map[string]float64{"auroc": auroc, "auprc": auprc, "brier": s.Brier(), "log_loss": s.LogLoss()} {
			e.Check(t, field, got)
		}
	}
}

func TestWilsonReproducesTheReference(t *testing.T) {
	ref := metrictest.OpenReference(t)
	file := ref.Open(t, "inference/vectors.json")
	defer file.Close()
	var vectors struct {
		Counts struct {
			Pass int `json:"pass"`
			N    int `json:"n"`
		} `json:"counts"`
	}
	if err := json.NewDecoder(file).Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	low, high, err := stats.Wilson(vectors.Counts.Pass, vectors.Counts.N, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	e := ref.Entries(t, "fixtures", "pass_rate_ci")[0]
	e.Check(t, "wilson_low", low)
	e.Check(t, "wilson_high", high)
}

func TestBootstrapReproducesTheReference(t *testing.T) {
	ref := metrictest.OpenReference(t)
	y, p := predictionsOfB(t, ref)
	source := func(i int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(i))) }
	b := stats.Bootstrap{Units: len(y), Resamples: 1000, Threads: 2, Source: source}
	for _, e := range ref.Entries(t, "B", "bootstrap_ci_auroc") {
		s, err := stats.NewPredictions(y, p[e.Columns[0]])
		if err != nil {
			t.Fatal(err)
		}
		draws, err := s.Bootstrap(t.Context(), b, nil)
		if err != nil {
			t.Fatal(err)
		}
		low, high, err := draws.Interval(stats.DrawAUROC, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		e.Check(t, "low", low)
		e.Check(t, "high", high)
	}
}
