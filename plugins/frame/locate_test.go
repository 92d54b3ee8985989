package frame

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFaultAt(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		file, text, column string
		opts               ReadOptions
		row                int
		want               string
	}{
		{"a.csv", "x,y\n1,2\n3,44\n", "y", ReadOptions{}, 1, `a.csv:3:3: column "y": wrong`},
		{"a.csv", "\ufeffx,y\r\n\"1\n\n\",2\r\n3,44\r\n", "y", ReadOptions{}, 1, `a.csv:5:3: column "y": wrong`},
		{"a.csv", "x,y\n1,2\n3,44", "x", ReadOptions{}, 1, `a.csv:3:1: column "x": wrong`},
		{"a.csv", "1;2\n3;44\n", "b", ReadOptions{Header: []string{"a", "b"}, Delimiter: ';', File: "shown.csv"}, 0, `shown.csv:1:3: column "b": wrong`},
		{"a.csv", "x,y\n1,2\n", "y", ReadOptions{}, 7, `a.csv: column "y": row 8: wrong`}, // gone since it was read
		{"a.csv", "x,y\n1,2\n", "z", ReadOptions{}, 0, `a.csv: column "z": row 1: wrong`},
		{"a.parquet", "PAR1", "y", ReadOptions{}, 2, `a.parquet: column "y": row 3: wrong`},
	} {
		path := filepath.Join(dir, c.file)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := FaultAt(t.Context(), path, c.opts, c.row, c.column, "wrong")
		var fault *FileError
		if !errors.As(err, &fault) || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}
