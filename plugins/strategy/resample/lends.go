package resample

import "github.com/ehrlab/ehrlab/plugins"

// Lends implements plugins.Lender.
func (s Strategy) Lends() plugins.Part {
	if s.replace {
		return ""
	}
	return plugins.Train
}
