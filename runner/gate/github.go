package gate

import (
	"fmt"
	"path"
	"strings"
)

// GitHub returns the report as workflow commands, which a build shows as annotations at the line of the check: an error for each
// comparison that does not pass, a warning for one that passes by leave alone, and a notice with what it comes to.
func (r *Report) GitHub() string {
	var b strings.Builder
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		kind := "error"
		switch {
		case c.Passes() && !c.spared():
			continue
		case c.Passes():
			kind = "warning"
		}
		properties := ""
		if c.Check.File != "" {
			properties = fmt.Sprintf("file=%s,line=%d,col=%d,", property(path.Clean(strings.ReplaceAll(c.Check.File, "\\", "/"))), max(c.Check.Line, 1), max(c.Check.Column, 1))
		}
		fmt.Fprintf(&b, "::%s %stitle=%s::%s\n", kind, properties, property("ehrlab check "+c.Title()), data(c.Message()))
	}
	fmt.Fprintf(&b, "::notice title=%s::%s\n", property("ehrlab check "+r.Experiment),
		data(fmt.Sprintf("%s against %s: %s; %s", r.Checked.Name, strings.Join(r.Baselines(), "; "), r.Counts(), r.Result())))
	return b.String()
}

// data escapes the message of a workflow command.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property escapes a property of a workflow command.
func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
