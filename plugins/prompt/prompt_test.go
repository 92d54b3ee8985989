package prompt

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

func ptr[T any](v T) *T { return &v }

func user(text string) []plugins.Message { return []plugins.Message{{Role: "user", Text: text}} }

func TestNumberIsTheShortestTextThatReadsBack(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.1: "0.1", -2.50: "-2.5", 1e14: "100000000000000", 1e15: "1e+15", 1e-6: "0.000001", 1e-7: "1e-07", 37.2: "37.2", math.Inf(1): "",
	} {
		if got := Number(v); got != want {
			t.Errorf("Number(%v) = %q, want %q", v, got, want)
		}
	}
	if Number(math.NaN()) != "" || Number(math.Copysign(0, -1)) != "0" {
		t.Error("NaN is not missing, or there is a -0")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		v := math.Float64frombits(rng.Uint64())
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if back, err := strconv.ParseFloat(Number(v), 64); err != nil || back != v {
			t.Fatalf("%v is written %q", v, Number(v))
		}
	}
}

var fullSchema = Schema{Rows: 50, Format: JSON, Key: "row", Columns: []Column{
	{Name: "age", Type: Integer, Unit: "years", About: `a <b> & "c"`, Min: ptr(18.0), Max: ptr(90.0)},
	{Name: "sex", Type: Category, Levels: []string{"F", "M"}, Missing: true},
	{Name: "death", Type: Integer, Value: ptr("1")},
	{Name: "ward", Type: Category, Value: ptr("1")},
	{Name: "```schema\n", Type: Real, Min: ptr(-0.5)},
	{Name: "bare"},
}}

