package page

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const keyEscape = "\ue00c"

// The form of a review in a real browser without a network, by keyboard alone: half of it is filled in, the page is loaded again, the rest
// is filled in, and the answers are saved. EHRLAB_CHROMIUM names the browser and EHRLAB_FORM the form, as 'ehrlab review export' wrote
// it; into EHRLAB_ANSWERS, a folder, go the answers.
func TestReviewFormInABrowser(t *testing.T) {
	chromium, form := os.Getenv("EHRLAB_CHROMIUM"), os.Getenv("EHRLAB_FORM")
	if chromium == "" || form == "" {
		t.Skip("EHRLAB_CHROMIUM and EHRLAB_FORM do not name a browser and a form")
	}
	form, err := filepath.Abs(form)
	if err != nil {
		t.Fatal(err)
	}
	answers := os.Getenv("EHRLAB_ANSWERS")
	if answers == "" {
		answers = t.TempDir()
	}
	b := open(t, chromium)
	b.window(1280, 900, false, "screen")
	b.cdp("Browser.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": answers})
	b.visit("file://" + form)
	f := &filling{browser: b, items: run[[]string](b, `return [...document.querySelectorAll(".item")].map(e => e.dataset.item)`)}
	if len(f.items) < 6 {
		t.Fatalf("the form has %d items", len(f.items))
	}
	f.fillHalf()
	f.comesBack("file://" + form)
	f.fillRest()
	f.saves(answers)
	t.Run("width", func(t *testing.T) { f.fits(&browser{t, b.session, b.client}) })
	t.Run("contrast", func(t *testing.T) { contrasts(&browser{t, b.session, b.client}) })
	t.Run("print", func(t *testing.T) { f.prints(&browser{t, b.session, b.client}) })
	if n := run[int](b, `return performance.getEntriesByType("resource").filter(e => !e.name.startsWith("blob:")).length`); n != 0 {
		t.Errorf("the form fetched %d files", n)
	}
	if messages := b.logged(); len(messages) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(messages, "\n"))
	}
	t.Run("policy", func(t *testing.T) { forbids(&browser{t, b.session, b.client}) })
}

// filling fills a form in.
type filling struct {
	*browser
	items []string
}

// answer is what is given for the i-th item.
func (f *filling) answer(i int) (realism, guess, confidence string) {
	return []string{"1", "5", "0", "7"}[i%4], []string{"r", "s"}[i/2%2], []string{"1", "3", "5"}[i%3]
}

// shown is the item on the screen; empty on the first and on the last page.
func (f *filling) shown() string {
	return run[string](f.browser, `const shown = [...document.querySelectorAll(".page")].filter(e => !e.hidden); return shown.length === 1 ? shown[0].dataset.item ?? "" : "several"`)
}

func (f *filling) expect(item string) {
	f.t.Helper()
	if at := f.shown(); at != item {
		f.t.Fatalf("item %q is shown, want %q", at, item)
	}
}

// fill answers the item that is shown, the i-th, and goes on.
func (f *filling) fill(i int) {
	f.t.Helper()
	f.expect(f.items[i])
	realism, guess, confidence := f.answer(i)
	f.press(realism, guess, confidence, keyEnter)
}

const (
	injected = `=HYPERLINK("http://example.com")`
	markup   = `<script>document.title = "run"</script>`
)

func (f *filling) fillHalf() {
	f.expect("")
	f.press(keyEnter)
	for i := range len(f.items) / 2 {
		if i == 1 { // forth and back, by all keys that do so
			f.press("j")
			f.expect(f.items[2])
			f.press("k", keyRight, "\ue012")
		}
		f.fill(i)
	}
	f.press("k", "t")
	for _, r := range injected + " 5r" { // letters that are keys are letters here
		f.press(string(r))
	}
	f.press(keyEscape, "j")
}

