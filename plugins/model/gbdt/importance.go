package gbdt

import "fmt"

// By says what the importance of a variable is, by the names of XGBoost.
type By string

// The kinds of importance. Those without "total" are a mean over the splits by the variable.
const (
	Gain       By = "gain"        // loss reduction of a split
	Cover      By = "cover"       // second derivatives of the training rows at a split
	TotalGain  By = "total_gain"  // sum of loss reductions
	TotalCover By = "total_cover" // sum of covers
	Weight     By = "weight"      // number of splits
)

// Importances returns the importance of each variable of the encoding, in its order; 0 where no tree splits by it.
//
// The columns of a category are one variable: their splits are added up, and a mean is over all of them. It is an
// error when by is none of the constants.
func (m *Model) Importances(by By) ([]float64, error) {
	n := len(m.encoding.variables)
	of := make([]int, len(m.encoding.features)) // the variable of a feature
	for i, v := range m.encoding.variables {
		end := len(of)
		if i+1 < n {
			end = m.encoding.variables[i+1].first
		}
		for j := v.first; j < end; j++ {
			of[j] = i
		}
	}
	splits, sum := make([]float64, n), make([]float64, n)
	for t := range m.trees {
		for _, s := range m.trees[t].stats {
			if s.feature < 0 {
				continue
			}
			i := of[s.feature]
			splits[i]++
			if by == Gain || by == TotalGain {
				sum[i] += s.gain
			} else {
				sum[i] += s.cover
			}
		}
	}
	switch by {
	case Weight:
		return splits, nil
	case TotalGain, TotalCover:
		return sum, nil
	case Gain, Cover:
		for i := range sum {
			sum[i] /= max(splits[i], 1)
		}
		return sum, nil
	}
	return nil, fmt.Errorf("importance by %q is not known; want %q, %q, %q, %q or %q", by, Gain, TotalGain, Weight, Cover, TotalCover)
}
