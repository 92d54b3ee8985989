package reference

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Compare sets a value against that of an entry, leaf by leaf, and returns what is wrong, or nothing. A value is a float64 or an
// int, a bool, a string, a slice or a map[string]any of values, or nil where it is undefined. NaN and infinities are no values.
func (e Entry) Compare(got any) string {
	var wrong []string
	e.compare("", Whole(e.Value), Whole(got), &wrong)
	return strings.Join(wrong, "; ")
}

// Whole returns nil for a value of which every leaf is nil: a metric that is undefined as a whole.
func Whole(value any) any {
	if defined(value) {
		return value
	}
	return nil
}

func defined(value any) bool {
	switch value := value.(type) {
	case []any:
		return len(value) == 0 || slices.ContainsFunc(value, defined)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(value)), defined)
	}
	return value != nil
}

func (e Entry) compare(at string, want, got any, wrong *[]string) {
	differ := func() { *wrong = append(*wrong, fmt.Sprintf("%s%s, want %s", prefix(at), show(got), show(want))) }
	switch want := want.(type) {
	case json.Number:
		if !e.within(want, got) {
			differ()
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			differ()
			return
		}
		for i := range want {
			e.compare(fmt.Sprintf("%s[%d]", at, i), want[i], list[i], wrong)
		}
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(object))) {
			differ()
			return
		}
		for _, field := range slices.Sorted(maps.Keys(want)) {
			e.compare(at+"."+field, want[field], object[field], wrong)
		}
	default: // nil, bool, string
		if got != want {
			differ()
		}
	}
}

func prefix(at string) string {
	if at == "" {
		return "got "
	}
	return strings.TrimPrefix(at, ".") + ": got "
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // NaN or an infinity
	}
	return string(text)
}

// within compares a number; one that is written as an integer has to agree exactly.
func (e Entry) within(want json.Number, got any) bool {
	var x float64
	switch got := got.(type) {
	case int:
		x = float64(got)
	case float64:
		x = got
	default:
		return false
	}
	w, err := want.Float64()
	if err != nil {
		return false
	}
	if !strings.ContainsAny(want.String(), ".eE") {
		return x == w
	}
	return math.Abs(x-w) <= e.Tolerance.Abs+e.Tolerance.Rel*math.Abs(w) // false for NaN
}
