package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// traceFile says what a version was last made from. It is derived: a version is whole without it.
const traceFile = "trace.json"

// Trace says which stored outputs the numbers of a version come from, and from which views its tables and
// plots were made. It is written last, so that it stands for a version whose files are all there.
type Trace struct {
	Plan  string      `json:"plan"`  // hash of the plan
	Views string      `json:"views"` // hash of the views
	Cells []CellTrace `json:"cells"`
}

// CellTrace is the keys of the steps that a cell's numbers come from; what these were made from follows from
// their recipes in the cache.
type CellTrace struct {
	Cell     string            `json:"cell"`
	Generate string            `json:"generate"`
	Audit    []AuditTrace      `json:"audit,omitempty"` // in order; nil where the rows were not audited
	Measures map[string]string `json:"measures"`        // by the experiment's name of the metric
}

// AuditTrace is a step of the audit of a cell.
type AuditTrace struct {
	Stage string `json:"stage"`
	Label string `json:"label"`
	Key   string `json:"key"`
}

// ViewsHash identifies views.
func ViewsHash(v Views) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs
	}
	return hashOf(raw)
}

// WriteTrace replaces the trace of a version.
func WriteTrace(dir string, t Trace) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return disk{}.replace(filepath.Join(dir, traceFile), append(raw, '\n'))
}

// ReadTrace returns the trace of a version; of one that has none, an empty one.
func ReadTrace(dir string) (Trace, error) {
	var t Trace
	path := filepath.Join(dir, traceFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return Trace{}, &Damaged{Path: path, Why: err.Error()}
	}
	return t, nil
}

// Keys collects the keys of the steps that all versions under root were last made from.
//
// A trace that cannot be read is an error: what its version needs is unknown.
func Keys(root string) (map[string]bool, error) {
	keys := map[string]bool{}
	traces, err := filepath.Glob(filepath.Join(root, "*", "v*", traceFile))
	if err != nil {
		return nil, fmt.Errorf("results folder %q: %w", root, err)
	}
	for _, path := range traces {
		t, err := ReadTrace(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		for _, c := range t.Cells {
			keys[c.Generate] = true
			for _, a := range c.Audit {
				keys[a.Key] = true
			}
			for _, k := range c.Measures {
				keys[k] = true
			}
		}
	}
	delete(keys, "") // of cells that are not estimable
	return keys, nil
}
