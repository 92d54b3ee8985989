// Package score rates a pair of files of real and synthetic rows without an experiment.
package score

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// Options say what is measured, and how.
type Options struct {
	Metrics    []string // names of metrics, of Registry.Core among them; "core" and "all" stand for several
	Seed       uint64
	Subsamples *int // behind intervals of scores that have none of their own; nil: as many as suit each metric
	Threads    int
	Progress   func(done, total int, metric string) // may be nil
}

// Rated is what became of one metric.
type Rated struct {
	Name        string
	Info        *plugins.Info
	Settings    json.RawMessage      // after defaults
	Measurement *plugins.Measurement // nil where it was not measured
	Lacks       string               // why it could not be measured; "" when it could
	Err         error                // why measuring it failed
}

// Core and All are the names that stand for several metrics.
const (
	Core = "core"
	All  = "all"
)

// Choose returns the metrics of a list of names: presets of the core by their names, plugins by theirs. "all" are the plugins of the shape
// that reproduce no other library's peculiarities.
func Choose(registry *plugins.Registry, names []string, shape plugins.Shape) ([]plugins.Preset, error) {
	var out []plugins.Preset
	add := func(p plugins.Preset) {
		if !slices.ContainsFunc(out, func(o plugins.Preset) bool { return o.Name == p.Name }) {
			out = append(out, p)
		}
	}
	for _, name := range names {
		preset := slices.IndexFunc(registry.Core, func(p plugins.Preset) bool { return p.Name == name })
		switch {
		case name == Core:
			for _, p := range registry.Core {
				if takes(registry, p.Use, shape) {
					add(p)
				}
			}
		case name == All:
			for _, use := range registry.Metrics.Names() {
				if takes(registry, use, shape) && !registry.Metrics.Get(use).Info.Variant {
					add(plugins.Preset{Name: use, Use: use})
				}
			}
		case preset >= 0:
			add(registry.Core[preset])
		case registry.Metrics.Get(name) == nil:
			return nil, fmt.Errorf("no metric named %q; 'ehrlab plugins' lists them", name)
		case !takes(registry, name, shape):
			return nil, fmt.Errorf("metric %s does not take %s", name, shape)
		default:
			add(plugins.Preset{Name: name, Use: name})
		}
	}
	return out, nil
}

func takes(registry *plugins.Registry, name string, shape plugins.Shape) bool {
	entry := registry.Metrics.Get(name)
	return entry != nil && slices.Contains(entry.Info.Shapes, shape)
}

// Rate measures metrics on a pair, in the order given. A metric that fails, or panics, leaves the others.
func (p *Pair) Rate(ctx context.Context, registry *plugins.Registry, metrics []plugins.Preset, opts Options) ([]Rated, error) {
	out := make([]Rated, len(metrics))
	pair := plugins.NewPair(plugins.NewParts(p.parts), p.Synthetic, p.Roles.Label)
	var mu sync.Mutex
	done := 0
	err := parallel.For(ctx, opts.Threads, len(metrics), func(i int) error {
		out[i] = p.rate(ctx, registry, metrics[i], pair, opts)
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
func (p *Pair) rate(ctx context.Context, registry *plugins.Registry, m plugins.Preset, pair *plugins.Pair, opts Options) (out Rated) {
	entry := registry.Metrics.Get(m.Use)
	out = Rated{Name: m.Name, Info: &entry.Info}
	defer func() {
		if r := recover(); r != nil {
			out.Err = fmt.Errorf("a bug in the plugin: %v\n%s", r, debug.Stack())
		}
	}()
	if entry.Info.Control && p.Holdout == nil {
		out.Lacks = "--holdout: real rows that the generator has not seen"
		return out
	}
	with, lacks, err := entry.Suit(p.Roles, m.With)
	if lacks != "" || err != nil {
		out.Lacks, out.Err = lacks, err
		return out
	}
	metric, settings, err := entry.Build(with)
	if err != nil {
		out.Err = err
		return out
	}
	out.Settings = settings
	job := rate.Job{
		Metric: metric, Info: &entry.Info, Rand: plugins.NewRand(opts.Seed, p.identity(), plugins.ForResample),
		Env: plugins.Env{
			Rand: plugins.NewRand(opts.Seed, p.identity(), entry.Info.Random...), Threads: opts.Threads,
			Log: slog.New(slog.DiscardHandler), Progress: func(int, int) {},
			Scratch: func() (string, error) { return "", errors.New("there is no scratch folder here") },
		},
		Subsamples: rate.DefaultSubsamples(&entry.Info),
	}
	if opts.Subsamples != nil {
		job.Subsamples = *opts.Subsamples
	}
	out.Measurement, out.Err = job.Measure(ctx, pair)
	var breach *rate.Breach
	if errors.As(out.Err, &breach) {
		out.Err = fmt.Errorf("a bug in the plugin: %s", breach.What)
	}
	return out
}

// identity tells pairs apart, for random sources: by the content of the real files, so that two synthetic files for the same real one
// are set against the same resamples.
func (p *Pair) identity() string {
	hashes := map[string]string{}
	for _, f := range p.Files {
		if f.Role != "synthetic" {
			hashes[f.Role] = f.SHA256
		}
	}
	var b strings.Builder
	for _, role := range slices.Sorted(maps.Keys(hashes)) {
		fmt.Fprintf(&b, "%s %s ", role, hashes[role])
	}
	return b.String()
}
