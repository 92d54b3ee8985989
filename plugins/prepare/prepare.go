// Package prepare fits a preparation on the train part and applies it to all parts.
//
// It knows two spaces. The natural space is what metrics read: the units, kinds and columns of the data set. What
// cannot be undone happens on the way into it, on all parts alike (Fitted.Apply): missing values, indicators,
// winsorising, rare levels. The model space is what rankings and strategies read: transformed numbers, and one-hot
// sets folded into one variable. Space.Encode leads from the natural space into it, Space.Decode leads generated
// rows back.
//
// The order of Apply, once the data set has turned its codes for missing into missing values: rows dropped,
// winsorising, imputation, indicators, levels.
//
//   - Rows are dropped first: what is learnt, is learnt of the rows that stay.
//   - Winsorising comes before imputation, so that a slip of the pen neither bends the model nor is imputed.
//   - Indicators tell which values were imputed, so they are of the values as they came.
//   - Levels are merged last: an imputed level is merged like any other, and the model of the missing values sees
//     the levels that merging would hide.
//
// Everything is fitted on the rows that are handed to Fit, and on no other. To refit a preparation per training fold,
// call Fit with the rows of the fold.
package prepare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Version is raised when equal inputs may be prepared otherwise.
const Version = 2

// Uses names the shared libraries that the outputs depend on.
func Uses() []plugins.Use {
	return []plugins.Use{{Name: "gram", Version: gram.Version}, {Name: "stats", Version: stats.Version}}
}

// The ways to treat missing values, as Config.Missing names them.
const (
	Keep         = "keep"           // they stay missing
	Median       = "median"         // filled with the median, or the most frequent level, of train
	Model        = "model"          // imputed from the other columns of the row; see Imputer
	Drop         = "drop"           // rows with a missing value in a prepared column are left out
	DropBySubset = "drop-by-subset" // rows with one among the columns of a feature subset are; see Fitted.Complete
)

// The transforms, as Config.Transform names them.
const (
	Log         = "log"          // natural logarithm
	Log1p       = "log1p"        // natural logarithm of 1 + x
	Sqrt        = "sqrt"         // square root
	YeoJohnson  = "yeo-johnson"  // power transform of I.-K. Yeo, R. A. Johnson (2000), by maximum likelihood
	NormalScore = "normal-score" // normal quantile of the rank in train
)

// Config is the prepare block of a data set.
type Config struct {
	Missing   string            `json:"missing"`             // one of the ways above; "" is Keep
	Indicator bool              `json:"indicator,omitempty"` // a 0/1 column NAME_missing beside each column with missing values in train
	Winsorise *Winsorise        `json:"winsorise,omitempty"`
	Transform map[string]string `json:"transform,omitempty"` // column to transform
	OneHot    map[string]OneHot `json:"oneHot,omitempty"`    // variable to the columns that are one
	Levels    *Levels           `json:"levels,omitempty"`
}

// Winsorise pulls numbers outside two quantiles of train in to them.
type Winsorise struct {
	Low     float64  `json:"low"`               // share of the lower quantile, from 0 to below 0.5
	High    float64  `json:"high"`              // share of the upper one, above 0.5 up to 1
	Columns []string `json:"columns,omitempty"` // nil: all numbers that keep more than one value
}

// The quantiles that are meant when an experiment names none.
const (
	WinsoriseLow  = 0.01
	WinsoriseHigh = 0.99
)

// OneHot names columns of 0 and 1 that are one variable: a row has a 1 in one of them.
// In JSON it is an object or, without None, a list.
type OneHot struct {
	Columns []string `json:"columns"`
	None    string   `json:"none,omitempty"` // the level of rows with 0 in all of them; "": there are no such rows
}

// Sets are the columns of each one-hot set, sets and columns by name.
func (cfg Config) Sets() [][]string {
	var sets [][]string
	for _, name := range slices.Sorted(maps.Keys(cfg.OneHot)) {
		sets = append(sets, slices.Sorted(slices.Values(cfg.OneHot[name].Columns)))
	}
	return sets
}

// UnmarshalJSON accepts both forms.
func (o *OneHot) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '[' {
		*o = OneHot{}
		return json.Unmarshal(b, &o.Columns)
	}
	type plain OneHot
	return json.Unmarshal(b, (*plain)(o))
}

