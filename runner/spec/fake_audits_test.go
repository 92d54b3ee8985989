package spec

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

type fakeAuditor struct{}

func (fakeAuditor) Judge(context.Context, plugins.Env, plugins.Lineup) (*plugins.Judged, error) {
	return nil, nil
}

// fakeRules names columns in ways that no schema can mark.
type fakeRules struct {
	fakeAuditor
	config rulesConfig
}

func (f fakeRules) Vet(columns []plugins.ColumnInfo) (faults plugins.Faults) {
	var known []string
	for _, c := range columns {
		known = append(known, c.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(f.config.Rules)) {
		if column := f.config.Rules[name].When; !slices.Contains(known, column) {
			faults = append(faults, plugins.Fault{
				Field: []string{"rules", name, "when"}, Message: fmt.Sprintf("1: there is no column named %q", column), Name: column, Known: known,
			})
		}
	}
	return faults
}

// fakeJudge asks models about rows.
type fakeJudge struct {
	fakeAuditor
	llms []string
}

func (f fakeJudge) Models() []string { return f.llms }

func (fakeJudge) Reveals() plugins.Egress { return plugins.EgressRows }

func (fakeJudge) Outline(context.Context, plugins.Env, plugins.Lineup, int) (*plugins.Outline, error) {
	return nil, nil
}

type rulesConfig struct {
	Packs  []string              `json:"packs"`
	Rules  map[string]ruleConfig `json:"rules,omitempty"`
	Column string                `json:"column,omitempty"`
	Note   string                `json:"note,omitempty"`
}

type ruleConfig struct {
	When string `json:"when"`
}

type judgeConfig struct {
	LLMs    []string `json:"llms"`
	Repeats int      `json:"repeats"`
	Rubric  string   `json:"rubric,omitempty"`
	Prompt  struct {
		User string `json:"user,omitempty"`
	} `json:"prompt"`
}

// addAudits registers auditors, what rates them, and strategies that differ in whether they can make rows again.
func addAudits(r *plugins.Registry) {
	records := []plugins.Shape{plugins.Records}
	plugins.Add(&r.Audits, plugins.Info{
		Name: "rules", Version: 1, Summary: "a fake", Shapes: records, Scale: &plugins.Scale{Min: 0, Max: 1, Keep: 1},
		Schema: "packs?: [...string]\nrules?: [string]: {when!: string}\ncolumn?: string @column()\nnote?: string @text()",
	}, rulesConfig{Packs: []string{"icu"}}, func(c rulesConfig) (plugins.Auditor, error) {
		var faults plugins.Faults
		for i, pack := range c.Packs {
			if pack != "icu" {
				faults = append(faults, plugins.Fault{
					Field: []string{"packs", fmt.Sprint(i)}, Message: fmt.Sprintf("no pack named %q", pack), Name: pack, Known: []string{"icu"},
				})
			}
		}
		if len(faults) > 0 {
			return nil, faults
		}
		return fakeRules{config: c}, nil
	})
	plugins.Add(&r.Audits, plugins.Info{
		Name: "llm-judge", Version: 1, Summary: "a fake", Shapes: records, Scale: &plugins.Scale{Min: 1, Max: 10, Keep: 7, Step: 1},
		Schema: "llms!: [string, ...string] @llm()\nrepeats?: int & >=1\nrubric?: string @text()\nprompt?: {user?: string @text()}",
	}, judgeConfig{Repeats: 1}, func(c judgeConfig) (plugins.Auditor, error) { return fakeJudge{llms: c.LLMs}, nil })
	plugins.Add(&r.Metrics, plugins.Info{
		Name: "audit", Version: 1, Summary: "a fake", Shapes: records, Audited: true,
		Scores: []plugins.ScoreInfo{{Name: "kept", Summary: "kept", Max: 1, Dims: []string{plugins.AuditDim}, Better: plugins.Neutral}, {
			Name: "part", Summary: "part", Max: 1, Dims: []string{plugins.AuditDim, "reason", "kind"}, Better: plugins.Neutral,
		}},
	}, none{}, func(none) (plugins.Metric, error) { return fakeMetric{}, nil })
	for name, random := range map[string][]plugins.Purpose{"drawn": {plugins.ForGeneration}, "fixed": nil} {
		plugins.Add(&r.Strategies, plugins.Info{Name: name, Version: 1, Summary: "a fake", Shapes: records, Random: random}, none{},
			func(none) (plugins.Strategy, error) { return fakeStrategy{}, nil })
	}
	for name, part := range map[string]plugins.Part{"lent": plugins.Reference, "copied": ""} {
		plugins.Add(&r.Strategies, plugins.Info{Name: name, Version: 1, Summary: "a fake", Shapes: records, Hands: true, Random: []plugins.Purpose{plugins.ForGeneration}}, none{},
			func(none) (plugins.Strategy, error) { return lendingStrategy{part: part}, nil })
	}
}
