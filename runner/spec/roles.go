package spec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
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
	"github.com/ehrlab/ehrlab/runner/spelling"
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
		if l.ofEvents(n) {
			l.checkEvents(n, d)
			l.checkFilters(n, d)
			l.checkSplit(n, d)
			continue
		}
		l.checkRoles(n)
		l.checkTarget(n, d)
		l.checkFilters(n, d)
		l.checkSplit(n, d)
		l.checkPrepare(n, d)
		l.checkLimits(n, d)
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
			for _, fault := range frame.Apart(err) {
				l.fileMistake(n, &d.Use, "", "%v", fault)
			}
		} else if l.present(n, &d.Use, files) {
			h = l.readHeader(n, d, b, files)
		} else if l.opts.StandIns {
			h = l.standIn(n, d, b)
		}
	})
	return h
}

// standIn puts the stand-in of an absent data set in its place, and returns its header; nil where there is none.
func (l *loader) standIn(n *node, d *Dataset, b *built) *plugins.Header {
	absent, ok := b.plugin.(plugins.Absentable)
	if !ok {
		return nil
	}
	s := absent.StandIn()
	if s == nil {
		return nil
	}
	entry := l.opts.Registry.Datasets.Get(s.Use)
	if entry == nil {
		return nil
	}
	plugin, _, err := entry.Build(s.With)
	if err != nil {
		l.rep.add(joinPath(n.path), n.label, "its stand-in %s: %v", s.Use, err)
		return nil
	}
	h := l.readHeader(n, d, &built{plugin: plugin, info: &entry.Info}, nil)
	if h != nil {
		h.Governance = s.Governance
		if l.exp.StandIns == nil {
			l.exp.StandIns = map[string]*plugins.StandIn{}
		}
		l.exp.StandIns[d.Name] = s
	}
	return h
}

// present reports whether the files that a plugin reads are there.
func (l *loader) present(n *node, u *Use, files []plugins.File) bool {
	present := true
	told := map[string]bool{} // folders that are not there
	for _, f := range files {
		info, err := os.Stat(f.Path)
		if err == nil && !info.IsDir() {
			continue
		}
		present = false
		switch {
		case err == nil:
			l.fileMistake(n, u, f.Path, "%s is a folder, not a file", l.display(f.Path))
		case l.opts.Data != Require:
		case len(files) > 1 && absent(filepath.Dir(f.Path)): // one message for all files of it
			if dir := filepath.Dir(f.Path); !told[dir] {
				told[dir] = true
				l.fileMistake(n, u, f.Path, "no folder %s%s", l.display(dir), spelling.DidYouMeanFile(dir, l.display))
			}
		default:
			l.fileMistake(n, u, f.Path, "no file %s%s", l.display(f.Path), spelling.DidYouMeanFile(f.Path, l.display))
		}
	}
	return present
}

func absent(folder string) bool {
	_, err := os.Stat(folder)
	return errors.Is(err, fs.ErrNotExist)
}

func (l *loader) readHeader(n *node, d *Dataset, b *built, files []plugins.File) *plugins.Header {
	env := plugins.Env{
		Rand: plugins.NewRand(0, "", b.info.Random...), Threads: 1, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Scratch:  func() (string, error) { return "", fmt.Errorf("a header is read without a scratch folder") },
		Progress: func(int, int) {},
	}
	h, err := b.plugin.(plugins.Dataset).Header(context.Background(), env)
	for _, fault := range frame.Apart(err) {
		message := fault.Error()
		for _, f := range files {
			message = strings.ReplaceAll(message, f.Path, l.display(f.Path))
		}
		at := l.fileNode(n, &d.Use, "", message)
		var known *frame.FileError
		if errors.As(fault, &known) {
			at = declared(n, at, known.ColumnName)
		}
		l.rep.add(joinPath(at.path), at.at, "%s", message)
	}
	if err != nil {
		return nil
	}
	return h
}

// declared is where a data set declares a column of the file that a setting names; the setting itself where it does not.
func declared(n, path *node, column string) *node {
	if column == "" || len(path.path) == 0 {
		return path
	}
	for up := len(path.path) - 1; up > len(n.path); up-- { // a path may stand in a list
		block := n.find(path.path[len(n.path):up]...)
		if !block.is(cue.StructKind) {
			continue
		}
		if c := block.field("columns").field(column); c != nil {
			return c
		}
		break
	}
	return path
}

func (l *loader) display(path string) string { return relative(path, l.opts.WorkDir) }

// fileMistake reports a mistake about a file at the setting that names it. An empty file is the one that the
// message begins with, if it begins with one.
func (l *loader) fileMistake(n *node, u *Use, file, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	at := l.fileNode(n, u, file, message)
	l.rep.add(joinPath(at.path), at.at, "%s", message)
}

