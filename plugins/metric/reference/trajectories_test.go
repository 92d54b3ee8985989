package reference_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/codeprobability"
	"github.com/ehrlab/ehrlab/plugins/metric/dimensionwise"
	"github.com/ehrlab/ehrlab/plugins/metric/recordshape"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/structure"
	"github.com/ehrlab/ehrlab/plugins/metric/trajectoryprivacy"
)

var trajectories = func() map[string]evaluator {
	all := map[string]evaluator{}
	for _, pattern := range []string{"unigram", "bigram", "sequential_bigram"} {
		for _, per := range []string{"record", "visit"} {
			all["code_probability_"+pattern+"_"+per] = codeProbability(pattern, per)
		}
	}
	for _, side := range []string{"real", "synth"} {
		all["record_and_visit_length_"+side] = lengths(side)
		all["structural_validity_"+side] = structuralValidity(side)
	}
	for _, quantity := range []string{"visits_per_patient", "codes_per_visit", "codes_per_patient", "inter_visit_gap", "record_span"} {
		all[quantity+"_distance"] = recordShape(quantity)
	}
	all["mia_hamming_trajectory"] = hamming
	all["nnaa_risk_trajectory"] = nearestRisk
	all["attribute_inference_trajectory"] = attributeInference
	all["dimension_wise_prevalence"] = prevalence
	all["dimension_wise_prediction"] = prediction
	all["code_frequency_jensen_shannon"] = func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := measureTrajectories(dimensionwise.Register, "dimension-wise", `{"part": "train", "codes": 0}`, f, e)
		if err != nil {
			return nil, err
		}
		return scoreOf(m, "code_frequency_jensen_shannon")
	}
	for _, name := range []string{"sequence_length_similarity", "inter_row_msas", "statistic_msas_mean", "statistic_msas_std", "statistic_msas_median", "statistic_msas_min", "statistic_msas_max"} {
		all[name] = func(f *reference.Folder, e reference.Entry) (any, error) {
			m, err := measureTrajectories(recordshape.Register, "record-shape", ofTrain, f, e)
			if err != nil {
				return nil, err
			}
			return scoreOf(m, name)
		}
	}
	return all
}()

// ofTrain makes a metric compare with the train part, where trajectoriesOf puts the real ones.
const ofTrain = `{"part": "train"}`

// sides are the names of the sides of a metric's scores.
var sides = map[string]string{"real": "train", "synth": "synthetic"}

// trajectoriesOf sets the synthetic trajectories of a pair against the real ones, which are the train part; those that the
// generator has not seen are the test part.
func trajectoriesOf(f *reference.Folder, name string) (*reference.Pair, *plugins.Pair, error) {
	of, real, synthetic, holdout, err := framesOf(f, name)
	if err != nil {
		return nil, nil, err
	}
	frames := []*frame.Frame{real, synthetic, holdout}
	for i := range frames {
		if frames[i], err = eventsOf(of, frames[i], []string{"real ", "synthetic ", "holdout "}[i]); err != nil {
			return nil, nil, err
		}
	}
	parts := plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: frames[0], Subject: frames[0].Column(events.Subject)},
		plugins.Test:  {Frame: frames[2], Subject: frames[2].Column(events.Subject)},
	})
	return of, plugins.NewPair(parts, frames[1], ""), nil
}

// eventsOf gives columns the names of the shape of events: of an identifier, a number of the visit, a time, and a code. Patients
// of several frames are other patients, whatever they are called: their names get a prefix.
func eventsOf(of *reference.Pair, f *frame.Frame, prefix string) (*frame.Frame, error) {
	numbers, ids, codes := of.Names("numeric"), of.Names("id"), of.Names("categorical")
	if len(ids) != 1 || len(numbers) != 2 || len(codes) != 1 {
		return nil, fmt.Errorf("want columns of an id, a visit, a time and a code; got %q", f.Names())
	}
	var columns []*frame.Column
	for _, name := range [][2]string{{ids[0], events.Subject}, {numbers[1], events.Time}, {codes[0], events.Code}, {numbers[0], events.Visit}} {
		c := *f.Column(name[0])
		c.Name = name[1]
		if c.Name == events.Subject {
			c.Levels = slices.Clone(c.Levels)
			for i := range c.Levels {
				c.Levels[i] = prefix + c.Levels[i]
			}
		}
		columns = append(columns, &c)
	}
	return frame.New(columns...)
}

// measureTrajectories measures a pair of trajectories by a plugin.
func measureTrajectories(register func(*plugins.Registry), plugin, with string, f *reference.Folder, e reference.Entry) (*plugins.Measurement, error) {
	_, pair, err := trajectoriesOf(f, e.Pair)
	if err != nil {
		return nil, err
	}
	return measure(register, plugin, with, pair)
}

