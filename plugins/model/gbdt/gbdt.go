// Package gbdt fits gradient-boosted decision trees for two classes: second-order boosting of the logistic loss on
// histograms of at most 256 bins a column, the method of XGBoost's "hist", whose settings, names and choices it takes.
//
// An Encoding says which columns the trees see: a number as it is, one 0/1 column for each level of a category, and a
// missing value as missing, for which each split learns a direction. Fit returns a Model, which predicts margins and
// probabilities for any Matrix of the same Encoding, and knows how much each variable was used.
//
// Gradients are rounded to multiples of a power of two, small enough that every sum of them is exact (53 bits for the
// sum of all rows). So a sum does not depend on the order of its terms, a sibling's histogram is found by an exact
// subtraction, and the model is the same whatever the number of threads. Gains are compared as 32-bit floats, as in
// XGBoost: of splits that are equal to that precision, the first column's first threshold wins.
//
// Where it differs from XGBoost: values are 64-bit; bins are exact quantiles and not those of a sketch; rows and
// columns are sampled from another generator; a column with missing values has 255 bins for its values; a missing value
// at a split that saw none in training goes to the child with more weight, not always to the right; the base score is
// always the weighted share of class 1 unless it is given.
//
// Source: T. Chen, C. Guestrin (2016), XGBoost: a scalable tree boosting system, KDD 2016, 785-794 (objective, gain,
// default directions); G. Ke et al. (2017), LightGBM, NIPS 30 (histograms, subtraction of siblings).
package gbdt

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Version is raised when equal inputs may give another model.
const Version = 1

// Config says how the trees are grown; start from Defaults. Fields that bear the name of a parameter of XGBoost mean what that means.
type Config struct {
	Rounds         int     `json:"rounds"`           // trees, ≥ 1; at most that many with a Validation
	Eta            float64 `json:"eta"`              // what a leaf's weight is multiplied by, in (0,1]
	MaxDepth       int     `json:"max_depth"`        // splits on the way to a leaf, 1 to 24
	Lambda         float64 `json:"lambda"`           // L2 penalty of leaf weights, ≥ 0
	Alpha          float64 `json:"alpha"`            // L1 penalty of leaf weights, ≥ 0
	Gamma          float64 `json:"gamma"`            // the gain that a split must reach, ≥ 0
	MinChildWeight float64 `json:"min_child_weight"` // least sum of second derivatives in a child, ≥ 0
	Subsample      float64 `json:"subsample"`        // probability of a row to be drawn for a tree, in (0,1]
	Colsample      float64 `json:"colsample_bytree"` // share of the encoded columns drawn for a tree, in (0,1]
	ScalePosWeight float64 `json:"scale_pos_weight"` // weight of the rows of class 1, 1e-6 to 1e6
	BaseScore      float64 `json:"base_score"`       // probability that boosting starts from, in (0,1); 0: the weighted share of class 1
	MaxBin         int     `json:"max_bin"`          // bins of a number, 2 to 256

	Rand       *rand.Rand  `json:"-"` // draws rows and columns; needed when Subsample or Colsample is below 1
	Validation *Validation `json:"-"` // nil: no early stopping
	Threads    int         `json:"-"` // goroutines to keep busy; 0 means 1. It changes no bit of the result
}

// Validation stops the boosting when more trees no longer help on rows that the trees are not grown on.
type Validation struct {
	X        *Matrix   // of the Encoding of the training rows
	Y        []float64 // 0 and 1
	Patience int       // rounds without a lower mean log-loss after which to stop, ≥ 1; the trees up to the lowest are kept
}

// Schema is the CUE of the settings that a Config takes, for the schema of a plugin that offers them.
const Schema = `rounds?: int & >=1 & <=100000 // trees
	eta?: number & >0 & <=1 // learning rate: what the weight of a leaf is multiplied by
	max_depth?: int & >=1 & <=24 // splits on the way to a leaf
	lambda?: number & >=0 // L2 penalty of the weights of leaves
	alpha?: number & >=0 // L1 penalty of the weights of leaves
	gamma?: number & >=0 // the gain that a split must reach
	min_child_weight?: number & >=0 // least sum of second derivatives on a side of a split
	subsample?: number & >0 & <=1 // share of the rows that are drawn for a tree
	colsample_bytree?: number & >0 & <=1 // share of the encoded columns that are drawn for a tree
	scale_pos_weight?: number & >=1e-6 & <=1e6 // weight of the rows with the label
	base_score?: number & >=0 & <1 // probability that boosting starts from; 0: the share of the label
	max_bin?: int & >=2 & <=256 // bins of a number column`

