package simulatedicu

import (
	"context"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// example is a stay of the population, kept for what is true of it.
type example struct {
	hospital int
	logit    float64 // as of stay
	average  float64
	second   bool    // the stay follows that before it in the sample, if its patient survives
	weight   float64 // probability that there is the stay
	risk     float64 // true probability of death given the record and the hospital
	later    float64 // the same when length of stay and days on a ventilator are known too
}

// population is a large sample of stays, of random sources of its own: what is true must not depend on the rows that are read.
type population []example

const (
	populationPatients = 20_000 // leaves a standard error of about 0.001 at a prevalence of 0.09, and of 0.002 of an AUROC
	populationBlock    = 250
)

// sample draws the stays of so many patients; risks are not known before the intercept is.
func (w *world) sample(ctx context.Context, random plugins.Rand, threads, patients int) (population, error) {
	blocks := make([]population, (patients+populationBlock-1)/populationBlock)
	err := parallel.For(ctx, threads, len(blocks), func(b int) error {
		rng := random.For(plugins.ForSimulation, "population", strconv.Itoa(b))
		s := w.newStay()
		for range min(populationBlock, patients-b*populationBlock) {
			p := w.newPatient(pick(w.toVolume, rng.Float64()), rng)
			w.simulate(&p, rng, s)
			blocks[b] = append(blocks[b], example{hospital: p.hospital, logit: s.logit, average: s.average, weight: 1})
			if p.returns {
				p = w.again(p, rng)
				w.simulate(&p, rng, s)
				blocks[b] = append(blocks[b], example{hospital: p.hospital, logit: s.logit, average: s.average, second: true})
			}
		}
		return nil
	})
	return slices.Concat(blocks...), err
}

// setRisks finds the intercept at which the expected share of deaths is the wanted one, and sets risks and weights.
func (pop population) setRisks(prevalence float64) (intercept float64) {
	low, high := -80.0, 80.0
	intercept = logit(prevalence)
	for range 80 {
		deaths, stays, slope := 0.0, 0.0, 0.0
		for i := range pop {
			e := &pop[i]
			e.risk = sigmoid(intercept + e.logit)
			if e.second {
				e.weight = 1 - pop[i-1].risk
			}
			deaths += e.weight * e.risk
			stays += e.weight
			slope += e.weight * e.risk * (1 - e.risk)
		}
		miss := deaths/stays - prevalence
		if math.Abs(miss) < 1e-12 {
			break
		}
		if miss < 0 {
			low = intercept
		} else {
			high = intercept
		}
		if intercept -= miss * stays / slope; !(intercept > low && intercept < high) {
			intercept = (low + high) / 2
		}
	}
	return intercept
}

// setLater draws a label and a course for each stay, and sets the risk that remains once the course is known.
func (pop population) setLater(intercept float64, random plugins.Rand) {
	rng := random.For(plugins.ForSimulation, "courses")
	for i := range pop {
		e := &pop[i]
		los, ventilated := courseOf(rng.Float64() < e.risk).draw(e.logit, rng)
		e.later = sigmoid(posterior(intercept+e.logit, e.logit, los, ventilated))
	}
}

// auroc is the area under the ROC curve of a score in the population: the probability that a stay that ends in death scores above one
// that does not, ties counting half. Labels are not drawn: each stay is both, by its true probability, which spares their noise.
// It is NaN where there is no such pair.
func (pop population) auroc(score, risk func(e *example) float64) float64 {
	type point struct{ score, died, lived float64 }
	points := make([]point, len(pop))
	for i := range pop {
		e := &pop[i]
		r := risk(e)
		points[i] = point{score(e), e.weight * r, e.weight * (1 - r)}
	}
	slices.SortFunc(points, func(a, b point) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		default:
			return 0
		}
	})
	above, died, lived, self := 0.0, 0.0, 0.0, 0.0
	for i := 0; i < len(points); {
		d, l, j := 0.0, 0.0, i
		for ; j < len(points) && points[j].score == points[i].score; j++ {
			d += points[j].died
			l += points[j].lived
			self += points[j].died * points[j].lived // a stay makes no pair with itself
		}
		above += d * (lived + l/2)
		died, lived, i = died+d, lived+l, j
	}
	return (above - self/2) / (died*lived - self)
}

