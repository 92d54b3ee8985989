package codeprobability

import (
	"cmp"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

const (
	probabilityCurve = "probabilities"
	mostPoints       = 400
	perDecade        = 10 // steps that points are gathered by where there are more
)

// point is one code or pair, or several that lie close together.
type point struct {
	x, y     float64
	patients int // real ones that have one of them, at least
}

// curve returns the decimal logarithms of the shares of real (x) and synthetic (y) patients that have each code or pair, of those that
// plugins.FewestTold real patients or more have, in order of x. Where there are more than mostPoints, those in one square of
// a tenth of a decade are their mean.
func curve(pattern string, counted []Counts, patients [2]int) plugins.Curve {
	var all []point
	for _, c := range counted {
		if c.Patients[0] >= plugins.FewestTold {
			all = append(all, point{logShare(c.Patients[0], patients[0]), logShare(c.Patients[1], patients[1]), int(c.Patients[0])})
		}
	}
	if len(all) > mostPoints {
		all = gathered(all)
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	out := plugins.Curve{Name: probabilityCurve, Dims: map[string]string{"pattern": pattern}}
	for _, p := range all {
		out.X, out.Y, out.N = append(out.X, p.x), append(out.Y, p.y), append(out.N, p.patients)
	}
	return out
}

func logShare(n int32, of int) float64 { return math.Log10(max(float64(n), 0.5) / float64(of)) }

// gathered joins the points of each square.
func gathered(all []point) []point {
	type square [2]int
	at, of := map[square]int{}, []int{}
	var out []point
	for _, p := range all {
		s := square{int(math.Floor(p.x * perDecade)), int(math.Floor(p.y * perDecade))}
		i, known := at[s]
		if !known {
			i = len(out)
			at[s] = i
			out, of = append(out, point{}), append(of, 0)
		}
		out[i].x, out[i].y = out[i].x+p.x, out[i].y+p.y
		out[i].patients = max(out[i].patients, p.patients)
		of[i]++
	}
	for i := range out {
		out[i].x, out[i].y = out[i].x/float64(of[i]), out[i].y/float64(of[i])
	}
	return out
}
