package events_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var nan = math.NaN()

// row is an event; an empty text and NaN are missing.
type row struct {
	subject string
	time    float64
	code    string
	visit   float64
}

func frameOf(rows ...row) *frame.Frame {
	var subjects, codes []string
	var noSubject, noCode []bool
	var times, visits []float64
	for _, r := range rows {
		subjects, noSubject = append(subjects, r.subject), append(noSubject, r.subject == "")
		codes, noCode = append(codes, r.code), append(noCode, r.code == "")
		times, visits = append(times, r.time), append(visits, r.visit)
	}
	return frame.Must(frame.NewCategoryFromStrings(events.Subject, subjects, noSubject), frame.NewNumber(events.Time, times),
		frame.NewCategoryFromStrings(events.Code, codes, noCode), frame.NewNumber(events.Visit, visits))
}

var stays = []row{
	{"p2", 5, "b", 2},
	{"p1", 3, "a", 1},
	{"p2", 4, "c", 2},
	{"p2", 1, "a", 1},
	{"p2", 6, "b", 2},
	{"", 1, "a", 1},
	{"p1", nan, "", 7},
	{"p3", 1, "a", nan},
}

// visits lists the codes of the visits of each patient.
func visits(t *events.Trajectories) [][][]string {
	var out [][][]string
	for p := range t.Patients() {
		var of [][]string
		first, end := t.VisitsOf(p)
		for v := first; v < end; v++ {
			var codes []string
			for _, c := range t.CodesOf(v) {
				codes = append(codes, t.Codes[c])
			}
			of = append(of, codes)
		}
		out = append(out, of)
	}
	return out
}

func newOf(t *testing.T, f *frame.Frame) *events.Trajectories {
	t.Helper()
	out, err := events.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPatientsAndVisitsAreInOrder(t *testing.T) {
	of := newOf(t, frameOf(stays...))
	want := [][][]string{{{"a"}, {""}}, {{"a"}, {"b", "b", "c"}}}
	if got := visits(of); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if of.Patients() != 2 || of.Visits() != 4 || of.Events() != 6 || of.Left != 2 {
		t.Errorf("%d patients, %d visits, %d events, %d left out", of.Patients(), of.Visits(), of.Events(), of.Left)
	}
	if !slices.Equal(of.Number, []float64{1, 7, 1, 2}) {
		t.Errorf("numbers %v", of.Number)
	}
	if of.Time[0] != 3 || !math.IsNaN(of.Time[1]) || of.Time[3] != 4 || of.Until[3] != 6 || !math.IsNaN(of.Until[1]) {
		t.Errorf("times from %v to %v", of.Time, of.Until)
	}
	if rows := slices.Sorted(slices.Values(of.RowsOf(1))); !slices.Equal(rows, []int32{0, 2, 3, 4}) {
		t.Errorf("rows of the second patient: %v", rows)
	}
}

func TestTheOrderOfRowsMakesNoDifference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	want := newOf(t, frameOf(stays...))
	for range 50 {
		rows := slices.Clone(stays)
		rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		got := newOf(t, frameOf(rows...))
		if !reflect.DeepEqual(visits(got), visits(want)) || !slices.Equal(got.Number, want.Number) || got.Time[3] != want.Time[3] {
			t.Fatalf("%v gives %q", rows, visits(got))
		}
	}
}

func TestIDsThatAreNumbersAreOrderedBySize(t *testing.T) {
	of := newOf(t, frame.Must(frame.NewNumber(events.Subject, []float64{10, 9, nan, 10}),
		frame.NewCategoryFromStrings(events.Code, []string{"x", "y", "z", "w"}, nil), frame.NewNumber(events.Visit, []float64{1, 1, 1, 1})))
	if got, want := visits(of), [][][]string{{{"y"}}, {{"w", "x"}}}; !reflect.DeepEqual(got, want) || of.Left != 1 {
		t.Errorf("got %q and %d left, want %q", got, of.Left, want)
	}
}

