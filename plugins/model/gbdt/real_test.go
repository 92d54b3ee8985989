package gbdt

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// realSet is a data set of testdata/real.json, which testdata/real.py made and explains.
type realSet struct {
	Name     string         `json:"name"`
	Files    []string       `json:"files"`
	Header   []string       `json:"header"`
	Fold     string         `json:"fold"`
	Label    string         `json:"label"`
	Positive []string       `json:"positive"`
	Missing  []string       `json:"missing"`
	Category map[string]int `json:"category"`
	Skip     []string       `json:"skip"`
	Tested   int            `json:"tested"`
	Rows     int            `json:"rows"`
	Ones     int            `json:"ones"`
	Columns  []int          `json:"columns"`
	Fits     []realFit      `json:"fits"`
}

type realFit struct {
	Rounds   int                `json:"rounds"`
	Patience int                `json:"patience"`
	Settings map[string]float64 `json:"settings"`
	Seeds    int                `json:"seeds"`
	AUROC    float64            `json:"auroc"`
}

const (
	realFolds = 5
	// XGBoost's own area moves by 0.004 with one bin fewer (max_bin 255, first settings, eICU demo)
	realTolerance = 0.005
)

// Of three public data sets, with the same rows, columns and settings, both programs predict as well: the area under the
// ROC curve differs by less than 0.005.
func TestRealDataAsXGBoost(t *testing.T) {
	folder := os.Getenv("EHRLAB_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	if testing.Short() {
		t.Skip("takes seconds, and a minute with the race detector")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no real data: EHRLAB_DATA is not set and there is no shared/data beside the checkout")
	}
	var want struct{ Sets []realSet }
	content, err := os.ReadFile(filepath.Join("testdata", "real.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &want); err != nil {
		t.Fatal(err)
	}
	for _, s := range want.Sets {
		t.Run(s.Name, func(t *testing.T) {
			d := s.read(t, folder)
			if len(d.y) != s.Rows || count(d.y) != s.Ones {
				t.Fatalf("%d rows, %d of class 1; XGBoost saw %d and %d", len(d.y), count(d.y), s.Rows, s.Ones)
			}
			for _, f := range s.Fits {
				sum := 0.0
				for seed := range f.Seeds {
					sum += d.area(t, &s, f, uint64(seed))
				}
				got := sum / float64(f.Seeds)
				t.Logf("%v, %d rounds: AUROC %.4f, XGBoost's %.4f", f.Settings, f.Rounds, got, f.AUROC)
				if !(math.Abs(got-f.AUROC) <= realTolerance) {
					t.Errorf("differs by %v", got-f.AUROC)
				}
			}
		})
	}
}

// realData is a data set with the fold of each row.
type realData struct {
	frame *frame.Frame
	y     []float64
	fold  []int
	parts map[[2]int]realParts // by the folds for test and validation
}

// read reads the files of a set.
func (s *realSet) read(t *testing.T, folder string) *realData {
	t.Helper()
	names := s.Header
	var lines [][]string
	for _, file := range s.Files {
		rows := unzipped(t, filepath.Join(folder, filepath.FromSlash(file)))
		if s.Header == nil {
			names, rows = rows[0], rows[1:]
		}
		lines = append(lines, rows...)
	}
	d := &realData{y: make([]float64, len(lines)), fold: make([]int, len(lines)), parts: map[[2]int]realParts{}}
	label, id := slices.Index(names, s.Label), slices.Index(names, s.Fold)
	for i, line := range lines {
		if slices.Contains(s.Positive, line[label]) {
			d.y[i] = 1
		}
		n := i
		if id >= 0 {
			n = int(number(t, line[id]))
		}
		d.fold[i] = n % realFolds
	}
	var columns []*frame.Column
	for j, name := range names {
		if name != s.Label && !slices.Contains(s.Skip, name) {
			columns = append(columns, s.column(t, name, lines, j))
		}
	}
	d.frame = frame.Must(columns...)
	return d
}

func unzipped(t *testing.T, path string) [][]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("no real data: %v", err)
	}
	defer file.Close()
	content, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(content).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (s *realSet) column(t *testing.T, name string, lines [][]string, j int) *frame.Column {
	t.Helper()
	width, category := s.Category[name]
	texts, missing, numbers := make([]string, len(lines)), make([]bool, len(lines)), make([]float64, len(lines))
	for i, line := range lines {
		missing[i] = slices.Contains(s.Missing, line[j])
		texts[i] = line[j]
		if width > 0 {
			texts[i] = line[j][:min(width, len(line[j]))]
		}
		if category {
			continue
		}
		if numbers[i] = nan; !missing[i] {
			numbers[i] = float64(float32(number(t, line[j])))
		}
	}
	if category {
		return frame.NewCategoryFromStrings(name, texts, missing)
	}
	return frame.NewNumber(name, numbers)
}

