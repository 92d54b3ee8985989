package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"html/template"
	"regexp"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// hostile is a name that would break out of any place of a page where it is not escaped.
const hostile = `</script><script>alert(1)</script>"'><img src=x onerror=alert(2)> &amp; <!-- {{.}} ` + "`${a}` \\u2028 \u2028 名 \u202ex"

const drawing = `<?xml version="1.0"?>
<svg width="250pt" height="150pt" viewBox="0 0 250 150"
	xmlns="http://www.w3.org/2000/svg"
	xmlns:xlink="http://www.w3.org/1999/xlink">
<title>One and two</title>
<g transform="scale(1, -1) translate(0, -150)">
<path d="M0,0L250,0L250,150L0,150Z" style="fill:#FFFFFF" />
<g data-series="0">
<path d="M30,60L120,90L210,70" style="fill:none;stroke:#0072B2" />
</g>
<g data-series="1">
<path d="M30,100L120,50L210,120" style="fill:none;stroke:#D55E00" />
</g>
<g data-key="0">
<text x="40" y="-20" transform="scale(1, -1)" style="font-size:8px">one</text>
</g>
<g data-key="1">
<text x="140" y="-20" transform="scale(1, -1)" style="font-size:8px">two</text>
</g>
</g>
</svg>
`

const table = `<figure class="table" id="table-t">
<table>
<caption>A table <span>With a caption.</span></caption>
<thead>
<tr><th scope="col" class="label" rowspan="2">strategy</th><th scope="colgroup" colspan="2">group</th><th scope="col" rowspan="2">n/N</th></tr>
<tr><th scope="col">AUROC ↑</th><th scope="col">KL ↓</th></tr>
</thead>
<tbody>
<tr><th scope="row">floor</th><td data-value="0.5">0.500 <span class="interval">[0.4, 0.6]</span></td><td data-value="10">10.0</td><td>3/3</td></tr>
<tr><th scope="row">none</th><td>– (0/3)</td><td>–<sup><a href="#note-t-a">a</a></sup></td><td>0/3</td></tr>
<tr><th scope="row">copula</th><td data-value="-0.75"><strong>−0.750</strong></td><td data-value="9.5">9.5</td><td>2/3</td></tr>
<tr><th scope="row">top10</th><td data-value="0.6">0.600</td><td data-value="1e-3">0.001</td><td>3/3</td></tr>
</tbody>
</table>
<div class="notes">
<p id="note-t-a"><sup>a</sup> failed</p>
</div>
</figure>
`

