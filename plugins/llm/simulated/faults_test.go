package simulated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

const (
	calls    = 300
	rowsEach = 20
)

// tally counts what is wrong with many replies.
type tally struct {
	refused, prose, short, cut             int // replies
	rows, malformed, beyond, twice, copied int // rows of replies that could be read
}

// tallied asks many times for a few rows of four columns and counts.
func tallied(t *testing.T, change func(c *Config)) (n tally, texts []string) {
	t.Helper()
	examples := &prompt.Table{Names: []string{"row", "x", "y", "ward"}} // cells that chance does not repeat
	for i := range 30 {
		examples.Rows = append(examples.Rows, []string{"", fmt.Sprintf("%.6f", float64(i)/30+1e-6), fmt.Sprintf("%.6f", float64(i*7%30)/30+1e-6), "AB"[i%2 : i%2+1]})
	}
	s := named(rowsEach, "x", "y", "ward")
	s.Columns[0] = prompt.Column{Name: "x", Type: prompt.Real, Min: ptr(0.0), Max: ptr(1.0)}
	s.Columns[2] = prompt.Column{Name: "ward", Type: prompt.Category, Levels: []string{"A", "B"}}
	p := provider(t, change)
	r := asking(s, nil, examples, nil)
	for i := range calls {
		got := ask(t, p, fmt.Sprint(i), r)
		texts = append(texts, got.Text)
		if got.Stop == plugins.StopRefusal {
			n.refused++
			continue
		}
		if got.Stop == plugins.StopLength {
			n.cut++
		}
		n.read(got.Text, examples)
	}
	return n, texts
}

// read counts what is wrong with the rows of a reply.
func (n *tally) read(text string, examples *prompt.Table) {
	if _, data, ok := strings.Cut(text, "```csv\n"); ok {
		n.prose++
		text, _, _ = strings.Cut(data, "```")
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")[1:]
	if len(lines) < rowsEach {
		n.short++
	}
	for i, line := range lines {
		n.rows++
		fields := strings.Split(line, ",")
		if len(fields) != 3 {
			n.malformed++
			continue
		}
		x, _ := number(fields[0])
		y, _ := number(fields[1])
		if x > 1 || y > 1 {
			n.beyond++
		}
		if slices.Contains(lines[:i], line) {
			n.twice++
		}
		if slices.ContainsFunc(examples.Rows, func(row []string) bool { return strings.Join(row[1:], ",") == line }) {
			n.copied++
		}
	}
}

func TestEachFailureHappensAtItsRateAndNoOtherDoes(t *testing.T) {
	none, plain := tallied(t, nil)
	if none != (tally{rows: calls * rowsEach}) {
		t.Fatalf("something goes wrong by default: %+v", none)
	}
	for name, c := range map[string]struct {
		change func(c *Config)
		count  func(n tally) (bad, of int)
		rate   float64
	}{
		"refuse":     {func(c *Config) { c.Refuse = 0.2 }, func(n tally) (int, int) { return n.refused, calls }, 0.2},
		"prose":      {func(c *Config) { c.Prose = 0.3 }, func(n tally) (int, int) { return n.prose, calls }, 0.3},
		"short":      {func(c *Config) { c.Short = 0.4 }, func(n tally) (int, int) { return n.short, calls }, 0.4},
		"truncate":   {func(c *Config) { c.Truncate = 0.25 }, func(n tally) (int, int) { return n.cut, calls }, 0.25},
		"malformed":  {func(c *Config) { c.Malformed = 0.1 }, func(n tally) (int, int) { return n.malformed, n.rows }, 0.1},
		"outOfRange": {func(c *Config) { c.OutOfRange = 0.15 }, func(n tally) (int, int) { return n.beyond, n.rows }, 0.15},
		"duplicate":  {func(c *Config) { c.Duplicate = 0.1 }, func(n tally) (int, int) { return n.twice, n.rows }, 0.1 * (rowsEach - 1) / rowsEach},
		"copy":       {func(c *Config) { c.Copy = 0.05 }, func(n tally) (int, int) { return n.copied, n.rows }, 0.05},
	} {
		got, texts := tallied(t, c.change)
		bad, of := c.count(got)
		if slack := 4 * math.Sqrt(c.rate*(1-c.rate)/float64(of)); math.Abs(float64(bad)/float64(of)-c.rate) > slack {
			t.Errorf("%s: %d of %d, want %.3f ± %.3f of them", name, bad, of, c.rate, slack)
		}
		clean := got // of its own failure
		switch name {
		case "refuse":
			clean.refused, clean.rows = 0, none.rows
		case "prose":
			clean.prose = 0
		case "short":
			clean.short, clean.rows = 0, none.rows
		case "truncate": // the row in which it ends cannot be read
			clean.cut, clean.short, clean.malformed, clean.beyond, clean.rows = 0, 0, 0, 0, none.rows
		case "malformed":
			clean.malformed = 0
		case "outOfRange":
			clean.beyond = 0
		case "duplicate":
			clean.twice = 0
		case "copy": // two copies of one example may come in one reply
			clean.copied, clean.twice = 0, 0
		}
		if clean != none {
			t.Errorf("%s: more goes wrong than that: %+v", name, got)
		}
		same := 0
		for i := range texts {
			if texts[i] == plain[i] {
				same++
			}
		}
		if name != "malformed" && name != "outOfRange" && name != "duplicate" && name != "copy" && same != calls-bad {
			t.Errorf("%s: %d of %d replies are as they are without it, want %d", name, same, calls, calls-bad)
		}
	}
}

func TestRowsThatAFailureDoesNotTouchAreAsWithoutIt(t *testing.T) {
	r := asking(named(200, "age", "lactate", "foo"), nil, nil, nil)
	want := strings.Split(ask(t, provider(t, nil), "1/0/0", r).Text, "\n")
	for name, change := range map[string]func(c *Config){
		"malformed":  func(c *Config) { c.Malformed = 0.2 },
		"outOfRange": func(c *Config) { c.OutOfRange = 0.2 },
		"duplicate":  func(c *Config) { c.Duplicate = 0.2 },
	} {
		got := strings.Split(ask(t, provider(t, change), "1/0/0", r).Text, "\n")
		same := 0
		for i := range want {
			if got[i] == want[i] {
				same++
			}
		}
		if same < 130 || same > 190 {
			t.Errorf("%s: %d of 200 rows are as without it", name, same)
		}
	}
}

func TestMalformedJSONRecords(t *testing.T) {
	s := named(200, "a", "b")
	s.Format = prompt.JSON
	p := provider(t, func(c *Config) { c.Malformed, c.Prose = 0.2, 1 })
	r := asking(s, nil, nil, nil)
	text := ask(t, p, "1/0/0", r).Text
	bad := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, `{"a"`) && !json.Valid([]byte(strings.TrimRight(line, ",\n"))) {
			bad++
		}
	}
	if bad < 20 || bad > 60 || !strings.Contains(text, "```json\n{\"records\":[\n") {
		t.Errorf("%d of 200 records cannot be read in\n%.100s", bad, text)
	}
	r.Schema = json.RawMessage(`{"type":"object","properties":{"records":{"type":"array","items":{"type":"object"}}}}`)
	if held := ask(t, p, "1/0/0", r).Text; !json.Valid([]byte(held)) {
		t.Error("a reply that is held to a schema cannot be read")
	}
}

