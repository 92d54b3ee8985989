package engine

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// telling is what of the counts of a cohort is told beside those of another of the same restricted rows.
type telling int

const (
	tellAll     telling = iota
	tellSteps           // but for its description
	tellNothing         // of the cohort, and of what follows from it
)

// told says of restricted data sets that are cohorts of the same rows what is told of each. What two of them have of one value tells, by
// subtraction, how many rows with it are in one alone: one is described. Where few patients are in one alone, the numbers of rows tell of
// them: one is accounted for. That is the first; of cohorts that are arms of one data set it is none, as no one of them stands for all.
func (g *collector) told() (map[*plan.Chain]telling, error) {
	out := map[*plan.Chain]telling{}
	of := map[cache.Key][]*plan.Chain{} // by what reads the rows
	for _, c := range g.plan.AllChains() {
		if _, failed := g.res.Failures[c.Cohort]; failed || c.Governance() != plugins.Restricted {
			continue
		}
		for _, other := range of[c.Read.Key] {
			if other.Cohort.Key == c.Cohort.Key {
				continue
			}
			least := tellSteps
			if few, err := g.fewApart(other, c); err != nil {
				return nil, err
			} else if few {
				least = tellNothing
			}
			out[c] = max(out[c], least)
			if other.Dataset.Name == c.Dataset.Name {
				out[other] = max(out[other], least)
			}
		}
		of[c.Read.Key] = append(of[c.Read.Key], c)
	}
	for _, c := range g.plan.AllChains() {
		if note := c.Dataset.Name + otherCohort; out[c] > tellAll && !slices.Contains(g.core.Manifest.Notes, note) {
			g.core.Manifest.Notes = append(g.core.Manifest.Notes, note)
		}
	}
	return out, nil
}

// otherCohort is noted of a data set of which not all is told.
var otherCohort = fmt.Sprintf(": another cohort of the same restricted rows is in this experiment, beside which counts would tell of fewer than %d patients "+
	"by subtraction: they are withheld", plugins.FewestTold)

// fewApart reports whether the rows that one of two cohorts has and the other has not are of some patients, but of few.
func (g *collector) fewApart(a, b *plan.Chain) (bool, error) {
	var rows [2][]int
	for i, s := range []*plan.Step{a.Cohort, b.Cohort} {
		kept, err := g.run.store.read(g.ctx, s)
		if err != nil {
			return false, err
		}
		rows[i] = rowsOf(kept.table.Column(rowColumn))
	}
	data, err := g.run.store.read(g.ctx, a.Read)
	if err != nil {
		return false, err
	}
	subject := data.table.Column(a.Subject)
	return few(patientsApart(subject, rows[0], rows[1])) || few(patientsApart(subject, rows[1], rows[0])), nil
}

// patientsApart counts the patients of rows that are not among others.
func patientsApart(subject *frame.Column, rows, others []int) int {
	among := map[int]bool{}
	for _, row := range others {
		among[row] = true
	}
	patient, patients := cohort.PatientOf(subject), map[float64]bool{}
	for _, row := range rows {
		if !among[row] {
			patients[patient(row)] = true
		}
	}
	return len(patients)
}

// tells reports whether a count of a step of a data set is told.
func (t telling) tells(stage plan.Stage, n *plugins.Count) bool {
	switch {
	case t == tellAll || stage == plan.StageDataset:
		return true
	case t == tellNothing:
		return false
	}
	described := []string{cohort.CountMissing, cohort.CountMissingTogether, cohort.CountDistinct, cohort.CountLevel}
	return stage != plan.StageCohort || !slices.Contains(described, n.Name)
}
