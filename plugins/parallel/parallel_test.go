package parallel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

func TestForRunsEveryPieceOnce(t *testing.T) {
	for _, threads := range []int{-1, 0, 1, 2, 3, 100} {
		for _, n := range []int{0, 1, 2, 57} {
			ran := make([]int, n)
			err := parallel.For(t.Context(), threads, n, func(i int) error { ran[i]++; return nil })
			if err != nil {
				t.Fatalf("threads %d, n %d: %v", threads, n, err)
			}
			for i, times := range ran {
				if times != 1 {
					t.Fatalf("threads %d, n %d: piece %d ran %d times", threads, n, i, times)
				}
			}
		}
	}
}

func TestForReturnsTheFirstErrorAndStops(t *testing.T) {
	for _, threads := range []int{1, 4} {
		var ran atomic.Int64
		err := parallel.For(t.Context(), threads, 1_000_000, func(i int) error {
			ran.Add(1)
			if i >= 5 {
				return fmt.Errorf("piece %d", i)
			}
			return nil
		})
		if err == nil || err.Error() != "piece 5" || ran.Load() > 1000 {
			t.Fatalf("threads %d: error %v after %d pieces", threads, err, ran.Load())
		}
	}
}

func TestForEndsWithItsContext(t *testing.T) {
	for _, threads := range []int{1, 4} {
		ctx, cancel := context.WithCancel(t.Context())
		err := parallel.For(ctx, threads, 1_000_000, func(i int) error {
			if i == 3 {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("threads %d: %v", threads, err)
		}
	}
}

func TestForIsDoneWhenTheContextEndsAfterTheLastPiece(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := parallel.For(ctx, 2, 1, func(int) error { cancel(); return nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestForRaisesAPanicInTheCaller(t *testing.T) {
	for _, threads := range []int{1, 4} {
		message := func() (got string) {
			defer func() { got = fmt.Sprint(recover()) }()
			_ = parallel.For(t.Context(), threads, 100, func(i int) error {
				if i == 7 {
					panic("seven")
				}
				return nil
			})
			return "no panic"
		}()
		if !strings.HasPrefix(message, "seven") {
			t.Fatalf("threads %d: %q", threads, message)
		}
	}
}
