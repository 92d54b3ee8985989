package report

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// nasty has every character that LaTeX reads as something else, its ligatures, and others that its fonts lack.
const nasty = `[a_b%c&d#e$f{g}h~i^j\k "quoted" <|> ` + "`" + ` -- ,, '' − ± ≥ ↑ β é 中 ½ … x`

// nastyStudy is the study with such names for strategies, columns of data and messages.
func nastyStudy() (*record.Core, []spec.Table) {
	core := study()
	rename := map[string]string{"naive": nasty, "copula": "*_under__score_", "ceiling": "100 % \\textbf{real} & more"}
	m := &core.Manifest
	m.Experiment = "nasty_study"
	for i, v := range m.AxisValues["strategy"] {
		m.AxisValues["strategy"][i] = rename[v]
	}
	for i := range core.Cells {
		c := &core.Cells[i]
		c.Axes["strategy"] = rename[c.Axes["strategy"]]
		if c.Reason != "" {
			c.Reason = nasty + c.Reason
		}
	}
	for i := range core.Scores {
		s := &core.Scores[i]
		if s.Dims["column"] != "" {
			s.Dims["column"] += "_%"
		}
		if s.Status == plugins.OK && s.Metric == "kl" {
			s.Value = -s.Value
		}
	}
	tables := dressed()
	for i := range tables {
		t := &tables[i]
		t.Title, t.Caption, t.Notes = nasty+" title", "caption "+nasty, []string{nasty}
		if t.Where["column"] != nil {
			t.Where["column"] = texts("age_%")
		}
		for k := range t.Columns {
			t.Columns[k].Title += " " + nasty
			if t.Columns[k].Where["column"] != nil {
				t.Columns[k].Where = map[string][]spec.Value{"column": texts("age_%")}
			}
			if t.Columns[k].Group != "" {
				t.Columns[k].Group = nasty
			}
		}
		t.Except = nil
	}
	return core, tables
}

// manyLines is a table that is longer than a page, and one that is also wider.
func manyLines() (*record.Core, []spec.Table) {
	one := 1.
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "long", Version: 1, Axes: []string{"strategy", "seed"},
		Scores: []record.ScoreInfo{{Metric: "m", Name: "s", Better: plugins.Higher, Max: &one}},
	}}
	for k := range 60 {
		for seed := range 2 {
			cell := record.Cell{ID: fmt.Sprintf("%d-%d", k, seed), Status: record.CellOK, Axes: map[string]string{"strategy": fmt.Sprintf("strategy_%d", k), "seed": strconv.Itoa(seed)}}
			core.Cells = append(core.Cells, cell)
			core.Scores = append(core.Scores, record.Score{Cell: cell.ID, Metric: "m", Score: plugins.Score{Name: "s", Status: plugins.OK, Value: float64(k%7)/10 + float64(seed)/100, N: 9}})
		}
	}
	long := spec.Table{Name: "long", Title: "Long", Rows: []string{"strategy"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "m.s"}}, Mark: spec.MarkBestTwo}
	wide := long
	wide.Name, wide.Columns = "longandwide", nil
	for i := range 6 {
		wide.Columns = append(wide.Columns, spec.TableColumn{Score: "m.s", Title: fmt.Sprintf("column %d", i), Format: "scientific"})
	}
	return core, []spec.Table{long, wide}
}

// allTeX are the files of all these tables by name.
func allTeX(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	add := func(prefix string, core *record.Core, tables []spec.Table) {
		for _, declared := range tables {
			r := made(t, core, declared)
			out[prefix+r.Name] = r.LaTeX
		}
	}
	add("", study(), append(dressed(), views().Tables...))
	core, tables := nastyStudy()
	add("nasty-", core, tables)
	core, tables = manyLines()
	add("", core, tables)
	primary := contrasted(t)
	out["primary"] = primary.latex()
	failed := &Table{Name: "failed", Label: "tab:x", Problem: nasty, Sources: []string{nasty}, Banner: nasty}
	out["failed"] = failed.latex()
	out["empty"] = (&Table{Name: "empty_", Label: "tab:y"}).latex()
	return out
}

// contrasted is a table of contrasts with long names, which is too wide for an upright page where labels stand beside the numbers.
func contrasted(t *testing.T) *Table {
	t.Helper()
	margin := 0.02
	core := arms(map[string][]float64{"group": {0.85, 0.86, 0.84}, "naive": {0.80, 0.82, math.NaN()}, "floor": {0.5, 0.52, 0.51}})
	first, second := against("holds", "across.auroc", "group", "naive"), against("shape", "kl.mean", "naive", "floor")
	first.Title, first.Margin, second.Title = "Groups are better than what is "+nasty, &margin, "What is lost against independent columns"
	return primaryOf(t, core, first, second)
}

