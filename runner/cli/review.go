package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/review"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) reviewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "have people rate single records, blind, and sum up what they say",
		Long: `review plan tells how wide intervals will be for so many raters and records, review export makes forms for raters out of
the records of a cell, with the answer key apart, and review import checks what they answer and sums it up.`,
		Example: `  ehrlab review plan --raters 2,3 --records 20,40
  ehrlab run experiments/quickstart.cue
  ehrlab review export experiments/quickstart.cue icu.top5.copula.n1000.seed1 --raters ann,bob --out packets`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.reviewPlanCommand(), a.reviewExportCommand(), a.reviewImportCommand())
	return cmd
}

// exporting is the command line of review export.
type exporting struct {
	review.Request
	header  []string
	exclude []string
	out     string
	before  bool
	round   int
	allow   string
}

func (a *app) reviewExportCommand() *cobra.Command {
	var x exporting
	cmd := &cobra.Command{
		Use:   "export EXPERIMENT CELL --raters NAMES --out FOLDER",
		Short: "make forms for raters out of real and synthetic records, with the answer key apart",
		Long: `export draws synthetic records of a cell, and as many real ones of the test part, from the cache. Of an audited cell it draws
from the rows that were kept, and with --before from all that were made. CELL is an id as 'ehrlab plan --cells' prints it.

FOLDER/packet holds, for each rater, a form RATER.html that works in a browser without a network and by keyboard alone, and
a table RATER.csv; and a data dictionary with records for REDCap. Each rater has an order of his own, in which real and synthetic
records alternate evenly, 10 % of the records are shown twice, and the first ones are for practice. FOLDER/key/key.json says
where records come from: keep it from raters. All files are private. The same seed draws the same records.

--header age:5,is_female gives every synthetic record a real one of the same sex whose age differs by 5 at most.
--sample by-score draws across all scores of the audit, with known probability, for 'audit-calibration'.
--round 2 needs --exclude with the key of round 1: its records and patients are not shown again. Nothing in a packet
tells the round.

Rows of restricted data, and rows made from such, go into a packet only with --allow-restricted-rows and the reason, which the key
keeps; then FOLDER must not lie in a Git repository.`,
		Example: `  ehrlab run experiments/quickstart.cue
  ehrlab review export experiments/quickstart.cue icu.all.copula.n1000.seed1 --raters ann,bob,cleo --n 20 --out review1
  ehrlab review export experiments/quickstart.cue icu.all.copula.n1000.seed1 --raters ann,bob --header age:5,is_female --round 2 --exclude review1/key/key.json --out review2`,
		Args: arguments(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := x.settle(cmd); err != nil {
				return wrongUsage(cmd, err)
			}
			return orInterrupted(cmd.Context(), a.exportReview(cmd, args[0], args[1], &x))
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&x.Raters, "raters", nil, "`names` of the raters, such as ann,bob: they name files and stand in tables")
	f.StringVar(&x.out, "out", "", "`folder` for the packet and the key: a new or an empty one")
	f.IntVar(&x.N, "n", 20, "`number` of records of each origin")
	f.IntVar(&x.Training, "practice", 2, "`number` of further records, shown first, that count for nothing")
	f.Float64Var(&x.Repeats, "repeats", 0.1, "`share` of the records that each rater is shown twice")
	f.Uint64Var(&x.Seed, "seed", 1, "`number` that decides on what is drawn, and in which order it is shown")
	f.StringSliceVar(&x.header, "header", nil, "`columns` that a real record shares with its synthetic one: NAME, or NAME:WITHIN for numbers")
	f.StringVar(&x.Sample, "sample", review.AtRandom, "how records are drawn: `random` or by-score")
	f.StringVar(&x.Audit, "audit", "", "`name` of the audit whose scores are meant, where a cell has several")
	f.BoolVar(&x.before, "before", false, "draw from all rows that were made, not from those that the audit kept")
	f.StringSliceVar(&x.Columns, "columns", nil, "`columns` that are shown, in this order; unless given, all")
	f.IntVar(&x.round, "round", 1, "`number` of the round of a before/after review")
	f.StringSliceVar(&x.exclude, "exclude", nil, "`keys` of earlier packets whose records and patients are not shown again")
	f.StringVar(&x.allow, "allow-restricted-rows", "", "`reason` why raters may see rows of restricted data, such as the agreement that covers it")
	return cmd
}

// settle completes the request from the flags.
func (x *exporting) settle(cmd *cobra.Command) error {
	switch {
	case len(x.Raters) == 0:
		return errors.New("--raters is lacking: names such as ann,bob")
	case x.out == "":
		return errors.New("--out is lacking: a new folder for the packet and the key")
	case x.round < 1:
		return fmt.Errorf("--round %d: want 1 or more", x.round)
	case x.round > 1 && len(x.exclude) == 0:
		return fmt.Errorf("--round %d needs --exclude with the key of the round before: raters must not see a record again", x.round)
	case cmd.Flags().Changed("allow-restricted-rows") && strings.TrimSpace(x.allow) == "":
		return errors.New("--allow-restricted-rows is empty: want the reason why raters may see the rows")
	}
	for _, text := range x.header {
		m, err := review.ParseMatch(text)
		if err != nil {
			return err
		}
		x.Header = append(x.Header, m)
	}
	if x.Rows = review.KeptRows; x.before || x.Sample == review.ByScore {
		x.Rows = review.AllRows
	}
	return x.Check()
}

// exportReview draws, lays out and writes a packet.
func (a *app) exportReview(cmd *cobra.Command, path, id string, x *exporting) error {
	for _, key := range x.exclude {
		k, err := review.ReadKey(key)
		if err != nil {
			return wrong(err)
		}
		x.Exclude = append(x.Exclude, k)
	}
	return a.withPlan(path, spec.Require, cache.Options{ReadOnly: true}, func(p *plan.Plan, c *cache.Cache) error {
		cell, err := findCell(p, path, id)
		if err != nil {
			return err
		}
		if err := a.placeable(x.out, cell.Dataset.Governance()); err != nil {
			return wrong(err)
		}
		if cell.Audit == nil || cell.Audit.Arm != "" { // nobody judged these rows
			x.Rows = review.AllRows
		}
		packet, err := review.New(cmd.Context(), p, c, cell, x.Request, x.round, strings.TrimSpace(x.allow))
		switch {
		case errors.Is(err, review.ErrRestricted):
			return wrong(fmt.Errorf("%s: %w: --allow-restricted-rows REASON", cell.ID, err))
		case err != nil:
			return wrong(fmt.Errorf("%s: %w", cell.ID, err))
		}
		files, err := packet.Write(x.out)
		if err != nil {
			return wrong(err)
		}
		a.printExported(packet.Key, x.out, files)
		return nil
	})
}

// placeable refuses folders that records must not go to: results are for others to read, and what lies in a repository is pushed
// sooner or later.
func (a *app) placeable(folder string, governance plugins.Governance) error {
	at, err := resolved(folder)
	if err != nil {
		return err
	}
	results, err := resolved(a.settings.Results)
	if err != nil {
		return err
	}
	if within(at, results) {
		return fmt.Errorf("the folder %s lies in the results, which hold no rows of patients; want one elsewhere", folder)
	}
	if governance != plugins.Restricted {
		return nil
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return fmt.Errorf("the folder %s lies in a Git repository, and the data are restricted; want one outside", folder)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// resolved is a path without links in the part of it that is there.
func resolved(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for dir := abs; ; dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest), nil
		}
		if dir == filepath.Dir(dir) {
			return abs, nil
		}
	}
}

