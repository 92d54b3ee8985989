// Package trajectoryprivacy attacks synthetic trajectories: it asks which real patients the generator has seen, how close synthetic
// patients lie to them, and what a synthetic patient tells of a real one's other codes.
package trajectoryprivacy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Members     []string `json:"members"`     // attack.Exposed, attack.Train
	Repeats     bool     `json:"repeats"`     // distances count a code as often as a visit has it, as HALO does
	CommonCodes int      `json:"commonCodes"` // codes that the attack on the others is given, from 1 to MostCommon
	Patients    int      `json:"patients"`    // at most so many on each side of attacks other than membership; 0: all
	Resamples   int      `json:"resamples"`   // bootstrap resamples behind the intervals; 0 for no intervals
	Level       float64  `json:"level"`       // coverage of the intervals, in (0,1)
}

var defaults = Config{Members: []string{attack.Exposed, attack.Train}, CommonCodes: 15, Resamples: 1000, Level: 0.95}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "trajectory-privacy",
		Version: 2,
		Summary: "membership, nearest-neighbour and attribute inference attacks on synthetic trajectories",
		Source: "B. Theodorou, C. Xiao, J. Sun (2023), Nat. Commun. 14, 5305 (attacks); A. Yale et al. (2020), Neurocomputing 416, 244–255 (adversarial accuracy); " +
			"S. Yeom et al. (2018), IEEE CSF, 268–282 (advantage)",
		Schema: `// "exposed": patients that the generator has seen, such as those in prompts, and as many test patients; "train": all of both parts
members?: ["exposed" | "train", ...("exposed" | "train")]
// the distance of membership inference counts a code as often as a visit has it; false unless set. Copies of a record with
// repeated codes then lie apart from it, as in HALO, so that the attack is weak where codes recur within a visit
repeats?: bool
// how many of the codes that most patients have an attacker knows; 15 unless set
commonCodes?: int & >=1 & <=64
// at most so many patients on each side of the attacks other than membership; all unless set
patients?: int & >=0
// bootstrap resamples behind the intervals: 1000 unless set; 0: no intervals
resamples?: int & >=0 & <=100000
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1`,
		Family:  plugins.Privacy,
		Cost:    plugins.PerRowPair,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Events},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Random:  []plugins.Purpose{plugins.ForResample},
		Uses:    []plugins.Use{events.Use(), attack.Use(), {Name: "stats", Version: stats.Version}},
		Need:    func(s plugins.Size) plugins.Need { return plugins.Need{Threads: 8, Bytes: 128 * int64(s.Rows+s.N)} },
		Scores:  slices.Concat(membershipScores, otherScores),
	}, defaults, New)
}

var otherScores = []plugins.ScoreInfo{
	{Name: "adversarial_accuracy_members", Summary: "nearest-neighbour adversarial accuracy against patients that the generator has seen; 0.5 is ideal, below it copies", Min: 0, Max: 1, Better: plugins.Neutral, Ideal: new(0.5)},
	{Name: "adversarial_accuracy_others", Summary: "the same against patients that it has not seen", Min: 0, Max: 1, Better: plugins.Neutral, Ideal: new(0.5)},
	{Name: "nnaa_risk", Summary: "accuracy against those not seen - accuracy against those seen; 0 is ideal", Min: -1, Max: 1, Better: plugins.Lower, Ideal: new(0.0)},
	{Name: "attribute_inference_f1_synth", Summary: "F1 of guessing a seen patient's rarer codes from the closest synthetic patient", Min: 0, Max: 1, Better: plugins.Lower},
	{Name: "attribute_inference_f1_baseline", Summary: "F1 of guessing them from the closest real patient that the generator has not seen", Min: 0, Max: 1, Better: plugins.Neutral},
	{Name: "attribute_inference_excess", Summary: "F1 from synthetic patients - F1 from real ones not seen; above 0 the synthetic patients tell of single patients", Min: -1, Max: 1, Better: plugins.Lower, Ideal: new(0.0)},
}

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	for i, group := range c.Members {
		if group != attack.Exposed && group != attack.Train || slices.Contains(c.Members[:i], group) {
			return nil, fmt.Errorf("members has %q; want %q and %q, each at most once", group, attack.Exposed, attack.Train)
		}
	}
	switch {
	case len(c.Members) == 0:
		return nil, fmt.Errorf("members is empty; want %q, %q or both", attack.Exposed, attack.Train)
	case c.CommonCodes < 1 || c.CommonCodes > MostCommon:
		return nil, fmt.Errorf("commonCodes is %d; want 1 to %d", c.CommonCodes, MostCommon)
	case c.Patients < 0 || c.Resamples < 0:
		return nil, fmt.Errorf("patients is %d and resamples %d; want at least 0", c.Patients, c.Resamples)
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// Measure mounts the attacks. A member is a patient of whom the generator has seen an event; who is set against whom in attacks on
// membership is said by attack.Named, of patients in the place of rows. The other attacks take as many members, others
// (patients of test) and synthetic patients: as many as the smallest of the three groups has.
//
// An attack without a patient on some side is undefined.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s := &scene{config: m.config, env: env}
	all, err := events.Together(pair, plugins.Train, plugins.Test, events.Synthetic)
	if err != nil {
		return nil, err
	}
	s.train, s.test, s.synthetic = all[0], all[1], all[2]
	s.people = people(pair, s.train, s.test)
	if !m.config.Repeats {
		s.train, s.test, s.synthetic = s.train.Once(), s.test.Once(), s.synthetic.Once()
	}
	if s.warnings, err = events.Caveats(pair, plugins.Train, plugins.Test, events.Synthetic); err != nil {
		return nil, err
	}
	out, err := s.membership(ctx)
	if err != nil {
		return nil, err
	}
	others, err := s.others(ctx)
	if err != nil {
		return nil, err
	}
	out.Scores = append(out.Scores, others...)
	return out, nil
}

