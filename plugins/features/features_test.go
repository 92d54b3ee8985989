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
	"github.com/ehrlab/ehrlab/plugins/features/group"
	"github.com/ehrlab/ehrlab/plugins/features/importance"
	"github.com/ehrlab/ehrlab/plugins/features/list"
	"github.com/ehrlab/ehrlab/plugins/features/random"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// made returns a plugin and an environment with the random sources of a seed.
func made(name, with string, seed uint64) (plugins.Features, plugins.Env, error) {
	r := &plugins.Registry{}
	for _, register := range []func(*plugins.Registry){all.Register, group.Register, importance.Register, list.Register, random.Register} {
		register(r)
	}
	entry := r.Features.Get(name)
	f, _, err := entry.Build(json.RawMessage(with))
	return f, plugins.Env{Threads: 1, Rand: plugins.NewRand(seed, "features", entry.Info.Random...)}, err
}

func candidates(train *frame.Frame) plugins.Candidates {
	return plugins.Candidates{Train: train, Target: "death", Groups: map[string]string{
		"weak": "labs", "strong": "labs", "twin1": "blood gas", "twin2": "blood gas", "site": "place", "death": "outcomes",
	}}
}

func choose(name, with string, train *frame.Frame) (string, error) {
	f, env, err := made(name, with, 1)
	if err != nil {
		return "", err
	}
	ranked, err := f.Rank(context.Background(), env, candidates(train))
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
		{"list", `{"columns": ["site", "flat", "weak"], "ladder": [1, 3]}`, "1:site 3:site,flat,weak"},
		{"importance", `{"ladder": [1, 2]}`, "1:strong 2:strong,site"},
		// the twins share their effect; two telling rows do not lift rare above weak
		{"importance", `{"ladder": [7]}`, "7:strong,site,twin1,twin2,weak,rare,flat"},
		{"importance", `{"ladder": [7], "folds": 0}`, "7:strong,site,twin1,twin2,weak,rare,flat"},
		// trees split by the first of two copies, and never by a constant; the rare level is too small a child
		{"importance", `{"ladder": [3, 7], "model": "gbdt"}`, "3:strong,twin1,weak 7:strong,twin1,weak,site,flat,rare,twin2"},
		// by total gain, a number with many thresholds comes before two sites that tell more; by mean gain, after them
		{"importance", `{"ladder": [2], "model": "gbdt", "by": "gain"}`, "2:site,strong"},
		{"importance", `{"ladder": [3], "model": "gbdt", "by": "weight"}`, "3:weak,twin1,strong"},
		{"importance", `{"ladder": [1], "model": "gbdt", "gbdt": {"rounds": 1, "max_depth": 1}}`, "1:strong"},
		// without the other one, a twin has the effect of both; the order in which columns are named does not matter
		{"importance", `{"ladder": [1, 3], "columns": ["weak", "twin2", "site"]}`, "1:twin2 3:twin2,site,weak"},
		{"importance", `{"ladder": [3], "model": "gbdt", "columns": ["twin2", "weak", "flat"]}`, "3:twin2,weak,flat"},
		{"random", `{"ladder": [1], "columns": ["weak"]}`, "1:weak"},
		{"group", `{"groups": ["labs", "blood gas"]}`, "-labs:weak,strong -blood-gas:twin1,twin2"},
		{"group", `{"groups": ["place", "labs"], "cumulative": true}`, "-place:site -to-labs:site,weak,strong"},
		{"group", `{"groups": ["twins", "labs"], "columns": {"twins": ["twin?"]}}`, "-twins:twin1,twin2 -labs:weak,strong"},
		{"group", `{"groups": ["labs", "place"], "columns": {"labs": ["*a*", "weak"]}}`, "-labs:flat,rare,weak -place:site"},
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
		{"list", `{"columns": ["site", "flat"], "ladder": []}`, train, "ladder is empty"},
		{"list", `{"columns": ["site", "flat"], "ladder": [2, 1]}`, train, "ladder has 1 after 2"},
		{"list", `{"columns": ["site", "flat"], "ladder": [1, 3]}`, train, "ladder asks for 3 columns; columns names 2"},
		{"importance", `{}`, train, "ladder is empty"},
		{"importance", `{"ladder": [0]}`, train, "ladder has 0 after 0"},
		{"importance", `{"ladder": [5, 5]}`, train, "ladder has 5 after 5"},
		{"importance", `{"ladder": [5, 8]}`, train, "ladder asks for 8 columns; there are 7 candidates"},
		{"importance", `{"ladder": [1]}`, alive, "one class only"},
		{"importance", `{"ladder": [2]}`, alone, "ladder asks for 2 columns; there are 0 candidates"},
		{"importance", `{"ladder": [2], "model": "gbdt"}`, alone, "ladder asks for 2 columns; there are 0 candidates"},
		{"importance", `{"ladder": [1], "model": "gbdt"}`, alive, "one class only"},
		{"importance", `{"ladder": [1], "model": "forest"}`, train, `model is "forest"; want "logistic" or "gbdt"`},
		{"importance", `{"ladder": [1], "by": "gain"}`, train, `by is "gain", which only model: "gbdt" has`},
		{"importance", `{"ladder": [1], "gbdt": {"eta": 0.2}}`, train, `gbdt has settings, and the model is "logistic"`},
		{"importance", `{"ladder": [1], "model": "gbdt", "by": "shap"}`, train, `by is "shap"; want "total_gain", "gain", "weight" or "cover"`},
		{"importance", `{"ladder": [1], "model": "gbdt", "gbdt": {"eta": 2}}`, train, "eta is 2"},
		{"importance", `{"ladder": [1], "folds": 1}`, train, "folds is 1; want at least 2, or 0 for none"},
		{"importance", `{"ladder": [1], "columns": []}`, train, "columns is empty"},
		{"importance", `{"ladder": [1], "columns": ["weak", "weak"]}`, train, `names "weak" twice`},
		{"importance", `{"ladder": [2], "columns": ["weak"]}`, train, "ladder asks for 2 columns; columns names 1"},
		{"importance", `{"ladder": [1], "columns": ["bun"]}`, train, `column "bun" is no candidate`},
		{"importance", `{"ladder": [1], "columns": ["death"]}`, train, `"death" is the target`},
		{"random", `{"ladder": [2], "columns": ["weak"]}`, train, "ladder asks for 2 columns; columns names 1"},
		{"random", `{"ladder": [1], "columns": ["bun"]}`, train, `column "bun" is no candidate`},
		{"random", `{}`, train, "ladder is empty"},
		{"random", `{"ladder": [1], "draw": 0}`, train, "draw is 0"},
		{"random", `{"ladder": [8]}`, train, "ladder asks for 8 columns; there are 7 candidates"},
		{"random", `{"ladder": [1]}`, alone, `no candidate column besides the target "death"`},
		{"group", `{}`, train, "groups is empty"},
		{"group", `{"groups": ["labs", "labs"]}`, train, `names "labs" twice`},
		{"group", `{"groups": ["blood gas", "blood/gas"]}`, train, `"blood gas" and "blood/gas" both give a subset "-blood-gas"`},
		{"group", `{"groups": ["β"]}`, train, `group "β" has no letter or digit`},
		{"group", `{"groups": ["labs"], "columns": {"lab": ["weak"]}}`, train, `a group "lab", which is not in groups: "labs"`},
		{"group", `{"groups": ["labs"], "columns": {"labs": []}}`, train, `columns of group "labs" is empty`},
		{"group", `{"groups": ["vitals"]}`, train, `no candidate column is in group "vitals"; there are "blood gas", "labs", "place"`},
		{"group", `{"groups": ["outcomes"]}`, train, `no candidate column is in group "outcomes"`},
		{"group", `{"groups": ["labs"], "columns": {"labs": ["*_early"]}}`, train, `group "labs": no candidate column is matched by "*_early"`},
		{"group", `{"groups": ["a", "b"], "columns": {"a": ["twin*"], "b": ["*1"]}}`, train, `column "twin1" is in the groups "a" and "b"`},
		{"group", `{"groups": ["labs"]}`, alone, "does not say which group a column is in"},
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
		ranked, err := importance.Logistic(context.Background(), f, "death", 1)
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

// Two draws, and two seeds, are different orders; the order of the columns in the table has no say.
func TestRandomOrder(t *testing.T) {
	train := cohort()
	order := func(f *frame.Frame, seed uint64, draw int) []string {
		p, env, err := made("random", fmt.Sprintf(`{"ladder": [1], "draw": %d}`, draw), seed)
		if err != nil {
			t.Fatal(err)
		}
		ranked, err := p.Rank(context.Background(), env, candidates(f))
		if err != nil {
			t.Fatal(err)
		}
		return plugins.Names(ranked.Columns)
	}
	first := order(train, 1, 1)
	names := train.Names()
	slices.Reverse(names)
	turned, err := train.Select(names...)
	if err != nil {
		t.Fatal(err)
	}
	if again := order(turned, 1, 1); !slices.Equal(again, first) {
		t.Errorf("%v; in another order of the table %v", first, again)
	}
	if slices.Equal(order(train, 1, 2), first) || slices.Equal(order(train, 2, 1), first) {
		t.Error("another draw, or seed, gives the same order")
	}
	places := map[string]int{} // how often a column comes first
	for draw := range 700 {
		places[order(train, 1, draw+1)[0]]++
	}
	for name, n := range places { // 100 expected, SD 9.3
		if n < 60 || n > 140 {
			t.Errorf("column %q comes first in %d of 700 draws", name, n)
		}
	}
}

// What the ladder is, or which groups are offered, is no part of the key that a ranking is stored under.
func TestSubsetsDoNotDecideOnTheRanking(t *testing.T) {
	settings := func(name, with string) string {
		f, _, err := made(name, with, 1)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(f.Ranking())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		name, a, b string
		same       bool
	}{
		{"list", `{"columns": ["site", "flat"]}`, `{"columns": ["site", "flat"], "ladder": [1, 2]}`, true},
		{"importance", `{"ladder": [5]}`, `{"ladder": [5, 10], "model": "logistic", "folds": 5}`, true},
		{"importance", `{"ladder": [5]}`, `{"ladder": [5], "folds": 4}`, false},
		{"importance", `{"ladder": [5]}`, `{"ladder": [5], "model": "gbdt"}`, false},
		{"importance", `{"ladder": [5], "model": "gbdt"}`, `{"ladder": [5], "model": "gbdt", "by": "total_gain", "gbdt": {"eta": 0.1}}`, true},
		{"importance", `{"ladder": [5], "model": "gbdt"}`, `{"ladder": [5], "model": "gbdt", "gbdt": {"eta": 0.2}}`, false},
		{"importance", `{"ladder": [5], "model": "gbdt"}`, `{"ladder": [5], "model": "gbdt", "by": "gain"}`, false},
		{"random", `{"ladder": [5]}`, `{"ladder": [5, 10], "draw": 1}`, true},
		{"random", `{"ladder": [5]}`, `{"ladder": [5], "draw": 2}`, false},
		{"importance", `{"ladder": [1]}`, `{"ladder": [1], "columns": ["weak", "site"]}`, false},
		{"importance", `{"ladder": [1], "columns": ["site", "weak"]}`, `{"ladder": [2], "columns": ["weak", "site"]}`, true},
		{"random", `{"ladder": [1], "columns": ["site", "weak"]}`, `{"ladder": [2], "columns": ["weak", "site"]}`, true},
		{"random", `{"ladder": [1]}`, `{"ladder": [1], "columns": ["weak", "site"]}`, false},
		{"group", `{"groups": ["labs"]}`, `{"groups": ["vitals", "labs"], "cumulative": true}`, true},
		{"group", `{"groups": ["labs"]}`, `{"groups": ["labs"], "columns": {"labs": ["weak"]}}`, false},
	} {
		if a, b := settings(c.name, c.a), settings(c.name, c.b); (a == b) != c.same {
			t.Errorf("%s: %s ranks by %s, %s by %s", c.name, c.a, a, c.b, b)
		}
	}
}

func TestOverlapAcrossFolds(t *testing.T) {
	train := cohort()
	for _, model := range []string{"logistic", "gbdt"} {
		f, env, err := made("importance", `{"ladder": [4], "model": "`+model+`"}`, 1)
		if err != nil {
			t.Fatal(err)
		}
		in := candidates(train)
		in.Subject = frame.NewNumber("patient", make([]float64, train.Rows()))
		for i := range in.Subject.Numbers {
			in.Subject.Numbers[i] = float64(i / 2)
		}
		ranking, err := f.Rank(context.Background(), env, in)
		if err != nil {
			t.Fatal(err)
		}
		var counts []string
		for _, c := range ranking.Counts {
			counts = append(counts, fmt.Sprint(c.Name, c.Dims, c.Value))
		}
		// strong leads whatever fold is left out; of 7 columns, 1, 2, 3 and 5 are counted
		if len(counts) != 4 || counts[0] != "columns among the first k whatever fold is left outmap[k:1] 1" {
			t.Errorf("%s: counts %q", model, counts)
		}
		const want = "when each of 5 folds of train, by subjects, is left out in turn (mean Jaccard index of pairs; chance-corrected): k = 5: "
		if len(ranking.Notes) != 1 || !strings.Contains(ranking.Notes[0], want) {
			t.Errorf("%s: notes %q, want %q", model, ranking.Notes, want)
		}
	}
}

// Without the one positive row there is no ranking; that is said, and the ranking of all of train stands.
func TestNoOverlapWithoutTwoClasses(t *testing.T) {
	train := cohort()
	rows := []int{}
	positive := false
	for i, v := range train.Column("death").Numbers {
		if v == 0 || !positive {
			rows = append(rows, i)
		}
		positive = positive || v == 1
	}
	f, env, err := made("importance", `{"ladder": [1], "folds": 20}`, 1)
	if err != nil {
		t.Fatal(err)
	}
	ranking, err := f.Rank(context.Background(), env, candidates(train.Take(rows)))
	if err != nil {
		t.Fatal(err)
	}
	if len(ranking.Columns) != 7 || len(ranking.Counts) != 0 || len(ranking.Notes) != 1 || !strings.Contains(ranking.Notes[0], "of 20, by rows: target \"death\" has one class only") {
		t.Errorf("%d columns, %d counts, notes %q", len(ranking.Columns), len(ranking.Counts), ranking.Notes)
	}
}
