package frame

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestCSVWriter(t *testing.T) {
	var b bytes.Buffer
	w := NewCSVWriter(&b, "id", "a,b", "x")
	w.Int(-12)
	w.String("say \"no\"")
	w.Float(36.6)
	if err := w.EndRow(); err != nil {
		t.Fatal(err)
	}
	w.Int(math.MaxInt64)
	w.String("")
	w.Float(math.NaN())
	if err := w.EndRow(); err != nil {
		t.Fatal(err)
	}
	w.Empty()
	w.Empty()
	w.Empty()
	if err := w.EndRow(); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "id,\"a,b\",x\n-12,\"say \"\"no\"\"\",36.6\n9223372036854775807,\"\",\n,,\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestCSVWriterErrors(t *testing.T) {
	tests := []struct {
		name  string
		write func(*CSVWriter) error
		want  string
	}{
		{"short row", func(w *CSVWriter) error { w.Int(1); return w.EndRow() }, "row 1 has 1 fields, the header 2"},
		{"long row", func(w *CSVWriter) error {
			for range 5 {
				w.Empty()
			}
			return w.EndRow()
		}, "row 1 has 5 fields, the header 2"},
		{"infinity", func(w *CSVWriter) error { w.Int(1); w.Float(math.Inf(-1)); return w.EndRow() }, "row 1, field 2: infinite value"},
		{"row without an end", func(w *CSVWriter) error { w.Int(1); return w.Flush() }, "row 1 was not ended"},
	}
	for _, test := range tests {
		var b bytes.Buffer
		w := NewCSVWriter(&b, "a", "b")
		first := test.write(w)
		if first == nil || first.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, first, test.want)
		}
		w.Int(1)
		w.Int(2)
		if err := w.EndRow(); err != first {
			t.Errorf("%s: then %v", test.name, err)
		}
		if err := w.Flush(); err != first || b.Len() > 0 {
			t.Errorf("%s: at the end %v, %q written", test.name, err, b.String())
		}
	}
	if err := NewCSVWriter(io.Discard).Flush(); err == nil {
		t.Error("a table without columns was written")
	}
	w := NewCSVWriter(&fullDisk{left: 1 << 17}, "a")
	var err error
	for rows := 0; err == nil && rows < 1<<20; rows++ {
		w.String("ten bytes!")
		err = w.EndRow()
	}
	if !errors.Is(err, errNoSpace) || !errors.Is(w.Flush(), errNoSpace) {
		t.Errorf("got %v", err)
	}
}

// TestShortestNumbers compares the fast path with strconv, which finds the shortest text by another way.
func TestShortestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	check := func(v float64) {
		t.Helper()
		format := byte('e')
		if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e21 {
			format = 'f'
		}
		if got, want := string(appendShortest(nil, v)), strconv.FormatFloat(v, format, -1, 64); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	for _, v := range []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, -0.1, 0.5, 36.6, 99.99, 1e14, 1e15, 999999999999999, 99999999999999.9, 1 << 53, 1e21, 1e22,
		0.0001, 0.00001, 1e-6, 1e-7, 5e-324, math.MaxFloat64, 0.30000000000000004, 2.675, 1.005, 123456789012.3456, 12345678901.2345, 4.35, -0.00015,
	} {
		check(v)
		check(math.Nextafter(v, math.Inf(1)))
		check(math.Nextafter(v, math.Inf(-1)))
	}
	for range 300_000 {
		check(math.Float64frombits(rng.Uint64()&^(0x7ff<<52) | uint64(rng.IntN(2047))<<52))
		v, err := strconv.ParseFloat(strconv.FormatFloat(rng.NormFloat64()*math.Pow10(rng.IntN(14)), 'f', rng.IntN(7), 64), 64)
		if err != nil {
			t.Fatal(err)
		}
		check(v)
		check(math.Nextafter(v, 0))
	}
}

// BenchmarkCSVWriter writes rows of a vital-signs table, of which many fields are empty.
func BenchmarkCSVWriter(b *testing.B) {
	w := NewCSVWriter(io.Discard, "stay", "offset", "temperature", "sao2", "cvp", "st1")
	n := 0
	for b.Loop() {
		n++
		w.Int(int64(141168 + n/500))
		w.Int(int64(5 * n))
		w.Float(36.6 + float64(n%20)/10)
		w.Float(97)
		w.Empty()
		w.Float(float64(n%100)/100 - 0.5)
		if err := w.EndRow(); err != nil {
			b.Fatal(err)
		}
	}
}
