package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/page"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// mostLines is how many lines of a table the page has: more are no table to read, and are in its files.
const mostLines = 1000

// content gathers what the page of a version says.
func (src *source) content(views record.Views, tables []Rendered, plots []drawnPlot) *page.Content {
	m := &src.core.Manifest
	c := &page.Content{
		Title: cmp.Or(views.Title, m.Experiment), Experiment: m.Experiment, Version: "v" + strconv.Itoa(m.Version),
		Finished: day(m.Finished), Banner: src.banner(nil), Style: TableStyle,
		Facts: src.pageFacts(), Problems: src.problems(), Warnings: src.warnings(), Data: src.pageData(), Models: src.pageModels(), Costs: src.costs(),
		Notes: src.generalNotes(), Provenance: src.provenance(), Grids: src.provenanceGrids(), Resolved: indented(m.Resolved), Scores: src.glossary(),
	}
	c.Cite, c.BibTeX = src.citation(c.Title)
	for i := range tables {
		t := tables[i].Table
		if t.Name == spec.PrimaryTable && len(views.Primary) > 0 {
			c.Findings = inWords(t)
		}
		if shown := pageTable(t); i == 0 {
			c.Headline = append(c.Headline, shown)
		} else {
			c.Tables = append(c.Tables, shown)
		}
	}
	for i := range plots {
		c.Plots = append(c.Plots, pagePlot(&plots[i]))
	}
	return c
}

// pageTable is a table with as many lines as the page has.
func pageTable(t *Table) page.Table {
	shown := *t
	hidden := max(0, len(t.Lines)-mostLines)
	shown.Lines, shown.Data = t.Lines[:len(t.Lines)-hidden], namesAlone(t.Data)
	return page.Table{
		Name: t.Name, Markup: template.HTML(shown.HTML()), Lines: len(shown.Lines), Hidden: hidden, //nolint:gosec // it escapes all texts
		Files: filesBeside("tables", t.Name, ".csv", ".tex", ".md", ".parquet"),
	}
}

// namesAlone leaves of what a table says of its data which they are: the page says the rest once.
func namesAlone(data []string) []string {
	var out []string
	for _, text := range data {
		if name, _, found := strings.Cut(text, ")."); found && strings.HasPrefix(name, "Data: ") {
			out = append(out, name+").")
		}
	}
	return out
}

func pagePlot(d *drawnPlot) page.Plot {
	p := page.Plot{Name: d.Name, Title: cmp.Or(d.Title, d.Name)}
	if d.wrong != nil {
		p.Problem = "No drawing: " + d.wrong.Error() + "."
		return p
	}
	p.SVG, p.Shown, p.Files = d.drawing.SVG, d.drawing.Shown, filesBeside("plots", d.Name, plotEndings...)
	return p
}

// filesBeside are paths from the page to the files of a view.
func filesBeside(folder, name string, endings ...string) []string {
	paths := make([]string, len(endings))
	for i, ending := range endings {
		paths[i] = folder + "/" + name + ending
	}
	return paths
}

// inWords are the primary contrasts in words, with their differences.
func inWords(t *Table) []page.Finding {
	at := func(name string) int { return slices.Index(t.Rows, name) }
	contrast, a, b, score, found := at("contrast"), at("a"), at("b"), at("score"), at("finding")
	if slices.Contains([]int{contrast, a, b, score, found}, -1) {
		return nil
	}
	var out []page.Finding
	for i := range t.Lines {
		l := &t.Lines[i]
		f := page.Finding{Name: l.Labels[contrast], Text: l.Labels[found], Score: l.Labels[score] + ": " + l.Labels[a] + " against " + l.Labels[b]}
		if len(l.Values) > 0 && l.Values[0].Status == OK {
			value, interval, _ := t.parts(l, 0)
			f.Text += fmt.Sprintf("; difference %s, %s pairs", strings.TrimSpace(value+" "+interval), fraction(l.N, l.Of))
		}
		out = append(out, f)
	}
	return out
}

