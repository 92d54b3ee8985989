package spec

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// checkLLMs checks that marked fields name entries of llms.
func (l *loader) checkLLMs() {
	for _, n := range l.found.llms {
		l.checkLLM(n)
	}
}

func (l *loader) checkLLM(n *node) {
	if llms := l.sectionNames("llms"); !llms.may(n.text) {
		l.wrong(n, n.at, "no llm named %q%s", n.text, hint(n.text, "known:", llms.names))
	}
}

// checkDatasets reads headers, completes roles and checks what a data set says of its columns and split.
func (l *loader) checkDatasets() {
	for i, n := range l.entries("datasets") {
		if !n.ok() {
			continue
		}
		d := &l.exp.Datasets[i]
		if !l.opts.NoHeaders {
			if h := l.header(n, d); h != nil {
				l.exp.Headers[d.Name] = h
				d.takeRoles(h)
			}
		}
		l.checkRoles(n)
		l.checkTarget(n, d)
		l.checkFilters(n, d)
		l.checkSplit(n, d)
	}
}

// header reads the header of a data set; nil when it cannot be read.
func (l *loader) header(n *node, d *Dataset) (h *plugins.Header) {
	b := l.found.built[indexKey(n.path)]
	if b == nil {
		return nil
	}
	l.rep.guard(n.field("use"), func() {
		files, err := b.plugin.(plugins.Dataset).Files()
		if err != nil {
			l.dataMistake(n, d, "", "%v", err)
		} else if l.present(n, d, files) {
			h = l.readHeader(n, d, b, files)
		}
	})
	return h
}

// present reports whether the files of a data set are there.
func (l *loader) present(n *node, d *Dataset, files []plugins.File) bool {
	present := true
	for _, f := range files {
		info, err := os.Stat(f.Path)
		if err == nil && !info.IsDir() {
			continue
		}
		present = false
		switch {
		case err == nil:
			l.dataMistake(n, d, f.Path, "%s is a folder, not a file", l.display(f.Path))
		case l.opts.Data == Require:
			l.dataMistake(n, d, f.Path, "no file %s", l.display(f.Path))
		}
	}
	return present
}

func (l *loader) readHeader(n *node, d *Dataset, b *built, files []plugins.File) *plugins.Header {
	env := plugins.Env{
		Rand: plugins.NewRand(0, "", b.info.Random...), Threads: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Scratch:  func() (string, error) { return "", fmt.Errorf("a header is read without a scratch folder") },
		Progress: func(int, int) {},
	}
	h, err := b.plugin.(plugins.Dataset).Header(context.Background(), env)
	if err != nil {
		message := err.Error()
		for _, f := range files {
			message = strings.ReplaceAll(message, f.Path, l.display(f.Path))
		}
		l.dataMistake(n, d, "", "%s", message)
		return nil
	}
	return h
}

func (l *loader) display(path string) string { return relative(path, l.opts.WorkDir) }

// dataMistake reports a mistake about a data file at the setting that names it.
func (l *loader) dataMistake(n *node, d *Dataset, file, format string, args ...any) {
	at := n.field("use")
	best := -1
	for _, p := range d.Paths {
		f := n.field("with").find(p...)
		if f == nil || len(f.text) <= best {
			continue
		}
		if file == "" || f.text == file || strings.HasPrefix(file, f.text+string(filepath.Separator)) {
			at, best = f, len(f.text)
		}
	}
	l.rep.add(joinPath(at.path), at.at, format, args...)
}

// takeRoles fills in the roles that the plugin's own header gives and the experiment does not. A column whose role
// the experiment gives to another stays barred from being a feature: a label as an outcome, the others as identifiers.
func (d *Dataset) takeRoles(h *plugins.Header) {
	taken := d.Roles()
	for _, c := range h.Columns {
		if _, set := taken[c.Name]; set {
			continue
		}
		switch c.Role {
		case plugins.RoleRow:
			fill(&d.Row, c.Name, &d.ID)
		case plugins.RoleSubject:
			fill(&d.Subject, c.Name, &d.ID)
		case plugins.RoleSite:
			fill(&d.Site, c.Name, &d.ID)
		case plugins.RoleTarget:
			fill(&d.Target, c.Name, &d.Outcome)
		case plugins.RoleGroup:
			d.Group = append(d.Group, c.Name)
		case plugins.RoleOutcome:
			d.Outcome = append(d.Outcome, c.Name)
		case plugins.RoleScore:
			d.Score = append(d.Score, c.Name)
		case plugins.RoleID:
			d.ID = append(d.ID, c.Name)
		}
	}
}

// fill gives a column a role that one column can have, or else puts it among others.
func fill(role *string, column string, others *[]string) {
	if *role == "" {
		*role = column
	} else {
		*others = append(*others, column)
	}
}

