package sites

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

var (
	bySite = []string{"site"}
	byPair = []string{"train_site", "test_site"}
)

// The scores of a site, each with a mean over sites, and the AUROCs with that of the worst site too.
const (
	tstr      = "tstr_auroc"
	leftReal  = "leave_one_site_out_auroc_train_real"
	leftSynth = "leave_one_site_out_auroc_train_synth"
	within    = "within_site_auroc"
	gapReal   = "generalisation_gap_train_real"
	gapSynth  = "generalisation_gap_train_synth"
	gridReal  = "site_grid_auroc_train_real"
	gridSynth = "site_grid_auroc_train_synth"
)

var scores = []plugins.ScoreInfo{
	{Name: tstr, Summary: "AUROC at the site of the model that is trained on all synthetic rows", Min: 0, Max: 1, Better: plugins.Higher, Dims: bySite},
	{Name: tstr + "_mean", Summary: "mean over the sites of " + tstr, Min: 0, Max: 1, Better: plugins.Higher},
	{Name: tstr + "_worst", Summary: "least over the sites of " + tstr, Min: 0, Max: 1, Better: plugins.Higher},
	{Name: leftReal, Summary: "AUROC at the site of a model that is trained on the real train rows of the other sites", Min: 0, Max: 1, Better: plugins.Higher, OfTrain: true, Dims: bySite},
	{Name: leftReal + "_mean", Summary: "mean over the sites of " + leftReal, Min: 0, Max: 1, Better: plugins.Higher, OfTrain: true},
	{Name: leftReal + "_worst", Summary: "least over the sites of " + leftReal, Min: 0, Max: 1, Better: plugins.Higher, OfTrain: true},
	{Name: leftSynth, Summary: "AUROC at the site of a model that is trained on the synthetic rows of the other sites", Min: 0, Max: 1, Better: plugins.Higher, Dims: bySite},
	{Name: leftSynth + "_mean", Summary: "mean over the sites of " + leftSynth, Min: 0, Max: 1, Better: plugins.Higher},
	{Name: leftSynth + "_worst", Summary: "least over the sites of " + leftSynth, Min: 0, Max: 1, Better: plugins.Higher},
	{Name: within, Summary: "AUROC at the site of models that are trained on its own real rows, each test row predicted by a model of the train rows and the other folds of the test rows", Min: 0, Max: 1, Better: plugins.Higher, OfTrain: true, Dims: bySite},
	{Name: within + "_mean", Summary: "mean over the sites of " + within, Min: 0, Max: 1, Better: plugins.Higher, OfTrain: true},
	{Name: within + "_worst", Summary: "least over the sites of " + within, Min: 0, Max: 1, Better: plugins.Higher, OfTrain: true},
	{Name: gapReal, Summary: within + " less " + leftReal + ": what a model of real rows loses for not having seen the site", Min: -1, Max: 1, Better: plugins.Lower, OfTrain: true, Dims: bySite},
	{Name: gapReal + "_mean", Summary: "mean over the sites of " + gapReal, Min: -1, Max: 1, Better: plugins.Lower, OfTrain: true},
	{Name: gapSynth, Summary: within + " less " + leftSynth + ": what a model of synthetic rows loses for not having seen the site", Min: -1, Max: 1, Better: plugins.Lower, OfTrain: true, Dims: bySite},
	{Name: gapSynth + "_mean", Summary: "mean over the sites of " + gapSynth, Min: -1, Max: 1, Better: plugins.Lower, OfTrain: true},
	{Name: gridReal, Summary: "AUROC at one site of a model that is trained on the real train rows of one", Min: 0, Max: 1, Better: plugins.Higher, OfTrain: true, Dims: byPair},
	{Name: gridSynth, Summary: "AUROC at one site of a model that is trained on the synthetic rows of one", Min: 0, Max: 1, Better: plugins.Higher, Dims: byPair},
}

// measure rates all models at all sites.
func (w *work) measure(ctx context.Context) (*plugins.Measurement, error) {
	var byName [4][]rated // in order of the sites
	whole, none, err := w.fit(ctx, w.synthetic.Rows, "synthetic rows", "tstr")
	if err != nil {
		return nil, err
	}
	for i := range w.sites {
		s := &w.sites[i]
		measure := []func() (rated, error){
			func() (rated, error) {
				if none != "" {
					return without(none), nil
				}
				return w.rate(ctx, whole, s)
			},
			func() (rated, error) { return w.leftOut(ctx, s, w.train, "train rows of the other sites", "real") },
			func() (rated, error) {
				if w.unsited != "" {
					return without(w.unsited), nil
				}
				return w.leftOut(ctx, s, w.synthetic, "synthetic rows of the other sites", "synthetic")
			},
			func() (rated, error) { return w.own(ctx, s) },
		}
		for k := range measure {
			r := without(s.unrated)
			if s.unrated == "" {
				if r, err = measure[k](); err != nil {
					return nil, err
				}
			}
			byName[k] = append(byName[k], r)
		}
		w.env.Progress(i+1, len(w.sites))
	}
	out := &plugins.Measurement{Counts: w.counts()}
	for k, name := range []string{tstr, leftReal, leftSynth, within} {
		if err := w.add(out, name, byName[k], 0, true); err != nil {
			return nil, err
		}
	}
	for k, name := range []string{gapReal, gapSynth} {
		gaps, err := w.gaps(byName[3], byName[1+k])
		if err != nil {
			return nil, err
		}
		if err := w.add(out, name, gaps, -1, false); err != nil {
			return nil, err
		}
	}
	if w.Grid {
		err = w.grid(ctx, out)
	}
	return out, err
}

