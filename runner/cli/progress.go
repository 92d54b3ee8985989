package cli

import (
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// progress shows how far a run is: a bar on a terminal, a line now and then elsewhere, and one JSON object
// an event with --json.
type progress struct {
	app     *app
	started time.Time
	last    time.Time
	bars    *mpb.Progress
	bar     *mpb.Bar
	state   engine.Event
}

// lineEvery is the time between two plain lines.
const lineEvery = 5 * time.Second

func (a *app) newProgress(p *plan.Plan) *progress {
	pr := &progress{app: a, started: time.Now(), last: time.Now()}
	if a.json || !isTerminal(a.err) {
		return pr
	}
	pr.bars = mpb.New(mpb.WithOutput(a.err), mpb.WithWidth(40), mpb.WithRefreshRate(120*time.Millisecond))
	pr.bar = pr.bars.AddBar(int64(len(p.Steps)), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(p.Experiment.Name+" ")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return pr.text() })))
	return pr
}

// event takes an event of the engine.
func (pr *progress) event(e engine.Event) {
	pr.state = e
	switch {
	case pr.app.json:
		pr.app.printJSON(jsonEvent(e))
	case pr.bar != nil:
		pr.bar.SetTotal(int64(e.Steps), false)
		pr.bar.SetCurrent(int64(e.Cached + e.Run))
	case time.Since(pr.last) >= lineEvery:
		pr.last = time.Now()
		pr.app.errf("%s\n", pr.text())
	}
	if e.Kind == engine.Damaged && !pr.app.json {
		pr.app.errf("damaged output of %s is set aside and made again: %v\n", e.Step.Label, e.Err)
	}
}

// text is the state of the run in one line.
func (pr *progress) text() string {
	e := pr.state
	text := fmt.Sprintf("cells %d/%d, steps %d/%d (%d cached)", e.CellsDone, e.Cells, e.Cached+e.Run, e.Steps, e.Cached)
	if e.Failed > 0 {
		text += fmt.Sprintf(", %d failed", e.Failed)
	}
	if left := e.Steps - e.Cached - e.Run; left > 0 && e.Run > 0 {
		eta := time.Since(pr.started) / time.Duration(e.Run) * time.Duration(left)
		text += ", about " + eta.Round(time.Second).String() + " left"
	}
	return text
}

// end removes the bar.
func (pr *progress) end() {
	if pr.bar != nil {
		pr.bar.Abort(true)
		pr.bars.Wait()
	}
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