// Contrasts stand upright at a readable size: their labels above their numbers.
func TestContrastsAreNotTurned(t *testing.T) {
	l := contrasted(t).layout()
	if l.page.turned || l.wide || !l.headed || l.size.digit < texSizes[2].digit {
		t.Errorf("turned %v, scaled %v, labels above %v, %s", l.page.turned, l.wide, l.headed, l.size.command)
	}
	tex := string(contrasted(t).latex())
	for _, want := range []string{"\\begin{table}\n", "; \\textit{score} kl.mean", "\\textit{finding} "} {
		if !strings.Contains(tex, want) {
			t.Errorf("%q is not in\n%s", want, tex)
		}
	}
}

// An account of many axes and counts does not run off its page: the labels stand above the numbers of a turned page, too.
func TestManyLabelsAndColumnsFit(t *testing.T) {
	table := &Table{Name: "account"}
	for i := range 11 {
		table.Rows = append(table.Rows, fmt.Sprintf("train_axis_%d", i))
	}
	for i := range 15 {
		table.Columns = append(table.Columns, Column{Title: fmt.Sprintf("returned %d", i), count: true})
	}
	for i := range 60 {
		line := Line{}
		for k := range table.Rows {
			line.Labels = append(line.Labels, fmt.Sprintf("value_%d_%d", k, i))
		}
		for range table.Columns {
			line.Values = append(line.Values, Value{Status: OK, Value: 30_000})
		}
		table.Lines = append(table.Lines, line)
	}
	l := table.layout()
	if !l.page.turned || !l.headed || l.points() > l.page.width {
		t.Errorf("turned %v, labels above %v, %.0f of %.0f points, %s", l.page.turned, l.headed, l.points(), l.page.width, l.size.command)
	}
}

// Where the notes of a table over pages would run over to a page of their own, some lines go with them; where they would not, none does.
func TestNotesAreNotAlone(t *testing.T) {
	core, tables := manyLines()
	broken := 0
	for lines := 30; lines <= 60; lines++ {
		declared := tables[1]
		var some []string
		for k := range lines {
			some = append(some, fmt.Sprintf("strategy_%d", k))
		}
		declared.Where = map[string][]spec.Value{"strategy": texts(some...)}
		r := made(t, core, declared)
		l := r.layout()
		room, notes := l.page.height-l.headHeight(), l.notesHeight()
		used, pages, last := 0., 1, 0
		for i := range r.Lines {
			first := len(r.Lines) - l.lastPage()
			if h := l.height(i); used+h > room || i == first {
				used, pages, last = 0, pages+1, 0
			}
			used += l.height(i)
			last++
		}
		if !l.tooLong() || pages < 2 || last == 0 || used+notes > room {
			t.Errorf("%d lines: %d pages, %d lines on the last, %.0f and %.0f points of %.0f", lines, pages, last, used, notes, room)
		}
		if strings.Contains(string(r.LaTeX), "\\pagebreak\n") {
			broken++
		}
	}
	if broken == 0 || broken == 31 {
		t.Errorf("%d of 31 tables have a page begun for their notes", broken)
	}
}

