package record

import (
	"reflect"
	"slices"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// Decided returns a copy of views, checks or whatever else selects cells, with what searches chose in the place of the values that stand
// for it ("best.NAME"). Values of searches that were not decided stay: no cell has them.
func Decided[T any](of T, choices []Choice) T {
	if len(choices) == 0 {
		return of
	}
	return decided(reflect.ValueOf(&of).Elem(), choices).Interface().(T)
}

var (
	manyValues = reflect.TypeFor[map[string][]spec.Value]()
	oneValue   = reflect.TypeFor[map[string]spec.Value]()
)

// decided copies a value as deep as it may select cells: selections are of these two types wherever they stand.
func decided(v reflect.Value, choices []Choice) reflect.Value {
	switch {
	case v.Type() == manyValues:
		return reflect.ValueOf(putMany(v.Interface().(map[string][]spec.Value), choices))
	case v.Type() == oneValue:
		return reflect.ValueOf(putOne(v.Interface().(map[string]spec.Value), choices))
	}
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				out.Field(i).Set(decided(v.Field(i), choices))
			}
		}
	case reflect.Slice:
		if !v.IsNil() && holdsSelections(v.Type().Elem()) {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(decided(v.Index(i), choices))
			}
		}
	}
	return out
}

// holdsSelections reports whether elements of a list may select cells.
func holdsSelections(t reflect.Type) bool {
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Slice || t == manyValues || t == oneValue
}

func putMany(where map[string][]spec.Value, choices []Choice) map[string][]spec.Value {
	if where == nil {
		return nil
	}
	out := make(map[string][]spec.Value, len(where))
	for axis, values := range where {
		out[axis] = nil
		for _, v := range values {
			if v = chosenValue(axis, v, choices); !slices.Contains(out[axis], v) { // it may stand there by itself, too
				out[axis] = append(out[axis], v)
			}
		}
	}
	return out
}

func putOne(where map[string]spec.Value, choices []Choice) map[string]spec.Value {
	if where == nil {
		return nil
	}
	out := make(map[string]spec.Value, len(where))
	for axis, v := range where {
		out[axis] = chosenValue(axis, v, choices)
	}
	return out
}

func chosenValue(axis string, v spec.Value, choices []Choice) spec.Value {
	name, is := v.Searched()
	if !is {
		return v
	}
	for i := range choices {
		if choices[i].Search == name {
			if text, ok := choices[i].Value(axis); ok {
				return spec.Value{Text: text}
			}
		}
	}
	return v
}
