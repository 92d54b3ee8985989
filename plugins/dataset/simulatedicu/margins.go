package simulatedicu

import "math"

// margin is the distribution that the normal score of a measurement has where it is measured. Case mix and hospitals
// widen it, diagnoses shift it, and labs are ordered for the sick: charting takes all that out again, so that the
// medians and spreads of what is charted are those of the table.
type margin struct{ mean, sd float64 }

// step and reach are those of the trapezoid rule. For log-odds with an SD up to 3 it errs by less than 1e-8, up to 8 by less than 1e-3.
const step, reach = 0.3, 20

// bell holds the weights of the rule, which add up to 1.
var bell = func() (w [2*reach + 1]float64) {
	sum := 0.0
	for i := range w {
		z := step * float64(i-reach)
		w[i] = math.Exp(-z * z / 2)
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}()

// overNormal returns the expectation of f over a standard normal variable.
func overNormal(f func(z float64) float64) float64 {
	sum := 0.0
	for i := -reach; i <= reach; i++ {
		sum += bell[i+reach] * f(step*float64(i))
	}
	return sum
}

// offset returns the a for which σ(a + sd·Z) is share on average over a standard normal Z.
func offset(share, sd float64) float64 {
	if share >= 1 {
		return math.Inf(1)
	}
	low, high := -60.0, 60.0
	for range 60 {
		middle := (low + high) / 2
		if overNormal(func(z float64) float64 { return sigmoid(middle + sd*z) }) < share {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// spreadOf returns mean and variance over the diagnoses of a property.
func spreadOf(property func(d *diagnosis) float64) (mean, variance float64) {
	weight, squares := 0.0, 0.0
	for i := range diagnoses {
		d := &diagnoses[i]
		x := property(d)
		weight += d.weight
		mean += d.weight * x
		squares += d.weight * x * x
	}
	mean /= weight
	return mean, squares/weight - mean*mean
}

// setPanels works out how often each panel is asked for: shares first, so that the wanted share of cells is missing, then
// the log-odds that give them over all hospitals and severities.
func (m *model) setPanels() {
	missing := func(shift float64) float64 { // of the cells
		cells := m.unasked
		for _, i := range m.layout.cells {
			cells += 1 - m.shareOf(i.panel, shift)*i.share
		}
		return cells / float64(m.layout.width)
	}
	low, high := -20.0, 20.0
	for range 60 {
		m.shift = (low + high) / 2
		if missing(m.shift) > m.config.Missing {
			low = m.shift
		} else {
			high = m.shift
		}
	}
	for p := range panels {
		m.panels[p].share = m.shareOf(p, m.shift)
		m.panels[p].offset = offset(m.panels[p].share, m.driveSD(p))
	}
}

// shareOf is the share of the stays in which a panel is charted, after a shift of the log-odds of those that are ordered.
func (m *model) shareOf(p panel, shift float64) float64 {
	t := panelTable[p]
	if !t.ordered {
		return t.share
	}
	return sigmoid(logit(min(t.share, 1-1e-9)) + shift)
}

// driveSD is the SD, over all hospitals and severities, of the log-odds of a panel.
func (m *model) driveSD(p panel) float64 {
	if !panelTable[p].ordered {
		return 0
	}
	return math.Hypot(m.config.Informative*math.Sqrt(m.severityVariance), m.config.PracticeSD)
}

// severityWhereCharted returns mean and variance of the severity of the stays in which a panel is charted. Severity and
// the log-odds are jointly normal over stays and hospitals, so that the first follows from the second by regression.
func (m *model) severityWhereCharted(p panel) (mean, variance float64) {
	sd := m.driveSD(p)
	if sd == 0 {
		return 0, m.severityVariance
	}
	share, first, second := 0.0, 0.0, 0.0
	moment := func(power float64) float64 {
		return overNormal(func(z float64) float64 { return math.Pow(z, power) * sigmoid(m.panels[p].offset+sd*z) })
	}
	share, first, second = moment(0), moment(1), moment(2)
	first, second = first/share, second/share
	loading := m.config.Informative * m.severityVariance / sd
	return loading * first, m.severityVariance - loading*loading*(1-second+first*first)
}

// setMargins works out one margin for each measurement: what is expected over all hospitals that could be drawn.
func (m *model) setMargins() {
	m.margins = make([]margin, len(measurements))
	for i := range measurements {
		x := &measurements[i]
		severity, severityVar := m.severityWhereCharted(x.panel)
		shift, shiftVar := spreadOf(func(d *diagnosis) float64 { return d.shift[x.system] })
		variance := x.severity*x.severity*severityVar + x.own*x.own*(1+shiftVar) + x.rest()
		if panelTable[x.panel].ordered {
			variance += m.assaySD() * m.assaySD()
		}
		m.margins[i] = margin{mean: x.severity*severity + x.own*shift, sd: math.Sqrt(variance)}
	}
}
