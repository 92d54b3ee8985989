package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// File is what the checks of an experiment need of a version, as one JSON document that can be kept where the results are not. It holds
// what a version does, less what no check reads: no row of a patient.
type File struct {
	Format   string          `json:"format"`  // fileFormat
	Version  string          `json:"version"` // e.g. "v3"
	Reason   string          `json:"reason"`
	Time     time.Time       `json:"time"` // UTC, when it was written
	Manifest record.Manifest `json:"manifest"`
	Cells    []record.Cell   `json:"cells"`
	Scores   []FileScore     `json:"scores"`
	Counts   []record.Count  `json:"counts"`

	Despite map[string]string `json:"despite,omitempty"` // what spoke against the version, by check; see Report.Despite
}

// Spite is all of Despite on a line; empty where nothing spoke against the version.
func (f *File) Spite() string {
	var parts []string
	for _, check := range slices.Sorted(maps.Keys(f.Despite)) {
		parts = append(parts, f.Despite[check]+" by "+check)
	}
	return strings.Join(parts, ", ")
}

// FileScore is a score of a File.
type FileScore struct {
	Cell   string `json:"cell"`
	Metric string `json:"metric"`
	plugins.Score
	Draws *FileDraws `json:"draws,omitempty"`
}

// FileDraws are the draws of a score; see record.Draws.
type FileDraws struct {
	Unit   string    `json:"unit"`
	Of     string    `json:"of"`
	Values []float32 `json:"values"`
}

const fileFormat = "ehrlab baseline 1"

// Encode returns what the checks need of a version as a File.
func Encode(v *Version, checks []spec.Check, reason string, despite map[string]string, now time.Time) ([]byte, error) {
	f := File{
		Format: fileFormat, Version: v.Name, Reason: reason, Time: now.UTC().Truncate(time.Second), Despite: despite, Manifest: v.Core.Manifest,
		Cells: v.Core.Cells, Scores: []FileScore{}, Counts: []record.Count{},
	}
	f.Manifest.Files = nil
	f.Manifest.Curves = nil
	for i := range v.Core.Scores {
		s := &v.Core.Scores[i]
		if !slices.ContainsFunc(checks, func(c spec.Check) bool { return selects(c.Score, s.Metric, s.Name) }) {
			continue
		}
		out := FileScore{Cell: s.Cell, Metric: s.Metric, Score: s.Score}
		if s.Draws != nil {
			out.Draws = &FileDraws{Unit: s.Draws.Unit, Of: s.Draws.Of, Values: s.Draws.Values}
		}
		f.Scores = append(f.Scores, out)
	}
	for i := range v.Core.Counts {
		c := &v.Core.Counts[i]
		if c.Name == placeOfFeature || c.Name == record.CountAnswers && c.OfModels() {
			f.Counts = append(f.Counts, *c)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(&f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Decode reads what Encode wrote. It returns an error that says what is wrong.
func Decode(raw []byte) (*Version, *File, error) {
	var f File
	d := json.NewDecoder(bytes.NewReader(raw))
	switch err := d.Decode(&f); {
	case errors.Is(err, io.EOF):
		return nil, nil, errors.New("no baseline file: it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, nil, errors.New("no baseline file: it is cut off")
	case err != nil:
		return nil, nil, fmt.Errorf("no baseline file: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("no baseline file: something follows the JSON value")
	}
	if f.Format != fileFormat {
		return nil, nil, fmt.Errorf("no baseline file: its format is %q, and this ehrlab reads %q", f.Format, fileFormat)
	}
	var compact bytes.Buffer
	if len(f.Manifest.Resolved) > 0 && json.Compact(&compact, f.Manifest.Resolved) == nil {
		f.Manifest.Resolved = compact.Bytes()
	}
	core := &record.Core{Manifest: f.Manifest, Cells: f.Cells, Counts: f.Counts}
	for i := range f.Scores {
		s := &f.Scores[i]
		out := record.Score{Cell: s.Cell, Metric: s.Metric, Score: s.Score}
		if s.Draws != nil {
			out.Draws = &record.Draws{Unit: s.Draws.Unit, Of: s.Draws.Of, Values: s.Draws.Values}
		}
		core.Scores = append(core.Scores, out)
	}
	if err := record.Check(core); err != nil {
		return nil, nil, fmt.Errorf("damaged: %w", err)
	}
	return &Version{Name: f.Version, Core: core}, &f, nil
}
