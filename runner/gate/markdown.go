package gate

import (
	"fmt"
	"strings"
)

// Markdown returns the report as a comment on a pull request: what it comes to, a table, and the details folded away.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**ehrlab check %s: %s**, %s\n\n", escaped(r.Experiment), r.Counts(), r.Result())
	fmt.Fprintf(&b, "%s against %s\n\n", escaped(r.Checked.Name), escaped(strings.Join(r.Baselines(), "; ")))
	if r.Simulated {
		b.WriteString(banner + "\n\n")
	}
	b.WriteString("| | check | score | where | baseline → new | δ, better when above 0 | tolerance | detectable | pairs |\n")
	b.WriteString("| :-- | :-- | :-- | :-- | --: | --: | --: | --: | --: |\n")
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		mark := "✅"
		switch {
		case !c.Passes():
			mark = "❌"
		case c.spared():
			mark = "⚠️"
		}
		cells := []string{
			mark + " " + c.Outcome(), c.Check.Name, c.Score + " " + c.arrow(), c.Where(), c.change(), c.difference(), c.margin(), c.detectable(),
			fmt.Sprintf("%d/%d", c.N, c.Of),
		}
		for k := range cells {
			cells[k] = escaped(strings.TrimSpace(cells[k]))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	b.WriteString("\n<details>\n<summary>Details</summary>\n\n")
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		text := c.Outcome()
		if basis := c.basis(); basis != "" {
			text += "; interval of " + basis
		}
		text += ", against " + c.Baseline.Describe()
		text = strings.Join(append([]string{text}, c.Sentences()...), "; ")
		fmt.Fprintf(&b, "- **%s**: %s\n", escaped(c.Title()), escaped(text))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- %s\n", escaped(n))
	}
	if s := r.Coverage(); s != "" {
		fmt.Fprintf(&b, "\n%s\n", s)
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// escaped keeps names from being taken for Markdown or HTML.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '\\', '`', '*', '_', '{', '}', '[', ']', '<', '>', '#', '|', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '&':
			b.WriteString("&amp;")
		case '@': // no mention of a user
			b.WriteString("&#64;")
		case '\n', '\r', '\t':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