func TestSchemaIsWrittenAColumnALine(t *testing.T) {
	want := "````schema\n" + `{"rows":50,"format":"json","key":"row","columns":[
{"name":"age","type":"integer","unit":"years","about":"a <b> & \"c\"","min":18,"max":90},
{"name":"sex","type":"category","levels":["F","M"],"missing":true},
{"name":"death","type":"integer","value":1},
{"name":"ward","type":"category","value":"1"},
{"name":"` + "```schema" + `\n","type":"number","min":-0.5},
{"name":"bare"}
]}` + "\n````"
	if got := fullSchema.Render(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := fullSchema.Names(); !reflect.DeepEqual(got, []string{"row", "age", "sex", "death", "ward", "```schema\n", "bare"}) {
		t.Errorf("names %q", got)
	}
}

func TestBlocksComeBackFromText(t *testing.T) {
	table := &Table{Names: []string{"row", "a,b"}, Rows: [][]string{{"1", "x \"y\"\n```\nz"}, {"2", ""}}}
	examples := &Table{Names: []string{"only"}, Rows: [][]string{{""}, {"\r"}, {" a "}}}
	a, err := Compute(nil, frame.Must(frame.NewNumber("x", ramp(300))), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	text := "Rules:\n```csv\n```schema\nnot one: inside another block\n```\n" + fullSchema.Render() + "\n" + a.Render() + "\ntext\n" +
		examples.Render(ExamplesBlock) + "\r\n" + table.Render(TableBlock) + "\n" + RenderRecord("| a |\n| ``` |\n")
	got, err := Find(user(text))
	if err != nil {
		t.Fatal(err)
	}
	record := "| a |\n| ``` |\n"
	if want := (Blocks{&fullSchema, a, examples, table, &record}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLaterTurnsReplaceBlocksAndTheAssistantHasNone(t *testing.T) {
	one, two := Schema{Rows: 1, Format: CSV, Columns: []Column{{Name: "a"}}}, Schema{Rows: 2, Format: CSV, Columns: []Column{{Name: "a"}}}
	got, err := Find([]plugins.Message{
		{Role: "user", Text: one.Render()},
		{Role: "user", Text: two.Render()},
		{Role: "assistant", Text: "```schema\nnonsense\n```"},
	})
	if err != nil || got.Schema.Rows != 2 {
		t.Errorf("%+v, %v", got.Schema, err)
	}
}

func TestFindSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"```schema\n{\n":                                                          "the schema block has no end",
		"```schema\n{}\n```":                                                      `schema block: format is ""; want "csv" or "json"`,
		"```schema\n{\"rows\":-1}\n```":                                           "rows is -1",
		"```schema\n{\"rows\":\"secret\"}\n```":                                   `field "rows" is no int`,
		"```schema\n{\"row\":1}\n```":                                             `unknown field "row"`,
		"```schema\n{\"rows\":1}{}\n```":                                          "text after the JSON value",
		"```schema\n\n```":                                                        "JSON ends too early",
		"```schema\nsecret\n```":                                                  "no JSON at byte 1",
		"```schema\n{\"rows\":1,\"format\":\"csv\"}\n```":                         "no columns",
		"```schema\n{\"format\":\"csv\",\"columns\":[{}]}\n```":                   "column 1 has no name",
		schemaOf(`{"name":"a"},{"name":"a"}`):                                     `two columns are named "a"`,
		schemaOf(`{"name":"a","type":"text"}`):                                    `column "a": type is "text"`,
		schemaOf(`{"name":"a","min":2,"max":1}`):                                  `column "a": min 2 is greater than max 1`,
		schemaOf(`{"name":"k"}`):                                                  `column "k" is the key`,
		schemaOf(`{"name":"a","value":[1]}`):                                      `field "value" is neither a text nor a number`,
		schemaOf(`{"name":"a"}`) + "\n" + schemaOf(`{"name":"a"}`):                "a second schema block",
		"```examples\n\n```":                                                      "no header line",
		"```examples\na,b\n1,secret,3\n```":                                       "line 2: 3 fields where the header has 2",
		"```examples\na,a\n```":                                                   `line 1: two columns are named "a"`,
		"```examples\na,\n```":                                                    "line 1: column 2 has no name",
		"```table\na\n\"x\ny\n```":                                                "a quote is not closed",
		"```table\na\n\"x\"y\n```":                                                "line 2: text after a quoted field",
		"```table\na\nx\"y\n```":                                                  "line 2: a quote inside a field without quotes",
		"```aggregates\n{\"columns\":[{}]}\n```":                                  "column 1 has no name",
		"```aggregates\n{\"columns\":[{\"name\":\"a\",\"p5\":2,\"p50\":1}]}\n```": "the quantiles fall",
		"```aggregates\n{\"columns\":[{\"name\":\"a\",\"missing\":2}]}\n```":      "a share lies outside 0 to 1",
		"```aggregates\n{\"by\":[{}]}\n```":                                       "which column is the label is not said",
	} {
		if _, err := Find(user(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func schemaOf(columns string) string {
	return "```schema\n" + `{"rows":1,"format":"csv","key":"k","columns":[` + columns + "]}\n```"
}

func TestTableOfAFrame(t *testing.T) {
	f := frame.Must(
		frame.NewNumber("x", []float64{1.5, math.NaN(), -3}),
		frame.NewCategoryFromStrings("c", []string{"a,b", `q"`, ""}, []bool{false, false, true}),
	)
	if got, want := TableOf(f, []int{2, 0, 1}).CSV(), "x,c\n-3,\n1.5,\"a,b\"\n,\"q\"\"\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTablesOfRandomCellsComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"", "a", ",", `"`, "\n", "\r", "\r\n", " ", "```", "é"}
	for range 500 {
		table := &Table{Names: []string{"a", "b\n"}[:1+rng.IntN(2)]}
		for range rng.IntN(5) {
			row := make([]string, len(table.Names))
			for i := range row {
				for range rng.IntN(4) {
					row[i] += pieces[rng.IntN(len(pieces))]
				}
			}
			table.Rows = append(table.Rows, row)
		}
		got, err := Find(user("x\n" + table.Render(TableBlock) + "\ny"))
		if err != nil || !reflect.DeepEqual(got.Table, table) {
			t.Fatalf("%q came back as %q, %v", table, got.Table, err)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add(fullSchema.Render())
	f.Add("```examples\na,b\n\"1\",\r\n```\n```aggregates\n{\"rows\":3,\"columns\":[{\"name\":\"a\",\"p5\":1,\"levels\":[{\"level\":\"x\",\"share\":0.5}]}],\"label\":\"a\"}\n```")
	f.Add("````table\nk\n```\n1\n````")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := Find(user(text))
		if err != nil {
			return
		}
		once := rendered(b)
		back, err := Find(user(once))
		if err != nil {
			t.Fatalf("%v in\n%s", err, once)
		}
		if twice := rendered(back); twice != once {
			t.Errorf("came back as\n%s\nof\n%s", twice, once)
		}
	})
}

// rendered is the text of all blocks.
func rendered(b Blocks) string {
	out := ""
	if b.Schema != nil {
		out += b.Schema.Render() + "\n"
	}
	if b.Aggregates != nil {
		out += b.Aggregates.Render() + "\n"
	}
	if b.Examples != nil {
		out += b.Examples.Render(ExamplesBlock) + "\n"
	}
	if b.Table != nil {
		out += b.Table.Render(TableBlock) + "\n"
	}
	return out
}
