package eicu

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Recognise implements plugins.Recogniser: a folder with the table patient is taken for one of eICU. It offers both
// matrices, and says which of the tables they need are not there.
func (Config) Recognise(path string, table *plugins.TableFacts) []plugins.Recognised {
	if table != nil {
		return nil
	}
	present, err := list(path)
	if err != nil || !holds(present, patientTable.name) {
		return nil
	}
	var ways []plugins.Recognised
	for _, matrix := range []struct{ name, summary string }{
		{Apache, "a stay in intensive care, with the first-day variables of APACHE IV"},
		{Johnson2018, "a stay in intensive care, with the 83 columns of Johnson et al. (2018)"},
	} {
		d := &Dataset{Config{Root: path, Matrix: matrix.name}}
		way := plugins.Recognised{With: with(path, matrix.name), Summary: matrix.summary}
		var there []string
		for _, t := range d.needed() {
			switch _, err := d.find(t, present); {
			case err == nil:
				there = append(there, t.name)
			case holds(present, t.name):
				way.Lacks = append(way.Lacks, err.Error())
			default:
				way.Lacks = append(way.Lacks, fmt.Sprintf("table %s: %s%s", t.name, t.purpose, elsewhere(path, t.name)))
			}
		}
		way.Notes = []string{fmt.Sprintf("tables there: %s", strings.Join(there, ", "))}
		ways = append(ways, way)
	}
	return ways
}

func with(root, matrix string) json.RawMessage {
	raw, err := json.Marshal(struct {
		Root   string `json:"root"`
		Matrix string `json:"matrix"`
	}{root, matrix})
	if err != nil {
		panic(err) // two texts
	}
	return raw
}

// holds reports whether a table is among the names of a folder.
func holds(names []string, table string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, table+".csv") || strings.EqualFold(name, table+".csv.gz")
	})
}

// elsewhere says that a table lies in a folder below, as partial ones do; "" when it does not. The setting that it gives is
// relative to what root is, as the experiment has it beside root.
func elsewhere(root, table string) string {
	for _, ending := range []string{".csv", ".csv.gz"} {
		found, err := filepath.Glob(filepath.Join(quoted(root), "*", table+ending))
		if err != nil || len(found) == 0 {
			continue
		}
		if below, err := filepath.Rel(root, found[0]); err == nil {
			return fmt.Sprintf("; there is %s, which tables: %s: %q would name", filepath.ToSlash(below), table, filepath.ToSlash(found[0]))
		}
	}
	return ""
}

// quoted is a path as a pattern that matches nothing else.
func quoted(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
