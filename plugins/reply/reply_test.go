package reply

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

func ptr(v float64) *float64 { return &v }

// patients is the contract of most cases: a whole number with a range, a category, a number that may be missing, a flag.
func patients(container string) Contract {
	return Contract{
		Container: container, Rows: 2,
		Columns: []Column{
			{Name: "age", Kind: frame.Number, Integer: true, Unit: "a", Min: ptr(18), Max: ptr(90)},
			{Name: "sex", Kind: frame.Category, Levels: []string{"F", "M", "Other", "other"}},
			{Name: "ph", Kind: frame.Number, Missing: true},
			{Name: "death", Kind: frame.Number, Integer: true, Min: ptr(0), Max: ptr(1)},
		},
	}
}

// one is the contract of a single column, which is tried by readOne.
func one(c Column, container string) Contract {
	c.Name = "x"
	return Contract{Container: container, Rows: 1, Columns: []Column{c, {Name: "y", Kind: frame.Number}}}
}

// show writes what was found in short: the values of accepted records, then reasons, then repairs.
func show(r *Reply) string {
	var b strings.Builder
	for _, record := range r.Records {
		if record.Key != 0 {
			fmt.Fprintf(&b, "%d:", record.Key)
		}
		for i, v := range record.Values {
			if i > 0 {
				b.WriteByte(' ')
			}
			switch {
			case v.Missing:
				b.WriteByte('-')
			case v.Level != "":
				b.WriteString(v.Level)
			default:
				fmt.Fprint(&b, v.Number)
			}
		}
		for _, i := range record.Outside {
			fmt.Fprintf(&b, " >%d", i)
		}
		b.WriteString("; ")
	}
	for _, reason := range reasons {
		if n := r.Account.Rejected[reason]; n > 0 {
			fmt.Fprintf(&b, "%d %s; ", n, reason)
		}
	}
	for _, repair := range repairs {
		if n := r.Account.Repairs[repair]; n > 0 {
			fmt.Fprintf(&b, "%d x %s; ", n, repair)
		}
	}
	if r.Account.Prose > 0 {
		b.WriteString("prose; ")
	}
	return strings.TrimSuffix(b.String(), "; ")
}

// check checks what holds for every reply.
func check(t *testing.T, c Contract, r *Reply) {
	t.Helper()
	a := r.Account
	if got := a.RejectedRows() + len(r.Records); a.Returned != got {
		t.Errorf("%d returned, %d rejected or accepted", a.Returned, got)
	}
	form := a.Rejected[CutOff] + a.Rejected[Unreadable] + a.Rejected[WrongFields] + a.Rejected[WrongNames]
	if a.Returned != a.Parsed+form {
		t.Errorf("%d returned, %d parsed and %d not", a.Returned, a.Parsed, form)
	}
	repaired, outside, keys := 0, 0, map[int]bool{}
	for _, record := range r.Records {
		if record.Repaired {
			repaired++
		}
		if len(record.Outside) > 0 {
			outside++
		}
		if c.Key != "" && keys[record.Key] {
			t.Errorf("key %d twice", record.Key)
		}
		keys[record.Key] = true
		if len(record.Values) != len(c.Columns) {
			t.Fatalf("%d values of %d columns", len(record.Values), len(c.Columns))
		}
		for i, v := range record.Values {
			checkValue(t, c.Columns[i], v)
		}
	}
	if outside += a.Rejected[OutOfRange]; repaired != a.Repaired || outside != a.Outside {
		t.Errorf("%d repaired of %d, %d outside of %d", a.Repaired, repaired, a.Outside, outside)
	}
	if (a.Returned == 0) != (a.Empty == 1) || a.Calls != 1 || a.Requested != c.Rows {
		t.Errorf("account %+v", a)
	}
}

func checkValue(t *testing.T, c Column, v Value) {
	t.Helper()
	switch {
	case v.Missing:
		if !c.Missing || v.Number != 0 || v.Level != "" {
			t.Errorf("column %s: %+v", c.Name, v)
		}
	case c.Kind == frame.Category:
		if c.Levels != nil && !slices.Contains(c.Levels, v.Level) {
			t.Errorf("column %s: level %q", c.Name, v.Level)
		}
	case math.IsNaN(v.Number) || math.IsInf(v.Number, 0) || c.Integer && v.Number != math.Trunc(v.Number) ||
		v.Number == 0 && math.Signbit(v.Number):
		t.Errorf("column %s: number %v", c.Name, v.Number)
	}
}

