package table

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The tables of a study: stays, of patients, in hospitals.
var study = map[string]string{
	"stays.csv":     "stay,patient,hospital,age\n1,p1,7,60\n2,p2,8,\n3,p1,7,61\n4,p9,,50\n",
	"patients.csv":  "id,sex,born,age\np3,F,1950-01-01,1\np2,F,1940-01-01,2\np1,M,1930-01-02,3\n",
	"hospitals.csv": "number,region\n8,west\n7,east\n",
	"regions.csv":   "region,beds\neast,100\nwest,200\n",
	"twice.csv":     "id,sex\np1,M\np2,F\np1,M\np1,F\n",
	"codes.csv":     "id,sex\n1,M\n2,F\n",
	"others.csv":    "id,sex\nq1,M\nq2,F\n",
	"lacking.csv":   "id,sex\n,M\n,F\np2,F\n",
	"pairs.csv":     "patient,hospital,ward\np1,7,A\np1,8,B\np2,8,C\n",
	"labs.csv":      "stay,what,value\n1,K,4\n1,K,5\n3,K,3\n",
}

func stays(joins object) object { return object{"path": "stays.csv", "join": joins} }

func TestJoin(t *testing.T) {
	dir := folder(t, study)
	base := []*frame.Column{
		number("stay", "", 1, 2, 3, 4), category("patient", "p1", "p2", "p1", "p9"), number("hospital", "", 7, 8, 7, missing), number("age", "", 60, missing, 61, 50),
	}
	patients := object{"path": "patients.csv", "on": object{"left": "patient", "right": "id"}, "cardinality": "many-to-one", "drop": []any{"age", "born"}}
	inner := object{"how": "inner"}
	for k, v := range patients {
		inner[k] = v
	}
	for name, test := range map[string]struct {
		with object
		want []*frame.Column
	}{
		"rows without a match are kept":   {stays(object{"p": patients}), append(base[:4:4], category("sex", "M", "F", "M", ""))},
		"rows without a match go (inner)": {stays(object{"p": inner}), []*frame.Column{number("stay", "", 1, 2, 3), category("patient", "p1", "p2", "p1"), number("hospital", "", 7, 8, 7), number("age", "", 60, missing, 61), category("sex", "M", "F", "M")}},
		"a key that another join brings, whatever the names": {
			stays(object{
				"a": object{"path": "regions.csv", "on": "h_region", "cardinality": "many-to-one"},
				"b": object{"path": "hospitals.csv", "on": object{"left": "hospital", "right": "number"}, "cardinality": "many-to-one", "prefix": "h_"},
			}), nil,
		},
		"keys of two columns": {
			stays(object{"w": object{"path": "pairs.csv", "on": []any{"patient", "hospital"}, "cardinality": "many-to-one"}}),
			append(base[:4:4], category("ward", "A", "C", "A", "")),
		},
		"measurements made to rows": {
			stays(object{"l": object{"path": "labs.csv", "on": "stay", "cardinality": "one-to-one", "long": object{"row": "stay", "variable": "what", "value": "value", "take": []any{"max", "count"}}}}),
			append(base[:4:4], number("K_max", "", 5, missing, 3, missing), number("K_count", "", 2, missing, 1, missing)),
		},
		"a key that is left out, and rows without a key": {
			object{"path": "stays.csv", "drop": []any{"patient", "hospital", "age"}, "join": object{
				"p": object{"path": "lacking.csv", "on": object{"left": "patient", "right": "id"}, "cardinality": "many-to-one"},
			}}, []*frame.Column{number("stay", "", 1, 2, 3, 4), category("sex", "", "F", "", "")},
		},
		"columns that are kept": {
			object{"path": "stays.csv", "keep": []any{"stay", "patient"}, "drop": []any{"patient"}, "join": object{
				"p": object{"path": "patients.csv", "on": object{"left": "patient", "right": "id"}, "cardinality": "many-to-one", "keep": []any{"sex"}},
			}}, []*frame.Column{number("stay", "", 1, 2, 3, 4), category("sex", "M", "F", "M", "")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.want == nil {
				test.with["join"].(object)["a"].(object)["on"] = object{"left": "h_region", "right": "region"}
				test.want = append(base[:4:4], category("h_region", "east", "west", "east", ""), number("beds", "", 100, 200, 100, missing))
			}
			same(t, keepConstant(t, at(dir, test.with)), test.want...)
		})
	}
}