// object gathers scores as the fields of an entry: by field, the name of the score and its dimensions. Scores that count are
// given as whole numbers where the field's name is among whole. The whole is undefined when each of them is.
func object(m *plugins.Measurement, fields map[string][]string, whole ...string) (map[string]any, error) {
	out, defined := map[string]any{}, false
	for field, score := range fields {
		v, err := scoreOf(m, score[0], score[1:]...)
		if _, none := err.(undefined); err != nil && !none {
			return nil, err
		}
		if x, ok := v.(float64); ok && strings.Contains(" "+strings.Join(whole, " ")+" ", " "+field+" ") {
			v = int(x)
		}
		out[field] = v
		defined = defined || v != nil
	}
	if !defined {
		return nil, undefined("no part of it is defined")
	}
	return out, nil
}

func codeProbability(pattern, per string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := measureTrajectories(codeprobability.Register, "code-probability", ofTrain, f, e)
		if err != nil {
			return nil, err
		}
		fields := map[string][]string{}
		for _, name := range []string{"r2", "pearson", "rmse", "mean_bias", "bland_altman_low", "bland_altman_high", "support"} {
			fields[name] = []string{name, "pattern", pattern, "per", per}
		}
		return object(m, fields, "support")
	}
}

func lengths(side string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := measureTrajectories(recordshape.Register, "record-shape", ofTrain, f, e)
		if err != nil {
			return nil, err
		}
		return object(m, map[string][]string{
			"Record Length Mean":               {"record_length_mean", "side", sides[side]},
			"Record Length Standard Deviation": {"record_length_sd", "side", sides[side]},
			"Visit Length Mean":                {"visit_length_mean", "side", sides[side]},
			"Visit Length Standard Deviation":  {"visit_length_sd", "side", sides[side]},
		})
	}
}

func recordShape(quantity string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := measureTrajectories(recordshape.Register, "record-shape", ofTrain, f, e)
		if err != nil {
			return nil, err
		}
		out, err := object(m, map[string][]string{"ks": {"ks", "quantity", quantity}, "wasserstein": {"wasserstein", "quantity", quantity}})
		if quantity != "inter_visit_gap" {
			return out, err
		}
		if out == nil {
			out = map[string]any{"ks": nil, "wasserstein": nil}
		}
		for name, side := range sides {
			out["median_"+name], out["n_"+name] = nil, 0
			for _, s := range m.Scores {
				if s.Name == "median" && s.Dims["quantity"] == quantity && s.Dims["side"] == side {
					if out["n_"+name] = s.N; s.Status == plugins.OK {
						out["median_"+name] = s.Value
					}
				}
			}
		}
		return out, nil
	}
}

func structuralValidity(side string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		of, pair, err := trajectoriesOf(f, e.Pair)
		if err != nil {
			return nil, err
		}
		with, rules, err := structuralRules(of)
		if err != nil {
			return nil, err
		}
		m, err := measure(structure.Register, "structural-validity", with, pair)
		if err != nil {
			return nil, err
		}
		out, err := object(m, map[string][]string{"valid_share": {"valid_share", "side", sides[side]}})
		if err != nil {
			return nil, err
		}
		violating := map[string]any{}
		for _, rule := range rules {
			v, err := scoreOf(m, "violating_patients", "side", sides[side], "rule", rule)
			if err != nil {
				return nil, err
			}
			violating[rule] = int(v.(float64))
		}
		out["violating_patients"] = violating
		for _, s := range m.Scores {
			if s.Name == "valid_share" && s.Dims["side"] == sides[side] {
				out["patients"] = s.N
			}
		}
		return out, nil
	}
}

// structuralRules makes settings of the rules of a pair's columns.json: their names stand before colons, and the vocabulary is
// a text such as "C000..C{n-1} and DEATH", where n is its size.
func structuralRules(of *reference.Pair) (with string, rules []string, err error) {
	for _, rule := range of.Rules {
		name, _, _ := strings.Cut(rule, ":")
		rules = append(rules, name)
	}
	codes, death, _ := strings.Cut(of.Vocabulary, " and ")
	first, _, ok := strings.Cut(codes, "..")
	prefix := strings.TrimRight(first, "0123456789")
	if !ok || prefix == first || death == "" {
		return "", nil, fmt.Errorf("columns.json: the vocabulary is %q; want one such as %q", of.Vocabulary, "C000..C{n-1} and DEATH")
	}
	vocabulary := []string{death}
	for i := range of.VocabularySize {
		vocabulary = append(vocabulary, fmt.Sprintf("%s%0*d", prefix, len(first)-len(prefix), i))
	}
	b, err := json.Marshal(map[string]any{"part": "train", "rules": rules, "vocabulary": vocabulary, "death": []string{death}})
	return string(b), rules, err
}

