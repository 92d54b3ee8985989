package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// splitSummary is how the rows of a data set are shared among the parts.
type splitSummary struct {
	Dataset string `json:"dataset"`
	split.Config
}

// splitsOf lists the splits of the data sets that cells read, each once; axes may set several of one data set.
func splitsOf(p *plan.Plan) []splitSummary {
	out := []splitSummary{}
	for _, c := range p.AllChains() {
		s := splitSummary{c.Dataset.Name, c.Dataset.Split}
		same := func(o splitSummary) bool { return o.text() == s.text() }
		if !slices.ContainsFunc(out, same) {
			out = append(out, s)
		}
	}
	return out
}

// text is a line on a split.
func (s splitSummary) text() string {
	by := s.By
	if s.Time != "" {
		by += " (" + s.Time + ")"
	}
	if len(s.Stratify) > 0 {
		by += ", stratified by " + strings.Join(s.Stratify, ", ")
	}
	var shares []string
	for _, part := range []struct {
		name  plugins.Part
		share float64
	}{{plugins.Train, s.Train}, {plugins.Validation, s.Validation}, {plugins.Test, s.Test}, {plugins.Reference, s.Reference}} {
		if part.share > 0 {
			shares = append(shares, fmt.Sprintf("%s %v", part.name, part.share))
		}
	}
	return fmt.Sprintf("split of %s by %s: %s; seed %d", s.Dataset, by, strings.Join(shares, ", "), s.Seed)
}
