package cli_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const lin2025 = "experiments/lin2025/README.md"

// named finds the name of a file of one's own that a page shows.
var named = regexp.MustCompile(`(?m)^name: +"([a-z0-9-]+)"$`)

// TestCommandsOfLin2025 looks at every command and example of the page of that study. Its runs take minutes, so that they are vetted; what
// .ci/run calls is left to it. Of the examples, which extend the study, each is vetted, and those of the default way are planned at small sizes.
func TestCommandsOfLin2025(t *testing.T) {
	withoutRace(t)
	page := document(t, lin2025)
	dir, env := workplace(t)
	raw := filepath.Join(dir, "raw") // in the place of eICU, which is not open
	save(t, filepath.Join(dir, "raw.cue"), rawTables)
	try(t, dir, env, "ehrlab data write raw.cue icu raw")
	env = append(env, "EICU_ROOT="+raw)
	planned := 0
	for _, block := range blocks(page, "cue") {
		name := named.FindStringSubmatch(block)
		if name == nil {
			t.Fatalf("the page shows an example that is no file:\n%s", block)
		}
		save(t, filepath.Join(dir, name[1]+".cue"), block)
		try(t, dir, env, "ehrlab vet "+name[1]+".cue")
		if strings.HasPrefix(block, "extends: \"experiments/lin2025\"\n") {
			save(t, filepath.Join(dir, "small.cue"), `extends: "`+name[1]+`.cue"`+"\n"+smallLin2025)
			try(t, dir, env, "ehrlab plan small.cue")
			planned++
		}
	}
	if planned == 0 {
		t.Error("the page extends the default way nowhere")
	}
	ci, err := os.ReadFile(filepath.Join(repository(t), ".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	open, ran := openData(repository(t)) != "", 0
	for line := range strings.Lines(strings.Join(blocks(page, "sh"), "")) {
		line, _, _ = strings.Cut(line, " # ")
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != "ehrlab" {
			t.Errorf("the page shows %q; want ehrlab, a command and an experiment", line)
			continue
		}
		ran++
		switch {
		case words[1] == "plan":
			if call := regexp.MustCompile(`/ehrlab plan( --json)? ` + regexp.QuoteMeta(words[2]) + `\b`); !call.Match(ci) {
				t.Errorf(".ci/run does not call %q", line)
			}
		case words[1] != "run":
			t.Errorf("no one looks at %q", line)
		case open || words[2] != "experiments/lin2025/demo":
			try(t, dir, env, "ehrlab vet "+words[2])
		}
	}
	if ran < 4 {
		t.Errorf("found %d commands only", ran)
	}
}

// rawTables is a data set whose raw tables are like those of eICU.
const rawTables = `name: "raw"
datasets: icu: {use: "simulated-icu", with: {rows: 300, hospitals: 4}}
features: all: use: "all"
strategies: floor: use: "independent"
matrix: [{strategy: ["floor"], features: ["all"], n: [10], seed: [1]}]
`

// smallLin2025 are sizes of the study whose plan takes seconds.
const smallLin2025 = `_size: {patients: 1500, rows: 100, more: [150], ladder: [10], sites: [1], shift: [1, 2], resamples: 0, trees: 5}
_open: seeds: [1]
`

// TestPriceOfLin2025 holds what the page says of calls and cost to a plan of the full way, which .ci/run makes: it takes half a minute.
func TestPriceOfLin2025(t *testing.T) {
	file := os.Getenv("EHRLAB_PLANNED")
	if file == "" {
		t.Skip("EHRLAB_PLANNED names no plan of experiments/lin2025/full")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Asks []struct {
			Calls [3]float64 `json:"calls"`
			Cost  [3]float64 `json:"cost_usd"`
		} `json:"asks"`
	}
	if err := json.Unmarshal(text, &plan); err != nil || len(plan.Asks) != 3 {
		t.Fatalf("the plan asks %d models, %v; want 3", len(plan.Asks), err)
	}
	var want [4]float64 // calls and cost as expected, and the low and the high cost
	for _, a := range plan.Asks {
		for i, v := range []float64{a.Calls[1], a.Cost[1], a.Cost[0], a.Cost[2]} {
			want[i] += v
		}
	}
	told := regexp.MustCompile(`about ([\d,]+) calls and ([\d,]+) USD, at least ([\d,]+), at every cap ([\d,]+)`).FindStringSubmatch(document(t, lin2025))
	if told == nil {
		t.Fatal("the page does not say what the full way costs")
	}
	for i, w := range want {
		got, err := strconv.ParseFloat(strings.ReplaceAll(told[i+1], ",", ""), 64)
		if err != nil || math.Abs(got-w) > 0.02*w {
			t.Errorf("the page says %q, the plan %.0f", told[i+1], w)
		}
	}
}