func TestNoEvents(t *testing.T) {
	of := newOf(t, frameOf())
	if of.Patients() != 0 || of.Visits() != 0 || of.Events() != 0 || of.Sets().Len() != 0 || of.Once().Events() != 0 {
		t.Errorf("%d patients of no event", of.Patients())
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	good := frameOf(stays...)
	without := func(name string) *frame.Frame {
		f, err := good.Select(slices.DeleteFunc(good.Names(), func(n string) bool { return n == name })...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		f    *frame.Frame
		want string
	}{
		{without(events.Time), ""},
		{without(events.Code), `no column "code"`},
		{without(events.Visit), `no column "visit"`},
		{frame.Must(append(without(events.Code).Columns(), frame.NewNumber(events.Code, make([]float64, good.Rows())))...), `column "code" of events is a number; want a category`},
	} {
		err := events.Check(c.f)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if _, err := events.New(c.f); (err == nil) != (c.want == "") {
			t.Errorf("New: %v", err)
		}
	}
}

func TestOneVocabulary(t *testing.T) {
	a, b := newOf(t, frameOf(row{"p", 0, "m", 1}, row{"p", 0, "z", 1})), newOf(t, frameOf(row{"q", 0, "a", 1}, row{"q", 0, "z", 1}))
	vocabulary := events.Vocabulary(a, b)
	if !slices.Equal(vocabulary, []string{"a", "m", "z"}) {
		t.Fatalf("vocabulary %q", vocabulary)
	}
	for _, of := range []*events.Trajectories{a, b} {
		if got := of.In(vocabulary); !reflect.DeepEqual(visits(got), visits(of)) || len(got.Codes) != 3 {
			t.Errorf("got %q, want %q", visits(got), visits(of))
		}
	}
}

func TestTakeAndOnceAndSets(t *testing.T) {
	of := newOf(t, frameOf(stays...))
	taken := of.Take([]int{1, 0, 1})
	all := visits(of)
	if got := visits(taken); !reflect.DeepEqual(got, [][][]string{all[1], all[0], all[1]}) {
		t.Errorf("taken: %q", got)
	}
	if !slices.Equal(taken.RowsOf(2), of.RowsOf(1)) || taken.EventsOf(0) != 4 || taken.EventsBefore(2) != 4 {
		t.Errorf("rows %v, %d events", taken.RowsOf(2), taken.EventsOf(0))
	}
	if got := visits(of.Once())[1]; !reflect.DeepEqual(got, [][]string{{"a"}, {"b", "c"}}) {
		t.Errorf("once: %q", got)
	}
	if got := of.Sets().Of(1); !slices.Equal(got, []int32{1, 2, 3}) || !slices.Equal(of.Sets().Patients(4), []int{1, 2, 1, 1}) {
		t.Errorf("set %v", got)
	}
}

func TestVisitsByGap(t *testing.T) {
	f := frameOf(row{"p", 3, "a", nan}, row{"p", 1, "a", nan}, row{"p", 1.9, "a", nan}, row{"q", 9, "a", nan}, row{"p", nan, "a", nan}, row{"p", 4, "a", nan})
	got := events.ByGap(f.Column(events.Subject), f.Column(events.Time), 1)
	for i, want := range []float64{2, 1, 1, 1, nan, 2} { // a gap of exactly one day is no new visit
		if got[i] != want && !(math.IsNaN(want) && math.IsNaN(got[i])) {
			t.Errorf("event %d: visit %v, want %v", i, got[i], want)
		}
	}
}

func TestVisitsByLabel(t *testing.T) {
	f := frameOf(row{"p", 9, "a", nan}, row{"p", 2, "a", nan}, row{"p", 10, "a", nan}, row{"q", 1, "a", nan}, row{"p", nan, "a", nan}, row{"p", 0, "a", nan})
	label := frame.NewCategoryFromStrings("stay", []string{"x", "y", "y", "x", "w", ""}, []bool{5: true})
	for i, want := range []float64{2, 1, 1, 1, 3, nan} { // "w" has no time: it comes last
		if got := events.ByLabel(f.Column(events.Subject), f.Column(events.Time), label)[i]; got != want && !(math.IsNaN(want) && math.IsNaN(got)) {
			t.Errorf("event %d: visit %v, want %v", i, got, want)
		}
	}
	if got := events.ByLabel(f.Column(events.Subject), nil, label); got[0] != 2 || got[1] != 3 || got[4] != 1 {
		t.Errorf("without times: %v, want the order of the labels", got)
	}
}

func TestCopiesArePatientsOfTheirOwn(t *testing.T) {
	f := frameOf(stays...)
	patients := events.Patients(f.Column(events.Subject))
	if !reflect.DeepEqual(patients, [][]int{{1, 6}, {0, 2, 3, 4}, {7}}) {
		t.Fatalf("patients %v", patients)
	}
	copied := newOf(t, events.Copy(f, [][]int{patients[1], patients[0], patients[1]}))
	all := visits(newOf(t, f))
	if got := visits(copied); !reflect.DeepEqual(got, [][][]string{all[1], all[0], all[1]}) {
		t.Errorf("copies %q", got)
	}
	numbers := frame.Must(frame.NewNumber(events.Subject, []float64{700, 700, 5}), frame.NewCategoryFromStrings(events.Code, []string{"a", "b", "c"}, nil), frame.NewNumber(events.Visit, []float64{1, 1, 1}))
	if got := events.Copy(numbers, [][]int{{0, 1}, {2}}).Column(events.Subject).Numbers; !slices.Equal(got, []float64{1, 1, 2}) {
		t.Errorf("ids %v", got)
	}
}
