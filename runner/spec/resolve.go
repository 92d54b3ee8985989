package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Resolved returns the experiment as results record it, in canonical JSON, and its SHA-256 in hex.
//
// Settings are those after defaults. Paths are null: the file of a hospital may be named after it, and the manifest
// has the hashes of the data. What only concerns reading is left out: titles, descriptions, tables, plots, numbers of others, contrasts, checks,
// and the licences, citations and notes of data sets. So is what only concerns the run: the budget, and settings of this machine
// or account, such as where a key is read.
func (e *Experiment) Resolved() (resolved json.RawMessage, hash string) {
	out := *e
	out.Title, out.Description, out.Tables, out.Plots, out.Budget = "", "", nil, nil, nil
	out.Checks, out.Primary, out.Inference, out.Published = nil, nil, Inference{}, nil
	out.Datasets = slices.Clone(e.Datasets)
	for i := range out.Datasets {
		d := &out.Datasets[i]
		d.Use = d.Use.resolved()
		d.Licence, d.Citation, d.Note = "", "", ""
	}
	out.Features = slices.Clone(e.Features)
	for i := range out.Features {
		out.Features[i].Use = out.Features[i].Use.resolved()
	}
	out.Metrics = slices.Clone(e.Metrics)
	for i := range out.Metrics {
		out.Metrics[i].Use = out.Metrics[i].Use.resolved()
	}
	out.LLMs = slices.Clone(e.LLMs)
	for i := range out.LLMs {
		out.LLMs[i].Use = out.LLMs[i].Use.resolved()
	}
	out.Audits = slices.Clone(e.Audits)
	for i := range out.Audits {
		out.Audits[i].Use = out.Audits[i].Use.resolved()
	}
	out.Strategies = slices.Clone(e.Strategies)
	for i := range out.Strategies {
		out.Strategies[i] = out.Strategies[i].resolved()
	}
	b, err := json.Marshal(&out)
	if err != nil {
		panic(fmt.Sprintf("experiment %s: %v", e.Name, err)) // plain values; settings are JSON that Build made
	}
	sum := sha256.Sum256(b)
	return b, hex.EncodeToString(sum[:])
}

// resolved is the plugin with its settings after defaults, sorted by key, and without paths and local settings.
func (u Use) resolved() Use {
	with := u.settings
	if with == nil {
		with = u.With
	}
	if len(with) == 0 {
		return u
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(with))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return u
	}
	for _, path := range u.Paths {
		if getAt(tree, path) != nil {
			_ = SetAt(tree, path, nil) // getAt found it
		}
	}
	for _, path := range u.Local {
		if block, ok := getAt(tree, path[:len(path)-1]).(map[string]any); ok {
			delete(block, path[len(path)-1])
		}
	}
	if b, err := json.Marshal(tree); err == nil {
		u.With = b
	}
	return u
}

// getAt follows object keys and list indices of a decoded JSON value; nil when they lead nowhere.
func getAt(tree any, path []string) any {
	for _, p := range path {
		switch t := tree.(type) {
		case map[string]any:
			tree = t[p]
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(t) {
				return nil
			}
			tree = t[i]
		default:
			return nil
		}
	}
	return tree
}
