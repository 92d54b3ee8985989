package stats

import "math"

// ClusteredAUROC is the AUROC of scores of rows that come in clusters, such as the rows of one subject, with its precision. Clusters are
// independent of each other, and rows of one need not be.
type ClusteredAUROC struct {
	AUROC     float64 // in [0,1], ties counting half
	Variance  float64 // of its sampling, at least 0
	Positives int     // clusters with a row of label true
	Negatives int     // clusters with a row of label false
}

// NewClusteredAUROC measures scores, higher ones speaking for true. cluster numbers the cluster of each row from 0, and nil makes
// each row a cluster of its own: the variance then is that of DeLong. It returns ErrLengths, ErrNoRows, ErrOneClass, and ErrFewPerClass
// unless there are rows of either label in two clusters; with the last the AUROC is there, without its variance.
//
// Source: N. A. Obuchowski (1997), Biometrics 53(2), 567–578.
func NewClusteredAUROC(y []bool, scores []float64, cluster []int32) (*ClusteredAUROC, error) {
	switch {
	case len(y) == 0:
		return nil, ErrNoRows
	case len(scores) != len(y) || cluster != nil && len(cluster) != len(y):
		return nil, ErrLengths
	}
	m, n := 0, 0
	for _, positive := range y {
		if positive {
			m++
		} else {
			n++
		}
	}
	if m == 0 || n == 0 {
		return nil, ErrOneClass
	}
	c := structural(y, scores, m, n)
	var twice int64
	for _, v := range c.positive {
		twice += v
	}
	a := &ClusteredAUROC{AUROC: float64(twice) / 2 / (float64(m) * float64(n))}
	return a, a.vary(c, y, cluster)
}

// vary computes the variance.
func (a *ClusteredAUROC) vary(c components, y []bool, cluster []int32) error {
	m, n := float64(len(c.positive)), float64(len(c.negative))
	type excess struct { // of a cluster's structural components over what the AUROC makes expect, summed
		positive, negative       float64
		hasPositive, hasNegative bool
	}
	var all []excess
	p, q := 0, 0
	for i, positive := range y {
		k := i
		if cluster != nil {
			k = int(cluster[i])
		}
		for len(all) <= k {
			all = append(all, excess{})
		}
		e := &all[k]
		if positive {
			e.positive, e.hasPositive = e.positive+float64(c.positive[p])/(2*n)-a.AUROC, true
			p++
		} else {
			e.negative, e.hasNegative = e.negative+float64(c.negative[q])/(2*m)-a.AUROC, true
			q++
		}
	}
	clusters, squares, others, products := 0, 0.0, 0.0, 0.0
	for _, e := range all {
		if e.hasPositive {
			a.Positives++
		}
		if e.hasNegative {
			a.Negatives++
		}
		if e.hasPositive || e.hasNegative {
			clusters++
		}
		squares, others, products = squares+e.positive*e.positive, others+e.negative*e.negative, products+e.positive*e.negative
	}
	if a.Positives < 2 || a.Negatives < 2 {
		return ErrFewPerClass
	}
	per := func(clusters int) float64 { return float64(clusters) / float64(clusters-1) }
	a.Variance = max(0, per(a.Positives)*squares/(m*m)+per(a.Negatives)*others/(n*n)+2*per(clusters)*products/(m*n))
	return nil
}

// noVariance is a variance that rounding alone can make.
const noVariance = 1e-24

// Interval returns the interval of an AUROC that is symmetric on the logit scale: logit(AUROC) ∓ z·SE/(AUROC(1-AUROC)). Its bounds lie
// within (0,1), and with few rows it covers better than that on the scale of the AUROC. It returns ErrLevel.
//
// A variance of 0, as with classes that are wholly apart, says that all pairs of a positive and a negative cluster agree, and not that the AUROC
// is known. Then k pairs without a common cluster agree, with k the smaller number of clusters: were a share of more than 1-(1-level)^(1/k) of
// all pairs otherwise, this had a probability below 1-level. The bounds are the AUROC with that share ranked wrongly, and rightly.
//
// Source: M. S. Pepe (2003), The Statistical Evaluation of Medical Tests for Classification and Prediction, section 5.2.
func (a *ClusteredAUROC) Interval(level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	if a.Variance <= noVariance || a.AUROC == 0 || a.AUROC == 1 {
		k := float64(min(a.Positives, a.Negatives))
		agree := math.Pow(1-level, 1/k)
		return a.AUROC * agree, a.AUROC*agree + 1 - agree, nil
	}
	centre := math.Log(a.AUROC / (1 - a.AUROC))
	half := normalQuantile((1+level)/2) * math.Sqrt(a.Variance) / (a.AUROC * (1 - a.AUROC))
	logistic := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	return logistic(centre - half), logistic(centre + half), nil
}