// pageFacts say what was run.
func (src *source) pageFacts() []page.Fact {
	m := &src.core.Manifest
	counts := map[record.CellStatus]int{}
	for i := range src.core.Cells {
		counts[src.core.Cells[i].Status]++
	}
	run := len(src.core.Cells) - counts[record.CellExcluded]
	cells := fmt.Sprintf("%d of %d with results", counts[record.CellOK], run)
	for _, s := range []record.CellStatus{record.CellFailed, record.CellNotEstimable, record.CellExcluded} {
		if counts[s] > 0 {
			cells += fmt.Sprintf(", %d %s", counts[s], s)
		}
	}
	scores := map[plugins.Status]int{}
	for i := range src.core.Scores {
		scores[src.core.Scores[i].Status]++
	}
	state := "complete: nothing failed"
	if !m.Complete {
		state = "INCOMPLETE: some cells or scores failed"
	}
	facts := []page.Fact{
		{Name: "State", Text: state},
		{Name: "Cells", Text: cells},
		{Name: "Values", Text: fmt.Sprintf("%d measured, %d undefined, %d failed", scores[plugins.OK], scores[plugins.Undefined], scores[plugins.Failed])},
	}
	for _, a := range m.Axes {
		if values := m.AxisValues[a]; len(values) > 0 {
			facts = append(facts, page.Fact{Name: "Axis " + a, Text: fewOf(values, 24)})
		}
	}
	return facts
}

// fewOf joins the first texts and says how many more there are.
func fewOf(texts []string, most int) string {
	if len(texts) <= most {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:most], ", "), len(texts)-most)
}

// problemList gathers reasons in the order in which they come.
type problemList struct {
	order []string
	of    map[string]*problemGroup
}

type problemGroup struct {
	kind  string
	texts []string        // that differ in their numbers alone
	of    []string        // the scores that it is of; none: the kind says it
	where []string        // cells
	known map[string]bool // of texts, of and where
}

// note adds a text to a list unless it is there already.
func (g *problemGroup) note(list *[]string, text string) {
	key := fmt.Sprintf("%p\x00%s", list, text)
	if text == "" || g.known[key] {
		return
	}
	g.known[key] = true
	*list = append(*list, text)
}

const mostExamples = 20

func (p *problemList) add(kind, score, text, cell string) {
	key := kind + "\x00" + kindOf(text)
	if p.of == nil {
		p.of = map[string]*problemGroup{}
	}
	g := p.of[key]
	if g == nil {
		g = &problemGroup{kind: kind, known: map[string]bool{}}
		p.of[key], p.order = g, append(p.order, key)
	}
	g.note(&g.texts, text)
	g.note(&g.of, score)
	g.note(&g.where, cell)
}

// all are the reasons; of very many the first ones.
func (p *problemList) all() []page.Problem {
	const most = 100
	var out []page.Problem
	for i, key := range p.order {
		if i == most {
			out = append(out, page.Problem{Kind: "Others", Count: plural(len(p.order)-most, "reason"), Reason: "in cells.csv and scores.csv."})
			break
		}
		g := p.of[key]
		shown := g.where[:min(len(g.where), mostExamples)]
		problem := page.Problem{Kind: g.kind, Count: plural(len(g.where), "cell"), Examples: shown, More: len(g.where) - len(shown)}
		if len(g.of) > 0 {
			problem.Kind += " " + fewOf(g.of, 6)
		}
		if len(g.where) == 0 {
			problem.Count = "all cells"
		}
		if len(g.texts) > 0 {
			problem.Reason = sentences([]string{ranged(g.texts)})
		}
		out = append(out, problem)
	}
	return out
}

// problems are what failed, was excluded, could not be estimated or has no value, each with its reason.
func (src *source) problems() []page.Problem {
	var list problemList
	for i := range src.core.Cells {
		c := &src.core.Cells[i]
		switch c.Status {
		case record.CellFailed:
			list.add(joinedBy(" at ", "Failed", c.Stage), "", c.Reason, c.ID)
		case record.CellNotEstimable:
			list.add("Not estimable", "", c.Reason, c.ID)
		case record.CellExcluded:
			list.add("Excluded", "", c.Reason, c.ID)
		}
	}
	for i := range src.core.Scores {
		s := &src.core.Scores[i]
		if at, known := src.cells[s.Cell]; known {
			if c := &src.core.Cells[at]; c.Status == record.CellNotEstimable || c.Status == record.CellFailed && c.Reason == s.Reason {
				continue // said of the cell
			}
		}
		switch s.Status {
		case plugins.Failed:
			list.add("Failed", s.Metric, s.Reason, s.Cell)
		case plugins.Undefined:
			list.add("Undefined", s.Metric+"."+s.Name, s.Reason, s.Cell)
		}
	}
	return list.all()
}

// warnings are what the version and measured values were warned of.
func (src *source) warnings() []page.Problem {
	var list problemList
	for _, w := range src.core.Manifest.Warnings {
		list.add("Version", "", w, "")
	}
	for i := range src.core.Scores {
		s := &src.core.Scores[i]
		for _, w := range s.Warnings {
			list.add("Scores", s.Metric+"."+s.Name, w, s.Cell)
		}
	}
	return list.all()
}

