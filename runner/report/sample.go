package report

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Sample describes the values that a mean is of, in the unit of the score.
type Sample struct {
	N        int
	Min, Max float64

	// Median and SD mean something where Few is empty; it says why there are none.
	Median, SD float64
	Few        string

	// Prediction is where the value of one further run lies, by another seed or at another test site; nil where Unpredicted says why there
	// is none.
	Prediction  *plugins.Interval
	Unpredicted string
}

// sampleOf describes values. others are axes that they differ by and that are no replicates, replicates those that are: the unit.
func sampleOf(values []float64, others, replicates []string) *Sample {
	sorted := slices.Sorted(slices.Values(values))
	s := &Sample{N: len(values), Min: sorted[0], Max: sorted[len(sorted)-1]}
	sd, err := stats.SD(values)
	if err != nil {
		s.Few = "there is one value alone"
		s.Unpredicted = s.Few
		return s
	}
	s.SD = sd
	s.Median, _ = stats.Percentile(sorted, 0.5) // there are values
	switch low, high, err := stats.Prediction(values, level); {
	case len(others) > 0:
		s.Unpredicted = unitOf(others) + " are no replicates, so that no further one is like them"
	case s.Min == s.Max:
		s.Unpredicted = "the values do not differ"
	case err != nil:
		s.Unpredicted = err.Error()
	default:
		s.Prediction = &plugins.Interval{Low: low, High: high, Level: level, Unit: unitOf(replicates), Method: "prediction of one further run, " + studentT}
	}
	return s
}

// sampleOfSites describes the values of test sites. That of a further one is predicted where the sampling within sites is known.
func sampleOfSites(sites []stats.Site) *Sample {
	values := make([]float64, len(sites))
	for i, site := range sites {
		values[i] = site.Value
	}
	s := sampleOf(values, nil, nil)
	if s.Prediction != nil {
		s.Prediction, s.Unpredicted = nil, "no interval tells how far the value of a test site is off by chance"
	}
	return s
}
