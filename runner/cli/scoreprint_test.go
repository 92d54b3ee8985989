package cli

import (
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestWhichValueIsBest(t *testing.T) {
	for want, info := range map[string]plugins.ScoreInfo{
		"0 is best":                    {Max: 1, Better: plugins.Lower},
		"1 is best":                    {Max: 1, Better: plugins.Higher},
		"0.5 is best":                  {Max: 1, Better: plugins.Lower, Ideal: new(0.5)},
		"the share of members is best": {Max: 1, Better: plugins.Lower, Best: "the share of members"},
		"lower is better":              {Min: math.Inf(-1), Max: 1, Better: plugins.Lower},
		"":                             {Max: 1, Better: plugins.Neutral},
	} {
		if got := bestOf(&info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
