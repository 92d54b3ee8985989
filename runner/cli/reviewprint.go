package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/review"
)

// reviewed prints the scores of a review.
type reviewed struct {
	*app
	*review.Summary
}

// printReview prints a summary for people: what was read, then every question with its answer by rater.
func (a *app) printReview(s *review.Summary) {
	r := reviewed{a, s}
	if s.Simulated {
		a.printf("%s\n", simulatedBanner)
	}
	a.printf("%s, round %d of %s: %d of %d ratings, of %d synthetic and %d real records\n", s.Cell, s.Round, s.Experiment, s.Ratings, s.Wanted,
		s.Records[review.Synthetic], s.Records[review.Real])
	for _, rater := range s.Raters {
		a.printf("  %s: %d of %d", rater.Rater, rater.Ratings, rater.Wanted)
		if rater.Seconds != nil {
			a.printf(", median %.0f s a record", *rater.Seconds)
		}
		a.printf("\n")
	}
	if s.Partial && s.Ratings < s.Wanted {
		a.wrapped("note: ", "not all records are rated; scores rest on those that are")
	}
	if s.Sample == review.ByScore {
		a.wrapped("note: ", "the records were drawn by the score of "+s.Audit+", so that they are not like all rows: what is below holds for the sample, and labels.csv has the weights")
	}
	r.origins()
	r.pairs()
	r.changes()
	r.agreement()
	r.blinding()
	r.judge()
	a.printf("\n")
	a.wrapped("", "In brackets: 95 % intervals; the record is their unit, or the pair. mean: the mean of each record.")
	a.printf("\n")
	for _, name := range s.Files {
		a.printf("  %s\n", filepath.Join(s.Folder, name))
	}
	if s.NoLabels != "" {
		a.wrapped("  no "+review.LabelsFile+": ", s.NoLabels)
	}
	a.printf("%s in an experiment: {use: \"ratings\", with: {path: %q, range: {min: %d, max: %d}, atMost: %g}}\n", review.RatingsFile,
		filepath.Join(s.Folder, review.RatingsFile), review.LeastRealism, review.MostRealism, s.AtMost)
}

// of returns a score; nil where there is none. dims are names and values by turns.
func (r reviewed) of(name string, dims ...string) *plugins.Score {
	at := slices.IndexFunc(r.Scores, func(s plugins.Score) bool {
		if s.Name != name || len(s.Dims) != len(dims)/2 {
			return false
		}
		for i := 0; i < len(dims); i += 2 {
			if s.Dims[dims[i]] != dims[i+1] {
				return false
			}
		}
		return true
	})
	if at < 0 {
		return nil
	}
	return &r.Scores[at]
}

// pValue is a p-value: one that would be written as 0 says that it is less than that.
func pValue(s *plugins.Score) string {
	const least = 0.0001
	if s != nil && s.Status == plugins.OK && s.Value < least {
		return "< 0.0001"
	}
	return figure(s, 4)
}

// figure is a score with its interval; a dash where it is not defined.
func figure(s *plugins.Score, decimals int) string {
	if s == nil || s.Status != plugins.OK {
		return "–"
	}
	fixed := func(v float64) string {
		out := strconv.FormatFloat(v, 'f', decimals, 64)
		if strings.Trim(out, "-0.") == "" {
			return strings.TrimPrefix(out, "-")
		}
		return out
	}
	if i := s.Interval; i != nil {
		return fmt.Sprintf("%s [%s, %s]", fixed(s.Value), fixed(i.Low), fixed(i.High))
	}
	return fixed(s.Value)
}

// sides are the raters, and the mean of each record.
func (r reviewed) sides() []string {
	var out []string
	for _, rater := range r.Raters {
		out = append(out, rater.Rater)
	}
	return append(out, "mean")
}

// grid prints a table under a question; rows without any value are left out, and so is a table of none.
func (r reviewed) grid(question string, head []string, rows [][]string) {
	w := newTable()
	w.AppendHeader(cells(head))
	some := false
	for _, row := range rows {
		if slices.ContainsFunc(row[1:], func(s string) bool { return s != "–" && s != "" }) {
			some = true
			w.AppendRow(cells(row))
		}
	}
	if some {
		r.printf("\n")
		r.wrapped("", r.bold(question))
		r.printf("%s\n", rendered(w))
	}
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, text := range texts {
		row[i] = text
	}
	return row
}

// origins compares synthetic with real records.
func (r reviewed) origins() {
	var means, shares [][]string
	for _, rater := range r.sides() {
		mean := func(origin string) string {
			m, sd := r.of("rating_mean", "origin", origin, "rater", rater), r.of("rating_sd", "origin", origin, "rater", rater)
			return strings.TrimSuffix(figure(bare(m), 2)+" ± "+figure(bare(sd), 2), " ± –")
		}
		means = append(means, []string{
			rater, mean(review.Synthetic), mean(review.Real), figure(r.of("cohens_d", "rater", rater), 2),
			figure(r.of("mann_whitney_auc", "rater", rater), 2), pValue(r.of("mann_whitney_p", "rater", rater)),
		})
		share := func(origin string) string {
			return figure(r.of("share", "origin", origin, "rater", rater, "of", "at most"), 2)
		}
		shares = append(shares, []string{rater, share(review.Synthetic), share(review.Real), figure(r.of("share_difference", "rater", rater, "of", "at most"), 2)})
	}
	r.grid("How realistic are synthetic records, beside real ones? Mean ± SD of ratings; Cohen's d below 0: less", []string{"rater", "synthetic", "real", "d", "AUC", "Mann–Whitney p"}, means)
	r.grid(fmt.Sprintf("Share of records rated %g or less", r.AtMost), []string{"rater", "synthetic", "real", "difference"}, shares)
}

