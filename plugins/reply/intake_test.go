package reply

import (
	"math"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// train is rows that a model is shown, with more digits than it is shown.
func train() *frame.Frame {
	age := frame.NewNumber("age", []float64{70, 55, 60})
	age.Integer, age.Unit = true, "a"
	ph := frame.NewNumber("ph", []float64{7.3512, math.NaN(), math.Copysign(0, -1)})
	death := frame.NewNumber("death", []float64{1, 0, 0})
	death.Integer = true
	return frame.Must(ph, frame.NewCategoryFromStrings("sex", []string{"F", "M", "F"}, nil), age, death)
}

func hundredths(name string, v float64) float64 {
	if name == "ph" {
		return math.Round(v*100) / 100
	}
	return v
}

const copies = "age,sex,ph,death\n" +
	"70,F,7.35,1\n" + // as it is shown
	"70,F,7.351,1\n" + // equal at that precision
	"70,F,7.36,1\n" + // another
	"55,M,,0\n" + // shown, with a missing value
	"70,F,7.36,1\n" + // twice
	"60,F,0,0\n" + // shown: -0 is 0
	"61,F,0,0\n"

func TestIntake(t *testing.T) {
	for _, k := range []struct {
		policy                                           Policy
		want                                             int
		delivered, copied, duplicate, surplus, rejected  int
		rejectedCopies, rejectedDuplicates, ofLastRecord int
	}{
		{Policy{}, 10, 7, 4, 1, 0, 0, 0, 0, 61},
		{Policy{}, 4, 4, 3, 0, 3, 0, 0, 0, 55},
		{Policy{}, 0, 0, 0, 0, 7, 0, 0, 0, 0},
		{Policy{}, -1, 0, 0, 0, 7, 0, 0, 0, 0},
		{Policy{Copies: Drop}, 10, 3, 4, 1, 0, 4, 4, 0, 61},
		{Policy{Duplicates: Drop}, 10, 6, 4, 1, 0, 1, 0, 1, 61},
		{Policy{Copies: Drop, Duplicates: Drop}, 10, 2, 4, 1, 0, 5, 4, 1, 61},
		{Policy{Copies: Drop, Duplicates: Drop}, 1, 1, 2, 0, 4, 2, 2, 0, 70},
	} {
		c := patients(CSV)
		c.Policy = k.policy
		shown, err := NewSeen(c, nil, hundredths)
		if err != nil {
			t.Fatal(err)
		}
		if err := shown.AddFrame(train(), nil); err != nil {
			t.Fatal(err)
		}
		in := NewIntake(c, shown)
		rows := in.Take(Parse(copies, "", c), k.want)
		a := in.Account
		if len(rows) != k.delivered || a.Delivered != k.delivered || a.Copied != k.copied || a.Duplicate != k.duplicate || a.Surplus != k.surplus ||
			a.Rejected[Copied] != k.rejectedCopies || a.Rejected[Duplicate] != k.rejectedDuplicates || a.RejectedRows() != k.rejected {
			t.Errorf("%+v, want %d: %+v", k.policy, k.want, a)
		}
		if a.Returned != a.RejectedRows()+a.Surplus+a.Delivered {
			t.Errorf("the account does not add up: %+v", a)
		}
		if last := len(rows) - 1; last >= 0 && rows[last].Values[0].Number != float64(k.ofLastRecord) {
			t.Errorf("%+v, want %d: the last is %v", k.policy, k.want, rows[last].Values)
		}
	}
}

// Duplicates are found across the replies of a step.
func TestIntakeAcrossReplies(t *testing.T) {
	c := patients(CSV)
	c.Policy.Duplicates = Drop
	in := NewIntake(c, nil)
	first := in.Take(Parse("age,sex,ph,death\n70,F,7.35,1\n71,F,7.35,1\n", "", c), 1)
	second := in.Take(Parse("age,sex,ph,death\n70.0,F,7.350,1\n71,F,7.35,1\n", "", c), 1)
	if len(first) != 1 || len(second) != 1 || second[0].Values[0].Number != 71 { // what was surplus is no duplicate
		t.Errorf("%v, then %v", first, second)
	}
	if a := in.Account; a.Calls != 2 || a.Returned != 4 || a.Surplus != 1 || a.Delivered != 2 || a.Rejected[Duplicate] != 1 {
		t.Errorf("%+v", a)
	}
}

func TestSeen(t *testing.T) {
	c := patients(CSV)
	for _, names := range [][]string{{"weight"}, {"age", "weight"}} {
		if _, err := NewSeen(c, names, nil); err == nil || err.Error() != `no column named "weight" is asked for` {
			t.Errorf("%v: %v", names, err)
		}
	}
	s, err := NewSeen(c, []string{"sex", "age"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lacks := frame.Must(frame.NewNumber("age", []float64{1}))
	if err := s.AddFrame(lacks, nil); err == nil || err.Error() != `no column named "sex"` {
		t.Error(err)
	}
	if err := s.AddFrame(train(), []int{0}); err != nil {
		t.Fatal(err)
	}
	row := func(age float64, sex string, ph float64) []Value {
		return []Value{{Number: age}, {Level: sex}, {Number: ph}, {Number: 1}}
	}
	if !s.Has(row(70, "F", 1)) || s.Has(row(70, "M", 1)) || s.Has(row(55, "M", 1)) {
		t.Error("rows are not known by sex and age of the first row alone")
	}
	if !s.Add(row(55, "M", 1)) || s.Add(row(55, "M", 2)) || !s.Has(row(55, "M", 3)) {
		t.Error("a row that was added is not known")
	}
}

// Texts next to each other are told apart from other texts of the same letters, and a missing value from any.
func TestSeenTellsRowsApart(t *testing.T) {
	c := Contract{Columns: []Column{{Name: "a", Kind: frame.Category}, {Name: "b", Kind: frame.Category}}}
	s, _ := NewSeen(c, nil, nil)
	for _, row := range [][]Value{
		{{Level: "ab"}, {Level: "c"}},
		{{Level: "a"}, {Level: "bc"}},
		{{Level: "a"}, {Missing: true}},
		{{Missing: true}, {Level: "a"}},
		{{Missing: true}, {Missing: true}},
	} {
		if !s.Add(row) {
			t.Errorf("%v is taken for another", row)
		}
	}
}

func TestFrame(t *testing.T) {
	c := patients(CSV)
	like := train()
	r := Parse("age,sex,ph,death\n70,M,7.35,1\n55,F,,0\n60,M,7,0\n", "", c)
	f, err := c.Frame(r.Records, like)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.Names(), like.Names()) || f.Rows() != 3 {
		t.Fatalf("columns %v, %d rows", f.Names(), f.Rows())
	}
	age, sex, ph := f.Column("age"), f.Column("sex"), f.Column("ph")
	if !slices.Equal(age.Numbers, []float64{70, 55, 60}) || !age.Integer || age.Unit != "a" {
		t.Errorf("age %+v", age)
	}
	if !slices.Equal(sex.Levels, []string{"F", "M"}) || !slices.Equal(sex.Codes, []int32{1, 0, 1}) {
		t.Errorf("sex %+v", sex)
	}
	if ph.Numbers[0] != 7.35 || !ph.IsMissing(1) || ph.Numbers[2] != 7 || ph.Integer {
		t.Errorf("ph %+v", ph)
	}
	some, err := c.Frame(r.Records[:1], like)
	if err != nil || !slices.Equal(some.Column("sex").Levels, []string{"M"}) {
		t.Errorf("levels that no row has are kept: %v", err)
	}
	if none, err := c.Frame(nil, like); err != nil || none.Rows() != 0 || len(none.Columns()) != 4 {
		t.Errorf("no records: %v", err)
	}
	if bare, err := c.Frame(r.Records, frame.Must()); err != nil || bare.Rows() != 3 {
		t.Errorf("no columns: %v", err)
	}
}

func TestFrameFaults(t *testing.T) {
	c := patients(CSV)
	records := Parse("age,sex,ph,death\n70,M,7.35,1\n", "", c).Records
	ph := frame.NewNumber("ph", nil)
	ph.Integer = true
	for want, like := range map[string]*frame.Frame{
		`no column named "weight" was asked for`:                    frame.Must(frame.NewNumber("weight", nil)),
		`column "sex" is a number, but a category was asked for`:    frame.Must(frame.NewNumber("sex", nil)),
		`column "ph" is of whole numbers, but others were accepted`: frame.Must(ph),
		`column "age" is a category, but a number was asked for`:    frame.Must(frame.NewCategory("age", nil, nil)),
	} {
		if _, err := c.Frame(records, like); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
