package split

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// No row of development is later than, or of the time of, a test row, and no subject is on both sides.
func TestByTimeTestsOnTheLatest(t *testing.T) {
	rng := source(41)
	for i := range 200 {
		f, c := hospitals(rng, 100+rng.IntN(300), 5)
		cfg := shares(rng)
		cfg.By, cfg.Time = ByTime, "year"
		if cfg.Test == 0 || cfg.Test == 1 {
			continue
		}
		a, err := Assign(f, c, cfg, source(uint64(i)))
		if err != nil {
			t.Fatalf("%+v: %v", cfg, err)
		}
		year, subject := c.Time.Numbers, c.Subject.Numbers
		earliest, tested := math.Inf(1), map[float64]bool{}
		for _, row := range a.Rows[plugins.Test] {
			earliest = min(earliest, year[row])
			tested[subject[row]] = true
		}
		lost, of := 0, map[float64]plugins.Part{}
		for row, part := range partsOf(t, a, f.Rows()) {
			switch {
			case part == plugins.Test && year[row] < earliest, part != plugins.Test && year[row] >= earliest:
				t.Fatalf("row %d of year %v is in part %q, the test part starts at %v", row, year[row], part, earliest)
			case part == "none" && !tested[subject[row]]:
				t.Fatalf("row %d was dropped, its subject is not tested", row)
			case part == "none":
				lost++
			case part != plugins.Test && tested[subject[row]]:
				t.Fatalf("row %d is in part %q, its subject is tested", row, part)
			default:
				if before, ok := of[subject[row]]; ok && before != part && !math.IsNaN(subject[row]) {
					t.Fatalf("subject %v is in %q and %q", subject[row], before, part)
				}
				of[subject[row]] = part
			}
		}
		if got := countOf(a, "rows dropped: subject is in the test part", ""); got != lost {
			t.Fatalf("the count says %d rows dropped, %d are", got, lost)
		}
	}
}

// Train, validation and reference share the earlier period by their shares, stratified.
func TestTheEarlierRowsAreDealtByChance(t *testing.T) {
	const n = 1000
	year, death := make([]float64, n), make([]float64, n)
	for i := range n {
		year[i], death[i] = float64(2000+i/100), float64(i%10/9)
	}
	f := frame.Must(frame.NewNumber("year", year), frame.NewNumber("death", death))
	cfg := Config{Train: 0.5, Validation: 0.1, Test: 0.2, Reference: 0.2, By: ByTime, Time: "year", Stratify: []string{"death"}}
	a, err := Assign(f, Columns{Time: f.Column("year")}, cfg, source(1))
	if err != nil {
		t.Fatal(err)
	}
	rows, deaths := map[string]int{}, map[string]int{}
	for _, c := range a.Counts {
		switch {
		case c.Name == "rows":
			rows[c.Dims["part"]] = c.Value
		case c.Dims["value"] == "1":
			deaths[c.Dims["part"]] = c.Value
		}
	}
	if diff := cmp.Diff(map[string]int{"train": 500, "validation": 100, "test": 200, "reference": 200}, rows); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"train": 50, "validation": 10, "test": 20, "reference": 20}, deaths); diff != "" {
		t.Error(diff)
	}
	for _, part := range []plugins.Part{plugins.Train, plugins.Validation, plugins.Reference} {
		seen := map[float64]bool{}
		for _, row := range a.Rows[part] {
			seen[year[row]] = true
		}
		if len(seen) != 8 {
			t.Errorf("part %q has rows of %d of the 8 earlier years", part, len(seen))
		}
	}
	if diff := cmp.Diff([]string{"split: by time: no subject column is known: patients may have rows in several parts"}, a.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestWholeTimesGoToOneSide(t *testing.T) {
	tests := []struct {
		name  string
		times string
		share float64
		want  int32
	}{
		{"met exactly", "0 0 0 1 1 1 2 2 3 3", 0.4, 2},
		{"the nearest", "0 0 0 0 0 0 0 1 1 2", 0.2, 2}, // one or three rows for two: equally near, the later
		{"nearer below", "0 0 0 0 0 1 1 1 1 2", 0.45, 1},
		{"two times", "0 0 0 0 0 1 1 1 1 1", 0.1, 1},
		{"the first time is never tested", "0 0 0 0 0 0 0 0 0 1", 0.9, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var of []int32
			for _, s := range strings.Fields(tt.times) {
				of = append(of, int32(s[0]-'0'))
			}
			if got := latest(of, slices.Max(of)+1, tt.share); got != tt.want {
				t.Errorf("test starts at time %d, want %d", got, tt.want)
			}
		})
	}
}