// within reports whether a path is a folder or lies in it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// printExported tells what was written.
func (a *app) printExported(k *review.Key, folder string, files []string) {
	study, practice, pairs := 0, 0, 0
	for _, r := range k.Records {
		switch {
		case r.Training:
			practice++
		default:
			study++
		}
		if r.Pair != "" && r.Origin == review.Real {
			pairs++
		}
	}
	if a.json {
		a.printJSON(map[string]any{
			"folder": folder, "packet": k.Hash(), "experiment": k.Experiment, "cell": k.Cell, "rows": k.Rows, "round": k.Round,
			"records": study, "practice": practice, "pairs": pairs, "items": len(k.Raters[0].Items), "files": files,
		})
		return
	}
	if k.Simulated {
		a.printf("%s\n", simulatedBanner)
	}
	a.printf("packet %s of %s: %d synthetic records (%s) and %d real ones", k.Hash(), k.Cell, study/2, rowsText(k), study/2)
	if pairs > 0 {
		a.printf(", in %s", plural(pairs, "pair"))
	}
	a.printf("\n  each rater sees %d, %d of them for practice and %d for the second time\n", len(k.Raters[0].Items), practice, len(k.Raters[0].Items)-practice-study)
	for _, name := range files {
		a.printf("  %s\n", filepath.Join(folder, filepath.FromSlash(name)))
	}
	a.printf("keep %s from the raters: it says where records come from\n", filepath.Join(folder, "key"))
}

