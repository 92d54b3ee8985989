package cli_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Two cohorts of the same restricted rows tell, by subtraction, of those that are in one alone: of these nothing is told twice.
func TestTwoCohortsOfRestrictedRows(t *testing.T) {
	const both = `datasets: {all: {_s, cohort: [{column: "age", min: 16}]}, old: {_s, cohort: [{column: "age", min: %d}]}}
matrix: [{dataset: ["all", "old"], features: ["few"], strategy: ["floor"], n: [60], seed: [1]}]
`
	const arms = `datasets: all: {_s, cohort: [{column: "age", min: 16}]}
axes: minage: sets: "datasets.all.cohort.0.min"
matrix: [{minage: [16, %d], features: ["few"], strategy: ["floor"], n: [60], seed: [1]}]
`
	for name, c := range map[string]struct {
		text string
		want []string // what is told of the cohorts
	}{
		"few":        {fmt.Sprintf(both, 18), []string{"all left", "all level"}},
		"many":       {fmt.Sprintf(both, 50), []string{"all left", "all level", "old left"}},
		"same":       {fmt.Sprintf(both, 16), []string{"all left", "all level", "old left", "old level"}},
		"arms, few":  {fmt.Sprintf(arms, 18), nil},
		"arms, many": {fmt.Sprintf(arms, 50), []string{"all left"}},
		"open":       {fmt.Sprintf(both, 18), []string{"all left", "all level", "old left", "old level"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			governance := "restricted"
			if name == "open" {
				governance = name
			}
			dir, env := workplace(t)
			rows := "age,female,died\n"
			for i := range 400 {
				age := 20 + i%60
				if i < 5 {
					age = 17
				}
				rows += fmt.Sprintf("%d,%d,%d\n", age, i%2, min(i%4, 1))
			}
			text := `name: "x"
_s: {use: "table", with: path: "rows.csv", target: "died", governance: "` + governance + `", group: "female", split: {train: 0.5, test: 0.5, seed: 1}}
features: few: {use: "list", with: columns: ["age", "female"]}
strategies: floor: use: "independent"
metrics: kl: use: "kl"
tables: {d: kind: "dataset", at: kind: "attrition"}
` + c.text
			for file, content := range map[string]string{"rows.csv": rows, "x.cue": text} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			try(t, dir, env, "ehrlab run x.cue")
			if out := try(t, dir, env, "ehrlab show x"); (c.want == nil) != strings.Contains(out, "The counts of these data are withheld") {
				t.Error(out)
			}
			if got := toldOfCohorts(t, filepath.Join(dir, "results", "x", "v1")); !slices.Equal(got, c.want) {
				t.Errorf("told: %q, want %q", got, c.want)
			}
		})
	}
}

// toldOfCohorts lists data sets whose rows left, or rows with a level, are among the counts.
func toldOfCohorts(t *testing.T, version string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(version, "counts.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(column string) int { return slices.Index(lines[0], column) }
	var told []string
	for _, line := range lines[1:] {
		if line[at("stage")] != "cohort" {
			continue
		}
		for what, short := range map[string]string{"left": "left", "rows with the level": "level"} {
			if line[at("count")] == what {
				told = append(told, line[at("dataset")]+" "+short)
			}
		}
	}
	slices.Sort(told)
	return slices.Compact(told)
}
