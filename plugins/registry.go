package plugins

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Registry lists the plugins of a binary, by kind.
type Registry struct {
	Datasets   Set[Dataset]
	Features   Set[Features]
	Strategies Set[Strategy]
	LLMs       Set[Provider]
	Audits     Set[Auditor]
	Metrics    Set[Metric]
	Views      Set[View]

	// Core are the metrics of what names none: about a dozen, of which each says something that the others do not.
	Core []Preset
}

// Preset is a metric with settings, under a name.
type Preset struct {
	Name    string          `json:"-"`
	Use     string          `json:"use"`
	With    json.RawMessage `json:"with,omitempty"`
	Summary string          `json:"-"` // one line, lower case: what the plugin does with these settings; empty: what it says of itself
	Minus   string          `json:"-"` // the preset that it is set against on the same test rows; empty: none
}

// Set is the plugins of one kind.
type Set[P any] struct {
	entries map[string]*Entry[P]
}

// Entry is one registered plugin.
type Entry[P any] struct {
	Info     Info
	defaults json.RawMessage
	knows    Recogniser // nil: the settings do not say which files are its own
	suits    Suited     // nil: its defaults suit any pair
	build    func(with []byte) (P, json.RawMessage, error)
}

// Add registers a plugin with the default of its settings and its constructor.
//
// C is the plugin's Config: its JSON fields are the with block. Add panics on an incomplete Info or a
// repeated name: our bug, not the user's.
func Add[C, P any](set *Set[P], info Info, defaults C, construct func(C) (P, error)) {
	if info.Name == "" || info.Version < 1 || info.Summary == "" {
		panic(fmt.Sprintf("plugin %q lacks a name, a version or a summary", info.Name))
	}
	if _, twice := set.entries[info.Name]; twice {
		panic(fmt.Sprintf("plugin %q is registered twice", info.Name))
	}
	if set.entries == nil {
		set.entries = map[string]*Entry[P]{}
	}
	plain, err := json.Marshal(defaults)
	if err != nil {
		panic(fmt.Sprintf("plugin %q: defaults: %v", info.Name, err))
	}
	knows, _ := any(defaults).(Recogniser)
	suits, _ := any(defaults).(Suited)
	set.entries[info.Name] = &Entry[P]{Info: info, defaults: plain, knows: knows, suits: suits, build: func(with []byte) (P, json.RawMessage, error) {
		var none P
		var config C // a fresh copy each time: defaults may hold slices and maps
		if err := json.Unmarshal(plain, &config); err != nil {
			return none, nil, err
		}
		if len(with) > 0 {
			d := json.NewDecoder(bytes.NewReader(with))
			d.DisallowUnknownFields()
			if err := d.Decode(&config); err != nil {
				return none, nil, err
			}
		}
		settings, err := json.Marshal(config)
		if err != nil {
			return none, nil, err
		}
		p, err := construct(config)
		return p, settings, err
	}}
}

// Get returns a plugin by name, or nil.
func (s *Set[P]) Get(name string) *Entry[P] { return s.entries[name] }

// Names returns the names of the plugins, sorted.
func (s *Set[P]) Names() []string {
	names := make([]string, 0, len(s.entries))
	for n := range s.entries {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Build makes the plugin with the given with block, a JSON object or nothing.
//
// settings is the whole configuration after defaults, as it enters keys.
func (e *Entry[P]) Build(with json.RawMessage) (p P, settings json.RawMessage, err error) {
	return e.build(with)
}

// Defaults returns the settings of a plugin whose with block is empty.
func (e *Entry[P]) Defaults() json.RawMessage { return e.defaults }

// Recognise returns the ways in which the plugin would read what lies at a path, as Recogniser says; none where its
// settings are no Recogniser.
func (e *Entry[P]) Recognise(path string, table *TableFacts) []Recognised {
	if e.knows == nil {
		return nil
	}
	return e.knows.Recognise(path, table)
}

// Suit returns the settings of a metric for a pair that no experiment describes, over the given ones, which win; and what is
// lacking when it cannot be measured there, "" when it can.
func (e *Entry[P]) Suit(r Roles, with json.RawMessage) (settings json.RawMessage, lacks string, err error) {
	if e.suits == nil {
		return with, "", nil
	}
	suited, lacks := e.suits.Suit(r)
	if lacks != "" {
		return nil, lacks, nil
	}
	if settings, err = json.Marshal(suited); err != nil || len(with) == 0 {
		return settings, "", err
	}
	merged := map[string]json.RawMessage{}
	for _, layer := range []json.RawMessage{settings, with} {
		if err := json.Unmarshal(layer, &merged); err != nil {
			return nil, "", err
		}
	}
	settings, err = json.Marshal(merged)
	return settings, "", err
}
