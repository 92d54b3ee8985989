package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/profile"
)

// dataBlock is the block of an experiment for one way to read a path: what the data set declares is left to it, what is
// guessed says so. header may be nil.
func dataBlock(name string, w *dataWay, header *plugins.Header, table *profile.Profile) string {
	var b strings.Builder
	line := func(comment, format string, args ...any) {
		text := "\t" + fmt.Sprintf(format, args...)
		if comment != "" {
			text += " // " + comment
		}
		b.WriteString(text + "\n")
	}
	fmt.Fprintf(&b, "datasets: %s: {\n", label(name))
	line("", "use: %s", quote(w.Use))
	if guessed := guessedSettings(table); guessed != "" && header != nil && w.Table == nil {
		line("", "// %s: guesses, to be checked", guessed)
	}
	line("", "with: %s", cueOf(w.With, "\t"))
	governance := plugins.Restricted
	if header != nil && header.Governance != "" {
		governance = header.Governance
	}
	comment := ""
	if governance == plugins.Restricted {
		comment = `"open" only where the licence says so`
	}
	line(comment, "governance: %s", quote(string(governance)))
	rolesOf(table, line)
	prepareOf(table, line)
	b.WriteString("}\n")
	return b.String()
}

// rolesOf writes the roles that a data set does not declare itself.
func rolesOf(table *profile.Profile, line func(comment, format string, args ...any)) {
	for _, role := range []plugins.Role{plugins.RoleRow, plugins.RoleSubject, plugins.RoleSite, plugins.RoleTarget} {
		columns := table.Roles(role)
		switch {
		case len(columns) == 0 && role == plugins.RoleTarget:
			line("", `// target: "…": no column looks like the label; name it here`)
		case len(columns) > 0 && columns[0].RoleGuess:
			line("guess", "%s: %s", role, quote(columns[0].Name))
		case len(columns) > 0 && !columns[0].RoleDeclared:
			line("", "%s: %s", role, quote(columns[0].Name))
		}
	}
	comments := map[plugins.Role]string{
		plugins.RoleGroup: "guess: groups to compare", plugins.RoleOutcome: "guess: known only later, so no features",
		plugins.RoleScore: "guess: predictions of other models", plugins.RoleID: "guess: further identifiers",
		plugins.RoleContext: "guess: of the hospital or the time",
	}
	for _, role := range []plugins.Role{plugins.RoleGroup, plugins.RoleOutcome, plugins.RoleScore, plugins.RoleID, plugins.RoleContext} {
		list := cueValue{open: "["}
		for _, c := range table.Roles(role) {
			if c.RoleGuess {
				list.values = append(list.values, cueValue{plain: quote(c.Name)})
			}
		}
		if len(list.values) > 0 {
			line(comments[role], "%s: %s", role, list.text("\t"))
		}
	}
}

// prepareOf leaves out rows without a label, and merges rare levels where there are many.
func prepareOf(table *profile.Profile, line func(comment, format string, args ...any)) {
	if l := table.Label; l != nil && l.Missing > 0 {
		line("rows without a label", "cohort: [{column: %s, missing: false}]", quote(l.Column))
	}
	const many = 50
	if slices.ContainsFunc(table.Columns, func(c *profile.Column) bool {
		return c.Kind == frame.Category && c.Role == "" && c.Form == "" && c.Distinct > many
	}) {
		line("some columns have many levels", `prepare: levels: {min: 20, other: "OTHER"}`)
	}
}

// guessedSettings names what in the settings of a table is guessed.
func guessedSettings(table *profile.Profile) string {
	var what []string
	add := func(name string, is func(*profile.Column) bool) {
		if slices.ContainsFunc(table.Columns, is) {
			what = append(what, name)
		}
	}
	add("kinds", func(c *profile.Column) bool { return c.Form == profile.FormCode })
	add("units", func(c *profile.Column) bool { return c.UnitGuess })
	add("missing codes", func(c *profile.Column) bool { return len(c.Codes) > 0 })
	add("columns to drop", func(c *profile.Column) bool { return c.Dropped() != "" })
	return strings.Join(what, ", ")
}

var plainLabel = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)

// label is a field name as CUE writes it.
func label(name string) string {
	if plainLabel.MatchString(name) && !slices.Contains([]string{"true", "false", "null", "if", "for", "in", "let", "import", "package"}, name) {
		return name
	}
	return quote(name)
}

// quote is a text as CUE writes it.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a text
	}
	return strings.TrimSpace(b.String())
}

// cueOf writes a JSON value as CUE, the fields in their order. Small values stand on one line.
func cueOf(raw json.RawMessage, indent string) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := readCUE(d)
	if err != nil {
		panic(err) // a plugin's own JSON
	}
	return v.text(indent)
}

// cueValue is a JSON value whose objects keep the order of their fields.
type cueValue struct {
	plain  string
	labels []string // of an object
	values []cueValue
	open   string // "{", "[" or ""
}

func readCUE(d *json.Decoder) (v cueValue, err error) {
	t, err := d.Token()
	if err != nil {
		return v, err
	}
	open, nested := t.(json.Delim)
	if !nested {
		if s, ok := t.(string); ok {
			return cueValue{plain: quote(s)}, nil
		}
		if t == nil {
			return cueValue{plain: "null"}, nil
		}
		return cueValue{plain: fmt.Sprint(t)}, nil
	}
	v.open = open.String()
	for d.More() {
		if v.open == "{" {
			name, err := d.Token()
			if err != nil {
				return v, err
			}
			v.labels = append(v.labels, label(fmt.Sprint(name)))
		}
		inner, err := readCUE(d)
		if err != nil {
			return v, err
		}
		v.values = append(v.values, inner)
	}
	_, err = d.Token()
	return v, err
}

// text writes a value; indent is that of the line it begins on.
func (v *cueValue) text(indent string) string {
	const width, depth = 80, 3
	if v.open == "" {
		return v.plain
	}
	if short := v.short(); len(short) <= width && v.depth() <= depth {
		return short
	}
	var b strings.Builder
	b.WriteString(v.open + "\n")
	room := 0 // on the line, for a further value of a list
	for i := range v.values {
		if v.labels != nil {
			b.WriteString(indent + "\t" + v.labels[i] + ": " + v.values[i].text(indent+"\t") + "\n")
			continue
		}
		text := v.values[i].text(indent+"\t") + ","
		if len(text)+1 <= room {
			b.WriteString(" " + text)
			room -= len(text) + 1
			continue
		}
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(indent + "\t" + text)
		room = width - len(text)
	}
	if v.labels == nil {
		b.WriteString("\n")
	}
	b.WriteString(indent + closing[v.open])
	return b.String()
}

var closing = map[string]string{"{": "}", "[": "]"}

// short writes a value on one line.
func (v *cueValue) short() string {
	if v.open == "" {
		return v.plain
	}
	parts := make([]string, len(v.values))
	for i := range v.values {
		if v.labels != nil {
			parts[i] = v.labels[i] + ": "
		}
		parts[i] += v.values[i].short()
	}
	return v.open + strings.Join(parts, ", ") + closing[v.open]
}

// depth is how many objects and lists lie in each other.
func (v *cueValue) depth() int {
	if v.open == "" {
		return 0
	}
	deepest := 0
	for i := range v.values {
		deepest = max(deepest, v.values[i].depth())
	}
	return deepest + 1
}
