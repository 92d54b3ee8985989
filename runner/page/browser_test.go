package page

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// The page in a real browser without a network. EHRLAB_CHROMIUM names the browser; EHRLAB_PAGE a page with a table and a plot to try
// besides the sample; into EHRLAB_SCREENSHOTS, a folder, go pictures to look at.
func TestInABrowser(t *testing.T) {
	chromium := os.Getenv("EHRLAB_CHROMIUM")
	if chromium == "" {
		t.Skip("EHRLAB_CHROMIUM does not name a browser")
	}
	b := open(t, chromium)
	path := filepath.Join(t.TempDir(), "sample.html")
	html, err := sample().HTML()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, html, 0o600); err != nil {
		t.Fatal(err)
	}
	pages := []string{path}
	if other := os.Getenv("EHRLAB_PAGE"); other != "" {
		if other, err = filepath.Abs(other); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, other)
	}
	for _, path := range pages {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b := &browser{t, b.session, b.client}
			b.window(1280, 900, false, "screen")
			b.visit("file://" + path)
			if n := run[int](b, `return performance.getEntriesByType("resource").length`); n != 0 {
				t.Errorf("the page fetched %d files", n)
			}
			t.Run("sort", func(t *testing.T) { sorts(&browser{t, b.session, b.client}) })
			t.Run("values", func(t *testing.T) { tells(&browser{t, b.session, b.client}) })
			t.Run("cells", func(t *testing.T) { tellsCells(&browser{t, b.session, b.client}) })
			t.Run("zoom", func(t *testing.T) { zooms(&browser{t, b.session, b.client}) })
			t.Run("series", func(t *testing.T) { toggles(&browser{t, b.session, b.client}) })
			t.Run("keyboard", func(t *testing.T) { obeysKeys(&browser{t, b.session, b.client}) })
			t.Run("width", func(t *testing.T) { fits(&browser{t, b.session, b.client}, filepath.Base(path)) })
			t.Run("contrast", func(t *testing.T) { contrasts(&browser{t, b.session, b.client}) })
			t.Run("print", func(t *testing.T) { prints(&browser{t, b.session, b.client}, filepath.Base(path)) })
			if messages := b.logged(); len(messages) > 0 {
				t.Errorf("the console says:\n%s", strings.Join(messages, "\n"))
			}
			t.Run("policy", func(t *testing.T) { forbids(&browser{t, b.session, b.client}) })
		})
	}
}

// column marks the head and the cells of the first column of numbers, and returns whether there is one.
const column = `
	for (const table of document.querySelectorAll("figure.table table")) {
		const rows = [...table.tBodies[0].rows];
		const at = rows.length < 2 ? -1 : [...rows[0].cells].findIndex((c, i) => rows.some(r => r.cells[i]?.dataset.value !== undefined));
		if (at < 0) continue;
		const heads = [...table.tHead.rows].flatMap(r => [...r.cells]).filter(h => h.querySelector(".sort") && h.colSpan === 1);
		heads.sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left);
		heads[at].querySelector(".sort").id = "test-head";
		table.id = "test-table";
		return at;
	}
	return -1;`

// order is the numbers of a column from top to bottom; null where one is missing.
const order = `return [...document.querySelector("#test-table").tBodies[0].rows].map(r => r.cells[arguments[0]].dataset.value ?? null).map(v => v === null ? null : Number(v))`

func sorts(b *browser) {
	at := run[int](b, column)
	if at < 0 {
		b.t.Fatal("no table has a column of numbers")
	}
	before := run[[]*float64](b, order, at)
	sortedBy := func(sign float64) {
		b.t.Helper()
		values, missing := run[[]*float64](b, order, at), false
		for i, v := range values {
			if v != nil && missing || i > 0 && v != nil && sign*(*v-*values[i-1]) < 0 {
				b.t.Fatalf("row %d of the sorted column is out of order", i+1)
			}
			missing = missing || v == nil
		}
	}
	head := b.element("#test-head")
	state := func() string {
		return run[string](b, `return document.querySelector("#test-head").closest("th").getAttribute("aria-sort") ?? "none"`)
	}
	b.click(head)
	if sortedBy(1); state() != "ascending" {
		b.t.Errorf("after a click: %s", state())
	}
	b.click(head)
	if sortedBy(-1); state() != "descending" {
		b.t.Errorf("after two: %s", state())
	}
	b.click(head)
	after := run[[]*float64](b, order, at)
	same := slices.EqualFunc(before, after, func(v, w *float64) bool { return v == w || v != nil && w != nil && *v == *w })
	if !same || state() != "none" {
		b.t.Errorf("after three, the order is not the first one (%s)", state())
	}
}

