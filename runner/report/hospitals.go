package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Spread is how far a value differs between test sites, and what is to be expected at a further one.
type Spread struct {
	SD    float64 // between sites, in the unit of the score
	Net   bool    // the sampling of test rows and replicates is taken out of SD
	Cut   bool    // SD is 0, as the values differ by less than that sampling alone would make them
	Sites int
	Next  *plugins.Interval // where the value of one new site lies; nil when there are too few sites
}

// addSpread puts two columns behind each whose values have a spread between test sites.
func (t *Table) addSpread() {
	for c := len(t.Columns) - 1; c >= 0; c-- {
		if !slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Values[c].Spread != nil }) {
			continue
		}
		column := t.Columns[c]
		t.Columns = slices.Insert(t.Columns, c+1, column.beside("SD between sites", spreadSD), column.beside("at a new site", spreadNext))
		for i := range t.Lines {
			l := &t.Lines[i]
			v := l.Values[c]
			of := Value{Status: Absent}
			if v.Status == OK && v.Spread != nil {
				of = Value{Status: OK, Value: v.Value, Spread: v.Spread, N: v.N, Of: v.Of, hits: v.hits}
			}
			l.Values = slices.Insert(l.Values, c+1, of, of)
		}
	}
}

// beside is a column that shows more of the values of c.
func (c *Column) beside(title string, what derived) Column {
	return Column{
		Score: c.Score, Minus: c.Minus, Title: title, Group: c.Group, Across: c.Across, Better: plugins.Neutral, Digits: c.Digits, Format: c.Format,
		count: c.count, derived: what, plain: c.plain,
	}
}

// bySite reports whether what is averaged over, replicates aside, is test sites, with the train sites and sample sizes that
// follow them: then the site is the unit of the interval.
func bySite(others []string) bool {
	return slices.Contains(others, spec.TestSite) && !slices.ContainsFunc(others, func(a string) bool {
		return a != spec.TestSite && a != spec.TrainSite && a != "n"
	})
}

// overHospitals sets the value to the mean over test sites, each the mean of its own cells, with the interval that the
// sites give, their spread, and where a new one is expected. A site counts once, whatever its number of cells.
func (sel *selection) overHospitals(v *Value, ok []hit, low, high *float64) {
	var sites []stats.Site
	for _, site := range sel.valuesOf(spec.TestSite, cellsOf(ok)) {
		var own []hit
		for _, h := range ok {
			if sel.core.Cells[h.cell].Axes[spec.TestSite] == site {
				own = append(own, h)
			}
		}
		sites = append(sites, siteOf(own))
	}
	v.Sample = sampleOfSites(sites)
	if len(sites) == 1 {
		v.Value = sites[0].Value
		return
	}
	sel.bySite = true
	b, err := stats.Between(sites, level)
	if err != nil {
		v.Status, v.Value = Undefined, 0
		v.notes = append(v.notes, plainNote("undefined: "+err.Error()))
		return
	}
	v.Value = b.Mean
	v.Interval = &plugins.Interval{Low: b.MeanInterval.Low, High: b.MeanInterval.High, Level: level, Unit: "test sites", Method: studentT}
	v.clipped = clip(v.Interval, low, high)
	v.Spread = &Spread{SD: *b.SD, Sites: len(sites), Cut: b.Truncated}
	if b.Between != nil {
		v.Spread.SD, v.Spread.Net = *b.Between, true
	}
	if b.Prediction != nil {
		v.Spread.Next = &plugins.Interval{Low: b.Prediction.Low, High: b.Prediction.High, Level: level, Unit: "test sites", Method: "prediction"}
		v.clipped = clip(v.Spread.Next, low, high) || v.clipped
		v.Sample.Prediction, v.Sample.Unpredicted = v.Spread.Next, ""
	}
}

// siteOf is the mean of the cells of one test site, with its variance: of the sampling of its test rows, which all
// cells share, and of the mean over replicates and train sites.
func siteOf(own []hit) stats.Site {
	values := make([]float64, len(own))
	rows := 0.0
	for i, h := range own {
		values[i] = h.score.Value
		rows += samplingVariance(h.score.Interval) / float64(len(own))
	}
	mean, _ := stats.Mean(values) // there is a value
	site := stats.Site{Value: mean, Variance: rows}
	if sd, err := stats.SD(values); err == nil {
		site.Variance += sd * sd / float64(len(values))
	}
	return site
}

// samplingVariance is that of a value by its interval, as of a normal distribution; NaN where there is none.
func samplingVariance(iv *plugins.Interval) float64 {
	if iv == nil {
		return math.NaN()
	}
	z := distuv.UnitNormal.Quantile((1 + iv.Level) / 2)
	se := (iv.High - iv.Low) / (2 * z)
	return se * se
}

// spreads explains what is said of sites.
func (t *Table) spreads() []string {
	any, gross, tried, cut := false, false, false, false
	fewest, most := 0, 0
	for i := range t.Lines {
		for c := range t.Columns {
			s := t.Lines[i].Values[c].Spread
			if s == nil || t.Columns[c].derived != ownScore {
				continue
			}
			if !any || s.Sites < fewest {
				fewest = s.Sites
			}
			most = max(most, s.Sites)
			any, gross, tried, cut = true, gross || !s.Net, tried || s.Next != nil, cut || s.Cut && s.Net
		}
	}
	if !any {
		return nil
	}
	text := "SD between sites: of the values of the test sites"
	if gross {
		text += "; where no interval tells how far one site's value is off by chance (as for differences), that is part of it"
	} else {
		text += ", less what the sampling of their test rows and the replicates explain"
	}
	text += "."
	if cut {
		text += " It is 0 where the values differ by less than that alone would make them, which is no evidence that sites are alike."
	}
	if fewest == most {
		text += fmt.Sprintf(" There are %d test sites.", most)
	} else {
		text += fmt.Sprintf(" There are %d to %d test sites.", fewest, most)
	}
	if tried {
		text += " At a new site: 95 % prediction interval for the value at one further site, taken from the same population of sites."
	}
	return []string{text}
}
