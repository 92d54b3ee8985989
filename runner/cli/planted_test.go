package cli_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// planted is a study of a model whose rows get worse with the number of columns asked for, or do not.
const planted = `name: "planted"
datasets: icu: {
	use: "simulated-icu", with: rows: 6000
	split: {train: 0.6, validation: 0.1, test: 0.2, reference: 0.1, by: "subject", stratify: "death", seed: 7}
}
features: {
	top: {use: "importance", with: {ladder: [10, 20, 40], folds: 0}}
	all: use: "all"
}
llms: model: use: "simulated"
strategies: schema: {use: "llm-schema", with: {llm: "model", rows: 25, rounds: 5}}
axes: degrade: sets: "llms.model.with.degrade"
metrics: shift: {use: "moments", with: columns: "continuous"}
matrix: [{strategy: ["schema"], features: ["top10", "top20", "top40", "all"], n: [600], seed: [1, 2, 3], degrade: [0, 0.5]}]
tables: shift: {rows: ["degrade", "features"], columns: [{score: "shift.mean_absolute_standardised_mean_difference"}], over: "seed"}
`

// Margins that the simulated model shifts by (1 − w)/2 standard deviations are found to be shifted by that, and where it shifts none, rows
// of all columns are as far off as those of ten.
func TestPlantedDegradationIsFoundWithItsSize(t *testing.T) {
	withoutRace(t)
	dir, env := workplace(t)
	if err := os.WriteFile(filepath.Join(dir, "planted.cue"), []byte(planted), 0o600); err != nil {
		t.Fatal(err)
	}
	try(t, dir, env, "ehrlab run planted.cue")
	f, err := os.Open(filepath.Join(dir, "results", "planted", "v1", "tables", "shift.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][3]float64{}
	for _, line := range lines[1:] {
		cell := map[string]string{}
		for i, name := range lines[0] {
			cell[name] = line[i]
		}
		var v [3]float64
		for i, name := range []string{"value", "low", "high"} {
			if v[i], err = strconv.ParseFloat(cell[name], 64); err != nil {
				t.Fatal(name, cell, err)
			}
		}
		if !strings.Contains(cell["note"], "SIMULATED") {
			t.Errorf("%v says nowhere that it is simulated", cell)
		}
		found[cell["degrade"]+" "+cell["features"]] = v
	}
	for features, columns := range map[string]float64{"top10": 11, "top20": 21, "top40": 41, "all": 79} { // the label is one of them
		w := 1 / (1 + 0.5*(columns-10)/10)
		if v := found["0.5 "+features]; v[1] > (1-w)/2 || v[2] < (1-w)/2 {
			t.Errorf("%s: a shift of %.3f was planted, found %.3f [%.3f, %.3f]", features, (1-w)/2, v[0], v[1], v[2])
		}
	}
	if some, all := found["0 top10"], found["0 all"]; math.Abs(some[0]-all[0]) > 0.03 || all[0] > 0.1 {
		t.Errorf("nothing was planted, found %.3f with ten features and %.3f with all", some[0], all[0])
	}
	if len(found) != 8 {
		t.Errorf("%d lines: %v", len(found), found)
	}
}
