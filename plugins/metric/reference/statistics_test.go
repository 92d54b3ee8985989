package reference_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var statistics = map[string]evaluator{
	"delong_variance":               delongVariance,
	"delong_test":                   delongTest,
	"audit_cohens_d":                audit(cohensD),
	"audit_mann_whitney":            audit(mannWhitney),
	"flagged_share_real":            audit(flaggedShare("real")),
	"flagged_share_synthetic":       audit(flaggedShare("synthetic")),
	"flagged_share_difference":      audit(flaggedDifference),
	"cohen_kappa":                   audit(cohenKappa),
	"cohen_kappa_statsmodels":       audit(cohenKappaError),
	"fleiss_kappa":                  audit(fleissKappa),
	"krippendorff_alpha":            audit(krippendorffAlpha),
	"raw_agreement":                 audit(rawAgreement),
	"paired_permutation_exact":      onVectors(pairedPermutation),
	"paired_t_test":                 onVectors(pairedT),
	"wilcoxon_signed_rank":          onVectors(wilcoxon),
	"welch_t_test":                  onVectors(welch),
	"multiple_testing_holm":         onVectors(multiple(stats.Holm)),
	"multiple_testing_bonferroni":   onVectors(multiple(stats.Bonferroni)),
	"multiple_testing_fdr_bh":       onVectors(multiple(stats.BenjaminiHochberg)),
	"multiple_testing_hommel":       onVectors(multiple(stats.Hommel)),
	"tost_paired":                   onVectors(tostPaired),
	"tost_independent_welch":        onVectors(tostWelch),
	"non_inferiority_paired":        onVectors(nonInferiority),
	"pass_rate_ci":                  onVectors(passRate),
	"pass_rate_difference":          onVectors(passDifference),
	"mcnemar":                       onVectors(mcNemar),
	"bootstrap_bca_mean_difference": onVectors(bcaMeanDifference),
}

const coverage = 0.95 // of all intervals here, as the calls of the entries say

// whole turns an error of the library into that of an evaluator: what an input leaves undefined is no fault.
func whole(err error) error {
	for _, fault := range []error{stats.ErrLengths, stats.ErrLevel, stats.ErrCount, stats.ErrMargin, stats.ErrP, stats.ErrTable} {
		if errors.Is(err, fault) {
			return err
		}
	}
	if err != nil {
		return undefined(err.Error())
	}
	return nil
}

func delongVariance(f *reference.Folder, e reference.Entry) (any, error) {
	y, p, err := predictionsOf(f, e)
	if err != nil {
		return nil, err
	}
	d, err := stats.NewDeLong(y, p...)
	if err != nil {
		return nil, whole(err)
	}
	variance, err := d.Variance(0)
	low, high, undefined := d.Interval(0, coverage)
	return map[string]any{
		"auroc": d.AUROC[0], "variance": leaf(variance, err), "ci95_low": leaf(low, undefined), "ci95_high": leaf(high, undefined),
	}, nil
}

func delongTest(f *reference.Folder, e reference.Entry) (any, error) {
	y, p, err := predictionsOf(f, e)
	if err != nil {
		return nil, err
	}
	d, err := stats.NewDeLong(y, p...)
	if err != nil {
		return nil, whole(err)
	}
	out := map[string]any{"auc_a": d.AUROC[0], "auc_b": d.AUROC[1], "covariance": nil, "z": nil, "p_value": nil, "log10_p": nil}
	if d.Covariance != nil {
		out["covariance"] = d.Covariance[0][1]
	}
	if test, err := d.Difference(0, 1); err == nil {
		out["z"], out["p_value"], out["log10_p"] = math.Abs(test.Z), test.P, test.Log10P // the library gives no sign
	}
	return out, nil
}

// leaf is a value, or nil where it is undefined.
func leaf[T any](value T, err error) any {
	if err != nil {
		return nil
	}
	return value
}

// nothing is an object whose fields are all undefined.
func nothing(fields ...string) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		out[f] = nil
	}
	return out
}

// ratings is a table of audited records.
type ratings map[string][]string

// tableOf reads the file that an entry names.
func tableOf(f *reference.Folder, e reference.Entry) (map[string][]string, error) {
	if len(e.Inputs) != 1 {
		return nil, fmt.Errorf("%d inputs; want one", len(e.Inputs))
	}
	return f.Table(e.Inputs[0])
}

func audit(value func(ratings) (any, error)) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		table, err := tableOf(f, e)
		if err != nil {
			return nil, err
		}
		return value(table)
	}
}

