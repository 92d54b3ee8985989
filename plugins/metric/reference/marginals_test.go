package reference_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	rangecoverage "github.com/ehrlab/ehrlab/plugins/metric/coverage"
	"github.com/ehrlab/ehrlab/plugins/metric/hellinger"
	"github.com/ehrlab/ehrlab/plugins/metric/homogeneity"
	"github.com/ehrlab/ehrlab/plugins/metric/jensenshannon"
	"github.com/ehrlab/ehrlab/plugins/metric/kl"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/missingness"
	"github.com/ehrlab/ehrlab/plugins/metric/moments"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
	"github.com/ehrlab/ehrlab/plugins/metric/wasserstein"
)

var marginals = map[string]evaluator{
	"ks_complement":                column(ks.Register, "ks", "ks_complement"),
	"tv_complement":                column(tv.Register, "tv", "tv_complement"),
	"wasserstein_1":                column(wasserstein.Register, "wasserstein", "wasserstein_1"),
	"wasserstein_1_scaled":         column(wasserstein.Register, "wasserstein", "wasserstein_1_scaled"),
	"jensen_shannon_distance":      column(jensenshannon.Register, "jensen-shannon", "jensen_shannon_distance", "bins"),
	"hellinger_distance":           column(hellinger.Register, "hellinger", "hellinger_distance", "bins"),
	"kl_divergence":                column(kl.Register, "kl", "kl_divergence", "bins", "smoothing"),
	"standardised_mean_difference": column(moments.Register, "moments", "standardised_mean_difference"),
	"statistic_similarity_mean":    column(moments.Register, "moments", "statistic_similarity_mean"),
	"statistic_similarity_std":     column(moments.Register, "moments", "statistic_similarity_std"),
	"statistic_similarity_median":  column(moments.Register, "moments", "statistic_similarity_median"),
	"range_coverage":               column(rangecoverage.Register, "coverage", "range_coverage"),
	"boundary_adherence":           column(rangecoverage.Register, "coverage", "boundary_adherence"),
	"category_coverage":            column(rangecoverage.Register, "coverage", "category_coverage"),
	"category_adherence":           column(rangecoverage.Register, "coverage", "category_adherence"),
	"missing_value_similarity":     column(missingness.Register, "missingness", "missing_value_similarity"),
	"inverse_kl_synthcity":         numericOnly(column(variants.Register, "inverse-kl-synthcity", "inverse_kl_synthcity")),
	"cstest_pvalue_sdmetrics":      column(variants.Register, "cstest-sdmetrics", "cstest_pvalue_sdmetrics"),
	"chi2_homogeneity":             chi2,
	"confidence_interval_overlap":  intervalOverlap,
	"kl_pair_continuous_sdmetrics": columnPair("kl-pair-continuous-sdmetrics", "kl_pair_continuous_sdmetrics"),
	"kl_pair_discrete_sdmetrics":   columnPair("kl-pair-discrete-sdmetrics", "kl_pair_discrete_sdmetrics"),
}

// ofPair measures the synthetic rows of an entry's pair against the real ones, with the named parameters of the entry as settings.
func ofPair(f *reference.Folder, e reference.Entry, register func(*plugins.Registry), plugin string, settings ...string) (*plugins.Measurement, error) {
	pair, err := fidelity(f, e.Pair)
	if err != nil {
		return nil, err
	}
	params, with := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	for _, name := range settings {
		if value, ok := params[name]; ok {
			with[name] = value
		}
	}
	block, err := json.Marshal(with)
	if err != nil {
		return nil, err
	}
	return measure(register, plugin, string(block), pair)
}

// column evaluates entries whose value is one score of each column: of the one column that the entry names or, where it names
// several or none, an object of those or of all that the metric compares. Columns that identify rows are not among them.
func column(register func(*plugins.Registry), plugin, score string, settings ...string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := ofPair(f, e, register, plugin, settings...)
		if err != nil {
			return nil, err
		}
		if len(e.Columns) == 1 {
			return scoreOf(m, score, "column", e.Columns[0])
		}
		pair, err := f.Pair(e.Pair)
		if err != nil {
			return nil, err
		}
		names := pair.Names("numeric", "categorical")
		if len(e.Columns) > 0 {
			names = e.Columns
		}
		all := map[string]any{}
		for _, s := range m.Scores {
			if name := s.Dims["column"]; s.Name == score && slices.Contains(names, name) {
				if all[name] = nil; s.Status == plugins.OK {
					all[name] = s.Value
				}
			}
		}
		return all, nil
	}
}

// numericOnly leaves the columns that are not numeric out of an object of all.
func numericOnly(evaluate evaluator) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		value, err := evaluate(f, e)
		all, ok := value.(map[string]any)
		if err != nil || !ok {
			return value, err
		}
		pair, err := f.Pair(e.Pair)
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(all, func(name string, _ any) bool { return !slices.Contains(pair.Names("numeric"), name) })
		return all, nil
	}
}

// columnPair evaluates entries whose value is one score of the pair of columns that the entry names, in either order.
func columnPair(plugin, score string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		pair, err := fidelity(f, e.Pair)
		if err != nil {
			return nil, err
		}
		m, err := measure(variants.Register, plugin, `{"pairs": true}`, pair)
		if err != nil {
			return nil, err
		}
		if len(e.Columns) != 2 {
			return nil, fmt.Errorf("%d columns; want 2", len(e.Columns))
		}
		if m.Scores[0].Status == plugins.Undefined {
			return nil, undefined(m.Scores[0].Reason)
		}
		a, b := e.Columns[0], e.Columns[1]
		if value, err := scoreOf(m, score, "column", a, "other", b); err == nil {
			return value, nil
		}
		return scoreOf(m, score, "column", b, "other", a)
	}
}

func chi2(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := ofPair(f, e, homogeneity.Register, "homogeneity")
	if err != nil {
		return nil, err
	}
	one := func(name string) (any, error) {
		value := map[string]any{}
		for field, score := range map[string]string{"statistic": "chi2_homogeneity", "p_value": "chi2_homogeneity_p", "dof": "chi2_homogeneity_dof"} {
			v, err := scoreOf(m, score, "column", name)
			if err != nil {
				return nil, err
			}
			value[field] = v
		}
		return value, nil
	}
	if len(e.Columns) == 1 {
		return one(e.Columns[0])
	}
	pair, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for _, name := range pair.Names("categorical") {
		if all[name], err = one(name); err != nil {
			all[name] = nil
		}
	}
	return all, nil
}

// intervalOverlap evaluates the overlap of the intervals of all number columns.
func intervalOverlap(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := ofPair(f, e, moments.Register, "moments")
	if err != nil {
		return nil, err
	}
	mean, err := scoreOf(m, "mean_confidence_interval_overlap")
	if err != nil {
		return nil, err
	}
	value := map[string]any{"avg overlap": mean}
	for field, score := range map[string]string{
		"overlap err":       "confidence_interval_overlap_standard_error",
		"num non-overlaps":  "columns_without_confidence_interval_overlap",
		"frac non-overlaps": "share_without_confidence_interval_overlap",
	} {
		if v, err := scoreOf(m, score); err == nil {
			value[field] = v
		} else {
			value[field] = nil
		}
	}
	return value, nil
}
