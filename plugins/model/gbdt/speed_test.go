package gbdt

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

const speedRows, speedColumns = 10_000, 83

// mixed has the size of which the design gives a figure, a quarter of the values missing: measurements, some of them rounded,
// counts and 0/1 columns, all of them 32-bit numbers; and labels, a sixth of them 1, that hang on a third of the columns.
func mixed() (*frame.Frame, []float64) {
	rng := rand.New(rand.NewPCG(1, 2))
	y, margin := make([]float64, speedRows), make([]float64, speedRows)
	columns := make([]*frame.Column, speedColumns)
	for j := range columns {
		v, effect := make([]float64, speedRows), 0.0
		if rng.IntN(3) == 0 {
			effect = 0.6 * rng.NormFloat64()
		}
		for i := range v {
			z := rng.NormFloat64()
			switch j % 6 {
			case 0:
				z = math.Round(0.5 + 0.4*z)
			case 1:
				z = math.Floor(math.Exp(z))
			case 2, 3:
				z = math.Round(10*z) / 10
			}
			v[i] = float64(float32(z))
			if margin[i] += effect * v[i]; rng.IntN(4) == 0 {
				v[i] = nan
			}
		}
		columns[j] = frame.NewNumber(fmt.Sprint("x", j), v)
	}
	sorted := slices.Clone(margin)
	slices.Sort(sorted)
	for i, z := range margin {
		if rng.Float64() < sigmoid(z-sorted[speedRows*9/10]) {
			y[i] = 1
		}
	}
	return frame.Must(columns...), y
}

func BenchmarkFit(b *testing.B) {
	f, y := mixed()
	x := matrix(b, NewEncoding(f), f)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d threads", threads), func(b *testing.B) {
			c := Defaults()
			c.Threads = threads
			for b.Loop() {
				if _, err := Fit(b.Context(), x, y, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	f, y := mixed()
	m, x := fit(b, f, y, Defaults())
	for b.Loop() {
		if _, err := m.Predict(b.Context(), x, 2); err != nil {
			b.Fatal(err)
		}
	}
}

// againstPairs is how often both programs fit in turn.
const againstPairs = 7

// BenchmarkAgainstXGBoost fits the same rows with the same settings here and by XGBoost, in turn, and reports the medians
// of the times, from the values in memory to the model, and of their ratio: below 1, this package is faster. It needs
// /usr/bin/python3 with xgboost (Debian: python3-xgboost), or the python that PYTHON names.
func BenchmarkAgainstXGBoost(b *testing.B) {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	if exec.Command(python, "-c", "import xgboost").Run() != nil {
		fmt.Printf("no comparison with XGBoost: %s has no xgboost\n", python) // the reason of a skipped benchmark is not shown
		b.Skip()
	}
	f, y := mixed()
	x := matrix(b, NewEncoding(f), f)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d threads", threads), func(b *testing.B) {
			other := startXGBoost(b, python, f, y, threads)
			c := Defaults()
			c.Threads = threads
			var ours, theirs, ratios []float64
			for b.Loop() {
				for range againstPairs {
					start := time.Now()
					if _, err := Fit(b.Context(), x, y, c); err != nil {
						b.Fatal(err)
					}
					took, others := time.Since(start).Seconds(), other.fit(b)
					ours, theirs, ratios = append(ours, took), append(theirs, others), append(ratios, took/others)
				}
			}
			b.ReportMetric(0, "ns/op") // of both together: of no use
			b.ReportMetric(median(ours), "s")
			b.ReportMetric(median(theirs), "s-xgboost-"+other.version)
			b.ReportMetric(median(ratios), "ratio")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// xgboost is a running testdata/speed.py.
type xgboost struct {
	version string
	ask     io.Writer
	answer  *bufio.Reader
}

func startXGBoost(b *testing.B, python string, f *frame.Frame, y []float64, threads int) *xgboost {
	b.Helper()
	table := filepath.Join(b.TempDir(), "table.f32")
	if err := os.WriteFile(table, floats(append(f.Columns(), frame.NewNumber("y", y))), 0o600); err != nil {
		b.Fatal(err)
	}
	command := exec.Command(python, filepath.Join("testdata", "speed.py"), table, fmt.Sprint(f.Rows()), fmt.Sprint(threads))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := command.Wait(); err != nil {
			b.Error(err)
		}
	})
	x := &xgboost{ask: in, answer: bufio.NewReader(out)}
	x.version = x.line(b)
	return x
}

// floats are columns, one after the other, as 32-bit numbers.
func floats(columns []*frame.Column) []byte {
	var out []byte
	for _, c := range columns {
		for _, v := range c.Numbers {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
		}
	}
	return out
}

func (x *xgboost) line(b *testing.B) string {
	b.Helper()
	line, err := x.answer.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// fit returns the seconds that one fit took.
func (x *xgboost) fit(b *testing.B) (seconds float64) {
	b.Helper()
	if _, err := fmt.Fprintln(x.ask, "fit"); err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Sscan(x.line(b), &seconds); err != nil {
		b.Fatal(err)
	}
	return seconds
}
