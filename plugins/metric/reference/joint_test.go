package reference_test

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/alphaprecision"
	"github.com/ehrlab/ehrlab/plugins/metric/association"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/contingency"
	"github.com/ehrlab/ehrlab/plugins/metric/correlation"
	"github.com/ehrlab/ehrlab/plugins/metric/detection"
	"github.com/ehrlab/ehrlab/plugins/metric/mmd"
	"github.com/ehrlab/ehrlab/plugins/metric/mutualinformation"
	"github.com/ehrlab/ehrlab/plugins/metric/pmse"
	"github.com/ehrlab/ehrlab/plugins/metric/prdc"
	"github.com/ehrlab/ehrlab/plugins/metric/qualityreport"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
)

var joint = map[string]evaluator{
	"correlation_similarity_pearson":         correlationSimilarity(correlation.Pearson),
	"correlation_similarity_spearman":        correlationSimilarity(correlation.Spearman),
	"correlation_matrix_difference":          correlationDifference(correlation.Pearson),
	"correlation_matrix_difference_spearman": correlationDifference(correlation.Spearman),

	"contingency_similarity": contingencySimilarity,

	"cramers_v_real":            associationOf("cramers_v", plugins.Test),
	"cramers_v_synth":           associationOf("cramers_v", compare.Synthetic),
	"cramers_v_corrected_real":  associationOf("cramers_v_corrected", plugins.Test),
	"cramers_v_corrected_synth": associationOf("cramers_v_corrected", compare.Synthetic),
	"theils_u_real":             associationOf("theils_u", plugins.Test),
	"theils_u_synth":            associationOf("theils_u", compare.Synthetic),
	"correlation_ratio_real":    associationOf("correlation_ratio", plugins.Test),
	"correlation_ratio_synth":   associationOf("correlation_ratio", compare.Synthetic),

	"association_difference_cramers_v":           associationDifference("cramers_v"),
	"association_difference_cramers_v_corrected": associationDifference("cramers_v_corrected"),
	"association_difference_theils_u":            associationDifference("theils_u"),
	"association_difference_correlation_ratio":   associationDifference("correlation_ratio"),

	"normalised_mutual_information_difference": mutualInformation,

	"quality_report": jointWhole("score", jointObject(qualityreport.Register, "quality-report-sdmetrics", "", jointFields{
		"score": "quality_score", "Column Shapes": "column_shapes", "Column Pair Trends": "column_pair_trends",
	})),
	"diagnostic_report": jointObject(qualityreport.Register, "quality-report-sdmetrics", "", jointFields{
		"score": "diagnostic_score", "Data Validity": "data_validity", "Data Structure": "data_structure",
	}),

	"standard_encoding_checksum": encodingChecksum,

	"pmse_logistic_l2": jointScore(pmse.Register, "pmse", "", "pmse_logistic_l2"),
	"pmse_logistic_unpenalised": jointWhole("pmse", jointObject(pmse.Register, "pmse", "", jointFields{
		"pmse": "pmse_logistic_unpenalised", "null_expectation": "null_expectation", "ratio": "ratio", "standardised": "standardised", "parameters": "parameters",
	})),
	"c2st_logistic": jointWhole("auc_pooled", jointObject(detection.Register, "detection", "", detectedBy)),
	"c2st_xgboost":  jointWhole("auc_pooled", jointObject(detection.Register, "detection", `{"model": "gbdt"}`, detectedBy)),

	"c2st_auc_logistic_sdmetrics": jointScore(variants.Register, "detection-sdmetrics", "", "c2st_auc_logistic_sdmetrics"),

	"mmd2_rbf_biased_gamma1":         jointScore(mmd.Register, "mmd", "", "mmd2_rbf_biased_gamma1"),
	"mmd2_rbf_biased_gamma_1_over_d": jointScore(mmd.Register, "mmd", "", "mmd2_rbf_biased_gamma_1_over_d"),
	"prdc_k5":                        prdcOf,
	"alpha_precision":                alphaPrecision,
	"mmd2_rbf_median_heuristic": jointWhole("biased", jointObject(mmd.Register, "mmd", "", jointFields{
		"gamma": "gamma_median", "biased": "mmd2_rbf_biased_median", "unbiased": "mmd2_rbf_unbiased_median",
	})),
}

