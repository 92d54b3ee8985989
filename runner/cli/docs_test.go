package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// repository is the root of the checkout.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// workplace is a folder with the experiments of the repository, and environment for the command.
func workplace(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	env = environment()
	if err := setup(dir, func(k, v string) { env = append(env, k+"="+v) }); err != nil {
		t.Fatal(err)
	}
	return dir, env
}

// try runs a command line of the documentation.
func try(t *testing.T, dir string, env []string, line string) string {
	t.Helper()
	line = strings.TrimPrefix(strings.TrimPrefix(line, "go run ./runner/cmd/"), "ehrlab ")
	cmd := exec.Command(os.Args[0], strings.Fields(line)...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("ehrlab %s: %v\n%s", line, err, out)
	}
	return string(out)
}

// TestCommandsOfTheREADME runs every ehrlab command line of the README, in order.
func TestCommandsOfTheREADME(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command once more on the whole cohort; the scripts cover them in short mode")
	}
	text, err := os.ReadFile(filepath.Join(repository(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, env := workplace(t)
	ran := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1) {
		for line := range strings.Lines(string(block[1])) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "ehrlab ") || strings.HasPrefix(line, "go run ./runner/cmd/ehrlab ") {
				try(t, dir, env, line)
				ran++
			}
		}
	}
	if ran < 10 {
		t.Errorf("found %d commands only", ran)
	}
}

// TestExperimentsOfTheREADME checks the experiment that the README shows, and that the table it shows is the
// one that the quickstart makes.
func TestExperimentsOfTheREADME(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir, env := workplace(t)
	shown := regexp.MustCompile("(?s)```cue\n(name:.*?)```").FindSubmatch(text)
	if shown == nil {
		t.Fatal("the README shows no experiment")
	}
	if err := os.WriteFile(filepath.Join(dir, "first.cue"), shown[1], 0o666); err != nil {
		t.Fatal(err)
	}
	if out := try(t, dir, env, "ehrlab run first.cue"); !strings.Contains(out, "first: 18 cells") {
		t.Errorf("the experiment of the README printed\n%s", out)
	}
	try(t, dir, env, "ehrlab run experiments/quickstart.cue")
	file, err := os.ReadFile(filepath.Join(dir, "results", "quickstart", "v1", "tables", "utility.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "|") {
			rows = append(rows, line)
		}
	}
	const from, to = "<!-- made by the quickstart -->\n\n", "\n<!-- end -->"
	head, rest, _ := strings.Cut(string(text), from)
	table, end, found := strings.Cut(rest, to)
	if !found {
		t.Fatal("the README has no place for the table")
	}
	made := strings.Join(rows, "")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(filepath.Join(repository(t), "README.md"), []byte(head+from+made+to+end), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table, made); diff != "" {
		t.Errorf("the README does not show the table that the quickstart makes; UPDATE=1 go test ./runner/cli mends it:\n%s", diff)
	}
}

// TestExamplesOfTheHelp runs the example lines of the help of every command.
func TestExamplesOfTheHelp(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command once more on the whole cohort; the scripts cover them in short mode")
	}
	dir, env := workplace(t)
	try(t, dir, env, "ehrlab run experiments/quickstart.cue")
	commands := [][]string{nil}
	for _, name := range strings.Fields("vet plan run show report explain plugins cache data schema version completion help") {
		commands = append(commands, []string{name})
	}
	for _, name := range strings.Fields("ls verify gc") {
		commands = append(commands, []string{"cache", name})
	}
	for _, name := range strings.Fields("inspect verify write") {
		commands = append(commands, []string{"data", name})
	}
	ran := map[string]bool{}
	for _, c := range commands {
		help := try(t, dir, env, "ehrlab "+strings.Join(append(c, "--help"), " "))
		_, examples, found := strings.Cut(help, "Examples:\n")
		if !found {
			t.Errorf("the help of %q has no example", c)
		}
		examples, _, _ = strings.Cut(examples, "\n\n")
		for line := range strings.Lines(examples) {
			line, _, _ = strings.Cut(line, " > ") // what a shell would do with it
			if line = strings.TrimSpace(line); !ran[line] && strings.HasPrefix(line, "ehrlab ") {
				ran[line] = true
				try(t, dir, env, line)
			}
		}
	}
	if len(ran) < 12 {
		t.Errorf("found %d examples only: %v", len(ran), ran)
	}
}

// TestReportMakesTheViewsFromTheRecordAlone removes cache and data before the report.
func TestReportMakesTheViewsFromTheRecordAlone(t *testing.T) {
	dir, env := workplace(t)
	try(t, dir, env, "ehrlab run experiments/quickstart.cue")
	version := filepath.Join(dir, "results", "quickstart", "v1")
	before := derived(t, version)
	for _, gone := range []string{filepath.Join(dir, ".ehrlab"), filepath.Join(dir, "experiments"), filepath.Join(version, "tables"), filepath.Join(version, "plots")} {
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
	}
	try(t, dir, env, "ehrlab report quickstart")
	if diff := cmp.Diff(before, derived(t, version)); diff != "" {
		t.Errorf("the report makes other files:\n%s", diff)
	}
}

// derived reads the tables and plots of a version.
func derived(t *testing.T, version string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range []string{"tables", "plots"} {
		entries, err := os.ReadDir(filepath.Join(version, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(version, folder, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[folder+"/"+e.Name()] = string(b)
		}
	}
	if len(files) < 8 {
		t.Fatalf("found %d derived files only", len(files))
	}
	return files
}
