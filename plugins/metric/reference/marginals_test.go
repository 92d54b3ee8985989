package reference_test

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
)

var marginals = map[string]evaluator{
	"ks_complement": column(ks.Register, "ks", "", "ks_complement"),
	"tv_complement": column(tv.Register, "tv", "", "tv_complement"),
}

// column evaluates entries whose value is one score of each column: of the one column that the entry names or, where it names
// none, an object of all.
func column(register func(*plugins.Registry), plugin, with, score string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		pair, err := fidelity(f, e.Pair)
		if err != nil {
			return nil, err
		}
		m, err := measure(register, plugin, with, pair)
		if err != nil {
			return nil, err
		}
		if len(e.Columns) == 1 {
			return scoreOf(m, score, "column", e.Columns[0])
		}
		all := map[string]any{}
		for _, s := range m.Scores {
			if s.Name != score {
				continue
			}
			if all[s.Dims["column"]] = nil; s.Status == plugins.OK {
				all[s.Dims["column"]] = s.Value
			}
		}
		return all, nil
	}
}