// detectedBy are the fields of a classifier two-sample test.
var detectedBy = jointFields{"auc_pooled": "detection_auroc", "auc_fold_mean": "detection_auroc_fold_mean", "accuracy": "detection_accuracy"}

// jointFields names the score of each field of an object.
type jointFields map[string]string

// jointCounts are the names of scores that are counts.
var jointCounts = map[string]bool{"parameters": true}

// jointScore evaluates entries whose value is one score of a metric without dimensions.
func jointScore(register func(*plugins.Registry), plugin, with, score string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := jointMeasured(f, e, register, plugin, with)
		if err != nil {
			return nil, err
		}
		return scoreOf(m, score)
	}
}

// jointObject evaluates entries whose value is an object of scores without dimensions.
func jointObject(register func(*plugins.Registry), plugin, with string, of jointFields) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := jointMeasured(f, e, register, plugin, with)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for field, score := range of {
			value, err := scoreOf(m, score)
			if v, ok := value.(float64); ok && jointCounts[score] {
				value = int(v)
			}
			if _, none := err.(undefined); err != nil && !none {
				return nil, err
			}
			out[field] = value
		}
		return out, nil
	}
}

// jointWhole makes an object undefined as a whole where one of its fields is.
func jointWhole(field string, evaluate evaluator) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		value, err := evaluate(f, e)
		if o, ok := value.(map[string]any); ok && err == nil && o[field] == nil {
			return nil, undefined(field)
		}
		return value, err
	}
}

// jointMeasured measures the pair of an entry, the real rows in the place of the test part.
func jointMeasured(f *reference.Folder, e reference.Entry, register func(*plugins.Registry), plugin, with string) (*plugins.Measurement, error) {
	pair, err := fidelity(f, e.Pair)
	if err != nil {
		return nil, err
	}
	return measure(register, plugin, with, pair)
}

// twoColumns returns the two columns of an entry.
func twoColumns(e reference.Entry) (a, b string, err error) {
	if len(e.Columns) != 2 {
		return "", "", fmt.Errorf("columns are %q; want two", e.Columns)
	}
	return e.Columns[0], e.Columns[1], nil
}

// pairScore returns the score of a pair of columns, whichever of them comes first.
func pairScore(m *plugins.Measurement, score, a, b string, dims ...string) (any, error) {
	value, err := scoreOf(m, score, append([]string{"column", a, "other", b}, dims...)...)
	if _, none := err.(undefined); err == nil || none {
		return value, err
	}
	return scoreOf(m, score, append([]string{"column", b, "other", a}, dims...)...)
}

func correlationSimilarity(coefficient string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		a, b, err := twoColumns(e)
		if err != nil {
			return nil, err
		}
		m, err := jointMeasured(f, e, correlation.Register, "correlation", `{"pairs": true, "coefficient": "`+coefficient+`"}`)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		if out["score"], err = pairScore(m, "correlation_similarity", a, b); err != nil {
			return nil, err
		}
		if out["real"], err = pairScore(m, "correlation", a, b, "side", "test"); err != nil {
			return nil, err
		}
		out["synthetic"], err = pairScore(m, "correlation", a, b, "side", "synthetic")
		return out, err
	}
}

func correlationDifference(coefficient string) evaluator {
	return jointWhole("frobenius", jointObject(correlation.Register, "correlation", `{"coefficient": "`+coefficient+`"}`, jointFields{
		"frobenius": "frobenius", "mean_abs_offdiag": "correlation_matrix_difference",
	}))
}

func contingencySimilarity(f *reference.Folder, e reference.Entry) (any, error) {
	a, b, err := twoColumns(e)
	if err != nil {
		return nil, err
	}
	bins, err := jointBins(e)
	if err != nil {
		return nil, err
	}
	m, err := jointMeasured(f, e, contingency.Register, "contingency", fmt.Sprintf(`{"pairs": true, "bins": %d}`, bins))
	if err != nil {
		return nil, err
	}
	return pairScore(m, "contingency_similarity", a, b)
}

