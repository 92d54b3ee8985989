package reply

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// contracts are those that any text is read by.
func contracts() []Contract {
	a, b := patients(CSV), patients(JSON)
	b.Policy.OutOfRange = Drop
	keyed := Contract{Container: CSV, Key: "row", Rows: 2, Columns: []Column{
		{Name: "sex", Kind: frame.Category, Levels: []string{"F", "M"}, Fixed: "F"}, {Name: "note", Kind: frame.Category, Missing: true},
	}}
	repeated := Contract{Container: CSV, Key: "row", Keys: []int{2, 1}, Rows: 2, Columns: keyed.Columns[1:], Label: "note", Labels: []string{"x"}, Given: []Given{
		{Column{Name: "age", Kind: frame.Number, Integer: true}, []string{"70", ""}}, {keyed.Columns[0], []string{"F", "M"}},
	}}
	return []Contract{a, b, keyed, repeated, {Container: JSON}}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "age,sex,ph,death\n70,F,7.35,1\n55,M,,0", "row;note\n1;x\n", "70,F,7,1\n", "| age | sex | ph | death |\n|---|---|---|---|\n| 70 | F | | 1 |",
		"```json\n{\"records\":[{\"age\":70,\"sex\":\"F\",\"ph\":null,\"death\":1}]}\n```", "{'age':1,}{age:NaN", "[[[{\"a\":{\"b\":[{", "{\"\\",
		"row,age,sex,note\n2,70,F,x\n1,,F,x\n",
		"<think></think>row,note\n1,\"a\"\"b\"\n2,\"", "\ufeff\x00\xff{\"row\":1,\"note\":\"\\ud800\"}", "{\"records\":{\"records\":[{\"row\":2,\"note\":[}",
	} {
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, truncated bool) {
		stop := plugins.StopEnd
		if truncated {
			stop = plugins.StopLength
		}
		for _, c := range contracts() {
			r := Parse(text, stop, c)
			check(t, c, r)
			// accepted records do not change by being read: as asked for, they are what they were
			if len(c.Columns) > 0 && len(r.Records) > 0 {
				c.Container = JSON
				again := Parse(writeJSON(t, c, r.Records), plugins.StopEnd, c)
				if len(again.Records) != len(r.Records) || again.Account.Repaired > 0 || !sameValues(again.Records, r.Records) {
					t.Fatalf("read again: %s\nwas %s", show(again), show(r))
				}
			}
		}
	})
}

func sameValues(a, b []Record) bool {
	return slices.EqualFunc(a, b, func(a, b Record) bool { return a.Key == b.Key && slices.Equal(a.Values, b.Values) })
}

