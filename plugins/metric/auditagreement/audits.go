package auditagreement

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// shared are the sources whose records several audits judge alike; errors are planted for each apart.
var shared = []plugins.Source{plugins.FromReal, plugins.FromSynthetic}

var ofVerdicts = []string{"kept_kappa", "kept_by_both", "kept_by_auditor_only", "kept_by_other_only", "kept_by_neither"}

// audits sets the verdicts of audits of one cell against each other.
func (r *rater) audits(ctx context.Context, a *plugins.Audited) error {
	if len(a.Reports) < 2 {
		for i := range a.Reports {
			for _, name := range ofVerdicts {
				r.out.Scores = append(r.out.Scores, nothing(name, a.Reports[i].Audit, `the cell has one audit; "all" names several that each keep a record`))
			}
		}
		return nil
	}
	for _, source := range shared {
		kappas := map[[2]int]float64{}
		people := map[[2]int]int{}
		for i := range a.Reports {
			kappas[[2]int{i, i}], people[[2]int{i, i}] = r.alone(source, &a.Reports[i])
			for k := i + 1; k < len(a.Reports); k++ {
				kappa, n, err := r.verdicts(ctx, source, &a.Reports[i], &a.Reports[k])
				if err != nil {
					return err
				}
				kappas[[2]int{i, k}], kappas[[2]int{k, i}] = kappa, kappa
				people[[2]int{i, k}], people[[2]int{k, i}] = n, n
			}
		}
		for i := range a.Reports {
			c := plugins.Curve{Name: "auditor_agreement", Dims: map[string]string{plugins.ColumnDim: a.Reports[i].Audit, sourceDim: string(source)}}
			for k := range a.Reports {
				if v := kappas[[2]int{i, k}]; !math.IsNaN(v) {
					c.X, c.Y, c.N = append(c.X, float64(k)), append(c.Y, v), append(c.N, people[[2]int{i, k}])
				}
			}
			r.out.Curves = append(r.out.Curves, c)
		}
	}
	return nil
}

// alone is the kappa of an audit with itself: 1 where it keeps some records of a source and drops others, else undefined, NaN.
func (r *rater) alone(source plugins.Source, report *plugins.AuditReport) (kappa float64, people int) {
	records := units.By(report)[source]
	kappa = math.NaN()
	for _, i := range records {
		if report.Kept[i] != report.Kept[records[0]] {
			kappa = 1
		}
	}
	return kappa, r.people.People(report, records)
}

// verdicts sets two audits against each other on the records of a source that both judged, and returns their kappa, NaN where it
// is undefined or withheld, and the number of subjects, or of records that are nobody's.
func (r *rater) verdicts(ctx context.Context, source plugins.Source, a, b *plugins.AuditReport) (kappa float64, people int, err error) {
	at := map[int]int{} // of the other, by the row
	for i, s := range b.Sources {
		if s == source {
			at[b.Origin[i]] = i
		}
	}
	var records []int
	var cells []int // 0: both keep the record; 1, 2: one does; 3: neither
	var counts [4]int
	for i, s := range a.Sources {
		other, judged := at[a.Origin[i]]
		if s != source || !judged {
			continue
		}
		cell := 0
		if !a.Kept[i] {
			cell += 2
		}
		if !b.Kept[other] {
			cell++
		}
		records, cells = append(records, i), append(cells, cell)
		counts[cell]++
	}
	dims := map[string]string{plugins.AuditDim: a.Audit, otherDim: b.Audit, sourceDim: string(source)}
	why := r.told(a, string(source), records)
	if len(records) == 0 {
		why = fmt.Sprintf("no %s record is in the lineups of both", map[plugins.Source]string{plugins.FromReal: "untouched real", plugins.FromSynthetic: "synthetic"}[source])
	}
	for _, n := range counts {
		if why == "" && r.few(string(source), n) {
			why = withheld(r.fewest)
		}
	}
	if why != "" {
		for _, name := range ofVerdicts {
			r.add(compare.Undefined(name, why), dims)
		}
		return math.NaN(), 0, nil
	}
	q := quantity{"kept_kappa", func(rows []int) (float64, error) {
		table := [][]int{{0, 0}, {0, 0}}
		for _, i := range rows {
			table[cells[i]/2][cells[i]%2]++
		}
		k, err := stats.CohenKappa(table, stats.Unweighted)
		if err != nil {
			return 0, err
		}
		return k.Value, nil
	}}
	if err := r.measure(ctx, r.sample(a, records), dims, nil, q); err != nil {
		return 0, 0, err
	}
	for cell, name := range ofVerdicts[1:] {
		r.add(plugins.Score{Name: name, Value: float64(counts[cell]), N: len(records), Status: plugins.OK}, dims)
	}
	return valueOf(q, len(records)), r.people.People(a, records), nil
}
