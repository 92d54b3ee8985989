package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "list, check or clean the cache of step outputs",
		Long: `The cache holds the output of every step that has run, under the hash of everything that decides it.
It may hold rows of your data: its files can be read by you alone.`,
		Example: `  ehrlab cache ls
  ehrlab cache verify
  ehrlab cache gc --max-size 2GB --dry-run`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.cacheListCommand(), a.cacheVerifyCommand(), a.cacheCollectCommand())
	return cmd
}

// stageUse is what the outputs of a stage take.
type stageUse struct {
	Stage   string `json:"stage"`
	Outputs int    `json:"outputs"`
	Bytes   int64  `json:"bytes"`
}

// entryLine is one output of cache ls --all.
type entryLine struct {
	Key     cache.Key  `json:"key"`
	Stage   string     `json:"stage"`
	Plugin  string     `json:"plugin"`
	Bytes   int64      `json:"bytes"`
	Digest  cache.Hash `json:"digest"`
	Created time.Time  `json:"created"`
	Seconds float64    `json:"seconds"`
}

func (a *app) cacheListCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "list what the cache holds, by stage",
		Example: `  ehrlab cache ls
  ehrlab cache ls --all`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error { return a.listCache(all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "list every output too")
	return cmd
}

// listCache prints what the outputs of each stage take, and with all every output.
func (a *app) listCache(all bool) error {
	c, err := a.openCache(cache.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer c.Close()
	entries, stages := []entryLine{}, []*stageUse{}
	use := map[string]*stageUse{}
	for e := range c.Entries() {
		s := use[e.Stage]
		if s == nil {
			s = &stageUse{Stage: e.Stage}
			use[e.Stage] = s
			stages = append(stages, s)
		}
		s.Outputs++
		s.Bytes += e.Size
		if all {
			entries = append(entries, entryLine{e.Key, e.Stage, e.Plugin, e.Size, e.Digest, e.Created, e.Elapsed.Seconds()})
		}
	}
	if a.json {
		a.printJSON(map[string]any{"stages": stages, "entries": entries})
		return nil
	}
	for _, e := range entries {
		a.printf("%s  %-9s %-18s %10s  %s\n", e.Key[:16], e.Stage, e.Plugin, humanize.Bytes(uint64(e.Bytes)), e.Created.Format(time.DateTime))
	}
	for _, s := range stages {
		a.printf("%-9s %7d outputs %10s\n", s.Stage, s.Outputs, humanize.Bytes(uint64(s.Bytes)))
	}
	if len(stages) == 0 {
		a.printf("the cache is empty\n")
	}
	return nil
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	var sample float64
	cmd := &cobra.Command{
		Use:   "verify [EXPERIMENT]",
		Short: "check stored outputs, or make them again and compare",
		Long: `Without an experiment, verify reads every stored output, checks it against its checksum and sets damaged
ones aside. With one, it makes the stored outputs of its steps again, all or a share of them, and compares.
Exit code 1 says that an output is damaged, or came out otherwise.`,
		Example: `  ehrlab cache verify
  ehrlab cache verify --sample 0.1 experiments/quickstart.cue`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(sample > 0 && sample <= 1) {
				return wrong(fmt.Errorf("sample %g: must be a share in (0, 1]", sample))
			}
			if len(args) == 0 && cmd.Flags().Changed("sample") {
				return wrong(errors.New("sample needs an EXPERIMENT: without one every output is read"))
			}
			if len(args) == 0 {
				return a.checkAll(cmd.Context())
			}
			return a.withPlan(args[0], spec.Require, cache.Options{Existing: true}, func(p *plan.Plan, c *cache.Cache) error {
				return a.remakeAll(cmd.Context(), p, c, sample)
			})
		},
	}
	cmd.Flags().Float64Var(&sample, "sample", 1, "`share` of the outputs to make again, up to 1")
	return cmd
}

// checkAll reads every stored output. Damage that an earlier command found is told of, but is no failure now.
func (a *app) checkAll(ctx context.Context) error {
	c, err := a.openCache(cache.Options{Existing: true})
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := c.CheckAll(ctx)
	if err != nil {
		return err
	}
	if a.json {
		damaged := []string{}
		for _, d := range r.Damaged {
			damaged = append(damaged, d.Error())
		}
		a.printJSON(map[string]any{"checked": r.Entries, "bytes": r.Bytes, "damaged": damaged, "lost": len(r.Lost), "earlier": len(r.Gaps)})
	} else {
		for _, d := range r.Damaged {
			a.printf("damaged, set aside: %v\n", d)
		}
		for _, g := range r.Lost {
			a.printf("damaged: what pack %s held in bytes %d to %d is lost\n", g.Pack, g.From, g.To)
		}
		if len(r.Gaps) > 0 {
			a.printf("earlier damage left %s that hold nothing; 'ehrlab cache gc' removes them\n", plural(len(r.Gaps), "gap"))
		}
		a.printf("%s read (%s), %d damaged\n", plural(r.Entries, "output"), humanize.Bytes(uint64(r.Bytes)), len(r.Damaged)+len(r.Lost))
	}
	if !r.Sound() {
		return &exit{exitBug, nil}
	}
	return nil
}

