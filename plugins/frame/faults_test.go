package frame

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// TestFaultsOfColumnsAreToldTogether: what is wrong with one column hides nothing of the others.
func TestFaultsOfColumnsAreToldTogether(t *testing.T) {
	number := ColumnOptions{Kind: Number}
	opts := ReadOptions{File: "t.csv", Columns: map[string]ColumnOptions{"a": number, "b": number, "c": number}}
	_, err := ReadCSV(strings.NewReader("a,b,c\n1,2,3\n4,five,six\n7,8,nine\nten,11,12\n"), opts)
	want := `t.csv:3:3: column "b": text in a number column; declare the text a missing code, or the column a category; ` +
		`t.csv:3:8: column "c": text in a number column; declare the text a missing code, or the column a category; ` +
		`t.csv:5:1: column "a": text in a number column; declare the text a missing code, or the column a category`
	if err == nil || err.Error() != want {
		t.Errorf("CSV: %v\nwant %s", err, want)
	}
	// what ends the reading comes last
	_, err = ReadCSV(strings.NewReader("a,b,c\n1,two,3\n4,5\n"), opts)
	if texts := faultTexts(err); len(texts) != 2 || !strings.HasPrefix(texts[0], `t.csv:2:3: column "b"`) || !strings.HasPrefix(texts[1], "t.csv:3") {
		t.Errorf("ragged CSV: %q", texts)
	}
	opts.Columns = map[string]ColumnOptions{"x": number, "y": number}
	_, err = ReadCSV(strings.NewReader("a,b,c\n1,2,3\n"), opts)
	if texts := faultTexts(err); len(texts) != 2 || !strings.Contains(texts[0], `"x"`) || !strings.Contains(texts[1], `"y"`) {
		t.Errorf("unknown columns: %q", texts)
	}
}

func faultTexts(err error) []string {
	var texts []string
	for _, f := range Apart(err) {
		texts = append(texts, f.Error())
	}
	return texts
}

// TestFaultsOfStoredColumnsAreToldTogether: so too for files that name the types of their columns.
func TestFaultsOfStoredColumnsAreToldTogether(t *testing.T) {
	f := Must(NewCategoryFromStrings("a", []string{"1", "x"}, nil), NewNumber("b", []float64{1, 2}), NewCategoryFromStrings("c", []string{"y", "2"}, nil))
	opts := ReadOptions{File: "t", Columns: map[string]ColumnOptions{"a": {Kind: Number}, "c": {Kind: Number}}}
	var parquet bytes.Buffer
	if err := WriteParquet(&parquet, f); err != nil {
		t.Fatal(err)
	}
	_, err := ReadParquetTable(context.Background(), bytes.NewReader(parquet.Bytes()), int64(parquet.Len()), opts)
	if texts := faultTexts(err); len(texts) != 2 || !strings.Contains(texts[0], `column "a": row 2`) || !strings.Contains(texts[1], `column "c": row 1`) {
		t.Errorf("Parquet: %q", texts)
	}
	field := func(name string) arrow.Field { return arrow.Field{Name: name, Type: arrow.BinaryTypes.String} }
	texts := func(values string) arrow.Array { return arrowRecord(t, arrow.BinaryTypes.String, values).Column(0) }
	schema := arrow.NewSchema([]arrow.Field{field("a"), field("b"), field("c")}, nil)
	batch := func(a, b, c string) arrow.Record {
		return array.NewRecord(schema, []arrow.Array{texts(a), texts(b), texts(c)}, 2)
	}
	_, err = readArrowBytes(arrowFileBytes(t, []arrow.Record{
		batch(`["1", "x"]`, `["p", "q"]`, `["1", "2"]`), batch(`["y", "2"]`, `["p", "q"]`, `["3", "z"]`),
	}), opts)
	if texts := faultTexts(err); len(texts) != 2 || !strings.Contains(texts[0], `column "a": row 2`) || !strings.Contains(texts[1], `column "c": row 4`) {
		t.Errorf("Arrow: %q", texts)
	}
}

func TestTogether(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	if Together() != nil || Together(nil, nil) != nil || Together(nil, a) != a {
		t.Error("one fault, or none, is not itself")
	}
	err := Together(a, Together(b, c), nil)
	if got := err.Error(); got != "a; b; c" || !errors.Is(err, c) {
		t.Errorf("%s", got)
	}
	wrapped := fmt.Errorf("read: %w", err)
	if got := Apart(wrapped); len(got) != 1 || got[0] != wrapped {
		t.Errorf("%v", got)
	}
	many := slices.Repeat([]error{a}, 12)
	if got := Together(many...).Error(); got != strings.Repeat("a; ", 10)+"and 2 more" {
		t.Errorf("%s", got)
	}
}

func TestRewritten(t *testing.T) {
	for _, c := range []struct {
		levels string
		want   int
	}{
		{"4 4.0 3 3.00 2", 2},
		{"1 1.0 1e0 +1", 1},
		{"007 7 07 45 045", 0}, // codes
		{"A1 A1.0 B", 0},
		{"250.0 250 250.1", 1},
		{"9007199254740993 9007199254740992 9007199254740994", 0}, // long identifiers are no numbers
		{"", 0},
	} {
		if got := Rewritten(strings.Fields(c.levels)); got != c.want {
			t.Errorf("%s: %d, want %d", c.levels, got, c.want)
		}
	}
}
