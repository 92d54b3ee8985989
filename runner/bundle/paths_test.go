package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPathsOfAMachineAreFound(t *testing.T) {
	exists := func(path string) bool { return path == "/cluster/icu" }
	for line, want := range map[string]string{
		`// copied from /home/x/eicu/apachePredVar.csv.gz on Monday`: "/home/x/eicu/apachePredVar.csv.gz",

		`// see /Users/Ann/icu.`:                   "/Users/Ann/icu",
		"\ttitle: \"rows of /data/eicu, n = 500\"": "/data/eicu",
		`///mnt/share/icu`:                         "/mnt/share/icu",
		`// file:///srv/icu/rows.csv`:              "/srv/icu/rows.csv",
		`path:/scratch/ann/rows`:                   "/scratch/ann/rows",
		`// (/cluster/icu/old/rows.csv)`:           "/cluster/icu/old/rows.csv",
		`// before: "C:\\Users\\Ann\\rows.csv"`:    `C:\\Users\\Ann\\rows.csv`,
		`// C:\Users\Ann\rows.csv`:                 `C:\Users\Ann\rows.csv`,
		`// D:/icu/rows`:                           "D:/icu/rows",
		`// D:\rows.csv`:                           `D:\rows.csv`,
		`// \\server\share\rows.csv`:               `\\server\share\rows.csv`,
		`// was /people/ann/x/y`:                   "/people/ann",
		`// was /people/anna/x`:                    "",

		``: "", `/`: "", `//`: "", `// and/or, mg/dL, 24 h/day, n/N, a / b`: "", `// https://example.org/home/ann/data/eicu`: "",
		`base_url: "http://localhost:8080/data/v1"`: "", `// the endpoint /v1/chat/completions`: "", `// #!/usr/bin/env python`: "",
		`path: "${DATA}/home/x"`: "", `// ../data/eicu/rows.csv, ./home/x/y, raw/data/icu`: "", `// /data holds it`: "",
		`// male/female, yes/no/unknown; 1/2/3`: "", `// per kg/day/patient`: "", `at: "12:/30/1"`: "", `// ratio a:\n`: "",
		`// "\\d+/\\w+"`: "", `//data/eicu is beside it`: "", `// C:/ or D:\ is a drive`: "", `text: "grade C: /none"`: "",
		`// /cluster/other/rows`: "", `// see // /x`: "", `label: "A:\nfirst"`: "", `// x:://y/z`: "",
	} {
		places := paths("name: \"x\"\r\n"+line+"\n", "/people/ann", exists)
		got := ""
		if len(places) > 0 {
			got = places[0].Path
		}
		if got != want || len(places) > 1 || want != "" && places[0].Line != 2 {
			t.Errorf("%s: %v, want %q", line, places, want)
		}
	}
}

// TestExperimentsHereNameNoPath holds all experiments and texts of this repository to have no false alarm.
func TestExperimentsHereNameNoPath(t *testing.T) {
	for _, pattern := range []string{"../../experiments/*", "../cli/scaffold/*", "../../README.md", "../../docs/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				continue // a folder
			}
			if places := paths(string(raw), "", func(string) bool { return false }); len(places) > 0 {
				t.Errorf("%s: %v", file, places)
			}
		}
	}
}

func TestPathsLookAtThisMachine(t *testing.T) {
	dir, err := filepath.Abs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(Paths("a\n// "+filepath.Join(dir, "rows.csv")+"\n"), func(p Place) bool { return p.Line == 2 && strings.HasPrefix(p.Path, dir) }) {
		t.Errorf("%s is not found", dir)
	}
}
