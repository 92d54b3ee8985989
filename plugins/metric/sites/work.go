package sites

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

// sample is labelled rows with the site of each; it is empty where a row has none.
type sample struct {
	classifier.Rows
	site    []string // nil when no row has one
	subject []int32  // the subject of each row, from 0; of real rows
}

// take returns some of the rows, without their subjects.
func (s sample) take(rows []int) sample { return sample{Rows: s.Rows.Take(rows)} }

// at returns the rows of a site, and others those of all the others.
func (s sample) at(site string) (rows, others []int) {
	for row, of := range s.site {
		if of == site {
			rows = append(rows, row)
		} else {
			others = append(others, row)
		}
	}
	return rows, others
}

// work is one measurement.
type work struct {
	Config
	env                    plugins.Env
	skip                   []string
	train, test, synthetic sample
	unlabelled             int  // synthetic rows
	alike                  bool // train and test are the same rows
	sites                  []site
	unsited                string // why synthetic rows have no sites
	who                    string // what intervals are over: "subjects" or "rows"
}

// site is a hospital with test rows.
type site struct {
	name     string
	rows     []int // of test
	unrated  string
	subjects int
	unit     []int32 // the subject of each of the rows, from 0
}

// work reads the rows and their sites.
func (c Config) work(env plugins.Env, pair *plugins.Pair) (*work, error) {
	labels, err := classifier.NewLabels(pair, plugins.Train, plugins.Test)
	if err != nil {
		return nil, err
	}
	w := &work{Config: c, env: env, skip: []string{pair.Target, c.Site}, who: "rows", alike: pair.Alike(plugins.Train, plugins.Test)}
	train, test := pair.Parts.Get(plugins.Train), pair.Parts.Get(plugins.Test)
	w.train, w.test = sample{Rows: labels.Rows(train.Frame)}, sample{Rows: labels.Rows(test.Frame)}
	if w.train.site, err = c.sitesOf(train); err != nil {
		return nil, err
	}
	if w.test.site, err = c.sitesOf(test); err != nil {
		return nil, err
	}
	if c.Site == "" {
		w.skip[1] = train.Site.Name // the column may be a feature
	}
	w.subjects(train, test)
	var kept []int
	if w.synthetic.Rows, kept, err = labels.Synthetic(pair.Synthetic); err != nil {
		return nil, err
	}
	w.unlabelled = pair.Synthetic.Rows() - len(kept)
	switch column := pair.Synthetic.Column(c.Site); {
	case c.Site == "":
		w.unsited = "the synthetic rows have no site: set site to a feature that names it"
	case column == nil:
		w.unsited = fmt.Sprintf("column %q is not among the features", c.Site)
	default:
		w.synthetic.site = texts(w.synthetic.Frame.Column(c.Site))
	}
	return w, w.list()
}

// sitesOf returns the site of each real row.
func (c Config) sitesOf(s plugins.Sample) ([]string, error) {
	column := s.Site
	if c.Site != "" {
		if column = s.Frame.Column(c.Site); column == nil && s.Beside != nil {
			column = s.Beside.Column(c.Site)
		}
		if column == nil {
			return nil, classifier.Undefined(fmt.Sprintf("the real rows have no column %q", c.Site))
		}
	}
	if column == nil {
		return nil, classifier.Undefined("the data set has no sites")
	}
	return texts(column), nil
}

// texts returns the values of a column as text; a missing one is empty.
func texts(c *frame.Column) []string {
	out := make([]string, c.Len())
	for i := range out {
		switch {
		case c.IsMissing(i):
		case c.Kind == frame.Category:
			out[i] = c.Levels[c.Codes[i]]
		default:
			out[i] = strconv.FormatFloat(c.Numbers[i]+0, 'g', -1, 64)
		}
	}
	return out
}

// subjects numbers the subjects of both parts together.
func (w *work) subjects(train, test plugins.Sample) {
	n := len(w.train.Y)
	all := classifier.Single(n + len(w.test.Y))
	if train.Subject != nil && test.Subject != nil && train.Subject.Kind == test.Subject.Kind {
		joined, err := frame.Concat(named(train.Subject), named(test.Subject))
		if err == nil { // the columns have one name and kind
			all = classifier.BySubject(joined.Columns()[0], joined.Rows())
			w.who = "subjects"
		}
	}
	of := all.Of(n + len(w.test.Y))
	w.train.subject, w.test.subject = of[:n], of[n:]
}

func named(c *frame.Column) *frame.Frame {
	subject := *c
	subject.Name, subject.Unit = "subject", ""
	return frame.Must(&subject)
}

// list lists the sites of the test rows by name, with why one cannot be rated.
func (w *work) list() error {
	names := slices.Clone(w.test.site)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name == "" {
			continue
		}
		s := site{name: name}
		s.rows, _ = w.test.at(name)
		events := w.test.Take(s.rows).Events()
		nonevents := len(s.rows) - events
		if len(s.rows) < w.Config.Rows || events < w.Events || nonevents < w.Nonevents {
			s.unrated = fmt.Sprintf("fewer than %d test rows, %d with the label or %d without it", w.Config.Rows, w.Events, w.Nonevents)
		}
		known := map[int32]int32{}
		for _, row := range s.rows {
			of := w.test.subject[row]
			if _, ok := known[of]; !ok {
				known[of] = int32(len(known))
			}
			s.unit = append(s.unit, known[of])
		}
		s.subjects = len(known)
		w.sites = append(w.sites, s)
	}
	if len(w.sites) == 0 {
		return classifier.Undefined("no test row has a site")
	}
	return nil
}

// strangers leaves out the rows of subjects who are tested at a site: a patient who was moved is in the rows of two hospitals.
// Synthetic rows have no subjects.
func (w *work) strangers(from sample, rows []int, tested *site) []int {
	if from.subject == nil {
		return rows
	}
	known := map[int32]bool{}
	for _, row := range tested.rows {
		known[w.test.subject[row]] = true
	}
	out := make([]int, 0, len(rows))
	for _, row := range rows {
		if !known[from.subject[row]] {
			out = append(out, row)
		}
	}
	return out
}

// fit trains a model, or says why there is none.
func (w *work) fit(ctx context.Context, train classifier.Rows, which string, labels ...string) (classifier.Model, string, error) {
	switch events := train.Events(); {
	case len(train.Y) == 0:
		return nil, "there are no " + which, nil
	case events == 0 || events == len(train.Y):
		return nil, "the " + which + " have one label class", nil
	}
	m, err := w.Fit(ctx, train, w.skip, w.env.Threads, func(more ...string) *rand.Rand {
		return w.env.Rand.For(plugins.ForModel, append(append([]string{"sites"}, labels...), more...)...)
	})
	return m, "", err
}
