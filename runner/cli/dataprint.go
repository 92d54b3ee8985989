package cli

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/profile"
)

// printInspection prints what was found, for people.
func (a *app) printInspection(i *inspection) {
	if i.Table != nil {
		a.printf("%s: %s, %s\n\n", filepath.Base(i.Path), sizeText(i.Table), humanize.Bytes(uint64(i.Bytes)))
		a.printProfile(i.Table)
	}
	for _, n := range i.Notes {
		a.wrapped("", n)
		a.printf("\n")
	}
	for k := range i.Datasets {
		a.printWay(&i.Datasets[k])
	}
}

// sizeText counts the rows and columns of a table.
func sizeText(p *profile.Profile) string {
	return fmt.Sprintf("%s rows, %s", humanize.Comma(int64(p.Rows)), plural(len(p.Columns), "column"))
}

// printWay prints how a data set would read a path: what is missing for that, or the table and the block.
func (a *app) printWay(w *dataWay) {
	if w.Table != nil || len(w.Lacks) > 0 || w.CUE == "" {
		a.printf("%s\n", a.bold(fmt.Sprintf("%s %s: a row is %s", w.Use, cueOf(w.With, ""), w.Summary)))
		for _, n := range w.Notes {
			a.wrapped("  ", n)
		}
	}
	if w.Table == nil && len(w.Lacks) == 0 && w.CUE != "" {
		for _, n := range w.Notes {
			a.wrapped("", n)
			a.printf("\n")
		}
	}
	for _, l := range w.Lacks {
		a.wrapped("  ", "not there: "+l)
	}
	if w.Table != nil {
		a.printf("\n%s\n\n", sizeText(w.Table))
		a.printProfile(w.Table)
	}
	if w.Problem != "" {
		a.wrapped("", "it cannot be read like that: "+w.Problem)
	}
	a.printf("%s", w.CUE)
	if w.CUE == "" || w.Table != nil {
		a.printf("\n")
	}
}

// printProfile prints the columns of a table, then what is known of label, patients, hospitals, and the warnings.
func (a *app) printProfile(p *profile.Profile) {
	a.printf("%s\n\n", a.columnTable(p))
	if l := p.Label; l != nil {
		a.wrapped("label     ", labelText(p, l))
	}
	if s := p.Subjects; s != nil {
		a.wrapped("patients  ", subjectsText(p, s))
	}
	if s := p.Sites; s != nil {
		a.wrapped("sites     ", sitesText(p, s))
	}
	if p.Label != nil || p.Subjects != nil || p.Sites != nil {
		a.printf("\n")
	}
	for k, w := range p.Warnings {
		if k == 0 {
			a.printf("%s\n", a.bold("worth a look"))
		}
		a.wrapped("  ", warningText(w))
	}
	if len(p.Warnings) > 0 {
		a.printf("\n")
	}
}

// columnTable lays the columns out.
func (a *app) columnTable(p *profile.Profile) string {
	w := newTable()
	head := table.Row{"column", "kind", "unit", "missing", "distinct", "stands for", "5th to 95th percentile, or levels"}
	w.AppendHeader(head)
	widest := make([]int, len(head))
	for c, title := range head {
		widest[c] = text.StringWidth(title.(string))
	}
	rows := make([]table.Row, len(p.Columns))
	for i, c := range p.Columns {
		rows[i] = table.Row{c.Name, kindText(c), guessed(c.Unit, c.UnitGuess), c.Missing.String(), humanize.Comma(int64(c.Distinct)), guessed(roleText(c), c.RoleGuess), valuesText(c)}
		for k, cell := range rows[i] {
			widest[k] = max(widest[k], text.StringWidth(cell.(string)))
		}
	}
	w.AppendRows(rows)
	const least = 24
	room := a.out.width()
	for _, width := range widest[:len(widest)-1] {
		room -= width + len(w.Style().Box.PaddingRight)
	}
	w.SetColumnConfigs([]table.ColumnConfig{
		{Number: 4, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: 5, Align: text.AlignRight, AlignHeader: text.AlignRight},
		{Number: len(head), WidthMax: max(room, least), WidthMaxEnforcer: text.WrapSoft},
	})
	return rendered(w)
}

// newTable is a table as the command prints tables of its own: columns apart, the header underlined, all as written.
func newTable() table.Writer {
	w := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Format = table.FormatOptions{} // no upper case
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	return w
}

