package all

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// field is a line of a schema that begins with a setting.
var field = regexp.MustCompile(`^\s*"?([A-Za-z][A-Za-z0-9_-]*)"?[?!]?:`)

// told are the settings that a comment above them need not explain: those of a pair, of which the first says what both are, and
// names of tables.
var told = []string{
	"max", "yMax", "atLeast",
	"patient", "hospital", "apacheApsVar", "apachePredVar", "apachePatientResult", "carePlanGeneral", "vitalPeriodic", "vitalAperiodic", "lab", "intakeOutput",
}

// Every setting of every plugin says what it is: in a comment above it or behind it, once in a schema that has it twice.
func TestEverySettingIsExplained(t *testing.T) {
	r := Registry()
	check := func(kind, name, schema string) {
		if bare := unexplained(schema); len(bare) > 0 {
			t.Errorf("%s %q has settings without a comment: %s", kind, name, strings.Join(bare, ", "))
		}
	}
	settings := 0
	each(&r.Datasets, func(name, schema string) { check("dataset", name, schema); settings += strings.Count(schema, ":") })
	each(&r.Features, func(name, schema string) { check("features", name, schema); settings += strings.Count(schema, ":") })
	each(&r.Strategies, func(name, schema string) { check("strategy", name, schema); settings += strings.Count(schema, ":") })
	each(&r.LLMs, func(name, schema string) { check("llm", name, schema); settings += strings.Count(schema, ":") })
	each(&r.Metrics, func(name, schema string) { check("metric", name, schema); settings += strings.Count(schema, ":") })
	each(&r.Views, func(name, schema string) { check("view", name, schema); settings += strings.Count(schema, ":") })
	if settings < 100 {
		t.Errorf("found %d settings only", settings)
	}
}

func each[P any](set *plugins.Set[P], f func(name, schema string)) {
	for _, name := range set.Names() {
		f(name, set.Get(name).Info.Schema)
	}
}

// unexplained lists the settings of a schema that no comment explains.
func unexplained(schema string) []string {
	var bare, explained []string
	commented := false
	for line := range strings.Lines(schema) {
		found := field.FindStringSubmatch(line)
		switch {
		case found == nil:
		case commented || strings.Contains(line, "//"):
			explained = append(explained, found[1])
		default:
			bare = append(bare, found[1])
		}
		commented = strings.HasPrefix(strings.TrimSpace(line), "//")
	}
	return slices.DeleteFunc(bare, func(name string) bool { return slices.Contains(explained, name) || slices.Contains(told, name) })
}

func TestUnexplained(t *testing.T) {
	for schema, want := range map[string]string{
		"":                                      "",
		"a?: int":                               "a",
		"// what a is\na!: int":                 "",
		"a: int // what it is\nb?: {c?: int}":   "b",
		"// all\na?: {\n\tb?: int\n}":           "b",
		"// x\n\na?: int":                       "a",
		"a?: int\nz?: {\n\t// it\n\ta?: int\n}": "z",
		"// x\n\"a-b\"?: int\n\"c-d\"?: int":    "c-d",
	} {
		if got := strings.Join(unexplained(schema), " "); got != want {
			t.Errorf("%q: %q, want %q", schema, got, want)
		}
	}
}