// fileNode is the setting that names a file; without a file, the one that the message begins with.
func (l *loader) fileNode(n *node, u *Use, file, message string) *node {
	at, best := n.field("use"), -1
	for _, p := range u.Paths {
		f := n.field("with").find(p...)
		if f == nil {
			continue
		}
		fit := 0
		if file == "" {
			fit = fitOfMessage(f.text, message, len(p))
		} else {
			fit = fitOfFile(f.text, file)
		}
		if fit > best {
			at, best = f, fit
		}
	}
	return at
}

// fitOfFile says how well a setting's path goes with a file; -1 is not at all.
func fitOfFile(path, file string) int {
	if file == path || strings.HasPrefix(file, path+string(filepath.Separator)) {
		return len(path)
	}
	return -1
}

// fitOfMessage says how well a setting's path goes with a message: best one that ends as the file that the message
// begins with, then one whose pattern matches that file; among equals the one nearest to the top, the main table.
func fitOfMessage(path, message string, depth int) int {
	fit := max(0, maxDepth-depth)
	file, _, found := strings.Cut(message, ":")
	name, base := filepath.Base(file), filepath.Base(path)
	matched, err := filepath.Match(base, name)
	switch {
	case !found:
	case base == name:
		fit += 2 * maxDepth
	case err == nil && matched:
		fit += maxDepth
	}
	return fit
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
		if f.whole() {
			if err := d.Cohort[i].Check(); err != nil {
				l.wrong(f, f.at, "%v", err)
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
	for _, name := range []string{"in", "notIn"} {
		if list := c.field(name); list.is(cue.ListKind) && len(list.items) == 0 && !list.part {
			l.wrong(list, list.at, "must have at least one value")
		}
	}
	info := l.column(d.Name, x.Column)
	switch {
	case info == nil || !c.whole():
	case info.Kind == frame.Category && bounded:
		l.wrong(c, c.field("column").at, "column %q is a text; min and max need a number", x.Column)
	case info.Kind == frame.Number:
		for _, v := range append(oneOrMore(c.field("in")), oneOrMore(c.field("notIn"))...) {
			if f, err := strconv.ParseFloat(value(v).String(), 64); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
				l.wrong(v, v.at, "column %q holds numbers, and %s is none", x.Column, v.quoted())
			}
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
		if h := l.exp.Headers[d.Name]; h != nil && l.column(d.Name, f.name()) == nil {
			l.wrong(f, f.label, "%s", noColumn(d.Name, h, f.name()))
			continue
		}
		l.checkPrepared(f, f.label, d, f.name(), "a transform needs a number")
	}
	for _, c := range oneOrMore(p.find("winsorise", "columns")) {
		l.checkPrepared(c, c.at, d, c.text, "winsorising needs a number")
	}
	for _, f := range fieldsOf(p.field("oneHot")) {
		if c := l.column(d.Name, f.name()); c != nil && droppedAs(c) == "" {
			l.wrong(f, f.label, "data set %q has a column %q already; give the variable of the one-hot set another name", d.Name, f.name())
			continue
		}
		columns := f
		if f.kind == cue.StructKind {
			columns = f.field("columns")
		}
		for _, c := range oneOrMore(columns) {
			l.checkPrepared(c, c.at, d, c.text, "a one-hot set needs numbers, 0 or 1")
		}
	}
}

// checkPrepared demands that a column that settings of a preparation name is one that is prepared, and a number. Whether
// it is there at all is not asked.
func (l *loader) checkPrepared(n *node, at where, d *Dataset, column, needs string) {
	c, role := l.column(d.Name, column), d.Roles()[column]
	leakage := slices.ContainsFunc(l.exp.Features, func(f FeatureSet) bool { return f.leaks() })
	what, _, _ := strings.Cut(leakWords[role], ":")
	switch reason := droppedAs(c); {
	case role == plugins.RoleTarget:
		l.wrong(n, at, "column %q is the target, which preparation leaves as it is", column)
	case role.Leaks() && !(leakage && (role == plugins.RoleOutcome || role == plugins.RoleScore)):
		l.wrong(n, at, "column %q is %s, which preparation leaves as it is", column, what)
	case reason != "":
		l.wrong(n, at, "column %q %s, so it is dropped when the data are read", column, reason)
	case c != nil && c.Kind == frame.Category:
		l.wrong(n, at, "column %q is a text; %s", column, needs)
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
		l.wrong(by, by.at, `needs the column to go by: time: "COLUMN", such as %s`, l.timesOf(d))
	case by.text == "site" && s.field("stratify") != nil:
		l.wrong(s.field("stratify"), s.field("stratify").label, "whole hospitals are shared out, so that nothing can be stratified; leave it out")
	}
	if time != nil && (!by.ok() || by.text != "time") {
		l.wrong(time, time.label, `goes with by: "time"`)
	}
	if reason := droppedAs(l.column(d.Name, text(time))); reason != "" {
		l.wrong(time, time.at, "column %q %s, so it orders nothing", time.text, reason)
	} else if c := l.column(d.Name, text(time)); c != nil && !slices.Contains(l.times(d), c.Name) {
		if slices.ContainsFunc(l.exp.Headers[d.Name].Columns, func(x plugins.ColumnInfo) bool { return x.Time }) {
			l.wrong(time, time.at, "column %q is no time of the calendar; the data set has %s", time.text, l.timesOf(d))
			return
		}
		l.wrong(time, time.at, "column %q is not known to be a time of the calendar, such as a year of discharge; where it is one, declare it: context: [%q]", time.text, time.text)
	}
}

// timesOf names what a split by time may go by.
func (l *loader) timesOf(d *Dataset) string {
	names := slices.DeleteFunc(l.times(d), func(name string) bool { return l.column(d.Name, name).Kind == frame.Category })
	if len(names) > 0 {
		return someOf(names)
	}
	return "a year of admission"
}

// times are the columns that a split by time may go by: those that the data set marks, or, where it marks none, what the
// experiment says describes the time (or the hospital).
func (l *loader) times(d *Dataset) []string {
	h := l.exp.Headers[d.Name]
	if h == nil {
		return nil
	}
	var marked, context []string
	roles := d.Roles()
	for i := range h.Columns {
		c := &h.Columns[i]
		if c.Time {
			marked = append(marked, c.Name)
		}
		if roles[c.Name] == plugins.RoleContext && droppedAs(c) == "" {
			context = append(context, c.Name)
		}
	}
	if len(marked) > 0 {
		return marked
	}
	return context
}

// maxExact is the largest whole number that a float64 holds exactly, as axis values are floats.
const maxExact = 1 << 53

// exact reports whether a whole number is one that a float64 holds, and that no other whole number is rounded to.
func exact(text string) bool {
	i, err := strconv.ParseInt(text, 10, 64)
	return err == nil && -maxExact <= i && i <= maxExact
}

// checkColumns checks that marked columns and groups of columns exist: those of a data set in it, those of a plugin's
// settings in every data set that the matrix combines the plugin with.
func (l *loader) checkColumns() {
	for _, n := range l.found.columns {
		l.compare(n, func(dataset string) string { return l.columnFault(n, dataset) })
	}
	for _, n := range l.found.patterns {
		l.compare(n, func(dataset string) string { return l.patternFault(n, dataset) })
	}
	for _, g := range l.found.groups {
		l.compare(g.node, func(dataset string) string { return l.groupFault(g, dataset) })
	}
}

// compare reports what is wrong with a setting for a data set that the matrix combines it with. Where there is none, the
// setting is wrong when it is so for every data set of the experiment.
func (l *loader) compare(n *node, fault func(dataset string) string) {
	if !n.ok() || len(n.path) < 2 || n.path[0] == "matrix" { // checkExtra looks at the values of axes
		return
	}
	used := l.datasetsWith(n.path[0], n.path[1])
	for _, dataset := range used {
		if what := fault(dataset); what != "" {
			l.wrong(n, n.at, "%s", what)
		}
	}
	if len(used) > 0 || len(l.exp.Datasets) == 0 || !l.listed("datasets") {
		return
	}
	first := ""
	for i := range l.exp.Datasets {
		what := fault(l.exp.Datasets[i].Name)
		if what == "" {
			return
		}
		if first == "" {
			first = what
		}
	}
	l.wrong(n, n.at, "%s", first)
}

// datasetsWith are the data sets that the matrix combines an entry of a section with.
func (l *loader) datasetsWith(section, name string) []string {
	if section == "datasets" {
		return []string{name}
	}
	var out []string
	for i := range l.exp.Matrix {
		b := &l.exp.Matrix[i]
		for _, of := range l.exp.parts(b) {
			if !l.uses(b, of, section, name) {
				continue
			}
			for _, v := range of("dataset") {
				if !slices.Contains(out, v.Text) {
					out = append(out, v.Text)
				}
			}
		}
	}
	return out
}

// valuesOf returns the values of an axis in some cells of a block.
type valuesOf func(axis string) []Value

// parts are the product of a block and each of its further cells, with all values that searches may choose.
func (e *Experiment) parts(b *Block) []valuesOf {
	out := []valuesOf{func(axis string) []Value { return e.mayBe(axis, b.values(axis)) }}
	for _, cell := range b.Include {
		out = append(out, func(axis string) []Value { return e.mayBe(axis, cell.values(axis)) })
	}
	return out
}

// values returns the value of an axis in a cell, if it has one.
func (a Assignment) values(axis string) []Value {
	if v, ok := a[axis]; ok {
		return []Value{v}
	}
	return nil
}

// uses reports whether a part of a block uses an entry of a section.
func (l *loader) uses(b *Block, of valuesOf, section, name string) bool {
	switch section {
	case "metrics":
		return len(b.Metrics) == 0 || slices.Contains(b.Metrics, name)
	case "features":
		for _, v := range of("features") {
			if l.exp.featureSet(v.Text) == name {
				return true
			}
		}
		return false
	case "audits":
		return slices.ContainsFunc(of("audit"), func(v Value) bool { return l.exp.restsOn(v.Text, name) })
	case "datasets", "sites", "strategies", "llms":
		axis := map[string]string{"datasets": "dataset", "sites": "site", "strategies": "strategy", "llms": "llm"}[section]
		values := of(axis)
		if section == "llms" && (len(values) == 0 || l.judges(of, name)) {
			return true // strategies name their models themselves, and so do audits
		}
		return slices.Contains(values, Value{Text: name})
	}
	return false
}

// columnFault says what is wrong with a column that a setting names, for one data set; "" when nothing is.
func (l *loader) columnFault(n *node, dataset string) string {
	afterPrepare := n.path[0] == "features" || n.path[0] == "strategies" // they read what preparation made
	if h := l.exp.Headers[dataset]; h != nil && l.column(dataset, n.text) == nil && !(afterPrepare && l.prepared(dataset, n.text)) {
		return noColumn(dataset, h, n.text)
	}
	if set := l.oneHotOf(dataset, n.text); afterPrepare && set != "" {
		return fmt.Sprintf("column %q of data set %q is merged into the one-hot set %q; name that", n.text, dataset, set)
	}
	if n.path[0] != "features" {
		return "" // other settings may well name a target or an identifier
	}
	return l.featureFault(n.path[1], dataset, n.text)
}

func noColumn(dataset string, h *plugins.Header, name string) string {
	return fmt.Sprintf("data set %q has no column %q%s", dataset, name, hint(name, "its columns are", columnNames(h)))
}

func columnNames(h *plugins.Header) []string {
	names := make([]string, len(h.Columns))
	for i, c := range h.Columns {
		names[i] = c.Name
	}
	return names
}

// featureFault says why a column of a data set can be no feature of a feature set; "" when it can.
func (l *loader) featureFault(set, dataset, column string) string {
	role := l.datasetNamed(dataset).Roles()[column]
	allow := l.root.find("features", set, "allow")
	switch reason := droppedAs(l.column(dataset, column)); {
	case role == plugins.RoleTarget:
		return fmt.Sprintf("column %q is the target of data set %q, which is no feature", column, dataset)
	case neverFeature(role):
		return fmt.Sprintf("column %q is %s; it is never a feature", column, leakWords[role])
	case role.Leaks() && !slices.Contains(texts(allow), "leakage"):
		return fmt.Sprintf(`column %q is %s; say allow: ["leakage"] when that is on purpose`, column, leakWords[role])
	case reason != "":
		return fmt.Sprintf("column %q of data set %q %s, so it is dropped when the data are read", column, dataset, reason)
	}
	return ""
}

// neverFeature reports whether a column of this role is no feature even where leakage is allowed.
func neverFeature(role plugins.Role) bool {
	return role == plugins.RoleTarget || role == plugins.RoleSubject || role == plugins.RoleContext
}

// oneHotOf returns the one-hot set that a column is merged into, or "".
func (l *loader) oneHotOf(dataset, column string) string {
	sets := l.datasetNamed(dataset).Prepare.OneHot
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		if slices.Contains(sets[name].Columns, column) {
			return name
		}
	}
	return ""
}

// prepared reports whether preparation makes a variable of the name: a one-hot set, or a mark of missing values.
func (l *loader) prepared(dataset, name string) bool {
	return slices.Contains(l.preparedNames(dataset), name)
}

// preparedNames are the variables that preparation may make beside the columns of a data set.
func (l *loader) preparedNames(dataset string) []string {
	c := l.datasetNamed(dataset).Prepare
	var names []string
	for name := range c.OneHot {
		names = append(names, name)
	}
	slices.Sort(names)
	if c.Indicator {
		for _, name := range append(columnNames(l.exp.Headers[dataset]), names...) {
			names = append(names, prepare.IndicatorName(name))
		}
	}
	return names
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