// Defaults are those of XGBoost with 100 rounds, but for a learning rate of 0.1 instead of 0.3.
func Defaults() Config {
	return Config{
		Rounds: 100, Eta: 0.1, MaxDepth: 6, Lambda: 1, MinChildWeight: 1,
		Subsample: 1, Colsample: 1, ScalePosWeight: 1, MaxBin: mostBins,
	}
}

const maxDepth = 24

// Check says which setting is out of range, by its name in JSON.
func (c Config) Check() error {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for _, s := range []struct {
		name  string
		value any
		ok    bool
		want  string
	}{
		{"rounds", c.Rounds, c.Rounds >= 1, "at least 1"},
		{"eta", c.Eta, c.Eta > 0 && c.Eta <= 1, "above 0 and at most 1"},
		{"max_depth", c.MaxDepth, c.MaxDepth >= 1 && c.MaxDepth <= maxDepth, fmt.Sprintf("1 to %d", maxDepth)},
		{"lambda", c.Lambda, c.Lambda >= 0 && finite(c.Lambda), "at least 0"},
		{"alpha", c.Alpha, c.Alpha >= 0 && finite(c.Alpha), "at least 0"},
		{"gamma", c.Gamma, c.Gamma >= 0 && finite(c.Gamma), "at least 0"},
		{"min_child_weight", c.MinChildWeight, c.MinChildWeight >= 0 && finite(c.MinChildWeight), "at least 0"},
		{"subsample", c.Subsample, c.Subsample > 0 && c.Subsample <= 1, "above 0 and at most 1"},
		{"colsample_bytree", c.Colsample, c.Colsample > 0 && c.Colsample <= 1, "above 0 and at most 1"},
		{"scale_pos_weight", c.ScalePosWeight, c.ScalePosWeight >= 1e-6 && c.ScalePosWeight <= 1e6, "1e-6 to 1e6"},
		{"base_score", c.BaseScore, c.BaseScore >= 0 && c.BaseScore < 1, "above 0 and below 1, or 0 for the share of class 1"},
		{"max_bin", c.MaxBin, c.MaxBin >= 2 && c.MaxBin <= mostBins, fmt.Sprintf("2 to %d", mostBins)},
	} {
		if !s.ok {
			return fmt.Errorf("boosted trees: %s is %v; want %s", s.name, s.value, s.want)
		}
	}
	return nil
}

// Model is a fitted model: the margin of a row is Base plus the values of the leaves that it falls into, and the
// probability of class 1 is 1/(1+exp(-margin)). It is immutable.
type Model struct {
	Base      float64
	trees     []tree
	encoding  *Encoding
	lastRound int // grown, before those after the lowest loss were cut off
}

// Trees is the number of trees.
func (m *Model) Trees() int { return len(m.trees) }

// Grown is the number of trees that were grown: more than Trees when the boosting stopped early.
func (m *Model) Grown() int { return m.lastRound }

// tree is one tree; node 0 is its root.
type tree struct {
	nodes []node
	stats []stat // of the nodes
}

// node is laid out for prediction: 16 bytes.
type node struct {
	at     float64 // a number below at goes left; a category other than level at goes left; value of a leaf
	column int32   // of the matrix, shifted left by flagBits, with the flags; leaf when below 0
	left   int32   // the left child; the right one follows it
}

const (
	flagBits          = 2
	missingLeft       = 1 // a missing value goes left
	byLevel           = 2 // at is a level of a category
	leafNode    int32 = -1
)

// stat is what importances are made of.
type stat struct {
	feature int32   // encoded column; below 0 for a leaf
	gain    float64 // loss reduction of the split, as XGBoost defines it: twice that of the objective
	cover   float64 // sum of second derivatives of the training rows that reach the node
}
