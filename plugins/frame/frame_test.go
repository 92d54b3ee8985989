package frame

import (
	"math"
	"math/rand/v2"
	"testing"
)

// randomFrame returns a frame of up to 6 columns and 40 rows with everything that a frame can hold.
func randomFrame(rng *rand.Rand) *Frame {
	texts := []string{"", "x", "y", "é", "a,b", "say \"no\"", "two\nlines", " ", "1", "\ufeff", "NA", "日本"}
	rows := rng.IntN(40)
	var columns []*Column
	for i := range rng.IntN(7) {
		name := string(rune('a'+i)) + texts[rng.IntN(len(texts))]
		gaps := rng.Float64() * 1.2 // more than 1: wholly missing
		if rng.IntN(2) == 0 {
			values, missing := make([]string, rows), make([]bool, rows)
			for r := range rows {
				values[r], missing[r] = texts[rng.IntN(len(texts))], rng.Float64() < gaps
			}
			columns = append(columns, NewCategoryFromStrings(name, values, missing))
			continue
		}
		values := make([]float64, rows)
		for r := range rows {
			switch {
			case rng.Float64() < gaps:
				values[r] = math.NaN()
			case i%2 == 0:
				values[r] = float64(rng.IntN(9) - 4)
			default:
				values[r] = rng.NormFloat64() * math.Pow10(rng.IntN(40)-20)
			}
		}
		c := NewNumber(name, values)
		c.Integer = allWhole(values)
		c.Unit = texts[rng.IntN(len(texts))]
		columns = append(columns, c)
	}
	f := Must(columns...)
	f.rows = rows
	return f
}

// withoutEmptyLevels makes the empty level missing: CSV does not tell the two apart.
func withoutEmptyLevels(f *Frame) *Frame {
	columns := make([]*Column, len(f.columns))
	for i, c := range f.columns {
		columns[i] = c
		if c.Kind == Category {
			values, missing := make([]string, c.Len()), make([]bool, c.Len())
			for r, code := range c.Codes {
				missing[r] = code == Missing || c.Levels[code] == ""
				if !missing[r] {
					values[r] = c.Levels[code]
				}
			}
			columns[i] = NewCategoryFromStrings(c.Name, values, missing)
		}
	}
	return Must(columns...)
}

func TestDigestSeesEveryPartOfAFrame(t *testing.T) {
	base := func() *Frame {
		a := NewNumber("a", []float64{1, math.NaN(), 0})
		a.Integer = true
		b := NewCategoryFromStrings("b", []string{"x", "y", ""}, []bool{false, false, true})
		return Must(a, b)
	}
	want := base().Digest()
	if base().Digest() != want {
		t.Fatal("equal frames differ")
	}
	changes := map[string]func(f *Frame) *Frame{
		"a value":         func(f *Frame) *Frame { f.columns[0].Numbers[0] = 2; return f },
		"a missing value": func(f *Frame) *Frame { f.columns[0].Numbers[1] = 0; return f },
		"a sign of zero":  func(f *Frame) *Frame { f.columns[0].Numbers[2] = math.Copysign(0, -1); return f },
		"a unit":          func(f *Frame) *Frame { f.columns[0].Unit = "mg"; return f },
		"the whole mark":  func(f *Frame) *Frame { f.columns[0].Integer = false; return f },
		"a name":          func(f *Frame) *Frame { f.columns[0].Name = "c"; return f },
		"the order":       func(f *Frame) *Frame { return Must(f.columns[1], f.columns[0]) },
		"a row less":      func(f *Frame) *Frame { return f.Take([]int{0, 1}) },
		"rows only":       func(f *Frame) *Frame { g := Must(); g.rows = 3; return g },
		"nothing":         func(*Frame) *Frame { return Must() },
		"a column less":   func(f *Frame) *Frame { return Must(f.columns[0]) },
		"a level": func(f *Frame) *Frame {
			return Must(f.columns[0], NewCategoryFromStrings("b", []string{"x", "z", ""}, []bool{false, false, true}))
		},
		"missing for the empty level": func(f *Frame) *Frame {
			return Must(f.columns[0], NewCategoryFromStrings("b", []string{"x", "y", ""}, nil))
		},
		"a kind": func(f *Frame) *Frame {
			return Must(f.columns[0], NewNumber("b", []float64{1, 2, math.NaN()}))
		},
	}
	seen := map[string]string{want: "no change"}
	for name, change := range changes {
		d := change(base()).Digest()
		if other, twice := seen[d]; twice {
			t.Errorf("%s gives the digest of %s", name, other)
		}
		seen[d] = name
	}
	same := base()
	same.columns[0].Numbers[1] = math.Float64frombits(0x7ff8000000000123)
	same.columns[1].Levels = []string{"unused", "y", "x"}
	same.columns[1].Codes = []int32{2, 1, Missing}
	if same.Digest() != want {
		t.Error("the digest depends on the payload of a NaN or on the coding of levels")
	}
}

// TestDigestIsPinned fails when the layout that is hashed changes: stored digests would be worth nothing.
func TestDigestIsPinned(t *testing.T) {
	a := NewNumber("a", []float64{1.5, math.NaN()})
	a.Unit = "mmol/L"
	f := Must(a, NewCategoryFromStrings("b", []string{"x", ""}, []bool{false, true}))
	const want = "b682c45aaf45a930efe8bc78c67318e005434073ee80af747b775558b0a93732"
	if got := f.Digest(); got != want {
		t.Errorf("got %s; a new layout needs a new digestFormat", got)
	}
}

func TestSelectOfNothingKeepsTheRows(t *testing.T) {
	f, err := Must(NewNumber("a", []float64{1, 2})).Select()
	if err != nil || f.Rows() != 2 {
		t.Errorf("got %d rows, %v", f.Rows(), err)
	}
}

func BenchmarkDigest(b *testing.B) {
	f := benchFrame(10_000, 83)
	b.SetBytes(int64(f.Rows()) * int64(len(f.Columns())) * 8)
	for b.Loop() {
		f.Digest()
	}
}

// benchFrame returns rows × columns values as hospital tables hold them: of four columns one is a category,
// one of whole numbers, two of laboratory values; 5 % are missing.
func benchFrame(rows, columns int) *Frame {
	rng := rand.New(rand.NewPCG(7, 8))
	levels := []string{"Caucasian", "African American", "Hispanic", "Asian", "Native American", "Other/Unknown"}
	var out []*Column
	for i := range columns {
		name := "column" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		if i%4 == 0 {
			codes := make([]int32, rows)
			for r := range codes {
				codes[r] = int32(rng.IntN(len(levels)+1)) - 1
			}
			out = append(out, NewCategory(name, levels, codes))
			continue
		}
		values := make([]float64, rows)
		for r := range values {
			switch {
			case rng.IntN(20) == 0:
				values[r] = math.NaN()
			case i%4 == 1:
				values[r] = float64(rng.IntN(300))
			default:
				values[r] = math.Round(rng.NormFloat64()*1000+14000) / 100
			}
		}
		c := NewNumber(name, values)
		c.Integer = allWhole(values)
		out = append(out, c)
	}
	return Must(out...)
}
