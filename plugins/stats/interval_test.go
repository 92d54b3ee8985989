package stats_test

import (
	"errors"
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestWilsonOfAShare(t *testing.T) {
	for _, c := range [][2]int{{0, 7}, {3, 7}, {7, 7}, {40, 200}} {
		low, high, _ := stats.Wilson(c[0], c[1], 0.9)
		from, to, err := stats.WilsonShare(float64(c[0])/float64(c[1]), float64(c[1]), 0.9)
		if err != nil || from != low || to != high {
			t.Errorf("%d of %d: [%v, %v], %v; want [%v, %v]", c[0], c[1], from, to, err, low, high)
		}
	}
	last := 0.0
	for size := 64.0; size > 0.1; size /= 1.7 { // fewer trials tell less
		low, high, err := stats.WilsonShare(0.3, size, 0.95)
		if err != nil || low > 0.3 || high < 0.3 || low < 0 || high > 1 || high-low <= last {
			t.Errorf("of %v trials: [%v, %v], %v", size, low, high, err)
		}
		last = high - low
	}
	for _, c := range []struct {
		share, size, level float64
		want               error
	}{
		{0.5, 0, 0.95, stats.ErrNoRows},
		{0.5, math.NaN(), 0.95, stats.ErrNoRows},
		{1.1, 10, 0.95, stats.ErrCount},
		{math.NaN(), 10, 0.95, stats.ErrCount},
		{0.5, 10, 1, stats.ErrLevel},
	} {
		if _, _, err := stats.WilsonShare(c.share, c.size, c.level); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