// spot is where on the window the first value of the first plot stands, and what it says.
type spot struct {
	X, Y float64
	Text string
}

// settled waits until what was scrolled is drawn: scrolling hides the tip.
const settled = `return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`

const firstSpot = `
	const figure = document.querySelector("figure.plot:has(svg)"), svg = figure.querySelector(".paper svg");
	const [x, y, , text] = JSON.parse(figure.querySelector("script").textContent).spots[0];
	const at = () => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
	scrollBy({top: at().y - innerHeight / 2, behavior: "instant"});
	return {x: at().x, y: at().y, text};`

const tipText = `const tip = document.getElementById("tip"); return tip.hidden ? "" : tip.textContent`

func tells(b *browser) {
	run[spot](b, firstSpot)
	run[bool](b, settled)
	s := run[spot](b, firstSpot)
	if s.Text == "" || run[string](b, tipText) != "" {
		b.t.Fatalf("before: %q at %v, and the tip says %q", s.Text, s, run[string](b, tipText))
	}
	b.pointer(false, [2]float64{s.X + 2, s.Y + 1})
	save(b.t, "tip.png", b.view)
	if tip := run[string](b, tipText); tip != s.Text {
		b.t.Errorf("over a value that says %q the tip says %q", s.Text, tip)
	}
	b.pointer(false, [2]float64{2, 2})
	if tip := run[string](b, tipText); tip != "" {
		b.t.Errorf("away from the plot the tip says %q", tip)
	}
}

// firstCell is the same of the first cell of the first heat map; the text is its value.
const firstCell = `
	for (const figure of document.querySelectorAll("figure.plot:has(svg)")) {
		const grid = JSON.parse(figure.querySelector("script").textContent).grids[0];
		if (!grid) continue;
		const svg = figure.querySelector(".paper svg"), [x, y, w, h] = grid.box;
		const at = () => new DOMPoint(x + w / grid.columns.length / 2, y + h / grid.rows.length / 2).matrixTransform(svg.getScreenCTM());
		scrollBy({top: at().y - innerHeight / 2, behavior: "instant"});
		return {x: at().x, y: at().y, text: grid.rows[0] + " × " + grid.columns[0] + "\n" + (grid.values[0][0] || "no value")};
	}
	return {x: 0, y: 0, text: ""};`

func tellsCells(b *browser) {
	if run[spot](b, firstCell).Text == "" {
		b.t.Skip("the page has no heat map")
	}
	run[bool](b, settled)
	s := run[spot](b, firstCell)
	b.pointer(false, [2]float64{s.X, s.Y})
	if tip := run[string](b, tipText); !strings.HasSuffix(tip, s.Text) {
		b.t.Errorf("over a cell that says %q the tip says %q", s.Text, tip)
	}
	save(b.t, "cell.png", b.view)
}

const viewBox = `return document.querySelector("figure.plot:has(svg) .paper svg").getAttribute("viewBox")`

