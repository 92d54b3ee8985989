package rules

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// A pack is written in CUE, in packs/NAME.cue, against the schema of rules in settings.cue. What the binary holds is its JSON,
// packs/NAME.json, so that nothing has to be evaluated at start; a test of package schemas checks the one against the other and
// rewrites it with UPDATE=1.

//go:embed packs/icu.json
var icuPack []byte

// icuVersion is raised when the pack changes: it decides what the audit says, and is part of its key.
const icuVersion = 2

// Pack is a set of rules that ships.
type Pack struct {
	Title   string          `json:"title"`
	Summary string          `json:"summary"`
	Rules   map[string]Rule `json:"rules"`
}

var packs = map[string]func() ([]*rule, error){"icu": sync.OnceValues(func() ([]*rule, error) { return unpack("icu", icuPack) })}

// unpack reads the rules of a pack, in byte order of their names.
func unpack(name string, text []byte) ([]*rule, error) {
	var pack Pack
	if err := json.Unmarshal(text, &pack); err != nil {
		return nil, fmt.Errorf("pack %q: %w", name, err)
	}
	var out []*rule
	for _, key := range slices.Sorted(maps.Keys(pack.Rules)) {
		r, faults := read(name+"."+key, false, pack.Rules[key])
		if len(faults) > 0 {
			return nil, fmt.Errorf("pack %q, rule %q: %w", name, key, faults)
		}
		out = append(out, r)
	}
	return out, nil
}

// packed returns the rules of packs, in the order in which these are named.
func packed(names []string) (out []*rule, faults plugins.Faults) {
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

// matches reports whether a pattern, in which "*" stands for any characters, stands for a name.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	last := len(parts) - 1
	if !strings.HasPrefix(name, parts[0]) || !strings.HasSuffix(name[len(parts[0]):], parts[last]) {
		return false
	}
	rest := name[len(parts[0]) : len(name)-len(parts[last])]
	for _, part := range parts[1:last] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return true
}
