package frame

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/google/go-cmp/cmp"
)

// arrowFileBytes writes records as an Arrow file, arrowStreamBytes as a stream.
func arrowFileBytes(t testing.TB, records []arrow.Record, opts ...ipc.Option) []byte {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := ipc.NewFileWriter(out, append(opts, ipc.WithSchema(records[0].Schema()))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func arrowStreamBytes(t testing.TB, records []arrow.Record, opts ...ipc.Option) []byte {
	t.Helper()
	var b bytes.Buffer
	w := ipc.NewWriter(&b, append(opts, ipc.WithSchema(records[0].Schema()))...)
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// arrowRecord is a record of one column "c" with a unit; values is a JSON array in the form that Arrow reads.
func arrowRecord(t testing.TB, dt arrow.DataType, values string, meta ...string) arrow.Record {
	t.Helper()
	a, _, err := array.FromJSON(memory.DefaultAllocator, dt, strings.NewReader(values), array.WithUseNumber())
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[string]string{}
	for i := 0; i < len(meta); i += 2 {
		pairs[meta[i]] = meta[i+1]
	}
	field := arrow.Field{Name: "c", Type: dt, Nullable: true, Metadata: arrow.MetadataFrom(pairs)}
	return array.NewRecord(arrow.NewSchema([]arrow.Field{field}, nil), []arrow.Array{a}, int64(a.Len()))
}

func readArrowBytes(b []byte, opts ReadOptions) (*Table, error) {
	return ReadArrowTable(context.Background(), bytes.NewReader(b), int64(len(b)), opts)
}

func TestReadArrow(t *testing.T) {
	text, number := ReadOptions{Columns: map[string]ColumnOptions{"c": {Kind: Category}}}, ReadOptions{Columns: map[string]ColumnOptions{"c": {Kind: Number}}}
	types := arrow.PrimitiveTypes
	dictionary := &arrow.DictionaryType{IndexType: types.Int8, ValueType: arrow.BinaryTypes.String}
	tests := []struct {
		name   string
		dt     arrow.DataType
		values string
		opts   ReadOptions
		want   string
	}{
		{"null", arrow.Null, `[null, null]`, ReadOptions{}, `c category: . .`},
		{"null as number", arrow.Null, `[null, null]`, number, `c number: . .`},
		{"bool", arrow.FixedWidthTypes.Boolean, `[true, null, false]`, ReadOptions{}, `c number integer: 1 . 0`},
		{"bool as text", arrow.FixedWidthTypes.Boolean, `[true, null, false]`, text, `c category: "true" . "false"`},
		{"int8", types.Int8, `[-5, null, 7]`, ReadOptions{}, `c number integer: -5 . 7`},
		{"int16", types.Int16, `[-500, null, 7]`, ReadOptions{}, `c number integer: -500 . 7`},
		{"int32", types.Int32, `[-5, null, 7]`, ReadOptions{Missing: []string{"7"}}, `c number integer: -5 . .`},
		{"int64", types.Int64, `[-5, null, 9007199254740992]`, ReadOptions{}, `c number integer: -5 . 9.007199254740992e+15`},
		{"int64 as text", types.Int64, `[-5, null, 9223372036854775807]`, text, `c category: "-5" . "9223372036854775807"`},
		{"uint8", types.Uint8, `[255, null, 7]`, ReadOptions{}, `c number integer: 255 . 7`},
		{"uint16", types.Uint16, `[65535]`, ReadOptions{}, `c number integer: 65535`},
		{"uint32", types.Uint32, `[4294967295]`, ReadOptions{}, `c number integer: 4.294967295e+09`},
		{"uint64 as text", types.Uint64, `[18446744073709551615]`, text, `c category: "18446744073709551615"`},
		{"float16", arrow.FixedWidthTypes.Float16, `[1.5, null]`, ReadOptions{}, `c number: 1.5 .`},
		{"float32 as text", types.Float32, `[0.1, null, 2]`, text, `c category: "0.1" . "2"`},
		{"float64", types.Float64, `[0.1, null, -2]`, ReadOptions{}, `c number: 0.1 . -2`},
		{"decimal", &arrow.Decimal128Type{Precision: 5, Scale: 2}, `["-0.05", null, "123.45"]`, ReadOptions{}, `c number: -0.05 . 123.45`},
		{"wide decimal as text", &arrow.Decimal256Type{Precision: 40, Scale: 1}, `["123456789012345678901234567890.5", null]`, text, `c category: "123456789012345678901234567890.5" .`},
		{"text", arrow.BinaryTypes.String, `["é", null, ""]`, ReadOptions{}, `c category: "é" . ""`},
		{"large text", arrow.BinaryTypes.LargeString, `["é", null, ""]`, ReadOptions{}, `c category: "é" . ""`},
		{"text view", arrow.BinaryTypes.StringView, `["short", null, "twelve bytes", "more than twelve bytes"]`, ReadOptions{}, `c category: "short" . "twelve bytes" "more than twelve bytes"`},
		{"bytes", arrow.BinaryTypes.Binary, `["eA==", null]`, ReadOptions{}, `c category: "x" .`},
		{"bytes view", arrow.BinaryTypes.BinaryView, `["eA==", null]`, ReadOptions{}, `c category: "x" .`},
		{"large bytes", arrow.BinaryTypes.LargeBinary, `["eA==", null]`, ReadOptions{}, `c category: "x" .`},
		{"fixed bytes", &arrow.FixedSizeBinaryType{ByteWidth: 2}, `["eHk=", null]`, ReadOptions{}, `c category: "xy" .`},
		{"text as number", arrow.BinaryTypes.String, `["1.5", "NA", null]`, ReadOptions{Missing: []string{"NA"}, Columns: number.Columns}, `c number: 1.5 . .`},
		{"dictionary", dictionary, `["b", null, "a", "b"]`, ReadOptions{}, `c category: "b" . "a" "b"`},
		{"dictionary of numbers", &arrow.DictionaryType{IndexType: types.Uint16, ValueType: types.Float64}, `[1.5, null, 3, 1.5]`, ReadOptions{}, `c number: 1.5 . 3 1.5`},
		{"date", arrow.FixedWidthTypes.Date32, `["1969-12-31", null, "1971-01-01"]`, ReadOptions{}, `c number integer in days since 1970-01-01: -1 . 365`},
		{"date as text", arrow.FixedWidthTypes.Date32, `["1969-12-31", null]`, text, `c category: "1969-12-31" .`},
		{"date in ms", arrow.FixedWidthTypes.Date64, `["1969-12-31", null, "1971-01-01"]`, ReadOptions{}, `c number integer in days since 1970-01-01: -1 . 365`},
		{"timestamp, s", &arrow.TimestampType{Unit: arrow.Second}, `["1969-12-31 12:00:00", null]`, ReadOptions{}, `c number in days since 1970-01-01: -0.5 .`},
		{"timestamp, s, as text", &arrow.TimestampType{Unit: arrow.Second}, `["1969-12-31 12:00:01", null]`, text, `c category: "1969-12-31T12:00:01" .`},
		{"timestamp, ns", &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}, `["1970-01-03 00:00:00", null]`, ReadOptions{}, `c number integer in days since 1970-01-01: 2 .`},
		{"time of day", arrow.FixedWidthTypes.Time32ms, `["00:00:01.5", null]`, ReadOptions{}, `c number in s: 1.5 .`},
		{"time of day as text", arrow.FixedWidthTypes.Time64us, `["01:01:01.5", null]`, text, `c category: "01:01:01.5" .`},
		{"duration", arrow.FixedWidthTypes.Duration_ms, `[1500, null, -2000]`, ReadOptions{}, `c number in s: 1.5 . -2`},
		{"no rows", arrow.FixedWidthTypes.Date32, `[]`, ReadOptions{}, `c number in days since 1970-01-01:`},
		{"no rows of text", dictionary, `[]`, ReadOptions{}, `c category:`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			record := []arrow.Record{arrowRecord(t, test.dt, test.values)}
			for form, b := range map[string][]byte{
				"file":   arrowFileBytes(t, record),
				"stream": arrowStreamBytes(t, record),
				"zstd":   arrowFileBytes(t, record, ipc.WithZstd()),
				"lz4":    arrowStreamBytes(t, record, ipc.WithLZ4()),
			} {
				got, err := readArrowBytes(b, test.opts)
				if err != nil {
					t.Errorf("%s: %v", form, err)
					continue
				}
				if diff := cmp.Diff([]string{test.want}, show(got.Frame)); diff != "" || !got.Complete {
					t.Errorf("%s: complete %t %s", form, got.Complete, diff)
				}
			}
		})
	}
}

func TestArrowUUID(t *testing.T) {
	r := arrowRecord(t, &arrow.FixedSizeBinaryType{ByteWidth: 16}, `["MDEyMzQ1Njc4OWFiY2RlZg==", null]`, "ARROW:extension:name", "arrow.uuid")
	got, err := readArrowBytes(arrowFileBytes(t, []arrow.Record{r}), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`c category: "30313233-3435-3637-3839-616263646566" .`}, show(got.Frame)); diff != "" {
		t.Error(diff)
	}
}

