package simulatedicu

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

// The cohort as raw tables, in the names, units and order of columns of eICU-CRD v2.0. What each stay's record says is placed in
// the window of package icu, as rows that give back the record; before and after the window there are other values, which must not
// be taken. All of this placing is invented.
//
// Besides the cohort there are stays that its definition leaves out: one for every twentieth row, of each kind by turns.

// The kinds of stays that the cohort leaves out.
const (
	young      = iota // age below 16
	pulseless         // no heart rate
	unfinished        // no discharge status
	unscored          // APACHE prediction of -1: not computable
	returned          // a later unit stay of a stay in hospital, which has no APACHE prediction
	stepdown          // in a unit that is no ICU
	early             // left before the window could end
	kinds
)

const (
	firstExcluded = 20_000_000 // least identifier of a stay that is left out
	excludedEvery = 20         // rows
	careLimits    = 0.1        // share of stays with a limit of care before their end
	invasive      = 0.25       // share of stays whose pressure is taken by a line: vitalPeriodic, not vitalAperiodic
	longestUnit   = 30 * 1440  // minutes of a unit stay
	diedInUnit    = 0.6        // share of deaths; patient: 126 of 212
	leastInUnit   = 0.05       // of the time after the first six hours, for those who leave the unit
	mostInUnit    = 0.6
)

// WriteRaw writes the cohort as tables of eICU-CRD, NAME.csv.gz, with memory that does not grow with the rows, and first
// SIMULATED.txt, which says what they are. The same settings give the same bytes, whatever env.Threads. It is an error when
// one of the files is in the folder already.
//
// From the tables, the first stay of every patient comes back with the columns of package icu as Read gives them, in windows
// of the setting windowSeed: from 4 hours (28 for laboratory values) before icu.WindowEnd, counted from the first heart rate,
// with the discharge from the unit or the first limit of care before it as the limit. hosp_los counts from the first heart rate.
// Second stays are there too.
func (d *Dataset) WriteRaw(ctx context.Context, env plugins.Env, folder string) error {
	w, _, err := d.world(ctx, env.Threads)
	if err != nil {
		return err
	}
	if err := writeMarker(folder); err != nil {
		return err
	}
	out, err := createTables(folder)
	if err != nil {
		return err
	}
	for h := range w.hospitals {
		out.hospital(&w.hospitals[h])
	}
	rows := d.config.Rows
	r := &rawStays{w: w, out: out, other: w.newStay()}
	for from := 0; from < rows && err == nil; from += blockRows {
		to := min(from+blockRows, rows)
		r.rng = d.random().For(plugins.ForSimulation, "raw", strconv.Itoa(from))
		err = w.stays(from, to, d.random(), func(row, owner int, p *patient, s *stay) error {
			r.write(row, owner, p, s)
			return errors.Join(ctx.Err(), out.err())
		})
		env.Progress(to, rows)
	}
	return errors.Join(err, out.close())
}

// rawStays writes stays one after the other.
type rawStays struct {
	w        *world
	out      *rawTables
	rng      *rand.Rand // of the block
	home     int        // hospital of the first stay of the patient that is written
	other    *stay      // one that the cohort leaves out
	excluded int        // how many of these were written
}

// write writes a stay of the cohort, and those that the cohort leaves out and that are due.
func (r *rawStays) write(row, owner int, p *patient, s *stay) {
	if row == owner {
		r.home = p.hospital
	}
	c := r.w.newChart(p, s, r.w.uniquepid(r.home, owner), r.rng)
	r.out.stay(r.w, c, r.rng)
	if row%excludedEvery == 0 {
		r.exclude(c)
	}
	for row == r.w.config.Rows-1 && r.excluded < kinds {
		r.exclude(c)
	}
}

// exclude writes a stay that the cohort leaves out, the kinds by turns. before is the stay of the cohort that was written last.
func (r *rawStays) exclude(before *chart) {
	kind, id := r.excluded%kinds, firstExcluded+r.excluded
	r.excluded++
	if kind == returned && before.discharged-before.left < 240 {
		kind = unscored // there was no time to come back in
	}
	p := r.w.newPatient(pick(r.w.toVolume, r.rng.Float64()), r.rng)
	if kind == returned {
		p = before.p
	}
	s := r.other
	r.w.simulate(&p, r.rng, s)
	r.w.finish(&p, s, r.rng)
	s.row[r.w.layout.stay] = float64(id)
	if kind == young {
		s.row[r.w.layout.age] = 15
	}
	c := r.w.newChart(&p, s, "000-"+strconv.Itoa(id), r.rng)
	c.kind = kind
	switch kind {
	case returned:
		s.died, c.pid, c.admission, c.visit = before.died, before.pid, before.admission, before.visit+1
		shift := before.left + 60 // from one admission to the unit to the other
		c.arrived, c.discharged = before.arrived-shift, before.discharged-shift
		c.left = min(c.left, c.discharged)
	case early:
		c.first, c.left, c.limited = 10, 10+60*(icu.VitalHours-1), -1
		r.w.place(c)
	}
	r.out.stay(r.w, c, r.rng)
}

// chart is a stay as tables tell of it. Times are minutes after admission to the unit.
type chart struct {
	*stay
	p         patient
	h         *hospital
	id        int64
	pid       string
	admission int64 // identifier of the stay in hospital
	visit     int   // number of the unit stay
	kind      int   // why the cohort leaves it out, or kinds

	arrived    int // in hospital
	first      int // heart rate
	left       int // the unit
	discharged int
	limited    int // first limit of care, or -1
	start, end int // of the window of vital signs
	invasive   bool
}

// newChart lays out the course of a stay.
func (w *world) newChart(p *patient, s *stay, pid string, rng *rand.Rand) *chart {
	at := &w.layout
	c := &chart{stay: s, p: *p, h: &w.hospitals[p.hospital], id: int64(s.row[at.stay]), pid: pid, visit: 1, kind: kinds}
	c.admission = c.id - 12_000
	c.first = rng.IntN(31)
	minutes := int(math.Round(s.row[at.los] * 1440)) // from the first heart rate on
	spare := max(0, minutes-int(leastStay*1440))     // besides the first hours in the unit
	c.arrived = -rng.IntN(2880)
	c.discharged = c.first + minutes
	inUnit := leastInUnit + (mostInUnit-leastInUnit)*rng.Float64()
	if s.died && rng.Float64() < diedInUnit {
		inUnit = 1
	}
	c.left = min(c.discharged-int(float64(spare)*(1-inUnit)), longestUnit)
	c.limited = -1
	if hours := (c.left - c.first) / 60; hours > 6 && rng.Float64() < careLimits {
		c.limited = c.first + 360 + rng.IntN(c.left-c.first-360)
	}
	c.invasive = rng.Float64() < invasive
	w.place(c)
	return c
}

// place finds the window.
func (w *world) place(c *chart) {
	limit := c.left
	if c.limited >= 0 {
		limit = min(limit, c.limited)
	}
	hours := icu.WindowEnd(w.config.WindowSeed, c.id, float64(limit-c.first)/60)
	c.end = c.first + int(hours)*60
	c.start = c.end - icu.VitalHours*60
}