// remakeAll makes stored outputs of a plan again and compares.
func (a *app) remakeAll(ctx context.Context, p *plan.Plan, c *cache.Cache, sample float64) error {
	v, err := engine.Verify(ctx, p, c, sample, a.engineOptions(nil))
	if err != nil {
		return err
	}
	differ := []string{}
	for _, s := range v.Differ {
		differ = append(differ, s.Label+" "+string(s.Key[:16]))
	}
	if v.Checked == 0 {
		return wrong(fmt.Errorf("%s: no output of it is in the cache; 'ehrlab run' makes them", p.Experiment.Name))
	}
	if a.json {
		a.printJSON(map[string]any{"checked": v.Checked, "differ": differ})
	} else {
		for _, d := range differ {
			a.printf("differs: %s\n", d)
		}
		a.printf("%s made again, %d differ\n", plural(v.Checked, "output"), len(differ))
	}
	if len(differ) > 0 {
		return &exit{exitBug, nil}
	}
	return nil
}

func (a *app) cacheCollectCommand() *cobra.Command {
	var size string
	var age time.Duration
	var dry, forget bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "remove old outputs that no results were made from",
		Long: `gc removes the outputs that are older than --max-age, then the oldest ones until the cache is no larger
than --max-size. What a version in the results folder was made from stays, and so does all that this needs.`,
		Example: `  ehrlab cache gc --max-size 2GB --dry-run
  ehrlab cache gc --max-age 720h`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var limit uint64
			if size != "" {
				var err error
				if limit, err = humanize.ParseBytes(size); err != nil || limit == 0 || limit > math.MaxInt64 {
					return wrong(fmt.Errorf("max-size %q: must be a size such as 500MB or 2GB", size))
				}
			}
			if size == "" && age == 0 {
				return wrong(fmt.Errorf("give --max-size, --max-age, or both"))
			}
			if age < 0 {
				return wrong(fmt.Errorf("max-age %s: must not be negative", age))
			}
			return a.collect(cmd.Context(), int64(limit), age, dry, forget)
		},
	}
	cmd.Flags().StringVar(&size, "max-size", "", "`size` that the cache may keep, e.g. 2GB")
	cmd.Flags().DurationVar(&age, "max-age", 0, "`age` that an output may reach, e.g. 720h")
	cmd.Flags().BoolVar(&forget, "forget-missing", false, "go on although a folder of results that was made from the cache is gone")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed and remove nothing")
	return cmd
}

// collect removes outputs; those that recorded versions were made from are kept.
func (a *app) collect(ctx context.Context, limit int64, age time.Duration, dry, forget bool) error {
	c, err := a.openCache(cache.Options{Existing: true, ReadOnly: dry})
	if err != nil {
		return err
	}
	defer c.Close()
	kept, err := a.keysOfResults(c, forget)
	if err != nil {
		return err
	}
	report, err := c.GC(ctx, cache.GCOptions{
		MaxBytes: limit, MaxAge: age, DryRun: dry, Keep: func(k cache.Key) bool { return kept[string(k)] },
	})
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(report)
		return nil
	}
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	a.printf("%s %d of %s; %d needed by results; %s on disk before, %s after\n", verb, report.Removed, plural(report.Entries, "output"),
		report.Protected, humanize.Bytes(uint64(report.Before)), humanize.Bytes(uint64(report.After)))
	if report.Damaged > 0 {
		a.printf("%s found damaged and set aside\n", plural(report.Damaged, "output"))
	}
	if report.Over {
		a.printf("what the results need takes more than the size asked for\n")
	}
	return nil
}

// keysOfResults collects what the versions in all folders of results need that were made from the cache, and in
// the one of the settings. A folder that is gone stops gc, unless told otherwise: it may only be out of reach.
func (a *app) keysOfResults(c *cache.Cache, forget bool) (map[string]bool, error) {
	roots, err := c.Roots()
	if err != nil {
		return nil, err
	}
	here, err := filepath.Abs(a.settings.Results)
	if err != nil {
		return nil, err
	}
	for _, root := range roots {
		if _, err := os.Stat(root); err != nil && !forget {
			return nil, wrong(fmt.Errorf("results were made from this cache in %s, which cannot be read now: what they need is unknown, so nothing is removed; "+
				"say --forget-missing when they are gone for good", root))
		}
	}
	if len(roots) == 0 && c.Len() > 0 && !forget {
		return nil, wrong(errors.New("which results were made from this cache is unknown, so nothing is removed; say --forget-missing when there are none"))
	}
	kept := map[string]bool{}
	for _, root := range append(roots, here) {
		keys, err := record.Keys(root)
		if err != nil {
			return nil, fmt.Errorf("which outputs the results in %s need is unknown, so none is removed: %w", root, err)
		}
		maps.Copy(kept, keys)
	}
	return kept, nil
}