// Roles says what columns stand for, those that the header of the data knows among them. Other columns are ordinary
// variables.
func (d *Dataset) Roles() map[string]plugins.Role {
	roles := map[string]plugins.Role{}
	set := func(role plugins.Role, columns ...string) {
		for _, c := range columns {
			if _, taken := roles[c]; c != "" && !taken {
				roles[c] = role
			}
		}
	}
	set(plugins.RoleRow, d.Row)
	set(plugins.RoleSubject, d.Subject)
	set(plugins.RoleSite, d.Site)
	set(plugins.RoleTarget, d.Target)
	set(plugins.RoleOutcome, d.Outcome...)
	set(plugins.RoleScore, d.Score...)
	set(plugins.RoleID, d.ID...)
	set(plugins.RoleGroup, d.Group...)
	return roles
}

// checkRoles demands that no column has two roles; a group may be formed by a site.
func (l *loader) checkRoles(n *node) {
	first := map[string]*node{}
	for _, role := range []string{"row", "subject", "site", "target", "outcome", "score", "id"} {
		for _, c := range oneOrMore(n.field(role)) {
			if !c.ok() {
				continue
			}
			if before := first[c.text]; before != nil {
				l.wrong(c, c.at, "column %q has a role already: %s", c.text, joinPath(before.path))
				continue
			}
			first[c.text] = c
		}
	}
	seen := map[string]bool{}
	for _, c := range oneOrMore(n.field("group")) {
		before := first[c.text]
		switch {
		case !c.ok():
		case seen[c.text]:
			l.wrong(c, c.at, "column %q is given twice", c.text)
		case before != nil && before.path[len(n.path)] != "site":
			l.wrong(c, c.at, "column %q has a role already: %s", c.text, joinPath(before.path))
		}
		seen[c.text] = true
	}
}

// checkTarget demands a label that varies, as far as the header tells.
func (l *loader) checkTarget(n *node, d *Dataset) {
	target := n.field("target")
	if !n.field("use").ok() {
		return
	}
	switch {
	case target != nil && !target.ok() || target == nil && (n.part || l.exp.Headers[d.Name] == nil):
		return // wrong, or not known yet
	case target == nil:
		target = &node{path: n.path, at: n.label} // a mistake of the whole data set
	}
	if d.Target == "" {
		l.wrong(target, target.at, "no target: name the label's column")
	} else if reason := droppedAs(l.column(d.Name, d.Target)); reason != "" {
		l.wrong(target, target.at, "the target %q %s, so there is nothing to predict", d.Target, reason)
	}
}

// droppedAs says why a column is left out when the data are read; "" when it is not, or the header does not know.
// Data sets begin the summary of such a column with the reason.
func droppedAs(c *plugins.ColumnInfo) string {
	switch {
	case c == nil:
	case strings.HasPrefix(c.Summary, "constant:"):
		return "is constant"
	case strings.HasPrefix(c.Summary, "no value:"):
		return "has no value"
	}
	return ""
}

// checkFilters checks that filters say something, and something that can be true.
func (l *loader) checkFilters(n *node, d *Dataset) {
	for i, f := range d.Cohort {
		node := n.find("cohort", fmt.Sprint(i))
		switch {
		case !node.whole():
		case f.Min == nil && f.Max == nil && f.In == nil && f.Missing == nil:
			l.wrong(node, node.at, "a filter has one of min, max, in, missing")
		case f.Min != nil && f.Max != nil && *f.Min > *f.Max:
			l.wrong(node, node.field("min").at, "min is %v and max is %v: no row can meet both", *f.Min, *f.Max)
		case f.Missing != nil && *f.Missing && (f.Min != nil || f.Max != nil || f.In != nil):
			l.wrong(node, node.field("missing").at, "a missing value meets no other condition")
		}
		if c := l.column(d.Name, f.Column); c != nil && node.whole() && c.Kind == frame.Category && (f.Min != nil || f.Max != nil) {
			l.wrong(node, node.field("column").at, "column %q is a text; min and max need a number", f.Column)
		}
	}
}

// column returns what the header of a data set says of a column, or nil.
func (l *loader) column(dataset, name string) *plugins.ColumnInfo {
	h := l.exp.Headers[dataset]
	if h == nil {
		return nil
	}
	for i := range h.Columns {
		if h.Columns[i].Name == name {
			return &h.Columns[i]
		}
	}
	return nil
}

