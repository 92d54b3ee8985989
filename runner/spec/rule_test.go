package spec

import (
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"

	"github.com/ehrlab/ehrlab/plugins"
)

// TestRules checks single values against single schemas, whatever CUE a plugin's author may write.
func TestRules(t *testing.T) {
	for _, c := range []struct{ schema, value, want string }{
		{`number`, `1`, ""},
		{`number`, `1.5`, ""},
		{`int`, `1e3`, ""},
		{`int`, `1.5`, "must be a whole number, not 1.5"},
		{`float`, `1.5`, ""},
		{`uint8`, `300`, "must be ≥ 0 and ≤ 255, not 300"},
		{`>=0 & <=1`, `-0.5`, "must be ≥ 0 and ≤ 1, not -0.5"},
		{`number & !=0`, `0`, "must not be 0, not 0"},
		{`>0 & !=5`, `5`, "must be > 0 and not be 5, not 5"},
		{`=~"^[a-z]+$"`, `"a1"`, `must match ^[a-z]+$, not "a1"`},
		{`!~"^[a-z]+$"`, `"ab"`, `must not match ^[a-z]+$, not "ab"`},
		{`string & !="none"`, `"none"`, `must satisfy !="none"`},
		{`string & !="none"`, `"some"`, ""},
		{`{a?: int, b?: int} & matchN(1, [{a!: int}, {b!: int}])`, `{a: 1, b: 2}`, "must satisfy matchN"},
		{`1 | 2 | 3`, `4`, "must be one of 1, 2, 3"},
		{`1 | 2 | 3`, `2`, ""},
		{`1 | 2 | 3`, `"2"`, "must be one of 1, 2, 3, not a text"},
		{`true`, `false`, "must be true"},
		{`null | string`, `null`, ""},
		{`null | string`, `3`, "must be null or a text, not a whole number"},
		{`"a" | *"b"`, `"a"`, ""},
		{`bool`, `"true"`, "must be true or false, not a text"},
		{`[...int]`, `[1, "a"]`, "must be a whole number, not a text"},
		{`[int, string]`, `[1]`, "must have at least 2 values, not 1"},
		{`[int, string]`, `[1, "a", 2]`, "one value too many; the list has 2"},
		{`[int, ...string]`, `[]`, "must have at least 1 value, not 0"},
		{`[...{a!: int, b?: string}]`, `[{a: 1}, {b: 1}]`, "must be a text, not a whole number; missing; it must be a whole number"},
		{`{a: int}`, `{a: "x"}`, "must be a whole number, not a text"},
		{`{[=~"^x"]: int}`, `{y: 1}`, "no such field"},
		{`int | {rows!: string, ...}`, `{rows: "x", other: 1}`, ""},
		{`int | {a?: {b?: int}}`, `{a: {c: 1}}`, "no such field"},
		{`[...(int | {[string]: int})]`, `[{a: 1, b: "x"}]`, "must be a whole number, not a text"},
		{`{[=~"^x"]: int}`, `{x1: "a"}`, "must be a whole number, not a text"},
		{`{a?: int, ...}`, `{b: {c: [1, "x"]}}`, ""},
		{`{a?: int, ...}`, `{b: {c: int}}`, "it has no definite value"},
		{`_`, `{b: [1]}`, ""},
		{`_`, `{b: 'x'}`, "must be a text, not bytes"},
		{`string | {file!: string}`, `{fil: "x"}`, "no such field; did you mean \"file\"?; missing; it must be a text"},
		{`{kind!: "a", n!: int} | {kind!: "b", s!: string}`, `{kind: "b", s: "x"}`, ""},
		{`int | string`, `int`, "must be a whole number or a text; it has no definite value"},
		{`string`, `3 | "x"`, "must be a text; it has no definite value"},
	} {
		t.Run(c.schema+" "+c.value, func(t *testing.T) {
			got := checkValue(t, c.schema, c.value)
			if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// checkValue returns the messages on a field with a value and a schema.
func checkValue(t *testing.T, schema, value string) string {
	t.Helper()
	ctx := cuecontext.New()
	v := ctx.CompileString("#With: {x?: " + schema + "}")
	if v.Err() != nil {
		t.Fatal(v.Err())
	}
	f, err := parser.ParseFile("x.cue", "x: "+value)
	if err != nil {
		t.Fatal(err)
	}
	s := &sources{files: []*ast.File{f}, shown: map[string]string{}, broken: map[string]bool{}}
	rep := &reporter{sources: s}
	root := evaluate(ctx, s, rep)
	c := &checker{rep: rep, ctx: ctx, schemas: &schemaSet{registry: &plugins.Registry{}}, found: newFindings()}
	c.check(root, newRule(v.LookupPath(cue.ParsePath("#With"))))
	var out []string
	for _, m := range rep.mistakes {
		out = append(out, m.Message)
	}
	return strings.Join(out, "; ")
}

func TestValueJSON(t *testing.T) {
	for _, v := range append(append(numbers(0, 1.5, 1e6), words("a", "")...), Value{Kind: BoolValue, Bool: true}, Value{Kind: PartValue, Text: "train"}, Value{Kind: NoValue}) {
		b, err := v.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var back Value
		if err := back.UnmarshalJSON(b); err != nil || back != v {
			t.Errorf("%s becomes %+v: %v", b, back, err)
		}
	}
	for _, bad := range []string{`[]`, `{}`, `{"rows": 3}`, `x`} {
		if new(Value).UnmarshalJSON([]byte(bad)) == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
