package reply

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

func TestSchema(t *testing.T) {
	c := patients(JSON)
	c.Columns = append(c.Columns, Column{Name: "race <b>", Kind: frame.Category, Levels: []string{"a", `"b"`}, Missing: true})
	wrap := func(length, properties, required string) string {
		return `{"type":"object","properties":{"records":{"type":"array",` + length + `"items":{"type":"object","properties":{` + properties +
			`},"required":[` + required + `],"additionalProperties":false}}},"required":["records"],"additionalProperties":false}`
	}
	names := `"age","sex","ph","death","race <b>"`
	any := `{"type":["number","string","null"]}`
	for _, k := range []struct {
		name string
		told Told
		want string
	}{
		{"names alone", Told{}, wrap("", `"age":`+any+`,"sex":`+any+`,"ph":`+any+`,"death":`+any+`,"race <b>":`+any, names)},
		{"types", Told{Types: true, Length: true}, wrap(`"minItems":2,"maxItems":2,`,
			`"age":{"type":"integer","description":"in a"},"sex":{"type":"string"},"ph":{"type":["number","null"]},"death":{"type":"integer"},`+
				`"race <b>":{"type":["string","null"]}`, names)},
		{"all", Told{Types: true, Levels: true, Ranges: true}, wrap("",
			`"age":{"type":"integer","description":"in a","minimum":18,"maximum":90},"sex":{"type":"string","enum":["F","M","Other","other"]},`+
				`"ph":{"type":["number","null"]},"death":{"type":"integer","minimum":0,"maximum":1},`+
				`"race <b>":{"type":["string","null"],"enum":["a","\"b\"",null]}`, names)},
	} {
		if got := string(c.Schema(k.told)); got != k.want {
			t.Errorf("%s: got\n%s\nwant\n%s", k.name, got, k.want)
		}
	}
	keyed := Contract{Key: "row", Columns: []Column{
		{Name: "sex", Kind: frame.Category, Levels: []string{"F", "M"}, Fixed: "F"},
		{Name: "death", Kind: frame.Number, Integer: true, Fixed: "1", Min: ptr(0), Max: ptr(1), Missing: true},
		{Name: "site", Kind: frame.Category, Levels: []string{"A"}, Open: true},
		{Name: "lactate", Kind: frame.Number, Min: ptr(-0.5), Max: ptr(1e6)},
		{Name: "count", Kind: frame.Number, Integer: true, Min: ptr(-0.5), Max: ptr(2.5)},
	}}
	want := wrap("", `"row":{"type":"integer"},"sex":{"type":"string","enum":["F"]},"death":{"type":"integer","enum":[1]},"site":{"type":"string"},`+
		`"lactate":{"type":"number","minimum":-0.5,"maximum":1000000},"count":{"type":"integer","minimum":0,"maximum":2}`,
		`"row","sex","death","site","lactate","count"`)
	if got := string(keyed.Schema(Told{Types: true, Levels: true, Ranges: true})); got != want {
		t.Errorf("with a key: got\n%s\nwant\n%s", got, want)
	}
}

// Enumerations that a provider would refuse are left out, the longest first.
func TestLongEnumerations(t *testing.T) {
	levels := func(n, length int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = strings.Repeat(string(rune('a'+i%26)), length) + string(rune('A'+i/26))
		}
		return out
	}
	for _, k := range []struct {
		name    string
		columns [][]string
		want    []bool // which are told
	}{
		{"within", [][]string{levels(500, 3), levels(500, 3)}, []bool{true, true}},
		{"one too many", [][]string{levels(500, 3), levels(501, 3)}, []bool{true, false}},
		{"two too many", [][]string{levels(600, 3), levels(700, 3), levels(650, 3), levels(2, 3)}, []bool{true, false, false, true}},
		{"one too long", [][]string{levels(251, 60), levels(250, 60)}, []bool{false, true}},
		{"all too long", [][]string{levels(200, 300), levels(201, 300), levels(3, 3)}, []bool{true, false, true}},
	} {
		var c Contract
		for i, l := range k.columns {
			c.Columns = append(c.Columns, Column{Name: string(rune('a' + i)), Kind: frame.Category, Levels: l})
		}
		for i, enum := range c.enums(Told{Levels: true}) {
			if (enum != nil) != k.want[i] {
				t.Errorf("%s: column %d has %d values", k.name, i, len(enum))
			}
		}
	}
}

// A limit that is no number is not told, and a schema is JSON whatever it is made of.
func TestSchemaOfOddContracts(t *testing.T) {
	c := Contract{Columns: []Column{{Name: "\xff\"", Kind: frame.Number, Min: ptr(math.NaN()), Max: ptr(math.Inf(1)), Fixed: "x"}}}
	for _, c := range []Contract{c, {}} {
		if schema := c.Schema(Told{true, true, true, true}); !json.Valid(schema) {
			t.Errorf("no JSON: %s", schema)
		}
	}
}

func TestSchemaNamesTheRowsOfATable(t *testing.T) {
	c := Contract{Container: JSON, Key: "row", Keys: []int{7, 9}, Rows: 2, Columns: []Column{{Name: "age", Kind: frame.Number}}}
	if got := string(c.Schema(Told{Levels: true})); !strings.Contains(got, `"row":{"type":"integer","enum":[7,9]}`) {
		t.Errorf("the schema does not say which rows are asked for: %s", got)
	}
	if got := string(c.Schema(Told{})); !strings.Contains(got, `"row":{"type":"integer"}`) {
		t.Errorf("a schema of names alone tells more of the key: %s", got)
	}
}
