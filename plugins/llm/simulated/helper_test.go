package simulated

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// provider returns the plugin with defaults as changed.
func provider(t testing.TB, change func(c *Config)) *Provider {
	t.Helper()
	r := &plugins.Registry{}
	Register(r)
	var c Config
	if err := json.Unmarshal(r.LLMs.Get("simulated").Defaults(), &c); err != nil {
		t.Fatal(err)
	}
	c.Context, c.MaxTokens = 0, mostTokens
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*Provider)
}

// stamped is the transport of a client: it tells the replicate.
type stamped struct {
	next      http.RoundTripper
	replicate string
}

func (s stamped) RoundTrip(req *http.Request) (*http.Response, error) {
	req.Header.Set(plugins.ReplicateHeader, s.replicate)
	return s.next.RoundTrip(req)
}

// ask completes a request.
func ask(t testing.TB, p *Provider, replicate string, r plugins.Request) *plugins.Response {
	t.Helper()
	out, err := p.Complete(context.Background(), stamped{p, replicate}, r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// asking is a request with the blocks and nothing else.
func asking(s *prompt.Schema, a *prompt.Aggregates, examples, table *prompt.Table) plugins.Request {
	text := s.Render() + "\n"
	if a != nil {
		text += a.Render() + "\n"
	}
	if examples != nil {
		text += examples.Render(prompt.ExamplesBlock) + "\n"
	}
	if table != nil {
		text += table.Render(prompt.TableBlock) + "\n"
	}
	return plugins.Request{Messages: []plugins.Message{{Role: "user", Text: text}}}
}

// rowsOf asks for rows as CSV and reads them.
func rowsOf(t testing.TB, p *Provider, r plugins.Request) *prompt.Table {
	t.Helper()
	table, err := prompt.ParseTable(ask(t, p, "1/0/0", r).Text)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// cohort is n patients: lactate and age go with death, bun with lactate, sex with nothing, ph is missing in half.
func cohort(n int) *frame.Frame {
	rng := rand.New(rand.NewPCG(3, 5))
	numbers := map[string][]float64{}
	sex := make([]string, n)
	for i := range n {
		u, v := rng.NormFloat64(), rng.NormFloat64()
		age := math.Round(60 + 12*v)
		death := 0.0
		if u+0.5*v+0.8*rng.NormFloat64() > 0.9 {
			death = 1
		}
		ph := math.Round(100*(7.38+0.08*rng.NormFloat64())) / 100
		if rng.IntN(2) == 0 {
			ph = math.NaN()
		}
		sex[i] = []string{"F", "M"}[rng.IntN(2)]
		for name, x := range map[string]float64{
			"lactate": math.Round(10*math.Exp(0.6+0.5*u)) / 10, "age": age, "ph": ph, "death": death,
			"bun": math.Round(20 + 6*u + 3*v),
		} {
			numbers[name] = append(numbers[name], x)
		}
		// drawn after the map, whose order is not fixed
		numbers["noise"] = append(numbers["noise"], math.Round(1000*rng.NormFloat64())/1000)
	}
	return frame.Must(
		frame.NewNumber("death", numbers["death"]), frame.NewNumber("age", numbers["age"]),
		frame.NewNumber("lactate", numbers["lactate"]), frame.NewNumber("bun", numbers["bun"]),
		frame.NewNumber("ph", numbers["ph"]), frame.NewCategoryFromStrings("sex", sex, nil), frame.NewNumber("noise", numbers["noise"]),
	)
}

// upTo is 0 … n-1.
func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// named is a schema of columns of which only names are told.
func named(rows int, names ...string) *prompt.Schema {
	s := &prompt.Schema{Rows: rows, Format: prompt.CSV}
	for _, n := range names {
		s.Columns = append(s.Columns, prompt.Column{Name: n})
	}
	return s
}

// numbers returns a column of a table, NaN where it is missing.
func numbers(t testing.TB, table *prompt.Table, name string) []float64 {
	t.Helper()
	at := table.Column(name)
	if at < 0 {
		t.Fatalf("no column %q", name)
	}
	out := make([]float64, len(table.Rows))
	for i, row := range table.Rows {
		v, ok := number(row[at])
		switch {
		case ok:
			out[i] = v
		case row[at] == "":
			out[i] = math.NaN()
		default:
			t.Fatalf("column %q, row %d is no number", name, i+1)
		}
	}
	return out
}

// both returns the pairs of two columns where both have a value.
func both(x, y []float64) (a, b []float64) {
	for i := range x {
		if x[i] == x[i] && y[i] == y[i] {
			a, b = append(a, x[i]), append(b, y[i])
		}
	}
	return a, b
}

// post puts a body to the server and returns status and answer.
func post(t testing.TB, p *Provider, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, base+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, bytes.TrimSpace(raw)
}
