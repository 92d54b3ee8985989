package gate

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// leastWidth is the narrowest text that can be read.
const leastWidth = 40

// Text returns the report for a terminal, in lines of no more than width columns where words allow it.
func (r *Report) Text(width int) string {
	width = max(width, leastWidth)
	var b strings.Builder
	line := func(indent, s string) {
		for part := range strings.SplitSeq(text.WrapSoft(s, width-len(indent)), "\n") {
			if strings.HasPrefix(strings.TrimSpace(part), "::") { // a build would read a command
				part = "… " + part
			}
			b.WriteString(strings.TrimRight(indent+part, " ") + "\n")
		}
	}
	baselines := r.Baselines()
	if len(baselines) == 1 {
		line("", fmt.Sprintf("%s %s against %s", r.Experiment, r.Checked.Name, baselines[0]))
	} else {
		line("", fmt.Sprintf("%s %s", r.Experiment, r.Checked.Name))
	}
	if r.Simulated {
		line("", banner)
	}
	last := ""
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		b.WriteString("\n")
		if d := c.Baseline.Describe(); len(baselines) > 1 && d != last {
			line("", "against "+d)
			last = d
		}
		r.block(c, line)
	}
	b.WriteString("\n")
	for _, n := range r.Notes {
		line("", "note: "+n)
	}
	if s := r.Coverage(); s != "" {
		line("", s)
	}
	line("", fmt.Sprintf("%s: %s", plural(len(r.Comparisons), "comparison"), r.Counts()))
	line("", r.Result())
	return b.String()
}

// block writes one comparison.
func (r *Report) block(c *Comparison, line func(indent, s string)) {
	mark := "✓"
	switch {
	case !c.Passes():
		mark = "✗"
	case c.spared():
		mark = "?"
	}
	verdict := string(c.Verdict)
	line("", fmt.Sprintf("%s %s%s – %s", mark, strings.ToUpper(verdict), strings.TrimPrefix(c.Outcome(), verdict), c.Title()))
	const indent = "  "
	head := fmt.Sprintf("%s %s", c.change(), c.arrow())
	if c.estimated() {
		head += "   δ " + c.difference()
		if basis := c.basis(); basis != "" {
			head += ", " + basis
		}
	}
	line(indent, head)
	tail := fmt.Sprintf("tolerance %s", c.margin())
	if c.estimated() {
		tail += fmt.Sprintf("   detectable %s", c.detectable())
	}
	line(indent, fmt.Sprintf("%s   %d/%d pairs", tail, c.N, c.Of))
	for _, s := range c.Sentences() {
		line(indent, s)
	}
}
