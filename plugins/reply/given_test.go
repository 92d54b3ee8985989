package reply_test

import (
	"fmt"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/reply"
)

// continued is the contract of one new column for rows 4, 5 and 9 of a table.
func continued(container string) reply.Contract {
	return reply.Contract{
		Container: container, Key: "row", Keys: []int{4, 5, 9}, Rows: 3,
		Columns: []reply.Column{{Name: "sex", Kind: frame.Number, Integer: true}},
		Given: []reply.Given{
			{Column: reply.Column{Name: "age", Kind: frame.Number, Integer: true}, Shown: []string{"40", "50", ""}},
			{Column: reply.Column{Name: "ward", Kind: frame.Category, Levels: []string{"Med", "Surg"}}, Shown: []string{"Med", "Surg", "Med"}},
		},
	}
}

// A record may repeat the row that it continues, in any form that the row could have, and no other row.
func TestRepeatedColumnsAreThoseOfTheKey(t *testing.T) {
	const other = reply.AnotherRow
	for _, k := range []struct {
		container, text string
		records         int
		reason          reply.Reason
	}{
		{reply.CSV, "row,sex\n4,1\n", 1, ""},
		{reply.CSV, "row,age,ward,sex\n4,40,Med,1\n5,50,Surg,0\n9,,Med,1\n", 3, ""},
		{reply.CSV, "row,ward,Age,sex\n4, med ,40.0,1\n", 1, ""},
		{reply.CSV, "| row | age | ward | sex |\n| 5 | 50 | Surg | 1 |\n", 1, ""},
		{reply.CSV, "row,age,ward,sex\n4,50,Med,1\n", 0, other},
		{reply.CSV, "row,age,ward,sex\n4,40,Surg,1\n", 0, other},
		{reply.CSV, "row,age,ward,sex\n4,,Med,1\n", 0, other},
		{reply.CSV, "row,age,ward,sex\n9,40,Med,1\n", 0, other},
		{reply.CSV, "row,age,ward,sex\n4,old,Med,1\n", 0, other},
		{reply.CSV, "row,age,ward,sex\n7,40,Med,1\n", 0, reply.UnknownKey},
		{reply.CSV, "row,age,ward,sex,age\n4,40,Med,1,50\n", 0, reply.WrongNames},
		{reply.CSV, "row,age,ward,sex\n4,50,Med,1\n4,40,Med,1\n", 1, other}, // the first is not the row's answer
		{reply.JSON, `{"records":[{"row":9,"age":null,"ward":"Med","sex":1}]}`, 1, ""},
		{reply.JSON, `{"records":[{"row":4,"age":"40","sex":1}]}`, 1, ""},
		{reply.JSON, `{"records":[{"row":5,"age":40,"sex":1}]}`, 0, other},
		{reply.JSON, `{"records":[{"row":5,"age":[50],"sex":1}]}`, 0, other},
		{reply.JSON, `{"age":50,"records":[{"row":4,"sex":1}]}`, 1, ""},
	} {
		c := continued(k.container)
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		r := reply.Parse(k.text, plugins.StopEnd, c)
		rejected := 0
		if k.reason != "" {
			rejected = 1
		}
		if len(r.Records) != k.records || r.Account.Rejected[k.reason] != rejected || r.Account.RejectedRows() != rejected {
			t.Errorf("%q: %d records, rejected %v; want %d, %q", k.text, len(r.Records), r.Account.Rejected, k.records, k.reason)
		}
	}
}

func TestGivenColumnsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*reply.Contract){
		`column "age" is given for 2 rows; want 3`:              func(c *reply.Contract) { c.Given[0].Shown = c.Given[0].Shown[:2] },
		`column "sex" is given, and asked for or given already`: func(c *reply.Contract) { c.Given[1].Name = "sex" },
		`column "age" is given, and asked for or given already`: func(c *reply.Contract) { c.Given[1].Name = "age" },
		`column "age" is given, and there is no key`:            func(c *reply.Contract) { c.Key = "" },
	} {
		c := continued(reply.CSV)
		change(&c)
		if err := c.Check(); fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Whatever a line of the header's fields holds, it is a record: inside a fence and outside.
func TestNoRowVanishes(t *testing.T) {
	c := reply.Contract{Container: reply.CSV, Rows: 3, Columns: []reply.Column{
		{Name: "ward", Kind: frame.Category, Levels: []string{"med", "surg"}}, {Name: "race", Kind: frame.Category, Levels: []string{"black", "white"}},
	}}
	const text = "ward,race\nmed,white\ncardiac care,african american\nsurg,black\n"
	for _, text := range []string{text, "```csv\n" + text + "```\n"} {
		r := reply.Parse(text, plugins.StopEnd, c)
		if a := r.Account; a.Returned != 3 || a.Rejected[reply.UnknownLevel] != 1 || len(r.Records) != 2 {
			t.Errorf("%q: returned %d, rejected %v, %d records", text, a.Returned, a.Rejected, len(r.Records))
		}
	}
}

// A single field is what any line has: a sentence behind the rows is no row.
func TestSentencesAreNoRowsOfOneColumn(t *testing.T) {
	c := reply.Contract{Container: reply.CSV, Rows: 2, Columns: []reply.Column{{Name: "age", Kind: frame.Number}}}
	r := reply.Parse("age\n70\nold\n\nThat is all there is.\n", plugins.StopEnd, c)
	if a := r.Account; a.Returned != 2 || a.Rejected[reply.NotNumber] != 1 || a.Prose != 1 {
		t.Errorf("%+v", a)
	}
}

// Rejected records are counted by the label that they have, where it is one of those that are counted.
func TestRejectedByLabel(t *testing.T) {
	least, greatest := 0.0, 100.0
	c := reply.Contract{
		Container: reply.CSV, Rows: 9, Policy: reply.Policy{OutOfRange: reply.Drop, Duplicates: reply.Drop}, Label: "death", Labels: []string{"0", "1"},
		Columns: []reply.Column{
			{Name: "age", Kind: frame.Number, Min: &least, Max: &greatest}, {Name: "death", Kind: frame.Number, Integer: true, Missing: true},
		},
	}
	in := reply.NewIntake(c, nil)
	in.Take(reply.Parse("age,death\n120,1\nold,1.0\n40,0\n40,0\n121,\n122,2\n123,x\n124\n,1\n", plugins.StopEnd, c), 9)
	a := in.Account
	if a.RejectedRows() != 8 || a.ByLabel["1"] != 3 || a.ByLabel["0"] != 1 || len(a.ByLabel) != 2 {
		t.Errorf("%d rejected, by label %v", a.RejectedRows(), a.ByLabel)
	}
	var twice reply.Account
	twice.Add(a)
	twice.Add(a)
	for _, count := range twice.Counts(nil) {
		if count.Name == "rows rejected by label" && count.Value != 2*a.ByLabel[count.Dims["label"]] {
			t.Errorf("%+v", count)
		}
	}
	if got := len(twice.Counts(nil)) - len((&reply.Account{Rejected: a.Rejected}).Counts(nil)); got != 2 {
		t.Errorf("%d counts by label, want 2", got)
	}
}
