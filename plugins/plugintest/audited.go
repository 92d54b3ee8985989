package plugintest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Audited returns an audit of synthetic rows by two auditors, calibrated on rows of test: a judge, asked by two models twice, with whole
// scores from 1 to 10, some of which are missing, whose threshold was chosen on one half of the subjects; and rules, with scores from 0 to 1.
//
// What becomes of a row hangs on its values alone, not on the order of rows or columns.
func Audited(synthetic *frame.Frame, test plugins.Sample) *plugins.Audited {
	out := &plugins.Audited{Before: synthetic, Rounds: []int{synthetic.Rows()}, Wanted: synthetic.Rows()}
	r := &auditing{synthetic: contents(synthetic), test: contents(test.Frame), subject: test.Subject}
	out.Reports = []plugins.AuditReport{
		r.report("judge", plugins.Scale{Min: 1, Max: 10, Keep: 7, Step: 1}, 6, "specificity 0.95"),
		r.report("rules", plugins.Scale{Min: 0, Max: 1, Keep: 1}, 0.4, ""),
	}
	for row := range synthetic.Rows() {
		fate := plugins.Kept
		for _, report := range out.Reports {
			if !report.Kept[len(r.test)+row] {
				fate = plugins.Dropped
			}
		}
		out.Fates = append(out.Fates, fate)
	}
	return out
}

// contents is a number of each row that its values decide.
func contents(f *frame.Frame) []uint64 {
	columns := slices.SortedFunc(slices.Values(f.Columns()), func(a, b *frame.Column) int { return cmp.Compare(a.Name, b.Name) })
	out := make([]uint64, f.Rows())
	for row := range out {
		var text strings.Builder
		for _, c := range columns {
			switch {
			case c.IsMissing(row):
				fmt.Fprintf(&text, "%s\x00", c.Name)
			case c.Kind == frame.Category:
				fmt.Fprintf(&text, "%s=%s\x00", c.Name, c.Levels[c.Codes[row]])
			default:
				fmt.Fprintf(&text, "%s=%v\x00", c.Name, c.Numbers[row])
			}
		}
		out[row] = hashed(text.String())
	}
	return out
}

func hashed(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	x := h.Sum64() // FNV leaves the low bits of short texts alike
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

// auditing makes reports.
type auditing struct {
	synthetic, test []uint64
	subject         *frame.Column
}

// planted are what is planted, by turns.
var planted = []plugins.Planted{
	{Kind: "unit: °F for °C", Columns: []string{"temperature"}, Detectable: true},
	{Kind: "unit: mmol/L for mg/dL", Columns: []string{"glucose"}},
	{Kind: "factor-10: × 10", Columns: []string{"glucose"}, Detectable: true},
	{Kind: "swap", Columns: []string{"systolic", "diastolic"}, Detectable: true},
	{Kind: "shuffled", Columns: []string{"age"}},
}

// report is that of one auditor: rows of test first, of which a quarter have an error and a sixth are column-shuffled, then synthetic rows.
func (a *auditing) report(name string, scale plugins.Scale, threshold float64, chosen string) plugins.AuditReport {
	r := &reported{plugins.AuditReport{Audit: name, Scale: scale, Threshold: threshold, Chosen: chosen, Judged: &plugins.Judged{}}}
	if scale.Step > 0 {
		r.Judged.Opinions = []plugins.Opinion{{Judge: "a"}, {Judge: "a", Repeat: 1}, {Judge: "b"}, {Judge: "b", Repeat: 1}}
	} else {
		r.Judged.Criteria = []plugins.Criterion{
			{Name: "order", Message: "the least value is above the greatest", Severity: plugins.SeverityError, Columns: []string{"age"}, Which: plugins.NewBits(len(a.test) + len(a.synthetic))},
			{Name: "range", Message: "the value is rare", Severity: plugins.SeverityWarning},
		}
	}
	for row, x := range a.test {
		who := x
		if a.subject != nil && !a.subject.IsMissing(row) {
			who = hashed("subject" + textOf(a.subject, row))
		}
		switch {
		case x%12 < 2:
			r.add(x, plugins.FromShuffled, -1, false, nil)
		case x%12 < 5:
			e := planted[x/12%uint64(len(planted))]
			r.add(x, plugins.FromPlanted, row, who%2 == 1, &e)
		default:
			r.add(x, plugins.FromReal, row, who%2 == 1, nil)
		}
	}
	for row, x := range a.synthetic {
		r.add(x, plugins.FromSynthetic, row, false, nil)
	}
	return r.AuditReport
}

func textOf(c *frame.Column, row int) string {
	if c.Kind == frame.Category {
		return c.Levels[c.Codes[row]]
	}
	return fmt.Sprint(c.Numbers[row])
}

// reported is a report on its way.
type reported struct{ plugins.AuditReport }

// add adds a record whose number is x.
func (r *reported) add(x uint64, source plugins.Source, origin int, second bool, e *plugins.Planted) {
	v := r.verdict(x, source, "")
	r.Sources, r.Origin = append(r.Sources, source), append(r.Origin, origin)
	r.Second, r.Planted = append(r.Second, second), append(r.Planted, e)
	r.Kept = append(r.Kept, v.Status == plugins.Scored && v.Score >= r.Threshold)
	r.Judged.Verdicts = append(r.Judged.Verdicts, v)
	for i := range r.Judged.Opinions {
		o := &r.Judged.Opinions[i]
		o.Verdict = append(o.Verdict, r.verdict(x, source, fmt.Sprint(o.Judge, o.Repeat)))
	}
	if v.Status == plugins.Scored {
		r.findings(x, v)
	}
}

// findings adds what the record last added breaks. The first criterion is asked of two records in three.
func (r *reported) findings(x uint64, v plugins.Verdict) {
	record := len(r.Sources) - 1
	for i := range r.Judged.Criteria {
		c := &r.Judged.Criteria[i]
		if c.Which != nil && x>>16%3 == 0 {
			continue
		}
		c.Applies++
		if c.Which != nil {
			c.Which.Add(record)
		}
		if v.Score < r.Scale.Max/2 && (x>>8+uint64(i))%3 > 0 {
			r.Judged.Findings = append(r.Judged.Findings, plugins.Finding{Record: record, Criterion: i})
		}
	}
}

// verdict is a score that is lower of records with an error, and a little other by who gives it; one in twenty is missing.
func (r *reported) verdict(x uint64, source plugins.Source, who string) plugins.Verdict {
	draw := hashed(fmt.Sprint(r.Audit, x))
	switch draw % 40 {
	case 0:
		return plugins.Verdict{Status: plugins.Unparsable}
	case 1:
		return plugins.Verdict{Status: plugins.Declining}
	}
	share := 0.6 + 0.4*float64(draw>>16%1000)/1000
	switch source {
	case plugins.FromPlanted, plugins.FromShuffled:
		share -= 0.4
	case plugins.FromSynthetic:
		share -= 0.2
	}
	if who != "" {
		share += 0.2 * (float64(hashed(who+fmt.Sprint(x))%1000)/1000 - 0.5)
	}
	score := r.Scale.Min + min(max(share, 0), 1)*(r.Scale.Max-r.Scale.Min)
	if r.Scale.Step > 0 {
		score = math.Round(score/r.Scale.Step) * r.Scale.Step
	}
	return plugins.Verdict{Status: plugins.Scored, Score: score, Suspicious: draw>>32%50 == 0}
}
