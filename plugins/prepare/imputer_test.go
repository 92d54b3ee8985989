package prepare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// cohort makes rows of a first, least and greatest heart rate that are measured together, a whole age, a creatinine
// with a long tail, a drug with many levels, a one-hot set (p, q or neither) and a row identifier, all of which go with
// severity.
func cohort(rng *rand.Rand, rows int) *frame.Frame {
	number := func() []float64 { return make([]float64, rows) }
	first, least, most, age, creatinine, p, q, id, death := number(), number(), number(), number(), number(), number(), number(), number(), number()
	drug := make([]string, rows)
	for i := range rows {
		severity := rng.NormFloat64()
		centre := 80 + 12*severity + 4*rng.NormFloat64()
		least[i] = math.Round(10*(centre-3*rng.ExpFloat64())) / 10
		most[i] = math.Round(10*(centre+4*rng.ExpFloat64())) / 10
		first[i] = math.Round(10*(least[i]+rng.Float64()*(most[i]-least[i]))) / 10
		age[i] = math.Round(60 + 8*severity + 10*rng.NormFloat64())
		creatinine[i] = math.Round(100*math.Exp(0.6*severity+0.4*rng.NormFloat64())) / 100
		drug[i] = fmt.Sprintf("d%02d", rng.IntN(1+rng.IntN(40)))
		if severity+rng.NormFloat64() > 0.5 {
			drug[i] = "vasopressor"
		}
		switch u := severity + rng.NormFloat64(); {
		case u > 1:
			p[i] = 1
		case u < -1:
			q[i] = 1
		}
		id[i] = float64(rng.IntN(1 << 40))
		if rng.Float64() < 1/(1+math.Exp(2-severity)) {
			death[i] = 1
		}
	}
	return frame.Must(whole("id", id...), frame.NewNumber("first", first), frame.NewNumber("least", least), frame.NewNumber("most", most),
		whole("age", age...), frame.NewNumber("creatinine", creatinine), frame.NewCategoryFromStrings("drug", drug, nil),
		zeroOne("p", p...), zeroOne("q", q...), zeroOne("death", death...))
}

var cohortGroups = [][]string{{"first", "least", "most"}, {"age"}, {"creatinine"}, {"drug"}, {"p", "q"}}

var cohortConfig = Config{Missing: Model, OneHot: map[string]OneHot{"race": {Columns: []string{"p", "q"}, None: "other"}}}

func cohortOptions() Options {
	return Options{Skip: func(c string) bool { return c == "id" || c == "death" }, Row: "id", Seed: 7, Threads: 2}
}

// without returns f with missing values where lost says so, asked once a row and group of columns.
func without(f *frame.Frame, lost func(row, group int) bool) *frame.Frame {
	columns := slices.Clone(f.Columns())
	for g, names := range cohortGroups {
		gone := make([]bool, f.Rows())
		for row := range gone {
			gone[row] = lost(row, g)
		}
		for i, c := range columns {
			if slices.Contains(names, c.Name) {
				columns[i] = blanked(c, gone)
			}
		}
	}
	return frame.Must(columns...)
}

func blanked(c *frame.Column, gone []bool) *frame.Column {
	out := *c
	out.Numbers, out.Codes = slices.Clone(c.Numbers), slices.Clone(c.Codes)
	for row, no := range gone {
		switch {
		case no && c.Kind == frame.Number:
			out.Numbers[row] = nan
		case no:
			out.Codes[row] = frame.Missing
		}
	}
	if c.Kind == frame.Category {
		return frame.NewCategory(c.Name, c.Levels, out.Codes)
	}
	return &out
}

func randomly(rng *rand.Rand, share float64) func(row, group int) bool {
	return func(int, int) bool { return rng.Float64() < share }
}

