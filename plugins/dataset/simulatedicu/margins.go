package simulatedicu

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// margin is the distribution that the normal score of a measurement has where it is measured. Case mix and hospitals
// widen it, diagnoses shift it, and labs are ordered for the sick: charting takes all that out again, so that the
// medians and spreads of what is charted are those of the table.
type margin struct{ mean, sd float64 }

// severityVariance is that of the severity of stays over all hospitals.
const severityVariance = 1 + severitySpread*severitySpread

// margins returns one margin for each measurement: what is expected over all hospitals that could be drawn.
func (c Config) margins() []margin {
	out := make([]margin, len(measurements))
	for i, m := range measurements {
		severity, severityVar := c.severityWhereMeasured(&m)
		shift, shiftVar := shiftOf(m.system)
		variance := m.severity*m.severity*severityVar + m.own*m.own*(1+shiftVar) + m.rest()
		if m.lab {
			variance += assaySpread * assaySpread
		}
		out[i] = margin{mean: m.severity*severity + m.own*shift, sd: math.Sqrt(variance)}
	}
	return out
}

// severityWhereMeasured returns mean and variance of the severity of the stays in which m is measured: those where
// a normal drive, in part severity, exceeds a threshold.
//
// Source: N. L. Johnson, S. Kotz, N. Balakrishnan (1994), Continuous Univariate Distributions 1, chapter 13, on the
// truncated normal distribution.
func (c Config) severityWhereMeasured(m *measurement) (mean, variance float64) {
	if !m.lab {
		return 0, severityVariance
	}
	loading := c.Informative * severityVariance / c.driveSD(m) // covariance of severity and the drive, in SDs of the drive
	threshold := -distuv.UnitNormal.Quantile(m.measured)
	above := distuv.UnitNormal.Prob(threshold) / m.measured // mean of the drive where it exceeds the threshold
	return loading * above, severityVariance - loading*loading*above*(above-threshold)
}

// driveSD is the SD, over all hospitals and severities, of how strongly m is asked for.
func (c Config) driveSD(m *measurement) float64 {
	variance := 1 + habitSpread*habitSpread
	if m.lab {
		variance += c.Informative * c.Informative * severityVariance
	}
	return math.Sqrt(variance)
}

// shiftOf returns mean and variance over the diagnoses of the shift of a system.
func shiftOf(o system) (mean, variance float64) {
	weight, squares := 0.0, 0.0
	for _, d := range diagnoses {
		weight += d.weight
		mean += d.weight * d.shift[o]
		squares += d.weight * d.shift[o] * d.shift[o]
	}
	mean /= weight
	return mean, squares/weight - mean*mean
}
