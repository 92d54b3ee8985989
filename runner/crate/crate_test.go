package crate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// written is a version on disk, with a table, a plot whose name is no URI, and what must not be told of.
func written(t *testing.T, source *spec.Portable) *record.Version {
	t.Helper()
	core := &record.Core{
		Manifest: record.Manifest{
			Experiment: "study", Complete: true, Resolved: json.RawMessage(`{"name":"study"}`), ResolvedHash: strings.Repeat("a", 64),
			Axes: []string{"seed"}, Numeric: "amd64-0", Tool: record.Tool{Version: "1.2.3", Revision: "abc", Go: "go1.26", Platform: "linux/amd64"},
			Data: []record.DataInfo{
				{Name: "icu", Plugin: "table", Governance: plugins.Open, Licence: "CC0", Files: []record.FileInfo{{Role: "main", Bytes: 7, SHA256: strings.Repeat("b", 64)}}},
				{Name: "made", Plugin: "simulated-icu", Governance: plugins.Simulated},
			},
			MetricFiles: []record.MetricFiles{{Metric: "raters", Files: []record.FileInfo{{Role: "ratings", Bytes: 3, SHA256: strings.Repeat("c", 64)}}}},
			Started:     time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Finished: time.Date(2026, 1, 2, 3, 5, 5, 0, time.UTC),
		},
		Cells:  []record.Cell{{ID: "seed1", Axes: map[string]string{"seed": "1"}, Status: record.CellOK}},
		Scores: []record.Score{{Cell: "seed1", Metric: "kl", Score: plugins.Score{Name: "mean", Value: 1, Status: plugins.OK}}},
	}
	w, err := record.Write(t.TempDir(), core, record.Views{Title: "A study", Source: source})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tables/t.md", "plots/a b%.svg", "trace.json", ".unfinished-x", "experiment/stale.cue"} {
		path := filepath.Join(w.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	v, err := record.OpenDir(w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(v); err != nil {
		t.Fatal(err)
	}
	return v
}

// graph reads a description: the entities by their ids, each of which must be there once.
func graph(t *testing.T, dir string) (raw string, byID map[string]map[string]any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Context []string         `json:"@context"`
		Graph   []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(doc.Context, []string{"https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"}) {
		t.Errorf("context %v", doc.Context)
	}
	byID = map[string]map[string]any{}
	for _, e := range doc.Graph {
		id, _ := e["@id"].(string)
		if id == "" || byID[id] != nil || len(types(e)) == 0 {
			t.Errorf("an entity without an id of its own, or without a type: %v", e)
		}
		byID[id] = e
	}
	return string(b), byID
}

func types(e map[string]any) []string { return texts(e["@type"]) }

// texts are one text or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, texts(x)...)
		}
		return out
	}
	return nil
}

// refs are the ids that a value refers to.
func refs(v any) []string {
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["@id"].(string); ok && len(v) == 1 {
			return []string{id}
		}
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, refs(x)...)
		}
		return out
	}
	return nil
}

