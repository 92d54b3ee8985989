package table

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// column reads a table of the column x, and of y where it has a comma, with the settings of x.
func column(t *testing.T, config object, rows ...string) (with object) {
	t.Helper()
	header := "x\n"
	if strings.Contains(rows[0], ",") {
		header = "x,y\n"
	}
	dir := folder(t, map[string]string{"t.csv": header + strings.Join(rows, "\n") + "\n"})
	return at(dir, object{"path": "t.csv", "columns": object{"x": config}})
}

func TestLevels(t *testing.T) {
	for name, test := range map[string]struct {
		config object
		rows   []string
		want   *frame.Column
	}{
		"meanings, of numbers however written": {
			object{"levels": object{"0": "female", "1": "male"}}, []string{"1.0", "0", "", "1"}, category("x", "male", "female", "", "male"),
		},
		"codes with one meaning, as a number": {
			object{"kind": "number", "levels": object{"0": 0, "1": 1, "2": 1, "A": "0.5"}}, []string{"2", "0", "A", "1"}, number("x", "", 1, 0, 0.5, 1),
		},
		"a missing code beside levels": {
			object{"levels": object{"a": "yes", "b": "no"}, "missing": []any{-9}}, []string{"a", "-9.0", "b"}, category("x", "yes", "", "no"),
		},
		"texts before equal numbers": {
			object{"levels": object{"01": "old", "1": "new"}}, []string{"01", "1"}, category("x", "old", "new"),
		},
		"limits of a number": {
			object{"kind": "number", "levels": object{"a": 1, "b": 2, "c": 9}, "max": 5, "outside": "missing"}, []string{"a", "b", "c"}, number("x", "", 1, 2, missing),
		},
	} {
		t.Run(name, func(t *testing.T) { same(t, read(t, column(t, test.config, test.rows...)).Frame, test.want) })
	}
	fails(t, column(t, object{"levels": object{"0": "f", "1": "m"}}, "1", "2", "0", "7"),
		`t.csv: column "x": row 2 and 1 more: a code that is none of the 2 in "columns.x.levels"; add it there, or declare it missing`)
}

func TestLimits(t *testing.T) {
	rows := []string{"0.5", "7.2", "735", ""}
	data := read(t, column(t, object{"min": 6.5, "max": 8, "outside": "missing"}, rows...))
	same(t, data.Frame, number("x", "", missing, 7.2, missing, missing))
	if diff := cmp.Diff(map[string]int{"x": 2}, counted(data, "values made missing: outside their limits", "column")); diff != "" {
		t.Error(diff)
	}
	fails(t, column(t, object{"min": 6.5, "max": 8}, rows...),
		`t.csv: column "x": row 1 and 1 more: a value outside [6.5, 8]; correct it, or set outside to "missing"`)
	fails(t, column(t, object{"max": 8}, rows...), `t.csv: column "x": row 3: a value outside (-∞, 8]; correct it, or set outside to "missing"`)
	fails(t, column(t, object{"min": 1}, rows...), `t.csv: column "x": row 1: a value outside [1, ∞); correct it, or set outside to "missing"`)
	fails(t, column(t, object{"min": 1}, "4", "?", "5"),
		`t.csv:3:1: column "x": text in a number column; declare the text a missing code, or the column a category`)
}

