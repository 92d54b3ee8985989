package cli

import (
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/spf13/pflag"
)

func parsedYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	parsed, err := yaml.Parser().Unmarshal([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return parsed
}

// at is the value under keys in parsed YAML; a number of a list is an int.
func at(t *testing.T, v any, keys ...any) any {
	t.Helper()
	for _, key := range keys {
		switch k := key.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok || m[k] == nil {
				t.Fatalf("no %v of %v in %v", key, keys, v)
			}
			v = m[k]
		case int:
			v = v.([]any)[k]
		}
	}
	return v
}

// awkward is a study whose paths need quoting in a workflow.
func awkward(restricted bool) *study {
	return &study{
		Name: "icu", File: "icu.cue", Prefix: `our "studies": #1/`, Version: "v0.2.0", Module: command, Go: "1.26.0", Restricted: restricted,
	}
}

func TestWorkflowForGitHub(t *testing.T) {
	for _, restricted := range []bool{false, true} {
		text, err := awkward(restricted).filled("github.yml")
		if err != nil {
			t.Fatal(err)
		}
		w := parsedYAML(t, text)
		if p := at(t, w, "permissions").(map[string]any); len(p) != 1 || p["contents"] != "read" {
			t.Errorf("permissions are %v, want contents: read alone", p)
		}
		for key, want := range map[string]string{
			"EHRLAB_VERSION": "v0.2.0", "EXPERIMENT": `our "studies": #1/icu.cue`, "RECORDING": `our "studies": #1/icu.recording`,
			"EHRLAB_RESULTS": `our "studies": #1/results`, "BASELINE": `our "studies": #1/baseline.json`,
		} {
			if got := at(t, w, "env", key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
		runner := map[bool]string{false: "ubuntu-latest", true: "self-hosted"}[restricted]
		if got := at(t, w, "jobs", "ehrlab", "runs-on"); got != runner {
			t.Errorf("runs on %v, want %s", got, runner)
		}
		var commands []string
		caches := 0
		for _, s := range at(t, w, "jobs", "ehrlab", "steps").([]any) {
			step := s.(map[string]any)
			if run, ok := step["run"].(string); ok {
				commands = append(commands, run)
			}
			uses, _ := step["uses"].(string)
			if uses != "" && !strings.Contains(uses, "@v") {
				t.Errorf("%s is not pinned", uses)
			}
			if strings.HasPrefix(uses, "actions/cache") {
				caches++
			}
		}
		if want := map[bool]int{false: 2, true: 0}[restricted]; caches != want {
			t.Errorf("restricted %v: %d steps touch the cache of the service, want %d", restricted, caches, want)
		}
		inOrder(t, strings.Join(commands, "\n"))
	}
}

func TestWorkflowForGitLab(t *testing.T) {
	for _, restricted := range []bool{false, true} {
		text, err := awkward(restricted).filled("gitlab.yml")
		if err != nil {
			t.Fatal(err)
		}
		w := parsedYAML(t, text)
		if got := at(t, w, "ehrlab", "variables", "EXPERIMENT"); got != `our "studies": #1/icu.cue` {
			t.Errorf("EXPERIMENT is %q", got)
		}
		if _, caches := at(t, w, "ehrlab").(map[string]any)["cache"]; caches == restricted {
			t.Errorf("restricted %v: a cache of the service: %v", restricted, caches)
		}
		if got := at(t, w, "ehrlab", "artifacts", "reports", "junit"); got != "check.xml" {
			t.Errorf("junit is %v", got)
		}
		if got := at(t, w, "ehrlab", "artifacts", "paths", 0); got != `our "studies": #1/results/icu/*/report.html` {
			t.Errorf("the report is %v", got)
		}
		var commands []string
		for _, line := range at(t, w, "ehrlab", "script").([]any) {
			commands = append(commands, line.(string)) // a colon in a line would make it a map
		}
		inOrder(t, strings.Join(commands, "\n"))
	}
}

// inOrder checks that a workflow installs a pinned version, and then does what it is for.
func inOrder(t *testing.T, script string) {
	t.Helper()
	rest := script
	for _, want := range []string{
		`go install "` + command + `@$EHRLAB_VERSION"`, `ehrlab vet "$EXPERIMENT"`, `ehrlab plan "$EXPERIMENT"`, `set -- --replay "$RECORDING"`,
		`ehrlab run "$@" "$EXPERIMENT"`, `set -- --baseline "$BASELINE"`, `ehrlab check "$@" `, `--output check.xml --output check.sarif "$EXPERIMENT"`,
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("no %q at its place in\n%s", want, script)
		}
		rest = after
	}
}

func TestPinned(t *testing.T) {
	for _, c := range []struct{ revision, module, version, note string }{
		{"0a1b2c", "v0.2.0", "v0.2.0", ""},
		{"0a1b2c+dirty", "v0.2.1-0.20260101000000-0a1b2c3d4e5f+dirty", "v0.2.1-0.20260101000000-0a1b2c3d4e5f", "the build that wrote this had changes beyond it"},
		{"0a1b2c", "", "0a1b2c", ""},
		{"0a1b2c+dirty", "", "0a1b2c", "the build that wrote this had changes beyond it"},
		{"unknown", "v0.2.0", "v0.2.0", ""},
		{"unknown", "", "main", "the build that wrote this does not know its version: write a release or a commit here"},
	} {
		if version, note := pinned(c.revision, c.module); version != c.version || note != c.note {
			t.Errorf("%s, %q: %s (%s)", c.revision, c.module, version, note)
		}
	}
}

// TestSettingsFile holds the settings file to be what it says: every setting, at its default.
func TestSettingsFile(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	settingFlags(flags)
	text := settingsFile(flags)
	if got := parsedYAML(t, text); len(got) != 0 {
		t.Errorf("as written it sets %v", got)
	}
	var lines []string
	for line := range strings.Lines(text) {
		if name, _, _ := strings.Cut(strings.TrimPrefix(line, "# "), ":"); defaults[name] != nil {
			line = strings.TrimPrefix(line, "# ")
		}
		lines = append(lines, line)
	}
	got := parsedYAML(t, strings.Join(lines, ""))
	if len(got) != len(defaults) {
		t.Errorf("it names %d settings of %d", len(got), len(defaults))
	}
	for name, want := range defaults {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestNamesOfAStudy(t *testing.T) {
	for dir, want := range map[string]string{
		"icu": "icu", "my study": "my-study", "Größe 2": "Gr--e-2", "---": "study", "a.b": "a-b", "/": "study", "2026": "2026",
	} {
		name, err := (&initOptions{dir: dir}).studyName()
		if err != nil || name != want || !studyName.MatchString(name) {
			t.Errorf("%q: %q, %v; want %q", dir, name, err, want)
		}
	}
	for name, want := range map[string]string{"icu": "icu", "my-study": "my_study", "2026": "study_2026", "for": "study_for"} {
		if got := packageName(name); got != want {
			t.Errorf("package of %q: %q, want %q", name, got, want)
		}
	}
}

func TestShellQuoted(t *testing.T) {
	for word, want := range map[string]string{
		"a/b.cue": "a/b.cue", "a b": "'a b'", "it's": `'it'\''s'`, "-x": "'-x'", "$HOME": "'$HOME'", "": "''",
	} {
		if got := shellQuoted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