// pageData are the data sets that were read.
func (src *source) pageData() []page.Data {
	var out []page.Data
	for _, d := range src.core.Manifest.Data {
		text, declared := src.texts[d.Name]
		if !declared {
			text = record.DataText{Licence: d.Licence, Citation: d.Citation, Notes: d.Notes}
		}
		unstated := "not stated"
		if d.Governance == plugins.Simulated {
			unstated = "none: the rows are invented"
		}
		data := page.Data{Name: d.Name, Facts: []page.Fact{
			{Name: "Read by", Text: d.Plugin},
			{Name: "Governance", Text: string(d.Governance)},
			{Name: "Licence", Text: cmp.Or(text.Licence, unstated)},
			{Name: "Citation", Text: cmp.Or(text.Citation, unstated)},
		}}
		notes := slices.Clone(text.Notes)
		if cohort := src.cohort(d.Name); cohort != "" {
			notes = append([]string{cohort}, notes...)
		}
		for _, n := range slices.Concat(src.core.Manifest.Notes, src.cellNotes(func(int) bool { return true })) {
			if n, its := strings.CutPrefix(n, d.Name+": "); its {
				notes = append(notes, n)
			}
		}
		data.Notes = sentencesOf(alike(append(notes, src.trainedOn(d.Name)...)))
		if truth := planted(d); truth != "" {
			data.Notes = append(data.Notes, truth)
		}
		if len(d.Files) > 0 {
			data.Files = &page.Grid{Title: "Files that were read", Head: []string{"file", "bytes", "SHA-256 of the content"}, Code: []bool{true, false, true}, Rows: fileRows(d.Files)}
		}
		out = append(out, data)
	}
	return out
}

// generalNotes are those that belong to no data set.
func (src *source) generalNotes() []string {
	var out []string
	for _, n := range src.core.Manifest.Notes {
		its := slices.ContainsFunc(src.core.Manifest.Data, func(d record.DataInfo) bool { return strings.HasPrefix(n, d.Name+": ") })
		if !its {
			out = append(out, n)
		}
	}
	return sentencesOf(alike(out))
}

// trainedOn says that models may have seen the rows of a data set in their training, where scores were warned of it.
func (src *source) trainedOn(dataset string) []string {
	for i := range src.core.Scores {
		s := &src.core.Scores[i]
		at, known := src.cells[s.Cell]
		if !known {
			continue
		}
		if d := src.core.Cells[at].Axes["dataset"]; d != "" && d != dataset {
			continue
		}
		for _, w := range s.Warnings {
			if strings.Contains(w, "pre-training") {
				return []string{w}
			}
		}
	}
	return nil
}

func fileRows(files []record.FileInfo) [][]string {
	rows := make([][]string, len(files))
	for i, f := range files {
		rows[i] = []string{f.Role, strconv.FormatInt(f.Bytes, 10), f.SHA256}
	}
	return rows
}