// Two discharge years: the shares cannot be met, which is said; a row without a year is dropped, which is counted.
func TestTwoYears(t *testing.T) {
	f := frame.Must(
		frame.NewNumber("year", []float64{2014, 2014, 2014, 2014, 2015, 2015, 2015, 2015, math.NaN()}),
		frame.NewCategoryFromStrings("id", strings.Fields("a b c d d e f g h"), nil),
	)
	a, err := Assign(f, Columns{Subject: f.Column("id"), Time: f.Column("year")}, Config{Train: 0.9, Test: 0.1, By: ByTime, Time: "year"}, source(1))
	if err != nil {
		t.Fatal(err)
	}
	want := map[plugins.Part][]int{plugins.Train: {0, 1, 2}, plugins.Validation: {}, plugins.Test: {4, 5, 6, 7}, plugins.Reference: {}}
	if diff := cmp.Diff(want, a.Rows); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{3, 8}, a.Dropped); diff != "" {
		t.Error(diff)
	}
	if missing, lost := countOf(a, "rows dropped: no time", ""), countOf(a, "rows dropped: subject is in the test part", ""); missing != 1 || lost != 1 {
		t.Errorf("%d rows without a time, %d of subjects on both sides; want 1 and 1", missing, lost)
	}
	if diff := cmp.Diff([]string{
		"split: by time: 1 of 9 rows have no time and were dropped",
		"split: by time: the shares of the rows came to train 0.43 for 0.9, validation 0.00 for 0, test 0.57 for 0.1, reference 0.00 for 0",
	}, a.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestDates(t *testing.T) {
	for _, tt := range []struct {
		texts string
		want  bool
	}{
		{"2014 2015", true},
		{"2014-02 2014-11", true},
		{"2014-02-01 2014-11-30", true},
		{"2014-02-01T10:00 2014-02-01T09:59", true},
		{"2014-02-01T10:00:00Z 2014-02-01T09:59:59Z", true},
		{"2014-02-01 2014", false},
		{"2014-02-30", false},
		{"01/02/2014", false},
		{"2014-02-01T10:00:00+02:00", false},
		{"2014-02-01T10:00:00.5Z", false},
		{"early late", false},
	} {
		if got := dates(strings.Fields(tt.texts)); got != tt.want {
			t.Errorf("%s: %v", tt.texts, got)
		}
	}
}

func TestByTimeNamesWhatIsWrong(t *testing.T) {
	year := frame.NewNumber("year", []float64{1, 1, 2, 2, 3, 3})
	f := frame.Must(
		year,
		frame.NewCategoryFromStrings("season", strings.Fields("spring spring fall fall winter winter"), nil),
		frame.NewNumber("constant", []float64{1, 1, 1, 1, 1, 1}),
		frame.NewNumber("empty", []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}),
	)
	one := frame.NewCategoryFromStrings("id", strings.Fields("p q p q p q"), nil)
	tests := []struct {
		name    string
		time    string
		subject *frame.Column
		test    float64
		want    string
	}{
		{"no name", "", nil, 0.3, "give it as time"},
		{"no column", "day", nil, 0.3, `no column named "day"`},
		{"seasons", "season", nil, 0.3, `category column "season" does not hold dates of one form`},
		{"one time", "constant", nil, 0.3, `column "constant" has 1 distinct values`},
		{"no time", "empty", nil, 0.3, `column "empty" has 0 distinct values`},
		{"no test part", "year", nil, 0, `the share of part "test" is 0`},
		{"nothing but a test part", "year", nil, 1, `the share of part "test" is 1`},
		{"everybody comes back", "year", one, 0.3, "no earlier row is left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Config{Train: 1 - tt.test, Test: tt.test, By: ByTime, Time: tt.time}
			a, err := Assign(f, Columns{Subject: tt.subject, Time: f.Column(tt.time)}, cfg, source(1))
			if err == nil || a != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("assignment %v, error %v, want %q", a, err, tt.want)
			}
		})
	}
}
