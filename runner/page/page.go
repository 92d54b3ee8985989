// Package page lays out the report of a version as one HTML file, which a browser opens from disk without a network: styles, script,
// tables and plots are inside, and its policy forbids to fetch anything. What it says is decided elsewhere.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"regexp"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

// Content is what a page shows. Texts are plain and are escaped here; fields of type template.HTML are markup that is taken as it is.
type Content struct {
	Title      string
	Experiment string
	Version    string // e.g. "v3"
	Finished   string // when the run ended, for people
	Banner     string // says that numbers are simulated; empty when they are not
	Style      string // the style sheet of the markup of tables

	Facts    []Fact    // what was run
	Findings []Finding // of the primary contrasts
	Headline []Table   // shown with the summary
	Tables   []Table   // the others
	Plots    []Plot

	Problems []Problem // what failed, was left out, or could not be estimated
	Warnings []Problem // what measured values were warned of
	Data     []Data
	Models   *Grid    // nil: no language model was asked
	Costs    []string // what its answers came to, a sentence or more each
	Notes    []string // on how the cells were made

	Provenance []Fact
	Grids      []Grid // of provenance: plugins, files
	Resolved   string // the resolved experiment, as JSON
	Cite       string
	BibTeX     string
	Scores     []Term
}

// Fact is a line of a list of facts.
type Fact struct {
	Name, Text string
	Code       bool // Text is a hash or the like
}

// Finding is what came out of a primary contrast, in words.
type Finding struct{ Name, Text, Score string }

// Table is a table of the version.
type Table struct {
	Name   string
	Markup template.HTML
	Lines  int      // shown
	Hidden int      // lines that are in its files alone
	Files  []string // beside the page, e.g. "tables/fidelity.csv"
}

// Plot is a plot of the version. Problem says why there is no drawing.
type Plot struct {
	Name, Title string
	SVG         []byte
	Shown       plugins.Shown
	Files       []string
	Problem     string
}

// Problem is a reason with what it holds for. Examples are a few of Count.
type Problem struct {
	Kind, Reason string
	Count        string // e.g. "3 cells"
	Examples     []string
	More         int // of Count that Examples lack
}

// Data is a data set.
type Data struct {
	Name  string
	Facts []Fact
	Notes []string
	Files *Grid
}

// Grid is a plain table.
type Grid struct {
	Title string
	Head  []string
	Rows  [][]string
	Code  []bool // by column: hashes and the like
}

// IsCode reports whether column c is one of code.
func (g *Grid) IsCode(c int) bool { return c < len(g.Code) && g.Code[c] }

// Term is a score of the glossary.
type Term struct{ Name, Summary, Range, Better string }

//go:embed assets/page.html
var layout string

//go:embed assets/page.css
var css string

//go:embed assets/page.js
var script string

var pages = template.Must(template.New("page").Parse(layout))

// scriptHash is how the page's policy names its script: no other one may run.
var scriptHash = func() string {
	sum := sha256.Sum256([]byte(script))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// HTML is the page. Equal contents give equal bytes.
func (c *Content) HTML() ([]byte, error) {
	v := view{Content: c, Policy: policy(), CSS: template.CSS(c.Style + css), Script: template.JS(script)} //nolint:gosec // both are ours
	for i := range c.Plots {
		v.Drawn = append(v.Drawn, drawn(&c.Plots[i]))
	}
	var b bytes.Buffer
	if err := pages.Execute(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// policy lets the page's own script run and nothing be fetched. The drawings have style attributes, which no hash can name.
func policy() string {
	return "default-src 'none'; script-src '" + scriptHash + "'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
}

// view is what the layout is filled with.
type view struct {
	*Content
	Policy string
	CSS    template.CSS
	Script template.JS
	Drawn  []plot
}

// plot is a Plot ready to be put into the page.
type plot struct {
	*Plot
	Markup template.HTML
	Wide   bool // as wide as the page
	Width  int  // at most, in pixels
	Marks  marks
}

// marks are plugins.Shown for the script, in few bytes: a spot is x, y, series, text.
type marks struct {
	Series []string `json:"series"`
	Spots  [][4]any `json:"spots"`
	Grids  []grid   `json:"grids"`
}

type grid struct {
	Box     [4]float64 `json:"box"` // x, y, width, height
	Title   string     `json:"title"`
	Rows    []string   `json:"rows"`
	Columns []string   `json:"columns"`
	Values  [][]string `json:"values"`
}

// head is the beginning of an SVG file of ours up to the end of its first tag, with the size in points.
var head = regexp.MustCompile(`(?s)^(?:<\?xml[^>]*\?>\s*)?<svg\s[^>]*?viewBox="0 0 ([0-9.]+) ([0-9.]+)"[^>]*>\s*(?:<title>[^<]*</title>\s*)?`)

const (
	enlarged  = 2.4 // pixels of the page for a point of a drawing, at most
	wideFrom  = 340 // width in points from which a drawing has a line of the page for itself
	xmlnsAttr = `xmlns="http://www.w3.org/2000/svg"`
)

// drawn makes a drawing part of a page: without the head of a file, as wide as there is room, and named by its title. One that begins
// otherwise than ours is a picture that nobody can point at.
func drawn(p *Plot) plot {
	out := plot{Plot: p, Marks: marks{Series: p.Shown.Series, Spots: [][4]any{}, Grids: []grid{}}}
	if p.Problem != "" {
		return out
	}
	width, height, points := "", "", 0.
	at := head.FindSubmatchIndex(p.SVG)
	if at != nil {
		width, height = string(p.SVG[at[2]:at[3]]), string(p.SVG[at[4]:at[5]])
		points, _ = strconv.ParseFloat(width, 64)
	}
	if points <= 0 {
		out.Markup = template.HTML(fmt.Sprintf("<img src=\"data:image/svg+xml;base64,%s\" alt=\"%s\">\n", //nolint:gosec // base64, and escaped
			base64.StdEncoding.EncodeToString(p.SVG), template.HTMLEscapeString(p.Title)))
		return out
	}
	out.Wide, out.Width = points > wideFrom, int(points*enlarged)
	start := fmt.Sprintf("<svg %s viewBox=\"0 0 %s %s\" role=\"img\" aria-labelledby=\"title-%s\">\n", xmlnsAttr, width, height, template.HTMLEscapeString(p.Name))
	out.Markup = template.HTML(start + string(p.SVG[at[1]:])) //nolint:gosec // drawn by ourselves, with texts escaped
	for _, s := range p.Shown.Spots {
		out.Marks.Spots = append(out.Marks.Spots, [4]any{s.X, s.Y, s.Series, s.Text})
	}
	for _, g := range p.Shown.Grids {
		out.Marks.Grids = append(out.Marks.Grids, grid{[4]float64{g.X, g.Y, g.Width, g.Height}, g.Title, g.Rows, g.Columns, g.Values})
	}
	return out
}
