package frame

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// ReadParquet reads a whole Parquet file from memory, as ReadParquetTable does.
func ReadParquet(b []byte) (*Frame, error) {
	t, err := ReadParquetTable(context.Background(), bytes.NewReader(b), int64(len(b)), ReadOptions{})
	if err != nil {
		return nil, err
	}
	return t.Frame, nil
}

// ReadParquetTable reads a Parquet file: one that WriteParquet wrote, exactly, or one of another program.
//
// Of other files it reads flat columns. Whole numbers, floats, decimals and truth values (0, 1) become
// Number; text, enumerations and UUIDs become Category. A date or timestamp becomes the Number of days since
// 1970-01-01 (with the fraction of the day, time zones as stored), a time of day the Number of seconds.
// A column declared as the other kind is converted: to its shortest text, or from a decimal number.
// Null and NaN are missing; the empty text is a level.
// The unit of a column is that of our own entry in the file, or the metadata "unit" of the field in the Arrow schema that
// other programs leave there; days and seconds are the units of times. A declared unit must agree.
// Lists, maps, structs and intervals are errors that name the column; so are infinities, and whole numbers
// beyond 2^53 that a float64 does not hold, unless the column is declared a category.
//
// The file may be hostile: damage is an error, never a panic. All errors are *FileError, or Faults of such where several columns
// have one, ctx.Err() aside.
func ReadParquetTable(ctx context.Context, r io.ReaderAt, size int64, opts ReadOptions) (*Table, error) {
	return readParquet(ctx, r, size, opts, math.MaxInt)
}

// readParquet reads as ReadParquetTable does, but no more than the first maxRows rows.
func readParquet(ctx context.Context, r io.ReaderAt, size int64, opts ReadOptions, maxRows int) (t *Table, err error) {
	defer func() { // Arrow panics on much of what a damaged file can hold
		if p := recover(); p != nil {
			t, err = nil, &FileError{File: opts.File, Msg: "damaged Parquet file", Err: fmt.Errorf("%v", p)}
		}
	}()
	useOwnCodecs()
	if opts.Header != nil {
		return nil, &FileError{File: opts.File, Msg: "a Parquet file names its columns itself; give no header for it"}
	}
	if err := checkParquetEnds(r, size, opts.File); err != nil {
		return nil, err
	}
	in, err := file.NewParquetReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, damagedParquet(opts.File, err)
	}
	p := parquetReader{in: in, opts: opts, maxRows: maxRows, pages: pageChecker{in: r, size: size, max: -1}}
	if opts.MaxBytes > 0 {
		p.pages.max = opts.MaxBytes
	}
	return p.table(ctx)
}

// checkParquetEnds tells a file that is no Parquet at all from a damaged one.
func checkParquetEnds(r io.ReaderAt, size int64, name string) error {
	const magic = "PAR1"
	if size == 0 {
		return &FileError{File: name, Msg: "empty file; want a Parquet file"}
	}
	head, tail := make([]byte, len(magic)), make([]byte, len(magic))
	if size >= 3*int64(len(magic)) {
		if _, err := r.ReadAt(head, 0); err != nil {
			return &FileError{File: name, Msg: err.Error(), Err: err}
		}
		if _, err := r.ReadAt(tail, size-int64(len(magic))); err != nil && !errors.Is(err, io.EOF) {
			return &FileError{File: name, Msg: err.Error(), Err: err}
		}
	}
	switch {
	case string(head) != magic:
		return &FileError{File: name, Msg: "not a Parquet file"}
	case string(tail) == "PARE":
		return &FileError{File: name, Msg: "encrypted Parquet file; want a plain one"}
	case string(tail) != magic:
		return &FileError{File: name, Msg: "truncated Parquet file: its footer is missing"}
	}
	return nil
}

func damagedParquet(name string, err error) error {
	return &FileError{File: name, Msg: "damaged Parquet file", Err: err}
}

type parquetReader struct {
	in      *file.Reader
	opts    ReadOptions
	maxRows int
	rows    int          // to be read
	total   int          // in the file
	own     *parquetMeta // nil for a file of another program
	units   map[string]string
	pages   pageChecker
}

func (p *parquetReader) fault(column, msg string) error {
	return &FileError{File: p.opts.File, ColumnName: column, Msg: msg}
}

func (p *parquetReader) table(ctx context.Context) (*Table, error) {
	root := p.in.MetaData().Schema.Root()
	names := make([]string, root.NumFields())
	for i := range names {
		names[i] = root.Field(i).Name()
	}
	if err := p.readMeta(names); err != nil {
		return nil, err
	}
	builders, err := columnBuilders(names, p.opts, 0)
	if err != nil {
		return nil, err
	}
	if err := checkCells(builders, p.rows, p.opts); err != nil {
		return nil, err
	}
	var faults []error
	for i, b := range builders {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		if err := p.readColumn(i, b, root); err != nil {
			if faults = append(faults, err); !ofColumn(err) {
				break
			}
		}
	}
	if err := Together(faults...); err != nil {
		return nil, err
	}
	f, err := assemble(builders, p.rows, p.opts.Threads)
	if err != nil {
		return nil, p.fault("", err.Error())
	}
	if err := p.restore(f); err != nil {
		return nil, err
	}
	return &Table{Frame: f, Header: names, Complete: p.rows == p.total}, nil
}