// Levels merges the levels of categorical columns that are rare in train.
type Levels struct {
	Min   int    `json:"min"`   // a level with fewer rows in train is merged
	Other string `json:"other"` // the level that takes them
}

// RowsDependOnSubset reports whether feature subsets of one data set may be left with different rows, those of the
// test part among them, so that scores of different subsets do not rest on the same patients.
func (cfg Config) RowsDependOnSubset() bool { return cfg.Missing == DropBySubset }

// IndicatorName is the name of the column that marks the missing values of a column or a one-hot set.
func IndicatorName(variable string) string { return variable + "_missing" }

// Check returns the first mistake that can be seen without data.
func (cfg Config) Check() error {
	switch cfg.Missing {
	case "", Keep, Median, Model:
	case Drop, DropBySubset:
		if cfg.Indicator {
			return fmt.Errorf("indicator marks missing values, but missing %q leaves none", cfg.Missing)
		}
	default:
		return fmt.Errorf(`missing is %q: want "keep", "median", "model", "drop" or "drop-by-subset"`, cfg.Missing)
	}
	if err := cfg.Winsorise.check(); err != nil {
		return err
	}
	members, err := cfg.members()
	if err != nil {
		return err
	}
	if err := cfg.checkMembers(members); err != nil {
		return err
	}
	switch l := cfg.Levels; {
	case l == nil:
		return nil
	case l.Min < 0:
		return fmt.Errorf("levels.min is %d: want a number of rows, 0 or more", l.Min)
	case l.Other == "":
		return fmt.Errorf("levels.other is empty: name the level that rare ones are merged into")
	}
	return nil
}

func (w *Winsorise) check() error {
	switch {
	case w == nil:
		return nil
	case !(w.Low >= 0 && w.Low < 0.5):
		return fmt.Errorf("winsorise.low is %v: want a share from 0 to below 0.5", w.Low)
	case !(w.High > 0.5 && w.High <= 1):
		return fmt.Errorf("winsorise.high is %v: want a share above 0.5, up to 1", w.High)
	}
	return nil
}

// members maps the columns of all one-hot sets to the name of their set, or returns what is wrong with the sets.
func (cfg Config) members() (map[string]string, error) {
	of := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(cfg.OneHot)) {
		set := cfg.OneHot[name]
		least := 2
		if set.None != "" {
			least = 1
		}
		if len(set.Columns) < least {
			return nil, fmt.Errorf("oneHot.%s names %d of its columns: want %d or more", name, len(set.Columns), least)
		}
		for _, c := range set.Columns {
			switch other, twice := of[c]; {
			case twice && other == name:
				return nil, fmt.Errorf("oneHot.%s names column %q twice", name, c)
			case twice:
				return nil, fmt.Errorf("oneHot.%s names column %q, which is in oneHot.%s", name, c, other)
			case c == set.None:
				return nil, fmt.Errorf("oneHot.%s.none is %q, which is a column of the set: name the level of rows that are 0 in all columns", name, c)
			}
			of[c] = name
		}
	}
	return of, nil
}

// checkMembers looks for columns of one-hot sets where they cannot stand.
func (cfg Config) checkMembers(members map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.OneHot)) {
		if set, taken := members[name]; taken {
			return fmt.Errorf("oneHot.%s has the name of a column of oneHot.%s: name the variable otherwise", name, set)
		}
	}
	for _, column := range slices.Sorted(maps.Keys(cfg.Transform)) {
		switch kind := cfg.Transform[column]; kind {
		case Log, Log1p, Sqrt, YeoJohnson, NormalScore:
		default:
			return fmt.Errorf(`transform.%s is %q: want "log", "log1p", "sqrt", "yeo-johnson" or "normal-score"`, column, kind)
		}
		if set, taken := members[column]; taken {
			return fmt.Errorf("transform.%s: the column is 0 or 1, and one variable with others in oneHot.%s", column, set)
		}
	}
	if cfg.Winsorise != nil {
		for i, column := range cfg.Winsorise.Columns {
			if set, taken := members[column]; taken {
				return fmt.Errorf("winsorise.columns names %q, which is 0 or 1, and one variable with others in oneHot.%s", column, set)
			}
			if slices.Contains(cfg.Winsorise.Columns[:i], column) {
				return fmt.Errorf("winsorise.columns names %q twice", column)
			}
		}
	}
	return nil
}