func zooms(b *browser) {
	buttons := b.elements("figure.plot .tools button")
	if len(buttons) < 3 {
		b.t.Fatal("there is nothing to zoom with")
	}
	whole := run[string](b, viewBox)
	b.click(buttons[1])
	larger := run[string](b, viewBox)
	if larger == whole {
		b.t.Errorf("zooming in leaves the box at %s", whole)
	}
	s := run[spot](b, `const r = document.querySelector("figure.plot:has(svg) .paper svg").getBoundingClientRect(); return {x: r.left + r.width / 2, y: r.top + 60}`)
	b.pointer(true, [2]float64{s.X, s.Y}, [2]float64{s.X - 20, s.Y - 15}, [2]float64{s.X - 60, s.Y - 40})
	if moved := run[string](b, viewBox); moved == larger {
		b.t.Errorf("dragging leaves the box at %s", larger)
	}
	b.click(buttons[2])
	if back := run[string](b, viewBox); back != whole {
		b.t.Errorf("the whole plot is %s, was %s", back, whole)
	}
}

const shownOf = `return [...document.querySelector("figure.plot:has([data-key]) svg").querySelectorAll("[data-series='0']")].map(g => getComputedStyle(g).display)`

func toggles(b *browser) {
	key := b.element("figure.plot svg [data-key='0']")
	all := func(want string) {
		b.t.Helper()
		if shown := run[[]string](b, shownOf); len(shown) == 0 || slices.ContainsFunc(shown, func(s string) bool { return s != want }) {
			b.t.Errorf("parts of the first series are %q, want %s", shown, want)
		}
	}
	all("inline")
	b.click(key)
	all("none")
	b.click(key)
	all("inline")
}

func obeysKeys(b *browser) {
	run[any](b, `document.activeElement.blur(); scrollTo(0, 0); getSelection().removeAllRanges(); document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute("tabindex")`)
	b.press(keyTab)
	if first := run[string](b, `return document.activeElement.className`); first != "skip" {
		b.t.Errorf("the first stop of the tab key is %q, want the link to the results", first)
	}
	run[any](b, `document.querySelector("figure.plot:has(svg) .paper svg").focus()`)
	run[bool](b, settled)
	b.press(keyRight)
	if tip := run[string](b, tipText); tip == "" {
		b.t.Error("the arrow keys show no value")
	}
	whole := run[string](b, viewBox)
	b.press("+")
	if run[string](b, viewBox) == whole {
		b.t.Error("the key + does not zoom")
	}
	b.press("0")
	if run[string](b, viewBox) != whole {
		b.t.Error("the key 0 does not show the whole plot")
	}
	run[any](b, `document.querySelector("figure.plot svg [data-key='0']").focus()`)
	b.press(keyEnter)
	if shown := run[[]string](b, shownOf); slices.Contains(shown, "inline") {
		b.t.Error("the enter key on a line of the legend does not hide its series")
	}
	b.press(" ")
	if shown := run[[]string](b, shownOf); slices.Contains(shown, "none") {
		b.t.Error("the space key does not show it again")
	}
	run[any](b, `document.querySelector("#test-head").focus()`)
	b.press(keyEnter)
	if state := run[string](b, `return document.querySelector("#test-head").closest("th").getAttribute("aria-sort") ?? ""`); state != "ascending" {
		b.t.Errorf("the enter key on a head sorts %q", state)
	}
	b.press(keyEnter, keyEnter)
}

// fits looks at the page in windows of several widths: nothing but boxes that say so scrolls sideways.
func fits(b *browser, name string) {
	for _, w := range []struct {
		width int
		dark  bool
		as    string
	}{{1280, false, "1280"}, {1280, true, "1280-dark"}, {400, false, "400"}, {400, true, "400-dark"}, {320, false, "320"}} {
		b.window(w.width, 900, w.dark, "screen")
		if wide := run[int](b, `return document.documentElement.scrollWidth`); wide > w.width {
			widest := run[string](b, `return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, nav, .plain, svg")).map(e => e.tagName + "." + e.className).slice(0, 5).join(" ")`)
			b.t.Errorf("at %d pixels the page is %d wide: %s", w.width, wide, widest)
		}
		run[any](b, `document.activeElement.blur(); scrollTo(0, 0)`)
		save(b.t, name+"-"+w.as+".png", b.picture)
	}
	b.window(1280, 900, false, "screen")
}