func TestTexts(t *testing.T) {
	const head = "age,sex,ph,death\n"
	for _, c := range []struct{ name, container, text, want string }{
		{"as asked", CSV, head + "70,F,7.35,1\n55,M,,0\n", "70 F 7.35 1; 55 M - 0"},
		{"no line end at the end", CSV, head + "70,F,7.35,1\n55,M,,0", "70 F 7.35 1; 55 M - 0"},
		{"line ends of Windows", CSV, "age,sex,ph,death\r\n70,F,7.35,1\r\n", "70 F 7.35 1"},
		{"byte order mark", CSV, "\ufeff" + head + "70,F,7.35,1\n", "70 F 7.35 1"},
		{"empty lines", CSV, "\n\n" + head + "\n70,F,7.35,1\n\n", "70 F 7.35 1"},
		{"header alone", CSV, head, ""},
		{"nothing", CSV, "", ""},
		{"quoted", CSV, `"age","sex","ph","death"` + "\n" + `"70","F","7.35","1"` + "\n", "70 F 7.35 1"},
		{"another order", CSV, "death,ph,sex,age\n1,7.35,F,70\n", "70 F 7.35 1"},
		{"names in another case", CSV, "Age, SEX ,ph,death\n70,F,7.35,1\n", "70 F 7.35 1; 1 x column names"},
		{"a column more", CSV, "id,age,sex,ph,death\n1,70,F,7.35,1\n", "70 F 7.35 1; 1 x column left out"},
		{"an index without a name", CSV, ",age,sex,ph,death\n0,70,F,7.35,1\n", "70 F 7.35 1; 1 x column left out"},
		{"a column fewer", CSV, "age,sex,ph\n70,F,7.35\n71,F,7.3\n", "2 wrong columns"},
		{"a column twice", CSV, "age,sex,ph,death,age\n70,F,7.35,1,71\n", "1 wrong columns"},
		{"header again", CSV, head + "70,F,7.35,1\n" + head + "55,M,,0\n", "70 F 7.35 1; 55 M - 0"},
		{"header again, in another order", CSV, head + "70,F,7.35,1\nsex,age,ph,death\nM,55,,0\n", "70 F 7.35 1; 55 M - 0"},
		{"fields of a line", CSV, head + "70,F,7.35\n70,F,7.35,1,2\n55,M,,0\n", "55 M - 0; 2 wrong number of fields"},
		{"comma at the end", CSV, head + "70,F,7.35,1,\n", "70 F 7.35 1; 1 x separator at the end"},
		{"comma at each end", CSV, "age,sex,ph,death,\n70,F,7.35,1,\n", "70 F 7.35 1; 1 x separator at the end"},
		{"blanks", CSV, head + "70, F , 7.35,1\n", "70 F 7.35 1; 1 x blanks around a value"},
		{"a quote that is not closed", CSV, head + "70,\"F,7.35,1\n55,M,,0\n", "55 M - 0; 1 unreadable"},
		{"text behind a quote", CSV, head + "70,\"F\"x,7.35,1\n55,M,,0\n", "55 M - 0; 1 unreadable"},
		{
			"prose around", CSV, "Here are two rows, as you asked:\n\n" + head + "70,F,7.35,1\n55,M,,0\n\nI hope this helps, let me know!\n",
			"70 F 7.35 1; 55 M - 0; prose",
		},
		{"prose of as many fields", CSV, head + "70,F,7.35,1\nI hope, as always, that this helps, a lot\n", "70 F 7.35 1; 1 not a number"},
		{"prose of another number of fields", CSV, head + "70,F,7.35,1\nI hope, as always, that this helps\n", "70 F 7.35 1; prose"},
		{"fence", CSV, "```csv\n" + head + "70,F,7.35,1\n```\n", "70 F 7.35 1; prose"},
		{"prose behind a fence", CSV, "```\n" + head + "70,F,7.35,1\n```\n1, 2, 3, 4\n", "70 F 7.35 1; prose"},
		{"two fences, one header", CSV, "```\n" + head + "70,F,7.35,1\n```\nand\n```\n55,M,,0\n```\n", "70 F 7.35 1; 55 M - 0; prose"},
		{"dots in a fence", CSV, "```\n" + head + "70,F,7.35,1\n...\n```\n", "70 F 7.35 1; prose"},
		{"thoughts", CSV, "<think>\n" + head + "1,F,1,1\n</think>\n" + head + "70,F,7.35,1\n", "70 F 7.35 1; prose"},
		{"thoughts without beginning", CSV, head + "1,F,1,1\n</think>" + head + "70,F,7.35,1\n", "70 F 7.35 1; prose"},
		{"thoughts without end", CSV, "<think>" + head + "1,F,1,1\n", "prose"},
		{"semicolons", CSV, "age;sex;ph;death\n70;F;7.35;1\n", "70 F 7.35 1; 1 x other separator"},
		{"decimal commas", CSV, "age;sex;ph;death\n70;F;7,35;1\n", "1 not a number"},
		{"tabs", CSV, "age\tsex\tph\tdeath\n70\tF\t\t1\n", "70 F - 1; 1 x other separator"},
		{
			"a table", CSV, "| age | sex | ph | death |\n|-----|:---:|----|-------|\n| 70 | F | 7.35 | 1 |\n| 55 | M | | 0 |\n",
			"70 F 7.35 1; 55 M - 0; 2 x other separator",
		},
		{"a table without outer bars", CSV, "age | sex | ph | death\n---|---|---|---\n70 | F | 7.35 | 1\n", "70 F 7.35 1; 1 x other separator"},
		{"no header", CSV, "70,F,7.35,1\n55,M,,0\n", "70 F 7.35 1; 55 M - 0; 2 x no header"},
		{
			"no header, prose", CSV, "Sure, here, you, go\n70,F,7.35,1\n55,M,0\nThat is all, friends.\n",
			"70 F 7.35 1; 1 wrong number of fields; 1 x no header; prose",
		},
		{"prose alone", CSV, "I cannot make patient data, sorry.", "prose"},
		{"JSON for CSV", CSV, `{"records":[{"age":70,"sex":"F","ph":null,"death":1}]}`, "70 F - 1; 1 x other container"},
		{
			"values", CSV, head + "x,F,1,1\n70.5,F,1,1\n70,X,1,1\n,F,1,1\n70,,1,1\n17,F,1,1\n70,F,7,2\n",
			"17 F 1 1 >0; 70 F 7 2 >3; 2 missing value; 1 not a number; 1 not whole; 1 unknown level",
		},
		{"NUL", CSV, head + "70,F\x00,7.35,1\n\x0070,F,7.35,1\n", "1 not a number; 1 unknown level"},

		{
			"as asked", JSON, `{"records":[{"age":70,"sex":"F","ph":7.35,"death":1},{"age":55,"sex":"M","ph":null,"death":0}]}`,
			"70 F 7.35 1; 55 M - 0",
		},
		{
			"indented", JSON, "{\n  \"records\": [\n    {\n      \"age\": 70,\n      \"sex\": \"F\",\n      \"ph\": 7.35,\n      \"death\": 1\n    }\n  ]\n}\n",
			"70 F 7.35 1",
		},
		{"no records", JSON, `{"records":[]}`, ""},
		{"another order", JSON, `{"records":[{"death":1,"ph":7.35,"sex":"F","age":70}]}`, "70 F 7.35 1"},
		{"a list", JSON, `[{"age":70,"sex":"F","ph":7.35,"death":1}]`, "70 F 7.35 1; 1 x not in a list of records"},
		{"another name", JSON, `{"patients":[{"age":70,"sex":"F","ph":7.35,"death":1}],"count":1}`, "70 F 7.35 1; 1 x not in a list of records; prose"},
		{"wrapped twice", JSON, `{"data":{"records":[{"age":70,"sex":"F","ph":7.35,"death":1}]}}`, "70 F 7.35 1"},
		{"a column beside the list", JSON, `{"sex":"F","records":[{"age":70,"sex":"F","ph":7.35,"death":1}]}`, "70 F 7.35 1"},
		{
			"one a line", JSON, "{\"age\":70,\"sex\":\"F\",\"ph\":7.35,\"death\":1}\n{\"age\":55,\"sex\":\"M\",\"ph\":null,\"death\":0}\n",
			"70 F 7.35 1; 55 M - 0; 2 x not in a list of records",
		},
		{
			"no commas between", JSON, `{"age":70,"sex":"F","ph":7,"death":1}{"age":55,"sex":"M","ph":null,"death":0}`,
			"70 F 7 1; 55 M - 0; 2 x not in a list of records",
		},
		{
			"fence and prose", JSON, "Here you go {as asked}:\n```json\n{\"records\":[{\"age\":70,\"sex\":\"F\",\"ph\":7.35,\"death\":1}]}\n```\n[1] Enjoy!",
			"70 F 7.35 1; prose",
		},
		{"trailing commas", JSON, `{"records":[{"age":70,"sex":"F","ph":7.35,"death":1,},]}`, "70 F 7.35 1; 1 x separator at the end"},
		{
			"single quotes", JSON, `{'records': [{'age': 70, 'sex': 'F', 'ph': None, 'death': True}]}`,
			"70 F - 1; 1 x quotes; 1 x missing value in words; 1 x true or false for 1 or 0",
		},
		{
			"names without quotes", JSON, `{records: [{age: 70, sex: F, ph: NaN, death: true}]}`,
			"70 F - 1; 1 x quotes; 1 x missing value in words; 1 x true or false for 1 or 0",
		},
		{"numbers as texts", JSON, `{"records":[{"age":"70","sex":"F","ph":"","death":"1"}]}`, "70 F - 1; 1 x quotes; 1 x missing value in words"},
		{"names in another case", JSON, `{"records":[{"Age":70,"sex":"F","ph":7.35,"death":1}]}`, "70 F 7.35 1; 1 x column names"},
		{
			"a field more", JSON, `{"records":[{"id":"p1","age":70,"sex":"F","ph":7.35,"death":1,"tags":["a",{"b":1}]}]}`,
			"70 F 7.35 1; 1 x column left out",
		},
		{"a field fewer", JSON, `{"records":[{"age":70,"sex":"F","death":1}]}`, "1 wrong columns"},
		{"a field twice", JSON, `{"records":[{"age":70,"age":71,"sex":"F","ph":1,"death":1}]}`, "1 wrong columns"},
		{"a value that is none", JSON, `{"records":[{"age":[70],"sex":"F","ph":1,"death":1},{"age":{"v":"}]"},"sex":"F","ph":1,"death":1}]}`, "2 unreadable"},
		{
			"a broken one in the middle", JSON, `{"records":[{"age":70,"sex":"F","ph":1,"death":1},{"age":7 0 "sex"},{"age":55,"sex":"M","ph":1,"death":0}]}`,
			"70 F 1 1; 55 M 1 0; 1 unreadable; prose",
		},
		{"a brace that lacks", JSON, `{"records":[{"age":70,"sex":"F","ph":1,"death":1,{"age":55,"sex":"M","ph":1,"death":0}]}`, "55 M 1 0; 1 unreadable"},
		{
			"a quote that lacks", JSON, "[{\"age\":70,\"sex\":\"F,\"ph\":1,\"death\":1},\n{\"age\":55,\"sex\":\"M\",\"ph\":1,\"death\":0}]",
			"55 M 1 0; 1 unreadable; 1 x not in a list of records; prose",
		},
		{"dots", JSON, `{"records":[{"age":70,"sex":"F","ph":1,"death":1}, ...]}`, "70 F 1 1; prose"},
		{"an escape", JSON, `{"records":[{"age":70,"sex":"\u0046","p\u0068":1,"death":1}]}`, "70 F 1 1"},
		{"half a character", JSON, `{"records":[{"age":70,"sex":"\ud800","ph":1,"death":1}]}`, "1 unreadable; prose"},
		{"CSV for JSON", JSON, head + "70,F,7.35,1\n", "70 F 7.35 1; 1 x other container"},
		{"CSV for JSON, no header", JSON, "70,F,7.35,1\n", "70 F 7.35 1; 1 x other container; 1 x no header"},
		{"thousands", JSON, `{"records":[{"age":1,000,"sex":"F","ph":1,"death":1}]}`, "1 unreadable; prose"},
		{"units", JSON, `{"records":[{"age":70 years,"sex":"F","ph":1,"death":1},{"age":"70 years","sex":"F","ph":1,"death":1}]}`, "2 not a number"},
		{"an apology", JSON, `I am sorry.`, "prose"},
		{"brackets", JSON, strings.Repeat("[", 1000), ""},
		{"braces", JSON, strings.Repeat("{", 1000), "prose"},
	} {
		t.Run(c.container+" "+c.name, func(t *testing.T) {
			contract := patients(c.container)
			r := Parse(c.text, plugins.StopEnd, contract)
			if got := show(r); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			check(t, contract, r)
		})
	}
}

