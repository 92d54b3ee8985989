package elicit

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/reply"
)

// Rows are rejected for what is in them, and another is asked for: where that goes with the label, the rows that are left have
// another share of events than the model gave them. So rejected rows are counted by label too, as far as it can be read.

// The rule by which rejected and delivered rows are said to differ in a label: fewer rejected rows than fewestRejected say little, and
// a difference of clearly standard errors has, where there is none, a probability of 0.003.
const (
	fewestRejected = 10
	clearly        = 3.0
)

// countedLabels returns the labels that rejected rows are counted by: 0 and 1 of a number that holds nothing else, and else the values
// that plugins.FewestTold patients of train have or more; nil of a measurement.
func (s *setup) countedLabels() []string {
	values := distinct(s.target)
	if s.target.Kind == frame.Number && !slices.ContainsFunc(values, func(v string) bool { return v != "0" && v != "1" }) {
		return []string{"0", "1"}
	}
	if len(values) > maxLevels {
		return nil
	}
	rows := map[string][]int{}
	for row := range s.train.Rows() {
		v := prompt.Cell(s.target, row)
		rows[v] = append(rows[v], row)
	}
	return slices.DeleteFunc(values, func(v string) bool { return s.patients(rows[v]) < plugins.FewestTold })
}

// lost counts the label of a row that a stage could not be had of, where a stage before has written it.
func (r *run) lost(out *chained, row partial, stage int) {
	for _, columns := range r.s.stages[:stage] {
		contract := r.st.contract(r.s, &cell{}, columns, 0)
		values := make([]reply.Value, len(columns))
		for i, at := range columns {
			values[i] = row.values[at]
		}
		if label, ok := contract.LabelOf(values); ok {
			out.account.Add(reply.Account{ByLabel: map[string]int{label: 1}})
		}
	}
}

// labelled is the rows of a cell by label.
type labelled struct{ rejected, delivered map[string]int }

// noteSurvivors notes the labels whose share among the rejected rows, or parts of rows, clearly differs from that among the delivered.
func (r *run) noteSurvivors() {
	if r.s.counted == nil {
		return
	}
	var cells []labelled
	for _, f := range r.cells {
		c := labelled{map[string]int{}, map[string]int{}}
		for label, n := range f.intake.Account.ByLabel {
			c.rejected[label] += n
		}
		for i := range f.blocks {
			for label, n := range f.blocks[i].ByLabel {
				c.rejected[label] += n
			}
		}
		contract := r.whole(f.cell)
		for _, record := range f.records {
			if label, ok := contract.LabelOf(record.Values); ok {
				c.delivered[label]++
			}
		}
		cells = append(cells, c)
	}
	for _, label := range r.told() {
		if text := survivors(cells, label); text != "" {
			r.s.note(fmt.Sprintf("what is rejected goes with the label: %s is %s in %s", r.s.target.Name, label, text))
		}
	}
}

// told are the labels that differences are told of: of two, the event says it all.
func (r *run) told() []string {
	if len(r.s.counted) == 2 {
		if event, err := label.Positive(r.s.target); err == nil && slices.Contains(r.s.counted, event) {
			return []string{event}
		}
	}
	return r.s.counted
}

// survivors says how rejected and delivered rows differ in their shares of a label, if they clearly do. Cells are compared each in
// itself, and then taken together.
//
// Source: W. G. Cochran (1954), Biometrics 10, 417-451, section 6: z = Σ w d / √(Σ w p q) with w = n₁ n₂ / (n₁ + n₂), d the
// difference of shares and p that of both together. Of one cell it is the usual test of two proportions.
func survivors(cells []labelled, label string) string {
	sum, variance := 0.0, 0.0
	var of, all [2]int
	for _, c := range cells {
		var n, k [2]int
		for i, rows := range []map[string]int{c.rejected, c.delivered} {
			for _, v := range rows {
				n[i] += v
			}
			k[i] = rows[label]
			of[i], all[i] = of[i]+k[i], all[i]+n[i]
		}
		if n[0] == 0 || n[1] == 0 {
			continue
		}
		a, b := float64(n[0]), float64(n[1])
		w, p := a*b/(a+b), float64(k[0]+k[1])/(a+b)
		sum += w * (float64(k[0])/a - float64(k[1])/b)
		variance += w * p * (1 - p)
	}
	if all[0] < fewestRejected || variance == 0 || math.Abs(sum)/math.Sqrt(variance) <= clearly {
		return ""
	}
	return fmt.Sprintf("%d of %d rejected rows or parts of rows whose label could be read, and in %d of %d delivered",
		of[0], all[0], of[1], all[1])
}
