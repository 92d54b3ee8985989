package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCUEOfSettings(t *testing.T) {
	for raw, want := range map[string]string{
		`{"path":"a b.csv","missing":[-1,"?"]}`:                 `{path: "a b.csv", missing: [-1, "?"]}`,
		`{"a-b":{"unit":"µmol/L <5"},"if":null}`:                `{"a-b": {unit: "µmol/L <5"}, "if": null}`,
		`{"n":12345678901234567890,"ok":true}`:                  `{n: 12345678901234567890, ok: true}`,
		`{"_hidden":1,"1st":2,"q\"uote":"\\x\n"}`:               `{"_hidden": 1, "1st": 2, "q\"uote": "\\x\n"}`,
		`{"a":{"b":{"c":{"d":[]}}}}`:                            "{\n\ta: {\n\t\tb: {c: {d: []}}\n\t}\n}",
		`["` + strings.Repeat(`aaaaaaaaaaaaaaaa","`, 5) + `z"]`: "[\n\t" + strings.Repeat(`"aaaaaaaaaaaaaaaa", `, 3) + `"aaaaaaaaaaaaaaaa",` + "\n\t" + `"aaaaaaaaaaaaaaaa", "z",` + "\n]",
	} {
		if diff := cmp.Diff(want, cueOf([]byte(raw), "")); diff != "" {
			t.Errorf("%s: %s", raw, diff)
		}
	}
}

func TestNamesOfBlocks(t *testing.T) {
	for path, want := range map[string]string{
		"/x/patient.csv.gz": "patient", "processed.va.data.gz": "processed_va", "eicu-demo": "eicu_demo", "…": "data", "a/": "a", ".csv": "csv",
	} {
		if got := blockName(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
