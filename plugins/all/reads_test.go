package all

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// choice is a line of a schema of a setting that has one of some words, or is true or false.
var choice = regexp.MustCompile(`(?m)^\s*([a-z_]+)\?:\s*((?:"[^"]*"(?:\s*\|\s*)?)+|bool)`)

// spared are settings that are no choice among words, and leave parts out.
var spared = map[string][]string{
	"dimension-wise":      {`{"codes": 0}`, `{"codes": 0, "part": "train"}`},
	"structural-validity": {`{"vocabulary": ["C01"]}`, `{"vocabulary": ["C01"], "part": "train"}`},
}

// joined are choices of two settings that decide together which parts are read.
var joined = map[string][]string{
	"downstream":           {`{"train": "real", "test": "synthetic"}`, `{"test": "synthetic", "tune_on": "real-validation"}`},
	"importance-agreement": {`{"part": "train", "by": "permutation"}`},
}

// With each value of each setting, a metric reads the parts that it says it reads with it, and no other; all are declared.
func TestMetricsReadThePartsThatTheySay(t *testing.T) {
	eachMetric(t, exact, func(t *testing.T, m rated) {
		base := exact[m.name]
		if base == "" {
			base = with(t, "metric", m.name)
		}
		if strings.Contains(m.info.Schema, "part?:") != slices.Contains(choices(m.info.Schema), `{"part": "train"}`) {
			t.Error("the values of the setting \"part\" are not tried")
		}
		blocks := append(slices.Concat([]string{`{}`}, spared[m.name], joined[m.name]), choices(m.info.Schema)...)
		w := m.draw(rand.New(rand.NewPCG(1, 20)), sizes{80, 60, 80, 80})
		for _, block := range blocks {
			built, _, err := Registry().Metrics.Get(m.name).Build(over(t, base, block))
			if err != nil {
				if strings.HasPrefix(block, `{"part"`) || !slices.Contains(choices(m.info.Schema), block) { // others may go with further settings only
					t.Errorf("with %s: %v", block, err)
				}
				continue
			}
			of := m
			of.Metric = built
			of.readsAsSaid(t, w, block)
		}
	})
}

// readsAsSaid measures with the parts that the metric says it reads, and without each of them.
func (m rated) readsAsSaid(t *testing.T, w world, block string) {
	t.Helper()
	reads := plugins.Reads(m.Metric, &m.info)
	for _, part := range reads {
		if !slices.Contains(m.info.Reads, part) {
			t.Errorf("with %s it says that it reads %s, which it does not declare", block, part)
		}
	}
	if missed := m.missed(w, reads); missed != "" {
		t.Errorf("with %s it reads more than the %v that it says it reads: %s", block, reads, missed)
	}
	for _, part := range reads {
		if others := slices.DeleteFunc(slices.Clone(reads), func(p plugins.Part) bool { return p == part }); m.missed(w, others) == "" {
			t.Errorf("with %s it says that it reads %s, and never does", block, part)
		}
	}
}

// missed returns what a measurement says of a part that it was not handed; empty when it needed none.
func (m rated) missed(w world, handed []plugins.Part) (what string) {
	defer func() {
		if p := recover(); p != nil {
			if what = fmt.Sprint(p); !strings.Contains(what, "Info.Reads") {
				panic(p)
			}
		}
	}()
	_, _ = m.handed(w, handed) // an error is an answer, too
	return ""
}

// choices lists a with block for each value of each setting that has one of some words, or is true or false.
func choices(schema string) []string {
	var out []string
	for _, found := range choice.FindAllStringSubmatch(schema, -1) {
		values := regexp.MustCompile(`"[^"]*"`).FindAllString(found[2], -1)
		if found[2] == "bool" {
			values = []string{"false", "true"}
		}
		for _, v := range values {
			out = append(out, fmt.Sprintf(`{%q: %s}`, found[1], v))
		}
	}
	return out
}

// over returns a with block with the fields of another in the place of its own.
func over(t *testing.T, base, block string) json.RawMessage {
	t.Helper()
	fields := map[string]json.RawMessage{}
	for _, text := range []string{base, block} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			t.Fatal(err)
		}
	}
	out, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
