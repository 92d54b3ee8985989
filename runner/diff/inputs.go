package diff

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/runner/record"
)

// The fields that say how a machine rounds.
const (
	numericClass = "numeric class"
	release      = "Go"
)

// Inputs lists what went into two versions and differs, besides the experiment: data, files, plugins, models, numeric class, tool.
func Inputs(a, b *record.Manifest) []Change {
	was, is := inputs(a), inputs(b)
	var out []Change
	for _, in := range was {
		i := slices.IndexFunc(is, func(o Change) bool { return o.Field == in.Field })
		switch {
		case i < 0:
			out = append(out, Change{Field: in.Field, Was: in.Is})
		case is[i].Is != in.Is:
			out = append(out, Change{Field: in.Field, Was: in.Is, Is: is[i].Is})
		}
	}
	for _, in := range is {
		if !slices.ContainsFunc(was, func(o Change) bool { return o.Field == in.Field }) {
			out = append(out, in)
		}
	}
	return out
}

// inputs lists what went into a version, each with its value in Is.
func inputs(m *record.Manifest) []Change {
	var out []Change
	seen := map[string]int{}
	add := func(field, value string) {
		if seen[field]++; seen[field] > 1 {
			field = fmt.Sprintf("%s (%d)", field, seen[field])
		}
		out = append(out, Change{Field: field, Is: value})
	}
	files := func(of string, list []record.FileInfo) {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(x, y record.FileInfo) int { return strings.Compare(x.Role, y.Role) })
		for _, f := range list {
			add(of+": "+f.Role, f.SHA256)
		}
	}
	for i := range m.Data {
		d := &m.Data[i]
		name := "data set " + d.Name
		add(name+": plugin", d.Plugin)
		add(name+": governance", string(d.Governance))
		files(name, d.Files)
	}
	for _, f := range m.MetricFiles {
		files("metric "+f.Metric, f.Files)
	}
	for _, p := range m.Plugins {
		add(pluginField(p.Stage, p.Name), "version "+strconv.Itoa(p.Version))
	}
	for i := range m.LLMs {
		l := &m.LLMs[i]
		identity, err := json.Marshal(l.Identity)
		if err != nil {
			panic(err) // a plain struct
		}
		add("model "+l.Name+": asked", string(identity))
		add("model "+l.Name+": served", strings.Join(l.Served, ", "))
	}
	add(numericClass, m.Numeric)
	add("ehrlab", strings.TrimSpace(m.Tool.Version+" "+m.Tool.Revision))
	add(release, m.Tool.Go)
	return out
}

func pluginField(stage, name string) string {
	if stage == name {
		return "step " + name
	}
	return stage + " plugin " + name
}

// comparable says, of what differs, why scores of a data set or a metric are no pairs: by "data NAME", "metric NAME", or "" of all.
func comparable(d *Diff) map[string]string {
	why := map[string]string{}
	note := func(key, text string) {
		if why[key] == "" {
			why[key] = text
		}
	}
	for _, c := range d.Inputs {
		if of, ok := strings.CutPrefix(c.Field, "data set "); ok {
			name, rest, _ := strings.Cut(of, ": ")
			if rest != "governance" {
				note("data "+name, "other data: "+rest+" of "+name)
			}
		}
		if of, ok := strings.CutPrefix(c.Field, "metric "); ok {
			name, rest, _ := strings.Cut(of, ": ")
			note("metric "+name, "other file of the metric: "+rest)
		}
		for _, stage := range []string{"cohort", "split", "prepare"} {
			if c.Field == pluginField(stage, stage) {
				note("", c.Field+" has another version")
			}
		}
		if name, ok := strings.CutPrefix(c.Field, "dataset plugin "); ok {
			note("plugin "+name, "data set plugin "+name+" has another version")
		}
		if name, ok := strings.CutPrefix(c.Field, "measure plugin "); ok {
			note("use "+name, "metric plugin "+name+" has another version")
		}
	}
	for _, c := range d.Experiment {
		parts := strings.SplitN(c.Field, ".", 3)
		if len(parts) < 2 {
			continue
		}
		switch parts[0] {
		case "datasets":
			note("data "+parts[1], "other data: "+c.Field)
		case "metrics":
			note("metric "+parts[1], "other metric: "+c.Field)
		}
	}
	return why
}