func TestOutOfRangeWithoutNumbersIsALevelThatIsNone(t *testing.T) {
	s := &prompt.Schema{Rows: 10, Format: prompt.CSV, Columns: []prompt.Column{{Name: "c", Type: prompt.Category, Levels: []string{"A"}}, {Name: "fixed", Value: ptr("1")}}}
	got := rowsOf(t, provider(t, func(c *Config) { c.OutOfRange = 1 }), asking(s, nil, nil, nil))
	for _, row := range got.Rows {
		if row[0] == "A" || row[1] != "1" {
			t.Fatalf("row %q", row)
		}
	}
}

func TestOverloadTurnsTriesAwayAndChangesNoAnswer(t *testing.T) {
	r := asking(named(5, "age"), nil, nil, nil)
	p := provider(t, func(c *Config) { c.Overload = 0.4 })
	away, asked := 0, 0
	for i := range 200 {
		replicate := fmt.Sprint(i)
		for {
			asked++
			got, err := p.Complete(context.Background(), stamped{p, replicate}, r)
			var e *plugins.LLMError
			if errors.As(err, &e) && e.Fault == plugins.FaultOverloaded && e.Status == 429 {
				away++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := ask(t, provider(t, nil), replicate, r); *got != *want {
				t.Fatal("another answer after a 429")
			}
			break
		}
	}
	if share := float64(away) / float64(asked); math.Abs(share-0.4) > 0.11 {
		t.Errorf("%d of %d tries are turned away", away, asked)
	}
	if len(p.tries) > 0 {
		t.Errorf("%d requests that were answered are remembered", len(p.tries))
	}
}

func TestLatencyPassesAndCancellingEndsIt(t *testing.T) {
	r := asking(named(1, "age"), nil, nil, nil)
	p := provider(t, func(c *Config) { c.Latency = 0.05 })
	start := time.Now()
	ask(t, p, "1/0/0", r)
	if took := time.Since(start); took < 25*time.Millisecond {
		t.Errorf("answered in %v where 25 ms is the least", took)
	}
	p = provider(t, func(c *Config) { c.Latency = 3600 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Complete(ctx, p, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
