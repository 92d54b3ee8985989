package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// progress shows how far a run is: one line on a terminal, which is gone when the run ends; elsewhere a line now
// and then, and none of a run that is short; and one JSON object an event with --json.
type progress struct {
	app  *app
	name string
	line *mpb.Progress // nil unless on a terminal
	bar  *mpb.Bar

	mu      sync.Mutex // the terminal's line is drawn by a goroutine of its own
	started time.Time
	last    time.Time // of the last plain line
	state   engine.Event
	lost    int // steps that never run, as they need a failed one
}

// lineEvery is the time before the first plain line, and between two.
const lineEvery = 5 * time.Second

func (a *app) newProgress(p *plan.Plan) *progress {
	pr := &progress{app: a, name: p.Experiment.Name, started: time.Now(), last: time.Now()}
	pr.state = engine.Event{Steps: len(p.Steps), Cells: len(p.Cells)}
	if a.json || !a.err.isTerminal() {
		return pr
	}
	pr.line = mpb.New(mpb.WithOutput(a.err.file), mpb.WithRefreshRate(120*time.Millisecond))
	pr.bar = pr.line.MustAdd(0, nil, mpb.BarFillerTrim(),
		mpb.PrependDecorators(decor.Any(func(s decor.Statistics) string { return pr.text(s.AvailableWidth) })))
	a.err.divert(pr.line) // messages go above the line
	return pr
}

// event takes an event of the engine.
func (pr *progress) event(e engine.Event) {
	due := pr.take(e)
	if pr.app.json {
		pr.app.printJSON(jsonEvent(e))
		return
	}
	if due {
		pr.app.errf("%s: %s\n", pr.name, pr.text(0))
	}
	if e.Kind == engine.Damaged {
		pr.app.errf("damaged output of %s is set aside and made again: %v\n", e.Step.Label, e.Err)
	}
}

// take keeps the state of the run, and reports whether a plain line is due.
func (pr *progress) take(e engine.Event) bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if e.Kind == engine.Failed && e.Run == pr.state.Run {
		pr.lost++
	}
	pr.state = e
	if pr.line != nil || time.Since(pr.last) < lineEvery {
		return false
	}
	pr.last = time.Now()
	return true
}

// text is the state of the run. With a width it is a line of at most so many columns, if it can be, with the name
// of the experiment and a bar where they fit.
func (pr *progress) text(width int) string {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	e := pr.state
	done := e.Cached + e.Run + pr.lost
	text := fmt.Sprintf("%d/%d cells, %d/%d steps, %d cached", e.CellsDone, e.Cells, done, e.Steps, e.Cached)
	if e.Failed > 0 {
		text += fmt.Sprintf(", %d failed", e.Failed)
	}
	if left := e.Steps - done; left > 0 && e.Run > 0 {
		eta := time.Since(pr.started) / time.Duration(e.Run) * time.Duration(left)
		text += ", " + eta.Round(time.Second).String() + " left"
	}
	const narrow, wide = 5, 30 // columns of a bar
	room := width - utf8.RuneCountInString(pr.name+" "+text)
	if room < 0 {
		return text
	}
	if columns := min(room-len("[] "), wide); columns >= narrow && e.Steps > 0 {
		full := columns * done / e.Steps
		return pr.name + " [" + strings.Repeat("=", full) + strings.Repeat(" ", columns-full) + "] " + text
	}
	return pr.name + " " + text
}

// end removes the line. It may be called again.
func (pr *progress) end() {
	if pr.line == nil {
		return
	}
	pr.bar.Abort(true)
	pr.line.Wait()
	pr.app.err.divert(nil)
}

// eventLine is one line of run --json.
type eventLine struct {
	Event     string  `json:"event"`
	Step      string  `json:"step,omitempty"`
	Stage     string  `json:"stage,omitempty"`
	Key       string  `json:"key,omitempty"`
	Seconds   float64 `json:"seconds,omitempty"`
	Error     string  `json:"error,omitempty"`
	Part      int     `json:"part,omitempty"`
	Whole     int     `json:"whole,omitempty"`
	Steps     int     `json:"steps"`
	Cached    int     `json:"cached"`
	Run       int     `json:"run"`
	Failed    int     `json:"failed"`
	Cells     int     `json:"cells"`
	CellsDone int     `json:"cells_done"`
}

func jsonEvent(e engine.Event) eventLine {
	line := eventLine{
		Event: string(e.Kind), Seconds: e.Elapsed.Seconds(), Part: e.Part, Whole: e.Whole,
		Steps: e.Steps, Cached: e.Cached, Run: e.Run, Failed: e.Failed, Cells: e.Cells, CellsDone: e.CellsDone,
	}
	if e.Step != nil {
		line.Step, line.Stage, line.Key = e.Step.Label, string(e.Step.Stage), string(e.Step.Key)
	}
	if e.Err != nil {
		line.Error = e.Err.Error()
	}
	return line
}
