package review

import (
	"cmp"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The files that an import writes.
const (
	RatingsFile  = "ratings.csv"
	LabelsFile   = "labels.csv"
	CommentsFile = "comments.csv"
)

// rowsColumn is what the metrics that read these files call the column that tells of which synthetic rows they are.
const rowsColumn = "rows"

// number is a number as text, and nothing where there is none.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// paired reports whether records were matched by their header.
func (k *Key) paired() bool {
	return slices.ContainsFunc(k.Records, func(r Record) bool { return r.Pair != "" })
}

// ratings is the file that the metric "ratings" reads: a row for each showing that was answered. It names no row of the data.
func (a *Answers) ratings() []byte {
	head := []string{"record", "rater", "rating", "origin", "round", "guess", "confidence", "seconds", packetColumn, rowsColumn}
	if a.Key.paired() {
		head = append(head, "pair")
	}
	if a.Key.Audit != "" {
		head = append(head, "judge")
	}
	rows := [][]string{head}
	for _, x := range a.Given {
		row := []string{
			x.Record.Name, x.Rater, number(x.Realism), x.Record.Origin, strconv.Itoa(x.Item.Showing), x.Guess, number(x.Confidence), number(x.Seconds),
			a.Key.hash, a.Key.Of,
		}
		if a.Key.paired() {
			row = append(row, x.Record.Pair)
		}
		if a.Key.Audit != "" {
			row = append(row, optional(x.Record.Score))
		}
		rows = append(rows, row)
	}
	return table(rows)
}

func optional(v *float64) string {
	if v == nil {
		return ""
	}
	return number(*v)
}

// Labelled says why there is no file of labels, or "".
func (k *Key) Labelled() string {
	switch {
	case k.Audit == "":
		return "the records have no scores of an auditor"
	case k.Rows != AllRows:
		return "the records were drawn from rows that the audit kept: those that it dropped had no chance"
	case len(k.Header) > 0:
		return "the records were matched by header, so that the chance of each is unknown"
	}
	return ""
}

// labels is the file that the metric "audit-calibration" reads as its second standard: a record is implausible when the mean of its
// ratings is at most a threshold. nil: there is none. Real records are in it only where the sample was drawn by score, as those of
// others were not drawn from the real records that the auditor judged.
func (a *Answers) labels(atMost float64) []byte {
	if a.Key.Labelled() != "" {
		return nil
	}
	byRecord := map[string][]float64{}
	for _, x := range a.Given {
		if x.Item.Showing == 1 && !math.IsNaN(x.Realism) {
			byRecord[x.Record.Name] = append(byRecord[x.Record.Name], x.Realism)
		}
	}
	rows := [][]string{{"record", "source", "score", "probability", "label", "audit", "scores", rowsColumn}}
	for _, r := range a.Key.Records {
		mean, err := stats.Mean(byRecord[r.Name])
		if err != nil || !r.Judged || r.Origin == Real && a.Key.Sample != ByScore {
			continue
		}
		label := "plausible"
		if mean <= atMost {
			label = "implausible"
		}
		rows = append(rows, []string{r.Name, r.Origin, optional(r.Score), number(r.Probability), label, a.Key.Audit, a.Key.Scores, a.Key.Of})
	}
	if len(rows) == 1 {
		return nil
	}
	return table(rows)
}

// comments are what raters wrote, by record; nil where nobody wrote anything.
func (a *Answers) comments() []byte {
	rows := [][]string{{"record", "origin", "rater", "round", "rating", "comment"}}
	said := slices.Clone(a.Given)
	slices.SortStableFunc(said, func(x, y Answer) int { return cmp.Compare(x.Record.Name, y.Record.Name) })
	for _, x := range said {
		if x.Comment != "" {
			rows = append(rows, []string{x.Record.Name, x.Record.Origin, x.Rater, strconv.Itoa(x.Item.Showing), number(x.Realism), guarded(x.Comment)})
		}
	}
	if len(rows) == 1 {
		return nil
	}
	return table(rows)
}

// stage writes the files of an import into a new folder, and returns their names.
func (a *Answers) stage(folder string, atMost float64) ([]string, error) {
	var names []string
	for _, f := range []file{{RatingsFile, a.ratings()}, {LabelsFile, a.labels(atMost)}, {CommentsFile, a.comments()}} {
		if f.content == nil {
			continue
		}
		if err := writeFile(filepath.Join(folder, f.name), f.content); err != nil {
			return nil, err
		}
		names = append(names, f.name)
	}
	return names, nil
}

// settle puts what was staged into its folder, in the place of what an earlier import wrote there.
func settle(staged, folder string, names []string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, name := range []string{RatingsFile, LabelsFile, CommentsFile} {
		var err error
		if at := filepath.Join(folder, name); slices.Contains(names, name) {
			err = os.Rename(filepath.Join(staged, name), at)
		} else if err = os.Remove(at); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
