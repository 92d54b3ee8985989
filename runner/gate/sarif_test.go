package gate

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// EHRLAB_SARIF names the program of the SARIF SDK that validates logs: each kind of report holds to the schema and the rules of SARIF 2.1.0, and to
// those of the code scanning of GitHub.
func TestSARIFIsValid(t *testing.T) {
	validator := os.Getenv("EHRLAB_SARIF")
	if validator == "" {
		t.Skip("EHRLAB_SARIF is not set")
	}
	accepted, recorded := everything(t), everything(t)
	accepted.Accept([]string{"holds", "limited"}, "v2 is the baseline from now on")
	for i := range recorded.Comparisons { // as of a version that is named, whose checks stand in its folder
		recorded.Comparisons[i].Check.File = "/results/a study/v2/views.json"
	}
	reports := map[string]*Report{
		"everything": everything(t), "accepted": accepted, "recorded": recorded,
		"passing": report(t, []spec.Check{holds(0.02)}, flat(2, "copula", 0.8, 0.81), flat(1, "copula", 0.8, 0.81)),
	}
	dir := t.TempDir()
	var files []string
	for name, r := range reports {
		raw, err := r.SARIF("1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		if name == "everything" { // the validator finds what is wrong
			wrong := strings.Replace(string(raw), `"ruleIndex": 0`, `"ruleIndex": 77`, 1)
			files = append(files, write(t, dir, "wrong", []byte(wrong)))
		}
		files = append(files, write(t, dir, name, raw))
	}
	out := filepath.Join(dir, "out.json")
	cmd := exec.Command(validator, append([]string{"validate", "--output", out, "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning"}, files...)...)
	cmd.Env = append(os.Environ(), "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1") // it needs no library of languages
	said, failure := cmd.CombinedOutput()
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v: %v: %s", err, failure, said)
	}
	var log struct {
		Runs []struct {
			Results []struct {
				RuleID    string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &log); err != nil || len(log.Runs) != 1 {
		t.Fatalf("%v: %s", err, raw)
	}
	found := false
	for _, r := range log.Runs[0].Results {
		if len(r.Locations) == 1 && path.Base(r.Locations[0].PhysicalLocation.ArtifactLocation.URI) == "wrong.sarif" {
			found = found || r.RuleID == "SARIF1009" // an index beyond the rules
			continue
		}
		t.Errorf("%+v", r)
	}
	if !found || t.Failed() {
		t.Errorf("the validator said:\n%s", said)
	}
}

func write(t *testing.T, dir, name string, raw []byte) string {
	t.Helper()
	file := filepath.Join(dir, name+".sarif")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
