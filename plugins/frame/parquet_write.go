package frame

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// metadataKey is the entry of a Parquet file under which a frame keeps what the format has no word for.
const metadataKey = "ehrlab.frame"

// parquetMeta is that entry, as JSON.
type parquetMeta struct {
	Format  int                 `json:"format"`
	Rows    int                 `json:"rows"`
	Columns []parquetColumnMeta `json:"columns"`
}

type parquetColumnMeta struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Integer bool   `json:"integer,omitempty"`
	Unit    string `json:"unit,omitempty"`
}

const parquetFormat = 1

// rowGroupRows is the length of a row group: long enough to compress well, short enough to hold in memory.
const rowGroupRows = 1 << 20

// WriteParquet writes a frame as a Parquet file: doubles and strings, compressed with zstd, missing as null. Kinds, units
// and the marks of whole numbers are an entry of the file's metadata, "ehrlab.frame", as JSON.
// Equal frames give equal bytes. ReadParquet returns the same frame.
//
// It returns an error when a column has no name, or holds an infinity or a text that is not UTF-8.
func WriteParquet(w io.Writer, f *Frame) (err error) {
	useOwnCodecs()
	sink := &causeWriter{out: w}
	defer func() { // Arrow reports some failed writes by a panic, and others without their cause
		if p := recover(); p != nil {
			err = fmt.Errorf("write Parquet: %v", p)
		}
		if sink.err != nil {
			err = fmt.Errorf("write Parquet: %w", sink.err)
		}
	}()
	meta, err := describe(f)
	if err != nil {
		return err
	}
	root, err := parquetSchema(f)
	if err != nil {
		return err
	}
	kv := metadata.NewKeyValueMetadata()
	if err := kv.Append(metadataKey, string(meta)); err != nil {
		return err
	}
	props := parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCreatedBy("ehrlab"),
		parquet.WithStats(false),
		// a dictionary of doubles is slow to build, and takes -0 for 0
		parquet.WithDictionaryDefault(false),
	)
	out := file.NewParquetWriter(sink, root, file.WithWriterProps(props), file.WithWriteMetadata(kv))
	for from := 0; from < f.rows && len(f.columns) > 0; from += rowGroupRows {
		if err := writeRowGroup(out, f, from, min(from+rowGroupRows, f.rows)); err != nil {
			return fmt.Errorf("write Parquet: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	return nil
}

// causeWriter keeps the first error of a writer, and writes nothing after it.
type causeWriter struct {
	out io.Writer
	err error
}

// Write implements io.Writer.
func (w *causeWriter) Write(p []byte) (n int, err error) {
	if w.err == nil {
		n, w.err = w.out.Write(p)
	}
	return n, w.err
}

// describe returns the metadata of a frame after checking that its content can be written.
func describe(f *Frame) ([]byte, error) {
	meta := parquetMeta{Format: parquetFormat, Rows: f.rows, Columns: []parquetColumnMeta{}}
	for i, c := range f.columns {
		if c.Name == "" {
			return nil, fmt.Errorf("column %d has no name", i+1)
		}
		if !utf8.ValidString(c.Name) || !utf8.ValidString(c.Unit) {
			return nil, fmt.Errorf("column %q: name and unit must be UTF-8", c.Name)
		}
		for i, v := range c.Numbers {
			if math.IsInf(v, 0) {
				return nil, fmt.Errorf("column %q, row %d: infinite value", c.Name, i+1)
			}
		}
		for _, l := range c.Levels {
			if !utf8.ValidString(l) {
				return nil, fmt.Errorf("column %q: a level is not UTF-8", c.Name)
			}
		}
		meta.Columns = append(meta.Columns, parquetColumnMeta{c.Name, c.Kind, c.Integer, c.Unit})
	}
	return json.Marshal(meta)
}

func parquetSchema(f *Frame) (*schema.GroupNode, error) {
	fields := make(schema.FieldList, len(f.columns))
	for i, c := range f.columns {
		logical, physical := schema.LogicalType(schema.NoLogicalType{}), parquet.Types.Double
		if c.Kind == Category {
			logical, physical = schema.StringLogicalType{}, parquet.Types.ByteArray
		}
		node, err := schema.NewPrimitiveNodeLogical(c.Name, parquet.Repetitions.Optional, logical, physical, -1, -1)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		fields[i] = node
	}
	return schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
}

func writeRowGroup(out *file.Writer, f *Frame, from, to int) error {
	group := out.AppendRowGroup()
	present := make([]int16, to-from)
	for _, c := range f.columns {
		chunk, err := group.NextColumn()
		if err != nil {
			return err
		}
		switch chunk := chunk.(type) {
		case *file.Float64ColumnChunkWriter:
			values := make([]float64, 0, to-from)
			for i, v := range c.Numbers[from:to] {
				present[i] = 0
				if v == v {
					present[i] = 1
					values = append(values, v)
				}
			}
			_, err = chunk.WriteBatch(values, present, nil)
		case *file.ByteArrayColumnChunkWriter:
			values := make([]parquet.ByteArray, 0, to-from)
			for i, code := range c.Codes[from:to] {
				present[i] = 0
				if code != Missing {
					present[i] = 1
					values = append(values, parquet.ByteArray(c.Levels[code]))
				}
			}
			_, err = chunk.WriteBatch(values, present, nil)
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", c.Name, err)
		}
		if err := chunk.Close(); err != nil {
			return err
		}
	}
	return group.Close()
}