func own(e *example) float64     { return e.logit }
func average(e *example) float64 { return e.average }
func risk(e *example) float64    { return e.risk }
func later(e *example) float64   { return e.later }

// within is the mean over hospitals of the area under the ROC curve of a score among the stays of each. A hospital without
// stays in the sample is left out.
func (pop population) within(score, risk func(e *example) float64) float64 {
	byHospital := map[int]population{}
	var order []int
	for _, e := range pop {
		if byHospital[e.hospital] == nil {
			order = append(order, e.hospital)
		}
		byHospital[e.hospital] = append(byHospital[e.hospital], e)
	}
	slices.Sort(order) // float addition is not associative
	sum, n := 0.0, 0
	for _, h := range order {
		if a := byHospital[h].auroc(score, risk); !math.IsNaN(a) {
			sum += a
			n++
		}
	}
	return sum / float64(n)
}

// truths lists what was planted, and what follows from it.
func (w *world) truths(pop population) []plugins.Truth {
	var out []plugins.Truth
	add := func(name string, value float64, summary string, dims ...string) {
		t := plugins.Truth{Name: name, Value: value, Summary: summary}
		for i := 0; i < len(dims); i += 2 {
			if t.Dims == nil {
				t.Dims = map[string]string{}
			}
			t.Dims[dims[i]] = dims[i+1]
		}
		out = append(out, t)
	}
	const auroc, within = "Bayes-optimal AUROC", "within-hospital AUROC"
	add(auroc, pop.auroc(own, risk), "of P(death | all columns but hosp_los and ventdays, and the hospital), which is known exactly; all hospitals pooled; Monte Carlo standard error about 0.002",
		"leakage", "without", "hospital", "known")
	add(auroc, pop.auroc(later, later), "of P(death | all columns, hosp_los and ventdays too, and the hospital)", "leakage", "with", "hospital", "known")
	add(auroc, pop.auroc(average, risk), "of the risk model of the average hospital, all hospitals pooled: a score that does not use the hospital; the best such score is above it where records tell hospitals apart", "leakage", "without", "hospital", "unknown")
	here, moved := pop.within(own, risk), pop.within(average, risk)
	add(within, here, "mean over hospitals of the AUROC of the true risk among the stays of one", "leakage", "without", "hospital", "known")
	add(within, moved, "the same of the risk model of the average hospital", "leakage", "without", "hospital", "unknown")
	add("transport gap", here-moved, "AUROC that the risk model of the average hospital loses within a hospital, mean over hospitals; planted by the setting transport")
	add("intercept", w.intercept, "log-odds of death of a record of average values and average charting in the average hospital")
	add("site SD", w.config.SiteSD, "SD of the baseline log-odds of death over hospitals that could be drawn")
	for h := range w.hospitals {
		add("site effect", w.hospitals[h].risk, "log-odds of death beyond the average hospital, at equal case mix; habits of measuring and calibrations of labs are taken out, to first order: with practiceSD above 1 it is off by up to 0.2", "hospitalid", strconv.Itoa(w.hospitals[h].id))
	}
	add("share missing", w.config.Missing, "expected share of missing cells of the 83 columns")
	for p, name := range panelNames {
		if name != "" {
			add("share charted", w.shares[p], "expected share of the stays in which the panel is charted", "panel", name)
			add("log-odds of charting by severity", w.config.Informative, "per SD of a severity that is not recorded", "panel", name)
		}
	}
	for _, s := range w.signs {
		add("log-odds of death by charting", s.coefficient, "charted against not charted, besides the value", "column", w.layout.names[s.column])
	}
	return out
}

// panelNames are those of the panels that are ordered.
var panelNames = [panels]string{
	chemistry: "chemistry", count: "blood count", liverPanel: "liver", coagulation: "coagulation",
	lactatePanel: "lactate", differential: "differential", bloodGas: "blood gas", urine: "urine",
}
