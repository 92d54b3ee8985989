// Package ladder cuts nested subsets from a ranking: the first 5 columns, the first 10 …
package ladder

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

// Schema is the CUE of a setting that is a Ladder, and OptionalSchema where there need not be one.
const (
	Schema         = `ladder!: ` + sizes
	OptionalSchema = `ladder?: ` + sizes

	sizes = `[int & >0, ...(int & >0)]`
)

// Ladder is the sizes of the subsets.
type Ladder []int

// New returns a copy of sizes. It is an error when there is none, or they do not ascend from at least 1.
func New(sizes []int) (Ladder, error) {
	if len(sizes) == 0 {
		return nil, fmt.Errorf("ladder is empty; give at least one size")
	}
	before := 0
	for _, size := range sizes {
		if size <= before {
			return nil, fmt.Errorf("ladder has %d after %d; want ascending sizes above 0", size, before)
		}
		before = size
	}
	return slices.Clone(sizes), nil
}

// Subsets returns the sizes as text, in order.
func (l Ladder) Subsets() []string {
	out := make([]string, len(l))
	for i, size := range l {
		out[i] = strconv.Itoa(size)
	}
	return out
}

// Cut returns the first columns, as many as the suffix says. It is an error when there are fewer.
func Cut(ranked []plugins.RankedColumn, suffix string) ([]string, error) {
	size, err := strconv.Atoi(suffix)
	if err != nil || size < 1 {
		return nil, fmt.Errorf("subset %q: want a number of columns", suffix)
	}
	if size > len(ranked) {
		return nil, fmt.Errorf("ladder asks for %d columns; there are %d candidates", size, len(ranked))
	}
	return plugins.Names(ranked[:size]), nil
}
