package reference_test

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/disparity"
	fairnessmetric "github.com/ehrlab/ehrlab/plugins/metric/fairness"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/subgroupfidelity"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var fairness = map[string]evaluator{
	"fairness_fairlearn":             rates(fairlearn),
	"fairness_by_group":              rates(byGroup),
	"subgroup_fidelity":              subgroupFidelity,
	"log_disparity":                  logDisparity,
	"log_disparity_joint_positive":   logDisparityJoint,
	"sdmetrics_equalized_odds_score": equalizedOddsScore,
}

// rates evaluates entries whose columns are one of predictions and one of groups, in a table of labels and predictions.
func rates(value func(groups []string, of []stats.Rates) (any, error)) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		if len(e.Columns) != 2 {
			return nil, fmt.Errorf("%d columns; want one of predictions and one of groups", len(e.Columns))
		}
		pair, err := f.Pair(e.Pair)
		if err != nil {
			return nil, err
		}
		table, err := tableOf(f, e)
		if err != nil {
			return nil, err
		}
		var params struct{ Threshold float64 }
		if err := e.Decode(&params); err != nil {
			return nil, err
		}
		p, err := numbers(table[e.Columns[0]])
		if err != nil {
			return nil, err
		}
		groups, err := subgroup.Form([]*frame.Column{metrictest.Category(e.Columns[1], table[e.Columns[1]]...)})
		if err != nil {
			return nil, err
		}
		of := make([]stats.Rates, len(groups.Levels))
		for i := range of {
			var y []bool
			var some []float64
			for _, row := range groups.Rows(0, i) {
				y, some = append(y, table[pair.Label][row] == pair.Positive), append(some, p[row])
			}
			predictions, err := stats.NewPredictions(y, some)
			if err != nil {
				return nil, whole(err)
			}
			of[i], _ = predictions.Rater(params.Threshold, nil).Rates(nil)
		}
		return value(groups.Levels, of)
	}
}

// gaps returns the gaps between all groups, however few rows they have, by name; nil where one is undefined.
func gaps(of []stats.Rates) map[string]any {
	out := map[string]any{}
	for i, v := range fairnessmetric.Compare(of, fairnessmetric.Minimum{}).Gaps(of) {
		if out[fairnessmetric.GapNames[i]] = nil; !math.IsNaN(v) {
			out[fairnessmetric.GapNames[i]] = v
		}
	}
	return out
}

func fairlearn(_ []string, of []stats.Rates) (any, error) {
	all, out := gaps(of), map[string]any{}
	for _, name := range []string{
		"demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference", "equalized_odds_ratio",
		"equal_opportunity_difference",
	} {
		out[name] = all[name]
	}
	return out, nil
}

func byGroup(groups []string, of []stats.Rates) (any, error) {
	rows := map[string]any{}
	for i, name := range groups {
		r := of[i]
		rows[name] = map[string]any{
			"n": int(r.Rows), "positives": int(r.Events), "selection_rate": r.SelectionRate(),
			"tpr": leaf(r.TPR()), "fpr": leaf(r.FPR()), "auroc": leaf(r.AUROC, r.AUROCErr), "brier": r.Brier,
		}
	}
	all := gaps(of)
	return map[string]any{
		"groups": rows, "auroc_gap": all["auroc_gap"], "selection_gap": all["demographic_parity_difference"],
		"tpr_gap_defined_only": all["tpr_gap_defined_only"], "fpr_gap_defined_only": all["fpr_gap_defined_only"],
		"equalized_odds_difference_defined_only": all["equalized_odds_difference_defined_only"],
	}, nil
}

func subgroupFidelity(f *reference.Folder, e reference.Entry) (any, error) {
	described, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	if described.Group == "" {
		return nil, undefined("the pair has no column of groups")
	}
	pair, err := fidelity(f, e.Pair)
	if err != nil {
		return nil, err
	}
	m, err := measure(subgroupfidelity.Register, "subgroup-fidelity", with(described.Group), pair)
	if err != nil {
		return nil, err
	}
	formed, err := subgroupfidelity.Groups(pair, plugins.Test, []string{described.Group})
	if err != nil {
		return nil, undefined(err.Error())
	}
	groups := map[string]any{}
	var values []float64
	for i, name := range formed.Levels {
		if len(formed.Rows(subgroupfidelity.Real, i)) == 0 || len(formed.Rows(subgroupfidelity.Synthetic, i)) == 0 {
			continue
		}
		groups[name] = leaf(scoreOf(m, "subgroup_fidelity", "by", described.Group, "group", name))
		if v, ok := groups[name].(float64); ok {
			values = append(values, v)
		}
	}
	if len(groups) == 0 {
		return nil, undefined("no group is on both sides")
	}
	out := map[string]any{"groups": groups, "gap": nil}
	if len(values) > 0 {
		out["gap"] = subgroupfidelity.Gap(values) // of one group, too, where the metric has nothing to compare
	}
	return out, nil
}

// with is the settings that form groups of any size by a column.
func with(column string) string {
	settings, err := json.Marshal(map[string]any{"by": []string{column}, "minimum": 1})
	if err != nil {
		panic(err) // texts and numbers alone
	}
	return string(settings)
}

func logDisparity(f *reference.Folder, e reference.Entry) (any, error) {
	return disparities(f, e, "", func(s plugins.Score) string { return s.Dims["group"] })
}

func logDisparityJoint(f *reference.Folder, e reference.Entry) (any, error) {
	return disparities(f, e, e.Columns[1], func(s plugins.Score) string { return s.Dims["group"] + "&" + s.Dims["label"] })
}

// disparities evaluates the groups of an entry's first column, together with the label where there is one.
func disparities(f *reference.Folder, e reference.Entry, label string, name func(plugins.Score) string) (any, error) {
	_, real, synthetic, _, err := framesOf(f, e.Pair)
	if err != nil {
		return nil, err
	}
	m, err := measure(disparity.Register, "disparity", with(e.Columns[0]), metrictest.Pair(real, synthetic, label))
	if err != nil {
		return nil, err
	}
	want := "log_disparity"
	if label != "" {
		want = "log_disparity_joint_positive"
	}
	out := map[string]any{}
	for _, s := range m.Scores {
		if s.Name != want {
			continue
		}
		if out[name(s)] = nil; s.Status == plugins.OK {
			out[name(s)] = s.Value
		}
	}
	if len(out) == 0 {
		return nil, undefined("no row is in a group")
	}
	return out, nil
}

func equalizedOddsScore(_ *reference.Folder, e reference.Entry) (any, error) {
	type counts struct{ TP, FP, TN, FN int64 }
	var params struct{ Group, Others counts }
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	confusion := func(c counts) stats.Confusion {
		return stats.Confusion{TruePositive: c.TP, FalsePositive: c.FP, TrueNegative: c.TN, FalseNegative: c.FN}
	}
	return fairnessmetric.EqualizedOddsScore(confusion(params.Group), confusion(params.Others)), nil
}
