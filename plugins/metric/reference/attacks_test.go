package reference_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/anonymity"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/attribution"
	"github.com/ehrlab/ehrlab/plugins/metric/inference"
	"github.com/ehrlab/ehrlab/plugins/metric/linkability"
	"github.com/ehrlab/ehrlab/plugins/metric/membership"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/singlingout"
)

var attacks = map[string]evaluator{
	"mia_distance_to_closest":    membershipByDistance,
	"mia_classifier_logistic":    membershipByLogistic,
	"mia_classifier_xgboost_auc": membershipByTrees,
	"mia_domias_kde":             membershipByDensity,

	"correct_attribution_cap":             attributed(attribution.CAP),
	"correct_attribution_zero_cap":        attributed(attribution.Zero),
	"correct_attribution_generalized_cap": attributed(attribution.Generalized),

	"anonymeter_risk_formula":                   riskFormula,
	"anonymeter_linkability":                    linked,
	"anonymeter_inference_categorical":          inferred,
	"anonymeter_inference_numeric":              inferred,
	"anonymeter_singling_out_univariate_counts": singledOut,
	"anonymeter_singling_out_multivariate_rate": singledOutByMany,

	"k_anonymity_real":          anonymous("real"),
	"k_anonymity_synth":         anonymous("synth"),
	"k_anonymity_coarse_real":   anonymous("real"),
	"k_anonymity_coarse_synth":  anonymous("synth"),
	"l_diversity_real":          diverse("real"),
	"l_diversity_synth":         diverse("synth"),
	"l_diversity_coarse_real":   diverse("real"),
	"l_diversity_coarse_synth":  diverse("synth"),
	"equivalence_classes_real":  classes("real"),
	"equivalence_classes_synth": classes("synth"),
	"k_map":                     mapped,
}

// readMembership returns how well scores of members, and after them of non-members, tell them apart. What of it a plugin
// holds back because few rows bear it is told here.
func readMembership(members int, scores []float64) (any, attack.Reading, error) {
	member := make([]bool, len(scores))
	for i := range members {
		member[i] = true
	}
	r, ok := attack.NewRanking(member, scores).Read(nil, nil)
	if !ok {
		return nil, r, undefined("there are no members or no non-members")
	}
	return map[string]any{
		"auc": r.AUROC, "advantage_max": r.AdvantageMax, "tpr_at_fpr_0.1": r.TPR10, "tpr_at_fpr_0.01": r.TPR1,
		"median_threshold": map[string]any{
			"accuracy": r.Accuracy, "precision": r.Precision, "recall": r.Recall, "f1": r.F1, "advantage": r.AdvantageMedian,
		},
	}, r, nil
}

func membershipByDistance(f *reference.Folder, e reference.Entry) (any, error) {
	_, real, synthetic, holdout, err := framesOf(f, e.Pair)
	if err != nil {
		return nil, err
	}
	if synthetic.Rows() == 0 {
		return nil, undefined("there are no synthetic rows")
	}
	scores, err := membership.Closeness(context.Background(), 2, real, holdout, synthetic, real, holdout)
	if err != nil {
		return nil, because(err)
	}
	value, _, err := readMembership(real.Rows(), scores)
	return value, err
}

// membershipTask is what the classifiers of membership learn from, and whom they attack.
type membershipTask struct {
	real, synthetic, holdout *frame.Frame
	reference                *frame.Frame // half of the unseen rows
	fitted                   *frame.Frame // synthetic rows and the reference
	y                        []float64    // 1 for synthetic
	attacked                 *frame.Frame // real rows and the other half
}

// newMembershipTask takes the unseen rows of even index for the reference (parity 0), or those of odd index (1).
func newMembershipTask(f *reference.Folder, name string, parity int) (t membershipTask, err error) {
	if _, t.real, t.synthetic, t.holdout, err = framesOf(f, name); err != nil {
		return
	}
	var halves [2][]int
	for i := range t.holdout.Rows() {
		halves[i%2] = append(halves[i%2], i)
	}
	t.reference = t.holdout.Take(halves[parity])
	if t.fitted, err = frame.Concat(t.synthetic, t.reference); err != nil {
		return
	}
	t.y = slices.Concat(slices.Repeat([]float64{1}, t.synthetic.Rows()), make([]float64, t.reference.Rows()))
	if t.attacked, err = frame.Concat(t.real, t.holdout.Take(halves[1-parity])); err != nil {
		return
	}
	if t.synthetic.Rows() == 0 || t.reference.Rows() == 0 {
		err = undefined("a classifier needs rows of two classes")
	}
	return
}

