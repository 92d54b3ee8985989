package compare_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/hellinger"
	"github.com/ehrlab/ehrlab/plugins/metric/jensenshannon"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// The metrics of shares by bin or level.
var ofShares = map[string]func(*plugins.Registry){"hellinger": hellinger.Register, "jensen-shannon": jensenshannon.Register}

func TestSharesOfNothingAreUndefined(t *testing.T) {
	number, category := metrictest.Number, metrictest.Category
	for name, register := range ofShares {
		for _, c := range [][2]*frame.Column{
			{number("x"), number("x", 1)},
			{number("x", 1), number("x", math.NaN())},
			{category("x", "a"), category("x", "")},
		} {
			for _, s := range metrictest.Measure(t, register, name, "", metrictest.Pair(frame.Must(c[0]), frame.Must(c[1]), "")).Scores {
				if s.Status != plugins.Undefined || s.Reason == "" {
					t.Errorf("%s: %+v", name, s)
				}
			}
		}
	}
}

func TestOtherBinsAreAVariant(t *testing.T) {
	real, synthetic := frame.Must(metrictest.Number("x", 1, 2, 3)), frame.Must(metrictest.Number("x", 1, 1, 3))
	for name, register := range ofShares {
		for with, want := range map[string]string{"": "", `{"bins": 4}`: "variant: 4 bins instead of 10"} {
			for _, s := range metrictest.Measure(t, register, name, with, metrictest.Pair(real, synthetic, "")).Scores {
				if got := strings.Join(s.Warnings, "; "); got != want {
					t.Errorf("%s with %s: %s warns %q, want %q", name, with, s.Name, got, want)
				}
			}
		}
	}
}

func TestSettingsOfSharesAreChecked(t *testing.T) {
	r := &plugins.Registry{}
	for name, register := range ofShares {
		register(r)
		for _, with := range []string{`{"bins": 1}`, `{"part": "reference"}`} {
			if _, _, err := r.Metrics.Get(name).Build(json.RawMessage(with)); err == nil {
				t.Errorf("%s with %s is accepted", name, with)
			}
		}
	}
}
