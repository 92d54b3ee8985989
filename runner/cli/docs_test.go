package cli_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/all"
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

// documents are the pages whose commands are run, with the least number of commands that each is known to have.
var documents = []struct {
	name  string
	least int
	slow  bool
}{{"README.md", 20, true}, {"docs/audits.md", 1, false}, {"docs/checks.md", 0, false}, {"docs/metrics.md", 2, false}, {"docs/models.md", 8, false}, {"docs/review.md", 4, false}, {"docs/search.md", 3, false}, {"docs/tables.md", 4, false}}

// document reads a page of the documentation.
func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks returns the blocks of a page that are fenced as a language.
func blocks(page, language string) []string {
	var out []string
	for _, block := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		out = append(out, block[1])
	}
	return out
}

// save writes a file.
func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// withoutRace skips a test whose commands run nothing side by side that the scripts do not.
func withoutRace(t *testing.T) {
	t.Helper()
	if underRace && testing.Short() {
		t.Skip("the scripts run the same side by side")
	}
}

// whole finds the name of an experiment that a page shows in full.
var whole = regexp.MustCompile(`^name: +"([a-z0-9-]+)"\n`)

// TestCommandsOfTheREADME runs every ehrlab command line of the README and of the pages in docs, in order. An experiment that a
// page shows in full stands in a file of its name; what a page shows as text is something that its commands print.
func TestCommandsOfTheREADME(t *testing.T) {
	withoutRace(t)
	pages, err := filepath.Glob(filepath.Join(repository(t), "docs", "*.md"))
	if err != nil || len(pages) != len(documents)-1 {
		t.Errorf("documents lists other pages than %v, %v", pages, err)
	}
	for _, d := range documents {
		t.Run(filepath.Base(d.name), func(t *testing.T) {
			if d.slow && testing.Short() {
				t.Skip("runs every command once more on the whole cohort; the scripts cover them in short mode")
			}
			page := document(t, d.name)
			dir, env := workplace(t)
			for _, block := range blocks(page, "cue") {
				if found := whole.FindStringSubmatch(block); found != nil {
					save(t, filepath.Join(dir, found[1]+".cue"), block)
				}
			}
			ran, printed := 0, ""
			for line := range strings.Lines(strings.Join(blocks(page, "sh"), "")) {
				line, _, _ = strings.Cut(line, " # ") // what is said of it
				line = strings.TrimSpace(line)
				if strings.HasPrefix(line, "ehrlab ") || strings.HasPrefix(line, "go run ./runner/cmd/ehrlab ") {
					printed += try(t, dir, env, line)
					ran++
				}
			}
			if ran < d.least {
				t.Errorf("found %d commands only", ran)
			}
			mended := page
			for _, shown := range blocks(page, "text") {
				mended = strings.Replace(mended, shown, excerpt(t, printed, shown), 1)
			}
			if os.Getenv("UPDATE") != "" {
				save(t, filepath.Join(repository(t), filepath.FromSlash(d.name)), mended)
			} else if diff := cmp.Diff(page, mended); diff != "" {
				t.Errorf("the page does not show what its commands print; UPDATE=1 go test ./runner/cli mends it:\n%s", diff)
			}
		})
	}
}

// excerpt returns what was printed where a page shows something: as many lines, from the same first one.
func excerpt(t *testing.T, printed, shown string) string {
	t.Helper()
	first, _, _ := strings.Cut(shown, "\n")
	_, after, found := strings.Cut("\n"+printed, "\n"+first+"\n")
	lines := strings.SplitAfterN(after, "\n", strings.Count(shown, "\n"))
	if !found || len(lines) < strings.Count(shown, "\n") {
		t.Fatalf("no command prints what the page shows:\n%s", shown)
	}
	return first + "\n" + strings.Join(lines[:len(lines)-1], "")
}

// TestBlocksOfModels plans what docs/models.md shows of experiments, each block as an addition to the first one, which is whole.
func TestBlocksOfModels(t *testing.T) {
	withoutRace(t)
	shown := blocks(document(t, "docs/models.md"), "cue")
	if len(shown) < 5 || !whole.MatchString(shown[0]) {
		t.Fatalf("the page shows %d blocks, and the first may be no whole experiment", len(shown))
	}
	dir, env := workplace(t)
	for i, block := range shown {
		folder := fmt.Sprintf("block%d", i)
		if err := os.Mkdir(filepath.Join(dir, folder), 0o777); err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(dir, folder, "experiment.cue"), shown[0])
		if i > 0 {
			save(t, filepath.Join(dir, folder, "addition.cue"), block)
		}
		if out := try(t, dir, env, "ehrlab plan "+folder); t.Failed() || strings.Contains(out, "warning") {
			t.Fatalf("the block\n%s\nis not without a warning:\n%s", block, out)
		}
	}
}

