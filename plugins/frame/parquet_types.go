package frame

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// valueError is the fault of one value, without the value.
type valueError string

func (e valueError) Error() string { return string(e) }

const (
	errInfinite = valueError("infinite value; only finite numbers can be read")
	errTooLarge = valueError("whole number beyond 2^53, which a float64 does not hold; declare the column a category")
)

// batch is a column chunk of one physical type.
type batch[T any] interface {
	file.ColumnChunkReader
	ReadBatch(batchSize int64, values []T, defLevels, repLevels []int16) (total int64, valuesRead int, err error)
}

// conversion says what the values of a Parquet type become.
type conversion[T any] struct {
	kind   Kind   // when none is declared
	unit   string // as a Number
	number func(T) (float64, error)
	text   func(T) (string, error)
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
	if !b.decided() {
		b.number, b.category = c.kind == Number, c.kind == Category
	}
	if b.number && b.unit == "" {
		b.unit = c.unit
	}
	add := func(x T) error {
		text, err := c.text(x)
		if err != nil {
			return err
		}
		return faultOf(b.addText([]byte(text)))
	}
	if b.number && c.number != nil {
		add = func(x T) error {
			v, err := c.number(x)
			if err != nil {
				return err
			}
			if math.IsInf(v, 0) {
				return errInfinite
			}
			b.addNumber(v)
			return nil
		}
	}
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

func faultOf(fault string) error {
	if fault == "" {
		return nil
	}
	return valueError(fault)
}

var fromBool = conversion[bool]{
	kind: Number,
	number: func(x bool) (float64, error) {
		if x {
			return 1, nil
		}
		return 0, nil
	},
	text: func(x bool) (string, error) { return strconv.FormatBool(x), nil },
}

var fromFloat64 = conversion[float64]{
	kind:   Number,
	number: func(x float64) (float64, error) { return x, nil },
	text:   func(x float64) (string, error) { return floatText(x, 64) },
}

var fromFloat32 = conversion[float32]{
	kind:   Number,
	number: func(x float32) (float64, error) { return float64(x), nil },
	text:   func(x float32) (string, error) { return floatText(float64(x), 32) },
}

func floatText(x float64, bits int) (string, error) {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return "", valueError("value that is no finite number; declare the column a number")
	}
	return strconv.FormatFloat(x, 'g', -1, bits), nil
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

const unitDays = "days since 1970-01-01"

// fromInt is the conversion of whole numbers stored in the given number of bits.
func fromInt(logical schema.LogicalType, bits int) (conversion[int64], error) {
	switch l := logical.(type) {
	case *schema.DecimalLogicalType:
		scale, err := scaleOf(l)
		text := func(x int64) (string, error) { return decimalText(big.NewInt(x), scale), nil }
		return conversion[int64]{kind: Number, number: numberFrom(text), text: text}, err
	case schema.DateLogicalType:
		return conversion[int64]{
			kind: Number, unit: unitDays,
			number: func(x int64) (float64, error) { return float64(x), nil },
			text:   func(x int64) (string, error) { return time.Unix(x*86400, 0).UTC().Format(time.DateOnly), nil },
		}, nil
	case *schema.TimestampLogicalType:
		return fromTimestamp(perDay[l.TimeUnit()])
	case *schema.TimeLogicalType:
		return fromTimeOfDay(perDay[l.TimeUnit()])
	case *schema.IntLogicalType:
		if !l.IsSigned() {
			return fromUnsigned(bits), nil
		}
	}
	return conversion[int64]{
		kind: Number,
		number: func(x int64) (float64, error) {
			if x > largestWhole || x < -largestWhole {
				return 0, errTooLarge
			}
			return float64(x), nil
		},
		text: func(x int64) (string, error) { return strconv.FormatInt(x, 10), nil },
	}, nil
}

func fromUnsigned(bits int) conversion[int64] {
	mask := ^uint64(0) >> (64 - bits)
	return conversion[int64]{
		kind: Number,
		number: func(x int64) (float64, error) {
			u := uint64(x) & mask
			if u > largestWhole {
				return 0, errTooLarge
			}
			return float64(u), nil
		},
		text: func(x int64) (string, error) { return strconv.FormatUint(uint64(x)&mask, 10), nil },
	}
}

func fromTimestamp(day int64) (conversion[int64], error) {
	if day == 0 {
		return conversion[int64]{}, errors.New("timestamps of this unit cannot be read")
	}
	return conversion[int64]{
		kind: Number, unit: unitDays,
		number: func(x int64) (float64, error) {
			// in two steps: nanoseconds since 1970 have more digits than a float64
			return float64(x/day) + float64(x%day)/float64(day), nil
		},
		text: func(x int64) (string, error) {
			second := day / 86400
			t := time.Unix(x/second, x%second*(1_000_000_000/second)).UTC()
			return t.Format("2006-01-02T15:04:05.999999999"), nil
		},
	}, nil
}

func fromTimeOfDay(day int64) (conversion[int64], error) {
	if day == 0 {
		return conversion[int64]{}, errors.New("times of this unit cannot be read")
	}
	second := day / 86400
	return conversion[int64]{
		kind: Number, unit: "s",
		number: func(x int64) (float64, error) { return float64(x) / float64(second), nil },
		text: func(x int64) (string, error) {
			return time.Unix(x/second, x%second*(1_000_000_000/second)).UTC().Format("15:04:05.999999999"), nil
		},
	}, nil
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
	scale, err := scaleOf(d)
	if err != nil {
		return conversion[T]{}, err
	}
	text := func(x T) (string, error) {
		v := new(big.Int).SetBytes(x)
		if len(x) > 0 && x[0]&0x80 != 0 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(x))))
		}
		return decimalText(v, scale), nil
	}
	return conversion[T]{kind: Number, number: numberFrom(text), text: text}, nil
}

// scaleOf returns the decimals of a decimal type; a hostile file may ask for any number of them.
func scaleOf(d *schema.DecimalLogicalType) (int, error) {
	if d.Scale() < 0 || d.Scale() > 1000 {
		return 0, fmt.Errorf("decimals with %d digits after the point cannot be read", d.Scale())
	}
	return int(d.Scale()), nil
}

// decimalText is v divided by 10^scale, exactly.
func decimalText(v *big.Int, scale int) string {
	digits := new(big.Int).Abs(v).String()
	if scale > 0 {
		if pad := scale + 1 - len(digits); pad > 0 {
			digits = strings.Repeat("0", pad) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if v.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// numberFrom reads the number that a text says.
func numberFrom[T any](text func(T) (string, error)) func(T) (float64, error) {
	return func(x T) (float64, error) {
		s, err := text(x)
		if err != nil {
			return 0, err
		}
		v, ok := parseNumber([]byte(s))
		if !ok {
			return 0, valueError("number out of range")
		}
		return v, nil
	}
}

// fromFixed is the conversion of byte strings of one length.
func fromFixed(logical schema.LogicalType) (conversion[parquet.FixedLenByteArray], error) {
	type fixed = parquet.FixedLenByteArray
	switch l := logical.(type) {
	case *schema.DecimalLogicalType:
		return fromDecimalBytes[fixed](l)
	case schema.UUIDLogicalType:
		return conversion[fixed]{kind: Category, text: func(x fixed) (string, error) {
			h := hex.EncodeToString(x)
			return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
		}}, nil
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