// pageModels are the language models that were asked; nil where none was.
func (src *source) pageModels() *page.Grid {
	models := src.core.Manifest.LLMs
	if len(models) == 0 {
		return nil
	}
	g := &page.Grid{
		Title: "What was asked and answered, whichever run paid for it",
		Head:  []string{"name", "model", "served", "endpoint", "asked (UTC)", "steps", "calls", "of these distinct", "refused", "cut off", "tokens in", "of these cached", "tokens out", "of these reasoning"},
	}
	for i := range models {
		m := &models[i]
		model := m.Model
		if m.Simulated {
			model += " (simulated)"
		}
		asked := dash
		if !m.First.IsZero() {
			asked = day(m.First)
			if last := day(m.Last); last != asked {
				asked += " to " + last
			}
		}
		row := []string{m.Name, model, dashed(strings.Join(m.Served, ", ")), cmp.Or(m.Endpoint, "in process"), asked}
		for _, n := range []int{m.Steps, m.Calls, m.Distinct, m.Refused, m.Truncated, m.Input, m.Cached, m.Output, m.Reasoning} {
			row = append(row, strconv.Itoa(n))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// costs is the price of all answers, each step's once, whichever cells share it.
func (src *source) costs() []string {
	models := src.core.Manifest.LLMs
	if len(models) == 0 {
		return nil
	}
	usd, priced, shared := 0.0, 0, 0
	var unknown []string
	for _, m := range models {
		shared += m.Calls - m.Distinct
		if m.USD == nil {
			unknown = append(unknown, m.Model)
			continue
		}
		usd += *m.USD
		priced++
	}
	text := "The price of the answers is not known"
	if priced > 0 {
		text = fmt.Sprintf("Price of the answers: %s USD", rounded(usd))
	}
	if len(unknown) > 0 && priced > 0 {
		text += "; no price is known for " + strings.Join(unknown, ", ")
	}
	if shared > 0 {
		text += "; answers that steps share are counted for each of them, so that less was paid"
	}
	return []string{text + "."}
}

// provenance says what made the numbers.
func (src *source) provenance() []page.Fact {
	m := &src.core.Manifest
	facts := []page.Fact{
		{Name: "Resolved experiment", Text: "sha256:" + m.ResolvedHash, Code: true},
		{Name: "Plan", Text: "sha256:" + m.Plan, Code: true},
		{Name: "Seeds", Text: cmp.Or(fewOf(m.AxisValues["seed"], 100), "none")},
		{Name: "Started", Text: moment(m.Started)},
		{Name: "Finished", Text: moment(m.Finished)},
		{Name: "Tool", Text: joinedBy(", ", "ehrlab "+m.Tool.Version, m.Tool.Revision, m.Tool.Go, m.Tool.Platform)},
		{Name: "Numeric class", Text: m.Numeric},
	}
	return slices.DeleteFunc(facts, func(f page.Fact) bool { return f.Text == "" || f.Text == "sha256:" })
}

// provenanceGrids are the plugins, and the files that hold the numbers.
func (src *source) provenanceGrids() []page.Grid {
	m := &src.core.Manifest
	used := page.Grid{Title: "Plugins", Head: []string{"stage", "plugin", "version"}}
	for _, p := range m.Plugins {
		used.Rows = append(used.Rows, []string{p.Stage, p.Name, strconv.Itoa(p.Version)})
	}
	recorded := page.Grid{Title: "Files of the record", Head: []string{"file", "bytes", "SHA-256"}, Code: []bool{true, false, true}, Rows: fileRows(m.Files)}
	grids := []page.Grid{used, recorded}
	for _, f := range m.MetricFiles {
		grids = append(grids, page.Grid{
			Title: "Files that metric " + f.Metric + " read", Head: []string{"file", "bytes", "SHA-256"}, Code: []bool{true, false, true}, Rows: fileRows(f.Files),
		})
	}
	return slices.DeleteFunc(grids, func(g page.Grid) bool { return len(g.Rows) == 0 })
}

// indented is JSON for people; what is none stays as it is.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 {
		return ""
	}
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}

// citation is how to cite the version: as a text, and for BibTeX.
func (src *source) citation(title string) (text, bibtex string) {
	m := &src.core.Manifest
	hash := fmt.Sprintf("%.12s", m.ResolvedHash)
	text = strings.TrimSuffix(title, ".") + fmt.Sprintf(". Experiment %s, version v%d (%s)", m.Experiment, m.Version, day(m.Finished))
	if hash != "" {
		text += ", resolved experiment " + hash
	}
	text += joinedBy(" ", ", made with ehrlab", m.Tool.Version) + ". Cite the data sets as well, as said above."
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-12s = {%s},\n", name, value)
		}
	}
	fmt.Fprintf(&b, "@misc{%s-v%d,\n", m.Experiment, m.Version)
	field("title", "{"+tex(title)+"}")
	if !m.Finished.IsZero() {
		field("year", m.Finished.UTC().Format("2006"))
		fmt.Fprintf(&b, "  %-12s = %s,\n", "month", strings.ToLower(m.Finished.UTC().Format("Jan"))) // a name that BibTeX knows
	}
	field("howpublished", tex(joinedBy(" ", "ehrlab", m.Tool.Version)))
	note := fmt.Sprintf("experiment %s, version v%d", m.Experiment, m.Version)
	if hash != "" {
		note += ", resolved experiment sha256:" + m.ResolvedHash
	}
	field("note", tex(note))
	b.WriteString("}\n")
	return text, b.String()
}

// glossary says what the scores are.
func (src *source) glossary() []page.Term {
	var out []page.Term
	for _, s := range src.core.Manifest.Scores {
		better := "neither: it describes"
		switch s.Better {
		case plugins.Higher:
			better = "↑ higher"
		case plugins.Lower:
			better = "↓ lower"
		}
		out = append(out, page.Term{Name: s.Metric + "." + s.Name, Summary: s.Summary, Range: rangeOf(s.Min, s.Max), Better: better})
	}
	return out
}

// rangeOf is a range in words; nil: no end.
func rangeOf(low, high *float64) string {
	switch {
	case low != nil && high != nil:
		return rounded(*low) + " to " + rounded(*high)
	case low != nil:
		return "from " + rounded(*low)
	case high != nil:
		return "up to " + rounded(*high)
	}
	return "any number"
}

// day is a date; empty where there is none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