// of returns the fields of a column in the records of a source, those that are empty left out.
func (r ratings) of(source, column string) []string {
	var out []string
	for i, s := range r["source"] {
		if s == source && r[column][i] != "" {
			out = append(out, r[column][i])
		}
	}
	return out
}

func (r ratings) scores() (synthetic, real []float64, err error) {
	if synthetic, err = numbers(r.of("synthetic", "score")); err != nil {
		return nil, nil, err
	}
	real, err = numbers(r.of("real", "score"))
	return synthetic, real, err
}

func numbers(texts []string) ([]float64, error) {
	out := make([]float64, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = strconv.ParseFloat(text, 64); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func cohensD(r ratings) (any, error) {
	synthetic, real, err := r.scores()
	if err != nil {
		return nil, err
	}
	out := nothing("cohens_d", "hedges_g", "mean_difference", "welch_ci95_low", "welch_ci95_high")
	if s, err := stats.Mean(synthetic); err == nil {
		if m, err := stats.Mean(real); err == nil {
			out["mean_difference"] = s - m
		}
	}
	if effect, err := stats.NewEffectSize(synthetic, real); err == nil {
		out["cohens_d"], out["hedges_g"] = effect.D, effect.G
	}
	if test, err := stats.Welch(synthetic, real); err == nil {
		low, high, err := test.Interval(coverage)
		out["welch_ci95_low"], out["welch_ci95_high"] = leaf(low, err), leaf(high, err)
	}
	return out, nil
}

func mannWhitney(r ratings) (any, error) {
	synthetic, real, err := r.scores()
	if err != nil {
		return nil, err
	}
	test, err := stats.MannWhitney(synthetic, real)
	if err != nil {
		return nil, whole(err)
	}
	return map[string]any{"u": test.U, "auc": test.AUC, "p_value": leaf(test.P, test.UndefinedP)}, nil
}

// intervals adds the intervals of a share to an object.
func intervals(out map[string]any, k, n int, names ...string) {
	for _, name := range names {
		interval := map[string]func(k, n int, level float64) (low, high float64, err error){
			"wilson": stats.Wilson, "beta": stats.ClopperPearson, "jeffreys": stats.Jeffreys,
			"agresti_coull": stats.AgrestiCoull, "normal": stats.Wald,
		}[name]
		low, high, err := interval(k, n, coverage)
		out[name+"_low"], out[name+"_high"] = leaf(low, err), leaf(high, err)
	}
}

func (r ratings) flagged(source string) (k, n int) {
	flags := r.of(source, "flagged")
	for _, flag := range flags {
		if flag == "1" {
			k++
		}
	}
	return k, len(flags)
}

func flaggedShare(source string) func(ratings) (any, error) {
	return func(r ratings) (any, error) {
		k, n := r.flagged(source)
		out := map[string]any{"count": k, "n": n, "share": nil}
		if n > 0 {
			out["share"] = float64(k) / float64(n)
		}
		intervals(out, k, n, "wilson", "beta", "jeffreys", "agresti_coull", "normal")
		return out, nil
	}
}

func flaggedDifference(r ratings) (any, error) {
	k1, n1 := r.flagged("synthetic")
	k2, n2 := r.flagged("real")
	low, high, err := stats.Newcombe(k1, n1, k2, n2, coverage)
	if err != nil {
		return nil, whole(err)
	}
	p, err := stats.FisherExact(k1, n1, k2, n2)
	return map[string]any{"newcombe_low": low, "newcombe_high": high, "fisher_p": leaf(p, err)}, nil
}

// agreementTable counts the pairs of ratings by two raters, over all whole numbers from the least rating to the greatest.
func (r ratings) agreementTable(a, b string) ([][]int, error) {
	var first, second []int
	for i := range r[a] {
		if r[a][i] == "" || r[b][i] == "" {
			continue
		}
		x, err := strconv.Atoi(r[a][i])
		if err != nil {
			return nil, err
		}
		y, err := strconv.Atoi(r[b][i])
		if err != nil {
			return nil, err
		}
		first, second = append(first, x), append(second, y)
	}
	if len(first) == 0 {
		return nil, nil
	}
	least := min(slices.Min(first), slices.Min(second))
	table := make([][]int, max(slices.Max(first), slices.Max(second))-least+1)
	for i := range table {
		table[i] = make([]int, len(table))
	}
	for i := range first {
		table[first[i]-least][second[i]-least]++
	}
	return table, nil
}

func cohenKappa(r ratings) (any, error) {
	table, err := r.agreementTable("full1", "full2")
	if err != nil {
		return nil, err
	}
	out := nothing("unweighted", "linear", "quadratic")
	for name, weights := range map[string]stats.Weights{"unweighted": stats.Unweighted, "linear": stats.Linear, "quadratic": stats.Quadratic} {
		if kappa, err := stats.CohenKappa(table, weights); err == nil {
			out[name] = kappa.Value
		}
	}
	return out, nil
}

func cohenKappaError(r ratings) (any, error) {
	table, err := r.agreementTable("full1", "full2")
	if err != nil {
		return nil, err
	}
	kappa, err := stats.CohenKappa(table, stats.Unweighted)
	if err != nil {
		return nothing("kappa", "std_kappa", "ci_low", "ci_high"), nil
	}
	low, high, err := kappa.Interval(coverage)
	return map[string]any{"kappa": kappa.Value, "std_kappa": kappa.SE, "ci_low": low, "ci_high": high}, err
}

// columns lists those that are called prefix and a number, in order.
func (r ratings) columns(prefix string) []string {
	var names []string
	for name := range r {
		if _, err := strconv.Atoi(strings.TrimPrefix(name, prefix)); err == nil && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func fleissKappa(r ratings) (any, error) {
	raters := r.columns("full")
	if len(raters) == 0 {
		return nil, undefined("there are no raters")
	}
	complete := r.complete(raters...)
	categories := slices.Concat(complete...)
	slices.Sort(categories)
	categories = slices.Compact(categories)
	table := make([][]int, len(complete[0]))
	for unit := range table {
		table[unit] = make([]int, len(categories))
		for _, ratings := range complete {
			place, _ := slices.BinarySearch(categories, ratings[unit])
			table[unit][place]++
		}
	}
	return map[string]any{"fleiss": leaf(stats.FleissKappa(table)), "rand": leaf(stats.RandolphKappa(table))}, nil
}

// complete returns the ratings of some raters of the records that all of them rate.
func (r ratings) complete(raters ...string) [][]string {
	out := make([][]string, len(raters))
	for unit := range r[raters[0]] {
		if slices.ContainsFunc(raters, func(rater string) bool { return r[rater][unit] == "" }) {
			continue
		}
		for i, rater := range raters {
			out[i] = append(out[i], r[rater][unit])
		}
	}
	return out
}

func krippendorffAlpha(r ratings) (any, error) {
	units := make([][]float64, len(r["source"]))
	for _, rater := range r.columns("m") {
		for i, text := range r[rater] {
			if text == "" {
				continue
			}
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, err
			}
			units[i] = append(units[i], v)
		}
	}
	return map[string]any{
		"nominal":  leaf(stats.KrippendorffAlpha(units, stats.Nominal)),
		"ordinal":  leaf(stats.KrippendorffAlpha(units, stats.Ordinal)),
		"interval": leaf(stats.KrippendorffAlpha(units, stats.Interval)),
		"ratio":    leaf(stats.KrippendorffAlpha(units, stats.Ratio)),
	}, nil
}

func rawAgreement(r ratings) (any, error) {
	return map[string]any{
		"percent_agreement_12": leaf(stats.AllAgree(r.complete("full1", "full2")...)),
		"all_three":            leaf(stats.AllAgree(r.complete("full1", "full2", "full3")...)),
	}, nil
}

// vectors is what the tests on results are given.
type vectors struct {
	Before  []float64 `json:"before"`
	After   []float64 `json:"after"`
	GroupX  []float64 `json:"group_x"`
	GroupY  []float64 `json:"group_y"`
	PValues []float64 `json:"p_values"`
	Counts  struct {
		Pass      int `json:"pass"`
		N         int `json:"n"`
		PassOther int `json:"pass_other"`
		NOther    int `json:"n_other"`
	} `json:"counts"`
	McNemar [2][2]int `json:"mcnemar"`
	Margin  float64   `json:"margin"` // that of the entry's parameters goes first
}

func onVectors(value func(vectors) (any, error)) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		if len(e.Inputs) != 1 {
			return nil, fmt.Errorf("%d inputs; want one", len(e.Inputs))
		}
		content, err := f.Read(e.Inputs[0])
		if err != nil {
			return nil, err
		}
		var v vectors
		if err := json.Unmarshal(content, &v); err != nil {
			return nil, err
		}
		if err := e.Decode(&v); err != nil {
			return nil, err
		}
		return value(v)
	}
}

func pairedPermutation(v vectors) (any, error) {
	test, err := stats.PairedPermutation(v.After, v.Before, 0, nil)
	if err != nil {
		return nil, whole(err)
	}
	return map[string]any{"statistic": test.Difference, "p_value": test.P}, nil
}

func pairedT(v vectors) (any, error) {
	test, err := stats.PairedT(v.After, v.Before)
	if err != nil {
		return nothing("t", "p_value"), nil
	}
	return map[string]any{"t": test.T, "p_value": test.P}, nil
}

func wilcoxon(v vectors) (any, error) {
	test, err := stats.Wilcoxon(v.After, v.Before)
	if err != nil {
		return nil, whole(err)
	}
	return map[string]any{"w": test.W, "p_value": test.P}, nil
}

func welch(v vectors) (any, error) {
	test, err := stats.Welch(v.GroupX, v.GroupY)
	if err != nil {
		return nothing("t", "p_value", "df", "ci95_low", "ci95_high"), nil
	}
	low, high, err := test.Interval(coverage)
	return map[string]any{"t": test.T, "p_value": test.P, "df": test.DF, "ci95_low": low, "ci95_high": high}, err
}

func multiple(adjust func([]float64) ([]float64, error)) func(vectors) (any, error) {
	return func(v vectors) (any, error) {
		p, err := adjust(v.PValues)
		if err != nil {
			return nil, whole(err)
		}
		adjusted, reject := []any{}, []any{}
		for _, p := range p {
			adjusted, reject = append(adjusted, p), append(reject, p <= 0.05)
		}
		return map[string]any{"adjusted": adjusted, "reject": reject}, nil
	}
}

func equivalence(test *stats.MeanTest, err error, margin float64) (*stats.Equivalence, error) {
	if err != nil {
		return nil, whole(err)
	}
	e, err := test.Equivalent(margin)
	return e, whole(err)
}

func tostPaired(v vectors) (any, error) {
	test, err := stats.PairedT(v.After, v.Before)
	e, err := equivalence(test, err, v.Margin)
	if err != nil {
		return nil, err
	}
	return map[string]any{"p_value": e.P, "t_lower": e.TLower, "p_lower": e.PLower, "t_upper": e.TUpper, "p_upper": e.PUpper}, nil
}

func tostWelch(v vectors) (any, error) {
	test, err := stats.Welch(v.GroupX, v.GroupY)
	e, err := equivalence(test, err, v.Margin)
	if err != nil {
		return nil, err
	}
	return map[string]any{"p_value": e.P, "p_lower": e.PLower, "p_upper": e.PUpper}, nil
}

func nonInferiority(v vectors) (any, error) {
	test, err := stats.PairedT(v.After, v.Before)
	if err != nil {
		return nil, whole(err)
	}
	low, p, err := test.NonInferior(v.Margin, coverage)
	if err != nil {
		return nil, whole(err)
	}
	return map[string]any{"mean_difference": test.Difference, "lower_95_one_sided": low, "p_value": p}, nil
}

func passRate(v vectors) (any, error) {
	out := map[string]any{}
	intervals(out, v.Counts.Pass, v.Counts.N, "wilson", "beta", "jeffreys", "agresti_coull")
	return out, nil
}

func passDifference(v vectors) (any, error) {
	c := v.Counts
	out := nothing("newcombe_low", "newcombe_high", "z_pooled", "p_value")
	if low, high, err := stats.Newcombe(c.Pass, c.N, c.PassOther, c.NOther, coverage); err == nil {
		out["newcombe_low"], out["newcombe_high"] = low, high
	}
	if test, err := stats.PooledZ(c.Pass, c.N, c.PassOther, c.NOther); err == nil {
		out["z_pooled"], out["p_value"] = test.Statistic, test.P
	}
	return out, nil
}

func mcNemar(v vectors) (any, error) {
	b, c := v.McNemar[0][1], v.McNemar[1][0]
	p, err := stats.McNemarExact(b, c)
	out := map[string]any{"exact_p": leaf(p, err), "chi2": nil, "chi2_p": nil}
	if test, err := stats.McNemarCorrected(b, c); err == nil {
		out["chi2"], out["chi2_p"] = test.Statistic, test.P
	}
	return out, nil
}

func bcaMeanDifference(v vectors) (any, error) {
	if len(v.After) != len(v.Before) {
		return nil, stats.ErrLengths
	}
	d := make([]float64, len(v.After))
	for i := range d {
		d[i] = v.After[i] - v.Before[i]
	}
	b := stats.Bootstrap{Resamples: 9999, Threads: 2, Source: func(i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(i), 1)) }}
	_, low, high, err := stats.MeanBCa(context.Background(), b, d, nil, coverage)
	if err != nil {
		return nothing("low", "high"), whole(err)
	}
	return map[string]any{"low": low, "high": high}, nil
}
