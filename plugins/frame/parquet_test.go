package frame

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/google/go-cmp/cmp"
)

func parquetBytes(t testing.TB, f *Frame) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteParquet(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParquetRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	whole := NewNumber("beyond 2^53", []float64{1e300, -2})
	whole.Integer = true
	unknown := NewNumber("all missing", []float64{math.NaN(), math.NaN()})
	unknown.Integer, unknown.Unit = true, "%"
	rowsOnly := Must()
	rowsOnly.rows = 7
	frames := []*Frame{
		Must(), rowsOnly,
		Must(whole, unknown, NewCategory("no level", nil, []int32{Missing, Missing})),
		Must(whole, unknown).Take(nil),
		Must(NewNumber("zeros", []float64{0, math.Copysign(0, -1), 5e-324, math.MaxFloat64})),
		Must(NewCategoryFromStrings("a.b", []string{"", "\x00", "é"}, nil)),
		benchFrame(5000, 9), // more than one batch
	}
	for range 200 {
		frames = append(frames, randomFrame(rng))
	}
	for _, f := range frames {
		b := parquetBytes(t, f)
		got, err := ReadParquet(b)
		if err != nil {
			t.Fatalf("%v: %q", err, show(f))
		}
		if got.Digest() != f.Digest() {
			t.Fatalf("wrote\n%q\nread\n%q", show(f), show(got))
		}
		for _, c := range got.Columns() {
			if !canonicalLevels(c) {
				t.Fatalf("levels %q are not in order", c.Levels)
			}
		}
		if !bytes.Equal(b, parquetBytes(t, got)) {
			t.Fatal("equal frames give different bytes")
		}
	}
}

func TestParquetRowGroups(t *testing.T) {
	n := rowGroupRows + 3
	values, codes := make([]float64, n), make([]int32, n)
	for i := range n {
		values[i], codes[i] = float64(i%1000)/8, int32(i%4)-1
	}
	f := Must(NewNumber("a", values), NewCategory("b", []string{"x", "y", "z"}, codes))
	b := parquetBytes(t, f)
	got, err := ReadParquet(b)
	if err != nil || got.Digest() != f.Digest() {
		t.Fatalf("read %v", err)
	}
	sample, err := readParquet(context.Background(), bytes.NewReader(b), int64(len(b)), ReadOptions{}, 10)
	if err != nil || sample.Frame.Rows() != 10 || sample.Complete {
		t.Fatalf("sample %+v, %v", sample, err)
	}
}

func TestWriteParquetFaults(t *testing.T) {
	bad := NewNumber("a", []float64{1})
	bad.Unit = "\xff"
	for want, f := range map[string]*Frame{
		`column "a", row 2: infinite value`:       Must(NewNumber("a", []float64{1, math.Inf(-1)})),
		`column "a": a level is not UTF-8`:        Must(NewCategoryFromStrings("a", []string{"\xff"}, nil)),
		`column "a": name and unit must be UTF-8`: Must(bad),
		`column 1 has no name`:                    Must(NewNumber("", []float64{1})),
	} {
		if err := WriteParquet(&bytes.Buffer{}, f); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f := benchFrame(100, 8)
	for room := 0; room < len(parquetBytes(t, f)); room += 401 {
		if err := WriteParquet(&fullDisk{left: room}, f); !errors.Is(err, errNoSpace) {
			t.Fatalf("disk full after %d bytes: got %v", room, err)
		}
	}
}

var errNoSpace = errors.New("no space")

type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errNoSpace
	}
	return len(p), nil
}

// foreign writes one optional column of values as another program would; levels marks which rows have a value.
func foreign[T any](t *testing.T, logical schema.LogicalType, physical parquet.Type, length int, values []T, levels []int16) []byte {
	t.Helper()
	node, err := schema.NewPrimitiveNodeLogical("c", parquet.Repetitions.Optional, logical, physical, length, -1)
	if err != nil {
		t.Fatal(err)
	}
	return foreignFile(t, node, func(chunk file.ColumnChunkWriter) error {
		_, err := chunk.(interface {
			WriteBatch([]T, []int16, []int16) (int64, error)
		}).WriteBatch(values, levels, nil)
		return err
	})
}

