package forest

// Importances returns what the splits by each encoded column took off the Gini impurity: a share of what all splits of a tree
// took off, averaged over the trees that have a split, so that they sum to 1; all 0 when no tree has any. The importance
// of a variable is the sum over its columns.
//
// It prefers columns of many values, which offer more splits to choose among, and it is measured on the rows that the
// trees were grown on: see package permutation for one that has neither fault.
func (m *Model) Importances() []float64 {
	out, trees := make([]float64, m.columns), 0
	one := make([]float64, m.columns)
	for t := range m.trees {
		clear(one)
		sum := 0.0
		for _, d := range m.trees[t].decreases {
			one[d.column] += d.value
			sum += d.value
		}
		if sum == 0 {
			continue
		}
		trees++
		for j, v := range one {
			out[j] += v / sum
		}
	}
	for j := range out {
		out[j] /= float64(max(1, trees))
	}
	return out
}
