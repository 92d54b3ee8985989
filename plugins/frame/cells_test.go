package frame

import (
	"strings"
	"testing"
)

// A field of one byte takes eight in a column: the limit holds for these too.
func TestTheLimitHoldsForTheColumns(t *testing.T) {
	const rows = 5000
	text := "a,b,c\n" + strings.Repeat("1,2,3\n", rows)
	for limit, fits := range map[int64]bool{4 * rows * 3 * 8: true, 2 * int64(len(text)): false} {
		_, err := ReadCSV(strings.NewReader(text), ReadOptions{MaxBytes: limit})
		if fits && err != nil || !fits && (err == nil || !strings.Contains(err.Error(), "more than the limit")) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}