// keepConstant reads a table as it is before columns are left out that say nothing.
func keepConstant(t *testing.T, with object) *frame.Frame {
	t.Helper()
	read(t, with)
	d, _ := build(t, with)
	s, err := d.(*dataset).build(t.Context(), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	return frame.Must(s.columns...)
}

// Dates of two tables: an age at admission, of a date of birth that is left out.
func TestDatesAcrossTables(t *testing.T) {
	dir := folder(t, map[string]string{
		"stays.csv":    "stay,patient,admitted\n1,p1,1930-01-03\n2,p2,1940-01-01 12:00\n3,p9,2000-01-01\n",
		"patients.csv": study["patients.csv"],
	})
	with := func(join object) object {
		join["path"], join["on"], join["cardinality"] = "patients.csv", object{"left": "patient", "right": "id"}, "many-to-one"
		return at(dir, object{
			"path": "stays.csv", "columns": object{"admitted": object{"date": object{"since": "p_born"}, "min": 0}},
			"join": object{"p": join},
		})
	}
	same(t, read(t, with(object{"prefix": "p_", "drop": []any{"born", "age"}, "columns": object{"born": object{"date": object{}}}})).Frame,
		number("stay", "", 1, 2, 3), category("patient", "p1", "p2", "p9"), number("admitted", "days", 1, 0.5, missing), category("p_sex", "M", "F", ""))
	fails(t, with(object{"prefix": "q_", "columns": object{"born": object{"date": object{}}}}),
		`stays.csv: column "admitted": counted since "p_born", which is no date of this table; declare its date`)
	fails(t, with(object{"prefix": "p_", "columns": object{"born": object{"date": object{"min": "1935-01-01"}}}}),
		`patients.csv: column "born": row 3: a date before 1935-01-01, the earliest that is declared`)
}

func TestJoinAccounts(t *testing.T) {
	data := read(t, at(folder(t, study), stays(object{
		"p": object{"path": "patients.csv", "on": object{"left": "patient", "right": "id"}, "cardinality": "many-to-one", "prefix": "p_", "how": "inner"},
		"h": object{"path": "hospitals.csv", "on": object{"left": "hospital", "right": "number"}, "cardinality": "many-to-one"},
	})))
	join := func(join, name string, n int) plugins.Count {
		return plugins.Count{Name: name, Dims: map[string]string{"join": join}, Value: n}
	}
	want := []plugins.Count{
		{Name: "rows read", Value: 4},
		{Name: "columns in the file", Value: 4},
		{Name: "columns dropped: declared", Value: 0},
		join("h", "rows read", 2), join("h", "columns in the file", 2), join("h", "columns dropped: declared", 0),
		join("h", "rows with a match", 3), join("h", "rows without a match: kept", 1), join("h", "rows of the joined table without a match", 0),
		join("p", "rows read", 3), join("p", "columns in the file", 4), join("p", "columns dropped: declared", 0),
		join("p", "rows with a match", 3), join("p", "rows without a match: left out", 1), join("p", "rows of the joined table without a match", 1),
		{Name: "columns dropped: constant", Value: 0},
		{Name: "columns dropped: no value", Value: 0},
		{Name: "columns kept", Value: 8},
		{Name: "missing cells", Value: 1},
	}
	if diff := cmp.Diff(want, data.Counts); diff != "" {
		t.Error(diff)
	}
}

func TestBadJoins(t *testing.T) {
	dir := folder(t, study)
	for name, test := range map[string]struct {
		join object
		want string
	}{
		"key not unique": {
			object{"path": "twice.csv", "on": object{"left": "patient", "right": "id"}},
			`twice.csv: column "id": row 3 and 1 more: the same key as row 1; the many-to-one join "j" wants each key once in this table`,
		},
		"key not unique, in two files": {
			object{"path": []any{"patients.csv", "patients.csv"}[:1], "on": object{"left": "patient", "right": "sex"}},
			`patients.csv: column "sex": row 2: the same key as row 1; the many-to-one join "j" wants each key once in this table`,
		},
		"key of two columns not unique": {
			object{"path": "stays.csv", "on": []any{"patient", "hospital"}},
			`stays.csv: column "patient": row 3: the same key (patient, hospital) as row 1; the many-to-one join "j" wants each key once in this table`,
		},
		"keys joined to not unique": {
			object{"path": "patients.csv", "on": object{"left": "patient", "right": "id"}, "cardinality": "one-to-one"},
			`stays.csv: column "patient": row 3: the same key as row 1; the one-to-one join "j" wants each key once in this table`,
		},
		"kinds differ": {
			object{"path": "codes.csv", "on": object{"left": "patient", "right": "id"}},
			`codes.csv: column "id": holds numbers, and column "patient" that it is joined to holds texts; set "join.j.columns.id.kind"`,
		},
		"a name taken": {
			object{"path": "patients.csv", "on": object{"left": "patient", "right": "id"}},
			`patients.csv: column "age": the table joined to has a column "age" already; set "join.j.prefix", or name it in "join.j.drop"`,
		},
		"no such key": {
			object{"path": "patients.csv", "on": "patient"}, `patients.csv: no column named "patient", as "join.j.on" has it for a key`,
		},
		"no such key joined to": {
			object{"path": "patients.csv", "on": "id"}, `stays.csv: no column named "id", as "join.j.on" has it for a key; columns that "keep" does not list are not read`,
		},
		"no match at all": {
			object{"path": "others.csv", "on": object{"left": "patient", "right": "id"}},
			`others.csv: no row of stays.csv has a match by the key of "join.j.on"; do the keys mean the same, and are they written alike?`,
		},
		"absent":  {object{"path": "none.csv", "on": "stay"}, `none.csv: no such file`},
		"a level": {object{"path": "hospitals.csv", "on": object{"left": "hospital", "right": "number"}, "columns": object{"region": object{"levels": object{"west": 1}}}}, `hospitals.csv: column "region": row 2: a code that is none of the 1 in "join.j.columns.region.levels"; add it there, or declare it missing`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.join["cardinality"] == nil {
				test.join["cardinality"] = "many-to-one"
			}
			fails(t, at(dir, stays(object{"j": test.join})), test.want)
		})
	}
	two := folder(t, map[string]string{"stays.csv": study["stays.csv"], "a.csv": "patient,x\np1,1\n", "b.csv": "patient,x\np2,1\np1,2\n"})
	fails(t, at(two, stays(object{"j": object{"path": []any{"a.csv", "b.csv"}, "on": "patient", "cardinality": "many-to-one"}})),
		`b.csv: column "patient": row 2: the same key as row 1 of a.csv; the many-to-one join "j" wants each key once in this table`)
}

