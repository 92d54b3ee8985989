package llmjudge

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// combined is the verdict that opinions of one record come to. Without a score among them it is unparsable if any was, else refused.
func combined(how string, opinions []plugins.Verdict) plugins.Verdict {
	var scores []float64
	out := plugins.Verdict{Status: plugins.Declining}
	for _, o := range opinions {
		out.Suspicious = out.Suspicious || o.Suspicious
		switch o.Status {
		case plugins.Scored:
			scores = append(scores, o.Score)
		case plugins.Unparsable:
			out.Status = plugins.Unparsable
		}
	}
	if len(scores) == 0 {
		return out
	}
	out.Status = plugins.Scored
	slices.Sort(scores)
	switch n := len(scores); how {
	case Median:
		out.Score = (scores[(n-1)/2] + scores[n/2]) / 2
	case Majority: // of an even number, half of them is no majority
		out.Score = scores[(n-1)/2]
	default:
		sum := 0.0
		for _, s := range scores {
			sum += s
		}
		out.Score = sum / float64(n)
	}
	return out
}
