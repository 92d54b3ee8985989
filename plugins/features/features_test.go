// Package features_test checks what the feature plugins choose.
package features_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/features/all"
	"github.com/ehrlab/ehrlab/plugins/features/importance"
	"github.com/ehrlab/ehrlab/plugins/features/list"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

func choose(name, with string, train *frame.Frame) (string, error) {
	r := &plugins.Registry{}
	all.Register(r)
	importance.Register(r)
	list.Register(r)
	f, _, err := r.Features.Get(name).Build(json.RawMessage(with))
	if err != nil {
		return "", err
	}
	ranked, err := f.Rank(context.Background(), plugins.Env{Threads: 1}, plugins.Candidates{Train: train, Target: "death"})
	if err != nil {
		return "", err
	}
	var out []string
	for _, suffix := range f.Subsets() {
		columns, err := f.Cut(ranked.Columns, suffix)
		if err != nil {
			return "", err
		}
		out = append(out, fmt.Sprintf("%s:%s", suffix, strings.Join(columns, ",")))
	}
	return strings.Join(out, " "), nil
}

// cohort has 400 rows: strong and weak drive death, twin1 and twin2 are one and the same, flat is constant, rare is a
// category whose telling level has two rows, site one with two telling levels of many rows.
func cohort() *frame.Frame {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 400
	strong, weak, twin, flat, death := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	rare, site := make([]string, n), make([]string, n)
	for i := range n {
		strong[i], weak[i], twin[i] = 1000*rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
		rare[i], site[i] = "common", []string{"a", "b"}[rng.IntN(2)]
		z := 2.5*strong[i]/1000 + 0.4*weak[i] + 1.6*twin[i] - 1.2
		if site[i] == "b" {
			z += 2.5
		}
		if rng.Float64() < 1/(1+math.Exp(-z)) {
			death[i] = 1
		}
	}
	rare[0], rare[1], death[0], death[1] = "odd", "odd", 1, 1
	return frame.Must(
		frame.NewNumber("flat", flat),
		frame.NewCategoryFromStrings("rare", rare, nil),
		frame.NewNumber("weak", weak),
		frame.NewNumber("twin1", twin),
		frame.NewNumber("death", death),
		frame.NewNumber("twin2", slices.Clone(twin)),
		frame.NewCategoryFromStrings("site", site, nil),
		frame.NewNumber("strong", strong),
	)
}

func TestChoose(t *testing.T) {
	train := cohort()
	for _, c := range []struct{ name, with, want string }{
		{"all", `{}`, ":flat,rare,weak,twin1,twin2,site,strong"},
		{"list", `{"columns": ["site", "flat"]}`, ":site,flat"},
		{"importance", `{"ladder": [1, 2]}`, "1:strong 2:strong,site"},
		// the twins share their effect; two telling rows do not lift rare above weak
		{"importance", `{"ladder": [7]}`, "7:strong,site,twin1,twin2,weak,rare,flat"},
	} {
		if got, err := choose(c.name, c.with, train); err != nil || got != c.want {
			t.Errorf("%s %s: %q, %v; want %q", c.name, c.with, got, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	train := cohort()
	alone, err := train.Select("death")
	if err != nil {
		t.Fatal(err)
	}
	alive := train.Take([]int{slices.Index(train.Column("death").Numbers, 0)})
	for _, c := range []struct {
		name, with string
		train      *frame.Frame
		want       string
	}{
		{"all", `{}`, alone, `no candidate column besides the target "death"`},
		{"list", `{}`, train, "columns is empty"},
		{"list", `{"columns": ["site", "site"]}`, train, `names "site" twice`},
		{"list", `{"columns": ["death"]}`, train, `"death" is the target`},
		{"list", `{"columns": ["bun"]}`, train, `column "bun" is no candidate`},
		{"importance", `{}`, train, "ladder is empty"},
		{"importance", `{"ladder": [0]}`, train, "ladder has 0 after 0"},
		{"importance", `{"ladder": [5, 5]}`, train, "ladder has 5 after 5"},
		{"importance", `{"ladder": [5, 8]}`, train, "ladder asks for 8 columns; there are 7 candidates"},
		{"importance", `{"ladder": [1]}`, alive, "one class only"},
		{"importance", `{"ladder": [2]}`, alone, "ladder asks for 2 columns; there are 0 candidates"},
	} {
		if _, err := choose(c.name, c.with, c.train); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.name, c.with, err, c.want)
		}
	}
}

// The importance of a number is its absolute standardised coefficient: rescaling and turning it changes nothing.
func TestImportanceDoesNotDependOnTheUnit(t *testing.T) {
	train := cohort()
	rank := func(f *frame.Frame) map[string]float64 {
		ranked, err := importance.Importances(context.Background(), f, "death", 1)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, r := range ranked {
			out[r.Name] = r.Importance
		}
		return out
	}
	var columns []*frame.Column
	for _, c := range train.Columns() {
		if c.Name == "weak" {
			turned := make([]float64, len(c.Numbers))
			for i, v := range c.Numbers {
				turned[i] = 37 - 0.001*v
			}
			c = frame.NewNumber("weak", turned)
		}
		columns = append(columns, c)
	}
	before, after := rank(train), rank(frame.Must(columns...))
	for name, v := range before {
		if math.Abs(v-after[name]) > 1e-6 {
			t.Errorf("%s: importance %v, %v after weak changed its unit", name, v, after[name])
		}
	}
}