// readMeta reads the entry that WriteParquet left, if there is one, and counts the rows.
func (p *parquetReader) readMeta(names []string) error {
	for g := range p.in.NumRowGroups() {
		n := p.in.MetaData().RowGroups[g].NumRows
		if n < 0 || n > math.MaxInt32 {
			return p.fault("", fmt.Sprintf("damaged Parquet file: row group %d has %d rows", g+1, n))
		}
		p.total += int(n)
	}
	if text := p.in.MetaData().KeyValueMetadata().FindValue(arrowSchemaKey); text != nil {
		p.units = unitsOfSchema(*text)
	}
	if text := p.in.MetaData().KeyValueMetadata().FindValue(metadataKey); text != nil {
		own := &parquetMeta{}
		if err := json.Unmarshal([]byte(*text), own); err != nil {
			return damagedParquet(p.opts.File, err)
		}
		if own.Format != parquetFormat {
			return p.fault("", fmt.Sprintf("written by another version of ehrlab (format %d, this one reads %d)", own.Format, parquetFormat))
		}
		fits := len(own.Columns) == len(names) && own.Rows >= 0 && (own.Rows == p.total || len(names) == 0)
		for i := 0; fits && i < len(names); i++ {
			fits = own.Columns[i].Name == names[i]
		}
		if fits { // otherwise another program changed the table and left the entry as it was
			p.own = own
			p.total = own.Rows
			p.units = map[string]string{}
			for _, c := range own.Columns {
				p.units[c.Name] = c.Unit
			}
		}
	}
	p.rows = min(p.total, p.maxRows)
	return nil
}

// readColumn reads column i of all row groups.
func (p *parquetReader) readColumn(i int, b *builder, root *schema.GroupNode) error {
	node, ok := root.Field(i).(*schema.PrimitiveNode)
	if !ok {
		return p.fault(b.name, "nested values (list, map or struct) cannot be read; drop the column or flatten it")
	}
	leaf := p.in.MetaData().Schema.ColumnIndexByNode(node)
	column := p.in.MetaData().Schema.Column(leaf)
	if column.MaxRepetitionLevel() > 0 {
		return p.fault(b.name, "repeated values (a list) cannot be read; drop the column or flatten it")
	}
	if !b.decided() && p.own != nil {
		b.number = p.own.Columns[i].Kind == Number
		b.category = !b.number
	}
	b.fileUnit = p.units[b.name]
	row := 0
	for g := 0; g < p.in.NumRowGroups() && row < p.rows; g++ {
		chunk, err := p.openChunk(g, leaf)
		if err != nil {
			return p.damaged(b.name, err)
		}
		read, err := newChunkReader(chunk, b)
		if err != nil {
			return p.fault(b.name, err.Error())
		}
		want := min(int(p.in.MetaData().RowGroups[g].NumRows), p.rows-row)
		if n, err := read(want); err != nil {
			var value valueError
			if errors.As(err, &value) {
				return p.fault(b.name, fmt.Sprintf("row %d: %s", row+n+1, value))
			}
			return p.damaged(b.name, err)
		}
		row += want
	}
	if fault := b.unitFault(); fault != "" {
		return p.fault(b.name, fault)
	}
	return nil
}

// arrowSchemaKey is the entry in which programs that know Arrow keep the schema of the table that was written, as a
// message of Arrow in base64. Parquet itself has no word for the metadata of a field.
const arrowSchemaKey = "ARROW:schema"

// unitsOfSchema returns the units in such an entry; none when it is damaged, since the values do not depend on it.
func unitsOfSchema(text string) map[string]string {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) > maxArrowMeta {
		return nil
	}
	x := arrowIndex{in: bytes.NewReader(b), size: int64(len(b))}
	if err := x.walk(0); err != nil {
		return nil
	}
	return x.units
}

// openChunk checks a column chunk before Arrow opens it.
func (p *parquetReader) openChunk(group, leaf int) (file.ColumnChunkReader, error) {
	rows := p.in.RowGroup(group)
	chunk, err := rows.MetaData().ColumnChunk(leaf)
	if err != nil {
		return nil, err
	}
	padding := int64(0)
	if p.in.WriterVersion().LessThan(metadata.Parquet816FixedVersion) {
		padding = 100 // as Arrow: these writers left the dictionary's header out of the size
	}
	if err := p.pages.check(chunk, rows.NumRows(), padding); err != nil {
		return nil, err
	}
	return rows.Column(leaf)
}

func (p *parquetReader) damaged(column string, err error) error {
	if errors.Is(err, errPagesSize) {
		return p.fault(column, fmt.Sprintf("more than %d bytes when decompressed, the limit for this file", p.opts.MaxBytes))
	}
	return &FileError{File: p.opts.File, ColumnName: column, Msg: "damaged Parquet file", Err: err}
}

// restore puts back the marks that only our own metadata hold, where the values bear them out.
func (p *parquetReader) restore(f *Frame) error {
	if p.own == nil {
		return nil
	}
	for _, meta := range p.own.Columns {
		c := f.Column(meta.Name)
		if c == nil {
			continue
		}
		if c.Kind != Number || meta.Kind != Number {
			continue
		}
		if meta.Integer && !withoutFractions(c.Numbers) {
			return p.fault(c.Name, "marked as whole numbers but holds fractions")
		}
		c.Integer = meta.Integer
	}
	return nil
}

// withoutFractions reports whether every value is whole, however large.
func withoutFractions(values []float64) bool {
	for _, v := range values {
		if v == v && v != math.Trunc(v) {
			return false
		}
	}
	return true
}