// bare is a score without its interval.
func bare(s *plugins.Score) *plugins.Score {
	if s == nil {
		return nil
	}
	out := *s
	out.Interval = nil
	return &out
}

func (r reviewed) pairs() {
	var rows [][]string
	for _, rater := range r.sides() {
		d := r.of("paired_difference", "rater", rater)
		if d != nil {
			rows = append(rows, []string{rater, strconv.Itoa(d.N), figure(d, 2), figure(r.of("paired_d", "rater", rater), 2), pValue(r.of("wilcoxon_p", "rater", rater))})
		}
	}
	r.grid("Pairs that share their header: the synthetic record less the real one", []string{"rater", "pairs", "difference", "d of differences", "Wilcoxon p"}, rows)
}

func (r reviewed) changes() {
	var rows [][]string
	for _, rater := range r.sides() {
		rows = append(rows, []string{rater, figure(r.of("cohens_d_change", "rater", rater), 2), figure(r.of("share_change", "origin", review.Synthetic, "rater", rater), 2)})
	}
	r.grid("Change since the round before", []string{"rater", "d", fmt.Sprintf("share of synthetic records ≤ %g", r.AtMost)}, rows)
}

// agreement tells how far raters agree with each other, and with themselves.
func (r reviewed) agreement() {
	var rows, own [][]string
	for i := range r.Scores {
		s := &r.Scores[i]
		switch {
		case s.Name == "cohen_kappa" && s.Dims["weights"] == "quadratic" && s.Dims["raters"] != "all":
			rows = append(rows, []string{"weighted kappa (quadratic), " + s.Dims["raters"], figure(s, 2)})
		case s.Name == "intra_rater_kappa" && s.Dims["weights"] == "quadratic":
			own = append(own, []string{s.Dims["rater"], figure(s, 2), figure(r.of("intra_rater_agreement", "rater", s.Dims["rater"]), 2), strconv.Itoa(s.N)})
		}
	}
	rows = append(rows, []string{"ICC(2,1)", figure(r.of("icc"), 2)}, []string{"Krippendorff's alpha, ordinal", figure(r.of("krippendorff_alpha", "scale", "ordinal"), 2)},
		[]string{"Krippendorff's alpha, interval", figure(r.of("krippendorff_alpha", "scale", "interval"), 2)})
	r.grid("Do raters agree with each other?", []string{"", "agreement"}, rows)
	for i := range own {
		if own[i][3] == "0" {
			own[i][3] = "–"
		}
	}
	r.grid("Do raters agree with themselves? Records that were shown twice", []string{"rater", "weighted kappa (quadratic)", "share rated alike", "records"}, own)
}

func (r reviewed) blinding() {
	var rows [][]string
	for _, rater := range append(r.sides()[:len(r.Raters)], "all") {
		rows = append(rows, []string{
			rater, figure(r.of("blinding_index", "origin", review.Synthetic, "rater", rater), 2), figure(r.of("blinding_index", "origin", review.Real, "rater", rater), 2),
			figure(r.of("confidence", "rater", rater, "guess", "right"), 1), figure(r.of("confidence", "rater", rater, "guess", "wrong"), 1),
		})
	}
	r.grid("Do raters see where records come from? Bang's blinding index: 0 is chance, 1 always, -1 always the opposite",
		[]string{"rater", "synthetic", "real", "confidence when right", "when wrong"}, rows)
}

// judge sets raters against the scores of the auditor. Not every record has such a score.
func (r reviewed) judge() {
	alike := r.Scale != nil && r.Scale.Min == review.LeastRealism && r.Scale.Max == review.MostRealism
	head := []string{"rater", "records", "Spearman's correlation"}
	if alike { // else a difference would mean nothing
		head = append(head, "weighted kappa (quadratic)", "rating less score")
	}
	var rows [][]string
	var lacks []string
	told := func(s *plugins.Score, what string) string {
		if s != nil && s.Status == plugins.Undefined {
			if text := "no " + what + ": " + s.Reason; !slices.Contains(lacks, text) {
				lacks = append(lacks, text)
			}
		}
		return figure(s, 2)
	}
	for _, rater := range r.sides() {
		rho := r.of("judge_correlation", "rater", rater)
		if rho == nil {
			continue
		}
		row := []string{rater, strconv.Itoa(rho.N), told(rho, "correlation")}
		if alike {
			row = append(row, told(r.of("judge_kappa", "rater", rater, "weights", "quadratic"), "weighted kappa"), figure(r.of("judge_difference", "rater", rater), 2))
		}
		rows = append(rows, row)
	}
	r.grid("Raters and the scores of "+r.Audit+", of the records that have both", head, rows)
	for _, text := range lacks {
		r.wrapped("", text)
	}
	if d := r.of("judge_cohens_d"); d != nil && d.Status == plugins.OK {
		r.printf("d of the scores of %s, of %s: %s\n", r.Audit, plural(d.N, "record"), figure(d, 2))
	}
}
