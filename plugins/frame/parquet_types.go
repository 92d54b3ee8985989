package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// batch is a column chunk of one physical type.
type batch[T any] interface {
	file.ColumnChunkReader
	ReadBatch(batchSize int64, values []T, defLevels, repLevels []int16) (total int64, valuesRead int, err error)
}

// newChunkReader returns a function that adds the next rows of a chunk to a column. It returns how many were
// added before an error.
func newChunkReader(chunk file.ColumnChunkReader, b *builder) (func(rows int) (int, error), error) {
	logical := chunk.Descriptor().LogicalType()
	switch chunk := chunk.(type) {
	case *file.BooleanColumnChunkReader:
		return reader(chunk, b, fromBool), nil
	case *file.Float32ColumnChunkReader:
		return reader(chunk, b, fromFloat32), nil
	case *file.Float64ColumnChunkReader:
		return reader(chunk, b, fromFloat64), nil
	case *file.Int32ColumnChunkReader:
		whole, err := fromInt(logical, 32)
		if err != nil {
			return nil, err
		}
		return reader(chunk, b, widen(whole)), nil
	case *file.Int64ColumnChunkReader:
		whole, err := fromInt(logical, 64)
		if err != nil {
			return nil, err
		}
		return reader(chunk, b, whole), nil
	case *file.Int96ColumnChunkReader:
		return reader(chunk, b, fromInt96), nil
	case *file.ByteArrayColumnChunkReader:
		if d, ok := logical.(*schema.DecimalLogicalType); ok {
			decimal, err := fromDecimalBytes[parquet.ByteArray](d)
			return reader(chunk, b, decimal), err
		}
		return textReader(chunk, b), nil
	case *file.FixedLenByteArrayColumnChunkReader:
		fixed, err := fromFixed(logical)
		if err != nil {
			return nil, err
		}
		return reader(chunk, b, fixed), nil
	}
	return nil, fmt.Errorf("values of type %s cannot be read", chunk.Type())
}

const parquetBatch = 4096

// walk reads rows rows of a chunk, calling value or missing for each.
func walk[T any](chunk batch[T], rows int, value func(T) error, missing func()) (int, error) {
	present := chunk.Descriptor().MaxDefinitionLevel()
	size := min(rows, parquetBatch)
	values, levels := make([]T, size), make([]int16, size)
	done := 0
	for done < rows {
		total, read, err := chunk.ReadBatch(int64(min(rows-done, size)), values, levels, nil)
		if err == nil {
			err = chunk.Err()
		}
		if err != nil {
			return done, err
		}
		if total <= 0 || int(total) > size {
			return done, errors.New("the column ends early")
		}
		next := 0
		for _, level := range levels[:total] {
			if present > 0 && level != present {
				missing()
				done++
				continue
			}
			if next >= read {
				return done, errors.New("fewer values than marks")
			}
			if err := value(values[next]); err != nil {
				return done, err
			}
			next++
			done++
		}
	}
	return done, nil
}

// reader adds the values of a chunk by way of a conversion.
func reader[T any](chunk batch[T], b *builder, c conversion[T]) func(int) (int, error) {
	add := c.into(b)
	return func(rows int) (int, error) { return walk(chunk, rows, add, b.addMissing) }
}

// textReader adds the texts of a chunk.
func textReader(chunk *file.ByteArrayColumnChunkReader, b *builder) func(int) (int, error) {
	if !b.decided() {
		b.number, b.category = false, true
	}
	add := func(x parquet.ByteArray) error { return faultOf(b.addText(x)) }
	return func(rows int) (int, error) { return walk(chunk, rows, add, b.addMissing) }
}

// widen reads 32-bit whole numbers as a conversion of 64-bit ones does.
func widen(c conversion[int64]) conversion[int32] {
	return conversion[int32]{
		kind: c.kind, unit: c.unit,
		number: func(x int32) (float64, error) { return c.number(int64(x)) },
		text:   func(x int32) (string, error) { return c.text(int64(x)) },
	}
}

// The length of a day in each unit of a time.
var perDay = map[schema.TimeUnitType]int64{
	schema.TimeUnitMillis: 86_400_000,
	schema.TimeUnitMicros: 86_400_000_000,
	schema.TimeUnitNanos:  86_400_000_000_000,
}

// fromInt is the conversion of whole numbers stored in the given number of bits.
func fromInt(logical schema.LogicalType, bits int) (conversion[int64], error) {
	switch l := logical.(type) {
	case *schema.DecimalLogicalType:
		return fromDecimal(l.Scale(), big.NewInt)
	case schema.DateLogicalType:
		return fromDate, nil
	case *schema.TimestampLogicalType:
		return fromTimestamp(perDay[l.TimeUnit()])
	case *schema.TimeLogicalType:
		return fromTimeOfDay(perDay[l.TimeUnit()])
	case *schema.IntLogicalType:
		if !l.IsSigned() {
			return fromUnsigned(bits), nil
		}
	}
	return fromSigned, nil
}

// fromInt96 is the conversion of the timestamps of old writers: nanoseconds of the day and a Julian day.
var fromInt96 = conversion[parquet.Int96]{
	kind: Number, unit: unitDays,
	number: func(x parquet.Int96) (float64, error) {
		days, nanos := int96Parts(x)
		return float64(days) + float64(nanos)/86_400_000_000_000, nil
	},
	text: func(x parquet.Int96) (string, error) {
		days, nanos := int96Parts(x)
		return time.Unix(days*86400, nanos).UTC().Format("2006-01-02T15:04:05.999999999"), nil
	},
}

func int96Parts(x parquet.Int96) (days, nanos int64) {
	const julianDayOf1970 = 2_440_588
	return int64(binary.LittleEndian.Uint32(x[8:])) - julianDayOf1970, int64(binary.LittleEndian.Uint64(x[:8]))
}

// fromDecimalBytes is the conversion of decimals: big-endian two's complement, with a scale.
func fromDecimalBytes[T ~[]byte](d *schema.DecimalLogicalType) (conversion[T], error) {
	return fromDecimal(d.Scale(), func(x T) *big.Int {
		v := new(big.Int).SetBytes(x)
		if len(x) > 0 && x[0]&0x80 != 0 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(x))))
		}
		return v
	})
}

// fromFixed is the conversion of byte strings of one length.
func fromFixed(logical schema.LogicalType) (conversion[parquet.FixedLenByteArray], error) {
	type fixed = parquet.FixedLenByteArray
	switch l := logical.(type) {
	case *schema.DecimalLogicalType:
		return fromDecimalBytes[fixed](l)
	case schema.UUIDLogicalType:
		return conversion[fixed]{kind: Category, text: uuidText[fixed]}, nil
	case schema.Float16LogicalType:
		return conversion[fixed]{
			kind:   Number,
			number: func(x fixed) (float64, error) { return float16(binary.LittleEndian.Uint16(x)), nil },
			text: func(x fixed) (string, error) {
				return floatText(float16(binary.LittleEndian.Uint16(x)), 32)
			},
		}, nil
	case schema.IntervalLogicalType:
		return conversion[fixed]{}, errors.New("intervals cannot be read; drop the column or store a number")
	}
	return conversion[fixed]{kind: Category, text: func(x fixed) (string, error) { return string(x), nil }}, nil
}

// float16 is the value of an IEEE 754 half-precision number.
func float16(bits uint16) float64 {
	sign := 1.0
	if bits>>15 == 1 {
		sign = -1
	}
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}
