package engine

import (
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestDigestsHoldNoTimes(t *testing.T) {
	digest := func(at time.Time, calls int) string {
		a := &artifact{meta: meta{Facts: Facts{Usage: []plugins.Usage{{Calls: calls, First: at, Last: at.Add(time.Hour)}}}}}
		b, d, err := a.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(b)
		if err != nil || !back.meta.Usage[0].First.Equal(at) {
			t.Fatalf("the times are not kept: %v %v", back, err)
		}
		return string(d)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if digest(now, 7) != digest(now.AddDate(0, 1, 0), 7) {
		t.Error("equal answers of another day have another digest")
	}
	if digest(now, 7) == digest(now, 8) {
		t.Error("other usage has the same digest")
	}
}
