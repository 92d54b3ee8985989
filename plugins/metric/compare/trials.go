package compare

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Trials are what a share is of: rows, which those of one subject make fewer. The share of the zero Trials has no interval.
type Trials struct {
	Unit   string  // e.g. "synthetic rows", "test subjects"
	Weight float64 // effective number by number of rows, in (0,1]
	method string
}

// NewTrials returns the rows of a name, such as "test". subject holds the subject of each and may be nil; a row without one stands
// for itself.
//
// Rows of m in subjects of sizes mᵢ count as Kish's m²/Σmᵢ², as if all rows of a subject had one outcome: the interval of a share
// is then no narrower than it should be.
//
// Source: L. Kish (1965), Survey Sampling, section 8.2.
func NewTrials(name string, subject *frame.Column, rows int) Trials {
	alone := Trials{Unit: name + " rows", Weight: 1, method: "Wilson"}
	if subject == nil || rows == 0 {
		return alone
	}
	of, names := split.Indexed(subject)
	sizes, squares := make([]int, len(names)), 0
	for _, at := range of {
		if at == frame.Missing {
			squares++
		} else {
			sizes[at]++
		}
	}
	for _, n := range sizes {
		squares += n * n
	}
	return Clustered(name+" subjects", rows, squares)
}

// Clustered returns rows in clusters, such as those of a subject; squares is the sum of the squared numbers of rows in each cluster.
func Clustered(unit string, rows, squares int) Trials {
	if squares > rows {
		return Trials{Unit: unit, Weight: float64(rows) / float64(squares), method: "Wilson, Kish's effective number"}
	}
	return Trials{Unit: unit, Weight: 1, method: "Wilson"}
}

// Share is the score k/n of trials with its Wilson interval of 95 %, undefined for a reason when n is 0. The interval says what is
// compatible with none of n, too.
func Share(name string, k, n int, t Trials, reason string) plugins.Score {
	if n == 0 {
		return Undefined(name, reason)
	}
	const level = 0.95
	s := plugins.Score{Name: name, Value: float64(k) / float64(n), N: n, Status: plugins.OK}
	if t.Weight == 0 {
		return s
	}
	low, high, err := stats.WilsonShare(s.Value, t.Weight*float64(n), level)
	if err != nil { // a share is in [0,1], and n above 0
		panic(err)
	}
	s.Interval = &plugins.Interval{Low: low, High: high, Level: level, Unit: t.Unit, Method: t.method}
	return s
}