// jointBins returns the bins of an entry, 10 where it does not say.
func jointBins(e reference.Entry) (int, error) {
	params := struct{ Bins int }{10}
	return params.Bins, e.Decode(&params)
}

// associationOf evaluates the association of two columns, in their order, on jointScore side.
func associationOf(name string, side plugins.Part) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		a, b, err := twoColumns(e)
		if err != nil {
			return nil, err
		}
		m, err := jointMeasured(f, e, association.Register, "association", `{"pairs": true}`)
		if err != nil {
			return nil, err
		}
		return pairScore(m, name, a, b, "side", string(side))
	}
}

func associationDifference(name string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := jointMeasured(f, e, association.Register, "association", "")
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		if out["mean_abs"], err = scoreOf(m, "association_difference_"+name); err != nil {
			return nil, err
		}
		if out["frobenius"], err = scoreOf(m, "frobenius_"+name); err != nil {
			return nil, err
		}
		out["pairs"] = restsOn(m, "frobenius_"+name)
		return out, nil
	}
}

// restsOn returns the N of a score without dimensions.
func restsOn(m *plugins.Measurement, score string) int {
	for _, s := range m.Scores {
		if s.Name == score && len(s.Dims) == 0 {
			return s.N
		}
	}
	return 0
}

func mutualInformation(f *reference.Folder, e reference.Entry) (any, error) {
	bins, err := jointBins(e)
	if err != nil {
		return nil, err
	}
	m, err := jointMeasured(f, e, mutualinformation.Register, "mutual-information", fmt.Sprintf(`{"bins": %d}`, bins))
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if out["frobenius"], err = scoreOf(m, "frobenius"); err != nil {
		return nil, err
	}
	if out["mean_abs_offdiag"], err = scoreOf(m, "normalised_mutual_information_difference"); err != nil {
		return nil, err
	}
	for _, c := range m.Counts {
		if c.Name == "columns compared" {
			out["columns"] = c.Value
		}
	}
	return out, nil
}

// encodingChecksum sumsOf the standard encoding that the metrics of rows are made of.
func encodingChecksum(f *reference.Folder, e reference.Entry) (any, error) {
	pair, err := fidelity(f, e.Pair)
	if err != nil {
		return nil, err
	}
	sides, err := compare.New(pair, plugins.Test)
	if err != nil {
		return nil, err
	}
	encoded, err := sides.Encoded()
	if err != nil {
		return nil, err
	}
	real, synthetic := encoded.Rows()
	out := map[string]any{"columns": len(encoded.Real.Columns)}
	out["sum_real"], out["sumsq_real"] = sumsOf(real)
	out["sum_synth"], out["sumsq_synth"] = sumsOf(synthetic)
	return out, nil
}

func sumsOf(rows [][]float64) (sum, squares float64) {
	for _, row := range rows {
		for _, v := range row {
			sum += v
			squares += v * v
		}
	}
	return sum, squares
}

func prdcOf(f *reference.Folder, e reference.Entry) (any, error) {
	params := struct{ K int }{5}
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	return jointWhole("precision", jointObject(prdc.Register, "prdc", fmt.Sprintf(`{"k": %d}`, params.K), jointFields{
		"precision": "precision", "recall": "recall", "density": "density", "coverage": "coverage",
	}))(f, e)
}

// alphaPrecision has the authenticity of the variant, as the catalogue does.
func alphaPrecision(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := jointMeasured(f, e, alphaprecision.Register, "alpha-precision", "")
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, score := range []string{"delta_precision_alpha", "delta_coverage_beta"} {
		if out[score], err = scoreOf(m, score); err != nil {
			return nil, err
		}
	}
	for _, curve := range m.Curves {
		switch curve.Name {
		case "alpha_precision":
			out["alpha_precision_at_alpha_14_29"] = curve.Y[14]
		case "beta_recall":
			out["beta_recall_at_beta_14_29"] = curve.Y[14]
		}
	}
	if m, err = jointMeasured(f, e, alphaprecision.Register, "alpha-precision-synthcity", ""); err != nil {
		return nil, err
	}
	out["authenticity"], err = scoreOf(m, "authenticity_synthcity")
	return out, err
}
