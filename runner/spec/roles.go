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

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prepare"
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
		l.checkPrepare(n, d)
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
		case plugins.RoleContext:
			d.Context = append(d.Context, c.Name)
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
	set(plugins.RoleContext, d.Context...)
	set(plugins.RoleGroup, d.Group...)
	return roles
}

// checkRoles demands that no column has two roles; a group may be formed by a site.
func (l *loader) checkRoles(n *node) {
	first := map[string]*node{}
	for _, role := range []string{"row", "subject", "site", "target", "outcome", "score", "id", "context"} {
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
	for i := range d.Cohort {
		f := n.find("cohort", fmt.Sprint(i))
		if !f.whole() {
			continue
		}
		l.checkForm(f)
		l.checkCondition(f, d)
		l.checkCondition(f.field("not"), d)
		if any := f.field("any"); any.is(cue.ListKind) {
			if len(any.items) == 0 {
				l.wrong(any, any.at, "must have at least one condition")
			}
			for _, c := range any.items {
				l.checkCondition(c, d)
			}
		}
	}
}

// conditionFields are those of a plain condition.
var conditionFields = []string{"column", "min", "max", "in", "notIn", "missing"}

// checkForm demands that a filter has one form: a condition, first, any or not.
func (l *loader) checkForm(f *node) {
	var forms []string
	for _, form := range []string{"column", "first", "any", "not"} {
		if f.field(form) != nil {
			forms = append(forms, form)
		}
	}
	switch {
	case len(forms) == 0:
		l.wrong(f, f.at, `a filter has a column with a condition, or one of first, any, not`)
	case len(forms) > 1:
		l.wrong(f, f.field(forms[1]).label, "a filter has one form; %q and %q are two: make them two filters", forms[0], forms[1])
	case f.field("by") != nil && forms[0] != "first":
		l.wrong(f, f.field("by").label, `"by" goes with "first": of the rows that share its value, the one with the least "by" stays`)
	case forms[0] != "column":
		for _, name := range conditionFields[1:] {
			if x := f.field(name); x != nil {
				l.wrong(f, x.label, "%q is part of a condition, which names a column; make it a filter of its own", name)
				return
			}
		}
	}
}

// checkCondition checks the fields of a condition; a node without a column is none.
func (l *loader) checkCondition(c *node, d *Dataset) {
	if c.field("column") == nil || !c.whole() {
		return
	}
	x := condition(c)
	bounded := x.Min != nil || x.Max != nil
	switch {
	case !bounded && c.field("in") == nil && c.field("notIn") == nil && x.Missing == nil:
		l.wrong(c, c.at, "a condition has one of min, max, in, notIn, missing")
	case x.Min != nil && x.Max != nil && *x.Min > *x.Max:
		l.wrong(c, c.field("min").at, "min is %v and max is %v: no row can meet both", *x.Min, *x.Max)
	case x.Missing != nil && *x.Missing && (bounded || x.In != nil || x.NotIn != nil):
		l.wrong(c, c.field("missing").at, "a missing value meets no other condition")
	}
	if info := l.column(d.Name, x.Column); info != nil && c.whole() && info.Kind == frame.Category && bounded {
		l.wrong(c, c.field("column").at, "column %q is a text; min and max need a number", x.Column)
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
	l.checkSplitBy(n, d, s)
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

// checkPrepare checks what the settings of a preparation say of each other, and that the columns they name are there.
func (l *loader) checkPrepare(n *node, d *Dataset) {
	p := n.field("prepare")
	if !p.whole() {
		return
	}
	if err := d.Prepare.Check(); err != nil {
		l.wrong(p, p.label, "%v", err)
		return
	}
	for _, f := range fieldsOf(p.field("transform")) {
		if l.exp.Headers[d.Name] == nil {
			break
		}
		switch c := l.column(d.Name, f.name()); {
		case c == nil:
			var names []string
			for _, c := range l.exp.Headers[d.Name].Columns {
				names = append(names, c.Name)
			}
			l.wrong(f, f.label, "data set %q has no column %q%s", d.Name, f.name(), hint(f.name(), "its columns are", names))
		case c.Kind == frame.Category:
			l.wrong(f, f.label, "column %q is a text; a transform needs a number", f.name())
		}
	}
}

func fieldsOf(n *node) []*node {
	if !n.is(cue.StructKind) {
		return nil
	}
	return n.fields
}

// checkSplitBy checks what a split by site or time goes by.
func (l *loader) checkSplitBy(n *node, d *Dataset, s *node) {
	by, time := s.field("by"), s.field("time")
	known := l.opts.NoHeaders || l.exp.Headers[d.Name] != nil
	switch {
	case !by.ok() || n.part:
	case by.text == "site" && d.Site == "" && n.field("site") == nil && known:
		l.wrong(by, by.at, "the data set names no site column")
	case by.text == "time" && time == nil && !s.part:
		l.wrong(by, by.at, `needs the column to go by: time: "COLUMN", such as a year of admission`)
	case by.text == "site" && s.field("stratify") != nil:
		l.wrong(s.field("stratify"), s.field("stratify").label, "whole hospitals are shared out, so that nothing can be stratified; leave it out")
	}
	if time != nil && (!by.ok() || by.text != "time") {
		l.wrong(time, time.label, `goes with by: "time"`)
	}
	if reason := droppedAs(l.column(d.Name, text(time))); reason != "" {
		l.wrong(time, time.at, "column %q %s, so it orders nothing", time.text, reason)
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
	case "datasets", "sites", "strategies", "llms":
		axis := map[string]string{"datasets": "dataset", "sites": "site", "strategies": "strategy", "llms": "llm"}[section]
		values := b.values(axis)
		if section == "llms" && len(values) == 0 {
			return true // strategies name their models themselves
		}
		return slices.Contains(values, Value{Text: name})
	}
	return false
}

func (l *loader) checkColumn(n *node, dataset string) {
	if h := l.exp.Headers[dataset]; h != nil && l.column(dataset, n.text) == nil && !(n.path[0] == "features" && l.prepared(dataset, n.text)) {
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

// prepared reports whether preparation makes a variable of the name: a one-hot set, or a mark of missing values.
func (l *loader) prepared(dataset, name string) bool {
	c := l.datasetNamed(dataset).Prepare
	if _, set := c.OneHot[name]; set {
		return true
	}
	return c.Indicator && slices.ContainsFunc(l.exp.Headers[dataset].Columns, func(x plugins.ColumnInfo) bool {
		return name == prepare.IndicatorName(x.Name)
	})
}

// leakWords say what a column is, and why it is no feature.
var leakWords = map[plugins.Role]string{
	plugins.RoleRow:     "the row identifier: it tells rows apart, no more",
	plugins.RoleSubject: "the subject: it tells patients apart, no more",
	plugins.RoleSite:    "the site: it tells hospitals apart, and no other hospital has its values",
	plugins.RoleOutcome: "an outcome: known only later",
	plugins.RoleScore:   "a score: a prediction of another model",
	plugins.RoleID:      "an identifier: it tells things apart, no more",
	plugins.RoleContext: "context: it describes the hospital or the time, not the patient",
}

func (l *loader) datasetNamed(name string) *Dataset {
	i := slices.IndexFunc(l.exp.Datasets, func(d Dataset) bool { return d.Name == name })
	return &l.exp.Datasets[i]
}
