package profile

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// read profiles a text as a file of the given name.
func read(t *testing.T, name, text string, known Known) (*Source, *Profile) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ReadFile(context.Background(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Of(s.Frame, known)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// table writes a CSV text: the header, then what row returns for each of n rows.
func table(header string, n int, row func(i int) string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range n {
		b.WriteString(row(i) + "\n")
	}
	return b.String()
}

// stays is a table of 400 stays of 300 patients at 4 hospitals, with one thing wrong in each of several columns.
func stays() string {
	rng := rand.New(rand.NewPCG(1, 2))
	header := "stay_id,patient_id,hospital_id,age,sex,temp_first,creatinine,admission_type,lactate,wbc,icu_los,predicted_mortality,died,note,admit_date,region,unused"
	return table(header, 400, func(i int) string {
		temp := 37 + rng.NormFloat64()/2
		if i%4 == 0 {
			temp = temp*1.8 + 32
		}
		age := strconv.Itoa(20 + rng.IntN(70))
		if i%20 == 0 {
			age = "> 89"
		}
		lactate := fmt.Sprintf("%.1f", 1+3*rng.Float64())
		if i%10 == 0 {
			lactate = "-1"
		}
		wbc := fmt.Sprintf("%.1f", 4+10*rng.Float64())
		if i%25 == 0 {
			wbc = "NA"
		}
		died := "0"
		if i%8 == 0 {
			died = "1"
		}
		return fmt.Sprintf("%d,p%d,%d,%s,%s,%.1f,%.0f,%d,%s,%s,%.2f,%.3f,%s,%s,2014-%02d-%02d,%s,", 9000+i, i*3/4, i%4, age, []string{"F", "M"}[i%2], temp,
			60+60*rng.Float64(), 1+i%3, lactate, wbc, 1+9*rng.Float64(), rng.Float64(), died, fmt.Sprintf("seen by the team on day %d and again", i), 1+i%12, 1+i%28, []string{"North", "South"}[i%4/2])
	})
}

func TestStays(t *testing.T) {
	s, p := read(t, "stays.csv", stays(), Known{})
	type told struct {
		Kind    frame.Kind
		Form    string
		Unit    string
		Role    plugins.Role
		Missing int
		Codes   string
		Drop    bool
	}
	got := map[string]told{}
	for _, c := range p.Columns {
		codes := ""
		for _, code := range c.Codes {
			codes += code.Code + " "
		}
		got[c.Name] = told{c.Kind, c.Form, c.Unit, c.Role, c.Missing.Rows, codes, c.Dropped() != ""}
	}
	want := map[string]told{
		"stay_id":             {Kind: frame.Number, Role: plugins.RoleRow},
		"patient_id":          {Kind: frame.Category, Role: plugins.RoleSubject},
		"hospital_id":         {Kind: frame.Number, Role: plugins.RoleSite},
		"age":                 {Kind: frame.Category},
		"sex":                 {Kind: frame.Category, Role: plugins.RoleGroup},
		"temp_first":          {Kind: frame.Number}, // in two units
		"creatinine":          {Kind: frame.Number, Unit: "µmol/L"},
		"admission_type":      {Kind: frame.Category, Form: FormCode},
		"lactate":             {Kind: frame.Number, Unit: "mmol/L", Missing: 40, Codes: "-1 "},
		"wbc":                 {Kind: frame.Number, Unit: "K/mcL", Missing: 16, Codes: "NA "},
		"icu_los":             {Kind: frame.Number, Role: plugins.RoleOutcome},
		"predicted_mortality": {Kind: frame.Number, Role: plugins.RoleScore},
		"died":                {Kind: frame.Number, Role: plugins.RoleTarget},
		"note":                {Kind: frame.Category, Form: FormText, Drop: true},
		"admit_date":          {Kind: frame.Category, Form: FormDate, Drop: true},
		"region":              {Kind: frame.Category, Role: plugins.RoleContext},
		"unused":              {Kind: frame.Category, Missing: 400},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Label{Column: "died", Positive: "1", Events: Share{50, 400}, Classes: 2}, p.Label); diff != "" {
		t.Error(diff)
	}
	// rows 4k and 4k+1 belong to one patient, and to different hospitals
	differ := Rows(50)
	if diff := cmp.Diff(&Subjects{Column: "patient_id", Number: 300, Repeated: 100, Sites: 100, Differ: &differ, Mean: "1.3"}, p.Subjects); diff != "" {
		t.Error(diff)
	}
	// all deaths are at hospital 0: the others have one class
	if diff := cmp.Diff(&Sites{Column: "hospital_id", Number: 4, Least: 100, Median: 100, Most: 100, OneClass: 3, Below: 3}, p.Sites); diff != "" {
		t.Error(diff)
	}
	warnings := map[string]string{}
	for _, w := range p.Warnings {
		for _, c := range w.Columns {
			warnings[c] += w.Text
		}
	}
	for column, text := range map[string]string{
		"age": "not all values are plain numbers (numbers behind a sign such as < or > in 20 rows)", "temp_first": "some values look like °C and others like °F",
		"lactate": "-1 looks like a code", "wbc": `"NA" looks like a code`, "note": "free text", "admit_date": "dates or times", "unused": "no value in any row",
		"patient_id": "100 patients have rows at more than one site",
	} {
		if !strings.Contains(warnings[column], text) {
			t.Errorf("%s: %q lacks %q", column, warnings[column], text)
		}
	}
	facts := s.Facts(p)
	if diff := cmp.Diff([]string{"note", "admit_date"}, facts.Drop); diff != "" {
		t.Error(diff)
	}
	at := slices.IndexFunc(facts.Columns, func(c plugins.ColumnFacts) bool { return c.Name == "wbc" })
	if diff := cmp.Diff(plugins.ColumnFacts{Name: "wbc", Kind: frame.Number, Unit: "K/mcL", Missing: []string{"NA"}}, facts.Columns[at]); diff != "" {
		t.Error(diff)
	}
}

// What is printed of a table changes in nothing when the rows that are alone in their values change theirs.
func TestNoRowShows(t *testing.T) {
	build := func(odd string) string {
		rng := rand.New(rand.NewPCG(3, 4))
		return table("stay_id,age,drug,city", 300, func(i int) string {
			age, drug, city := fmt.Sprint(30+rng.IntN(50)), []string{"a", "b"}[i%2], "Leeds"
			if i < 5 {
				age, drug, city = odd, "rare"+odd, "town"+odd
			}
			return fmt.Sprintf("%d,%s,%s,%s", i, age, drug, city)
		})
	}
	shown := func(odd string) string {
		_, p := read(t, "t.csv", build(odd), Known{})
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first, second := shown("103"), shown("104")
	if first != second {
		t.Errorf("the profile shows rare values:\n%s\n%s", first, second)
	}
	if strings.Contains(first, "rare") || !strings.Contains(first, `"name":"Leeds"`) || !strings.Contains(first, `"levels_withheld":1`) {
		t.Errorf("levels: %s", first)
	}
}

// Levels are named when enough patients have them, not only enough rows; their rows are withheld when they would tell
// how many rows the others have.
func TestLevelsOfFewPatients(t *testing.T) {
	_, p := read(t, "t.csv", table("patient_id,drug,other", 240, func(i int) string {
		patient, drug, other := i/6, "common", "x"
		if i < 60 {
			drug = "of ten patients"
		}
		if i == 0 {
			other = "y"
		}
		return fmt.Sprintf("%d,%s,%s", patient, drug, other)
	}), Known{})
	drug := p.Column("drug") // the rows of "common" would tell how many have the other
	if diff := cmp.Diff([]Level{{"common", 0}}, drug.Levels); diff != "" || drug.Withheld != 1 {
		t.Error(diff, drug.Withheld)
	}
	if diff := cmp.Diff([]Level{{"x", 0}}, p.Column("other").Levels); diff != "" {
		t.Error(diff)
	}
	// 60 deaths, of ten patients
	_, p = read(t, "t.csv", table("patient_id,died", 240, func(i int) string {
		if i < 60 {
			return fmt.Sprintf("%d,1", i/6)
		}
		return fmt.Sprintf("%d,0", i/6)
	}), Known{})
	if l := p.Label; l.Events.Count() != "<11" || l.Positive != "" {
		t.Errorf("label: %+v", l)
	}
}

// A range is what at least Least rows, and patients, stand for.
func TestSpan(t *testing.T) {
	number := func(all ...float64) *values { return numbersOf(frame.NewNumber("x", all)) }
	var all []float64
	for i := range 1000 {
		all = append(all, float64(i+1))
	}
	low, high, ok := number(all...).span()
	if !ok || low != 50 || high != 951 { // means of 45 … 55 and of 946 … 956
		t.Errorf("got %v to %v, %v", low, high, ok)
	}
	if _, _, ok := number(all[:21]...).span(); ok {
		t.Error("21 values have a range")
	}
	low, high, ok = number(all[:22]...).span()
	if !ok || low != 11 || high != 12 { // means of 6 … 16 and of 7 … 17
		t.Errorf("got %v to %v, %v", low, high, ok)
	}
	// one patient has all large values
	_, p := read(t, "t.csv", table("patient_id,x", 600, func(i int) string {
		if i < 60 {
			return fmt.Sprintf("1,%d", 10000+i)
		}
		return fmt.Sprintf("%d,%d", i, i%7)
	}), Known{})
	if x := p.Column("x"); x.High == nil || *x.High > 6000 {
		t.Errorf("the range shows the values of one patient: %v", *x.High)
	}
}

func TestDisclosure(t *testing.T) {
	for _, test := range []struct {
		share       Share
		text, count string
	}{
		{Share{0, 1000}, "0", "0"},
		{Share{3, 1000}, "<1.1 %", "<11"},
		{Share{250, 1000}, "25.0 %", "250"},
		{Share{995, 1000}, ">98.9 %", ">989"},
		{Share{1000, 1000}, "100 %", "1,000"},
		{Share{4, 12}, "some", "<11"},
	} {
		if test.share.String() != test.text || test.share.Count() != test.count {
			t.Errorf("%v: %s, %s", test.share, test.share, test.share.Count())
		}
	}
	b, err := json.Marshal([]any{Rows(0), Rows(1), Rows(10), Rows(11), Share{3, 40}, Share{38, 40}, Share{20, 40}, Share{40, 40}})
	const want = `[0,"\u003c11","\u003c11",11,{"rows":"\u003c11","of":40},{"rows":"\u003e29","of":40},{"rows":20,"of":40},{"rows":40,"of":40}]`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}

func TestGuessesByName(t *testing.T) {
	for text, want := range map[string]plugins.Role{
		"apachescore": plugins.RoleScore, "predictedICUMortality": plugins.RoleScore, "pred_los": plugins.RoleScore, "prednisone": "", "deathtime": plugins.RoleOutcome,
		"hosp_los": plugins.RoleOutcome, "glucose": "", "dischargeweight": plugins.RoleOutcome, "Length_of_stay": plugins.RoleOutcome, "hospitaldischargeyear": plugins.RoleContext,
		"race_black": plugins.RoleGroup, "region": plugins.RoleContext, "gcs_score": "",
	} {
		if got := parse(text).roleByName(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]bool{"patientunitstayid": true, "hadm_id": true, "uniquepid": true, "fluid": false, "uric_acid": false, "covid": false, "aids": false, "mrn": true} {
		if got := parse(text).identifies(); got != want {
			t.Errorf("%s identifies: %v", text, got)
		}
	}
	for text, want := range map[string]string{
		"patient_name": "names of people", "drugname": "", "labname": "", "DOB": "dates of birth", "MRN": "medical record numbers", "zip_code": "addresses", "surname": "names of people",
	} {
		if got := parse(text).direct(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if n := parse("tempC_first"); !slices.Equal(n.words, []string{"temp", "c", "first"}) || n.whole != "tempcfirst" {
		t.Errorf("%+v", n)
	}
}

func TestForms(t *testing.T) {
	for text, want := range map[string]form{
		"12": formNumber, "-1.5e3": formNumber, " 12": formPadded, "3,5": formComma, "1,234.5": formComma, "> 89": formBound, "<0.1": formBound,
		"12 mg": formWithUnit, "45%": formWithUnit, "n/a": formMissing, "?": formMissing, "  ": formMissing, "A1": formOther, "0x10": formOther, "nan": formMissing,
	} {
		if got := formOf(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	people := make([]string, 30)
	for i := range people {
		people[i] = fmt.Sprintf("Meier%c, Anna", 'a'+i%26)
	}
	if got := person(people); got != "names of people" {
		t.Errorf("names: %q", got)
	}
	if got := person([]string{"002-10009", "002-10018", "003-55881", "004-12345", "009-11111", "009-22222"}); got != "" {
		t.Errorf("ids: %q", got)
	}
	if !isDate("2180-05-06 22:23:00") || !isDate("3/14/2014") || isDate("12") || isDate("fever") {
		t.Error("dates")
	}
}

// Identifiers of people are told, by name or by form, and are not named as levels.
func TestDirectIdentifiers(t *testing.T) {
	_, p := read(t, "t.csv", table("id,contact,physician name", 60, func(i int) string {
		return fmt.Sprintf("%d,a%d@example.org,Dr Brown", i, i%6)
	}), Known{})
	for _, name := range []string{"contact", "physician name"} {
		if c := p.Column(name); c.Dropped() == "" || c.Levels != nil {
			t.Errorf("%s: %q, %v", name, c.Dropped(), c.Levels)
		}
	}
}

func TestHowATextIsRead(t *testing.T) {
	for name, test := range map[string]struct {
		text      string
		delimiter byte
		header    []string
		columns   []string
	}{
		"semicolons": {"a;b\n1;2,5\n2;3,5\n", ';', nil, []string{"a", "b"}},
		"tabs":       {"a\tb\n1\t2\n", '\t', nil, []string{"a", "b"}},
		"no header":  {"63,1,?,F\n67,0,2,M\n", ',', []string{"column1", "column2", "column3", "column4"}, []string{"column1", "column2", "column3", "column4"}},
		"quoted":     {"\"a,b\",c\n1,2\n", ',', nil, []string{"a,b", "c"}},
		"mark":       {"\xef\xbb\xbfa,b\n1,2\n", ',', nil, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := read(t, "t.csv", test.text, Known{})
			var columns []string
			for _, c := range p.Columns {
				columns = append(columns, c.Name)
			}
			if s.Delimiter != test.delimiter || !slices.Equal(s.Header, test.header) || !slices.Equal(columns, test.columns) {
				t.Errorf("%q, %q, %q", s.Delimiter, s.Header, columns)
			}
		})
	}
}

func TestGzipAndBound(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(stays())); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "t.csv.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for rows, want := range map[int]int{0: 400, 10: 10, 400: 400, 1000: 400} {
		s, err := ReadFile(context.Background(), path, rows)
		if err != nil || s.Frame.Rows() != want || s.Complete != (want == 400) || s.Bytes != int64(b.Len()) {
			t.Errorf("%d: %d rows, complete %v, %v", rows, s.Frame.Rows(), s.Complete, err)
		}
	}
}

// Columns of numbers, as Parquet has them, are told as those of text are.
func TestNumbers(t *testing.T) {
	values := make([]float64, 200)
	for i := range values {
		values[i] = float64(i % 50)
		if i%10 == 0 {
			values[i] = -9
		}
		if i == 1 {
			values[i] = math.NaN()
		}
	}
	p, err := Of(frame.Must(frame.NewNumber("x", values)), Known{})
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Columns[0]; c.Missing.Rows != 21 || len(c.Codes) != 1 || c.Codes[0] != (Code{"-9", 20}) || c.Distinct != 45 {
		t.Errorf("%+v", c)
	}
}

func TestKnown(t *testing.T) {
	_, p := read(t, "stays.csv", stays(), Known{Target: "sex", Site: "region"})
	if p.Label.Column != "sex" || p.Label.Positive != "M" || p.Sites.Column != "region" || p.Sites.Number != 2 {
		t.Errorf("%+v, %+v", p.Label, p.Sites)
	}
	if c := p.Column("hospital_id"); c.Role != plugins.RoleID {
		t.Errorf("the hospital that is not asked for is %q", c.Role)
	}
	declared := []plugins.ColumnInfo{{Name: "died", Role: plugins.RoleTarget}, {Name: "age", Unit: "years"}}
	_, p = read(t, "stays.csv", stays(), Known{Columns: declared})
	if c := p.Column("stay_id"); c.Role != "" || p.Column("age").Unit != "years" || p.Label == nil {
		t.Errorf("a data set that knows its columns is guessed about: %q", c.Role)
	}
	s, _ := read(t, "stays.csv", stays(), Known{})
	if _, err := Of(s.Frame, Known{Target: "dead"}); err == nil || !strings.HasPrefix(err.Error(), `no column named "dead"; `) {
		t.Errorf("got %v", err)
	}
}

// A label in two numbers that are not 0 and 1 is one of levels.
func TestCodedLabel(t *testing.T) {
	s, p := read(t, "t.csv", table("id,death", 40, func(i int) string { return fmt.Sprintf("%d,%d", i, 1+i%2) }), Known{})
	facts := s.Facts(p)
	if p.Label.Positive != "2" || facts.Columns[1].Kind != frame.Category {
		t.Errorf("%+v, %+v", p.Label, facts.Columns)
	}
}

// Texts with leading zeros are codes, however few; without others they need no declaration but the kind.
func TestLeadingZeros(t *testing.T) {
	s, p := read(t, "t.csv", table("code,x", 40, func(i int) string { return fmt.Sprintf("%02d,1", i) }), Known{})
	if c := p.Column("code"); c.Kind != frame.Category || s.Facts(p).Columns[0].Kind != frame.Category || c.mixed {
		t.Errorf("%+v", c)
	}
}

func TestBadFiles(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{"ragged.csv": "a,b\n1,2\n1,2,3\n", "empty.csv": "", "nul.csv": "a,b\n1,\x00\n", "no.parquet": "PAR1", "bad.csv.gz": "a,b\n1,2\n", "unclosed.csv": "a,b\n\"1,2\n"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(context.Background(), path, 0)
		var fault *frame.FileError
		if !errors.As(err, &fault) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, path := range []string{folder, filepath.Join(folder, "none.csv")} {
		var fault *frame.FileError
		if _, err := ReadFile(context.Background(), path, 0); !errors.As(err, &fault) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// FuzzProfile: no text makes the profile panic, and no level is named that fewer than Least rows have.
func FuzzProfile(f *testing.F) {
	f.Add(stays()[:2000])
	f.Add("a;b\n1;2\n")
	f.Add("63,1,?\n")
	f.Add("a\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "t.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := ReadFile(context.Background(), path, 0)
		if err != nil {
			return
		}
		p, err := Of(s.Frame, Known{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		s.Facts(p)
		for _, c := range p.Columns {
			for _, l := range c.Levels {
				if l.Rows > 0 && l.Rows < Least {
					t.Fatalf("level with %d rows", l.Rows)
				}
			}
		}
	})
}