// checkSplit settles what a split is by, and checks that its shares sum to 1.
func (l *loader) checkSplit(n *node, d *Dataset) {
	s := n.field("split")
	if d.Split.By == "" {
		d.Split.By = "row"
		if d.Subject != "" {
			d.Split.By = "subject"
		}
	}
	by := s.field("by")
	// a subject may come from a header that is not there
	if by.ok() && d.Split.By == "subject" && d.Subject == "" && n.field("subject") == nil && (l.opts.NoHeaders || l.exp.Headers[d.Name] != nil) {
		l.wrong(by, by.at, "the data set names no subject column")
	}
	if by.ok() && d.Split.By == "row" && d.Subject != "" {
		l.rep.warn(joinPath(by.path), by.at, `rows of one subject (%q) may fall into train and test, so that scores look better than they are; by: "subject" keeps them together`, d.Subject)
	}
	if seed := s.field("seed"); seed.ok() {
		if _, err := strconv.ParseUint(seed.text, 10, 64); err != nil {
			l.wrong(seed, seed.at, "must be ≤ %d, not %s", uint64(math.MaxUint64), seed.text)
		}
	}
	if !s.whole() || !namesShare(s) {
		return
	}
	if sum := d.Split.Train + d.Split.Validation + d.Split.Test + d.Split.Reference; math.Abs(sum-1) > 1e-9 {
		l.wrong(s, s.label, "the shares of train, validation, test and reference sum to %.6g, not 1", sum)
		return
	}
	if d.Split.Train == 0 {
		l.wrong(s, s.label, "train has no share; every strategy learns from it")
	}
}

// maxExact is the largest whole number that a float64 holds exactly, as axis values are floats.
const maxExact = 1 << 53

// exact reports whether a whole number is one that a float64 holds, and that no other whole number is rounded to.
func exact(text string) bool {
	i, err := strconv.ParseInt(text, 10, 64)
	return err == nil && -maxExact <= i && i <= maxExact
}

// checkColumns checks that marked columns exist: those of a data set in it, those of a plugin's settings in every
// data set that the matrix combines the plugin with.
func (l *loader) checkColumns() {
	for _, n := range l.found.columns {
		if !n.ok() || len(n.path) < 2 {
			continue
		}
		for _, dataset := range l.datasetsWith(n.path[0], n.path[1]) {
			l.checkColumn(n, dataset)
		}
	}
}

// datasetsWith are the data sets that the matrix combines an entry of a section with.
func (l *loader) datasetsWith(section, name string) []string {
	if section == "datasets" {
		return []string{name}
	}
	var out []string
	for i := range l.exp.Matrix {
		b := &l.exp.Matrix[i]
		if !l.uses(b, section, name) {
			continue
		}
		for _, v := range b.values("dataset") {
			if !slices.Contains(out, v.Text) {
				out = append(out, v.Text)
			}
		}
	}
	return out
}

// uses reports whether the cells of a block use an entry of a section.
func (l *loader) uses(b *Block, section, name string) bool {
	switch section {
	case "metrics":
		return len(b.Metrics) == 0 || slices.Contains(b.Metrics, name)
	case "features":
		for _, v := range b.values("features") {
			if l.exp.featureSet(v.Text) == name {
				return true
			}
		}
		return false
	case "datasets", "strategies", "llms":
		axis := map[string]string{"datasets": "dataset", "strategies": "strategy", "llms": "llm"}[section]
		values := b.values(axis)
		if section == "llms" && len(values) == 0 {
			return true // strategies name their models themselves
		}
		return slices.Contains(values, Value{Text: name})
	}
	return false
}

func (l *loader) checkColumn(n *node, dataset string) {
	if h := l.exp.Headers[dataset]; h != nil && l.column(dataset, n.text) == nil {
		names := make([]string, len(h.Columns))
		for i, c := range h.Columns {
			names[i] = c.Name
		}
		l.wrong(n, n.at, "data set %q has no column %q%s", dataset, n.text, hint(n.text, "its columns are", names))
		return
	}
	if n.path[0] != "features" {
		return // other settings may well name a target or an identifier
	}
	role := l.datasetNamed(dataset).Roles()[n.text]
	if role == plugins.RoleTarget {
		l.wrong(n, n.at, "column %q is the target of data set %q, which is no feature", n.text, dataset)
		return
	}
	allow := l.root.find("features", n.path[1], "allow")
	switch reason := droppedAs(l.column(dataset, n.text)); {
	case role.Leaks() && !slices.Contains(texts(allow), "leakage"):
		l.wrong(n, n.at, `column %q is %s; say allow: ["leakage"] when that is on purpose`, n.text, leakWords[role])
	case reason != "":
		l.wrong(n, n.at, "column %q of data set %q %s, so it is dropped when the data are read", n.text, dataset, reason)
	}
}

// leakWords say what a column is, and why it is no feature.
var leakWords = map[plugins.Role]string{
	plugins.RoleRow:     "the row identifier: it tells rows apart, no more",
	plugins.RoleSubject: "the subject: it tells patients apart, no more",
	plugins.RoleSite:    "the site: it tells hospitals apart, and no other hospital has its values",
	plugins.RoleOutcome: "an outcome: known only later",
	plugins.RoleScore:   "a score: a prediction of another model",
	plugins.RoleID:      "an identifier: it tells things apart, no more",
}

func (l *loader) datasetNamed(name string) *Dataset {
	i := slices.IndexFunc(l.exp.Datasets, func(d Dataset) bool { return d.Name == name })
	return &l.exp.Datasets[i]
}