// writeJSON writes records as they are asked for.
func writeJSON(t testing.TB, c Contract, records []Record) string {
	var objects []map[string]any
	for _, r := range records {
		o := map[string]any{}
		if c.Key != "" {
			o[c.Key] = r.Key
		}
		for i, v := range r.Values {
			switch {
			case v.Missing:
				o[c.Columns[i].Name] = nil
			case c.Columns[i].Kind == frame.Category:
				o[c.Columns[i].Name] = v.Level
			case c.Columns[i].Integer:
				o[c.Columns[i].Name] = int64(v.Number)
			default:
				o[c.Columns[i].Name] = v.Number
			}
		}
		objects = append(objects, o)
	}
	text, err := json.Marshal(map[string]any{"records": objects})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Texts that are put together at random from what replies are made of keep every promise, too.
func TestAccountsAddUp(t *testing.T) {
	pieces := []string{
		"age,sex,ph,death\n", "70,F,7.35,1\n", "55,M,,0\n", "70,F\n", "1,x\n", "row,note\n", "2;y\n", "\n", "```", "```csv\n", "{", "}", "[", "]", ",",
		`{"age":70,"sex":"F","ph":7,"death":1}`, `{"records":[`, `"age":`, `"row":1`, `"note":`, `"x"`, `'`, `"`, `\`, "null", " ", "3.0", "true", ":", "|", "Sure, here:\n",
	}
	rng := rand.New(rand.NewPCG(4, 26))
	accepted := 0
	for range 20_000 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		stop := plugins.StopEnd
		if rng.IntN(2) == 0 {
			stop = plugins.StopLength
		}
		for _, c := range contracts() {
			r := Parse(b.String(), stop, c)
			check(t, c, r)
			accepted += len(r.Records)
			in := NewIntake(c, nil)
			rows := in.Take(r, rng.IntN(3))
			a := in.Account
			if a.Returned != a.RejectedRows()+a.Surplus+a.Delivered || a.Delivered != len(rows) {
				t.Fatalf("%q: %+v", b.String(), a)
			}
		}
		if t.Failed() {
			t.Fatalf("text %q", b.String())
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d records were accepted", accepted)
	}
}

// Any beginning of a reply holds a beginning of its records, and no other.
func TestBeginningsHoldBeginnings(t *testing.T) {
	for _, container := range []string{CSV, JSON} {
		c := wide(container, 4)
		text := wideText(c, 6)
		all := Parse(text, plugins.StopEnd, c)
		if len(all.Records) != 6 || all.Account.Repaired != 0 {
			t.Fatalf("%s: %s", container, show(all))
		}
		for end := range len(text) {
			some := Parse(text[:end], plugins.StopLength, c)
			check(t, c, some)
			if len(some.Records) > 6 || len(some.Records) > 0 && !reflect.DeepEqual(some.Records, all.Records[:len(some.Records)]) {
				t.Fatalf("%s, %d bytes: %s", container, end, show(some))
			}
		}
	}
}

// wide is a contract of many columns of each kind.
func wide(container string, columns int) Contract {
	c := Contract{Container: container, Rows: 1000}
	for i := range columns {
		column := Column{Name: "variable_" + strconv.Itoa(i), Kind: frame.Number, Min: ptr(0), Max: ptr(1000), Missing: true}
		switch i % 4 {
		case 1:
			column.Integer = true
		case 3:
			column = Column{Name: column.Name, Kind: frame.Category, Levels: []string{"Asian", "Black", "White"}}
		}
		c.Columns = append(c.Columns, column)
	}
	return c
}

// wideText is a reply of so many rows to a wide contract.
func wideText(c Contract, rows int) string {
	var b strings.Builder
	csv := c.Container == CSV
	if csv {
		b.WriteString(strings.Join(c.Names(), ",") + "\n")
	} else {
		b.WriteString(`{"records":[`)
	}
	for row := range rows {
		if !csv {
			b.WriteString(map[bool]string{false: ",{", true: "{"}[row == 0])
		}
		for i, column := range c.Columns {
			if i > 0 {
				b.WriteByte(',')
			}
			if !csv {
				b.WriteString(strconv.Quote(column.Name) + ":")
			}
			v := row*37 + i*11
			switch {
			case column.Kind == frame.Category && csv:
				b.WriteString(column.Levels[v%3])
			case column.Kind == frame.Category:
				b.WriteString(strconv.Quote(column.Levels[v%3]))
			case column.Integer:
				b.WriteString(strconv.Itoa(v % 1000))
			default:
				b.WriteString(strconv.FormatFloat(float64(v%9999)/10, 'f', 1, 64))
			}
		}
		b.WriteString(map[bool]string{false: "}", true: "\n"}[csv])
	}
	if !csv {
		b.WriteString("]}")
	}
	return b.String()
}

// Hostile texts take time in proportion to their length: twice the text takes nothing like four times as long.
func TestTimeIsLinear(t *testing.T) {
	for name, unit := range map[string]string{
		"braces": "{", "brackets": "[", "objects": `{"a":`, "lists": `{"records":[`, "columns": `{"age":[`, "quotes": `"`, "names": `{"age`, "backslashes": `\`,
		"open quotes": "70,\"F\n", "commas": ",", "bars": "|", "fences": "```\n", "header": "age,sex,ph,death,", "headers": "age,sex,ph,death\n",
		"words": "Sure, here, it, is\n", "blanks": "{ ", "escapes": `{"\u0061":"\`, "single": "{'age':'", "bare": "{a", "NUL": "\x00", "bytes": "\xff\xfe",
		"one line of fields": `"70",`, "thoughts": "<think></think>", "blank lists": `{"age":[ `, "wrappers": `{"x":[ {`,
	} {
		for _, container := range []string{CSV, JSON} {
			c := patients(container)
			text := strings.Repeat(unit, 1<<20/len(unit))
			start := time.Now()
			r := Parse(text, plugins.StopLength, c)
			check(t, c, r)
			// a text of a megabyte takes some 10 ms; one look at every pair of its bytes would take hours
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%s, %s: %v", container, name, d)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, container := range []string{CSV, JSON} {
		c := wide(container, 83)
		text := wideText(c, 1000)
		b.Run(container, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if r := Parse(text, plugins.StopEnd, c); len(r.Records) != 1000 || r.Account.Repaired != 0 {
					b.Fatal(show(r))
				}
			}
		})
	}
}

func FuzzSchema(f *testing.F) {
	f.Add("age", "mmHg", "F", 18.0, 90.0, uint8(0xff))
	f.Add("\xff\"", "<>", "\x00", math.Inf(1), math.NaN(), uint8(1))
	f.Fuzz(func(t *testing.T, name, unit, level string, low, high float64, flags uint8) {
		on := func(i int) bool { return flags>>i&1 == 1 }
		c := Contract{Container: JSON, Rows: 3, Columns: []Column{
			{Name: name, Kind: frame.Number, Integer: on(0), Unit: unit, Min: &low, Max: &high, Missing: on(1)},
			{Name: name + "2", Kind: frame.Category, Levels: []string{level}, Open: on(2), Missing: on(3)},
		}}
		schema := c.Schema(Told{Types: on(4), Levels: on(5), Ranges: on(6), Length: on(7)})
		if !json.Valid(schema) {
			t.Fatalf("no JSON: %s", schema)
		}
	})
}
