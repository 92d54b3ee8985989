package gate

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
)

// The parts of SARIF 2.1.0 that are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool      `json:"tool"`
		ColumnKind string         `json:"columnKind"`
		Results    []sarifResult  `json:"results"`
		Properties map[string]any `json:"properties,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		About   string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string         `json:"id"`
		Name          string         `json:"name"`
		Short         sarifText      `json:"shortDescription"`
		Full          sarifText      `json:"fullDescription"`
		Help          sarifText      `json:"help"`
		Configuration sarifLevelOnly `json:"defaultConfiguration"`
	}
	sarifLevelOnly struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Properties   DocumentItem      `json:"properties"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn"`
	}
)

var sarifRules = []sarifRule{
	rule("worse", "ScoreIsWorse", "A score has become worse than the tolerance allows.", "error",
		"The paired difference to the baseline is below the tolerance, and its interval lies below 0. Find what changed, or accept the version as the new baseline with a reason."),
	rule("limit", "ScoreIsBeyondItsLimit", "A score is beyond its limit.", "error",
		"The new value is beyond the limit that the check sets, whatever the baseline was."),
	rule("incomplete", "ResultsAreMissing", "Results are missing.", "error",
		"The version that is checked lacks a cell or a value, so that nothing can be said. Run the experiment again."),
	rule("not-comparable", "VersionsAreNotComparable", "The two versions cannot be compared.", "error",
		"Data, metric, model or test rows differ, or the baseline has no value. If the change is meant, accept the version as the new baseline with a reason."),
	rule("underpowered", "TooLittleIsKnown", "Neither a loss nor its absence can be shown.", "error",
		"The interval of the difference is too wide for the tolerance. More seeds or test rows, or a wider tolerance, would settle it."),
}

func rule(id, name, short, level, full string) sarifRule {
	return sarifRule{ID: id, Name: name, Short: sarifText{short}, Full: sarifText{full}, Help: sarifText{full}, Configuration: sarifLevelOnly{level}}
}

// SARIF returns the report as SARIF 2.1.0: a result for each comparison that does not pass, or passes by leave alone, at the line
// of the check in the experiment file. version is that of ehrlab.
func (r *Report) SARIF(version string) ([]byte, error) {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{Name: "ehrlab", Version: version, About: "https://github.com/ehrlab/ehrlab", Rules: sarifRules}}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
		Properties: map[string]any{"experiment": r.Experiment, "version": r.Checked.Name, "result": r.Result()},
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if c.Passes() && !c.spared() {
			continue
		}
		for _, id := range c.rules() {
			run.Results = append(run.Results, c.sarif(id))
		}
	}
	b, err := json.MarshalIndent(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}, "", "  ")
	return append(b, '\n'), err
}

// rules are those that a comparison breaks.
func (c *Comparison) rules() []string {
	var ids []string
	if c.Breach != "" {
		ids = append(ids, "limit")
	}
	if c.Verdict != Same && c.Verdict != Better {
		ids = append(ids, strings.ReplaceAll(string(c.Verdict), " ", "-"))
	}
	return ids
}

func (c *Comparison) sarif(id string) sarifResult {
	level := "error"
	if id != "limit" && (c.Accepted || id == "underpowered" && c.Check.PassUnderpowered) {
		level = "note"
	}
	out := sarifResult{
		RuleID: id, RuleIndex: slices.IndexFunc(sarifRules, func(r sarifRule) bool { return r.ID == id }), Level: level,
		Message: sarifText{c.Title() + ": " + c.Message()}, Properties: c.item(),
		Fingerprints: map[string]string{"ehrlabCheck/v1": id + "/" + c.Title()},
	}
	if c.Check.File != "" {
		out.Locations = []sarifLocation{{sarifPhysical{sarifArtifact{uri(c.Check.File)}, sarifRegion{max(c.Check.Line, 1), max(c.Check.Column, 1)}}}}
	}
	return out
}

// uri is a file of the experiment as a reference: relative to the folder that the command works in, where it lies below.
func uri(file string) string {
	if file == "" {
		return ""
	}
	clean := path.Clean(strings.ReplaceAll(file, "\\", "/"))
	if path.IsAbs(clean) {
		return (&url.URL{Scheme: "file", Path: clean}).String()
	}
	return (&url.URL{Path: clean}).String()
}
