package frame

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// valueError is the fault of one value, without the value.
type valueError string

func (e valueError) Error() string { return string(e) }

const (
	errInfinite = valueError("infinite value; only finite numbers can be read")
	errTooLarge = valueError("whole number beyond 2^53, which a float64 does not hold; declare the column a category")
)

// conversion says what the values of a stored type become.
type conversion[T any] struct {
	kind   Kind   // when none is declared
	unit   string // as a Number
	number func(T) (float64, error)
	text   func(T) (string, error)
}

// into returns a function that adds a value to a column. The column takes the kind and the unit of the conversion
// where its own is not declared.
func (c conversion[T]) into(b *builder) func(T) error {
	if !b.decided() {
		b.number, b.category = c.kind == Number, c.kind == Category
	}
	if b.number && c.unit != "" {
		b.fileUnit = c.unit
	}
	if b.number && c.number != nil {
		return func(x T) error {
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
	return func(x T) error {
		text, err := c.text(x)
		if err != nil {
			return err
		}
		return faultOf(b.addText([]byte(text)))
	}
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

var fromSigned = conversion[int64]{
	kind: Number,
	number: func(x int64) (float64, error) {
		if x > largestWhole || x < -largestWhole {
			return 0, errTooLarge
		}
		return float64(x), nil
	},
	text: func(x int64) (string, error) { return strconv.FormatInt(x, 10), nil },
}

var fromDate = conversion[int64]{
	kind: Number, unit: unitDays,
	number: func(x int64) (float64, error) { return float64(x), nil },
	text:   func(x int64) (string, error) { return time.Unix(x*86400, 0).UTC().Format(time.DateOnly), nil },
}

const unitDays = "days since 1970-01-01"

// fromUnsigned is the conversion of whole numbers without a sign, stored in the given number of bits.
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

// fromTimestamp is the conversion of times since 1970; day is the length of a day in their unit.
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

// fromTimeOfDay is the conversion of times since midnight.
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

// fromDecimal is the conversion of whole numbers that stand for v/10^scale.
func fromDecimal[T any](scale int32, whole func(T) *big.Int) (conversion[T], error) {
	if scale < 0 || scale > 1000 { // a hostile file may ask for any number of them
		return conversion[T]{}, fmt.Errorf("decimals with %d digits after the point cannot be read", scale)
	}
	text := func(x T) (string, error) { return decimalText(whole(x), int(scale)), nil }
	return conversion[T]{kind: Number, number: numberFrom(text), text: text}, nil
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

// uuidText is the usual text of a UUID.
func uuidText[T ~[]byte](x T) (string, error) {
	h := hex.EncodeToString(x)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}
