package table

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// TestFaultsThatDoNotDependOnEachOtherAreToldTogether: those of columns, of files and of joined tables.
func TestFaultsThatDoNotDependOnEachOtherAreToldTogether(t *testing.T) {
	dir := folder(t, map[string]string{
		"stays.csv": "stay,age,day,ward,lactate,crea,unit\n" +
			"1,old,2020-01-01,A,1,1,mg\n2,60,2020-13-01,B,99,2,umol\n3,61,2020-01-02,A,2,3,mg\n",
		"labs.csv":    "stay,k\n1,high\n2,3\n",
		"vitals.csv":  "stay,hr\n1,70\n1,80\n",
		"north.csv":   "stay,age\n1,x\n",
		"south.csv":   "stay,age\n1,5\n1,y\n",
		"west.csv":    "stay,age\n1,z\n", // as north.csv, which stands for it
		"doubted.csv": "a,b,c\n1,1,x\n2,2,y\nNA,NA,z\n",
	})
	for name, c := range map[string]struct {
		with object
		want []string
	}{
		"columns and joins": {
			object{
				"path": "stays.csv",
				"columns": object{
					"age": object{"kind": "number"}, "day": object{"date": object{}}, "ward": object{"levels": object{"A": "medical"}},
					"lactate": object{"max": 20}, "crea": object{"unit": "mg", "unitFrom": "unit"},
				},
				"join": object{
					"labs":   object{"path": "labs.csv", "on": "stay", "cardinality": "many-to-one", "columns": object{"k": object{"kind": "number"}}},
					"vitals": object{"path": "vitals.csv", "on": "stay", "cardinality": "one-to-one", "columns": object{"bp": object{"min": 0}}},
				},
			},
			[]string{
				`stays.csv:2:3: column "age": text in a number column; declare the text a missing code, or the column a category`,
				`stays.csv: column "crea": row 2: a unit other than "mg" that is not in "columns.crea.convert"`,
				`stays.csv: column "day": row 2: no date of the format "iso"; correct it, declare it a missing code, or say another format`,
				`stays.csv: column "lactate": row 2: a value outside (-∞, 20]; correct it, or set outside to "missing"`,
				`stays.csv: column "ward": row 2: a code that is none of the 1 in "columns.ward.levels"; add it there, or declare it missing`,
				`labs.csv:2:3: column "k": text in a number column; declare the text a missing code, or the column a category`,
				`vitals.csv:1: no column named "bp"`,
			},
		},
		"files": {
			object{"path": []any{"north.csv", "south.csv", "west.csv"}, "columns": object{"age": object{"kind": "number"}}},
			[]string{
				`north.csv:2:3: column "age": text in a number column; declare the text a missing code, or the column a category`,
			},
		},
		"columns in doubt": {
			object{"path": "doubted.csv", "columns": object{"c": object{"levels": object{"x": "1"}}}},
			[]string{
				`doubted.csv:4:1: column "a": text where 2 of 3 values are numbers; correct it, declare it a missing code, or set columns."a".kind to "category"; so too for "b"`,
				`doubted.csv: column "c": row 2 and 1 more: a code that is none of the 1 in "columns.c.levels"; add it there, or declare it missing`,
			},
		},
		"patterns": {
			object{"path": "a*.csv", "join": object{"other": object{"path": "b*.csv", "on": "stay", "cardinality": "one-to-one"}}},
			[]string{`"path" matches no file: none is named "a*.csv"`, `"join.other.path" matches no file: none is named "b*.csv"`},
		},
	} {
		d, _ := build(t, at(dir, c.with))
		_, err := d.Header(context.Background(), plugins.Env{})
		if name == "patterns" {
			_, err = d.Files()
		}
		var got []string
		for _, fault := range frame.Apart(err) {
			got = append(got, fault.Error())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		for _, value := range []string{"old", "high", "99", "umol"} {
			if strings.Contains(strings.Join(got, " "), value) {
				t.Errorf("%s: a message tells the value %s", name, value)
			}
		}
	}
}

// TestSeen: what a header says of values, and that what has several ways to be written stays as it is unless settings say otherwise.
func TestSeen(t *testing.T) {
	path := write(t, "t.csv", []byte("grade,stage,died,dose,icd,none\n4,4,0,1,250,\n4.0,4.0,1,2,250.0,\n3,3,1,2,V10,\n3.00,3,,1,7,\n"))
	d, _ := build(t, object{"path": path, "columns": object{"grade": object{"kind": "category"}, "icd": object{"kind": "category"}, "stage": object{"levels": object{"3": "mild", "4": "severe"}}}})
	h, err := d.Header(context.Background(), plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*plugins.Seen{}
	for _, c := range h.Columns {
		got[c.Name] = c.Seen
	}
	want := map[string]*plugins.Seen{
		"grade": {Rows: 4, Levels: 4, Rewritten: 2}, "stage": {Rows: 4, Levels: 2}, "died": {Rows: 3, ZeroOne: true}, "dose": {Rows: 4},
		"icd": {Rows: 4, Levels: 4, Rewritten: 1}, "none": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" || h.Rows != 4 {
		t.Errorf("%d rows, -want +got\n%s", h.Rows, diff)
	}
	data, err := d.Read(context.Background(), plugins.Env{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"3", "3.00", "4", "4.0"}, data.Frame.Column("grade").Levels); diff != "" {
		t.Error(diff)
	}
}