// arrowTable is a table of three batches with what tables usually hold.
func arrowTable(t testing.TB) []arrow.Record {
	t.Helper()
	fields := []arrow.Field{
		{Name: "age", Type: arrow.PrimitiveTypes.Float64, Nullable: true, Metadata: arrow.MetadataFrom(map[string]string{"unit": "a", "x": "y"})},
		{Name: "sex", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true},
		{Name: "kin", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
		{Name: "name", Type: arrow.BinaryTypes.String, Nullable: true},
	}
	schema := arrow.NewSchema(fields, nil)
	var out []arrow.Record
	for i := range 3 {
		text := fmt.Sprintf(`[{"age": %d, "sex": "m", "kin": [1, 2], "name": "a%d"}, {"age": null, "sex": "f", "kin": [], "name": null}]`, i, i)
		r, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestReadArrowBatches(t *testing.T) {
	records := arrowTable(t)
	want := []string{`age number integer in a: 0 . 1 . 2 .`, `sex category: "m" "f" "m" "f" "m" "f"`, `name category: "a0" . "a1" . "a2" .`}
	for form, b := range map[string][]byte{
		"file": arrowFileBytes(t, records), "stream": arrowStreamBytes(t, records),
		"zstd": arrowStreamBytes(t, records, ipc.WithZstd()), "lz4": arrowFileBytes(t, records, ipc.WithLZ4()),
		"stream without a mark at its end": bytes.TrimSuffix(arrowStreamBytes(t, records), []byte("\xff\xff\xff\xff\x00\x00\x00\x00")),
	} {
		got, err := readArrowBytes(b, ReadOptions{Drop: []string{"kin"}})
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if diff := cmp.Diff(want, show(got.Frame)); diff != "" || len(got.Header) != 4 {
			t.Errorf("%s: %s", form, diff)
		}
		sample, err := readArrow(context.Background(), bytes.NewReader(b), int64(len(b)), ReadOptions{Keep: []string{"age"}}, 3)
		if err != nil || sample.Complete || show(sample.Frame)[0] != `age number integer in a: 0 . 1` {
			t.Errorf("%s: sample %v, %v", form, sample, err)
		}
	}
	path := filepath.Join(t.TempDir(), "t.feather")
	if err := os.WriteFile(path, arrowFileBytes(t, records), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(context.Background(), path, ReadOptions{Keep: []string{"age"}})
	if err != nil || got.Frame.Rows() != 6 {
		t.Errorf("got %v, %v", got, err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := ReadFile(done, path, ReadOptions{Keep: []string{"age"}}); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

// TestArrowDictionariesThatGrow reads batches of which the later ones bring more levels, or other ones.
func TestArrowDictionariesThatGrow(t *testing.T) {
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	batches := func(values ...string) (out []arrow.Record) {
		for _, v := range values {
			out = append(out, arrowRecord(t, dt, v))
		}
		return out
	}
	grown, others := batches(`["b", "a"]`, `["b", "a", "c", null]`, `["a", "b"]`), batches(`["b", "a"]`, `["x", "b"]`)
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"deltas", arrowStreamBytes(t, grown[:2], ipc.WithDictionaryDeltas(true)), `c category: "b" "a" "b" "a" "c" .`},
		{"replaced", arrowStreamBytes(t, grown), `c category: "b" "a" "b" "a" "c" . "a" "b"`},
		{"others", arrowStreamBytes(t, others, ipc.WithZstd()), `c category: "b" "a" "x" "b"`},
	} {
		got, err := readArrowBytes(test.file, ReadOptions{})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if diff := cmp.Diff([]string{test.want}, show(got.Frame)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestReadArrowFaults(t *testing.T) {
	good := arrowFileBytes(t, arrowTable(t))
	one := func(dt arrow.DataType, values string) []byte {
		return arrowFileBytes(t, []arrow.Record{arrowRecord(t, dt, values)})
	}
	zeros := arrowFileBytes(t, []arrow.Record{arrowRecord(t, arrow.PrimitiveTypes.Float64, "[0"+strings.Repeat(",0", 9999)+"]")}, ipc.WithZstd())
	packed := arrowFileBytes(t, []arrow.Record{arrowRecord(t, arrow.PrimitiveTypes.Float64, "[0"+strings.Repeat(",0", 9999)+"]")}, ipc.WithLZ4())
	drop := ReadOptions{Drop: []string{"kin"}}
	tests := []struct {
		name string
		file []byte
		opts ReadOptions
		want string
	}{
		{"empty", nil, ReadOptions{}, `t.arrow: empty file; want an Arrow file`},
		{"not arrow", []byte("a,b\n1,2\n3,4\n5,6\n"), ReadOptions{}, `t.arrow: not an Arrow file`},
		{"feather of version 1", []byte("FEA1 and so on"), ReadOptions{}, `t.arrow: Feather of version 1; write it as version 2, which is Arrow`},
		{"truncated", good[:len(good)-5], ReadOptions{}, `t.arrow: truncated Arrow file: its footer is missing`},
		{"very truncated", good[:9], ReadOptions{}, `t.arrow: truncated Arrow file: its footer is missing`},
		{"truncated stream", arrowStreamBytes(t, arrowTable(t))[:700], ReadOptions{}, `t.arrow: damaged Arrow file`},
		{"header given", good, ReadOptions{Header: []string{"a"}}, `t.arrow: an Arrow file names its columns itself; give no header for it`},
		{"list", good, ReadOptions{}, `t.arrow: column "kin": nested values (list, map, struct, union) cannot be read; drop the column or flatten it`},
		{"unknown column", good, ReadOptions{Drop: []string{"kinn"}}, `t.arrow: no column named "kinn"; did you mean "kin"?`},
		{"unit", good, ReadOptions{Keep: []string{"age"}, Columns: map[string]ColumnOptions{"age": {Unit: "months"}}}, `t.arrow: column "age": declared in "months", but in "a" by the file itself`},
		{"unit of a date", one(arrow.FixedWidthTypes.Date32, `["1970-01-01"]`), ReadOptions{Columns: map[string]ColumnOptions{"c": {Unit: "years"}}}, `t.arrow: column "c": declared in "years", but in "days since 1970-01-01" by the file itself`},
		{"limit", good, ReadOptions{Drop: drop.Drop, MaxBytes: 100}, `t.arrow: 18 values take more than the limit of 100 bytes`},
		{"decompressed size", zeros, ReadOptions{Keep: []string{}, MaxBytes: 70_000}, `t.arrow: more than 70000 bytes when decompressed, the limit for this file`},
		{"decompressed size, lz4", packed, ReadOptions{Keep: []string{}, MaxBytes: 70_000}, `t.arrow: more than 70000 bytes when decompressed, the limit for this file`},
		{"large whole number", one(arrow.PrimitiveTypes.Uint64, `[1, 9007199254740993]`), ReadOptions{}, `t.arrow: column "c": row 2: whole number beyond 2^53, which a float64 does not hold; declare the column a category`},
		{"infinity", one(arrow.PrimitiveTypes.Float32, `[1, "Inf"]`), ReadOptions{}, `t.arrow: column "c": row 2: infinite value; only finite numbers can be read`},
		{"not UTF-8", one(arrow.BinaryTypes.Binary, `["/w=="]`), ReadOptions{}, `t.arrow: column "c": row 1: text is not UTF-8`},
		{"text as number", one(arrow.BinaryTypes.String, `["1", "x"]`), ReadOptions{Columns: map[string]ColumnOptions{"c": {Kind: Number}}}, `t.arrow: column "c": row 2: text in a number column`},
		{"name of no text", bytes.ReplaceAll(good, []byte("age\x00"), []byte("\xffge\x00")), drop, `t.arrow: field 1 of the header is not UTF-8`},
		{"unit of no text", bytes.ReplaceAll(good, []byte("\x01\x00\x00\x00a\x00"), []byte("\x01\x00\x00\x00\xff\x00")), drop, `t.arrow: damaged Arrow file`},
		{"interval", one(arrow.FixedWidthTypes.MonthInterval, `[{"months": 1}]`), ReadOptions{}, `t.arrow: column "c": intervals cannot be read; drop the column or store a number`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opts.File = "t.arrow"
			got, err := readArrowBytes(test.file, test.opts)
			if got != nil || err == nil || err.Error() != test.want {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
	if got, err := readArrowBytes(zeros, ReadOptions{MaxBytes: 81_000}); err != nil || got.Frame.Rows() != 10_000 {
		t.Errorf("within the limit: %v", err)
	}
}

// TestHostileArrow changes what a file states of itself to what would take memory or time without end.
func TestHostileArrow(t *testing.T) {
	records := arrowTable(t)
	stream := arrowStreamBytes(t, records)
	file := arrowFileBytes(t, records)
	footerAt := len(file) - 10 - int(binary.LittleEndian.Uint32(file[len(file)-10:]))
	footer := flatBuffer{b: bytes.Clone(file[footerAt : len(file)-10])}
	blocks := footer.root().vector(footerBatches, 24)
	first := footer.b[blocks.at : blocks.at+24]
	if got, err := readArrowBytes(withFooter(file[:footerAt], footer, slices.Repeat(first, 3)), ReadOptions{Keep: []string{"age"}}); err != nil || got.Frame.Rows() != 6 {
		t.Errorf("a footer made here: %v, %v", got, err)
	}
	if got, err := readArrowBytes(withFooter(file[:footerAt], footer, slices.Repeat(first, 1000)), ReadOptions{Keep: []string{"age"}}); err == nil {
		t.Errorf("a batch listed 1,000 times: %v", got)
	}
	change := func(what string, b []byte, at, to int) {
		t.Helper()
		c := bytes.Clone(b)
		binary.LittleEndian.PutUint32(c[at:], uint32(to))
		got, err := readArrowBytes(c, ReadOptions{Drop: []string{"kin"}})
		var fault *FileError
		if got != nil || !errors.As(err, &fault) {
			t.Errorf("%s: got %v, %v", what, got, err)
		}
	}
	change("metadata of 2 GB", stream, 4, 0x7fffffff)
	change("metadata of negative length", stream, 4, -9)
	change("footer of 2 GB", file, len(file)-10, 0x7fffffff)
	change("footer of no length", file, len(file)-10, 0)
	change("more blocks than room", file, footerAt+blocks.at-4, 1<<28)
	change("block outside the file", file, footerAt+blocks.at, 1<<30)
	change("block within another", file, footerAt+blocks.at, 16)
}

// withFooter puts another footer behind the messages of a file: one with the dictionaries of its own, and other batches.
func withFooter(messages []byte, own flatBuffer, batches []byte) []byte {
	const tableAt = 4 + 12 // after the offset of the root and the places of four fields
	dictionaries := own.root().vector(footerDictionaries, 24)
	dictionariesAt := tableAt + 12
	batchesAt := dictionariesAt + 4 + 24*dictionaries.n
	var f []byte
	u16 := func(v ...uint16) {
		for _, v := range v {
			f = binary.LittleEndian.AppendUint16(f, v)
		}
	}
	u32 := func(v int) { f = binary.LittleEndian.AppendUint32(f, uint32(v)) }
	u32(tableAt)
	u16(12, 12, 0, 0, 4, 8)
	u32(12) // from the table back to its places
	u32(dictionariesAt - tableAt - 4)
	u32(batchesAt - tableAt - 8)
	u32(dictionaries.n)
	f = append(f, own.bytes(dictionaries.at, 24*dictionaries.n)...)
	u32(len(batches) / 24)
	f = append(f, batches...)
	length := len(f)
	u32(length)
	return slices.Concat(messages, f, []byte(arrowMagic))
}

// TestDamagedArrowNeverPanics changes bytes all over a file. Arrow keeps no checksums: much damage goes unnoticed here.
func TestDamagedArrowNeverPanics(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	failed := 0
	for _, good := range [][]byte{
		arrowFileBytes(t, arrowTable(t)), arrowStreamBytes(t, arrowTable(t)),
		arrowFileBytes(t, arrowTable(t), ipc.WithZstd()), arrowStreamBytes(t, arrowTable(t), ipc.WithLZ4()),
	} {
		for range 2000 {
			b := bytes.Clone(good)
			for range 1 + rng.IntN(3) {
				b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(255))
			}
			if _, err := readArrowBytes(b, ReadOptions{MaxBytes: 1 << 20}); err != nil {
				var fault *FileError
				if !errors.As(err, &fault) {
					t.Fatalf("%T: %v", err, err)
				}
				failed++
			}
		}
	}
	if failed == 0 {
		t.Error("no damage was found")
	}
}

// TestParquetUnits: the unit in the Arrow schema that other programs leave, our own, and a declared one.
func TestParquetUnits(t *testing.T) {
	message := arrowStreamBytes(t, []arrow.Record{arrowRecord(t, arrow.PrimitiveTypes.Float64, `[]`, "unit", "mmol/L")})
	kv := metadata.NewKeyValueMetadata()
	if err := kv.Append(arrowSchemaKey, base64.StdEncoding.EncodeToString(message)); err != nil {
		t.Fatal(err)
	}
	f := Must(NewNumber("c", []float64{1.5}))
	root, err := parquetSchema(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root, file.WithWriteMetadata(kv))
	if err := writeRowGroup(w, f, 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	own := NewNumber("c", []float64{1.5})
	own.Unit = "mmol/L"
	date := foreign(t, schema.DateLogicalType{}, parquet.Types.Int32, -1, []int32{1}, []int16{1})
	for _, test := range []struct {
		name     string
		file     []byte
		declared string
		want     string
	}{
		{"of the Arrow schema", b.Bytes(), "", "mmol/L"},
		{"declared too", b.Bytes(), "mmol/L", "mmol/L"},
		{"declared otherwise", b.Bytes(), "mg/dL", `t.parquet: column "c": declared in "mg/dL", but in "mmol/L" by the file itself`},
		{"our own", parquetBytes(t, Must(own)), "", "mmol/L"},
		{"our own, declared otherwise", parquetBytes(t, Must(own)), "mg/dL", `t.parquet: column "c": declared in "mg/dL", but in "mmol/L" by the file itself`},
		{"none of the file", parquetBytes(t, f), "mg/dL", "mg/dL"},
		{"date", date, "", unitDays},
		{"date, declared otherwise", date, "years", `t.parquet: column "c": declared in "years", but in "days since 1970-01-01" by the file itself`},
	} {
		opts := ReadOptions{File: "t.parquet", Columns: map[string]ColumnOptions{"c": {Unit: test.declared}}}
		got, err := ReadParquetTable(context.Background(), bytes.NewReader(test.file), int64(len(test.file)), opts)
		switch {
		case err != nil && err.Error() != test.want:
			t.Errorf("%s: got %v", test.name, err)
		case err == nil && got.Frame.Column("c").Unit != test.want:
			t.Errorf("%s: got %q, want %q", test.name, got.Frame.Column("c").Unit, test.want)
		}
	}
}

func FuzzReadArrow(f *testing.F) {
	for _, opts := range [][]ipc.Option{nil, {ipc.WithZstd()}, {ipc.WithLZ4()}} {
		f.Add(arrowFileBytes(f, arrowTable(f), opts...))
		f.Add(arrowStreamBytes(f, arrowTable(f), opts...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readArrowBytes(b, ReadOptions{MaxBytes: 1 << 20})
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