func TestUnits(t *testing.T) {
	creatinine := object{"unit": "mg/dL", "unitFrom": "y", "convert": object{"umol/L": 0.01131, "": 1}}
	data := read(t, column(t, creatinine, "1.2,mg/dL", "100,umol/L", "0.9,", ",g/L", "200,umol/L"))
	same(t, data.Frame, number("x", "mg/dL", 1.2, 100*0.01131, 0.9, missing, 200*0.01131), category("y", "mg/dL", "umol/L", "", "g/L", "umol/L"))
	if diff := cmp.Diff(map[string]int{"umol/L": 2, "none": 1}, counted(data, "values converted", "from")); diff != "" {
		t.Error(diff)
	}
	fails(t, column(t, creatinine, "1.2,mg/dL", "100,umol/l"),
		`t.csv: column "x": row 2: a unit other than "mg/dL" that is not in "columns.x.convert"`)
	fails(t, column(t, object{"unit": "mg/dL", "unitFrom": "y"}, "1.2,mg/dL", "1.0,"),
		`t.csv: column "x": row 2: a value without a unit; say in "columns.x.convert", for "", what to make of it`)
	fails(t, column(t, object{"unit": "mg/dL", "unitFrom": "z"}, "1.2,mg/dL"), `t.csv: column "x": has its unit from a column "z" that there is not`)

	celsius := object{"unit": "°C", "unitFrom": "y", "convert": object{"°F": object{"factor": 0.5, "offset": -16}}}
	same(t, read(t, column(t, celsius, "37.5,°C", "104,°F")).Frame, number("x", "°C", 37.5, 36), category("y", "°C", "°F"))
	fails(t, column(t, object{"unit": "a", "unitFrom": "y", "convert": object{"b": 1e300}}, "1,a", "1e300,b"),
		`t.csv: column "x": row 2: a value that is too large to be converted`)

	// a unit that differs by hospital is one that its origin tells
	dir := folder(t, map[string]string{"lab.a.csv": "x\n1\n", "lab.b.csv": "x\n100\n"})
	with := at(dir, object{"path": "lab.*.csv", "origin": "site", "columns": object{"x": object{"unit": "mg/dL", "unitFrom": "site", "convert": object{"a": 1, "b": 0.5}}}})
	same(t, read(t, with).Frame, number("x", "mg/dL", 1, 50), category("site", "a", "b"))
}

// parquet is a file of the column x, in a unit.
func parquet(t *testing.T, unit string, values ...float64) string {
	t.Helper()
	var b bytes.Buffer
	if err := frame.WriteParquet(&b, frame.Must(number("x", unit, values...))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUnitsOfFiles(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.parquet": parquet(t, "mg/dL", 1, 2), "b.parquet": parquet(t, "umol/L", 100), "c.csv": "x\n3\n",
	})
	declared := func(config object, paths ...any) object {
		return at(dir, object{"path": paths, "columns": object{"x": config}})
	}
	fails(t, declared(object{}, "a.parquet", "b.parquet"),
		`b.parquet: column "x": its unit is "umol/L", in a.parquet "mg/dL"; declare "columns.x.unit" and "columns.x.convert"`)
	fails(t, declared(object{"unit": "mg/dL"}, "a.parquet", "b.parquet"),
		`b.parquet: column "x": its unit is "umol/L" by the file, and "mg/dL" by "columns.x.unit"; say in "columns.x.convert" how to convert it, or correct the unit`)
	data := read(t, declared(object{"unit": "mg/dL", "convert": object{"umol/L": 0.01}}, "a.parquet", "b.parquet", "c.csv"))
	same(t, data.Frame, number("x", "mg/dL", 1, 2, 1, 3))
	if diff := cmp.Diff(map[string]int{"x": 1}, counted(data, "values converted", "column")); diff != "" {
		t.Error(diff)
	}
	same(t, read(t, declared(object{}, "a.parquet", "c.csv")).Frame, number("x", "mg/dL", 1, 2, 3))
}