// scene is what the attacks see.
type scene struct {
	config                 Config
	env                    plugins.Env
	train, test, synthetic *events.Trajectories
	people                 *plugins.Pair // a row for each patient
	warnings               []string

	copied    *attack.Roster // whose distances to copies are known
	distances [2][]int
}

// people returns a pair whose rows are patients, so that rosters of rows are rosters of patients.
func people(pair *plugins.Pair, train, test *events.Trajectories) *plugins.Pair {
	samples := map[plugins.Part]plugins.Sample{}
	for part, t := range map[plugins.Part]*events.Trajectories{plugins.Train: train, plugins.Test: test} {
		of, rows := pair.Parts.Get(part), make([]int, t.Patients())
		for p := range rows {
			rows[p] = int(slices.Min(t.RowsOf(p)))
		}
		none, _ := of.Frame.Select()
		take := func(c *frame.Column) *frame.Column {
			if c == nil {
				return nil
			}
			return c.Take(rows)
		}
		samples[part] = plugins.Sample{Frame: none.Take(rows), Subject: take(of.Subject), Site: take(of.Site)}
	}
	out := plugins.NewPair(plugins.NewParts(samples), pair.Synthetic, pair.Target)
	if pair.Exposed != nil {
		out.Exposed = exposed(pair, train)
	}
	return out
}

// exposed returns the patients of train of whom the generator has seen an event.
func exposed(pair *plugins.Pair, train *events.Trajectories) []int {
	seen := make([]bool, pair.Parts.Get(plugins.Train).Frame.Rows())
	for _, row := range pair.Exposed {
		seen[row] = true
	}
	patients := []int{}
	for p := range train.Patients() {
		if slices.ContainsFunc(train.RowsOf(p), func(row int32) bool { return seen[row] }) {
			patients = append(patients, p)
		}
	}
	return patients
}

// others mounts the attacks that set as many patients of each group against each other.
func (s *scene) others(ctx context.Context) ([]plugins.Score, error) {
	roster := attack.Named(s.people, attack.Exposed, attack.Source(s.env))
	reason := roster.Lacks()
	if reason == "" && s.synthetic.Patients() == 0 {
		reason = "there is no synthetic patient"
	}
	if reason != "" {
		return attack.AllUndefined(otherScores, nil, reason), nil
	}
	n := min(len(roster.Members), len(roster.Others), s.synthetic.Patients())
	if s.config.Patients > 0 {
		n = min(n, s.config.Patients)
	}
	members := s.train.Take(s.draw("members", roster.Members, n))
	others := s.test.Take(s.draw("others", roster.Others, n))
	synthetic := s.synthetic.Take(s.draw("synthetic", upTo(s.synthetic.Patients()), n))
	nearest, err := Nearest(ctx, s.env.Threads, members, others, synthetic)
	if err != nil {
		return nil, err
	}
	score := func(i int, value float64) plugins.Score {
		return plugins.Score{Name: otherScores[i].Name, Value: value, N: n, Status: plugins.OK, Warnings: slices.Concat(s.warnings, roster.Warnings)}
	}
	out := []plugins.Score{score(0, nearest.Members), score(1, nearest.Others), score(2, nearest.Risk())}
	f1, ok1, err := Infer(ctx, s.env.Threads, members, synthetic, s.config.CommonCodes)
	if err != nil {
		return nil, err
	}
	baseline, ok2, err := Infer(ctx, s.env.Threads, members, others, s.config.CommonCodes)
	if err != nil {
		return nil, err
	}
	inferred := []plugins.Score{score(3, f1), score(4, baseline), score(5, f1-baseline)}
	for i, ok := range []bool{ok1, ok2, ok1 && ok2} {
		if !ok {
			inferred[i] = plugins.Score{Name: inferred[i].Name, N: n, Status: plugins.Undefined, Reason: "there is neither a guess nor a code to guess besides the common ones"}
		}
	}
	return append(out, inferred...), nil
}

func (s *scene) source(label string) *rand.Rand {
	return s.env.Rand.For(plugins.ForResample, "trajectories", label)
}

// draw returns n of some patients, at random unless it is all of them, in order.
func (s *scene) draw(label string, patients []int, n int) []int {
	if n == len(patients) {
		return patients
	}
	out := slices.Clone(patients)
	s.source("drawn "+label).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	slices.Sort(out[:n])
	return out[:n]
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
