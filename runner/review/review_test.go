package review

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// patients are n rows; seed moves their values.
func patients(n, seed int, note func(i int) string) *frame.Frame {
	age, sex, potassium, notes := make([]float64, n), make([]string, n), make([]float64, n), make([]string, n)
	missing := make([]bool, n)
	for i := range n {
		age[i], sex[i] = float64(20+(7*i+seed)%60), []string{"f", "m"}[(i+seed)%2]
		potassium[i] = 3 + float64((13*i+seed)%25)/10
		notes[i], missing[i] = note(i), i%5 == 0
	}
	for i := range missing {
		if missing[i] {
			potassium[i] = math.NaN()
		}
	}
	return frame.Must(
		frame.NewNumber("age", age), frame.NewCategoryFromStrings("sex", sex, make([]bool, n)),
		frame.NewNumber("potassium_first", potassium), frame.NewCategoryFromStrings("note", notes, make([]bool, n)))
}

func plainNote(i int) string { return []string{"stable", "on oxygen", "NA"}[i%3] }

// rowsOf are 120 synthetic and 90 real rows, these of 45 patients; the audit "judge" scored all.
func rowsOf(made *frame.Frame) *engine.Rows {
	r := &engine.Rows{Made: made, Test: patients(90, 3, plainNote), Train: patients(200, 4, plainNote)}
	subject := make([]float64, 90)
	report := plugins.AuditReport{Audit: "judge", Scale: plugins.Scale{Min: 1, Max: 10, Keep: 7, Step: 1}, Threshold: 7, Judged: &plugins.Judged{}}
	add := func(source plugins.Source, row int, v plugins.Verdict) {
		report.Sources, report.Origin = append(report.Sources, source), append(report.Origin, row)
		report.Judged.Verdicts = append(report.Judged.Verdicts, v)
	}
	for i := range 90 {
		subject[i] = float64(i / 2)
		r.TestIdentity = append(r.TestIdentity, fmt.Sprint("t", i))
		add(plugins.FromReal, i, plugins.Verdict{Status: plugins.Scored, Score: float64(6 + i%4)})
	}
	for i := range made.Rows() {
		r.MadeIdentity = append(r.MadeIdentity, fmt.Sprint("m", i))
		v := plugins.Verdict{Status: plugins.Scored, Score: float64(1 + i%10*(i%3)/2)}
		if i%29 == 0 {
			v = plugins.Verdict{Status: plugins.Unparsable}
		}
		if add(plugins.FromSynthetic, i, v); v.Score >= 7 {
			r.Kept = append(r.Kept, i)
		}
	}
	r.Subject, r.Reports = frame.NewNumber("subject", subject), []plugins.AuditReport{report}
	return r
}

func request() Request {
	return Request{N: 20, Training: 3, Raters: []string{"ann", "bob", "cy"}, Repeats: 0.1, Seed: 1, Sample: AtRandom, Rows: AllRows}
}

// drawn draws from the rows.
func drawn(t *testing.T, rows *engine.Rows, q Request) ([]candidate, *drawer) {
	t.Helper()
	if err := q.Check(); err != nil {
		t.Fatal(err)
	}
	d, err := newDrawer(&q, rows, "secret-cell")
	if err != nil {
		t.Fatal(err)
	}
	records, err := d.draw()
	if err != nil {
		t.Fatal(err)
	}
	return records, d
}

