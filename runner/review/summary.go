package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// metricName is the metric that rates raters. What an import tells is what it says of the file that the import writes.
const metricName = "ratings"

// Options say how answers are summed up.
type Options struct {
	Folder    string  // that the files go to
	AtMost    float64 // a record with a mean rating up to it is implausible
	Before    string  // ratings of an earlier round, as an import wrote them; "" where there is none
	Resamples int     // of the bootstrap over records
	Threads   int
}

// Summary is what an import came to.
type Summary struct {
	Experiment string          `json:"experiment"`
	Cell       string          `json:"cell"`
	Round      int             `json:"round"`
	Simulated  bool            `json:"simulated,omitempty"`
	Partial    bool            `json:"partial,omitempty"`
	Sample     string          `json:"sample"`
	Audit      string          `json:"audit,omitempty"`
	Scale      *Scale          `json:"scale,omitempty"` // of the audit
	AtMost     float64         `json:"at_most"`
	Ratings    int             `json:"ratings"`
	Wanted     int             `json:"wanted"`
	Records    map[string]int  `json:"records"` // that were shown, by origin
	Raters     []RaterSummary  `json:"raters"`
	Folder     string          `json:"folder"`
	Files      []string        `json:"files"`
	NoLabels   string          `json:"no_labels,omitempty"` // why there is no file of labels
	Settings   json.RawMessage `json:"settings"`            // of the metric, but for paths: for an experiment that reads the file
	Scores     []plugins.Score `json:"scores"`
	Counts     []plugins.Count `json:"counts"`
}

// RaterSummary is how far a rater came.
type RaterSummary struct {
	Rater   string   `json:"rater"`
	Ratings int      `json:"ratings"`
	Wanted  int      `json:"wanted"`
	Seconds *float64 `json:"median_seconds,omitempty"` // that a record took
}

// Import writes what was answered for the metrics that read it, and sums it up by one of them. Where anything is wrong, files of an
// earlier import stay as they are.
func (a *Answers) Import(ctx context.Context, registry *plugins.Registry, o Options) (*Summary, error) {
	if err := a.Key.follows(ctx, o.Before); err != nil {
		return nil, fmt.Errorf("the earlier round: %w", err)
	}
	folder := filepath.Clean(o.Folder)
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return nil, err
	}
	staged, err := os.MkdirTemp(filepath.Dir(folder), "."+filepath.Base(folder)+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(staged)
	names, err := a.stage(staged, o.AtMost)
	if err != nil {
		return nil, err
	}
	out := &Summary{
		Experiment: a.Key.Experiment, Cell: a.Key.Cell, Round: a.Key.Round, Simulated: a.Key.Simulated, Partial: a.Partial, Sample: a.Key.Sample,
		Audit: a.Key.Audit, Scale: a.Key.Scale, AtMost: o.AtMost, Ratings: a.Ratings, Wanted: a.Wanted, Records: map[string]int{}, Raters: a.raters(),
		Folder: folder, Files: names, NoLabels: a.Key.Labelled(),
	}
	for _, r := range a.Key.Records {
		if !r.Training {
			out.Records[r.Origin]++
		}
	}
	m, err := a.measure(ctx, registry, filepath.Join(staged, RatingsFile), &o, out)
	if err != nil {
		return nil, err
	}
	out.Scores, out.Counts = m.Scores, m.Counts
	return out, settle(staged, folder, names)
}

// measure has the metric rate the file of ratings.
func (a *Answers) measure(ctx context.Context, registry *plugins.Registry, path string, o *Options, out *Summary) (*plugins.Measurement, error) {
	entry := registry.Metrics.Get(metricName)
	if entry == nil {
		return nil, fmt.Errorf("there is no metric %q to sum the ratings up", metricName)
	}
	settings := map[string]any{
		"range": map[string]int{"min": LeastRealism, "max": MostRealism}, "atMost": o.AtMost, "resamples": o.Resamples,
	}
	var err error
	if out.Settings, err = json.Marshal(settings); err != nil {
		return nil, err
	}
	if settings["path"] = path; o.Before != "" {
		settings["before"] = o.Before
	}
	with, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	metric, _, err := entry.Build(with)
	if err != nil {
		return nil, err
	}
	job := rate.Job{
		Metric: metric, Info: &entry.Info, Rand: plugins.NewRand(0, a.Key.hash, plugins.ForResample),
		Env: plugins.Env{
			Rand: plugins.NewRand(0, a.Key.hash, entry.Info.Random...), Threads: max(o.Threads, 1), Log: slog.New(slog.DiscardHandler),
			Progress: func(int, int) {}, Scratch: func() (string, error) { return "", errors.New("there is no scratch folder here") },
		},
	}
	m, err := job.Measure(ctx, plugins.NewPair(plugins.NewParts(nil), frame.Must(), ""))
	var file *frame.FileError
	if errors.As(err, &file) && o.Before != "" { // what was just written is right
		return nil, fmt.Errorf("the earlier round: %w", err)
	}
	return m, err
}

// raters tells how far each rater came.
func (a *Answers) raters() []RaterSummary {
	var out []RaterSummary
	for _, rater := range a.Key.Raters {
		s := RaterSummary{Rater: rater.Name}
		for _, item := range rater.Items {
			if !a.Key.record(item.Record).Training {
				s.Wanted++
			}
		}
		var seconds []float64
		for _, x := range a.Given {
			if x.Rater != rater.Name {
				continue
			}
			if !math.IsNaN(x.Realism) {
				s.Ratings++
			}
			if !math.IsNaN(x.Seconds) {
				seconds = append(seconds, x.Seconds)
			}
		}
		slices.Sort(seconds)
		if median, err := stats.Percentile(seconds, 0.5); err == nil {
			s.Seconds = &median
		}
		out = append(out, s)
	}
	return out
}