func membershipByLogistic(f *reference.Folder, e reference.Entry) (any, error) {
	t, err := newMembershipTask(f, e.Pair, 0)
	if err != nil {
		return nil, err
	}
	scores, err := membership.Linear(context.Background(), 2, t.real, []*frame.Frame{t.synthetic, t.holdout}, t.fitted, t.y, t.attacked)
	if err != nil {
		return nil, because(err)
	}
	value, _, err := readMembership(t.real.Rows(), scores)
	return value, err
}

// membershipByTrees averages over five seeds, as the entry does.
func membershipByTrees(f *reference.Folder, e reference.Entry) (any, error) {
	t, err := newMembershipTask(f, e.Pair, 0)
	if err != nil {
		return nil, err
	}
	const seeds = 5
	sum := 0.0
	for seed := range uint64(seeds) {
		source := plugins.NewRand(seed, e.ID, plugins.ForModel).For(plugins.ForModel)
		scores, err := membership.Trees(context.Background(), membership.Defaults().GBDT, source, 2, t.fitted, t.y, t.attacked)
		if err != nil {
			return nil, because(err)
		}
		_, r, err := readMembership(t.real.Rows(), scores)
		if err != nil {
			return nil, err
		}
		sum += r.AUROC
	}
	return sum / seeds, nil
}

func membershipByDensity(f *reference.Folder, e reference.Entry) (any, error) {
	pair, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	t, err := newMembershipTask(f, e.Pair, 1)
	if err != nil {
		return nil, err
	}
	p := attackParams{Columns: pair.KDEColumns}
	if err := e.Decode(&p); err != nil {
		return nil, err
	}
	kept := attack.Complete(t.attacked, p.Columns)
	members, _ := slices.BinarySearch(kept, t.real.Rows())
	scores, err := membership.DensityRatio(context.Background(), 2, t.synthetic, t.reference, t.attacked.Take(kept), p.Columns, false)
	if err != nil {
		return nil, because(err)
	}
	value, _, err := readMembership(members, scores)
	return value, err
}

// attackParams are the parameters of the attack entries.
type attackParams struct {
	Key     []string    `json:"key"`
	Secret  string      `json:"secret"`
	Quasi   []string    `json:"quasi_identifiers"`
	Aux     jsonColumns `json:"aux_cols"`
	Columns []string    `json:"columns"`
	Rows    int         `json:"rows"`
}

// jsonColumns are one list of columns, or two.
type jsonColumns [][]string

func (c *jsonColumns) UnmarshalJSON(text []byte) error {
	var one []string
	if json.Unmarshal(text, &one) == nil {
		*c = jsonColumns{one}
		return nil
	}
	return json.Unmarshal(text, (*[][]string)(c))
}

// because makes the reason of an attack that cannot be mounted an undefined value.
func because(err error) error {
	var reason attack.Undefined
	if errors.As(err, &reason) {
		return undefined(reason)
	}
	return err
}

func attributed(variant int) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		pair, real, synthetic, _, err := framesOf(f, e.Pair)
		if err != nil {
			return nil, err
		}
		p := attackParams{Key: pair.AttributeKey, Secret: pair.AttributeSecret}
		if err := e.Decode(&p); err != nil {
			return nil, err
		}
		found, err := attribution.Attack(context.Background(), 2, synthetic, p.Key, p.Secret, nil, real)
		if err != nil {
			return nil, because(err)
		}
		score, _, ok := found[0].Mean(variant)
		if !ok {
			return nil, undefined("no row has a share")
		}
		return score, nil
	}
}