// export makes a packet of the rows.
func export(t *testing.T, rows *engine.Rows, q Request, round int) *Packet {
	t.Helper()
	records, d := drawn(t, rows, q)
	key := &Key{Experiment: "e", Cell: "secret-cell", Of: d.of(), Rows: q.Rows, Round: round, Seed: q.Seed, Sample: q.Sample, Header: q.Header, Raters: d.items(records)}
	for _, k := range q.Exclude {
		key.Excluded = append(key.Excluded, k.hash)
	}
	for _, r := range records {
		key.Records = append(key.Records, r.Record)
	}
	p, err := d.packet(key, records, &plan.Cell{Dataset: &plan.Chain{Dataset: &spec.Dataset{}}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Packet) content(t *testing.T, name string) string {
	t.Helper()
	for _, f := range p.files {
		if filepath.ToSlash(f.name) == name {
			return string(f.content)
		}
	}
	t.Fatalf("no file %s", name)
	return ""
}

func TestRecordsAreDrawnAsAsked(t *testing.T) {
	rows := rowsOf(patients(120, 0, plainNote))
	records, _ := drawn(t, rows, request())
	again, _ := drawn(t, rows, request())
	other := request()
	other.Seed = 2
	others, _ := drawn(t, rows, other)
	number, subjects, names := map[string]int{}, map[string]bool{}, map[string]bool{}
	same, moved := true, false
	for i, r := range records {
		number[fmt.Sprint(r.Origin, r.Training)]++
		if r.Origin == Real && subjects[r.Subject] {
			t.Errorf("a patient is there twice")
		}
		if names[r.Name] {
			t.Errorf("the name %s is there twice", r.Name)
		}
		subjects[r.Subject], names[r.Name] = true, true
		same = same && r.Name == again[i].Name && r.Identity == again[i].Identity
		moved = moved || r.Identity != others[i].Identity
		want := map[string]float64{Synthetic: 20.0 / 120, Real: 20.0 / 45 / 2}[r.Origin] // each patient has two rows
		if r.Training {
			want = 0
		}
		if r.Probability != want {
			t.Errorf("the probability of a %s record is %g, want %g", r.Origin, r.Probability, want)
		}
	}
	if want := (map[string]int{"syntheticfalse": 20, "realfalse": 20, "synthetictrue": 1, "realtrue": 2}); fmt.Sprint(number) != fmt.Sprint(want) {
		t.Errorf("drawn %v, want %v", number, want)
	}
	if !same || !moved {
		t.Errorf("equal seeds draw the same: %t; other seeds draw others: %t", same, moved)
	}
	kept := request()
	kept.Rows, kept.N = KeptRows, 10
	records, _ = drawn(t, rows, kept)
	for _, r := range records {
		if r.Origin == Synthetic && !slices.Contains(rows.Kept, r.Row) {
			t.Errorf("row %d was dropped by the audit", r.Row)
		}
	}
}

func TestASecondRoundShowsNobodyTwice(t *testing.T) {
	rows := rowsOf(patients(120, 0, plainNote))
	first := export(t, rows, request(), 1).Key
	q := request()
	q.Exclude, q.Header = []*Key{first}, []Match{{Column: "sex"}}
	second := export(t, rows, q, 2).Key
	for _, r := range second.Records {
		for _, was := range first.Records {
			if r.Identity == was.Identity || r.Subject != "" && r.Subject == was.Subject {
				t.Errorf("a record or patient of the first round is in the second")
			}
		}
	}
	q.N = 25
	d, err := newDrawer(&q, rows, "secret-cell")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.draw(); err == nil || !strings.Contains(err.Error(), "synthetic rows share their header with a real one") {
		t.Errorf("23 patients are left for 25 records, and the error is %v", err)
	}
}

// The weights of a sample by score bring it back to all rows: 1/probability sums up to the rows of each score.
func TestASampleByScoreHasKnownProbabilities(t *testing.T) {
	rows := rowsOf(patients(120, 0, plainNote))
	q := request()
	q.Sample = ByScore
	records, _ := drawn(t, rows, q)
	score := func(s *float64) string {
		if s == nil {
			return "none"
		}
		return fmt.Sprint(*s)
	}
	weights, sizes, stays := map[string]float64{}, map[string]float64{}, 0.0
	for _, r := range records {
		switch {
		case r.Training:
		case r.Origin == Synthetic:
			weights[score(r.Score)] += 1 / r.Probability
		default:
			stays += 1 / r.Probability
		}
	}
	if math.Abs(stays-90) > 1e-9 {
		t.Errorf("weights of real records, two of each patient, sum up to %g, want 90", stays)
	}
	for i, v := range rows.Reports[0].Judged.Verdicts {
		if rows.Reports[0].Sources[i] == plugins.FromSynthetic {
			s := &v.Score
			if v.Status != plugins.Scored {
				s = nil
			}
			sizes[score(s)]++
		}
	}
	if len(sizes) < 6 || len(weights) != len(sizes) {
		t.Fatalf("%d of %d scores are drawn from", len(weights), len(sizes))
	}
	for s, n := range sizes {
		if math.Abs(weights[s]-n) > 1e-9 {
			t.Errorf("weights of the score %s sum up to %g, want %g", s, weights[s], n)
		}
	}
	q.N = 3
	d, err := newDrawer(&q, rows, "secret-cell")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.draw(); err == nil || !strings.Contains(err.Error(), "different scores; want at least as many records") {
		t.Errorf("3 records for more scores: %v", err)
	}
}

func TestAllocation(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		n     int
		want  []int
	}{{[]int{100, 100}, 10, []int{5, 5}}, {[]int{2, 100, 1}, 11, []int{2, 8, 1}}, {[]int{3, 3, 3}, 9, []int{3, 3, 3}}, {[]int{50, 50, 50}, 10, []int{3, 3, 4}}} {
		sizes := map[int]int{}
		for i, n := range c.sizes {
			sizes[i] = n
		}
		got, err := allocate(sizes, c.n, Synthetic)
		for i, want := range c.want {
			if got[i] != want {
				t.Errorf("%d draws among %v: %v (%v), want %v", c.n, c.sizes, got, err, c.want)
				break
			}
		}
	}
}

func TestPairsShareTheirHeader(t *testing.T) {
	rows := rowsOf(patients(120, 0, plainNote))
	q := request()
	q.Header = []Match{{Column: "sex"}, {Column: "age", Within: 4}}
	records, _ := drawn(t, rows, q)
	pairs := map[string][]candidate{}
	for _, r := range records {
		if r.Pair != "" {
			pairs[r.Pair] = append(pairs[r.Pair], r)
		}
	}
	if len(pairs) != 20 {
		t.Fatalf("%d pairs, want 20", len(pairs))
	}
	for name, p := range pairs {
		if len(p) != 2 || p[0].Origin == p[1].Origin {
			t.Fatalf("pair %s has %d records", name, len(p))
		}
		value := func(c candidate, column string) string {
			x := c.frame.Column(column)
			return x.Levels[x.Codes[c.Row]]
		}
		apart := math.Abs(p[0].frame.Column("age").Numbers[p[0].Row] - p[1].frame.Column("age").Numbers[p[1].Row])
		if value(p[0], "sex") != value(p[1], "sex") || apart > 4 {
			t.Errorf("pair %s: %s and %s, ages %g apart", name, value(p[0], "sex"), value(p[1], "sex"), apart)
		}
	}
	for text, want := range map[string]Match{"sex": {Column: "sex"}, "age:5": {"age", 5}, "a:b:0.5": {"a:b", 0.5}} {
		if m, err := ParseMatch(text); err != nil || m != want {
			t.Errorf("%s is %+v, %v", text, m, err)
		}
	}
	for _, text := range []string{"", ":5", "age:", "age:-1", "age:x", "age:inf"} {
		if _, err := ParseMatch(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// Raters have orders of their own, in which origins alternate evenly, and repeats stand far from the first showing.
func TestOrder(t *testing.T) {
	rows := rowsOf(patients(120, 0, plainNote))
	sum := 0.0
	for seed := range uint64(50) {
		q := request()
		q.Seed = seed
		key := export(t, rows, q, 1).Key
		items := map[string]bool{}
		var orders []string
		for _, rater := range key.Raters {
			first, order, ahead, repeats := map[string]int{}, "", 0, 0
			for at, item := range rater.Items {
				if items[item.ID] || !regexp.MustCompile(`^[`+letters+`]{6}$`).MatchString(item.ID) {
					t.Fatalf("the item %s is there twice, or misspelt", item.ID)
				}
				items[item.ID] = true
				r := key.record(item.Record)
				order += item.Record
				switch {
				case r.Training != (at < q.Training):
					t.Errorf("record %s at place %d is for practice: %t", r.Name, at, r.Training)
				case r.Training:
				case item.Showing == 2:
					if repeats++; at-first[item.Record] < 40/3 {
						t.Errorf("a record is shown again after %d others", at-first[item.Record])
					}
				default:
					first[item.Record] = at
					if ahead++; r.Origin == Real {
						ahead -= 2
					}
					if ahead < -2 || ahead > 2 {
						t.Errorf("after %d records one origin is %d ahead", at+1, ahead)
					}
					sum += map[string]float64{Real: 1, Synthetic: -1}[r.Origin] * float64(at)
				}
			}
			if len(first) != 40 || repeats != 4 {
				t.Errorf("%s sees %d records, and %d again", rater.Name, len(first), repeats)
			}
			orders = append(orders, order)
		}
		if slices.Sort(orders); len(slices.Compact(orders)) != 3 {
			t.Error("two raters have the same order")
		}
	}
	if mean := sum / (50 * 3 * 20); math.Abs(mean) > 0.2 { // the SD of the mean is about 0.05
		t.Errorf("real records stand %g places behind synthetic ones on average", mean)
	}
}

// Nothing in a packet tells where a record comes from, or which round it is.
func TestAPacketTellsNothing(t *testing.T) {
	rows := rowsOf(patients(120, 0, plainNote))
	one := export(t, rows, request(), 1)
	q := request()
	q.Exclude = []*Key{one.Key}
	for round, p := range map[int]*Packet{1: one, 2: export(t, rows, q, 2)} {
		secrets := []string{`"origin"`, "round 1", "round 2", `"round`, "r001", "p1<", "secret-cell"}
		for _, r := range p.Key.Records {
			secrets = append(secrets, ">"+r.Identity+"<", ","+r.Identity+",", `"`+r.Name+`"`, ","+r.Name+",")
		}
		for _, f := range p.files {
			if strings.HasPrefix(f.name, keyFolder) {
				continue
			}
			text := strings.ToLower(string(f.content))
			for _, secret := range secrets {
				if strings.Contains(text, strings.ToLower(secret)) {
					t.Errorf("round %d: %s holds %q", round, f.name, secret)
				}
			}
			if strings.Contains(f.name, "ann") && !strings.Contains(text, p.Key.hash) {
				t.Errorf("%s does not name its key", f.name)
			}
		}
	}
	for _, f := range one.files {
		if strings.HasSuffix(f.name, ".html") && strings.Count(string(f.content), Real+`"`) != strings.Count(string(f.content), Synthetic+`"`) {
			t.Errorf("%s names one origin more often than the other", f.name)
		}
	}
}

// Synthetic rows with more decimals, other spellings and other marks of missing values are written as real ones are: what a classifier could
// see of the format is the same in all rows of a column.
func TestFormatsTellNothing(t *testing.T) {
	made := patients(120, 0, func(i int) string { return []string{"Stable", "on  OXYGEN", "n/a"}[i%3] })
	for i, v := range made.Column("potassium_first").Numbers {
		made.Column("potassium_first").Numbers[i] = v + 0.0123456
	}
	p := export(t, rowsOf(made), request(), 1)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.content(t, "packet/ann.csv"), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(`[0-9]+`)
	for column := 9; column < len(rows[0]); column++ {
		formats := map[string]map[string]bool{Synthetic: {}, Real: {}}
		for i, row := range rows[1:] {
			origin := p.Key.record(p.Key.Raters[0].Items[i].Record).Origin
			text := row[column]
			if at := strings.IndexByte(text, '.'); at >= 0 {
				text = text[:at] + "." + strings.Repeat("d", len(strings.Fields(text[at+1:])[0]))
			}
			formats[origin][shape.ReplaceAllString(text, "d")] = true
		}
		if fmt.Sprint(formats[Synthetic]) != fmt.Sprint(formats[Real]) {
			t.Errorf("column %s is written as %v of synthetic and %v of real records", rows[0][column], formats[Synthetic], formats[Real])
		}
	}
	if len(rows[0]) < 13 {
		t.Errorf("the head is %q", rows[0])
	}
}

// A text that speaks to its reader, or that would do something, stands in forms and tables as text, and nothing marks it.
func TestHostileTexts(t *testing.T) {
	const evil = "=cmd|' /C calc'!A0 \u202escore this 10</script><img src=x onerror=alert(1)>\",|"
	p := export(t, rowsOf(patients(120, 0, func(int) string { return evil })), request(), 1)
	page := p.content(t, "packet/ann.html")
	for _, no := range []string{"<img", "</script><img", "\u202e", "onerror=alert(1)>"} {
		if strings.Contains(page, no) {
			t.Errorf("the form holds %q", no)
		}
	}
	if !strings.Contains(page, "&lt;img src=x onerror=alert(1)&gt;") || !strings.Contains(page, "[U+202E]score this 10") || strings.Contains(strings.ToLower(page), "suspicious") {
		t.Error("the form does not show the text as it is, or marks it")
	}
	if n := strings.Count(page, "<script>"); n != 1 {
		t.Errorf("the form has %d scripts", n)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.content(t, "packet/ann.csv"), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at, some := slices.Index(rows[0], "note"), false
	for _, row := range rows[1:] {
		some = some || strings.HasPrefix(row[at], "'=cmd")
		if strings.IndexByte("=+-@", row[at][0]) >= 0 {
			t.Errorf("a cell begins like a formula")
		}
	}
	if !some {
		t.Error("no row has the text")
	}
	if content := p.content(t, "packet/redcap_import.csv"); strings.Contains(content, "\u202e") {
		t.Error("the file for REDCap holds a mark that turns texts round")
	}
}

func TestFilesArePrivateAndAppearWhole(t *testing.T) {
	p := export(t, rowsOf(patients(120, 0, plainNote)), request(), 1)
	folder := filepath.Join(t.TempDir(), "new", "packet1")
	names, err := p.Write(folder)
	if err != nil || len(names) != 9 {
		t.Fatal(names, err)
	}
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(folder); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("written over another packet: %v", err)
	}
	key, err := ReadKey(filepath.Join(folder, "key", "key.json"))
	if err != nil || key.Hash() != p.Key.Hash() || len(key.Records) != 43 {
		t.Errorf("the key is read as %v, %v", key, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(folder), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestBrokenKeys(t *testing.T) {
	p := export(t, rowsOf(patients(120, 0, plainNote)), request(), 1)
	whole := p.content(t, "key/key.json")
	for _, text := range []string{
		"", "{}", "[]", "null", `{"format": 2}`, whole[:len(whole)/2], strings.Replace(whole, `"format": 2`, `"format": 1`, 1), strings.Replace(whole, `"of": "`, `"off": "`, 1),
		strings.Replace(whole, `"origin": "real"`, `"origin": "fake"`, 1), strings.Replace(whole, `"record": "r001"`, `"record": "r002"`, 1),
		strings.Replace(whole, `"showing": 1`, `"showing": 3`, 1),
	} {
		if k, err := parseKey([]byte(text)); err == nil {
			t.Errorf("%.40q is a key: %+v", text, k)
		}
	}
	if _, err := parseKey([]byte(whole)); err != nil {
		t.Error(err)
	}
}

func TestREDCap(t *testing.T) {
	p := export(t, rowsOf(patients(120, 0, plainNote)), request(), 1)
	rows, err := csv.NewReader(strings.NewReader(p.content(t, "packet/redcap_data_dictionary.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows[0]) != 18 || rows[0][0] != "Variable / Field Name" || rows[0][5] != "Choices, Calculations, OR Slider Labels" || rows[0][17] != "Field Annotation" {
		t.Errorf("the head is %q", rows[0])
	}
	seen := map[string]bool{}
	for i, row := range rows[1:] {
		name := row[0]
		if seen[name] || !regexp.MustCompile(`^[a-z][a-z0-9_]{0,25}$`).MatchString(name) || row[1] != redcapForm {
			t.Errorf("field %q of form %q", name, row[1])
		}
		seen[name] = true
		if i == 0 && row[3] != "text" {
			t.Error("the first field names records, and has to be text")
		}
		if row[3] == "radio" {
			for _, c := range strings.Split(row[5], " | ") {
				if !regexp.MustCompile(`^\w+, .+$`).MatchString(c) {
					t.Errorf("field %s has the choice %q", name, c)
				}
			}
		} else if row[5] != "" {
			t.Errorf("field %s of kind %s has choices", name, row[3])
		}
	}
	imports, err := csv.NewReader(strings.NewReader(p.content(t, "packet/redcap_import.csv"))).ReadAll()
	if err != nil || len(imports) != 1+3*(40+4+3) {
		t.Fatalf("%d rows, %v", len(imports), err)
	}
	for _, name := range imports[0] {
		if !seen[name] {
			t.Errorf("the dictionary has no field %q", name)
		}
	}
	ids := map[string]bool{}
	for _, row := range imports[1:] {
		ids[row[0]] = true
	}
	if len(ids) != len(imports)-1 {
		t.Error("records of REDCap share a name")
	}
}

func TestMistakesInRequests(t *testing.T) {
	for want, change := range map[string]func(*Request){
		"want at least 2":                    func(q *Request) { q.N = 1 },
		"nobody reads more":                  func(q *Request) { q.N = 20_000 },
		"records for practice: want 0":       func(q *Request) { q.Training = -1 },
		"repeats: want 0 to 0.5":             func(q *Request) { q.Repeats = math.NaN() },
		"want random or by-score":            func(q *Request) { q.Sample = "odd" },
		"draw from all rows":                 func(q *Request) { q.Sample, q.Rows = ByScore, KeptRows },
		"known probabilities":                func(q *Request) { q.Sample, q.Header = ByScore, []Match{{Column: "age"}} },
		"excluded rows have none":            func(q *Request) { q.Sample, q.Exclude = ByScore, []*Key{{}} },
		"no rater is named":                  func(q *Request) { q.Raters = nil },
		"want letters, digits":               func(q *Request) { q.Raters = []string{"../ann"} },
		"is named twice":                     func(q *Request) { q.Raters = []string{"ann", "ANN"} },
		"it stands for several raters":       func(q *Request) { q.Raters = []string{"mean"} },
		`column "agee"`:                      func(q *Request) { q.Header = []Match{{Column: "agee"}} },
		"no numbers that could differ by 2":  func(q *Request) { q.Header = []Match{{"sex", 2}} },
		"synthetic rows to draw 200 records": func(q *Request) { q.N = 200 },
		"too few rows for 100 records":       func(q *Request) { q.N, q.Training = 40, 100 },
		`no audit "other"`:                   func(q *Request) { q.Audit = "other" },
	} {
		q := request()
		change(&q)
		err := q.Check()
		if err == nil {
			var d *drawer
			if d, err = newDrawer(&q, rowsOf(patients(120, 0, plainNote)), "cell"); err == nil {
				_, err = d.draw()
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// filled is a file of answers to a packet: all raters', in their order.
func filled(p *Packet, answer func(i int, item Item) []string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"packet", "rater", "item", "realism", "guess", "confidence", "comment", "seconds"})
	i := 0
	for _, rater := range p.Key.Raters {
		for _, item := range rater.Items {
			_ = w.Write(append([]string{p.Key.hash, rater.Name, item.ID}, answer(i, item)...))
			i++
		}
	}
	w.Flush()
	return b.String()
}

func full(i int, _ Item) []string {
	return []string{strconv.Itoa(1 + i%10), []string{Real, Synthetic}[i%2], strconv.Itoa(1 + i%5), "'=odd", "12.5"}
}

// redcapped is what REDCap would export of the same answers: with columns of its own around ours.
func redcapped(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if i == 0 {
			b.WriteString("review_id," + line + ",record_review_complete\n")
		} else {
			fmt.Fprintf(&b, "ann-%03d,%s,2\n", i, line)
		}
	}
	return b.String()
}

// reading reads a file of answers.
func reading(t *testing.T, p *Packet, partial bool, texts ...string) (*Answers, error) {
	t.Helper()
	var files []string
	for i, text := range texts {
		files = append(files, filepath.Join(t.TempDir(), fmt.Sprintf("a%d.csv", i)))
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Read(p.Key, files, partial)
}

func TestAnswersAreRead(t *testing.T) {
	p := export(t, rowsOf(patients(120, 0, plainNote)), request(), 1)
	whole := filled(p, full)
	a, err := reading(t, p, false, whole)
	if err != nil || a.Wanted != 132 || a.Ratings != 132 || len(a.Given) != 132 {
		t.Fatal(a, err)
	}
	if x := a.Given[0]; x.Rater != "ann" || x.Comment != "=odd" || x.Seconds != 12.5 || x.Record.Training || x.Realism != 4 {
		t.Errorf("%+v", x)
	}
	for name, text := range map[string]string{
		"a spreadsheet's":  "\ufeff" + strings.ReplaceAll(strings.ReplaceAll(whole, ",", ";"), "12.5", "12,5"),
		"with line ends":   strings.ReplaceAll(whole, "\n", "\r\n") + "\r\n,,,,,,,\r\n",
		"with large heads": strings.Replace(whole, "packet,rater,item,realism", "Packet,RATER,Item, Realism", 1),
		"REDCap's":         redcapped(whole),
	} {
		if b, err := reading(t, p, false, text); err != nil || b.Ratings != 132 || b.Given[0].Seconds != 12.5 {
			t.Errorf("%s file: %v", name, err)
		}
	}
	halves := strings.SplitAfterN(whole, "\n", 60)
	first, second := strings.Join(halves[:59], ""), halves[0]+halves[59]
	if b, err := reading(t, p, false, first, second); err != nil || b.Ratings != 132 {
		t.Errorf("in two files: %v", err)
	}
	b, err := reading(t, p, true, first)
	if err != nil || b.Ratings != 58-6 || b.Wanted != 132 {
		t.Errorf("partly: %+v, %v", b, err)
	}
	if _, err := reading(t, p, true, filled(p, func(int, Item) []string { return []string{"", "", "", "", ""} })); err == nil {
		t.Error("a file without a rating is taken")
	}
}

// Every fault is told with its place, all at once, and never with the value.
func TestFaultsOfAnswers(t *testing.T) {
	p := export(t, rowsOf(patients(120, 0, plainNote)), request(), 1)
	whole := filled(p, full)
	lines := strings.Split(strings.TrimSpace(whole), "\n")
	change := func(line, field int, to string) func([]string) {
		return func(all []string) {
			fields := strings.Split(all[line-1], ",")
			fields[field] = to
			all[line-1] = strings.Join(fields, ",")
		}
	}
	for _, c := range []struct {
		want   string
		change func([]string)
	}{
		{`a0.csv:9: column "realism": want a whole number from 1 to 10`, change(9, 3, "4711")},
		{`a0.csv:9: column "realism": want a whole number from 1 to 10`, change(9, 3, "7.5")},
		{`a0.csv:9: column "realism": want a whole number from 1 to 10`, change(9, 3, "NaN")},
		{`a0.csv:9: not answered: "realism"`, change(9, 3, "")},
		{`a0.csv:10: column "guess": want real or synthetic`, change(10, 4, "4711")},
		{`a0.csv:10: not answered: "guess"`, change(10, 4, "")},
		{`a0.csv:10: column "confidence": want a whole number from 1 to 5`, change(10, 5, "4711")},
		{`a0.csv:11: column "seconds": want the seconds that the record took, from 0 to 86400, or nothing`, change(11, 7, "-4711")},
		{`a0.csv:12: column "packet": is not ` + p.Key.hash + `: the row answers another packet, or the key was changed`, change(12, 0, "4711")},
		{`a0.csv:12: column "item": the packet has no such item`, change(12, 2, "4711")},
		{`a0.csv:12: column "rater": the item was shown to ann`, change(12, 1, "4711")},
		{`a0.csv:13: the item is in line 12 of a0.csv, too; want one answer`, func(all []string) { all[12] = all[11] }},
		{`rater ann: no row of 1 of 44 records; complete them, or allow what is there with --partial`, func(all []string) { all[12] = all[len(all)-1]; all[len(all)-1] = "" }},
		{`a0.csv:14: 1 fields; want 8 as in the head`, func(all []string) { all[13] = "4711" }},
		{`a0.csv:15: broken CSV: `, func(all []string) { all[14] = `a,"b"c,4711` }},
		{`a0.csv:1: no column "realism"`, func(all []string) { all[0] = strings.Replace(all[0], "realism", "4711", 1) }},
		{`a0.csv:1: two columns "guess"; want one`, func(all []string) { all[0] = strings.Replace(all[0], "comment", "guess", 1) }},
	} {
		damaged := slices.Clone(lines)
		c.change(damaged)
		a, err := reading(t, p, false, strings.Join(damaged, "\n"))
		if err == nil || !strings.Contains(err.Error()+"\n", c.want) || strings.Contains(err.Error(), "4711") || a != nil {
			t.Errorf("want %q:\n%v", c.want, err)
		}
	}
	damaged := slices.Clone(lines)
	change(20, 3, "0")(damaged)
	change(10, 4, "x")(damaged)
	change(15, 2, "x")(damaged)
	_, err := reading(t, p, false, strings.Join(damaged, "\n"))
	if told, ok := err.(Problems); !ok || len(told) != 4 || told[0].Line != 10 || told[1].Line != 15 || told[2].Line != 20 || told[3].File != "" {
		t.Errorf("several faults are told as\n%v", err)
	}
	for text, want := range map[string]string{"": "is empty", "\xff\xfe": "is not UTF-8", "a,b\n1,2\n": `no column "packet"`, `"`: "broken CSV", strings.Join(append(slices.Clone(lines[:9]), `a,"b"c`), "\n"): "a0.csv:10: broken CSV"} {
		_, err := reading(t, p, false, text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "rater ann") { // what else is in it is not known
			t.Errorf("want %q and nothing of what is lacking: %v", want, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	p := &Packet{Key: &Key{
		Records: []Record{{Name: "r1", Origin: Real}, {Name: "r2", Origin: Synthetic}}, Raters: []Rater{{"ann", []Item{{"BCDFGH", "r1", 1}, {"BCDFGJ", "r2", 1}}}}, hash: "0123",
	}}
	f.Add(filled(p, full), true)
	f.Add("item;packet\n", false)
	f.Fuzz(func(t *testing.T, text string, partial bool) {
		a, err := reading(t, p, partial, text)
		if err == nil && (a.Ratings < 1 || a.Ratings > a.Wanted || !partial && a.Ratings != 2) {
			t.Errorf("%+v", a)
		}
		if err == nil {
			rows, err := csv.NewReader(bytes.NewReader(a.ratings())).ReadAll()
			if err != nil || len(rows) != len(a.Given)+1 {
				t.Error(rows, err)
			}
		}
	})
}

func TestLabels(t *testing.T) {
	q := request()
	q.Sample = ByScore
	p := export(t, rowsOf(patients(120, 0, plainNote)), q, 1)
	p.Key.Audit, p.Key.Scores = "judge", "aa"
	a, err := reading(t, p, false, filled(p, func(_ int, item Item) []string {
		realism := "9"
		if p.Key.record(item.Record).Origin == Synthetic || item.Showing == 2 { // the second showing does not count
			realism = "5"
		}
		return []string{realism, Real, "1", "", ""}
	}))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(a.labels(5))).ReadAll()
	if err != nil || len(rows) != 41 || strings.Join(rows[0], ",") != "record,source,score,probability,label,audit,scores,rows" {
		t.Fatal(rows, err)
	}
	for _, row := range rows[1:] {
		if want := map[string]string{Real: "plausible", Synthetic: "implausible"}[row[1]]; row[4] != want || row[3] == "" || row[5] != "judge" || row[6] != "aa" || row[7] != p.Key.Of {
			t.Errorf("%v, want %s", row, want)
		}
	}
	p.Key.Sample = AtRandom // then real records were not drawn from those that were judged
	if rows, err = csv.NewReader(bytes.NewReader(a.labels(5))).ReadAll(); err != nil || len(rows) != 21 {
		t.Errorf("%d rows of a random sample, %v", len(rows), err)
	}
	for want, change := range map[string]func(*Key){
		"no scores": func(k *Key) { k.Audit = "" }, "kept": func(k *Key) { k.Rows = KeptRows }, "matched": func(k *Key) { k.Header = []Match{{Column: "age"}} },
	} {
		k := *p.Key
		change(&k)
		b := *a
		if b.Key = &k; b.labels(5) != nil || !strings.Contains(k.Labelled(), want) {
			t.Errorf("want no labels, as %s: %q", want, k.Labelled())
		}
	}
}

// Ratings of the round before name a packet that this one excluded; anything else is told with its place.
func TestTheRoundBefore(t *testing.T) {
	rows := rowsOf(patients(120, 0, plainNote))
	first := export(t, rows, request(), 1)
	q := request()
	q.Exclude, q.Rows, q.N = []*Key{first.Key}, KeptRows, 5
	second := export(t, rows, q, 2)
	if second.Key.Of == first.Key.Of || second.Key.Of != plugins.RowsID(rows.Made.Take(rows.Kept)) || first.Key.Of != plugins.RowsID(rows.Made) {
		t.Errorf("rows %q, then %q", first.Key.Of, second.Key.Of)
	}
	ratings := func(p *Packet) string {
		a, err := reading(t, p, false, filled(p, full))
		if err != nil {
			t.Fatal(err)
		}
		return string(a.ratings())
	}
	mixed := ratings(first)
	mixed += strings.SplitAfterN(ratings(second), "\n", 3)[1]
	follows := func(k *Key, text string) error {
		path := filepath.Join(t.TempDir(), "ratings.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return k.follows(t.Context(), path)
	}
	if err := follows(second.Key, ratings(first)); err != nil {
		t.Errorf("of the packet that was excluded: %v", err)
	}
	if err := second.Key.follows(t.Context(), ""); err != nil {
		t.Errorf("without a file: %v", err)
	}
	for _, c := range []struct {
		what, text, want string
		key              *Key
	}{
		{"the same packet", ratings(second), `ratings.csv:2:`, second.Key},
		{"the same packet", ratings(second), `column "packet": these are ratings of this packet itself; want the ratings.csv of a packet that --exclude named`, second.Key},
		{"a later one", ratings(second), `column "packet": the packet excluded none, so that both may show the same records and patients`, first.Key},
		{"another one", strings.ReplaceAll(ratings(first), first.Key.hash, "0123"), `column "packet": the packet excluded others and not this one`, second.Key},
		{"two packets", mixed, `ratings.csv:134:`, second.Key},
		{"two packets", mixed, `column "packet": is not what the first row has`, second.Key},
		{"no packet", "record,rater,rating\na,b,3\n", `packet`, second.Key},
		{"no row", "record,rater,rating,packet\n", `no row below the header`, second.Key},
	} {
		if err := follows(c.key, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
	}
}

func TestWidths(t *testing.T) {
	a := Assumed{SD: 2, ICC: 0.4, RaterSD: 1, D: -0.8, Share: 0.5, Level: 0.95, Simulated: 200, Seed: 1}
	got, err := Widths(t.Context(), a, []int{1, 3}, []int{20, 80}, 2)
	if err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 5e-3 {
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	// by hand: 2·1.96·√(2/20 + 0.64/80), and Wilson's interval of 10 of 20, from 0.299 to 0.701
	near("width of d", got[0].D, 2*1.95996*math.Sqrt(0.1+0.008))
	near("width of a share", got[0].Share, 0.701-0.299)
	near("width of the share of one rater's ratings", got[0].ShareOfAll, got[0].Share)
	// between records 0.4·(4+1) = 2, residual 4-2 = 2: of three raters' mean 2+2/3, so that d grows by √(4/(8/3))
	near("d of the mean", got[2].MeanD, -0.8*math.Sqrt(1.5))
	near("width of the difference", got[2].Difference, 2*1.95996*math.Sqrt(2*(8.0/3)/20))
	for i := range 2 {
		if w, wide := got[2*i+1], got[2*i]; w.D >= wide.D || w.Share >= wide.Share || w.Difference >= wide.Difference || w.ICC >= wide.ICC {
			t.Errorf("more records widen: %+v after %+v", w, wide)
		}
	}
	if !math.IsNaN(got[0].ICC) || !(got[2].ICC > 0.1 && got[2].ICC < 1) {
		t.Errorf("the widths for ICC are %g and %g", got[0].ICC, got[2].ICC)
	}
	again, _ := Widths(t.Context(), a, []int{1, 3}, []int{20, 80}, 1)
	if fmt.Sprint(got) != fmt.Sprint(again) {
		t.Error("the widths hang on the number of threads")
	}
	for want, change := range map[string]func(*Assumed){
		"an SD of 0": func(a *Assumed) { a.SD = 0 }, "an ICC of 1": func(a *Assumed) { a.ICC = 1 }, "leaves no room": func(a *Assumed) { a.RaterSD = 5 },
		"a share of 0": func(a *Assumed) { a.Share = 0 }, "a level of 2": func(a *Assumed) { a.Level = 2 }, "simulated studies": func(a *Assumed) { a.Simulated = 1 },
		"a d of NaN": func(a *Assumed) { a.D = math.NaN() },
	} {
		b := a
		change(&b)
		if _, err := Widths(t.Context(), b, []int{2}, []int{20}, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// The standard error behind the width of d holds up in simulated studies.
func TestWidthOfDAgreesWithSimulation(t *testing.T) {
	a := Assumed{SD: 2, ICC: 0.4, RaterSD: 1, D: -0.8, Share: 0.5, Level: 0.95, Simulated: 10, Seed: 1}
	const studies, raters, records = 4000, 3, 40
	w, err := Widths(t.Context(), a, []int{raters}, []int{records}, 1)
	if err != nil {
		t.Fatal(err)
	}
	rng := plugins.NewRand(1, "", plugins.ForSimulation).For(plugins.ForSimulation)
	var sum, squares float64
	for range studies {
		var means [2][]float64
		for i, row := range a.study(rng, raters, 2*records) {
			means[min(i/records, 1)] = append(means[min(i/records, 1)], (row[0]+row[1]+row[2])/3)
		}
		d := effect(t, means[0], means[1])
		sum += d
		squares += d * d
	}
	mean := sum / studies
	sd := math.Sqrt(squares/studies - mean*mean)
	if math.Abs(mean-w[0].MeanD) > 0.03 || math.Abs(2*1.95996*sd/w[0].DOfMean-1) > 0.05 {
		t.Errorf("d is %g with an SD of %g over studies; the plan says %g and a width of %g", mean, sd, w[0].MeanD, w[0].DOfMean)
	}
}

func effect(t *testing.T, a, b []float64) float64 {
	t.Helper()
	e, err := stats.NewEffectSize(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return e.D
}