// TestTheRulesOfWorkflowRunCrate holds a description to what the profiles demand with MUST, worked out from their texts.
func TestTheRulesOfWorkflowRunCrate(t *testing.T) {
	one := &spec.Portable{Files: []spec.SourceFile{{Name: "study.cue", Text: "name: \"study\"\n"}}}
	two := &spec.Portable{Folder: true, Files: []spec.SourceFile{{Name: "a.cue", Text: "name: \"study\"\n"}, {Name: "b.cue", Text: "\n"}, {Name: "texts/p.txt", Text: "hello"}}}
	for name, source := range map[string]*spec.Portable{"one file": one, "folder": two, "no text kept": nil} {
		t.Run(name, func(t *testing.T) {
			v := written(t, source)
			raw, byID := graph(t, v.Dir)
			descriptor, root := byID[File], byID["./"]
			if descriptor == nil || root == nil {
				t.Fatal("no descriptor or no root")
			}
			if !slices.Equal(refs(descriptor["about"]), []string{"./"}) || !slices.Contains(refs(descriptor["conformsTo"]), crateProfile) || !slices.Equal(types(descriptor), []string{"CreativeWork"}) {
				t.Errorf("descriptor %v", descriptor)
			}
			if !slices.Equal(types(root), []string{"Dataset"}) || root["datePublished"] != "2026-01-02T03:05:05+00:00" || root["name"] == nil || root["description"] == nil {
				t.Errorf("root %v", root)
			}
			licence := byID[refs(root["license"])[0]]
			if text, _ := licence["description"].(string); licence["name"] == nil || !strings.Contains(text, "icu: CC0; made: invented data") {
				t.Errorf("licence %v", licence)
			}
			for _, profile := range []string{processProfile, workflowProfile, workflowCrate} {
				if !slices.Contains(refs(root["conformsTo"]), profile) || !slices.Contains(types(byID[profile]), "CreativeWork") || byID[profile]["version"] == nil {
					t.Errorf("profile %s: %v", profile, byID[profile])
				}
			}
			main := byID[refs(root["mainEntity"])[0]]
			for _, kind := range []string{"File", "SoftwareSourceCode", "ComputationalWorkflow"} {
				if !slices.Contains(types(main), kind) {
					t.Errorf("workflow %v", main)
				}
			}
			if l := byID[refs(main["programmingLanguage"])[0]]; !slices.Contains(types(l), "ComputerLanguage") || l["name"] != "CUE" {
				t.Errorf("language %v", l)
			}
			run := byID[refs(root["mentions"])[0]]
			if !slices.Equal(types(run), []string{"CreateAction"}) || !slices.Equal(refs(run["instrument"]), refs(root["mainEntity"])) ||
				run["startTime"] != "2026-01-02T03:04:05+00:00" || run["endTime"] != "2026-01-02T03:05:05+00:00" || len(refs(run["object"])) != 3 || len(refs(run["result"])) < 5 {
				t.Errorf("run %v", run)
			}
			checkReferences(t, byID)
			checkFiles(t, v.Dir, byID)
			for _, secret := range []string{"trace.json", "unfinished", "stale", v.Dir} {
				if strings.Contains(raw, secret) {
					t.Errorf("it tells of %s", secret)
				}
			}
			if again, err := Describe(v); err != nil || string(again) != raw {
				t.Errorf("another description of the same version: %v", err)
			}
		})
	}
}

// checkReferences shows that every reference, but of a public profile, is to an entity that is there.
func checkReferences(t *testing.T, byID map[string]map[string]any) {
	t.Helper()
	for id, e := range byID {
		for property, v := range e {
			for _, to := range refs(v) {
				if byID[to] == nil && to != crateProfile {
					t.Errorf("%s of %s: no entity %s", property, id, to)
				}
			}
		}
	}
}

// checkFiles shows that all files of the folder are parts, with their sizes and formats, and all parts files.
func checkFiles(t *testing.T, dir string, byID map[string]map[string]any) {
	t.Helper()
	parts, err := Parts(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range parts {
		want = append(want, id(p.Name))
		e := byID[id(p.Name)]
		if !slices.Contains(types(e), "File") || e["sha256"] != p.SHA256 || e["encodingFormat"] == nil || e["contentSize"] == nil {
			t.Errorf("%s: %v", p.Name, e)
		}
	}
	slices.Sort(want)
	if got := refs(byID["./"]["hasPart"]); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("parts %v, want %v", got, want)
	}
	if !slices.Contains(want, "plots/a%20b%25.svg") || !slices.Contains(want, "tables/t.md") || !slices.Contains(want, "scores.csv") {
		t.Errorf("%v", want)
	}
	for id, e := range byID {
		if slices.Contains(types(e), "File") && !slices.Contains(want, id) {
			t.Errorf("%s is no file of the version", id)
		}
	}
}

func TestExperimentFilesStayInTheVersion(t *testing.T) {
	v := written(t, nil)
	for _, name := range []string{"../x.cue", "/x.cue", "a/../../x.cue"} {
		v.Views.Source = &spec.Portable{Files: []spec.SourceFile{{Name: name}}}
		if err := Write(v); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}
