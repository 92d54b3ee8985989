package table

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// A column without a value in the sample has no kind in the header, whatever Read will find further down; in a file that
// the sample holds whole, and where it is declared to hold numbers, it has.
func TestHeaderWithoutAValueInTheSample(t *testing.T) {
	const declared = "declared"
	for _, c := range []struct {
		rows int
		want map[string]frame.Kind
	}{
		{headerRows + 500, map[string]frame.Kind{"id": frame.Number, "late": "", "never": "", declared: frame.Number, "sex": frame.Category}},
		{100, map[string]frame.Kind{"id": frame.Number, "late": frame.Number, "never": frame.Category, declared: frame.Number, "sex": frame.Category}},
	} {
		path := filepath.Join(t.TempDir(), "t.csv")
		last := "7,4.5,,2,f\n"
		if err := os.WriteFile(path, []byte("id,late,never,"+declared+",sex\n"+strings.Repeat("3,,,,m\n", c.rows-1)+last), 0o600); err != nil {
			t.Fatal(err)
		}
		d, _ := build(t, object{"path": path, "columns": object{declared: object{"kind": "number"}}})
		h, err := d.Header(context.Background(), plugins.Env{})
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range h.Columns {
			if info.Kind != c.want[info.Name] {
				t.Errorf("%d rows: column %q is a %q, want %q", c.rows, info.Name, info.Kind, c.want[info.Name])
			}
		}
		data, err := d.Read(context.Background(), plugins.Env{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if late := data.Frame.Column("late"); late == nil || late.Kind != frame.Number {
			t.Errorf("%d rows: what is read of the late column is no number", c.rows)
		}
	}
}