func TestDates(t *testing.T) {
	rows := []string{"2014-03-01,2014-03-03 12:00", "2014-02-28,", "1970-01-02,1970-01-01"}
	stay := func(x, y object) object {
		with := column(t, x, rows...)
		with["columns"].(object)["y"] = y
		return with
	}
	day := 16130.0 // 2014-03-01: 44 years of 365 days, 11 leap days, 59 days
	same(t, read(t, stay(object{"date": object{}}, object{"date": object{"since": "x", "in": "hours"}})).Frame,
		number("x", "days since 1970-01-01", day, day-1, 1), number("y", "hours", 60, missing, -24))
	same(t, read(t, stay(object{"date": object{"in": "years", "since": "y"}}, object{"date": object{"in": "minutes"}})).Frame,
		number("x", "years", -2.5/365.25, missing, 1/365.25), number("y", "minutes since 1970-01-01", (day+2.5)*1440, missing, 0))

	left := stay(object{"date": object{}}, object{"date": object{"since": "x"}})
	left["drop"] = []any{"x"}
	same(t, read(t, left).Frame, number("y", "days", 2.5, missing, -1))

	// dates that are left out, and of which no other date is made
	left["columns"].(object)["y"] = object{"date": object{}}
	same(t, read(t, left).Frame, number("y", "days since 1970-01-01", day+2.5, missing, 0))
	made := column(t, object{"date": object{}}, "2014-03-01,5", "2014-03-02,6")
	made["drop"] = []any{"x"}
	made["columns"].(object)["y"] = object{"unit": "g", "unitFrom": "x", "convert": object{"2014-03-01": 2, "2014-03-02": 3}}
	same(t, read(t, made).Frame, number("y", "g", 10, 18))

	fails(t, stay(object{"date": object{}}, object{"date": object{"since": "x"}, "min": 0}),
		`t.csv: column "y": row 3: a value outside [0, ∞); correct it, or set outside to "missing"`)
	fails(t, stay(object{"date": object{"min": "2014-01-01"}}, object{}), `t.csv: column "x": row 3: a date before 2014-01-01, the earliest that is declared`)
	fails(t, stay(object{}, object{"date": object{"max": "2014-03-02"}}), `t.csv: column "y": row 1: a date after 2014-03-02, the latest that is declared`)
	fails(t, stay(object{}, object{"date": object{"format": "us"}}),
		`t.csv: column "y": row 1 and 1 more: no date of the format "us"; correct it, declare it a missing code, or say another format`)
	fails(t, stay(object{}, object{"date": object{"since": "x"}}), `t.csv: column "y": counted since "x", which is no date of this table; declare its date`)

	// the day of the limit belongs to what is allowed, to its end
	same(t, read(t, column(t, object{"date": object{"min": "2014-03-01", "max": "2014-03-01"}}, "2014-03-01", "2014-03-01 23:59")).Frame,
		number("x", "days since 1970-01-01", day, day+1439.0/1440))
}

func TestKeepAndDrop(t *testing.T) {
	dir := folder(t, map[string]string{"t.csv": "a,b,c\n1,2,3\n4,5,6\n"})
	with := at(dir, object{"path": "t.csv", "keep": []any{"c", "a"}})
	data := read(t, with)
	same(t, data.Frame, number("a", "", 1, 4), number("c", "", 3, 6))
	if n := counted(data, "columns dropped: declared", "")[""]; n != 1 {
		t.Errorf("%d columns dropped", n)
	}
	with["keep"] = []any{"d"}
	fails(t, with, `t.csv:1: no column named "d"; did you mean "a"?`)
	with = at(dir, object{"path": "t.csv", "drop": []any{"a", "b", "c"}})
	fails(t, with, "t.csv: no column is left")
}