func riskFormula(f *reference.Folder, e reference.Entry) (any, error) {
	content, err := f.Read(e.Inputs[0])
	if err != nil {
		return nil, err
	}
	var file struct {
		Counts struct {
			Attacks  int     `json:"n_attacks"`
			Success  float64 `json:"n_success"`
			Baseline float64 `json:"n_baseline"`
			Control  float64 `json:"n_control"`
			Level    float64 `json:"confidence_level"`
		} `json:"attack_counts"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, err
	}
	c := file.Counts
	var rates [3]attack.Rate
	for i, successes := range []float64{c.Success, c.Control, c.Baseline} {
		if rates[i], err = (attack.Outcome{Attacks: c.Attacks, Successes: successes}).Rate(c.Level); err != nil {
			return nil, undefined(err.Error())
		}
	}
	risk, err := attack.Excess(rates[0], rates[1])
	if err != nil {
		return nil, because(err)
	}
	return map[string]any{
		"attack_rate": rates[0].Value, "attack_error": rates[0].Error, "control_rate": rates[1].Value, "baseline_rate": rates[2].Value,
		"risk": risk.Value, "ci_low": risk.Low, "ci_high": risk.High,
	}, nil
}

// attackRisk is the value of an attack on as many rows as of the control.
func attackRisk(n, success, control int) (any, error) {
	found, err := attack.Outcome{Attacks: n, Successes: float64(success)}.Rate(0.95)
	if err != nil {
		return nil, undefined(err.Error())
	}
	base, err := attack.Outcome{Attacks: n, Successes: float64(control)}.Rate(0.95)
	if err != nil {
		return nil, undefined(err.Error())
	}
	risk, err := attack.Excess(found, base)
	if err != nil {
		return nil, because(err)
	}
	return map[string]any{
		"n_attacks": n, "n_success": success, "n_control": control, "attack_rate": found.Value, "control_rate": base.Value,
		"risk": risk.Value, "ci_low": risk.Low, "ci_high": risk.High,
	}, nil
}

// completeRows returns the rows of a pair that have a value in all of the columns: synthetic ones without repeats, and the first
// real and unseen ones, as many of either.
func completeRows(f *reference.Folder, name string, columns []string) (real, synthetic, holdout *frame.Frame, err error) {
	if _, real, synthetic, holdout, err = framesOf(f, name); err != nil {
		return
	}
	sides, _ := attack.OnlyComplete([]*frame.Frame{real, holdout, synthetic}, columns)
	n := min(sides[0].Rows(), sides[1].Rows())
	return first(sides[0], n), attack.Distinct(sides[2]), first(sides[1], n), nil
}

func first(f *frame.Frame, n int) *frame.Frame {
	rows := make([]int, min(n, f.Rows()))
	for i := range rows {
		rows[i] = i
	}
	return f.Take(rows)
}

func linked(f *reference.Folder, e reference.Entry) (any, error) {
	pair, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	p := attackParams{Aux: pair.LinkAux[:]}
	if err := e.Decode(&p); err != nil {
		return nil, err
	}
	real, synthetic, holdout, err := completeRows(f, e.Pair, slices.Concat(p.Aux...))
	if err != nil {
		return nil, err
	}
	if synthetic.Rows() == 0 {
		return nil, undefined("no synthetic row is complete")
	}
	found, err := linkability.Link(context.Background(), 2, real, synthetic, p.Aux[0], p.Aux[1])
	if err != nil {
		return nil, because(err)
	}
	control, err := linkability.Link(context.Background(), 2, holdout, synthetic, p.Aux[0], p.Aux[1])
	if err != nil {
		return nil, because(err)
	}
	return attackRisk(found.Attacks, found.First, control.First)
}

func inferred(f *reference.Folder, e reference.Entry) (any, error) {
	pair, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	p := attackParams{Aux: jsonColumns{pair.InferAux}, Secret: pair.InferSecret}
	if err := e.Decode(&p); err != nil {
		return nil, err
	}
	real, synthetic, holdout, err := completeRows(f, e.Pair, slices.Concat(p.Aux...))
	if err != nil {
		return nil, err
	}
	if synthetic.Rows() == 0 {
		return nil, undefined("no synthetic row is complete")
	}
	found, err := inference.Guess(context.Background(), 2, real, synthetic, p.Aux[0], p.Secret, 0.05)
	if err != nil {
		return nil, because(err)
	}
	control, err := inference.Guess(context.Background(), 2, holdout, synthetic, p.Aux[0], p.Secret, 0.05)
	if err != nil {
		return nil, because(err)
	}
	return attackRisk(found.Quirk.Attacks, int(found.Quirk.Successes), int(control.Quirk.Successes))
}

// predicates returns the frames of a singling-out entry: all synthetic rows, and as many real ones as it says.
func predicates(f *reference.Folder, e reference.Entry) (real, synthetic, holdout *frame.Frame, err error) {
	pair, real, synthetic, holdout, err := framesOf(f, e.Pair)
	if err != nil {
		return
	}
	p := attackParams{Columns: pair.Names("numeric"), Rows: real.Rows()}
	if err = e.Decode(&p); err != nil {
		return
	}
	if synthetic, err = attack.Select(synthetic, p.Columns); err != nil {
		return
	}
	return first(real, p.Rows), synthetic, first(holdout, p.Rows), nil
}

func singledOut(f *reference.Folder, e reference.Entry) (any, error) {
	real, synthetic, holdout, err := predicates(f, e)
	if err != nil {
		return nil, err
	}
	queries := singlingout.UnivariateQueries(synthetic)
	found, err := singlingout.Alone(context.Background(), 2, real, queries)
	if err != nil {
		return nil, err
	}
	control, err := singlingout.Alone(context.Background(), 2, holdout, queries)
	return map[string]any{"n_queries": len(queries), "n_success": found, "n_control": control}, err
}

// singledOutByMany averages over five seeds, as the entry does.
func singledOutByMany(f *reference.Folder, e reference.Entry) (any, error) {
	real, synthetic, _, err := predicates(f, e)
	if err != nil {
		return nil, err
	}
	synthetic, real = attack.Distinct(synthetic), attack.Distinct(real) // as the library does before it looks for predicates
	const seeds, attempts = 5, 150
	sum := 0.0
	for seed := range uint64(seeds) {
		source := plugins.NewRand(seed, e.ID, plugins.ForModel).For(plugins.ForModel)
		queries, err := singlingout.MultivariateQueries(context.Background(), source, synthetic, attempts, 3)
		if err != nil {
			return nil, err
		}
		found, err := singlingout.Alone(context.Background(), 2, real, queries)
		if err != nil {
			return nil, err
		}
		sum += float64(found) / attempts
	}
	return sum / seeds, nil
}

// quasi returns the cells of the quasi-identifiers of an entry in the real and the synthetic rows. Numbers are in bands of ten,
// as the catalogue has it for ages.
func quasi(f *reference.Folder, e reference.Entry) (cells *attack.Cells, frames map[string]*frame.Frame, p attackParams, err error) {
	pair, real, synthetic, _, err := framesOf(f, e.Pair)
	if err != nil {
		return
	}
	p = attackParams{Quasi: pair.QuasiIdentifiers, Secret: pair.AttributeSecret}
	if err = e.Decode(&p); err != nil {
		return
	}
	var bands []attack.Band
	for _, name := range pair.Names("numeric") {
		bands = append(bands, attack.Band{Column: name, Width: 10})
	}
	cells, err = attack.NewCells(p.Quasi, bands, real, synthetic)
	return cells, map[string]*frame.Frame{"real": real, "synth": synthetic}, p, because(err)
}

// place is where quasi puts a frame among the cells.
var place = map[string]int{"real": 0, "synth": 1}

func anonymous(side string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		cells, frames, _, err := quasi(f, e)
		if err != nil {
			return nil, err
		}
		if frames[side].Rows() == 0 {
			return nil, undefined("there are no rows")
		}
		return anonymity.Describe(cells, place[side]).Smallest, nil
	}
}

func diverse(side string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		cells, frames, p, err := quasi(f, e)
		if err != nil {
			return nil, err
		}
		l, err := anonymity.Diversity(cells, place[side], frames[side], p.Secret)
		if err != nil {
			return nil, because(err)
		}
		return l, nil
	}
}

func classes(side string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		cells, frames, _, err := quasi(f, e)
		if err != nil {
			return nil, err
		}
		if frames[side].Rows() == 0 {
			return nil, undefined("there are no rows")
		}
		c := anonymity.Describe(cells, place[side])
		return map[string]any{"classes": c.Classes, "unique_share": c.UniqueShare, "below5_share": c.Below5Share, "mean_size": c.MeanSize}, nil
	}
}

func mapped(f *reference.Folder, e reference.Entry) (any, error) {
	cells, frames, _, err := quasi(f, e)
	if err != nil {
		return nil, err
	}
	r := anonymity.Map(cells, place["real"], place["synth"])
	out := map[string]any{
		"k_map_matched": nil, "synth_rows_with_real_match_share": nil, "real_unique_and_in_synth_share": nil,
		"synth_combinations_absent_from_real": r.Absent,
	}
	if r.Smallest > 0 {
		out["k_map_matched"] = r.Smallest
	}
	if frames["synth"].Rows() > 0 {
		out["synth_rows_with_real_match_share"] = r.MatchShare
	}
	if frames["real"].Rows() > 0 {
		out["real_unique_and_in_synth_share"] = r.UniqueShare
	}
	return out, nil
}