func imputed(t *testing.T, train, f *frame.Frame, opt Options) (*Fitted, *frame.Frame) {
	t.Helper()
	p, err := Fit(ctx, train, cohortConfig, opt)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := p.Apply(ctx, f, 2)
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

func TestEMAgreesWithTheClosedForm(t *testing.T) {
	// of two columns, the second missing where the first is large: mean and variance of the second are the regression's
	// at those of the first. Source: T. W. Anderson (1957), J. Am. Stat. Assoc. 52(278), 200-203
	rng := rand.New(rand.NewPCG(1, 2))
	const rows = 8000
	x, y := make([]float64, rows), make([]float64, rows)
	var seen [2][]float64
	for i := range rows {
		x[i] = rng.NormFloat64()
		y[i] = 0.8*x[i] + 0.6*rng.NormFloat64()
		if x[i] > 0.3 {
			y[i] = nan
		} else {
			seen[0], seen[1] = append(seen[0], x[i]), append(seen[1], y[i])
		}
	}
	moments := func(a, b []float64) (meanA, meanB, aa, ab, bb float64) {
		for i := range a {
			meanA += a[i] / float64(len(a))
			meanB += b[i] / float64(len(a))
		}
		for i := range a {
			da, db := a[i]-meanA, b[i]-meanB
			aa, ab, bb = aa+da*da/float64(len(a)), ab+da*db/float64(len(a)), bb+db*db/float64(len(a))
		}
		return
	}
	meanX, _, varX, _, _ := moments(x, x)
	seenX, seenY, xx, xy, yy := moments(seen[0], seen[1])
	slope := xy / xx
	wantMean, wantVar, wantCov := seenY+slope*(meanX-seenX), yy+slope*slope*(varX-xx), slope*varX
	mean, precision, err := fitNormal(ctx, [][]float64{x, y}, 2)
	if err != nil {
		t.Fatal(err)
	}
	det := precision[0][0]*precision[1][1] - precision[1][0]*precision[1][0]
	gotVar, gotCov := precision[0][0]/det, -precision[1][0]/det
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"mean", mean[1], wantMean}, {"variance", gotVar, wantVar}, {"covariance", gotCov, wantCov}} {
		if math.Abs(c.got-c.want) > 0.01 { // two pseudo-rows, and where the steps stop
			t.Errorf("%s %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestMatricesAreInverted(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 12 {
		a := make([]float64, n*n)
		for i := range n {
			for j := range i + 1 {
				a[i*n+j] = 0.3 * rng.NormFloat64()
				a[j*n+i] = a[i*n+j]
			}
			a[i*n+i] = float64(n) + 1
		}
		factor, inverse := slices.Clone(a), make([]float64, n*n)
		if !cholesky(factor, n) {
			t.Fatal("not positive definite")
		}
		invert(factor, inverse, n)
		for i := range n {
			for j := range n {
				sum := 0.0
				for k := range n {
					sum += a[i*n+k] * inverse[k*n+j]
				}
				if want := map[bool]float64{true: 1}[i == j]; math.Abs(sum-want) > 1e-12 {
					t.Fatalf("%d: [%d][%d] of the product is %v", n, i, j, sum)
				}
			}
		}
	}
	if cholesky([]float64{1, 0, 2, 1}, 2) {
		t.Error("1 2; 2 1 is not positive definite")
	}
}

// Marginal distributions, correlations and shares of complete data are recovered from data that miss values at random,
// given what is there: deaf to it, complete cases and medians are off.
func TestImputationRecoversTheDistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	full := cohort(rng, 8000)
	rate := full.Column("most").Numbers
	gone := without(full, func(row, group int) bool { // of the sick, creatinine is missing more often
		return group == 2 && rng.Float64() < 1/(1+math.Exp(-(rate[row]-84)/6)) || group == 4 && rng.Float64() < 0.3 || group == 3 && rng.Float64() < 0.3
	})
	_, out := imputed(t, gone, gone, cohortOptions())
	logs := func(f *frame.Frame) []float64 {
		var out []float64
		for _, x := range f.Column("creatinine").Numbers {
			if !math.IsNaN(x) {
				out = append(out, math.Log(x))
			}
		}
		return out
	}
	mean := func(x []float64) float64 { m, _ := stats.Mean(x); return m }
	sd := func(x []float64) float64 { s, _ := stats.SD(x); return s }
	if off := mean(logs(gone)) - mean(logs(full)); off > -0.1 {
		t.Fatalf("complete cases are off by %v only: the test proves nothing", off)
	}
	if a, b := mean(logs(out)), mean(logs(full)); math.Abs(a-b) > 0.03 {
		t.Errorf("mean of log creatinine %v, want %v", a, b)
	}
	if a, b := sd(logs(out)), sd(logs(full)); math.Abs(a/b-1) > 0.05 {
		t.Errorf("SD of log creatinine %v, want %v", a, b)
	}
	correlation := func(f *frame.Frame) float64 { r, _ := stats.Pearson(logs(f), f.Column("most").Numbers); return r }
	if a, b := correlation(out), correlation(full); math.Abs(a-b) > 0.03 {
		t.Errorf("correlation %v, want %v", a, b)
	}
	for _, name := range []string{"p", "q"} {
		if a, b := mean(out.Column(name).Numbers), mean(full.Column(name).Numbers); math.Abs(a-b) > 0.015 {
			t.Errorf("share of %s %v, want %v", name, a, b)
		}
	}
	for _, level := range []string{"vasopressor", "d00", "d39"} {
		if a, b := shareOf(out, level), shareOf(full, level); math.Abs(a-b) > 0.015 {
			t.Errorf("share of %s %v, want %v", level, a, b)
		}
		if a, b := meanWith(out, level), meanWith(full, level); level == "vasopressor" && math.Abs(a-b) > 0.7 {
			t.Errorf("mean heart rate with %s %v, want %v", level, a, b)
		}
	}
}

