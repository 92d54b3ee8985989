package rate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// curveBreach holds a curve to what the metric declared.
func curveBreach(c plugins.Curve, info *plugins.Info) string {
	i := slices.IndexFunc(info.Curves, func(x plugins.CurveInfo) bool { return x.Name == c.Name })
	if i < 0 {
		return fmt.Sprintf("returned the curve %q, which it does not declare", c.Name)
	}
	for _, y := range [][]float64{c.X, c.Y, c.Low, c.High} {
		if y != nil && len(y) != len(c.X) {
			return fmt.Sprintf("curve %q has %d values beside %d points", c.Name, len(y), len(c.X))
		}
		if slices.ContainsFunc(y, notFinite) {
			return fmt.Sprintf("curve %q has a value that is not a number", c.Name)
		}
	}
	if len(c.N) != len(c.X) {
		return fmt.Sprintf("curve %q says of %d of its %d points how many subjects they stand for", c.Name, len(c.N), len(c.X))
	}
	declared := &info.Curves[i]
	if (c.Low != nil || c.High != nil) && declared.Band == "" {
		return fmt.Sprintf("curve %q has a band, and does not declare what that is", c.Name)
	}
	for _, dim := range slices.Sorted(maps.Keys(c.Dims)) {
		if !slices.Contains(declared.Dims, dim) && dim != declared.Level {
			return fmt.Sprintf("curve %q has the dimension %q, which it does not declare", c.Name, dim)
		}
	}
	return ""
}

// withhold takes out each curve that has a point which stands for too few subjects, and counts it. Metrics join bins until none
// does where they can; this is what holds where they cannot, whatever the governance of the data is.
func withhold(m *plugins.Measurement) {
	var names []string
	count := map[string]int{}
	m.Curves = slices.DeleteFunc(m.Curves, func(c plugins.Curve) bool {
		if !slices.ContainsFunc(c.N, func(n int) bool { return n < plugins.FewestTold }) {
			return false
		}
		if count[c.Name] == 0 {
			names = append(names, c.Name)
		}
		count[c.Name]++
		return true
	})
	for _, name := range names {
		m.Counts = append(m.Counts, plugins.Count{Name: plugins.CurvesWithheld, Dims: map[string]string{"curve": name}, Value: count[name]})
	}
}
