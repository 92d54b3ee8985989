package cli

import (
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/review"
)

func (a *app) reviewPlanCommand() *cobra.Command {
	assumed := review.Assumed{}
	var raters, records []int
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "tell how wide intervals will be for so many raters and records",
		Long: `plan prints, for every number of raters and of records of each origin, how wide intervals are to be expected, from end to
end: of Cohen's d, of the difference of the records' means, of the share of records up to a threshold, and of agreement.
It needs no data, but assumptions: --sd and --icc from a review of the kind, else from a pilot with a few records.

Widths for d and the difference go by their standard errors for large samples (Hedges, Olkin 1985), shares by Wilson's
interval and the effective number of ratings (Kish 1965). That for ICC(2,1) (McGraw, Wong 1996) is the mean over simulated studies;
a quadratically weighted kappa of two raters is about as wide (Fleiss, Cohen 1973).`,
		Example: `  ehrlab review plan
  ehrlab review plan --raters 2,3,5 --records 20,40,80 --sd 2 --icc 0.3 --d -0.5`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			widths, err := review.Widths(cmd.Context(), assumed, raters, records, a.settings.Workers)
			if err != nil {
				if cmd.Context().Err() != nil {
					return orInterrupted(cmd.Context(), err)
				}
				return wrongUsage(cmd, err)
			}
			a.printWidths(assumed, widths)
			return nil
		},
	}
	f := cmd.Flags()
	f.IntSliceVar(&raters, "raters", []int{1, 2, 3, 5}, "`numbers` of raters")
	f.IntSliceVar(&records, "records", []int{10, 20, 40, 80}, "`numbers` of records of each origin")
	f.Float64Var(&assumed.SD, "sd", 2, "`SD` of one rater's ratings of records of one origin, in points")
	f.Float64Var(&assumed.ICC, "icc", 0.4, "`ICC`(2,1): share of the variance of ratings that is between records")
	f.Float64Var(&assumed.RaterSD, "rater-sd", 1, "`SD` of the raters' means: how far strict and kind ones lie apart, in points")
	f.Float64Var(&assumed.D, "d", -0.8, "Cohen's `d` of one rater, synthetic less real")
	f.Float64Var(&assumed.Share, "share", 0.5, "`share` of synthetic records up to the threshold, by one rater")
	f.Float64Var(&assumed.Level, "level", 0.95, "`coverage` of the intervals")
	f.IntVar(&assumed.Simulated, "simulated", 500, "`number` of simulated studies behind the width for ICC")
	f.Uint64Var(&assumed.Seed, "seed", 1, "`number` that decides on what is simulated")
	return cmd
}

// plannedWidth is a width for programs, in which what is not defined is null.
type plannedWidth struct {
	review.Width
	ICC *float64 `json:"icc"`
}

func (a *app) printWidths(assumed review.Assumed, widths []review.Width) {
	if a.json {
		rows := make([]plannedWidth, len(widths))
		for i, w := range widths {
			if rows[i].Width = w; !math.IsNaN(w.ICC) {
				rows[i].ICC = &w.ICC
			}
		}
		a.printJSON(map[string]any{"assumed": assumed, "widths": rows})
		return
	}
	w := newTable()
	w.AppendHeader(cells([]string{"raters", "records", "d, one rater", "d, mean of raters", "difference", "share, one rater", "share, all ratings", "ICC(2,1)"}))
	two := func(v float64) string {
		if math.IsNaN(v) {
			return "–"
		}
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	for _, x := range widths {
		w.AppendRow(cells([]string{
			strconv.Itoa(x.Raters), strconv.Itoa(x.Records), two(x.D), two(x.DOfMean) + " (d " + two(x.MeanD) + ")", two(x.Difference), two(x.Share), two(x.ShareOfAll), two(x.ICC),
		}))
	}
	a.wrapped("", a.bold("Width of "+strconv.FormatFloat(100*assumed.Level, 'g', -1, 64)+" % intervals, from end to end"))
	a.printf("%s\n\n", rendered(w))
	a.wrapped("assumed: ", "ratings of one rater with an SD of "+two(assumed.SD)+" points within an origin; ICC(2,1) "+two(assumed.ICC)+"; raters' means with an SD of "+two(assumed.RaterSD)+
		" points; d "+two(assumed.D)+"; "+two(assumed.Share)+" of synthetic records up to the threshold")
	a.wrapped("", "records: of each origin, so that a rater reads twice as many. d of the mean of raters is greater than that of one, as their noise cancels out. "+
		"More raters narrow what is noise of raters; only more records narrow what is chance of records.")
}
