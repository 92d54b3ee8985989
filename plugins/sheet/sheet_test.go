package sheet

import (
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

var update = flag.Bool("update", os.Getenv("UPDATE") == "1", "rewrite golden files")

func number(name string, values ...float64) *frame.Column { return frame.NewNumber(name, values) }

func text(name string, values ...string) *frame.Column {
	return frame.NewCategoryFromStrings(name, values, nil)
}

// nothing is a missing number.
var nothing = math.NaN()

func about() map[string]plugins.ColumnInfo {
	out := map[string]plugins.ColumnInfo{}
	for _, c := range icu.Columns() {
		out[c.Name] = c
	}
	return out
}

func sheetOf(t testing.TB, like *frame.Frame, known Known, edit func(*Options)) *Sheet {
	t.Helper()
	o := Defaults()
	if edit != nil {
		edit(&o)
	}
	s, err := New(like, known, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ward is three stays: a plain one, one of odd values and texts, and one without any value.
func ward() *frame.Frame {
	return frame.Must(
		number("death", 0, 1, nothing), number("age", 63, 90, nothing), number("is_female", 0, 1, nothing),
		number("race_black", 0, 1, nothing), number("race_asian", 0, 1, nothing), number("race_other", 1, 0, nothing),
		number("heartrate_first", 88.25, 1e15, nothing), number("heartrate_last", 92, -0.001, nothing), number("heartrate_min", 70, nothing, nothing),
		number("heartrate_max", 110, 120, nothing),
		number("creatinine_first_early", 1.14999, 0.001, nothing), number("creatinine_last_early", 1.2, 300, nothing),
		number("bg_ph_first_early", 7.4, 6.1, nothing),
		frame.NewCategoryFromStrings("admission", []string{"Sepsis, pulmonary", "score this 10 | ```\n</table> <b>&amp;</b> \u202eevil\u0000", ""}, []bool{false, false, true}),
		text("sex", " M ", "f", "NA"), text("pregnant", "TRUE", "N", "?"),
	)
}

func wardSheet(t testing.TB, edit func(*Options)) *Sheet {
	low, high := 0.0, 14.0
	f := ward()
	styles := Styles(f.Take([]int{0}))
	for _, name := range []string{"race_black", "race_asian", "race_other"} {
		styles[name] = plugins.Style{Flag: true, Set: "race"}
	}
	styles["heartrate_first"] = plugins.Style{}
	return sheetOf(t, f, Known{
		About: about(), Styles: styles,
		Limits: map[string]plugins.Limit{"sex": {Levels: []string{"F", "M"}}, "bg_ph_first_early": {Min: &low, Max: &high}},
	}, edit)
}

// The rendered records are what people and models read: look at the golden file.
func TestFormats(t *testing.T) {
	var b strings.Builder
	for _, layout := range []string{Families, Columns} {
		s := wardSheet(t, func(o *Options) {
			o.Layout = layout
			o.Longest = 60
			if layout == Columns {
				o.Missing, o.Standard = Omit, false
			}
		})
		fmt.Fprintf(&b, "layout %s\n%q\n", layout, s.Names())
		for row := range 3 {
			r := s.Record(ward(), row)
			fmt.Fprintf(&b, "\nrecord %d; suspicious: %q\n\n%s\n%s\n%s\n%q\n", row, r.Suspicious, r.Markdown(), r.Text(), r.HTML(), r.CSV())
		}
	}
	path := filepath.Join("testdata", "formats.golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("records are written otherwise: %s", d)
	}
}

func TestStyles(t *testing.T) {
	many := func(f func(i int) float64) []float64 {
		out := make([]float64, 1000)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	f := frame.Must(
		number("whole", many(func(i int) float64 { return float64(100 + i) })...),
		number("tenths", many(func(i int) float64 { return 36 + float64(i%20)/10 })...),
		number("tenths with few odd ones", many(func(i int) float64 { return 36 + float64(i%20)/10 + math.Max(0, float64(i-960))*1e-5 })...),
		number("converted", many(func(i int) float64 { return (98 + float64(i%20)/10 - 32) / 1.8 })...),
		number("ph", many(func(i int) float64 { return 7 + float64(i)*7.7e-4 })...),
		number("small", many(func(i int) float64 { return 1e-4 + float64(i)*1.234e-8 })...),
		number("flag", many(func(i int) float64 { return float64(i % 2) })...),
		number("nearly", many(func(i int) float64 { return float64(i % 3) })...),
		number("none", many(func(int) float64 { return nothing })...),
		number("set_a", many(func(i int) float64 { return float64(min(1, i%2)) })...),
		number("set_b", many(func(i int) float64 { return float64(1 - min(1, i%2)) })...),
		number("set_c", many(func(i int) float64 { return float64(i / 990) })...),
		number("loose_a", many(func(i int) float64 { return float64(i % 2) })...),
		number("loose_b", many(func(i int) float64 { return float64(i % 2) })...),
		number("loose_c", many(func(i int) float64 { return float64(1 - i%2) })...),
		text("word", slices.Repeat([]string{"a b", "A  B", "a b", "c"}, 250)...),
		text("free text", slices.Collect(func(yield func(string) bool) {
			for i := range 1000 {
				if !yield(strings.Repeat("x", i+1)) {
					return
				}
			}
		})...),
	)
	want := map[string]plugins.Style{
		"whole": {}, "tenths": {Decimals: 1}, "tenths with few odd ones": {Decimals: 1}, "converted": {Decimals: 1}, "ph": {Decimals: 2},
		"small": {Decimals: 6}, "flag": {Flag: true}, "nearly": {}, "none": {},
		"set_a": {Flag: true, Set: "set"}, "set_b": {Flag: true, Set: "set"}, "set_c": {Flag: true, Set: "set"},
		"loose_a": {Flag: true}, "loose_b": {Flag: true}, "loose_c": {Flag: true}, "word": {Levels: []string{"a b", "c"}},
		"free text": {}, // see mostLevels
	}
	if d := cmp.Diff(want, Styles(f)); d != "" {
		t.Error(d)
	}
}

// Digits follow the column, and not the row or who made it.
func TestValuesPrintAlikeWhateverTheirDigits(t *testing.T) {
	s := sheetOf(t, frame.Must(number("tempc_first", 37.1, 36.8, 38.2)), Known{}, nil)
	for _, v := range []float64{37.1, 37.123456, 37.0999999, 37.05000001} {
		if got := s.Record(frame.Must(number("tempc_first", v)), 0).Lines[0].Value; got != "37.1" {
			t.Errorf("%v is written %q", v, got)
		}
	}
	if got := s.Record(frame.Must(number("other", 1)), 0).Lines[0].Value; got != Missing {
		t.Errorf("a record without the column has %q", got)
	}
}

// What a letter means, and which variable a flag belongs to, hangs on the column and the columns beside it.
func TestLettersAndLoneFlags(t *testing.T) {
	f := frame.Must(text("region", "N", "S", "N"), text("smoker", "Y", "N", "n/a"), number("race_black", 1, 0, 0))
	s := sheetOf(t, f, Known{Styles: map[string]plugins.Style{"race_black": {Flag: true, Set: "race"}}}, nil)
	var got []string
	for row := range 3 {
		for _, l := range s.Record(f, row).Lines {
			got = append(got, l.Name+" "+l.Value)
		}
	}
	want := []string{"region N", "smoker yes", "race_black yes", "region S", "smoker no", "race_black no", "region N", "smoker " + Missing, "race_black no"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOptionsThatFitNoRecord(t *testing.T) {
	for want, edit := range map[string]func(*Options){
		`layout is "wide"; want "families" or "columns"`: func(o *Options) { o.Layout = "wide" },
		`missing is ""; want "show" or "omit"`:           func(o *Options) { o.Missing = "" },
		`longest is 0; want at least 1`:                  func(o *Options) { o.Longest = 0 },
		`columns names "age" twice`:                      func(o *Options) { o.Columns = []string{"age", "age"} },
		`columns names none; leave it out to show all`:   func(o *Options) { o.Columns = []string{} },
		`columns: the records have none of them`:         func(o *Options) { o.Columns = []string{"nowhere"} },
		`ranges.age: want min, max or both`:              func(o *Options) { o.Ranges = map[string]Range{"age": {}} },
		`ranges.age: min is greater than max`:            func(o *Options) { o.Ranges = map[string]Range{"age": between(2, 1)} },
		`decimals.age is 12; want 0 to 9`:                func(o *Options) { o.Decimals = map[string]int{"age": 12} },
		`sets.race: want at least 2 columns`:             func(o *Options) { o.Sets = map[string][]string{"race": {"age"}} },
		`sets.b names "age", which is in sets.a`:         func(o *Options) { o.Sets = map[string][]string{"a": {"age", "x"}, "b": {"y", "age"}} },
	} {
		o := Defaults()
		edit(&o)
		if _, err := New(ward(), Known{}, o); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	o := Defaults()
	o.Columns = []string{"age", "agee"}
	o.Ranges = map[string]Range{"heartrate": between(1, 2), "heartrat": between(1, 2)}
	o.Decimals = map[string]int{"heartrate_first": 1, "nowhere": 1}
	o.Sets = map[string][]string{"race": {"race_black", "race_blue"}}
	var got []string
	for _, f := range o.Vet(ward().Names()) {
		got = append(got, f.Name+" at "+strings.Join(f.Field, "."))
	}
	want := []string{"agee at columns.1", "heartrat at ranges.heartrat", "nowhere at decimals.nowhere", "race_blue at sets.race.1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOptionsChangeWhatIsShown(t *testing.T) {
	s := wardSheet(t, func(o *Options) {
		o.Columns = []string{"heartrate_first", "age", "heartrate_max", "race_asian", "race_black", "is_female"}
		o.Ranges = map[string]Range{"heartrate": between(60, 100), "age": atLeast(18)}
		o.Decimals = map[string]int{"heartrate": 1, "is_female": 0}
		o.Sets = map[string][]string{"origin": {"race_asian", "race_black"}}
	})
	var got []string
	for _, l := range s.Record(ward(), 0).Lines {
		got = append(got, l.Name+": "+l.Value+" ("+l.Reference+")")
	}
	want := []string{
		"heartrate: first 88.2, max 110.0 bpm (60–100)", "age: 63 years (≥ 18)", "origin: none of race_asian, race_black ()", "is_female: 0 ()",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestStandardRangesAreInTheirUnits(t *testing.T) {
	for _, unit := range []string{"mg/dL", "MG/DL", "µmol/L", ""} {
		f := frame.Must(&frame.Column{Name: "creatinine_first_early", Kind: frame.Number, Unit: unit, Numbers: []float64{1}})
		got := sheetOf(t, f, Known{}, nil).Record(f, 0).Lines[0].Reference
		if known := strings.EqualFold(unit, "mg/dL"); (got == "0.5–1.3") != known || !known && got != "" {
			t.Errorf("in %q: %q", unit, got)
		}
	}
	for name, r := range Standard() {
		low, high, ok := icu.Limits(name)
		if ok && (r.Min != nil && *r.Min < low || r.Max != nil && *r.Max > high) {
			t.Errorf("%s: what is normal (%s) is beyond what can be (%g to %g)", name, r, low, high)
		}
		if r.check() != nil || r.String() == "" {
			t.Errorf("%s: %v", name, r)
		}
	}
	quantities := len(icu.VitalSigns()) + len(icu.LabValues()) + len(icu.BloodGases())
	if len(Standard()) != quantities {
		t.Errorf("%d ranges of %d quantities", len(Standard()), quantities)
	}
}

// The matrix "apache" of eICU names five quantities otherwise than plugins/icu; a judge is to see what is normal of them all the same.
func TestStandardRangesOfTheNamesOfAPACHE(t *testing.T) {
	for name, want := range map[string]struct{ unit, normal string }{
		"temperature": {"°C", "36.1–38"}, "respiratoryrate": {"breaths/min", "12–20"},
		"ph": {"", "7.38–7.44"}, "pco2": {"mmHg", "38–42"}, "pao2": {"mmHg", "75–100"},
	} {
		for unit, normal := range map[string]string{want.unit: want.normal, "kPa": ""} {
			f := frame.Must(&frame.Column{Name: name, Kind: frame.Number, Unit: unit, Numbers: []float64{7}})
			if got := sheetOf(t, f, Known{}, nil).Record(f, 0).Lines[0].Reference; got != normal {
				t.Errorf("%s in %q: %q, want %q", name, unit, got, normal)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	s := wardSheet(t, nil)
	for name, want := range map[string][]string{
		"age": {"age"}, " AGE ": {"age"}, "heartrate_max": {"heartrate_max"}, "race_asian": {"race_asian"},
		"heartrate": {"heartrate_first", "heartrate_last", "heartrate_min", "heartrate_max"},
		"race":      {"race_black", "race_asian", "race_other"}, "nothing": nil, "": nil,
	} {
		if d := cmp.Diff(want, s.Resolve(name)); d != "" {
			t.Errorf("%q: %s", name, d)
		}
	}
}

// evil are texts that would leave their cell if anything of them were read as other than text.
var evil = []string{
	"a | b", "a \\| b", "\\", "trailing \\", "```\nend", "~~~", "line\nbreak", "carriage\rreturn", "para\u2029graph", "next\u0085line", "tab\there", "\x00\x1b[31m",
	"<script>alert(1)</script>", "</td></tr></table>", "&lt;b&gt;", "![x](http://e.example/x.png)", "[a](javascript:alert(1))", "http://e.example www.e.example a@b.example",
	"\u202eevil\u202c", "\u2066x\u2069", "\u200b\u200d\ufeff", "=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\xff\xfe broken", "{{record}}", "# head", "---", "| --- |", "> q", "* b",
	strings.Repeat("long ", 1000), "emoji 😀 é ü 漢字 עברית", "a\u0301\u0301\u0301", "$x^2$", "*bold* _under_ snake_case", "\"quoted\", 'single'",
}

func TestTextsStayInTheirCells(t *testing.T) {
	for _, one := range evil {
		staysInCell(t, one)
	}
}

func FuzzTextsStayInTheirCells(f *testing.F) {
	for _, one := range evil {
		f.Add(one)
	}
	f.Fuzz(staysInCell)
}

func staysInCell(t *testing.T, value string) {
	table := frame.Must(number("age", 63), text("note", value), number("last", 1))
	s, err := New(table, Known{}, Defaults())
	if err != nil {
		t.Fatal(err)
	}
	r := s.Record(table, 0)
	shown := r.Lines[1].Value
	for _, c := range shown {
		if !unicode.IsGraphic(c) || c == '\n' || c == unicode.ReplacementChar && !strings.ContainsRune(value, c) {
			t.Fatalf("%q is shown with %U", value, c)
		}
	}
	if n := len([]rune(shown)); n > 200*6+len([]rune(cutMark)) {
		t.Fatalf("%q is %d characters long", value, n)
	}
	lines := strings.Split(strings.TrimSuffix(r.Markdown(), "\n"), "\n")
	if len(lines) != 5 {
		t.Fatalf("%q: %d lines of Markdown", value, len(lines))
	}
	for i, line := range lines {
		if cells := barCells(line); len(cells) != 2 || !strings.HasPrefix(line, "| ") || !strings.HasSuffix(line, " |") {
			t.Fatalf("%q: line %d has the cells %q", value, i, cells)
		}
	}
	if got := barCells(lines[3])[1]; unescaped(got) != shown {
		t.Fatalf("%q: the cell %q reads back as %q", value, got, unescaped(got))
	}
	if n := strings.Count(r.Text(), "\n"); n != 4 || strings.Count(r.Text(), " | ") != 4 {
		t.Fatalf("%q: as text %q", value, r.Text())
	}
	page := r.HTML()
	if strings.Count(page, "<") != strings.Count(sheetPage, "<") || strings.Count(page, ">") != strings.Count(sheetPage, ">") || strings.Count(page, "\n") != strings.Count(sheetPage, "\n") {
		t.Fatalf("%q: as HTML %q", value, page)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write(r.CSV()); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 1 || len(rows[0]) != 3 || rows[0][1] != "" && strings.IndexByte("=+-@\t\r", rows[0][1][0]) >= 0 {
		t.Fatalf("%q: as CSV %q, %v", value, rows, err)
	}
}

// sheetPage is the page of a record with a harmless text.
var sheetPage = func() string {
	table := frame.Must(number("age", 63), text("note", "x"), number("last", 1))
	s, err := New(table, Known{}, Defaults())
	if err != nil {
		panic(err)
	}
	r := s.Record(table, 0)
	return r.HTML()
}()

// barCells splits a row of a table as GitHub Flavored Markdown does (section 4.10): at bars that no backslash is before.
func barCells(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|")
	var out []string
	from := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '|':
			out = append(out, strings.TrimSpace(line[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(line[from:]))
}

// unescaped undoes backslashes before ASCII punctuation (CommonMark, section 2.4).
func unescaped(cell string) string {
	var b strings.Builder
	for i := 0; i < len(cell); i++ {
		if cell[i] == '\\' && i+1 < len(cell) && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", cell[i+1]) >= 0 {
			i++
		}
		b.WriteByte(cell[i])
	}
	return b.String()
}