// area is the area under the ROC curve of the margins of all folds that are tested on.
func (d *realData) area(t *testing.T, s *realSet, f realFit, seed uint64) float64 {
	t.Helper()
	var y, z []float64
	for tested := range s.Tested {
		parts := d.divide(t, s, tested, f.Patience > 0)
		c := referenceConfig(f.Settings)
		c.Rounds, c.BaseScore, c.Threads = f.Rounds, 0.5, runtime.GOMAXPROCS(0)
		c.Rand = rand.New(rand.NewPCG(seed, uint64(tested)))
		if f.Patience > 0 {
			c.Validation = &Validation{X: parts.validation.x, Y: parts.validation.y, Patience: f.Patience}
		}
		m, err := Fit(t.Context(), parts.train.x, parts.train.y, c)
		if err != nil {
			t.Fatal(err)
		}
		y, z = append(y, parts.test.y...), append(z, margins(t, m, parts.test.x)...)
	}
	return areaUnderCurve(y, z)
}

// realParts are the rows of some folds, in one encoding.
type realParts struct{ train, validation, test realRows }

type realRows struct {
	x *Matrix
	y []float64
}

// divide returns the parts for one fold to test on. The encoding is that of all other folds, whether or not one of them is
// for validation.
func (d *realData) divide(t *testing.T, s *realSet, tested int, validates bool) realParts {
	t.Helper()
	key := [2]int{tested, -1}
	if validates {
		key[1] = (tested + 1) % realFolds
	}
	if parts, ok := d.parts[key]; ok {
		return parts
	}
	e := NewEncoding(d.frame.Take(d.rows(func(fold int) bool { return fold != tested })))
	if len(e.Features()) != s.Columns[tested] {
		t.Fatalf("%d encoded columns; XGBoost saw %d", len(e.Features()), s.Columns[tested])
	}
	parts := realParts{
		train:      d.part(t, e, func(fold int) bool { return fold != tested && fold != key[1] }),
		validation: d.part(t, e, func(fold int) bool { return fold == key[1] }),
		test:       d.part(t, e, func(fold int) bool { return fold == tested }),
	}
	d.parts[key] = parts
	return parts
}

func (d *realData) rows(in func(fold int) bool) []int {
	var out []int
	for i, fold := range d.fold {
		if in(fold) {
			out = append(out, i)
		}
	}
	return out
}

func (d *realData) part(t *testing.T, e *Encoding, in func(fold int) bool) realRows {
	t.Helper()
	rows := d.rows(in)
	y := make([]float64, len(rows))
	for k, i := range rows {
		y[k] = d.y[i]
	}
	return realRows{matrix(t, e, d.frame.Take(rows)), y}
}

// areaUnderCurve is the share of pairs of one row of each class that z has in the right order, ties half.
func areaUnderCurve(y, z []float64) float64 {
	order := make([]int, len(z))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(z[i], z[j]) })
	right, zeros := 0.0, 0.0
	for first := 0; first < len(order); {
		ones, others := 0.0, 0.0
		last := first
		for ; last < len(order) && z[order[last]] == z[order[first]]; last++ {
			ones += y[order[last]]
			others += 1 - y[order[last]]
		}
		right += ones * (zeros + others/2)
		zeros += others
		first = last
	}
	return right / (zeros * (float64(len(y)) - zeros))
}
