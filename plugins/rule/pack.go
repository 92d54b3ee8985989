package rule

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// A pack is written in CUE, in packs/NAME.cue, against the schema of rules in settings.cue. What the binary holds is its JSON,
// packs/NAME.json, so that nothing has to be evaluated at start; a test of package schemas checks the one against the other and
// rewrites it with UPDATE=1.

//go:embed packs/icu.json
var icuPack []byte

// ICUVersion is raised when the pack changes: it decides what audits say, and which planted errors can be told, and is part of both keys.
const ICUVersion = 3

// Pack is a set of rules that ships.
type Pack struct {
	Title   string          `json:"title"`
	Summary string          `json:"summary"`
	Rules   map[string]Rule `json:"rules"`
}

var packs = map[string]func() ([]*Parsed, error){"icu": sync.OnceValues(func() ([]*Parsed, error) { return unpack("icu", icuPack) })}

// unpack reads the rules of a pack, in byte order of their names.
func unpack(name string, text []byte) ([]*Parsed, error) {
	var pack Pack
	if err := json.Unmarshal(text, &pack); err != nil {
		return nil, fmt.Errorf("pack %q: %w", name, err)
	}
	var out []*Parsed
	for _, key := range slices.Sorted(maps.Keys(pack.Rules)) {
		r, faults := Parse(name+"."+key, false, pack.Rules[key])
		if len(faults) > 0 {
			return nil, fmt.Errorf("pack %q, rule %q: %w", name, key, faults)
		}
		out = append(out, r)
	}
	return out, nil
}

// Packed returns the rules of packs, in the order in which these are named. The fields of faults start at "packs".
func Packed(names []string) (out []*Parsed, faults plugins.Faults) {
	for i, name := range names {
		load, ok := packs[name]
		field := []string{"packs", fmt.Sprint(i)}
		switch {
		case !ok:
			faults = append(faults, plugins.Fault{
				Field: field, Message: fmt.Sprintf("no pack named %q", name), Name: name, Known: slices.Sorted(maps.Keys(packs)),
			})
			continue
		case slices.Contains(names[:i], name):
			faults = append(faults, plugins.Fault{Field: field, Message: fmt.Sprintf("pack %q is named twice", name)})
			continue
		}
		rules, err := load()
		if err != nil { // our bug, which a test of every pack finds
			faults = append(faults, plugins.Fault{Field: field, Message: err.Error()})
		}
		out = append(out, rules...)
	}
	return out, faults
}
