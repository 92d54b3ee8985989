// Package score rates a pair of files of real and synthetic rows without an experiment.
package score

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/runner/rate"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Options say how metrics are measured.
type Options struct {
	Seed       uint64
	Subsamples *int // behind intervals of scores that have none of their own; nil: as many as suit each metric
	Threads    int
	Progress   func(done, total int, metric string) // called by several goroutines, one at a time; may be nil
}

// Rated is what became of one metric.
type Rated struct {
	Preset      plugins.Preset
	Info        *plugins.Info
	Settings    json.RawMessage      // after defaults
	Measurement *plugins.Measurement // nil where it was not measured
	Real        *plugins.Measurement // with real rows in the place of the synthetic ones; nil where there is no yardstick
	RealErr     error                // why measuring that failed
	Lacks       string               // what would be needed to measure it; "" when nothing is lacking
	Err         error                // why measuring it failed
	Stack       []byte               // where it panicked, when it did
}

// Rating is what became of all metrics, in the order in which they were asked for.
type Rating struct {
	Metrics   []Rated
	Yardstick Yardstick
	Seed      uint64
}

// Core and All are the names that stand for several metrics.
const (
	Core = "core"
	All  = "all"
)

// Choose returns the metrics of a list of names: presets of the core by their names, plugins by theirs. "core" are the presets
// whose plugins take the shape or, when none does, what "all" is: the plugins of the shape that reproduce no other library's peculiarities.
func Choose(registry *plugins.Registry, names []string, shape plugins.Shape) ([]plugins.Preset, error) {
	var out []plugins.Preset
	for _, name := range names {
		some, err := chosen(registry, name, shape)
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			if !slices.ContainsFunc(out, func(o plugins.Preset) bool { return o.Name == p.Name }) {
				out = append(out, p)
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no metric is chosen; 'ehrlab plugins' lists them")
	}
	return out, nil
}

// chosen returns the metrics that a name stands for.
func chosen(registry *plugins.Registry, name string, shape plugins.Shape) ([]plugins.Preset, error) {
	var all, core []plugins.Preset
	known := []string{Core, All}
	for _, use := range registry.Metrics.Names() {
		if known = append(known, use); takes(registry, use, shape) && !registry.Metrics.Get(use).Info.Variant {
			all = append(all, plugins.Preset{Name: use, Use: use})
		}
	}
	for _, p := range registry.Core {
		known = append(known, p.Name)
		if takes(registry, p.Use, shape) {
			core = append(core, p)
		}
		if p.Name == name {
			return taken(registry, p, shape)
		}
	}
	switch {
	case name == Core && len(core) > 0:
		return core, nil
	case name == Core, name == All:
		return all, nil
	case registry.Metrics.Get(name) == nil:
		return nil, fmt.Errorf("no metric named %q%s; 'ehrlab plugins' lists them", name, spelling.DidYouMean(name, known))
	}
	return taken(registry, plugins.Preset{Name: name, Use: name}, shape)
}

// taken returns one metric that has to take a shape.
func taken(registry *plugins.Registry, p plugins.Preset, shape plugins.Shape) ([]plugins.Preset, error) {
	if !takes(registry, p.Use, shape) {
		return nil, fmt.Errorf("the rows are %s, which metric %q does not take", shape, p.Name)
	}
	return []plugins.Preset{p}, nil
}

func takes(registry *plugins.Registry, name string, shape plugins.Shape) bool {
	entry := registry.Metrics.Get(name)
	return entry != nil && slices.Contains(entry.Info.Shapes, shape)
}

// Rate measures metrics on a pair, several at once, and each once more with real rows in the place of the synthetic ones. A metric
// that fails, or panics, leaves the others. What is measured does not hang on the number of threads.
func (p *Pair) Rate(ctx context.Context, registry *plugins.Registry, metrics []plugins.Preset, opts Options) (*Rating, error) {
	identity := p.identity()
	yard := p.yardstick(identity, opts.Seed)
	out := &Rating{Metrics: make([]Rated, len(metrics)), Yardstick: yard.Yardstick, Seed: opts.Seed}
	pair := plugins.NewPair(plugins.NewParts(p.parts), p.synthetic, p.Label)
	pair.Limits = p.limits
	var mu sync.Mutex
	done := 0
	err := parallel.For(ctx, opts.Threads, len(metrics), func(i int) error {
		out.Metrics[i] = p.rate(ctx, registry.Metrics.Get(metrics[i].Use), metrics[i], pair, yard, identity, opts)
		mu.Lock()
		defer mu.Unlock()
		done++
		if opts.Progress != nil {
			opts.Progress(done, len(metrics), metrics[i].Name)
		}
		return ctx.Err()
	})
	return out, err
}

// rate measures one metric.
func (p *Pair) rate(ctx context.Context, entry *plugins.Entry[plugins.Metric], m plugins.Preset, pair *plugins.Pair, yard *yardstick, identity string, opts Options) (out Rated) {
	out = Rated{Preset: m, Info: &entry.Info}
	defer func() {
		if r := recover(); r != nil {
			out.Measurement, out.Stack = nil, debug.Stack()
			out.Err = fmt.Errorf("a bug in the plugin: %v; please report it", r)
		}
	}()
	if entry.Info.Control && !p.holdout {
		out.Lacks = "--holdout: real rows that the generator has not seen"
		return out
	}
	with, lacks, err := entry.Suit(p.roles, m.With)
	if lacks != "" || err != nil {
		out.Lacks, out.Err = p.lacking(lacks), err
		return out
	}
	metric, settings, err := entry.Build(with)
	if err != nil {
		out.Err = err
		return out
	}
	out.Settings = settings
	j := job(metric, &entry.Info, identity, opts)
	if out.Measurement, err = j.Measure(ctx, pair); err != nil {
		out.Err = told(err)
		return out
	}
	out.Real, out.RealErr = yard.measure(ctx, j)
	return out
}

// told says why measuring failed.
func told(err error) error {
	var breach *rate.Breach
	if errors.As(err, &breach) {
		return fmt.Errorf("a bug in the plugin: %s; please report it", breach.What)
	}
	return err
}

// job is how a metric is called. Its random sources hang on the seed and on the real rows alone, so that synthetic files of the
// same real one are set against the same draws.
func job(metric plugins.Metric, info *plugins.Info, identity string, opts Options) rate.Job {
	j := rate.Job{
		Metric: metric, Info: info, Rand: plugins.NewRand(opts.Seed, identity, plugins.ForResample),
		Env: plugins.Env{
			Rand: plugins.NewRand(opts.Seed, identity, info.Random...), Threads: opts.Threads,
			Log: slog.New(slog.DiscardHandler), Progress: func(int, int) {},
			Scratch: func() (string, error) { return "", errors.New("metrics have no scratch folder here") },
		},
		Subsamples: rate.DefaultSubsamples(info),
	}
	if opts.Subsamples != nil && j.Subsamples > 0 {
		j.Subsamples = *opts.Subsamples
	}
	return j
}

// ways says how to give what a pair may lack.
var ways = map[string]string{
	plugins.LacksLabel:  "--label NAME, the column that is predicted",
	plugins.LacksSite:   "--site NAME, the column of hospitals",
	plugins.LacksGroups: "--group NAME, a column whose values are groups of patients, such as sex",
	plugins.LacksQuasi:  "quasi_identifiers in --columns: what an attacker may know of a patient",
	plugins.LacksKey:    "attribute_key and attribute_secret in --columns: what an attacker knows, and what he wants to learn",
	plugins.LacksHalves: "link_aux in --columns: what each of two attackers knows",
	plugins.LacksFile:   "a file besides the pair, which only an experiment can name: metrics: NAME: with: path: FILE",
	plugins.LacksSecret: "infer_secret or infer_secret_numeric in --columns: what an attacker wants to learn",
}

// lacking says what is lacking, and how to give it.
func (p *Pair) lacking(what string) string {
	switch {
	case what == "":
		return ""
	case what == plugins.LacksLabel && p.unlabeled != "":
		return "a label that can be predicted: " + p.unlabeled
	case ways[what] != "":
		return ways[what]
	}
	return what
}
