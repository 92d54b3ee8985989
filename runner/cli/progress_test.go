package cli

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ehrlab/ehrlab/runner/engine"
)

func progressOf(e engine.Event) *progress {
	a := &app{out: &stream{file: io.Discard}, err: &stream{file: io.Discard}}
	return &progress{app: a, name: "study", started: time.Now(), last: time.Now(), state: e}
}

// The line is drawn by one goroutine while events come in on another, and messages on a third: -race sees to it.
func TestTheLineIsDrawnWhileEventsArrive(t *testing.T) {
	pr := progressOf(engine.Event{Steps: 500, Cells: 50})
	var screen bytes.Buffer
	pr.app.err.file = &screen
	pr.line = mpb.New(mpb.WithOutput(&screen), mpb.WithAutoRefresh(), mpb.WithRefreshRate(time.Millisecond))
	pr.bar = pr.line.MustAdd(0, nil, mpb.PrependDecorators(decor.Any(func(s decor.Statistics) string { return pr.text(s.AvailableWidth) })))
	pr.app.err.divert(pr.line)
	var messages sync.WaitGroup
	messages.Go(func() {
		for range 50 {
			pr.app.errf("a message\n")
			time.Sleep(time.Millisecond)
		}
	})
	for i := range 500 {
		pr.event(engine.Event{Kind: engine.Done, Steps: 500, Run: i + 1, Cells: 50, CellsDone: i / 10})
		time.Sleep(100 * time.Microsecond)
	}
	messages.Wait()
	pr.end()
	pr.end()
	pr.app.errf("after\n")
	got := screen.String()
	if n := strings.Count(got, "a message\n"); n != 50 || !strings.Contains(got, "study [") || !strings.HasSuffix(got, "after\n") {
		t.Errorf("%d messages in\n%s", n, got)
	}
}

func TestTheLineFitsTheTerminal(t *testing.T) {
	e := engine.Event{Steps: 236, Cached: 20, Run: 98, Cells: 36, CellsDone: 12, Failed: 3}
	pr := progressOf(e)
	pr.started = time.Now().Add(-98 * time.Second)
	for width, want := range map[int]string{
		0:   "12/36 cells, 118/236 steps, 20 cached, 3 failed, 1m58s left",
		60:  "12/36 cells, 118/236 steps, 20 cached, 3 failed, 1m58s left",
		66:  "study 12/36 cells, 118/236 steps, 20 cached, 3 failed, 1m58s left",
		80:  "study [======      ] 12/36 cells, 118/236 steps, 20 cached, 3 failed, 1m58s left",
		200: "study [===============               ] 12/36 cells, 118/236 steps, 20 cached, 3 failed, 1m58s left",
	} {
		if got := pr.text(width); got != want {
			t.Errorf("%d columns:\n%s\n%s", width, got, want)
		}
	}
}

// What needs a failed step never runs: it is no more to do.
func TestStepsThatAreLostAreNotLeft(t *testing.T) {
	pr := progressOf(engine.Event{Steps: 3, Cells: 1})
	pr.event(engine.Event{Kind: engine.Started, Steps: 3, Cells: 1})
	pr.event(engine.Event{Kind: engine.Failed, Run: 1, Failed: 1, Steps: 3, Cells: 1}) // it ran
	pr.event(engine.Event{Kind: engine.Failed, Run: 1, Failed: 2, Steps: 3, Cells: 1}) // these did not
	pr.event(engine.Event{Kind: engine.Failed, Run: 1, Failed: 3, Steps: 3, Cells: 1, CellsDone: 1})
	if got, want := pr.text(0), "1/1 cells, 3/3 steps, 0 cached, 3 failed"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Without a terminal a short run prints nothing, a long one a line now and then.
func TestPlainLines(t *testing.T) {
	pr := progressOf(engine.Event{Steps: 2, Cells: 1})
	var lines bytes.Buffer
	pr.app.err.file = &lines
	pr.event(engine.Event{Kind: engine.Done, Run: 1, Steps: 2, Cells: 1})
	if lines.Len() > 0 {
		t.Errorf("a short run printed %q", &lines)
	}
	pr.started, pr.last = time.Now().Add(-lineEvery), time.Now().Add(-lineEvery)
	pr.event(engine.Event{Kind: engine.Done, Run: 1, Steps: 2, Cells: 1})
	pr.event(engine.Event{Kind: engine.Done, Run: 1, Steps: 2, Cells: 1})
	if got, want := lines.String(), "study: 0/1 cells, 1/2 steps, 0 cached, 5s left\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
