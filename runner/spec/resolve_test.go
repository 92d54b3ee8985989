package spec

import (
	"strings"
	"testing"
)

// What a file says of its data without changing a number is no part of what results record.
func TestTextsOfDataAreNotResolved(t *testing.T) {
	const plain = "base matrix\n-- x.cue --\n"
	_, want := mustLoad(t, plain).Resolved()
	for _, text := range []string{`licence: "CC0"`, `citation: "A. Author"`, `note: "one table only"`} {
		e := mustLoad(t, plain+"datasets: icu: "+text+"\n")
		raw, hash := e.Resolved()
		if field, _, _ := strings.Cut(text, ":"); hash != want || strings.Contains(string(raw), field) {
			t.Errorf("%s: %s", text, raw)
		}
		if d := e.Datasets[0]; d.Licence+d.Citation+d.Note == "" {
			t.Errorf("%s: Resolved changed the experiment", text)
		}
	}
}