// What settings contradict in themselves is said before a file is opened.
func TestContradictions(t *testing.T) {
	var r plugins.Registry
	Register(&r)
	for with, want := range map[string]string{
		`"columns": {"a": {"kind": "category", "min": 1}}`:                                                     `"columns.a" is a category; min, max, convert and unitFrom need kind "number"`,
		`"columns": {"a": {"levels": {"1": "x"}, "max": 1}}`:                                                   `"columns.a" is a category; min, max, convert and unitFrom need kind "number"`,
		`"columns": {"a": {"levels": {}}}`:                                                                     `"columns.a" has no levels`,
		`"columns": {"a": {"kind": "number", "levels": {"1": "x"}}}`:                                           `"columns.a" is a number, but its level for "1" is none`,
		`"columns": {"a": {"unitFrom": "b"}}`:                                                                  `"columns.a" has convert or unitFrom, but no unit to convert to`,
		`"columns": {"a": {"unit": "g", "unitFrom": "a"}}`:                                                     `"columns.a" has its unit from itself`,
		`"columns": {"a": {"unit": "g", "convert": {"kg": 0}}}`:                                                `"columns.a" has no usable factor for "kg" in convert`,
		`"columns": {"a": {"min": 2, "max": 1}}`:                                                               `"columns.a" has min 2 above max 1`,
		`"columns": {"a": {"outside": "missing"}}`:                                                             `"columns.a" has outside, but neither min nor max`,
		`"columns": {"a": {"min": 2, "outside": "drop"}}`:                                                      `"columns.a" has outside "drop"; want "error" or "missing"`,
		`"columns": {"a": {"date": {"format": "%d.%m"}}}`:                                                      `"columns.a" has the date format "%d.%m", which lacks a year, a month or a day, as "%d.%m.%Y" has them`,
		`"columns": {"a": {"date": {"format": "2006-01-02"}}}`:                                                 `"columns.a" has the date format "2006-01-02", which lacks a year, a month or a day, as "%d.%m.%Y" has them`,
		`"columns": {"a": {"date": {"format": "%Q"}}}`:                                                         `"columns.a" has the date format "%Q"; want "iso", "us", "eu" or a pattern of %Y %y %m %d %b %H %I %M %S %f %p`,
		`"columns": {"a": {"date": {}, "unit": "days"}}`:                                                       `"columns.a" is a date, which becomes a number in a unit of its own; it has no other kind, levels or unit`,
		`"columns": {"a": {"date": {"since": "a"}}}`:                                                           `"columns.a" is a date that is counted from itself`,
		`"columns": {"a": {"date": {"in": "weeks"}}}`:                                                          `"columns.a" has date.in "weeks"; want "minutes", "hours", "days" or "years"`,
		`"columns": {"a": {"date": {"min": "1.1.2000"}}}`:                                                      `"columns.a" has the limit "1.1.2000"; want a date such as 1990-01-31`,
		`"columns": {"a": {"date": {"min": "2000-01-02", "max": "2000-01-01"}}}`:                               `"columns.a" has date.min 2000-01-02 after date.max 2000-01-01`,
		`"header": ["a", "a"]`:                                                                                 `"header" names "a" twice`,
		`"header": []`:                                                                                         `"header" names no column`,
		`"keep": []`:                                                                                           `"keep" names no column`,
		`"header": ["a", ""]`:                                                                                  `"header" has an empty name; every column needs one`,
		`"path": "a/*/*.csv"`:                                                                                  `"path" has more than one "*"; want one`,
		`"path": ["a.csv", ""]`:                                                                                `"path" is empty; want a file such as stays.csv, stays.csv.gz or stays.parquet`,
		`"join": {"j": {"path": "b.csv", "cardinality": "many-to-one"}}`:                                       `"join.j.on" names no column of a key`,
		`"join": {"j": {"path": "b.csv", "on": "a"}}`:                                                          `"join.j.cardinality" "": want "one-to-one" or "many-to-one"`,
		`"join": {"j": {"path": "b.csv", "on": "a", "cardinality": "many-to-many"}}`:                           `"join.j.cardinality" "many-to-many": want "one-to-one" or "many-to-one"`,
		`"join": {"j": {"path": "b.csv", "on": {"left": ["a", "b"], "right": "c"}}}`:                           `"join.j.on" has 2 columns on the left and 1 on the right`,
		`"join": {"j": {"path": "b.csv", "on": "a", "cardinality": "one-to-one", "how": "x"}}`:                 `"join.j.how" "x": want "left" or "inner"`,
		`"members": "a.txt"`:                                                                                   `"members" "a.txt": want one "*", as in "set-a/*.txt"`,
		`"join": {"j": {"on": "a"}}`:                                                                           `"join.j.path" is empty; want a file such as stays.csv, stays.csv.gz or stays.parquet`,
		`"join": {"j": {"path": "b", "on": {"lft": "a"}}}`:                                                     `json: unknown field "lft"`,
		`"join": {"j": {"path": "b", "columns": {"c": {"min": 1, "max": 0}}}}`:                                 `"join.j.columns.c" has min 1 above max 0`,
		`"long": {"row": "a", "variable": "b", "value": "c", "take": "mean"}, "columns": {"c": {"unit": "g"}}`: `"columns.c" holds the values of all variables; say what is known of each under its own name`,
		`"long": {"row": "a", "variable": "b"}`:                                                                `"long" wants the columns "row", "variable" and "value"`,
		`"long": {"row": "a", "variable": "b", "value": "b", "take": "mean"}`:                                  `"long" names column "b" twice`,
		`"long": {"row": "a", "variable": "b", "value": "c"}`:                                                  `"long" takes nothing; want "take", or "variables"`,
		`"long": {"row": "a", "variable": "b", "value": "c", "take": ["mean", "median"]}`:                      `"long.take" has "median"; want one of once, first, last, min, max, mean, sum, count`,
		`"long": {"row": "a", "variable": "b", "value": "c", "take": []}`:                                      `"long.take" is an empty list`,
		`"long": {"row": "a", "variable": "b", "value": "c", "variables": {"x": ["min", "min"]}}`:              `"long.variables.x" has "min" twice`,
		`"long": {"row": "a", "variable": "b", "value": "c", "take": "mean"}, "drop": ["d"]`:                   `"long" says itself which columns are kept`,
		`"long": {"row": "a", "variable": "b", "value": "c", "take": "mean"}, "columns": {"x": {"date": {}}}`:  `"columns.x" is a date; the variables of a long table are numbers and categories`,
		`"long": {"row": "a", "variable": "b", "value": "c", "take": "mean"}, "columns": {"x": {"unit": "g", "unitFrom": "d"}}`: `"columns.x" has unitFrom; the units of a long table are in the column "long.unit"`,
	} {
		if !strings.HasPrefix(with, `"path"`) {
			with = `"path": "a.csv", ` + with
		}
		if _, _, err := r.Datasets.Get("table").Build([]byte("{" + with + "}")); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", with, err, want)
		}
	}
}

