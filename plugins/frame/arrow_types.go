package frame

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// takeType gives a column the kind and the unit of a type, as its values would.
func takeType(field arrow.Field, b *builder) error {
	if nested, ok := field.Type.(arrow.NestedType); ok && nested.ID() != arrow.DICTIONARY {
		return errNested
	}
	_, err := arrowAdder(array.NewBuilder(memory.DefaultAllocator, field.Type).NewArray(), field, b)
	return err
}

var errNested = errors.New("nested values (list, map, struct, union) cannot be read; drop the column or flatten it")

// arrowAdder returns a function that adds row i of an array to a column.
func arrowAdder(values arrow.Array, field arrow.Field, b *builder) (func(i int) error, error) {
	switch a := values.(type) {
	case *array.Null:
		return func(int) error { b.addMissing(); return nil }, nil
	case *array.Boolean:
		return adder(a, b, fromBool, a.Value), nil
	case *array.Float16:
		return adder(a, b, fromFloat32, func(i int) float32 { return a.Value(i).Float32() }), nil
	case *array.Float32:
		return adder(a, b, fromFloat32, a.Value), nil
	case *array.Float64:
		return adder(a, b, fromFloat64, a.Value), nil
	case *array.Decimal128:
		c, err := fromDecimal(a.DataType().(*arrow.Decimal128Type).Scale, func(i int) *big.Int { return a.Value(i).BigInt() })
		return adder(a, b, c, func(i int) int { return i }), err
	case *array.Decimal256:
		c, err := fromDecimal(a.DataType().(*arrow.Decimal256Type).Scale, func(i int) *big.Int { return a.Value(i).BigInt() })
		return adder(a, b, c, func(i int) int { return i }), err
	case *array.String:
		return texts(a, b, a.Value), nil
	case *array.LargeString:
		return texts(a, b, a.Value), nil
	case *array.StringView:
		return texts(a, b, a.Value), nil
	case *array.Binary:
		return texts(a, b, a.ValueString), nil
	case *array.LargeBinary:
		return texts(a, b, a.ValueString), nil
	case *array.BinaryView:
		return texts(a, b, a.ValueString), nil
	case *array.FixedSizeBinary:
		return fixedAdder(a, field, b), nil
	case *array.Dictionary:
		add, err := arrowAdder(a.Dictionary(), field, b)
		return func(i int) error {
			if a.IsNull(i) {
				b.addMissing()
				return nil
			}
			return add(a.GetValueIndex(i))
		}, err
	case array.ExtensionArray:
		return arrowAdder(a.Storage(), field, b)
	}
	return wholeAdder(values, b)
}

// wholeAdder is arrowAdder for whole numbers, and for the times that are stored as them.
func wholeAdder(values arrow.Array, b *builder) (func(i int) error, error) {
	switch a := values.(type) {
	case *array.Int8:
		return adder(a, b, fromSigned, func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Int16:
		return adder(a, b, fromSigned, func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Int32:
		return adder(a, b, fromSigned, func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Int64:
		return adder(a, b, fromSigned, a.Value), nil
	case *array.Uint8:
		return adder(a, b, fromSigned, func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Uint16:
		return adder(a, b, fromSigned, func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Uint32:
		return adder(a, b, fromSigned, func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Uint64:
		return adder(a, b, fromUnsigned(64), func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Date32:
		return adder(a, b, fromDate, func(i int) int64 { return int64(a.Value(i)) }), nil
	case *array.Date64:
		return adder(a, b, fromDate, func(i int) int64 { return floorDiv(int64(a.Value(i)), 86_400_000) }), nil
	case *array.Timestamp:
		c, err := fromTimestamp(86400 * perSecond[a.DataType().(*arrow.TimestampType).Unit])
		return adder(a, b, c, func(i int) int64 { return int64(a.Value(i)) }), err
	case *array.Time32:
		c, err := fromTimeOfDay(86400 * perSecond[a.DataType().(*arrow.Time32Type).Unit])
		return adder(a, b, c, func(i int) int64 { return int64(a.Value(i)) }), err
	case *array.Time64:
		c, err := fromTimeOfDay(86400 * perSecond[a.DataType().(*arrow.Time64Type).Unit])
		return adder(a, b, c, func(i int) int64 { return int64(a.Value(i)) }), err
	case *array.Duration:
		c, err := fromDuration(a.DataType().(*arrow.DurationType).Unit)
		return adder(a, b, c, func(i int) int64 { return int64(a.Value(i)) }), err
	case *array.MonthInterval, *array.DayTimeInterval, *array.MonthDayNanoInterval:
		return nil, errors.New("intervals cannot be read; drop the column or store a number")
	}
	if _, nested := values.DataType().(arrow.NestedType); nested {
		return nil, errNested
	}
	return nil, fmt.Errorf("values of type %s cannot be read", values.DataType().Name())
}

// perSecond is the length of a second in each unit of a time.
var perSecond = map[arrow.TimeUnit]int64{arrow.Second: 1, arrow.Millisecond: 1e3, arrow.Microsecond: 1e6, arrow.Nanosecond: 1e9}

// fromDuration is the conversion of lengths of time.
func fromDuration(unit arrow.TimeUnit) (conversion[int64], error) {
	digits := map[arrow.TimeUnit]int32{arrow.Second: 0, arrow.Millisecond: 3, arrow.Microsecond: 6, arrow.Nanosecond: 9}
	c, err := fromDecimal(digits[unit], big.NewInt)
	c.unit = "s"
	return c, err
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}

// adder adds the values of an array by way of a conversion.
func adder[T any](a arrow.Array, b *builder, c conversion[T], value func(int) T) func(int) error {
	add := c.into(b)
	return func(i int) error {
		if a.IsNull(i) {
			b.addMissing()
			return nil
		}
		return add(value(i))
	}
}

// texts adds the texts of an array.
func texts(a arrow.Array, b *builder, value func(int) string) func(int) error {
	return adder(a, b, conversion[string]{kind: Category, text: func(s string) (string, error) { return s, nil }}, value)
}

// fixedAdder adds byte strings of one length.
func fixedAdder(a *array.FixedSizeBinary, field arrow.Field, b *builder) func(int) error {
	const uuidBytes = 16
	name, _ := field.Metadata.GetValue("ARROW:extension:name")
	if name == "arrow.uuid" && a.DataType().(*arrow.FixedSizeBinaryType).ByteWidth == uuidBytes {
		return adder(a, b, conversion[[]byte]{kind: Category, text: uuidText[[]byte]}, a.Value)
	}
	return texts(a, b, func(i int) string { return string(a.Value(i)) })
}