// An answer that ended at the cap keeps what is whole in it; one that seems to have ended by itself is cut off where it is.
func TestCutOff(t *testing.T) {
	whole := "age,sex,ph,death\n70,F,7.35,1\n"
	object := `{"records":[{"age":70,"sex":"F","ph":7.35,"death":1}`
	for _, c := range []struct{ container, stop, text, want string }{
		{CSV, plugins.StopLength, whole, "70 F 7.35 1"},
		{CSV, plugins.StopLength, whole + "55,M,7.2,1", "70 F 7.35 1; 1 cut off"}, // it may have been 10
		{CSV, plugins.StopLength, whole + "55,M", "70 F 7.35 1; 1 cut off"},
		{CSV, plugins.StopLength, whole + "5", "70 F 7.35 1; 1 cut off"},
		{CSV, plugins.StopLength, whole + "55,\"M", "70 F 7.35 1; 1 cut off"},
		{CSV, plugins.StopLength, whole + "\nI hope", "70 F 7.35 1; prose"},
		{CSV, plugins.StopLength, "age,sex,ph,de", "prose"},
		{CSV, plugins.StopEnd, whole + "55,M", "70 F 7.35 1; 1 wrong number of fields"},
		{CSV, plugins.StopLength, "70,F,7.35,1\n55,M,7.2,1", "70 F 7.35 1; 1 cut off; 1 x no header"},
		{JSON, plugins.StopLength, object, "70 F 7.35 1"},
		{JSON, plugins.StopLength, object + ",", "70 F 7.35 1"},
		{JSON, plugins.StopLength, object + ",{", "70 F 7.35 1; 1 cut off"},
		{JSON, plugins.StopLength, object + `,{"age":5`, "70 F 7.35 1; 1 cut off"},
		{JSON, plugins.StopEnd, object + `,{"age":55,"sex":"M","ph":7.2,"death":1`, "70 F 7.35 1; 1 cut off"},
		{JSON, plugins.StopEnd, object + `,{"age":55,"sex":"M`, "70 F 7.35 1; 1 cut off"},
		{JSON, plugins.StopEnd, object + `,{"age":55,"sex":"M\`, "70 F 7.35 1; 1 cut off"},
		{JSON, plugins.StopEnd, object + `,{"age":[55`, "70 F 7.35 1; 1 cut off"},
		{JSON, plugins.StopLength, `{"rec`, ""},
		{JSON, plugins.StopLength, `{"records":[`, ""},
		{JSON, plugins.StopLength, `{"records":[{`, "1 cut off"},
	} {
		contract := patients(c.container)
		r := Parse(c.text, c.stop, contract)
		if got := show(r); got != c.want {
			t.Errorf("%q, stop %s: got %s, want %s", c.text, c.stop, got, c.want)
		}
		check(t, contract, r)
		if truncated := c.stop == plugins.StopLength; truncated != (r.Account.Truncated == 1) {
			t.Errorf("%q, stop %s: truncated %d", c.text, c.stop, r.Account.Truncated)
		}
	}
}

// TestValues reads one value each, as CSV has it and as JSON has it bare and in quotes. "=" is as in the column before.
func TestValues(t *testing.T) {
	number := Column{Kind: frame.Number, Missing: true}
	strict := Column{Kind: frame.Number}
	integer := Column{Kind: frame.Number, Integer: true, Missing: true}
	flag := Column{Kind: frame.Number, Integer: true, Min: ptr(0), Max: ptr(1)}
	level := Column{Kind: frame.Category, Levels: []string{" Black", "0", "1", "Asian", "Mixed race", "White", "a", "A"}, Missing: true}
	words := Column{Kind: frame.Category, Levels: []string{"", "NA", "None", "true"}, Missing: true}
	free := Column{Kind: frame.Category, Missing: true}
	for _, c := range []struct {
		name, text                string
		column                    Column
		wantCSV, wantBare, wanted string // in JSON: bare, and in quotes
	}{
		{"number", "7.35", number, "7.35", "=", "7.35 x quotes"},
		{"number", "-0.0", number, "0", "=", "0 x quotes"},
		{"number", "+1e2", number, "100", "=", "100 x quotes"},
		{"number", ".5", number, "0.5", "=", "0.5 x quotes"},
		{"number", "5.", number, "5", "=", "5 x quotes"},
		{"number", "007", number, "7", "=", "7 x quotes"},
		{"number", "1_000", number, "not a number", "=", "="},
		{"number", "1 000", number, "not a number", "=", "="},
		{"number", "0x1f", number, "not a number", "=", "="},
		{"number", "98 bpm", number, "not a number", "=", "="},
		{"number", "98%", number, "not a number", "=", "="},
		{"number", "<5", number, "not a number", "=", "="},
		{"number", "~5", number, "not a number", "=", "="},
		{"number", "1-2", number, "not a number", "=", "="},
		{"number", "٣", number, "not a number", "=", "="},
		{"number", "1e", number, "not a number", "=", "="},
		{"number", ".", number, "not a number", "=", "="},
		{"number", "-", number, "not a number", "=", "="},
		{"number", "Inf", number, "not a number", "=", "="},
		{"number", "-Infinity", number, "not a number", "=", "="},
		{"number", "1e999", number, "not a number", "=", "="},
		{"number", "true", number, "not a number", "=", "="},
		{"number", "NaN", number, "- x missing value in words", "=", "="},
		{"number", "nan", number, "- x missing value in words", "=", "="},
		{"number", "N/A", number, "- x missing value in words", "=", "="},
		{"number", "NA", number, "- x missing value in words", "=", "="},
		{"number", "<NA>", number, "- x missing value in words", "=", "="},
		{"number", "None", number, "- x missing value in words", "=", "="},
		{"number", "null", number, "- x missing value in words", "-", "- x missing value in words"},
		{"number", "missing", number, "not a number", "=", "="},
		{"strict", "NaN", strict, "missing value", "=", "="},
		{"strict", "null", strict, "missing value", "=", "="},
		{"strict", "", strict, "missing value", "unreadable", "missing value"},
		{"number", "", number, "-", "unreadable", "- x missing value in words"},
		{"integer", "3", integer, "3", "=", "3 x quotes"},
		{"integer", "3.0", integer, "3 x whole number with a point", "=", "3 x quotes, whole number with a point"},
		{"integer", "3e2", integer, "300 x whole number with a point", "=", "300 x quotes, whole number with a point"},
		{"integer", "3.5", integer, "not whole", "=", "="},
		{"integer", "9007199254740993", integer, "9.007199254740992e+15", "=", "9.007199254740992e+15 x quotes"},
		{"integer", "9007199254740994", integer, "not whole", "=", "="},
		{"integer", "true", integer, "not a number", "=", "="},
		{"flag", "True", flag, "1 x true or false for 1 or 0", "=", "1 x quotes, true or false for 1 or 0"},
		{"flag", "false", flag, "0 x true or false for 1 or 0", "=", "0 x quotes, true or false for 1 or 0"},
		{"flag", "yes", flag, "not a number", "=", "="},
		{"flag", "2", flag, "2 >0", "=", "2 >0 x quotes"},
		{"level", "Asian", level, "Asian", "Asian x quotes", "Asian"},
		{"level", "1", level, "1", "1 x quotes", "1"},
		{"level", "1.0", level, "unknown level", "=", "="},
		{"level", "white", level, "White x case of a level", "White x quotes, case of a level", "White x case of a level"},
		{"level", "MIXED RACE", level, "Mixed race x case of a level", "Mixed race x quotes, case of a level", "Mixed race x case of a level"},
		{"level", "a", level, "a", "a x quotes", "a"},
		{"level", "Black", level, " Black x case of a level", " Black x quotes, case of a level", " Black x case of a level"},
		{"level", "green", level, "unknown level", "=", "="},
		{"level", "Asia", level, "unknown level", "=", "="},
		{"level", "", level, "-", "unreadable", "- x missing value in words"},
		{"level", "null", level, "- x missing value in words", "-", "- x missing value in words"},
		{"level", "NA", level, "- x missing value in words", "=", "="},
		{"level", "None", level, "unknown level", "- x missing value in words", "unknown level"},
		{"words", "NA", words, "NA", "NA x quotes", "NA"},
		{"words", "None", words, "None", "- x missing value in words", "None"},
		{"words", "true", words, "true", "true x quotes", "true"},
		{"free", "some text", free, "some text", "some text x quotes", "some text"},
		{"free", "\xff", free, "unknown level", "=", "="},
	} {
		wants := []string{c.wantCSV, c.wantBare, c.wanted}
		texts := []string{"x,y\n" + c.text + ",1\n", `{"records":[{"x":` + c.text + `,"y":1}]}`, `{"records":[{"x":"` + c.text + `","y":1}]}`}
		for i, text := range texts {
			if wants[i] == "=" {
				wants[i] = wants[i-1]
			}
			contract := one(c.column, [...]string{CSV, JSON, JSON}[i])
			r := Parse(text, plugins.StopEnd, contract)
			check(t, contract, r)
			if got := showOne(r); got != wants[i] {
				t.Errorf("%s %q, form %d: got %s, want %s", c.name, c.text, i, got, wants[i])
			}
		}
	}
}

func showOne(r *Reply) string {
	if len(r.Records) == 0 {
		return strings.TrimPrefix(strings.TrimSuffix(show(r), "; prose"), "1 ")
	}
	record := r.Records[0]
	out := fmt.Sprint(record.Values[0].Number)
	switch {
	case record.Values[0].Missing:
		out = "-"
	case record.Values[0].Level != "":
		out = record.Values[0].Level
	}
	for _, i := range record.Outside {
		out += fmt.Sprintf(" >%d", i)
	}
	var done []string
	for _, repair := range repairs {
		if r.Account.Repairs[repair] > 0 {
			done = append(done, string(repair))
		}
	}
	if done != nil {
		out += " x " + strings.Join(done, ", ")
	}
	return out
}

// Records are tied to rows of a table by their key; a value that all records have may be left out.
func TestKeysAndFixedValues(t *testing.T) {
	c := Contract{
		Container: CSV, Key: "row", Rows: 3,
		Columns: []Column{
			{Name: "sex", Kind: frame.Category, Levels: []string{"F", "M"}, Fixed: "F"},
			{Name: "hr", Kind: frame.Number, Min: ptr(20), Max: ptr(250)},
			{Name: "death", Kind: frame.Number, Integer: true, Fixed: "1"},
		},
	}
	asked := c
	asked.Keys = []int{7, 9}
	dropped := c
	dropped.Policy.OutOfRange = Drop
	inJSON := c
	inJSON.Container = JSON
	for _, k := range []struct {
		name     string
		contract Contract
		text     string
		want     string
	}{
		{"whole", c, "row,sex,hr,death\n1,F,80,1\n2,F,90,1\n", "1:F 80 1; 2:F 90 1"},
		{"left out", c, "row,hr\n2,80\n1,90\n", "2:F 80 1; 1:F 90 1"},
		{"one left out", c, "hr,row,death\n80,3,1\n", "3:F 80 1"},
		{"left out, no header", c, "1,80\n2,90\n", "1:F 80 1; 2:F 90 1; 2 x no header"},
		{"no header", c, "1,F,80,1\n2,F,90,1\n", "1:F 80 1; 2:F 90 1; 2 x no header"},
		{
			"wrong", c, "row,sex,hr,death\n1,M,80,1\n2,F,90,0\n3,f,70,1.0\n",
			"3:F 70 1; 2 wrong fixed value; 1 x case of a level; 1 x whole number with a point",
		},
		{"missing", c, "row,sex,hr,death\n1,,80,1\n", "1 missing value"},
		{
			"keys", c, "row,hr\n0,80\n4,80\n1.5,80\n,80\nx,80\n-1,80\n1,80\n1,81\n2.0,82\n",
			"1:F 80 1; 2:F 82 1; 6 unknown key; 1 duplicate key; 1 x whole number with a point",
		},
		{"a rejected record leaves its row open", c, "row,hr\n1,fast\n1,80\n", "1:F 80 1; 1 not a number"},
		{"no key", c, "hr,death\n80,1\n", "1 wrong columns"},
		{"out of range", c, "row,hr\n1,10\n2,250\n3,251\n", "1:F 10 1 >1; 2:F 250 1; 3:F 251 1 >1"},
		{"out of range, dropped", dropped, "row,hr\n1,10\n1,80\n3,251\n", "1:F 80 1; 2 out of range"},
		{"some rows", asked, "row,hr\n7,80\n8,80\n9,80\n", "7:F 80 1; 9:F 80 1; 1 unknown key"},
		{"JSON", inJSON, `{"records":[{"row":1,"hr":80},{"row":"2","hr":90,"sex":"F"}]}`, "1:F 80 1; 2:F 90 1; 1 x quotes"},
	} {
		r := Parse(k.text, plugins.StopEnd, k.contract)
		if got := show(r); got != k.want {
			t.Errorf("%s: got %s, want %s", k.name, got, k.want)
		}
		check(t, k.contract, r)
	}
}

func TestOneColumn(t *testing.T) {
	c := Contract{Container: CSV, Rows: 3, Columns: []Column{{Name: "hr", Kind: frame.Number, Missing: true}}}
	for text, want := range map[string]string{
		"hr\n80\n\"\"\n90\n":                    "80; -; 90",
		"hr\n80\nThat is all.\n":                "80; prose",
		"80\n90\n":                              "80; 90; 2 x no header",
		"```\nhr\n80\nfast\n```\n":              "80; 1 not a number; prose",
		"hr\n80\nfast\n":                        "80; 1 not a number",
		"hr\n-\n80\n":                           "80; 1 not a number",
		"hr\n80,\n":                             "80; 1 x separator at the end",
		"| hr |\n|----|\n| 80 |\n|    |\n":      "80; -; 2 x other separator",
		`[{"hr":80},{"hr":null},{"other":1}]`:   "80; -; 1 wrong columns; 2 x other container; 2 x not in a list of records",
		"The heart rate is 80, and that is all": "prose",
	} {
		r := Parse(text, plugins.StopEnd, c)
		if got := show(r); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
		check(t, c, r)
	}
}

func TestEqualNamesButForCase(t *testing.T) {
	c := Contract{Container: CSV, Columns: []Column{{Name: "PH", Kind: frame.Number}, {Name: "pH", Kind: frame.Number}, {Name: "x", Kind: frame.Number}}}
	if got := show(Parse("pH,PH,x\n1,2,3\n", "", c)); got != "2 1 3" {
		t.Error(got)
	}
	if got := show(Parse("ph,PH,x\n1,2,3\n", "", c)); got != "1 wrong columns" {
		t.Error(got)
	}
}

func TestAccount(t *testing.T) {
	c := patients(CSV)
	c.Policy.OutOfRange = Drop
	var a Account
	a.Add(Parse("Rows:\nAge,sex,ph,death\n70,F,7.35,1\n5,F,,0\n70,X,,0\n70,F", plugins.StopLength, c).Account)
	a.Add(Refusal(5))
	a.Add(Account{Returned: 1, Parsed: 1, Rejected: map[Reason]int{"incomplete": 1}})
	a.Add(Parse("none", plugins.StopEnd, c).Account)
	want := []string{
		"calls 3", "calls refused 1", "calls truncated 1", "calls with text around rows 2", "calls without rows 1", "rows requested 9",
		"rows returned 5", "rows parsed 4", "rows repaired 1", "rows repaired by kind 1 map[block:b repair:column names]",
		"rows rejected 1 map[block:b reason:cut off]", "rows rejected 1 map[block:b reason:unknown level]",
		"rows rejected 1 map[block:b reason:out of range]", "rows rejected 1 map[block:b reason:incomplete]",
		"rows out of range 1", "rows duplicate 0", "rows copied from the prompt 0",
		"rows surplus 0", "rows delivered 0",
	}
	var got []string
	dims := map[string]string{"block": "b"}
	for _, count := range a.Counts(dims) {
		line := fmt.Sprintf("%s %d", count.Name, count.Value)
		if len(count.Dims) > 1 {
			line += fmt.Sprint(" ", count.Dims)
		}
		got = append(got, line)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !maps.Equal(dims, map[string]string{"block": "b"}) {
		t.Error("the dimensions of the caller have changed")
	}
	if counts := new(Account).Counts(nil); counts[0].Dims != nil || len(counts) != 14 {
		t.Errorf("an empty account: %v", counts)
	}
}

// Sums of accounts do not depend on how they are put together, and adding changes no account that was added.
func TestAddIsASum(t *testing.T) {
	parts := []Account{
		Parse("age,sex,ph,death\n70,F,7,1\nx,F,7,1\n", "", patients(CSV)).Account, Refusal(3),
		Parse("age;sex;ph;death\n70;f;7;1\n70;F;7;2\n", "", patients(CSV)).Account,
	}
	var left, right, pair Account
	for _, p := range parts {
		left.Add(p)
	}
	pair.Add(parts[1])
	pair.Add(parts[2])
	right.Add(parts[0])
	right.Add(pair)
	if !reflect.DeepEqual(left, right) || pair.Returned != 2 || parts[0].Returned != 2 {
		t.Errorf("%+v\n%+v", left, right)
	}
}

func TestCheck(t *testing.T) {
	good := patients(JSON)
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(c *Contract){
		`container is "xml"; want "csv" or "json"`:                   func(c *Contract) { c.Container = "xml" },
		"rows is -1; want 0 or more":                                 func(c *Contract) { c.Rows = -1 },
		"no columns":                                                 func(c *Contract) { c.Columns = nil },
		"column 1 has no name":                                       func(c *Contract) { c.Columns[0].Name = "" },
		`two columns are named "sex"`:                                func(c *Contract) { c.Columns[2].Name = "sex" },
		`column "ph" is the key, which is not listed`:                func(c *Contract) { c.Key = "ph" },
		`column "sex": a category has no range and is not whole`:     func(c *Contract) { c.Columns[1].Min = ptr(1) },
		`column "ph": a number has no levels`:                        func(c *Contract) { c.Columns[2].Levels = []string{"a"} },
		`column "ph": kind is "date"; want "number" or "category"`:   func(c *Contract) { c.Columns[2].Kind = "date" },
		`column "age": the least value is greater than the greatest`: func(c *Contract) { c.Columns[0].Min = ptr(91) },
		`column "age": a limit is no finite number`:                  func(c *Contract) { c.Columns[0].Max = ptr(math.Inf(1)) },
		`column "age": the fixed value is no number`:                 func(c *Contract) { c.Columns[0].Fixed = "old" },
		`policy for duplicates is "forget"; want "keep" or "drop"`:   func(c *Contract) { c.Policy.Duplicates = "forget" },
	} {
		c := patients(JSON)
		spoil(&c)
		if err := c.Check(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