// Settings keep their form, since an experiment leads to each path by its place.
func TestSettingsKeepTheirForm(t *testing.T) {
	for _, with := range []string{
		`{"path":"a.csv","maxBytes":1}`,
		`{"path":["a.csv"],"maxBytes":1}`,
		`{"path":["a.csv","b.csv"],"long":{"row":"a","variable":"b","value":"c","take":["mean"],"variables":{"x":"once"}},"maxBytes":1}`,
		`{"path":"a.csv","join":{"j":{"path":["b.csv"],"on":{"left":["a"],"right":["a"]},"cardinality":"one-to-one"}},"maxBytes":1}`,
		`{"path":"a.csv","columns":{"x":{"unit":"g","convert":{"kg":{"factor":1000}}}},"maxBytes":1}`,
	} {
		_, settings := build(t, jsonObject(t, with))
		if diff := cmp.Diff(with, string(settings)); diff != "" {
			t.Error(diff)
		}
	}
	short := `{"path":"a.csv","join":{"j":{"path":"b.csv","on":{"left":"a","right":["b"]},"cardinality":"one-to-one"}},"columns":{"x":{"unit":"g","convert":{"kg":1000}}}}`
	_, settings := build(t, jsonObject(t, short))
	const long = `{"path":"a.csv","columns":{"x":{"unit":"g","convert":{"kg":{"factor":1000}}}},` +
		`"join":{"j":{"path":"b.csv","on":{"left":["a"],"right":["b"]},"cardinality":"one-to-one"}},"maxBytes":4294967296}`
	if diff := cmp.Diff(long, string(settings)); diff != "" {
		t.Error(diff)
	}
}

// A value of the data stands in no message.
func TestMessagesHoldNoValue(t *testing.T) {
	const secret = "8675309"
	for i, with := range []object{
		column(t, object{"levels": object{"0": "f"}}, "0", secret),
		column(t, object{"max": 8}, "1", secret),
		column(t, object{"date": object{}}, secret),
		column(t, object{"date": object{"max": "2000-01-01"}}, "8675-03-09"),
		column(t, object{"unit": "g", "unitFrom": "y"}, "1,"+secret),
	} {
		d, _ := build(t, with)
		_, err := d.Read(t.Context(), env)
		if text := fmt.Sprint(err); err == nil || strings.Contains(text, "8675") {
			t.Errorf("%d: %v", i, err)
		}
	}
}