func shareOf(f *frame.Frame, level string) float64 {
	c, n := f.Column("drug"), 0
	for _, code := range c.Codes {
		if c.Levels[code] == level {
			n++
		}
	}
	return float64(n) / float64(f.Rows())
}

func meanWith(f *frame.Frame, level string) float64 {
	c, n, sum := f.Column("drug"), 0.0, 0.0
	for row, code := range c.Codes {
		if c.Levels[code] == level {
			sum += f.Column("most").Numbers[row]
			n++
		}
	}
	return sum / n
}

func TestImputedValuesAreOfTrainAndWhatIsThereStays(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	full := cohort(rng, 3000)
	gone := without(full, randomly(rng, 0.3))
	_, out := imputed(t, gone, gone, cohortOptions())
	seen := map[string]map[float64]bool{}
	for _, c := range gone.Columns() {
		seen[c.Name] = map[float64]bool{}
		for _, x := range c.Numbers {
			seen[c.Name][x] = true
		}
	}
	for _, c := range out.Columns() {
		if c.MissingCount() > 0 || c.Integer != gone.Column(c.Name).Integer || c.Unit != gone.Column(c.Name).Unit {
			t.Errorf("column %q misses %d values, integer %v, unit %q", c.Name, c.MissingCount(), c.Integer, c.Unit)
		}
		for row, x := range c.Numbers {
			if before := gone.Column(c.Name).Numbers[row]; before != x && !math.IsNaN(before) || !seen[c.Name][x] {
				t.Fatalf("column %q, row %d: %v became %v", c.Name, row+1, before, x)
			}
		}
	}
	least, first, most := out.Column("least").Numbers, out.Column("first").Numbers, out.Column("most").Numbers
	for row := range least {
		if least[row] > first[row] || first[row] > most[row] {
			t.Fatalf("row %d: a first of %v does not lie between %v and %v", row+1, first[row], least[row], most[row])
		}
	}
	sd := func(f *frame.Frame) float64 { s, _ := stats.SD(present(f.Column("most").Numbers)); return s }
	if a, b := sd(out), sd(full); math.Abs(a/b-1) > 0.05 {
		t.Errorf("SD of columns that share donors is %v, want %v", a, b)
	}
	with := func(f *frame.Frame) float64 {
		r, _ := stats.Pearson(f.Column("most").Numbers, f.Column("age").Numbers)
		return r
	}
	if a, b := with(out), with(full); math.Abs(a-b) > 0.06 {
		t.Errorf("correlation of columns that share donors with another is %v, want %v", a, b)
	}
	if _, err := (&Set{Name: "race", None: "other", Columns: []Member{{Name: "p"}, {Name: "q"}}}).fold(out); err != nil {
		t.Error(err)
	}
}

