// Package audit tells what audits made of synthetic rows: how many were kept, in which groups of patients, and what became of the shares of
// these groups. An audit that rejects the rare or the sick rejects patients, and its table says so.
package audit

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/ledger"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	By       []string            `json:"by,omitempty"`       // columns whose levels are groups; nil with no Sets and no Severity: the label
	Sets     map[string][]string `json:"sets,omitempty"`     // columns of 0 and 1 that stand for one variable, by its name
	Severity string              `json:"severity,omitempty"` // a number column, cut at the thirds of the test rows
}

const schema = `
// columns whose levels are groups of patients: the label unless set
by?: [string, ...string] @column()
// columns of 0 and 1 that stand for one variable, by its name, such as race: ["race_black", "race_asian"]
sets?: {[string & !=""]: [string, string, ...string] @column()}
// a column of numbers, such as an acuity score: its groups are the thirds of the real test rows
severity?: string & !="" @column()
`

// Names of dimensions.
const (
	byDim    = "by"
	groupDim = "group"
)

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "audit",
		Version: 2,
		Summary: "what audits made of the synthetic rows: shares that were kept, by groups of patients, and what became of these groups",
		Source: "E. B. Wilson (1927), J. Am. Stat. Assoc. 22(158), 209–212; R. G. Newcombe (1998), Stat. Med. 17(8), 873–890, method 10; " +
			"A. Donner, G. Y. Zou (2012), Stat. Methods Med. Res. 21(4), 347–359",
		Schema:  schema,
		Family:  plugins.Audit,
		Cost:    plugins.PerColumn,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test},
		Uses:    []plugins.Use{compare.Use(), subgroup.Use(), {Name: "stats", Version: stats.Version}},
		Audited: true,
		Scores:  scores(),
	}, Config{}, New)
}

// scores are what the metric measures.
func scores() []plugins.ScoreInfo {
	auditor := []string{plugins.AuditDim}
	group, grouped := []string{byDim, groupDim}, []string{plugins.AuditDim, byDim, groupDim}
	share := func(name, summary string, better plugins.Direction, dims []string) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: better, Dims: dims}
	}
	number := func(name, summary string, dims []string) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Neutral, Dims: dims, NoInterval: plugins.Description}
	}
	return []plugins.ScoreInfo{
		share("kept_share", "share of the synthetic rows that an auditor alone would keep, or all of them together keep without a flag", plugins.Neutral, auditor),
		share("dropped_share", "share of the synthetic rows that were dropped", plugins.Neutral, nil),
		share("flagged_share", "share of the synthetic rows that were delivered with a flag", plugins.Neutral, nil),
		share("unscored_share", "share of the synthetic rows without a score of the auditor, or of any of them", plugins.Lower, auditor),
		share("unparsable_share", "share of the synthetic rows with an answer that no verdict can be read from", plugins.Lower, auditor),
		share("refused_share", "share of the synthetic rows that the auditor declined to judge", plugins.Lower, auditor),
		share("suspicious_share", "share of the synthetic rows that hold text which speaks to its reader", plugins.Lower, auditor),
		number("judged", "records that the auditor was given: synthetic ones of all rounds, and those that it is calibrated by", auditor),
		number("rounds", "rounds in which rows were made", nil),
		number("wanted", "rows that were asked for", nil),
		number("delivered", "rows that were kept, with or without a flag", nil),
		{Name: "delivered_share", Summary: "delivered by wanted", Min: 0, Max: math.Inf(1), Better: plugins.Higher, NoInterval: plugins.Description},
		share("kept_share_by_group", "share of the synthetic rows of a group of patients that are kept", plugins.Neutral, grouped),
		share("kept_ratio", "the least kept share of any group by the greatest: 1 where an audit keeps as much of all", plugins.Higher, []string{plugins.AuditDim, byDim}),
		share("prevalence_before", "share of a group among the synthetic rows before the audit", plugins.Neutral, group),
		share("prevalence_after", "share of a group among the rows that are kept", plugins.Neutral, grouped),
		{
			Name: "prevalence_difference", Summary: "prevalence_after less prevalence_before, of the same rows", Min: -1, Max: 1,
			Better: plugins.Neutral, Ideal: new(0.0), Dims: grouped,
		},
	}
}

// Suit implements plugins.Suited: a pair of files had no audit.
func (c Config) Suit(plugins.Roles) (config any, lacks string) { return nil, plugins.LacksAudit }

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if len(c.By) > 0 {
		if err := (subgroup.Config{By: c.By}).Check(); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sets)) {
		columns := slices.Clone(c.Sets[name])
		slices.Sort(columns)
		switch {
		case name == "" || slices.Contains(c.By, name):
			return nil, fmt.Errorf(`"sets" names a set %q; want a name that no column of "by" has`, name)
		case len(columns) < 2 || len(slices.Compact(columns)) < len(c.Sets[name]):
			return nil, fmt.Errorf(`"sets", %q: want two different columns of 0 and 1 or more`, name)
		}
	}
	return metric{c}, nil
}

// Vet returns groups that synthetic rows cannot be put into.
func (m metric) Vet(columns []plugins.ColumnInfo) (faults plugins.Faults) {
	var names, numbers []string
	for _, c := range columns {
		names = append(names, c.Name)
		if c.Kind != frame.Category {
			numbers = append(numbers, c.Name)
		}
	}
	lacks := func(name string, known []string, field ...string) {
		faults = append(faults, plugins.Fault{Field: field, Message: fmt.Sprintf("no synthetic row has a column named %q", name), Name: name, Known: known})
	}
	for i, name := range m.config.By {
		if !slices.Contains(names, name) {
			lacks(name, names, "by", strconv.Itoa(i))
		}
	}
	for _, set := range slices.Sorted(maps.Keys(m.config.Sets)) {
		for i, name := range m.config.Sets[set] {
			if !slices.Contains(names, name) {
				lacks(name, names, "sets", set, strconv.Itoa(i))
			}
		}
	}
	switch name := m.config.Severity; {
	case name == "" || slices.Contains(numbers, name):
	case slices.Contains(names, name):
		faults = append(faults, plugins.Fault{
			Field: []string{"severity"}, Message: fmt.Sprintf("column %q has levels and no numbers: name it in \"by\"", name),
		})
	default:
		lacks(name, numbers, "severity")
	}
	return faults
}

// Measure tells what became of the synthetic rows, by each auditor alone and by all together. After the audit are the rows that are kept without a
// flag: where the policy only flags, they are those that would be left were flagged ones dropped.
//
// Where rows of the data are handed out as synthetic ones, shares that tell of fewer than plugins.FewestTold rows, by themselves or by
// subtraction, are withheld.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &tally{out: &plugins.Measurement{}}
	if pair.Audit == nil {
		t.none()
		return t.out, nil
	}
	t.Audited = pair.Audit
	if pair.Handed {
		t.told = ledger.New(len(t.Fates))
	}
	views := t.views()
	for _, v := range views {
		t.verdicts(v)
	}
	t.policy()
	groupings := m.config.groupings(pair)
	for i, g := range groupings {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.grouping(g, views)
		env.Progress(i+1, len(groupings))
	}
	return t.out, nil
}