func (w *work) counts() []plugins.Count {
	rated := 0
	for i := range w.sites {
		if w.sites[i].unrated == "" {
			rated++
		}
	}
	return []plugins.Count{
		{Name: "sites rated", Value: rated},
		{Name: "sites left out: too few test rows", Value: len(w.sites) - rated},
		{Name: "synthetic rows left out: label missing", Value: w.unlabelled},
	}
}

// leftOut rates a model of the rows of all other sites, but those of subjects who are tested.
func (w *work) leftOut(ctx context.Context, s *site, from sample, which, label string) (rated, error) {
	_, others := from.at(s.name)
	m, none, err := w.fit(ctx, from.Take(w.strangers(from, others, s)), which, "without", label, s.name)
	if err != nil || none != "" {
		return without(none), err
	}
	return w.rate(ctx, m, s)
}

// own rates models of the site's own rows: those of train, and the test rows of the other folds. Folds are of subjects, dealt in the
// order of their first test row; a train row of a subject whose test rows are predicted is left out, and so are all of them
// where train and test are the same rows.
func (w *work) own(ctx context.Context, s *site) (rated, error) {
	p := make([]float64, len(s.rows))
	trainAt, _ := w.train.at(s.name)
	for k := range w.Folds {
		var held, others []int // places in s.rows
		tested := map[int32]bool{}
		for i, unit := range s.unit {
			if int(unit)%w.Folds == k {
				held = append(held, i)
				tested[w.test.subject[s.rows[i]]] = true
			} else {
				others = append(others, s.rows[i])
			}
		}
		if len(held) == 0 {
			continue
		}
		var kept []int
		for _, row := range trainAt {
			if !w.alike && !tested[w.train.subject[row]] {
				kept = append(kept, row)
			}
		}
		rows, err := classifier.Under(w.train.Take(kept), w.test.Take(others))
		if err != nil {
			return rated{}, err
		}
		m, none, err := w.fit(ctx, rows, "rows of a fold of the site", "own", s.name, strconv.Itoa(k))
		if err != nil || none != "" {
			return without(none), err
		}
		at := make([]int, len(held))
		for i, place := range held {
			at[i] = s.rows[place]
		}
		predicted, err := m.Predict(ctx, w.test.Frame.Take(at), w.env.Threads)
		if err != nil {
			return rated{}, err
		}
		for i, place := range held {
			p[place] = predicted[i]
		}
	}
	return w.auroc(ctx, s, w.test.Take(s.rows).Y, p)
}

// add adds the scores of the sites, their mean, and the worst of them. Values lie in [low, 1].
func (w *work) add(out *plugins.Measurement, name string, values []rated, low float64, worst bool) error {
	var defined []rated
	reason := ""
	for i, r := range values {
		out.Scores = append(out.Scores, r.score(name, map[string]string{"site": w.sites[i].name}))
		if r.reason != "" {
			reason = r.reason
			continue
		}
		defined = append(defined, r)
	}
	all := without("undefined at every site; at the last: " + reason)
	lowest := all
	if n := len(defined); n > 0 {
		var err error
		if all, err = w.mean(defined, low); err != nil {
			return err
		}
		if worst {
			if lowest, err = w.worst(defined); err != nil {
				return err
			}
		}
		if n < len(values) {
			left := fmt.Sprintf("%d of %d sites left out: undefined there", len(values)-n, len(values))
			all.warnings, lowest.warnings = append(all.warnings, left), append(lowest.warnings, left)
		}
	}
	out.Scores = append(out.Scores, all.score(name+"_mean", nil))
	if worst {
		out.Scores = append(out.Scores, lowest.score(name+"_worst", nil))
	}
	return nil
}

// grid trains a model at each site and tests it at each, without the training rows of subjects who are tested; training rows have
// the minimums of test rows.
func (w *work) grid(ctx context.Context, out *plugins.Measurement) error {
	for _, of := range []struct {
		name, label, rows string
		from              sample
	}{{gridReal, "real", "train", w.train}, {gridSynth, "synthetic", "synthetic", w.synthetic}} {
		for i := range w.sites {
			at, _ := of.from.at(w.sites[i].name)
			whole, lacks, err := w.trainedAt(ctx, w.sites[i].name, of.from, at, of.rows, of.label)
			if err != nil {
				return err
			}
			for k := range w.sites {
				to := &w.sites[k]
				r := without(to.unrated)
				m, none := whole, lacks
				if kept := w.strangers(of.from, at, to); to.unrated == "" && !(w.alike && i == k) && len(kept) < len(at) {
					if m, none, err = w.trainedAt(ctx, w.sites[i].name, of.from, kept, of.rows, of.label, "but of", to.name); err != nil {
						return err
					}
				}
				switch {
				case of.label == "synthetic" && w.unsited != "":
					r = without(w.unsited)
				case to.unrated != "":
				case w.alike && of.label == "real" && i == k:
					r = without("the real rows to train on are those to test on: train and test are the same")
				case none != "":
					r = without(none)
				default:
					if r, err = w.quick(ctx, m, to); err != nil {
						return err
					}
				}
				out.Scores = append(out.Scores, r.score(of.name, map[string]string{"train_site": w.sites[i].name, "test_site": to.name}))
			}
		}
	}
	return nil
}

func (w *work) trainedAt(ctx context.Context, name string, from sample, at []int, rows, label string, more ...string) (classifier.Model, string, error) {
	train := from.Take(at)
	if events := train.Events(); len(at) < w.Config.Rows || events < w.Events || len(at)-events < w.Nonevents {
		return nil, fmt.Sprintf("fewer than %d %s rows of the training site, %d with the label or %d without it", w.Config.Rows, rows, w.Events, w.Nonevents), nil
	}
	return w.fit(ctx, train, rows+" rows of the training site", append([]string{"grid", label, name}, more...)...)
}