func (f *filling) comesBack(url string) {
	half := len(f.items) / 2
	f.visit(url)
	f.expect(f.items[half])
	if done := run[int](f.browser, `return document.querySelectorAll("input:checked").length`); done != 3*half {
		f.t.Fatalf("after the page was loaded again %d answers are left, want %d", done, 3*half)
	}
	if text := run[string](f.browser, `return document.querySelector("#item-"+arguments[0]+" textarea").value`, f.items[half-1]); text != injected+" 5r" {
		f.t.Errorf("the remark is %q", text)
	}
}

func (f *filling) fillRest() {
	for i := len(f.items) / 2; i < len(f.items); i++ {
		if i == len(f.items)-1 {
			f.press("t")
			for _, r := range markup {
				f.press(string(r))
			}
			f.press(keyEscape)
		}
		f.fill(i)
	}
	f.expect("")
	if left := run[int](f.browser, `return document.querySelectorAll("#open li").length`); left != 0 {
		f.t.Errorf("%d records are said to be open", left)
	}
	if run[float64](f.browser, `const p = document.querySelector("progress"); return p.value / p.max`) != 1 {
		f.t.Error("the progress is not whole")
	}
}

// saves looks at the file that the form saves.
func (f *filling) saves(folder string) {
	f.press(keyEnter)
	var path string
	for deadline := time.Now().Add(10 * time.Second); path == ""; time.Sleep(50 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(folder, "answers-*.csv")); len(found) == 1 {
			path = found[0]
		} else if time.Now().After(deadline) {
			f.t.Fatalf("no file of answers in 10 seconds; the form says %q", run[string](f.browser, `return document.querySelector("#state").textContent`))
		}
	}
	file, err := os.Open(path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != len(f.items)+1 {
		f.t.Fatalf("%d rows, want %d: %v", len(rows), len(f.items)+1, err)
	}
	for i, item := range f.items {
		realism, guess, confidence := f.answer(i)
		want := []string{item, map[string]string{"0": "10"}[realism], map[string]string{"r": "real", "s": "synthetic"}[guess], confidence}
		if want[1] == "" {
			want[1] = realism
		}
		if got := rows[i+1][2:6]; !slices.Equal(got, want) {
			f.t.Errorf("row %d has %q, want %q", i+1, got, want)
		}
	}
	if text := rows[len(f.items)/2][6]; text != "'"+injected+" 5r" {
		f.t.Errorf("a remark like a formula is saved as %q", text)
	}
	if text := rows[len(f.items)][6]; text != markup || run[string](f.browser, `return document.title`) == "run" {
		f.t.Errorf("a remark like markup is saved as %q", text)
	}
}

// fits looks at an item in windows of several widths.
func (f *filling) fits(b *browser) {
	f.press("k")
	for _, w := range []struct {
		width int
		dark  bool
		as    string
	}{{1280, false, "1280"}, {1280, true, "1280-dark"}, {400, false, "400"}, {400, true, "400-dark"}, {320, false, "320"}} {
		b.window(w.width, 900, w.dark, "screen")
		if wide := run[int](b, `return document.documentElement.scrollWidth`); wide > w.width {
			b.t.Errorf("at %d pixels the form is %d wide", w.width, wide)
		}
		run[any](b, `scrollTo(0, 0)`)
		save(b.t, "form-"+w.as+".png", b.view)
	}
	for _, width := range []int{1280, 400} {
		b.window(width, 900, false, "screen")
		run[any](b, `document.querySelector("#item-" + arguments[0] + " .pager").scrollIntoView({block: "end", behavior: "instant"})`, f.items[len(f.items)-1])
		save(b.t, map[int]string{1280: "form-1280-end.png", 400: "form-400-end.png"}[width], b.view)
	}
	b.window(1280, 900, false, "screen")
}

// prints looks at paper, on which every record stands.
func (f *filling) prints(b *browser) {
	b.window(794, 1123, true, "print")
	if n := run[int](b, `return [...document.querySelectorAll(".item")].filter(e => getComputedStyle(e).display === "none").length`); n > 0 {
		b.t.Errorf("%d records are not printed", n)
	}
	if pdf := b.paper(); !strings.HasPrefix(string(pdf), "%PDF") {
		b.t.Error("it does not print")
	}
	save(b.t, "form.pdf", b.paper)
	b.window(1280, 900, false, "screen")
}
