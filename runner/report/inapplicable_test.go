package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Arms and cells without an audit have no line, and no column, in a table of scores of audits; failed, excluded and undefined ones have.
func TestLinesThatNoScoreIsDefinedFor(t *testing.T) {
	kept, kl := spec.TableColumn{Score: "kept.kept_share"}, spec.TableColumn{Score: "kl.mean"}
	byAudit := func(columns ...spec.TableColumn) spec.Table {
		return spec.Table{Name: "t", Rows: []string{"audit"}, Over: []string{"seed"}, Columns: columns}
	}
	fail := func(core *record.Core, audit string, status record.CellStatus) {
		for i := range core.Cells {
			if c := &core.Cells[i]; c.Axes["audit"] == audit {
				c.Status, c.Stage, c.Reason = status, "generate", "timed out"
				core.Scores = slices.DeleteFunc(core.Scores, func(s record.Score) bool { return s.Cell == c.ID })
			}
		}
	}
	for name, c := range map[string]struct {
		table  spec.Table
		change func(*record.Core)
		want   []string
	}{
		"an arm":            {byAudit(kept), func(*record.Core) {}, []string{"rules ok", "judge ok"}},
		"with another":      {byAudit(kept, kl), func(*record.Core) {}, []string{"off absent ok", "rules ok ok", "judge ok ok", "judge.random absent ok"}},
		"by a reason":       {byAudit(kept), unauditedScores, []string{"rules ok", "judge ok"}},
		"a failed score":    {byAudit(kept), failedScore, []string{"rules ok", "judge ok", "judge.random failed"}},
		"a lost cell":       {byAudit(kept), lostCell, []string{"rules ok", "judge ok", "judge.random undefined"}},
		"a failed arm":      {byAudit(kept), func(core *record.Core) { fail(core, "judge.random", record.CellFailed) }, []string{"rules ok", "judge ok", "judge.random failed"}},
		"an excluded arm":   {byAudit(kept), func(core *record.Core) { fail(core, "judge.random", record.CellExcluded) }, []string{"rules ok", "judge ok", "judge.random excluded"}},
		"one cell failed":   {byAudit(kept), failedOne, []string{"rules ok", "judge ok", "judge.random failed"}},
		"undefined, reason": {byAudit(kept), undefinedOff, []string{"off undefined", "rules ok", "judge ok"}},
		"none is defined": {
			spec.Table{Name: "t", Rows: []string{"audit"}, Over: []string{"seed"}, Columns: []spec.TableColumn{kept}, Where: map[string][]spec.Value{"audit": texts("off", "judge.random")}},
			func(*record.Core) {},
			[]string{"off absent", "judge.random absent"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			core := judgedCore()
			c.change(core)
			tables, err := Tables(core, record.Views{Tables: []spec.Table{c.table}})
			if err != nil || tables[0].Problem != "" {
				t.Fatal(err, tables[0].Problem)
			}
			var got []string
			for _, l := range tables[0].Lines {
				text := l.Labels[0]
				for _, v := range l.Values {
					text += " " + string(v.Status)
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// failedOne is a core in which one of two cells of an arm failed without a score, and the other has none of an audit.
func failedOne(core *record.Core) {
	at := slices.IndexFunc(core.Cells, func(c record.Cell) bool { return c.ID == "judge.random-2" })
	core.Cells[at].Status, core.Cells[at].Stage, core.Cells[at].Reason = record.CellFailed, "decide", "no row is left"
	core.Scores = slices.DeleteFunc(core.Scores, func(s record.Score) bool { return s.Cell == "judge.random-2" })
}

// unauditedScores gives cells whose rows had no audit the scores that metrics of audits have there.
func unauditedScores(core *record.Core) {
	for _, id := range []string{"off-1", "off-2", "judge.random-1", "judge.random-2"} {
		core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "kept", Score: plugins.Score{Name: "kept_share", Status: plugins.Undefined, Reason: plugins.NoAudit}})
	}
}

// failedScore is that with one of them failed, lostCell with one cell that failed and left none.
func failedScore(core *record.Core) {
	unauditedScores(core)
	s := &core.Scores[len(core.Scores)-1]
	s.Status, s.Reason = plugins.Failed, "timed out"
}

func lostCell(core *record.Core) {
	failedOne(core)
	unauditedScores(core)
	core.Scores = core.Scores[:len(core.Scores)-1]
}

// undefinedOff gives cells without an audit a score that says why it has no value.
func undefinedOff(core *record.Core) {
	for _, id := range []string{"off-1", "off-2"} {
		core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "kept", Score: plugins.Score{Name: "kept_share", Status: plugins.Undefined, Reason: "withheld"}})
	}
}

// What is left out is named, also of columns that stand across a table, and lines keep their n/N.
func TestColumnsThatAreDefinedForNoLine(t *testing.T) {
	tables, err := Tables(judgedCore(), record.Views{Tables: []spec.Table{
		{Name: "a", Rows: []string{"strategy"}, Across: "audit", Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "kept.kept_share", Title: "kept"}, {Score: "kl.mean", Title: "KL"}}},
		{Name: "b", Rows: []string{"audit"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "kept.kept_share"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range tables[0].Columns {
		names = append(names, tables[0].Columns[i].label())
	}
	want := []string{"off: KL", "rules: kept", "rules: KL", "judge: kept", "judge: KL", "judge.random: KL"}
	if diff := cmp.Diff(want, names); diff != "" || len(tables[0].Lines[0].Values) != len(want) || tables[0].Lines[0].Of != 2 {
		t.Error(diff)
	}
	for i, want := range []string{"defined for no line: off: kept, judge.random: kept.", "no score of the table is defined there: off, judge.random."} {
		if !strings.Contains(strings.Join(tables[i].Remarks, " "), want) {
			t.Errorf("%q is not in %q", want, tables[i].Remarks)
		}
	}
}