func prevalence(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := measureTrajectories(dimensionwise.Register, "dimension-wise", `{"part": "train", "codes": 0}`, f, e)
	if err != nil {
		return nil, err
	}
	return object(m, map[string][]string{
		"r2": {"prevalence_r2"}, "pearson": {"prevalence_pearson"}, "rmse": {"prevalence_rmse"}, "mean_abs": {"prevalence_mean_abs"},
		"codes": {"codes"}, "unseen_in_real": {"unseen_in_real"}, "absent_in_synth": {"absent_in_synth"},
	}, "codes", "unseen_in_real", "absent_in_synth")
}

func prediction(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := measureTrajectories(dimensionwise.Register, "dimension-wise", `{"part": "train"}`, f, e)
	if err != nil {
		return nil, err
	}
	codes := map[string]any{}
	for _, s := range m.Scores {
		if s.Name != "auroc_real" {
			continue
		}
		code := s.Dims["code"]
		if codes[code], err = object(m, map[string][]string{"auroc_real": {"auroc_real", "code", code}, "auroc_synth": {"auroc_synth", "code", code}}); err != nil {
			codes[code] = map[string]any{"auroc_real": nil, "auroc_synth": nil}
		}
	}
	out, err := object(m, map[string][]string{"mean_abs_difference": {"prediction_mean_abs_difference"}})
	if len(codes) == 0 {
		return out, err
	}
	if out == nil {
		out = map[string]any{"mean_abs_difference": nil}
	}
	out["codes"] = codes
	return out, nil
}

func hamming(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := measureTrajectories(trajectoryprivacy.Register, "trajectory-privacy", `{"members": ["train"], "resamples": 0, "patients": 1, "repeats": true}`, f, e)
	if err != nil {
		return nil, err
	}
	dims := []string{"attack", "hamming-repeats", "members", "train", "control", "none"}
	score := func(name string, more ...string) []string { return slices.Concat([]string{name}, dims, more) }
	out, err := object(m, map[string][]string{
		"auc":                       score("attack_auroc"),
		"mean_distance_members":     score("mean_distance", "side", "members"),
		"mean_distance_non_members": score("mean_distance", "side", "non-members"),
	})
	if err != nil {
		return nil, err
	}
	median := map[string][]string{}
	for _, name := range []string{"accuracy", "precision", "recall", "f1"} {
		median[name] = score("attack_" + name)
	}
	rule, err := object(m, median)
	if err != nil {
		return nil, err
	}
	if rule["precision"] == nil { // nobody is taken for a member: the library says 0
		rule["precision"], rule["f1"] = 0.0, 0.0
	}
	out["halo_median_rule"] = rule
	return out, nil
}

// groups returns the trajectories of members, others and synthetic patients, with one vocabulary.
func groups(f *reference.Folder, name string) ([]*events.Trajectories, error) {
	_, pair, err := trajectoriesOf(f, name)
	if err != nil {
		return nil, err
	}
	parts := []plugins.Part{plugins.Train, plugins.Test, events.Synthetic}
	switch lacking, err := events.Lacking(pair, parts...); {
	case err != nil:
		return nil, err
	case lacking != "":
		return nil, undefined(lacking)
	}
	return events.Together(pair, parts...)
}

// nearestRisk takes the first patients of each group, where the plugin draws them.
func nearestRisk(f *reference.Folder, e reference.Entry) (any, error) {
	var params struct {
		FirstPatients int `json:"first_patients"`
	}
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	all, err := groups(f, e.Pair)
	if err != nil {
		return nil, err
	}
	for i, t := range all {
		n := t.Patients()
		if params.FirstPatients > 0 {
			n = min(n, params.FirstPatients)
		}
		first := make([]int, n)
		for p := range first {
			first[p] = p
		}
		all[i] = t.Take(first)
	}
	risk, err := trajectoryprivacy.Nearest(context.Background(), 2, all[0], all[1], all[2])
	return risk.Risk(), err
}

// attributeInference takes all patients of each group, where the plugin draws as many of each.
func attributeInference(f *reference.Folder, e reference.Entry) (any, error) {
	var params struct {
		CommonCodes int `json:"common_codes"`
		K           int
	}
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	if params.K != 1 {
		return nil, fmt.Errorf("k is %d; the guess is that of the one closest patient", params.K)
	}
	all, err := groups(f, e.Pair)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for field, known := range map[string]*events.Trajectories{"f1_synth": all[2], "f1_holdout_baseline": all[1]} {
		f1, ok, err := trajectoryprivacy.Infer(context.Background(), 2, all[0], known, params.CommonCodes)
		if err != nil {
			return nil, err
		}
		if out[field] = nil; ok {
			out[field] = f1
		}
	}
	return out, nil
}
