package all

import (
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// everyRole is what is known of a pair of which everything is known.
var everyRole = plugins.Roles{
	Label: "died", Subject: "patient", Site: "hospital", Groups: []string{"sex"}, QuasiIdentifiers: []string{"age", "sex"},
	Key: []string{"age"}, Secret: "hiv", NumericSecret: "lactate", Halves: [2][]string{{"age"}, {"lactate"}}, Aux: []string{"age"},
	Categories: []string{"sex", "hiv"}, Numbers: []string{"age", "lactate"},
}

// Every metric can be measured on a pair of files of which all is known, and says what it lacks of one of which nothing is.
func TestMetricsSuitPairsOfFiles(t *testing.T) {
	r := Registry()
	known := []string{
		"", plugins.LacksLabel, plugins.LacksSite, plugins.LacksGroups, plugins.LacksQuasi, plugins.LacksKey, plugins.LacksHalves, plugins.LacksSecret,
	}
	told := 0
	for _, name := range r.Metrics.Names() {
		entry := r.Metrics.Get(name)
		with, lacks, err := entry.Suit(everyRole, nil)
		if lacks == plugins.LacksFile && filed(t, name) || lacks == plugins.LacksAudit && entry.Info.Audited {
			told++
			continue
		}
		if lacks != "" || err != nil {
			t.Errorf("%s lacks %q, %v", name, lacks, err)
			continue
		}
		if _, _, err := entry.Build(with); err != nil {
			t.Errorf("%s with %s: %v", name, with, err)
		}
		with, lacks, err = entry.Suit(plugins.Roles{}, nil)
		if !slices.Contains(known, lacks) || err != nil {
			t.Errorf("%s lacks %q, which is none of the texts for that, %v", name, lacks, err)
		}
		if lacks != "" {
			told++
			continue
		}
		if _, _, err := entry.Build(with); err != nil {
			t.Errorf("%s lacks nothing, and is not built: %v", name, err)
		}
	}
	if told < 8 {
		t.Errorf("%d metrics only lack something of a pair of which nothing is known", told)
	}
}

// filed reports whether a metric reads files, which no pair has.
func filed(t *testing.T, name string) bool {
	m, _, err := Registry().Metrics.Get(name).Build([]byte(with(t, "metric", name)))
	_, ok := m.(plugins.Filed)
	return ok && err == nil
}

func TestSettingsComeBeforeWhatSuits(t *testing.T) {
	entry := Registry().Metrics.Get("disparity")
	with, _, err := entry.Suit(everyRole, []byte(`{"by": ["race"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, settings, err := entry.Build(with); err != nil || !strings.Contains(string(settings), `"by":["race"]`) {
		t.Errorf("%s, %v", settings, err)
	}
}

// The values that are called ideal lie in the range of their score, and not at the end that is best anyway.
func TestIdealValues(t *testing.T) {
	r, ideals := Registry(), 0
	for _, name := range r.Metrics.Names() {
		for _, s := range r.Metrics.Get(name).Info.Scores {
			if s.Ideal == nil {
				continue
			}
			ideals++
			if *s.Ideal < s.Min || *s.Ideal > s.Max || s.Better == plugins.Higher && *s.Ideal == s.Max || s.Better == plugins.Lower && *s.Ideal == s.Min {
				t.Errorf("%s.%s: %v of [%v, %v], %s", name, s.Name, *s.Ideal, s.Min, s.Max, s.Better)
			}
		}
	}
	if ideals < 10 {
		t.Errorf("%d ideal values only", ideals)
	}
}

func TestCore(t *testing.T) {
	r := Registry()
	var names []string
	for _, p := range r.Core {
		entry := r.Metrics.Get(p.Use)
		if entry == nil || entry.Info.Variant || slices.Contains(names, p.Name) {
			t.Errorf("%s uses %s", p.Name, p.Use)
			continue
		}
		names = append(names, p.Name)
		if _, _, err := entry.Build(p.With); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	if len(names) < 8 || len(names) > 20 {
		t.Errorf("%d metrics: %v", len(names), names)
	}
}