// contrasts measures texts against their ground, as WCAG 2.2 (success criterion 1.4.3) asks: 4.5 or more.
func contrasts(b *browser) {
	const faint = `
		const parse = c => c.match(/[\d.]+/g).map(Number);
		const light = c => { const [r, g, b] = parse(c).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
		const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (parse(c)[3] !== 0) return c; } return "rgb(255, 255, 255)"; };
		const wrong = [];
		for (const e of document.querySelectorAll("h1, h2, p, li, a, dt, dd, th, td, td span, code, pre, summary, label, .tools button:enabled")) {
			if (!e.textContent.trim() || e.closest("[hidden], svg, .skip") || getComputedStyle(e).display === "none") continue;
			const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
			if ((a + .05) / (b + .05) < 4.5) wrong.push(e.tagName + "." + e.className + " " + ((a + .05) / (b + .05)).toFixed(2));
		}
		return [...new Set(wrong)]`
	for _, dark := range []bool{false, true} {
		b.window(1280, 900, dark, "screen")
		if wrong := run[[]string](b, faint); len(wrong) > 0 {
			b.t.Errorf("dark %v: hard to read: %s", dark, strings.Join(wrong, ", "))
		}
	}
	b.window(1280, 900, false, "screen")
}

func prints(b *browser, name string) {
	folded := run[int](b, `window.opened = -1; addEventListener("beforeprint", () => { window.opened = document.querySelectorAll("details:not([open])").length; }); return document.querySelectorAll("details:not([open])").length`)
	b.window(794, 1123, true, "print") // A4 at 96 pixels an inch, people with a dark scheme among them
	hidden := run[bool](b, `return [...document.querySelectorAll("nav, .tools, .filter, .files")].every(e => getComputedStyle(e).display === "none")`)
	if !hidden {
		b.t.Error("what paper cannot do is printed")
	}
	if cut := run[int](b, `return [...document.querySelectorAll(".scroll, pre")].filter(e => getComputedStyle(e).maxHeight !== "none").length`); cut > 0 {
		b.t.Errorf("%d boxes are cut on paper", cut)
	}
	if ground := run[string](b, `return getComputedStyle(document.body).backgroundColor`); ground != "rgb(255, 255, 255)" {
		b.t.Errorf("paper is %s", ground)
	}
	b.window(1280, 900, false, "")
	save(b.t, name+".pdf", b.paper)
	if pdf := b.paper(); !strings.HasPrefix(string(pdf), "%PDF") {
		b.t.Error("it does not print")
	}
	if open := run[int](b, `return window.opened`); folded > 0 && open != 0 {
		b.t.Errorf("%d of %d folded parts were still folded when it was printed", open, folded)
	}
	if again := run[int](b, `return document.querySelectorAll("details:not([open])").length`); again != folded {
		b.t.Errorf("%d parts are folded after printing, %d were before", again, folded)
	}
	b.window(1280, 900, false, "screen")
}

// forbids tries to reach a server that listens: nothing may arrive.
func forbids(b *browser) {
	b.cdp("Network.emulateNetworkConditions", map[string]any{"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	refused := run[bool](b, `
		const at = arguments[0], s = document.createElement("script"), i = document.createElement("img"), l = document.createElement("link"), own = document.createElement("script");
		s.src = at + "/script.js"; i.src = at + "/image.png"; l.rel = "stylesheet"; l.href = at + "/style.css"; own.textContent = "window.ran = true";
		document.body.append(s, i, l, own);
		return fetch(at + "/data.json").then(() => false, () => new Promise(done => setTimeout(() => done(!window.ran), 300)));`, server.URL)
	if n := asked.Load(); n != 0 || !refused {
		b.t.Errorf("%d requests reached a server, refused: %v", n, refused)
	}
	b.cdp("Network.emulateNetworkConditions", map[string]any{"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
	_ = b.logged() // what was refused
}

// save keeps a picture for people to look at.
func save(t *testing.T, name string, picture func() []byte) {
	t.Helper()
	folder := os.Getenv("EHRLAB_SCREENSHOTS")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name), picture(), 0o600); err != nil {
		t.Fatal(err)
	}
}