// simulatedBanner is said of whatever rests on invented patients or models.
const simulatedBanner = "SIMULATED: software check; patients or models here are invented"

func rowsText(k *review.Key) string {
	switch {
	case k.Sample == review.ByScore:
		return "drawn across all scores of " + k.Audit
	case k.Rows == review.KeptRows:
		return "of those kept by the audit"
	}
	return "of all that were made"
}

// importing is the command line of review import.
type importing struct {
	review.Options
	partial bool
}

func (a *app) reviewImportCommand() *cobra.Command {
	var x importing
	cmd := &cobra.Command{
		Use:   "import KEY FILE...",
		Short: "check what raters answered, sum it up, and write it for the metrics that read it",
		Long: `import reads files of answers: those that the form saves, filled-in tables, and raw exports of REDCap. Every file must
belong to the packet of KEY. Items have to be known, each answered once, by the rater who saw it, within the scales; all
that is wrong is told with file and line, and then nothing is written. Unless --partial is given, every record needs a full answer.

It writes, beside the key's folder or where --out says, ratings.csv for the metric 'ratings', labels.csv for
'audit-calibration' where records were drawn across what an audit scored, and comments.csv. What it prints is what
'ratings' says of that file. --before names the ratings.csv of an earlier round, of a packet that --exclude named when this one was
exported: what has changed since is printed, too.`,
		Example: `  ehrlab review import review1/key/key.json answers-ann.csv answers-bob.csv
  ehrlab review import review2/key/key.json redcap.csv --before review1/answers/ratings.csv
  ehrlab review import --json --partial review1/key/key.json answers-ann.csv`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return wrongUsage(cmd, errors.New("FILE is lacking: the answers of a rater, or more such files"))
			}
			return arguments(2, 10_000)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if x.Resamples < 0 || x.Resamples > 100_000 {
				return wrongUsage(cmd, fmt.Errorf("--resamples %d: want 0 to 100000", x.Resamples))
			}
			if !(x.AtMost >= review.LeastRealism && x.AtMost <= review.MostRealism) {
				return wrongUsage(cmd, fmt.Errorf("--at-most %g: want a number from %d to %d", x.AtMost, review.LeastRealism, review.MostRealism))
			}
			return orInterrupted(cmd.Context(), a.importReview(cmd, args[0], args[1:], &x))
		},
	}
	f := cmd.Flags()
	f.StringVar(&x.Folder, "out", "", "`folder` for what is written; unless given, answers beside the folder of the key")
	f.BoolVar(&x.partial, "partial", false, "take what there is: raters and records without an answer are missing values")
	f.Float64Var(&x.AtMost, "at-most", 5, "`threshold`: the share of ratings up to it, and records with such a mean are labelled implausible")
	f.StringVar(&x.Before, "before", "", "`file` of ratings of an earlier round, as its import wrote it")
	f.IntVar(&x.Resamples, "resamples", 1000, "`number` of resamples of the records behind intervals; 0: none")
	return cmd
}

// importReview checks, writes and prints.
func (a *app) importReview(cmd *cobra.Command, keyFile string, files []string, x *importing) error {
	key, err := review.ReadKey(keyFile)
	if err != nil {
		return wrong(err)
	}
	x.Folder = cmp.Or(x.Folder, filepath.Join(filepath.Dir(filepath.Dir(keyFile)), "answers"))
	if err := a.placeable(x.Folder, key.Governance); err != nil {
		return wrong(err)
	}
	answers, err := review.Read(key, files, x.partial)
	var problems review.Problems
	switch {
	case errors.As(err, &problems) && a.json:
		a.printJSON(map[string]any{"error": "answers are wrong; nothing was written", "problems": problems})
		return &exit{exitWrong, nil}
	case errors.As(err, &problems):
		return wrong(fmt.Errorf("%w\nnothing was written", err))
	case err != nil:
		return wrong(err)
	}
	a.graceful.Store(true) // what was staged is removed
	x.Threads = a.settings.Workers
	s, err := answers.Import(cmd.Context(), a.registry, x.Options)
	var file *frame.FileError
	switch {
	case errors.As(err, &file): // the ratings of the earlier round
		return wrong(fmt.Errorf("%w\nnothing was written", err))
	case err != nil:
		return err
	}
	if a.json {
		a.printJSON(s)
		return nil
	}
	a.printReview(s)
	return nil
}