// TestExperimentsOfTheREADME checks the experiment that the README shows, and that the table it shows is the
// one that the quickstart makes.
func TestExperimentsOfTheREADME(t *testing.T) {
	withoutRace(t)
	text := document(t, "README.md")
	dir, env := workplace(t)
	shown := blocks(text, "cue")
	if len(shown) == 0 || !whole.MatchString(shown[0]) {
		t.Fatal("the README shows no experiment")
	}
	save(t, filepath.Join(dir, "first.cue"), shown[0])
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
	head, rest, _ := strings.Cut(text, from)
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
	try(t, dir, env, "ehrlab run experiments/llm-quickstart.cue")
	commands := [][]string{nil}
	for _, name := range strings.Fields("prompt usage record drift") { // before run, which replays what record writes
		commands = append(commands, []string{"llm", name})
	}
	for _, name := range strings.Fields("vet plan run show report diff tag bundle reproduce explain plugins cache llm data score schema version completion help") {
		commands = append(commands, []string{name})
	}
	for _, name := range strings.Fields("ls verify gc") {
		commands = append(commands, []string{"cache", name})
	}
	for _, name := range strings.Fields("inspect verify write") {
		commands = append(commands, []string{"data", name})
	}
	for _, name := range strings.Fields("plan export") { // import reads what raters answer
		commands = append(commands, []string{"review", name})
	}
	commands = append(commands, []string{"review"}, []string{"init"}) // after data write, whose tables it reads
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
	if len(ran) < 20 {
		t.Errorf("found %d examples only: %v", len(ran), ran)
	}
}

// TestReportMakesTheViewsFromTheRecordAlone removes cache and data before the report.
func TestReportMakesTheViewsFromTheRecordAlone(t *testing.T) {
	withoutRace(t)
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

// TestListOfMetrics holds the list of docs/metrics.md to what the plugins say of themselves.
func TestListOfMetrics(t *testing.T) {
	const begin, end = "<!-- metrics: UPDATE=1 go test -short ./runner/cli -->\n", "<!-- end of metrics -->"
	page := document(t, "docs/metrics.md")
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("the page has no place for the list")
	}
	list := metricsInMarkdown(all.Registry())
	if strings.Count(list, "\n### ") < len(plugins.Families()) {
		t.Fatalf("the list lacks a family:\n%s", list)
	}
	mended := before + begin + list + end + after
	if os.Getenv("UPDATE") != "" {
		save(t, filepath.Join(repository(t), "docs", "metrics.md"), mended)
	} else if diff := cmp.Diff(page, mended); diff != "" {
		t.Errorf("the list is not what the plugins say; UPDATE=1 go test -short ./runner/cli mends it:\n%s", diff)
	}
}

// metricsInMarkdown describes every metric, by family.
func metricsInMarkdown(r *plugins.Registry) string {
	core := map[string]bool{}
	for _, p := range r.Core {
		core[p.Use] = true
	}
	var b strings.Builder
	for _, family := range plugins.Families() {
		fmt.Fprintf(&b, "\n### %s\n", family)
		for _, name := range r.Metrics.Names() {
			info := &r.Metrics.Get(name).Info
			if info.Family != family {
				continue
			}
			star := ""
			if core[name] {
				star = " ★"
			}
			fmt.Fprintf(&b, "\n**`%s`**%s: %s. Reads %s", name, star, info.Summary, partsInWords(info.Reads))
			if info.Control {
				b.WriteString(" (Control)")
			}
			fmt.Fprintf(&b, ". Time: %s.", info.Cost)
			if info.Source != "" {
				fmt.Fprintf(&b, " Source: %s.", info.Source)
			}
			b.WriteString("\n\n")
			for _, s := range info.Scores {
				fmt.Fprintf(&b, "- `%s` %s %s: %s\n", s.Name, map[plugins.Direction]string{plugins.Higher: "↑", plugins.Lower: "↓", plugins.Neutral: "·"}[s.Better], rangeInWords(s), inWords(s))
			}
			for _, c := range info.Curves {
				with := ""
				if c.With != "" {
					with = fmt.Sprintf("; with `%s: true`", c.With)
				}
				fmt.Fprintf(&b, "- curve `%s`: %s%s\n", c.Name, c.Summary, with)
			}
		}
	}
	return b.String() + "\n"
}

func partsInWords(parts []plugins.Part) string {
	if len(parts) == 0 {
		return "a file of its own"
	}
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = string(p)
	}
	return strings.Join(texts, ", ")
}

// inWords is what a score means, and why it has no interval.
func inWords(s plugins.ScoreInfo) string {
	if s.NoInterval == "" {
		return s.Summary
	}
	return s.Summary + "; " + plugins.WithoutInterval + s.NoInterval
}

func rangeInWords(s plugins.ScoreInfo) string {
	low, high := fmt.Sprintf("[%.4g", s.Min), fmt.Sprintf("%.4g]", s.Max)
	if math.IsInf(s.Min, 0) {
		low = "(-∞"
	}
	if math.IsInf(s.Max, 0) {
		high = "∞)"
	}
	return low + ", " + high
}