// rendered lays a table out, without blanks at the ends of its lines.
func rendered(w table.Writer) string {
	lines := strings.Split(w.Render(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// guessed marks a guess.
func guessed(s string, guess bool) string {
	if guess && s != "" {
		return s + "?"
	}
	return s
}

func kindText(c *profile.Column) string {
	if c.Form != "" {
		return c.Form
	}
	return string(c.Kind)
}

// roleText is the role of a column, or that it had better not be read.
func roleText(c *profile.Column) string {
	if c.Role == "" && c.Dropped() != "" {
		return "drop"
	}
	return string(c.Role)
}

// valuesText is a range, or the levels that may be named.
func valuesText(c *profile.Column) string {
	if c.Low != nil && *c.Low == *c.High {
		return "nearly all " + decimal(*c.Low)
	}
	if c.Low != nil {
		return fmt.Sprintf("%s to %s", decimal(*c.Low), decimal(*c.High))
	}
	var parts []string
	for _, l := range c.Levels {
		part := l.Name
		if l.Rows > 0 {
			part += " " + l.Rows.String()
		}
		parts = append(parts, part)
	}
	switch {
	case c.Withheld > 0 && len(parts) > 0:
		parts = append(parts, plural(c.Withheld, "level")+" too rare to name")
	case len(parts) == 0 && c.Smallest > 0 && c.Form == "" && !identifies(c):
		parts = append(parts, fmt.Sprintf("rarest level in %s rows", c.Smallest))
	}
	return strings.Join(parts, " · ")
}

// identifies reports whether the values of a column tell rows, patients or hospitals apart.
func identifies(c *profile.Column) bool {
	return slices.Contains([]plugins.Role{plugins.RoleRow, plugins.RoleSubject, plugins.RoleSite, plugins.RoleID}, c.Role)
}

// decimal writes a number without an exponent.
func decimal(v float64) string {
	if math.Abs(v) < 10_000 { // years among them
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return humanize.Commaf(v)
}

func labelText(p *profile.Profile, l *profile.Label) string {
	name := guessed(l.Column, p.Column(l.Column).RoleGuess)
	if l.Classes != 2 {
		return fmt.Sprintf("%s: %s", name, plural(l.Classes, "value"))
	}
	event := ""
	if l.Positive != "" {
		event = fmt.Sprintf(" (%s)", l.Positive)
	}
	out := fmt.Sprintf("%s: %s of %s rows are events%s, %s", name, l.Events.Count(), humanize.Comma(int64(l.Events.Of)), event, l.Events)
	if l.Missing > 0 {
		out += fmt.Sprintf("; %s without a label", l.Missing)
	}
	return out
}

func subjectsText(p *profile.Profile, s *profile.Subjects) string {
	out := fmt.Sprintf("%s: %s; %s with more than one row", guessed(s.Column, p.Column(s.Column).RoleGuess), s.Number, s.Repeated)
	if s.Mean != "" {
		out += fmt.Sprintf(" (%s rows each on average)", s.Mean)
	}
	if p.Sites != nil {
		out += fmt.Sprintf("; %s at more than one site", s.Sites)
	}
	if s.Differ != nil && s.Repeated > 0 {
		out += fmt.Sprintf("; %s with rows that differ in the label", *s.Differ)
	}
	return out
}

func sitesText(p *profile.Profile, s *profile.Sites) string {
	out := fmt.Sprintf("%s: %s; rows a site: least %s, median %s, most %s", guessed(s.Column, p.Column(s.Column).RoleGuess), humanize.Comma(int64(s.Number)), s.Least, s.Median, s.Most)
	if p.Label == nil || p.Label.Classes != 2 {
		return out + fmt.Sprintf("; %d with fewer than %d rows", s.Below, profile.MinRows)
	}
	return out + fmt.Sprintf("; %d with labels of one class; %d below the minimum of %d rows, %d events and %d others, so not estimable by themselves",
		s.OneClass, s.Below, profile.MinRows, profile.MinEvents, profile.MinNonEvents)
}

// warningText names the columns that a warning is of, the first of them where they are many.
func warningText(w profile.Warning) string {
	const most = 6
	names := w.Columns
	switch {
	case len(names) == 0:
		return w.Text
	case len(names) > most+1:
		return fmt.Sprintf("%s and %d more: %s", strings.Join(names[:most], ", "), len(names)-most, w.Text)
	}
	return strings.Join(names, ", ") + ": " + w.Text
}

// wrapped prints a text behind a mark; the lines after the first are indented by as much.
func (a *app) wrapped(mark, s string) {
	blank := strings.Repeat(" ", len(mark)+2)
	line := mark
	for k, word := range strings.Fields(s) {
		switch {
		case k == 0:
			line += word
		case text.StringWidthWithoutEscSequences(line)+1+text.StringWidthWithoutEscSequences(word) > a.out.width():
			a.printf("%s\n", line)
			line = blank + word
		default:
			line += " " + word
		}
	}
	a.printf("%s\n", line)
}

// bold is a heading on a terminal.
func (a *app) bold(s string) string {
	if a.out.colors() {
		return text.Bold.Sprint(s)
	}
	return s
}
