package plugintest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Auditor checks an auditor with the given settings on the test rows and the synthetic rows of the inputs. One that asks language
// models is given one that answers each request with a score of its own.
//
// A record is judged by itself: the same verdict in any order, and whatever stands beside it.
func Auditor(t *testing.T, e *plugins.Entry[plugins.Auditor], with string, in Inputs) string {
	describe(t, e.Info)
	takesRecords(t, e.Info)
	if s := e.Info.Scale; s == nil || !(s.Min < s.Max && s.Min <= s.Keep && s.Keep <= s.Max && s.Step >= 0) {
		t.Fatalf("scale %+v: want a range with the least score that is kept in it", s)
	}
	a := build(t, e, with)
	before := in.digest()
	all, err := frame.Concat(in.Parts[plugins.Test].Frame, in.Synthetic)
	if err != nil {
		t.Fatal(err)
	}
	styles := map[string]plugins.Style{}
	for _, c := range all.Columns() {
		styles[c.Name] = plugins.Style{Decimals: 1}
	}
	judge := func(ctx context.Context, seed uint64, threads int, f *frame.Frame) (*plugins.Judged, error) {
		env := env(t, e.Info, seed, threads)
		if c, ok := a.(plugins.Consulting); ok {
			env.LLM = map[string]plugins.LLM{}
			for _, name := range c.Models() {
				env.LLM[name] = scorer{name, e.Info.Scale}
			}
		}
		return a.Judge(ctx, env, plugins.Lineup{Frame: f, Shape: plugins.Records, Target: in.Target, Styles: styles})
	}
	out := repeats(t, e.Info, func(seed uint64, threads int) string {
		j, err := judge(context.Background(), seed, threads, all)
		if err != nil {
			t.Fatalf("judge: %v", err)
		}
		checkVerdicts(t, j, all.Rows(), e.Info.Scale)
		return digest(t, j)
	})
	whole, err := judge(context.Background(), 1, 1, all)
	if err != nil {
		t.Fatal(err)
	}
	var some []int // every third record, the last first
	for row := all.Rows() - 1; row >= 0; row -= 3 {
		some = append(some, row)
	}
	part, err := judge(context.Background(), 1, 1, all.Take(some))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range some {
		if part.Verdicts[i] != whole.Verdicts[row] {
			t.Errorf("record %d is judged %+v among others, and %+v among all", row, part.Verdicts[i], whole.Verdicts[row])
		}
	}
	if c, ok := a.(plugins.Consulting); ok {
		checkConsulting(t, c, e.Info, all, in.Target, styles)
	}
	stops(t, func(ctx context.Context) error {
		_, err := judge(ctx, 1, 2, all)
		return err
	})
	if in.digest() != before {
		t.Error("the inputs were changed")
	}
	return out
}

func checkVerdicts(t *testing.T, j *plugins.Judged, records int, scale *plugins.Scale) {
	t.Helper()
	if len(j.Verdicts) != records {
		t.Fatalf("%d verdicts for %d records", len(j.Verdicts), records)
	}
	for i, v := range j.Verdicts {
		if v.Status == plugins.Scored && !(v.Score >= scale.Min && v.Score <= scale.Max) {
			t.Errorf("record %d has the score %g", i, v.Score)
		}
	}
	for i, c := range j.Criteria {
		if c.Name == "" || c.Message == "" || c.Severity != plugins.SeverityError && c.Severity != plugins.SeverityWarning {
			t.Errorf("criterion %d lacks a name, a message or a severity: %+v", i, c)
		}
		if slices.ContainsFunc(j.Criteria[:i], func(o plugins.Criterion) bool { return o.Name == c.Name }) {
			t.Errorf("criterion %q is there twice", c.Name)
		}
	}
	for _, f := range j.Findings {
		if f.Record < 0 || f.Record >= records || f.Criterion < 0 || f.Criterion >= len(j.Criteria) {
			t.Errorf("finding %+v of %d records and %d criteria", f, records, len(j.Criteria))
		} else if !j.Asked(f.Criterion, f.Record) {
			t.Errorf("criterion %q was found in record %d, of which it was not asked", j.Criteria[f.Criterion].Name, f.Record)
		}
	}
}

// checkConsulting checks what an auditor says of the models that it asks.
func checkConsulting(t *testing.T, c plugins.Consulting, info plugins.Info, like *frame.Frame, target string, styles map[string]plugins.Style) {
	t.Helper()
	if !info.Remote {
		t.Error("asks language models, and is not Remote")
	}
	if len(c.Models()) == 0 || c.Reveals() != plugins.EgressRows {
		t.Errorf("asks %v and reveals %q: records that are judged are rows", c.Models(), c.Reveals())
	}
	in := plugins.Lineup{Frame: like, Target: target, Styles: styles}
	outline, err := c.Outline(context.Background(), env(t, info, 1, 1), in, 1000)
	if err != nil {
		t.Fatalf("outline: %v", err)
	}
	each, err := c.Outline(context.Background(), env(t, info, 1, 1), in, 0)
	if err != nil {
		t.Fatalf("outline of the records themselves: %v", err)
	}
	if len(each.Calls) != len(outline.Calls)*like.Rows() {
		t.Errorf("outlines %d kinds of requests, and %d requests about %d records", len(outline.Calls), len(each.Calls), like.Rows())
	}
	for _, call := range append(outline.Calls, each.Calls...) {
		if !slices.Contains(c.Models(), call.Model) || call.Low < 1 || call.Low > call.Expected || call.Expected > call.High ||
			call.InputLow < 1 || call.InputLow > call.InputHigh || call.OutputLow < 1 || call.OutputTokens < call.OutputLow {
			t.Errorf("outline %+v", call)
		}
	}
}

// scorer is a language model that gives each request a score of its own, on a scale.
type scorer struct {
	name  string
	scale *plugins.Scale
}

// Info describes a model in process.
func (s scorer) Info() plugins.ModelInfo {
	return plugins.ModelInfo{Identity: plugins.Identity{API: "test", Model: s.name}, Family: "test", Structured: true, InProcess: true}
}

// Complete answers with a score and no finding.
func (s scorer) Complete(ctx context.Context, r plugins.Request) (*plugins.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text, err := json.Marshal([]any{s.name, r.Ordinal, r.Messages})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	at := float64(binary.LittleEndian.Uint32(sum[:])) / (1 << 32)
	score := int(s.scale.Min + at*(s.scale.Max-s.scale.Min+1))
	answer, err := json.Marshal(map[string]any{"findings": []any{}, "reason": "none", "score": min(score, int(s.scale.Max))})
	return &plugins.Response{Text: string(answer), Stop: plugins.StopEnd, Model: s.name, InputTokens: len(text) / 4, OutputTokens: 12}, err
}