// Joins agree with a plain map, whatever the kinds and the number of the columns of the key.
func TestRandomJoins(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 50 {
		prefix := []string{"", "k"}[trial%2] // numbers or texts
		var left, right strings.Builder
		left.WriteString("a,b,row\n")
		right.WriteString("a,b,x\n")
		known := map[string]float64{}
		for i := range 30 {
			key := fmt.Sprintf("%s%d,%s%d", prefix, rng.IntN(6), prefix, rng.IntN(6))
			if _, twice := known[key]; !twice {
				known[key] = float64(i)
				fmt.Fprintf(&right, "%s,%d\n", key, i)
			}
		}
		var want []float64
		for i := range 40 {
			key := fmt.Sprintf("%s%d,%s%d", prefix, rng.IntN(7), prefix, rng.IntN(7))
			fmt.Fprintf(&left, "%s,%d\n", key, i)
			if v, ok := known[key]; ok {
				want = append(want, v)
			} else {
				want = append(want, missing)
			}
		}
		data := read(t, at(folder(t, map[string]string{"l.csv": left.String(), "r.csv": right.String()}), object{
			"path": "l.csv", "join": object{"r": object{"path": "r.csv", "on": []any{"a", "b"}, "cardinality": "many-to-one"}},
		}))
		x := data.Frame.Column("x")
		same(t, frame.Must(x), number("x", "", want...))
	}
}