// What is drawn for a row depends on it and on train alone: not on other rows of the part, on their order, on threads,
// on the label, or on columns that are not prepared; with an identifier, two preparations of a row draw alike.
func TestImputationOfARowIsItsOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	train, full := without(cohort(rng, 600), randomly(rng, 0.3)), cohort(rng, 200)
	test := without(full, randomly(rng, 0.4))
	for _, row := range []string{"id", ""} {
		if row == "" { // no two rows are alike in what is there
			test = without(full, func(_, group int) bool { return group > 0 && rng.Float64() < 0.4 })
		}
		opt := cohortOptions()
		opt.Row = row
		p, all := imputed(t, train, test, opt)
		rows := rng.Perm(test.Rows())[:50]
		part, _, err := p.Apply(ctx, test.Take(rows), 1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := equalFrames(all.Take(rows), part); diff != "" {
			t.Errorf("rows without the others: %s", diff)
		}
		columns := slices.Clone(test.Columns())
		for i, c := range columns {
			if c.Name == "death" || c.Name == "id" && row == "" {
				columns[i] = zeroOne(c.Name, make([]float64, c.Len())...)
			}
		}
		blind, _, err := p.Apply(ctx, frame.Must(columns...), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all.Columns() {
			if c.Name != "death" && c.Name != "id" {
				if diff := cmp.Diff(c, blind.Column(c.Name)); diff != "" {
					t.Errorf("without label: %s", diff)
				}
			}
		}
	}
	again := cohortOptions()
	again.Threads = 1
	p, a := imputed(t, train, test, cohortOptions())
	q, b := imputed(t, train, test, again)
	if cmp.Diff(p, q) != "" || equalFrames(a, b) != "" {
		t.Error("threads change the result")
	}
	if c, _, err := read(t, p).Apply(ctx, test, 3); err != nil || equalFrames(a, c) != "" {
		t.Errorf("a stored fit imputes otherwise: %v", err)
	}
	again.Seed++
	if _, c := imputed(t, train, test, again); equalFrames(a, c) == "" {
		t.Error("the seed changes nothing")
	}
}

// Values of other columns are not imputed from what is known only later, of train or of the row: some of it is the label
// by another name.
func TestNothingIsImputedFromWhatIsKnownLater(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	plain := without(cohort(rng, 400), randomly(rng, 0.3))
	death := plain.Column("death").Numbers
	with := func(late func(row int) float64) *frame.Frame {
		out := make([]float64, len(death))
		for row := range out {
			if out[row] = late(row); row%7 == 0 {
				out[row] = math.NaN()
			}
		}
		return frame.Must(append(slices.Clone(plain.Columns()), zeroOne("died", out...))...)
	}
	opt := cohortOptions()
	opt.Late = func(c string) bool { return c == "died" }
	_, want := imputed(t, with(func(row int) float64 { return death[row] }), with(func(row int) float64 { return death[row] }), opt)
	fitted, got := imputed(t, with(func(row int) float64 { return float64(row % 2) }), with(func(row int) float64 { return 1 - death[row] }), opt)
	if slices.ContainsFunc(fitted.Imputer.Variables, func(v Variable) bool { return v.Name == "died" }) {
		t.Error("the model reads what is known only later")
	}
	for _, c := range want.Columns() {
		if o := got.Column(c.Name); c.Name != "died" && !slices.Equal(c.Numbers, o.Numbers) || !slices.Equal(c.Codes, o.Codes) {
			t.Errorf("%s depends on what is known only later", c.Name)
		}
	}
	if n := got.Column("died").MissingCount(); n > 0 {
		t.Errorf("%d values of it are missing", n)
	}
}

func TestRowsThatAreAlikeDrawApart(t *testing.T) {
	values := make([]float64, 400)
	for i := range values {
		if values[i] = float64(i % 7); i >= 200 {
			values[i] = nan
		}
	}
	f := frame.Must(whole("x", values...), category("sex", strings.Repeat("m f ", 200)))
	p := fitted(t, f, Config{Missing: Model})
	out, counts, err := p.Apply(ctx, f, 2)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[float64]int{}
	for _, x := range out.Column("x").Numbers[200:] {
		rows[x]++
	}
	for x := range 7 {
		if n := rows[float64(x)]; n < 10 || n > 50 { // 28.6 are expected
			t.Errorf("%d of 200 rows drew %d", n, x)
		}
	}
	if diff := cmp.Diff([]plugins.Count{of("missing values filled", "x", 200)}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestRareLevelsAndNumbersAreImputedAsOften(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	n := 20_000
	mark, level, other := make([]float64, n), make([]string, n), make([]float64, n)
	none := make([]bool, n)
	for i := range n {
		other[i] = rng.NormFloat64()
		if rng.Float64() < 0.02 {
			mark[i] = 1
		}
		if level[i] = "common"; rng.Float64() < 0.02 {
			level[i] = "rare"
		}
		if rng.IntN(2) == 0 {
			mark[i] = nan
		}
		none[i] = rng.IntN(2) == 0
	}
	f := frame.Must(zeroOne("mark", mark...), frame.NewCategoryFromStrings("level", level, none), frame.NewNumber("other", other))
	out, _, err := fitted(t, f, Config{Missing: Model}).Apply(ctx, f, 2)
	if err != nil {
		t.Fatal(err)
	}
	ones, rare := 0, 0
	for row := range n {
		if math.IsNaN(mark[row]) && out.Column("mark").Numbers[row] == 1 {
			ones++
		}
		if c := out.Column("level"); none[row] && c.Levels[c.Codes[row]] == "rare" {
			rare++
		}
	}
	if ones < 140 || ones > 260 || rare < 140 || rare > 260 { // 200 of 10,000 are expected
		t.Errorf("of 10,000 missing values %d are 1 and %d rare", ones, rare)
	}
}

func TestImputationOfLittle(t *testing.T) {
	tests := []struct {
		name           string
		train, f, want *frame.Frame
	}{
		{"a constant", frame.Must(whole("x", 3, nan, 3)), frame.Must(whole("x", nan, 4)), frame.Must(whole("x", 3, 4))},
		{"a level", frame.Must(category("x", "a - a")), frame.Must(category("x", "- b")), frame.Must(category("x", "a b"))},
		{"complete in train, one row", frame.Must(whole("x", 3), whole("y", 4)), frame.Must(whole("x", nan), whole("y", nan)), frame.Must(whole("x", 3), whole("y", 4))},
		{"no rows", frame.Must(whole("x", 3, 4)), frame.Must(whole("x")), frame.Must(whole("x"))},
		{"nothing missing", frame.Must(whole("x", 3, nan)), frame.Must(whole("x", 9)), frame.Must(whole("x", 9))},
	}
	for _, tt := range tests {
		out, _, err := fitted(t, tt.train, Config{Missing: Model}).Apply(ctx, tt.f, 2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := equalFrames(tt.want, out); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	copies := frame.Must(whole("a", 1, 2, 3, nan, 5), whole("b", 1, 2, 3, 4, 5), whole("c", 1, 2, 3, 4, nan))
	if out, _, err := fitted(t, copies, Config{Missing: Model}).Apply(ctx, copies, 1); err != nil || out.Column("a").MissingCount() > 0 {
		t.Errorf("copies of a column: %v", err)
	}
}

func TestImputedLevelsAreMerged(t *testing.T) {
	train := frame.Must(category("x", strings.Repeat("a b ", 20)+"c - - - -"))
	out, counts := prepared(t, train, frame.Must(category("x", "- a c z -")), Config{Missing: Model, Levels: &Levels{Min: 50, Other: "o"}})
	if diff := equalFrames(frame.Must(category("x", "o o o o o")), out); diff != "" {
		t.Error(diff)
	}
	want := []plugins.Count{
		of("values of a rare level merged", "x", 2), of("values of an unseen level merged", "x", 1), of("missing values filled", "x", 2),
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

func TestWinsorisingComesBeforeImputation(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	x := make([]float64, 500)
	for i := range x {
		if x[i] = rng.NormFloat64(); i%5 == 0 {
			x[i] = nan
		}
		if i%50 == 1 {
			x[i] = 1e6
		}
	}
	f := frame.Must(frame.NewNumber("x", x))
	out, _ := prepared(t, f, f, Config{Missing: Model, Winsorise: &Winsorise{Low: 0.05, High: 0.95}})
	if most := slices.Max(out.Column("x").Numbers); most > 10 {
		t.Errorf("a value of %v was imputed, or left", most)
	}
}

func TestADamagedModelIsAnError(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	train := without(cohort(rng, 300), randomly(rng, 0.3))
	whole, _ := imputed(t, train, train, cohortOptions())
	damages := map[string]func(im *Imputer){
		"mean":      func(im *Imputer) { im.Mean = im.Mean[1:] },
		"precision": func(im *Imputer) { im.Precision[2] = nil },
		"rows":      func(im *Imputer) { im.Variables[0].Rows = nil },
		"block":     func(im *Imputer) { im.Blocks[0].First = 99 },
		"donors":    func(im *Imputer) { im.Blocks[0].Donors[1] = nil },
		"name":      func(im *Imputer) { im.Variables[0].Name = "other" },
		"indefinite": func(im *Imputer) {
			for _, row := range im.Precision {
				row[len(row)-1] = -1
			}
		},
	}
	for name, damage := range damages {
		p := read(t, whole)
		damage(p.Imputer)
		if _, _, err := p.Apply(ctx, train, 2); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestImputationCanBeCancelled(t *testing.T) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	rng := rand.New(rand.NewPCG(17, 18))
	train := without(cohort(rng, 300), randomly(rng, 0.3))
	if _, err := Fit(ended, train, cohortConfig, cohortOptions()); !errors.Is(err, context.Canceled) {
		t.Errorf("fit: %v", err)
	}
	p, _ := imputed(t, train, train, cohortOptions())
	if _, _, err := p.Apply(ended, train, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
}

func TestRepresentatives(t *testing.T) {
	many := make([]float64, 5000)
	for i := range many {
		many[i] = float64(i/2) + 0.5
	}
	for _, sorted := range [][]float64{{1, 1, 2, 5}, many, append(slices.Repeat([]float64{0}, 4000), many...)} {
		values, rows := representatives(sorted)
		total := 0
		for i, v := range values {
			if total += rows[i]; i > 0 && v <= values[i-1] || !slices.Contains(sorted, v) {
				t.Fatalf("%v after %v", v, values[i-1])
			}
		}
		if total != len(sorted) || len(values) > knots {
			t.Errorf("%d values stand for %d of %d rows", len(values), total, len(sorted))
		}
	}
}

// 10,000 rows of 83 columns in panels, a quarter of which are missing.
func BenchmarkImputation(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rows, width = 10_000, 83
	columns := make([]*frame.Column, width)
	for i := range columns {
		columns[i] = frame.NewNumber(fmt.Sprintf("c%02d", i), make([]float64, rows))
	}
	for row := range rows {
		severity := rng.NormFloat64()
		var panel float64
		gone := false
		for i, c := range columns {
			if i%4 == 0 {
				panel, gone = rng.NormFloat64(), rng.Float64() < 0.26
			}
			if c.Numbers[row] = math.Round(100*math.Exp(0.3*severity+0.6*panel+0.2*rng.NormFloat64())) / 10; gone {
				c.Numbers[row] = nan
			}
		}
	}
	train := frame.Must(columns...)
	b.Run("fit", func(b *testing.B) {
		for b.Loop() {
			if _, err := Fit(ctx, train, Config{Missing: Model}, Options{Threads: 2}); err != nil {
				b.Fatal(err)
			}
		}
	})
	p, err := Fit(ctx, train, Config{Missing: Model}, Options{Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("apply", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := p.Apply(ctx, train, 2); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(text)), "json-bytes")
	})
}
