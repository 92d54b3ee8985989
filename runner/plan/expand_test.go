package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/runner/spec"
)

func texts(list ...string) []spec.Value {
	out := make([]spec.Value, len(list))
	for i, t := range list {
		out[i] = spec.Value{Text: t}
	}
	return out
}

func numbers(list ...float64) []spec.Value {
	out := make([]spec.Value, len(list))
	for i, n := range list {
		out[i] = spec.Value{Kind: spec.NumberValue, Number: n}
	}
	return out
}

func TestExpand(t *testing.T) {
	axes := []string{"strategy", "n", "seed"}
	all := func(s []spec.Value, n []spec.Value, seed []spec.Value) []spec.AxisValues {
		return []spec.AxisValues{{Axis: "strategy", Values: s}, {Axis: "n", Values: n}, {Axis: "seed", Values: seed}}
	}
	cases := []struct {
		name   string
		blocks []spec.Block
		want   string
		err    string
	}{
		{
			name:   "product, the first axis slowest",
			blocks: []spec.Block{{Axes: all(texts("a", "b"), numbers(10), numbers(1, 2))}},
			want:   "a/10/1 a/10/2 b/10/1 b/10/2",
		},
		{
			name: "the order of a block decides which axis is slowest",
			blocks: []spec.Block{{Axes: []spec.AxisValues{
				{Axis: "seed", Values: numbers(1, 2)}, {Axis: "strategy", Values: texts("a", "b")}, {Axis: "n", Values: numbers(10)},
			}}},
			want: "a/10/1 b/10/1 a/10/2 b/10/2",
		},
		{
			name:   "zipped axes advance together",
			blocks: []spec.Block{{Axes: all(texts("a", "b"), numbers(10, 20), numbers(1, 2)), Zip: [][]string{{"n", "seed"}}}},
			want:   "a/10/1 a/20/2 b/10/1 b/20/2",
		},
		{
			name:   "three axes in one zip",
			blocks: []spec.Block{{Axes: all(texts("a", "b"), numbers(10, 20), numbers(1, 2)), Zip: [][]string{{"strategy", "n", "seed"}}}},
			want:   "a/10/1 b/20/2",
		},
		{
			name:   "zip of unequal lengths",
			blocks: []spec.Block{{Axes: all(texts("a"), numbers(10, 20), numbers(1, 2, 3)), Zip: [][]string{{"n", "seed"}}}},
			err:    `axis "seed" has 3 values, the axes zipped with it have 2`,
		},
		{
			name: "included cells follow, blocks are listed one after the other",
			blocks: []spec.Block{
				{
					Axes:    all(texts("a"), numbers(10), numbers(1)),
					Include: []spec.Assignment{{"strategy": spec.Value{Text: "b"}, "n": numbers(5)[0], "seed": numbers(9)[0]}},
				},
				{Axes: all(texts("c"), numbers(10), numbers(1))},
			},
			want: "a/10/1 b/5/9 c/10/1",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			points, err := expand(axes, c.blocks)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, p := range points {
				var parts []string
				for _, v := range p.values {
					parts = append(parts, v.String())
				}
				got = append(got, strings.Join(parts, "/"))
				if p.order.at != i {
					t.Errorf("point %d has the order %d", i, p.order.at)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), c.want)
			}
		})
	}
}

func TestExcluded(t *testing.T) {
	axes := []string{"strategy", "n"}
	block := &spec.Block{Exclude: []spec.Exclude{
		{Match: map[string][]spec.Value{"strategy": texts("a", "b"), "n": numbers(10)}, Reason: "too dear"},
		{Match: map[string][]spec.Value{"n": numbers(99)}, Reason: "too large"},
	}}
	for _, c := range []struct {
		strategy string
		n        float64
		reason   string
	}{{"a", 10, "too dear"}, {"b", 10, "too dear"}, {"c", 10, ""}, {"a", 20, ""}, {"c", 99, "too large"}} {
		reason, out := excluded(axes, block, []spec.Value{{Text: c.strategy}, numbers(c.n)[0]}, nil)
		if reason != c.reason || out != (c.reason != "") {
			t.Errorf("%s, %g: %q, %v", c.strategy, c.n, reason, out)
		}
	}
}

func TestCellID(t *testing.T) {
	axes := []string{"dataset", "strategy", "n", "seed"}
	id := func(dataset, strategy string, n, seed float64) string {
		return cellID(axes, []spec.Value{{Text: dataset}, {Text: strategy}, numbers(n)[0], numbers(seed)[0]})
	}
	if got := id("icu", "copula", 1000, 3); !strings.HasPrefix(got, "icu.copula.n1000.seed3-") {
		t.Errorf("id %s", got)
	}
	ids := []string{
		id("icu", "copula", 1000, 3), id("icu", "copula", 1000, 4), id("icu", "copula", 10003, 3), id("a b", "c", 1, 1),
		id("a-b", "c", 1, 1), id("a", "b.c", 1, 1), id("a.b", "c", 1, 1), id("a", "b\"", 1, 1), id("a", "b", 1, 1),
	}
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("two cells share an id: %v", ids)
	}
	for _, got := range ids {
		if strings.ContainsAny(got, " /\"\\") {
			t.Errorf("id %q is no file name", got)
		}
	}
}