// sample is a page with everything that a page can have, under hostile names.
func sample() *Content {
	return &Content{
		Title: hostile, Experiment: "hostile", Version: "v1", Finished: "2026-01-02", Banner: "SIMULATED: " + hostile,
		Style:    ".table table { border-collapse: collapse }\n",
		Facts:    []Fact{{Name: "Cells", Text: "3 of 4 with results, 1 failed"}, {Name: hostile, Text: strings.Repeat("averylongnamewithoutspaces", 12)}},
		Findings: []Finding{{Name: hostile, Text: "no detectable difference", Score: "across.auroc ↑"}},
		Headline: []Table{{Name: "t", Markup: template.HTML(table), Lines: 4, Hidden: 7, Files: []string{"tables/t.csv"}}},
		Tables:   []Table{{Name: "u", Markup: template.HTML(strings.ReplaceAll(table, `-t`, `-u`)), Lines: 4}},
		Plots: []Plot{
			{Name: "p", Title: hostile, SVG: []byte(drawing), Files: []string{"plots/p.svg"}, Shown: plugins.Shown{
				Series: []string{hostile, "two"},
				Spots: []plugins.Spot{
					{X: 30, Y: 90, Series: 0, Text: hostile + "\nAUROC: 0.5"}, {X: 120, Y: 60, Series: 0, Text: "one, 120"}, {X: 30, Y: 50, Series: 1, Text: "two, 30"},
				},
				Grids: []plugins.Grid{{X: 220, Y: 10, Width: 20, Height: 20, Title: hostile, Rows: []string{"a", hostile}, Columns: []string{"b"}, Values: [][]string{{"1"}, {""}}}},
			}},
			{Name: "q", Title: "not drawn", Problem: hostile},
			{Name: "r", Title: hostile, SVG: []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><script>alert(3)</script><path d="M0,0L80,40" stroke="black"/></svg>`)},
		},
		Problems: []Problem{{Kind: "Failed at generate", Reason: hostile, Count: "25 cells", Examples: []string{"a", hostile}, More: 23}},
		Warnings: []Problem{{Kind: "kl.mean", Reason: "few rows.", Count: "1 cell"}},
		Data: []Data{{
			Name: hostile, Facts: []Fact{{Name: "Licence", Text: hostile}}, Notes: []string{hostile},
			Files: &Grid{Title: "Files", Head: []string{"file", "bytes", "SHA-256"}, Code: []bool{true, false, true}, Rows: [][]string{{hostile, "12", strings.Repeat("0f", 32)}, {"b", "3", strings.Repeat("a1", 32)}}},
		}},
		Models: &Grid{Title: "Models", Head: []string{"model"}, Rows: [][]string{{hostile}}}, Costs: []string{hostile}, Notes: []string{hostile},
		Provenance: []Fact{{Name: "Tool", Text: hostile}, {Name: "Hash", Text: strings.Repeat("0f", 32), Code: true}},
		Grids:      []Grid{{Title: "Plugins", Head: []string{"plugin"}, Rows: [][]string{{hostile}}}},
		Resolved:   `{"name": "` + hostile + `"}`, Cite: hostile, BibTeX: "@misc{" + hostile + "}",
		Scores: []Term{{Name: "kl.mean", Summary: hostile, Range: "from 0", Better: "↓ lower"}},
	}
}

func made(t *testing.T, c *Content) string {
	t.Helper()
	raw, err := c.HTML()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestNamesStayText(t *testing.T) {
	page := made(t, sample())
	if n := strings.Count(page, "<script"); n != 3 { // the data of two drawn plots, and the page's own
		t.Errorf("%d script elements, want 3", n)
	}
	for _, never := range []string{"alert(1)</script>", "<img src=x", "alert(3)", "<!-- ", "onerror=alert(2)>", "ZgotmplZ"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %s", never)
		}
	}
	if !strings.Contains(page, "<h1>"+template.HTMLEscapeString(hostile)+"</h1>") {
		t.Error("the title is not as it was given")
	}
}

// The policy is what keeps a page from the network: its script is the only one, and nothing is named that would be fetched.
func TestPolicy(t *testing.T) {
	page := made(t, sample())
	own := page[strings.LastIndex(page, "<script>")+len("<script>") : strings.LastIndex(page, "</script>")]
	sum := sha256.Sum256([]byte(own))
	meta := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindStringSubmatch(page)
	if meta == nil {
		t.Fatal("there is no policy")
	}
	want := "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
	if policy := html.UnescapeString(meta[1]); policy != want {
		t.Errorf("policy %s\nwant   %s", policy, want)
	}
	if strings.Index(page, "Content-Security-Policy") > strings.Index(page, "<style") {
		t.Error("the policy does not come first")
	}
	if at := regexp.MustCompile(`(?i)\s(src|srcset|data|action|poster)\s*=\s*"[^d]|@import|url\(|<link|<base|<iframe|<object`).FindString(strings.ReplaceAll(page, html.EscapeString(hostile), "")); at != "" {
		t.Errorf("the page holds %q", at)
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") && !strings.HasPrefix(m[1], "tables/") && !strings.HasPrefix(m[1], "plots/") {
			t.Errorf("the page links to %s", m[1])
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	c := sample()
	second := c.Plots[0]
	second.Name = "p2"
	c.Plots = append(c.Plots, second)
	page, seen := made(t, c), map[string]bool{}
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if seen[m[1]] {
			t.Errorf("id %q twice", m[1])
		}
		seen[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !seen[m[1]] {
			t.Errorf("nothing has the id %q that is referred to", m[1])
		}
	}
	if !seen["plot-p2"] || !seen["table-t"] {
		t.Errorf("plots and tables have no ids: %v", seen)
	}
}

func TestEqualContentsEqualBytes(t *testing.T) {
	first := made(t, sample())
	for range 5 {
		if made(t, sample()) != first {
			t.Fatal("equal contents give other bytes")
		}
	}
}

func TestAnEmptyPage(t *testing.T) {
	page := made(t, &Content{Title: "empty", Experiment: "empty", Version: "v1"})
	for _, want := range []string{"Every cell has its results", "No data set was read.", "<h1>empty</h1>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, never := range []string{`href="#plots"`, `href="#models"`, `class="banner"`, "Primary contrasts", `id="glossary"`} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %s", never)
		}
	}
}

// What does not begin as our own drawings do is a picture: none of its markup becomes that of the page.
func TestAnotherDrawingIsAPicture(t *testing.T) {
	for _, svg := range []string{"", "<svg>", `<svg viewBox="a b c d">`, `<svg viewBox="0 0 1.2.3 4"></svg></div>`, `<svg viewBox="0 0 0 4">`} {
		page := made(t, &Content{Plots: []Plot{{Name: "p", Title: `a "title"`, SVG: []byte(svg)}}})
		want := `<img src="data:image/svg+xml;base64,` + base64.StdEncoding.EncodeToString([]byte(svg)) + `" alt="a &#34;title&#34;">`
		if !strings.Contains(page, want) || svg != "" && strings.Contains(page, svg) {
			t.Errorf("%q is no picture", svg)
		}
	}
}

// The head of the file goes, and nothing else.
func TestADrawingKeepsItsBody(t *testing.T) {
	page := made(t, sample())
	body := drawing[strings.Index(drawing, "<g transform"):]
	if !strings.Contains(page, body) {
		t.Error("the drawing was changed")
	}
	if strings.Contains(page, "<?xml") || strings.Contains(page, "<title>One and two") || bytes.Count([]byte(page), []byte("<title>")) != 1 {
		t.Error("the head of the file is still there")
	}
}
