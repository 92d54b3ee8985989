package simulatedicu

import (
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/icu"
)

// model is what the settings alone decide: the same for all hospitals that could be drawn.
type model struct {
	config Config
	layout layout
	terms  []term
	signs  []sign

	regions   []float64 // cumulative
	beds      []float64 // cumulative
	ethnicity []float64 // cumulative

	unasked          float64 // missing cells of a stay that are of no panel: for want of an ethnicity or a ventilator
	acuity           float64 // mean over the diagnoses
	severityVariance float64 // over stays and hospitals
	shift            float64 // of the log-odds of what is ordered, so that the wanted share of cells is missing
	panels           [panels]struct{ share, offset float64 }
	margins          []margin // of the measurements
	noise            []struct{ sd, twin, fresh float64 }

	systolic, diastolic, oxygen int // indices into measurements

	worst, vitals []int // of raw tables: columns of apacheApsVar and vitalPeriodic
	labs          []rawLabColumn
	creatinine    int
}

func newModel(c Config) *model {
	m := &model{
		config: c, layout: newLayout(),
		regions: cumulate(weights(regions)), beds: cumulate(weights(beds)), ethnicity: cumulate(weights(ethnicities)),
		systolic: indexOf("sysbp"), diastolic: indexOf("diasbp"), oxygen: indexOf("fio2"),
	}
	mean, variance := spreadOf(func(d *diagnosis) float64 { return d.acuity })
	m.acuity, m.severityVariance = mean, 1+variance+c.CaseMixSD*c.CaseMixSD
	for i := range measurements {
		x := &measurements[i]
		twin := x.twin()
		m.noise = append(m.noise, struct{ sd, twin, fresh float64 }{math.Sqrt(x.rest()), twin, math.Sqrt(1 - twin*twin)})
	}
	m.unasked = float64(len(m.layout.races))*unnamed(ethnicities) + m.unventilated()
	m.setPanels()
	m.setMargins()
	m.setTerms()
	m.setRaw()
	return m
}

// assaySD is the SD between hospitals of the calibration of a lab, in units of z.
func (m *model) assaySD() float64 { return assayPerHabit * m.config.PracticeSD }

func indexOf(name string) int {
	return slices.IndexFunc(measurements, func(m measurement) bool { return m.name == name })
}

// layout says where the columns of package icu are.
type layout struct {
	width int
	names []string
	of    []int // the first column of each measurement; -1: it has none
	cells []cell

	stay, site, death, los, ventilated, elective, age, female int
	races                                                     [4]int
	meanbp, pao2, paco2, ph, ratio, excess                    int
}

// cell is a column that may be missing: it is there in a share of the stays with a panel.
type cell struct {
	panel panel
	share float64
}

func newLayout() layout {
	var at layout
	index := map[string]int{}
	for i, c := range icu.Columns() {
		at.names = append(at.names, c.Name)
		index[c.Name] = i
	}
	at.width = len(at.names)
	at.stay, at.site, at.death, at.los = index["patientunitstayid"], index["hospitalid"], index["death"], index["hosp_los"]
	at.ventilated, at.elective, at.age, at.female = index["ventdays"], index["electivesurgery"], index["age"], index["is_female"]
	at.races = [4]int{index["race_black"], index["race_hispanic"], index["race_asian"], index["race_other"]}
	at.meanbp, at.pao2, at.paco2, at.ph = index["meanbp_first"], index["bg_pao2_first_early"], index["bg_paco2_first_early"], index["bg_ph_first_early"]
	at.ratio, at.excess = index["bg_pao2fio2ratio_first_early"], index["bg_baseexcess_first_early"]
	for i := range measurements {
		m := &measurements[i]
		place, columns := -1, 0
		for suffix, n := range map[string]int{"_first": 4, "_first_early": 2, "_sum": 1} { // at most one of them exists
			if j, ok := index[m.name+suffix]; ok {
				place, columns = j, n
			}
		}
		at.of = append(at.of, place)
		at.add(columns, m.panel, m.share)
	}
	at.add(4, pressure, 1) // mean pressure
	at.add(2, bloodGas, measurements[indexOf("fio2")].share)
	at.add(2, bloodGas, measurements[indexOf("bg_paco2")].share*baseExcessShare)
	return at
}

func (at *layout) add(columns int, p panel, share float64) {
	for range columns {
		at.cells = append(at.cells, cell{p, share})
	}
}

// unnamed is the share of what has no name.
func unnamed(shares []share) float64 {
	all, none := 0.0, 0.0
	for _, s := range shares {
		all += s.weight
		if s.name == "" {
			none += s.weight
		}
	}
	return none / all
}