func foreignFile(t *testing.T, node schema.Node, write func(file.ColumnChunkWriter) error) []byte {
	t.Helper()
	root := schema.MustGroup(schema.NewGroupNode("root", parquet.Repetitions.Required, schema.FieldList{node}, -1))
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root, file.WithWriterProps(parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy))))
	group := w.AppendRowGroup()
	chunk, err := group.NextColumn()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{func() error { return write(chunk) }, chunk.Close, group.Close, w.Close} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestForeignParquet(t *testing.T) {
	some, all := []int16{1, 0, 1}, []int16{1, 1}
	none := schema.LogicalType(schema.NoLogicalType{})
	text, number := ReadOptions{Columns: map[string]ColumnOptions{"c": {Kind: Category}}}, ReadOptions{Columns: map[string]ColumnOptions{"c": {Kind: Number}}}
	timestamp := func(unit schema.TimeUnitType) schema.LogicalType { return schema.NewTimestampLogicalType(false, unit) }
	var julian parquet.Int96
	julian[0], julian[8], julian[9], julian[10] = 0, 0x8d, 0x3d, 0x25 // day 2,440,589 is 1970-01-02
	tests := []struct {
		name string
		file []byte
		opts ReadOptions
		want string
	}{
		{"bool", foreign(t, none, parquet.Types.Boolean, -1, []bool{true, false}, some), ReadOptions{}, `c number integer: 1 . 0`},
		{"bool as text", foreign(t, none, parquet.Types.Boolean, -1, []bool{true, false}, some), text, `c category: "true" . "false"`},
		{"int32", foreign(t, none, parquet.Types.Int32, -1, []int32{-5, 7}, some), ReadOptions{}, `c number integer: -5 . 7`},
		{"int64", foreign(t, none, parquet.Types.Int64, -1, []int64{-5, 1 << 53}, some), ReadOptions{}, `c number integer: -5 . 9.007199254740992e+15`},
		{"int64 as text", foreign(t, none, parquet.Types.Int64, -1, []int64{-5, math.MaxInt64}, some), text, `c category: "-5" . "9223372036854775807"`},
		{"uint32", foreign(t, schema.NewIntLogicalType(32, false), parquet.Types.Int32, -1, []int32{-1, 7}, some), ReadOptions{}, `c number integer: 4.294967295e+09 . 7`},
		{"uint64 as text", foreign(t, schema.NewIntLogicalType(64, false), parquet.Types.Int64, -1, []int64{-1, 7}, some), text, `c category: "18446744073709551615" . "7"`},
		{"float32", foreign(t, none, parquet.Types.Float, -1, []float32{0.5, float32(math.NaN())}, some), ReadOptions{}, `c number: 0.5 . .`},
		{"float32 as text", foreign(t, none, parquet.Types.Float, -1, []float32{0.1, 2}, some), text, `c category: "0.1" . "2"`},
		{"float64", foreign(t, none, parquet.Types.Double, -1, []float64{0.1, -2}, some), ReadOptions{}, `c number: 0.1 . -2`},
		{"missing code", foreign(t, none, parquet.Types.Double, -1, []float64{-1, -2}, some), ReadOptions{Missing: []string{"-1.0"}}, `c number integer: . . -2`},
		{"text", foreign(t, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, []parquet.ByteArray{[]byte("é"), []byte("")}, some), ReadOptions{}, `c category: "é" . ""`},
		{"text without a mark", foreign(t, none, parquet.Types.ByteArray, -1, []parquet.ByteArray{[]byte("x"), []byte("x")}, some), ReadOptions{}, `c category: "x" . "x"`},
		{
			"text as number", foreign(t, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, []parquet.ByteArray{[]byte("1.5"), []byte("NA")}, some),
			ReadOptions{Missing: []string{"NA"}, Columns: number.Columns},
			`c number: 1.5 . .`,
		},
		{"missing text", foreign(t, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, []parquet.ByteArray{[]byte("?"), []byte("")}, some), ReadOptions{Missing: []string{"?", ""}}, `c category: . . .`},
		{"date", foreign(t, schema.DateLogicalType{}, parquet.Types.Int32, -1, []int32{-1, 365}, some), ReadOptions{}, `c number integer in days since 1970-01-01: -1 . 365`},
		{"date as text", foreign(t, schema.DateLogicalType{}, parquet.Types.Int32, -1, []int32{-1, 365}, some), text, `c category: "1969-12-31" . "1971-01-01"`},
		{"timestamp, ms", foreign(t, timestamp(schema.TimeUnitMillis), parquet.Types.Int64, -1, []int64{-43_200_000, 86_400_000}, some), ReadOptions{}, `c number in days since 1970-01-01: -0.5 . 1`},
		{"timestamp, µs, as text", foreign(t, timestamp(schema.TimeUnitMicros), parquet.Types.Int64, -1, []int64{1, -1_500_000}, some), text, `c category: "1970-01-01T00:00:00.000001" . "1969-12-31T23:59:58.5"`},
		{"timestamp, ns", foreign(t, timestamp(schema.TimeUnitNanos), parquet.Types.Int64, -1, []int64{172_800_000_000_000, 0}, some), ReadOptions{}, `c number integer in days since 1970-01-01: 2 . 0`},
		{"old timestamp", foreign(t, none, parquet.Types.Int96, -1, []parquet.Int96{julian, julian}, all), ReadOptions{}, `c number integer in days since 1970-01-01: 1 1`},
		{"old timestamp as text", foreign(t, none, parquet.Types.Int96, -1, []parquet.Int96{julian, julian}, all), text, `c category: "1970-01-02T00:00:00" "1970-01-02T00:00:00"`},
		{"time of day", foreign(t, schema.NewTimeLogicalType(false, schema.TimeUnitMillis), parquet.Types.Int32, -1, []int32{1500, 0}, some), ReadOptions{}, `c number in s: 1.5 . 0`},
		{"time of day as text", foreign(t, schema.NewTimeLogicalType(false, schema.TimeUnitMicros), parquet.Types.Int64, -1, []int64{3_661_500_000, 0}, some), text, `c category: "01:01:01.5" . "00:00:00"`},
		{"decimal, int32", foreign(t, schema.NewDecimalLogicalType(5, 2), parquet.Types.Int32, -1, []int32{-5, 12345}, some), ReadOptions{}, `c number: -0.05 . 123.45`},
		{"decimal, int64", foreign(t, schema.NewDecimalLogicalType(18, 1), parquet.Types.Int64, -1, []int64{3, 0}, some), text, `c category: "0.3" . "0.0"`},
		{"decimal, bytes", foreign(t, schema.NewDecimalLogicalType(20, 3), parquet.Types.ByteArray, -1, []parquet.ByteArray{{0xff}, {0x01, 0x00}}, some), ReadOptions{}, `c number: -0.001 . 0.256`},
		{"decimal, fixed", foreign(t, schema.NewDecimalLogicalType(4, 0), parquet.Types.FixedLenByteArray, 2, []parquet.FixedLenByteArray{{0x80, 0}, {0, 9}}, some), ReadOptions{}, `c number integer: -32768 . 9`},
		{"half float", foreign(t, schema.Float16LogicalType{}, parquet.Types.FixedLenByteArray, 2, []parquet.FixedLenByteArray{{0x00, 0x3e}, {0x01, 0x80}}, some), ReadOptions{}, `c number: 1.5 . -5.960464477539063e-08`},
		{
			"uuid", foreign(t, schema.UUIDLogicalType{}, parquet.Types.FixedLenByteArray, 16, []parquet.FixedLenByteArray{[]byte("0123456789abcdef"), []byte("0123456789abcdef")}, all),
			ReadOptions{},
			`c category: "30313233-3435-3637-3839-616263646566" "30313233-3435-3637-3839-616263646566"`,
		},
		{"fixed text", foreign(t, none, parquet.Types.FixedLenByteArray, 2, []parquet.FixedLenByteArray{[]byte("ab"), []byte("cd")}, some), ReadOptions{}, `c category: "ab" . "cd"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ReadParquetTable(context.Background(), bytes.NewReader(test.file), int64(len(test.file)), test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want}, show(got.Frame)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadParquetFaults(t *testing.T) {
	good := parquetBytes(t, Must(NewNumber("c", []float64{1, 2, 3}), NewCategoryFromStrings("d", []string{"x", "y", "x"}, nil)))
	none := schema.LogicalType(schema.NoLogicalType{})
	two := []int16{1, 1}
	leaf := schema.MustPrimitive(schema.NewPrimitiveNode("x", parquet.Repetitions.Required, parquet.Types.Int32, -1, -1))
	nested := schema.MustGroup(schema.NewGroupNode("c", parquet.Repetitions.Required, schema.FieldList{leaf}, -1))
	list := schema.MustPrimitive(schema.NewPrimitiveNode("c", parquet.Repetitions.Repeated, parquet.Types.Int32, -1, -1))
	ints := func(def, rep []int16) func(file.ColumnChunkWriter) error {
		return func(c file.ColumnChunkWriter) error {
			_, err := c.(*file.Int32ColumnChunkWriter).WriteBatch([]int32{1, 2}, def, rep)
			return err
		}
	}
	interval := schema.MustPrimitive(schema.NewPrimitiveNodeConverted("c", parquet.Repetitions.Optional, parquet.Types.FixedLenByteArray, schema.ConvertedTypes.Interval, 12, 0, 0, -1))
	twelve := parquet.FixedLenByteArray("twelve bytes")
	tests := []struct {
		name string
		file []byte
		opts ReadOptions
		want string
	}{
		{"empty", nil, ReadOptions{}, `t.parquet: empty file; want a Parquet file`},
		{"not parquet", []byte("a,b\n1,2\n3,4\n5,6\n"), ReadOptions{}, `t.parquet: not a Parquet file`},
		{"truncated", good[:len(good)-5], ReadOptions{}, `t.parquet: truncated Parquet file: its footer is missing`},
		{"tiny", []byte("PAR1PAR1"), ReadOptions{}, `t.parquet: not a Parquet file`},
		{"encrypted", append([]byte("PAR1"), "12345678PARE"...), ReadOptions{}, `t.parquet: encrypted Parquet file; want a plain one`},
		{"struct", foreignFile(t, nested, ints(nil, nil)), ReadOptions{}, `t.parquet: column "c": nested values (list, map or struct) cannot be read; drop the column or flatten it`},
		{"list", foreignFile(t, list, ints(two, []int16{0, 1})), ReadOptions{}, `t.parquet: column "c": repeated values (a list) cannot be read; drop the column or flatten it`},
		{"interval", foreignFile(t, interval, func(c file.ColumnChunkWriter) error {
			_, err := c.(*file.FixedLenByteArrayColumnChunkWriter).WriteBatch([]parquet.FixedLenByteArray{twelve, twelve}, two, nil)
			return err
		}), ReadOptions{}, `t.parquet: column "c": intervals cannot be read; drop the column or store a number`},
		{"large whole number", foreign(t, none, parquet.Types.Int64, -1, []int64{1, 1<<53 + 1}, two), ReadOptions{}, `t.parquet: column "c": row 2: whole number beyond 2^53, which a float64 does not hold; declare the column a category`},
		{"infinity", foreign(t, none, parquet.Types.Double, -1, []float64{1, math.Inf(1)}, two), ReadOptions{}, `t.parquet: column "c": row 2: infinite value; only finite numbers can be read`},
		{"not UTF-8", foreign(t, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, []parquet.ByteArray{{'x'}, {0xff}}, two), ReadOptions{}, `t.parquet: column "c": row 2: text is not UTF-8`},
		{
			"text as number", foreign(t, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, []parquet.ByteArray{{'1'}, {'x'}}, two),
			ReadOptions{Columns: map[string]ColumnOptions{"c": {Kind: Number}}},
			`t.parquet: column "c": row 2: text in a number column`,
		},
		{"unknown column", good, ReadOptions{Drop: []string{"e"}}, `t.parquet: no column named "e"; did you mean "c"?`},
		{"limit", good, ReadOptions{MaxBytes: 40}, `t.parquet: 6 values take more than the limit of 40 bytes`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opts.File = "t.parquet"
			got, err := ReadParquetTable(context.Background(), bytes.NewReader(test.file), int64(len(test.file)), test.opts)
			if got != nil || err == nil || err.Error() != test.want {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

// TestStaleMetadataIsIgnored reads a file whose table another program changed, keeping our entry.
func TestStaleMetadataIsIgnored(t *testing.T) {
	stale, err := describe(Must(NewNumber("other", []float64{1})))
	if err != nil {
		t.Fatal(err)
	}
	kv := metadata.NewKeyValueMetadata()
	if err := kv.Append(metadataKey, string(stale)); err != nil {
		t.Fatal(err)
	}
	root, err := parquetSchema(Must(NewNumber("a", []float64{1.5})))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root, file.WithWriteMetadata(kv))
	if err := writeRowGroup(w, Must(NewNumber("a", []float64{1.5})), 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadParquet(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a number: 1.5"}, show(got)); diff != "" {
		t.Error(diff)
	}
}

// TestDamagedParquetNeverPanics changes bytes all over a file. Pages have checksums; damage of what lies between
// them may go unnoticed here, so stored files are verified by their hash.
func TestDamagedParquetNeverPanics(t *testing.T) {
	good := parquetBytes(t, benchFrame(50, 5))
	rng := rand.New(rand.NewPCG(11, 12))
	failed := 0
	for range 3000 {
		b := bytes.Clone(good)
		for range 1 + rng.IntN(3) {
			b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
		}
		if _, err := ReadParquet(b); err != nil {
			var fault *FileError
			if !errors.As(err, &fault) {
				t.Fatalf("%T: %v", err, err)
			}
			failed++
		}
	}
	if failed == 0 {
		t.Error("no damage was found")
	}
}

func FuzzReadParquet(f *testing.F) {
	for _, frame := range []*Frame{Must(), benchFrame(20, 4), Must(NewCategoryFromStrings("a", []string{"", "x"}, nil))} {
		f.Add(parquetBytes(f, frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ReadParquetTable(context.Background(), bytes.NewReader(b), int64(len(b)), ReadOptions{MaxBytes: 1 << 20})
		if err != nil {
			var fault *FileError
			if !errors.As(err, &fault) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		again, err := ReadParquet(parquetBytes(t, got.Frame))
		if err != nil || again.Digest() != got.Frame.Digest() {
			t.Fatalf("read %q, then %v", show(got.Frame), err)
		}
	})
}

func BenchmarkWriteParquet(b *testing.B) {
	f := benchFrame(10_000, 83)
	b.ReportAllocs()
	for b.Loop() {
		parquetBytes(b, f)
	}
}

func BenchmarkReadParquet(b *testing.B) {
	data := parquetBytes(b, benchFrame(10_000, 83))
	b.ReportAllocs()
	b.ReportMetric(float64(len(data)), "bytes")
	for b.Loop() {
		if _, err := ReadParquet(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadCSV reads a compressed table of 100,000 × 30, about 13 MB of text, from a file.
func BenchmarkReadCSV(b *testing.B) {
	var text bytes.Buffer
	if err := writeCSV(&text, benchFrame(100_000, 30)); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "t.csv.gz")
	if err := os.WriteFile(path, zipped(b, text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := ReadFile(context.Background(), path, ReadOptions{Threads: 2}); err != nil {
			b.Fatal(err)
		}
	}
}
