// Package crate describes a version as a Workflow Run RO-Crate: which files it has, which experiment made them, from what, with which
// program and when.
//
// The description is derived: it is made again with the tables and plots, from the record and the files beside it.
//
// Sources: RO-Crate 1.1, https://w3id.org/ro/crate/1.1; Workflow Run Crate 0.5, https://w3id.org/ro/wfrun/workflow/0.5, with the profiles
// that it rests on, Process Run Crate 0.5 and Workflow RO-Crate 1.0.
package crate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// File is the name of the description in the folder of a version.
const File = "ro-crate-metadata.json"

// Folder is where the experiment lies as it was written, in the folder of a version.
const Folder = "experiment"

// Write writes the experiment and the description of a version to its folder, where they are not there yet as they should be.
func Write(v *record.Version) error {
	if err := writeSource(v); err != nil {
		return err
	}
	raw, err := Describe(v)
	if err != nil {
		return err
	}
	return replace(filepath.Join(v.Dir, File), raw)
}

// Exists reports whether a version has a description.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, File))
	return err == nil
}

// writeSource writes the files of the experiment, and removes those of an earlier writing of it.
func writeSource(v *record.Version) error {
	keep := map[string]bool{}
	if v.Views.Source != nil {
		for _, f := range v.Views.Source.Files {
			if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
				return fmt.Errorf("experiment file %q lies outside the version", f.Name)
			}
			keep[f.Name] = true
			path := filepath.Join(v.Dir, Folder, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				return err
			}
			if err := replace(path, []byte(f.Text)); err != nil {
				return err
			}
		}
	}
	root := filepath.Join(v.Dir, Folder)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || keep[filepath.ToSlash(name)] {
			return err
		}
		return os.Remove(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// replace puts data in the place of a file whose bytes differ.
func replace(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return record.ReplaceFile(path, data)
}

// Part is a file of a version.
type Part struct {
	Name   string // relative to the folder, with slashes
	Bytes  int64
	SHA256 string
}

// Parts lists the files of a version, by name: all but the description, and what is of no use elsewhere, the trace of the cache.
func Parts(dir string) ([]Part, error) {
	var parts []Part
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		switch {
		case name == ".", e.IsDir() && !strings.HasPrefix(e.Name(), "."):
			return nil
		case e.IsDir():
			return fs.SkipDir
		case !e.Type().IsRegular(), strings.HasPrefix(e.Name(), "."), name == File, name == "trace.json":
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		parts = append(parts, Part{Name: name, Bytes: int64(len(raw)), SHA256: hex.EncodeToString(sum[:])})
		return nil
	})
	slices.SortFunc(parts, func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
	return parts, err
}

// entity is one node of the graph.
type entity map[string]any

type ref struct {
	ID string `json:"@id"`
}

// The contexts and profiles, by their permanent names.
const (
	context1        = "https://w3id.org/ro/crate/1.1/context"
	context2        = "https://w3id.org/ro/terms/workflow-run/context"
	crateProfile    = "https://w3id.org/ro/crate/1.1"
	processProfile  = "https://w3id.org/ro/wfrun/process/0.5"
	workflowProfile = "https://w3id.org/ro/wfrun/workflow/0.5"
	workflowCrate   = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
	bioschemas      = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
)

const (
	homepage = "https://github.com/ehrlab/ehrlab"
	language = "https://cuelang.org"
	action   = "#run"
	licence  = "#licence"
)

// isoTime is RFC 3339 with an offset even of UTC, as the profile's checks want it.
const isoTime = "2006-01-02T15:04:05-07:00"

// Describe returns the description of a version as JSON-LD. Equal files and records give equal bytes.
func Describe(v *record.Version) ([]byte, error) {
	parts, err := Parts(v.Dir)
	if err != nil {
		return nil, err
	}
	d := &describer{v: v, m: &v.Core.Manifest, parts: parts}
	d.workflow = d.main()
	d.add(entity{
		"@id": File, "@type": "CreativeWork", "about": ref{"./"}, "conformsTo": []ref{{crateProfile}, {workflowCrate}},
	})
	d.root()
	d.profiles()
	d.files()
	d.inputs()
	d.software()
	d.run()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(map[string]any{"@context": []string{context1, context2}, "@graph": d.graph})
	return b.Bytes(), err
}

type describer struct {
	v        *record.Version
	m        *record.Manifest
	parts    []Part
	workflow string // id of the experiment
	graph    []entity
	objects  []ref // what went in
}

func (d *describer) add(e entity) { d.graph = append(d.graph, e) }

// main is the file that says what was run: the experiment or, where its text is not kept, the manifest, which has it after defaults.
func (d *describer) main() string {
	if s := d.v.Views.Source; s != nil && len(s.Files) > 0 {
		return id(Folder + "/" + s.Files[0].Name)
	}
	return "manifest.json"
}

// id is a relative URI: a name of letters and digits stays as it is.
func id(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func (d *describer) root() {
	name := d.m.Experiment + " " + d.v.Name
	title := d.v.Views.Title
	if title == "" {
		title = "Results of the experiment " + d.m.Experiment
	}
	description := fmt.Sprintf("%s: version %d of the results of %q, %s with %s.", title, d.m.Version, d.m.Experiment, counted(len(d.v.Core.Cells), "cell"), counted(len(d.v.Core.Scores), "score"))
	if !d.m.Complete {
		description += " It is incomplete: some cells failed."
	}
	if d.m.Simulated {
		description += " SIMULATED: software check on invented data."
	}
	d.add(entity{
		"@id": "./", "@type": "Dataset", "name": name, "description": description, "datePublished": d.m.Finished.UTC().Format(isoTime),
		"version": strconv.Itoa(d.m.Version), "license": ref{licence},
		"conformsTo": []ref{{processProfile}, {workflowProfile}, {workflowCrate}},
		"mainEntity": ref{d.workflow}, "mentions": ref{action}, "hasPart": d.refs(),
	})
	d.add(entity{"@id": licence, "@type": "CreativeWork", "name": "Licences of the data", "description": d.licences()})
}

// licences says what is known of the licences. The results themselves have none of their own that could be known.
func (d *describer) licences() string {
	var parts []string
	for i := range d.m.Data {
		data := &d.m.Data[i]
		licence := d.v.Views.Data[data.Name].Licence
		switch {
		case licence != "":
		case data.Licence != "":
			licence = data.Licence
		case data.Governance == plugins.Simulated:
			licence = "invented data, none needed"
		default:
			licence = "not stated"
		}
		parts = append(parts, data.Name+": "+licence)
	}
	return "The results are scores and counts; no licence of their own is stated. Licences of the data that they were measured on: " + strings.Join(parts, "; ") + "."
}

func (d *describer) refs() []ref {
	out := make([]ref, len(d.parts))
	for i, p := range d.parts {
		out[i] = ref{id(p.Name)}
	}
	return out
}

func (d *describer) profiles() {
	for _, p := range [][3]string{
		{processProfile, "Process Run Crate", "0.5"},
		{workflowProfile, "Workflow Run Crate", "0.5"},
		{workflowCrate, "Workflow RO-Crate", "1.0"},
		{bioschemas, "Bioschemas ComputationalWorkflow", "1.0-RELEASE"},
	} {
		d.add(entity{"@id": p[0], "@type": "CreativeWork", "name": p[1], "version": p[2]})
	}
}

// formats are the media types of the files of a version, by ending.
var formats = map[string]string{
	".json": "application/json", ".csv": "text/csv", ".parquet": "application/vnd.apache.parquet", ".md": "text/markdown", ".tex": "application/x-tex",
	".html": "text/html", ".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf", ".cue": "text/x-cue", ".txt": "text/plain",
}

// files describes each file; the experiment among them is the workflow.
func (d *describer) files() {
	for _, p := range d.parts {
		format := formats[path.Ext(p.Name)]
		if format == "" {
			format = "application/octet-stream"
		}
		e := entity{
			"@id": id(p.Name), "@type": "File", "name": p.Name, "contentSize": strconv.FormatInt(p.Bytes, 10), "sha256": p.SHA256, "encodingFormat": format,
		}
		if id(p.Name) == d.workflow {
			e["@type"] = []string{"File", "SoftwareSourceCode", "ComputationalWorkflow"}
			e["name"] = d.m.Experiment
			e["description"] = "the experiment: data, strategies, metrics, matrix, tables and plots"
			e["programmingLanguage"] = ref{language}
			e["conformsTo"] = ref{bioschemas}
			e["version"] = strconv.Itoa(d.m.Version)
			e["softwareRequirements"] = ref{homepage}
			if d.v.Views.Source != nil && len(d.v.Views.Source.Files) > 1 {
				var more []ref
				for _, f := range d.v.Views.Source.Files[1:] {
					more = append(more, ref{id(Folder + "/" + f.Name)})
				}
				e["hasPart"] = single(more)
			}
		}
		d.add(e)
	}
}

// inputs describes what went in and is not in the crate: data sets and the files that metrics read, by their hashes.
func (d *describer) inputs() {
	add := func(name, file string, f *record.FileInfo, more entity) {
		at := "#input-" + strconv.Itoa(len(d.objects)+1)
		e := entity{"@id": at, "@type": "CreativeWork", "name": name}
		if f != nil {
			e["alternateName"], e["contentSize"], e["sha256"] = file, strconv.FormatInt(f.Bytes, 10), f.SHA256
		}
		for k, v := range more {
			e[k] = v
		}
		d.objects = append(d.objects, ref{at})
		d.add(e)
	}
	for i := range d.m.Data {
		data := &d.m.Data[i]
		more := entity{"conditionsOfAccess": string(data.Governance)}
		if text := d.v.Views.Data[data.Name]; text.Citation != "" {
			more["citation"] = text.Citation
		}
		name := fmt.Sprintf("data set %s, read by %s", data.Name, data.Plugin)
		for k := range data.Files {
			add(name, data.Files[k].Role, &data.Files[k], more)
		}
		if len(data.Files) == 0 {
			add(name, "", nil, more)
		}
	}
	for _, m := range d.m.MetricFiles {
		for k := range m.Files {
			add("what the metric "+m.Metric+" reads", m.Files[k].Role, &m.Files[k], nil)
		}
	}
}

func (d *describer) software() {
	version := d.m.Tool.Version
	if d.m.Tool.Revision != "" && d.m.Tool.Revision != "unknown" {
		version += " (" + d.m.Tool.Revision + ")"
	}
	d.add(entity{
		"@id": homepage, "@type": "SoftwareApplication", "name": "ehrlab", "url": homepage, "softwareVersion": version,
		"operatingSystem": d.m.Tool.Platform, "runtimePlatform": d.m.Tool.Go,
	})
	d.add(entity{"@id": language, "@type": "ComputerLanguage", "name": "CUE", "url": language})
}

// run is the action that made the files. Who started it is not recorded.
func (d *describer) run() {
	e := entity{
		"@id": action, "@type": "CreateAction", "name": "run of " + d.m.Experiment, "instrument": ref{d.workflow}, "object": single(d.objects),
		"description": fmt.Sprintf("ehrlab ran the experiment on numeric class %s", d.m.Numeric),
		"startTime":   d.m.Started.UTC().Format(isoTime), "endTime": d.m.Finished.UTC().Format(isoTime),
		"actionStatus": "http://schema.org/CompletedActionStatus",
	}
	var results []ref
	for _, p := range d.parts {
		if !strings.HasPrefix(p.Name, Folder+"/") && id(p.Name) != d.workflow {
			results = append(results, ref{id(p.Name)})
		}
	}
	e["result"] = single(results)
	d.add(e)
}

// single is a list, or its only element: RO-Crate wants no list of one.
func single(refs []ref) any {
	if len(refs) == 1 {
		return refs[0]
	}
	return refs
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