func TestLaTeXIsStrict(t *testing.T) {
	for name, file := range allTeX(t) {
		for _, fault := range lex(string(file)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// The lexer finds what would not compile, or print something else.
func TestTheLexerFindsFaults(t *testing.T) {
	whole := func(row string) string { return "\\begin{tabular}{ll}\n" + row + "\n\\end{tabular}\n" }
	if faults := lex(whole(`a\_b & $\geq$ 5 \% \\`)); len(faults) > 0 {
		t.Errorf("a right row has %q", faults)
	}
	for _, row := range []string{
		`a_b & c \\`, `a^b & c \\`, `a # b & c \\`, `a % b & c \\`, `a & b & c \\`, `a \\`, `a $ b & c \\`, `\foo & b \\`, `{a & b \\`, `a} & b \\`,
		`\begin{x} & b \\`, `中 & b \\`, "a & b \\\\\n[c & d \\\\", `a $\foo$ & b \\`, "\x01 & b \\\\", `a ,, b & c \\`, `\multicolumn{2}{c}{a} & b \\`,
	} {
		if faults := lex(whole(row)); len(faults) == 0 {
			t.Errorf("no fault in %s", row)
		}
	}
}

// Whatever a text holds, what is written of it is text, and each character of it is there.
func TestEscapedTextIsText(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune(nasty + "_%&#${}~^\\\"'`-,!?[]*\n\t\u00a0\u200bαΩ₂²◆😀\u0301" + string(rune(1)))
	for range 3000 {
		runes := make([]rune, rng.IntN(20))
		for i := range runes {
			runes[i] = alphabet[rng.IntN(len(alphabet))]
		}
		s := string(runes)
		if faults := lex(tex(s)); len(faults) > 0 {
			t.Fatalf("%q becomes %q: %q", s, tex(s), faults)
		}
	}
	for in, want := range map[string]string{
		"a_b":         `a\_b`,
		`100 % & #1`:  `100 \% \& \#1`,
		`"a" ("b")`:   "``a'' (``b'')",
		"[x]":         "{}[x]",
		"a [x]":       "a [x]",
		"−1 ± 2":      `$-$1 $\pm$ 2`,
		"--a, b---":   `-{}-a, b-{}-{}-`,
		"中":           "[U+4E2D]",
		"\xff":        "[U+FFFD]",
		"é":           "é",
		" a \n\tb ":   "a b",
		`\frac{1}{2}`: `\textbackslash{}frac\{1\}\{2\}`,
	} {
		if got := tex(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// lexer reads LaTeX as strictly as a table needs it: known commands and environments alone, balanced, no special character that is not
// escaped, and rows with as many cells as the table has columns.
type lexer struct {
	src    string
	at     int
	stack  []string // open braces and environments
	math   bool
	faults []string

	columns int // of the table; 0 outside of one
	cells   int // of the row so far
	began   bool
	items   int // of the notes
}

// texCommands are the commands of text, with what their arguments are: "t" text, "x" anything, "o" an optional argument.
var texCommands = map[string]string{
	"textbackslash": "", "textasciitilde": "", "textasciicircum": "", "textasciigrave": "", "textless": "", "textgreater": "", "textbar": "", "ldots": "", "textbullet": "",
	"guillemotleft": "", "guillemotright": "", "textperthousand": "", "S": "", "P": "", "dag": "", "ddag": "", "texteuro": "", "pounds": "", "textcopyright": "",
	"textregistered": "", "texttrademark": "", "centering": "", "normalsize": "", "small": "", "footnotesize": "", "scriptsize": "", "smallskip": "", "raggedright": "",
	"noindent": "", "par": "", "selectfont": "", "bfseries": "", "linewidth": "", "tabcolsep": "", "toprule": "", "midrule": "", "bottomrule": "", "addlinespace": "", "pagebreak": "",
	"endfirsthead": "", "endhead": "", "endfoot": "", "item": "o", "caption": "t", "label": "x", "sisetup": "x", "setlength": "xx", "renewcommand": "xx", "fontsize": "xx",
	"textbf": "t", "textit": "t", "underline": "t", "rlap": "t", "textsuperscript": "t", "hphantom": "t", "num": "t", "resizebox": "xx", "multicolumn": "xx", "cmidrule": "",
}

var mathCommands = []string{
	"pm", "times", "div", "cdot", "infty", "leq", "geq", "neq", "approx", "equiv", "sim", "propto", "surd", "sum", "prod", "int", "partial", "in", "notin", "cap", "cup",
	"subset", "emptyset", "uparrow", "downarrow", "rightarrow", "leftarrow", "leftrightarrow", "Rightarrow", "neg", "circ", "bullet", "alpha", "beta", "gamma", "delta",
	"varepsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "varsigma", "tau", "upsilon", "varphi", "chi", "psi", "omega",
	"Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
}

var texEnvironments = []string{"table", "sidewaystable", "landscape", "center", "threeparttable", "tabular", "longtable", "tablenotes", "minipage"}

func lex(src string) []string {
	l := &lexer{src: src}
	for l.at < len(src) && len(l.faults) < 5 {
		l.next()
	}
	if l.math {
		l.fault("a formula is not closed")
	}
	for _, open := range l.stack {
		l.fault("not closed: %s", open)
	}
	return l.faults
}

func (l *lexer) fault(format string, args ...any) {
	line := strings.Count(l.src[:min(l.at, len(l.src))], "\n") + 1
	l.faults = append(l.faults, fmt.Sprintf("line %d: %s", line, fmt.Sprintf(format, args...)))
}

func (l *lexer) next() {
	r, size := utf8.DecodeRuneInString(l.src[l.at:])
	before := byte('\n')
	if l.at > 0 {
		before = l.src[l.at-1]
	}
	l.at += size
	switch {
	case r == '\\':
		l.command()
	case r == '{':
		l.stack = append(l.stack, "{")
	case r == '}':
		l.pop("{")
	case r == '$':
		l.math = !l.math
	case r == '%':
		if before != '\n' && before != '{' {
			l.fault("%% is not escaped")
		}
		for l.at < len(l.src) && l.src[l.at] != '\n' {
			l.at++
		}
	case strings.ContainsRune("_^", r) && !l.math, r == '#':
		l.fault("%c is not escaped", r)
	case r == '&':
		if l.columns == 0 {
			l.fault("& outside of a table")
		}
		l.cells++
	case r == '[' && l.began:
		l.fault("a row starts with a bracket, which the end of the row before takes for its argument")
	case r >= utf8.RuneSelf && (!unicode.IsLetter(r) || r >= 0x180), unicode.IsControl(r) && r != '\n':
		l.fault("%U is no character of the fonts", r)
	case !l.math && strings.ContainsRune(",'", r) && before == byte(r) && r == ',':
		l.fault("a ligature: %c%c", r, r)
	}
	if !unicode.IsSpace(r) && r != '\\' {
		l.began = false
	}
}

func (l *lexer) pop(want string) {
	last := len(l.stack) - 1
	if last < 0 || l.stack[last] != want {
		l.fault("closes %s, which is not what is open: %q", want, l.stack)
		return
	}
	l.stack = l.stack[:last]
}

var commandName = regexp.MustCompile(`^[A-Za-z]+`)

func (l *lexer) command() {
	rest := l.src[l.at:]
	name := commandName.FindString(rest)
	switch {
	case rest == "":
		l.fault("a backslash ends the file")
	case name == "" && strings.ContainsRune(`{}_%&#$,-`, rune(rest[0])):
		l.at++
	case name == "" && rest[0] == '\\':
		l.at++
		l.row()
	case name == "" && rest[0] == ' ':
		l.at++
	case name == "":
		l.fault("unknown command \\%c", rest[0])
	case l.math:
		l.at += len(name)
		if !slices.Contains(mathCommands, name) {
			l.fault("unknown command \\%s in a formula", name)
		}
	case name == "begin" || name == "end":
		l.at += len(name)
		l.environment(name == "begin")
	default:
		l.at += len(name)
		l.known(name)
	}
}

// row ends a row, whose cells must be as many as the columns. A line of a title has a table of its own.
func (l *lexer) row() {
	if l.columns > 0 && l.cells+1 != l.columns {
		l.fault("a row of %d cells in a table of %d columns", l.cells+1, l.columns)
	}
	l.cells, l.began = 0, true
}

func (l *lexer) known(name string) {
	arguments, known := texCommands[name]
	if !known {
		l.fault("unknown command \\%s", name)
		return
	}
	if arguments == "o" {
		l.items++
		l.optional()
		return
	}
	var given []string
	for range strings.Count(arguments, "x") {
		given = append(given, l.group())
	}
	switch name {
	case "multicolumn":
		n, err := strconv.Atoi(given[0])
		if err != nil || n < 1 {
			l.fault("\\multicolumn{%s}", given[0])
		}
		l.cells += n - 1
	case "label":
		if !regexp.MustCompile(`^[A-Za-z0-9:._-]+$`).MatchString(given[0]) {
			l.fault("\\label{%s}", given[0])
		}
	case "cmidrule":
		rule := regexp.MustCompile(`^\(lr\)\{(\d+)-(\d+)\}`).FindStringSubmatch(l.src[l.at:])
		if rule == nil {
			l.fault("\\cmidrule without its columns")
			return
		}
		l.at += len(rule[0])
		if to, _ := strconv.Atoi(rule[2]); to > l.columns {
			l.fault("a rule to column %d of %d", to, l.columns)
		}
	}
	if strings.HasSuffix(arguments, "t") && !strings.HasPrefix(l.src[l.at:], "{") {
		l.fault("\\%s without an argument", name)
	}
	if name == "caption" && l.columns > 0 { // it is a row of its own
		l.cells = l.columns - 1
	}
}

// group reads an argument that is no text.
func (l *lexer) group() string {
	if !strings.HasPrefix(l.src[l.at:], "{") {
		l.fault("an argument is missing")
		return ""
	}
	depth, start := 0, l.at+1
	for ; l.at < len(l.src); l.at++ {
		switch l.src[l.at] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				l.at++
				return l.src[start : l.at-1]
			}
		}
	}
	l.fault("an argument is not closed")
	return ""
}

func (l *lexer) optional() {
	if end := strings.IndexByte(l.src[l.at:], ']'); strings.HasPrefix(l.src[l.at:], "[") && end > 0 {
		l.at += end + 1
	}
}

func (l *lexer) environment(begin bool) {
	name := l.group()
	if !slices.Contains(texEnvironments, name) {
		l.fault("unknown environment %q", name)
	}
	if !begin {
		if name == "tablenotes" && l.items == 0 {
			l.fault("notes without an item")
		}
		l.items = 0
		l.pop(name)
		if name == "tabular" || name == "longtable" {
			l.columns, l.cells = l.outer()
		}
		return
	}
	l.optional()
	nested := fmt.Sprintf("%d %d", l.columns, l.cells)
	switch name {
	case "tabular", "longtable":
		l.stack = append(l.stack, nested, name)
		l.columns, l.cells = columnsOf(l.group()), 0
		return
	case "minipage":
		l.group()
	}
	l.stack = append(l.stack, name)
}

// outer is the table around one that ends.
func (l *lexer) outer() (columns, cells int) {
	last := len(l.stack) - 1
	if last < 0 {
		return 0, 0
	}
	if _, err := fmt.Sscanf(l.stack[last], "%d %d", &columns, &cells); err != nil {
		l.fault("a table ends in a table that is not open")
	}
	l.stack = l.stack[:last]
	return columns, cells
}

// columnsOf counts the columns of a tabular.
func columnsOf(spec string) int {
	spec = regexp.MustCompile(`[@>]\{[^}]*\}|\[[^]]*\]|\{[^}]*\}`).ReplaceAllString(spec, "")
	return len(regexp.MustCompile(`[lcrSp]`).FindAllString(spec, -1))
}

// TestLaTeXCompiles typesets all tables with the TeX of this machine. EHRLAB_LATEX=1 asks for it: it takes some seconds.
func TestLaTeXCompiles(t *testing.T) {
	if os.Getenv("EHRLAB_LATEX") == "" {
		t.Skip("set EHRLAB_LATEX=1 to typeset the tables")
	}
	engines := 0
	for _, engine := range []string{"pdflatex", "lualatex"} {
		if _, err := exec.LookPath(engine); err != nil {
			t.Logf("there is no %s", engine)
			continue
		}
		engines++
		typeset(t, engine)
	}
	if engines == 0 {
		t.Fatal("there is neither pdflatex nor lualatex")
	}
}

func typeset(t *testing.T, engine string) {
	dir := t.TempDir()
	document := "\\documentclass{article}\n"
	if engine == "pdflatex" {
		document += "\\usepackage[T1]{fontenc}\n\\usepackage{lmodern}\n"
	}
	document += "\\usepackage{booktabs,siunitx,threeparttable,longtable,graphicx,rotating,pdflscape}\n\\begin{document}\n"
	tables := allTeX(t)
	for i, name := range sortedKeys(tables) {
		if i > 0 && i%8 == 0 {
			document += "\\clearpage\n" // there are only so many that may float
		}
		document += "\\input{" + name + "}\n"
		if err := os.WriteFile(filepath.Join(dir, name+".tex"), tables[name], 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "all.tex"), []byte(document+"\\end{document}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for range 2 { // the second run knows how wide the columns of tables over pages are
		c := exec.CommandContext(ctx, engine, "-interaction=nonstopmode", "-halt-on-error", "all.tex")
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", engine, err, tail(out))
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "all.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Overfull \\hbox \((\d+)\.\d*pt too wide\)[^\n]*`).FindAllStringSubmatch(string(log), -1) {
		if points, _ := strconv.Atoi(m[1]); points > 5 {
			t.Errorf("%s: %s", engine, m[0])
		}
	}
	if text, err := exec.CommandContext(ctx, "pdftotext", "-raw", filepath.Join(dir, "all.pdf"), "-").Output(); err == nil {
		for _, want := range []string{"a_b%c&d#e$f{g}h", `\textbf{real} & more`, "_under__score_", "[U+4E2D]"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: the pages lack %q", engine, want)
			}
		}
	}
}

func sortedKeys(m map[string][]byte) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func tail(b []byte) []byte {
	lines := bytes.Split(b, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-30):], []byte("\n"))
}
