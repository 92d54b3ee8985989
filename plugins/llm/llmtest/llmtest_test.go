package llmtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/anthropic"
	"github.com/ehrlab/ehrlab/plugins/llm/bedrock"
	"github.com/ehrlab/ehrlab/plugins/llm/googleai"
	. "github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
)

// provider is a provider of a format, with a model and a key of it.
type provider struct {
	format           Format
	name, model, key string
	with             string // more settings
}

var providers = []provider{
	{OpenAI, "openai", "gpt-4o-2024-08-06", "sk-planted-1", ``},
	{Anthropic, "anthropic", "claude-sonnet-4-20250514", "sk-planted-2", ``},
	{Google, "googleai", "gemini-2.0-flash-001", "planted-3", ``},
	{Bedrock, "bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", "AKIAPLANTED:pl/an+ted4:session==", `, "region": "eu-west-1"`},
}

func registry() *plugins.Registry {
	r := &plugins.Registry{}
	openai.Register(r)
	anthropic.Register(r)
	googleai.Register(r)
	bedrock.Register(r)
	return r
}

// each runs a test with every provider.
func each(t *testing.T, test func(t *testing.T, p provider)) {
	for _, p := range providers {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

// build makes the provider for a server.
func (p provider) build(t *testing.T, base string) plugins.Provider {
	t.Helper()
	with := fmt.Sprintf(`{"model": %q, "base_url": %q%s}`, p.model, base, p.with)
	made, _, err := registry().LLMs.Get(p.name).Build(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// network is a transport that authorizes requests and sends them, as the client does.
type network struct {
	provider plugins.Provider
	key      string
	statuses []int
}

func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body, _ = req.GetBody()
	if err := n.provider.Authorize(req, body, n.key); err != nil {
		return nil, err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		n.statuses = append(n.statuses, resp.StatusCode)
	}
	return resp, err
}

func request(text string) plugins.Request {
	return plugins.Request{Messages: []plugins.Message{{Role: "system", Text: "Be brief."}, {Role: "user", Text: text}}}
}

const schema = `{"type":"object","properties":{"rows":{"type":"array","items":{"type":"integer"}}},"required":["rows"],"additionalProperties":false}`

func TestRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		s := NewServer(t, p.format, Key(p.key), Models(p.model), Cached(3), Answer(func(r Request) string {
			if r.Schema != nil {
				return `{"rows": [1,2]}`
			}
			return "answer to " + r.Messages[len(r.Messages)-1].Text
		}))
		made := p.build(t, s.BaseURL())
		n := &network{provider: made, key: p.key}
		got, err := made.Complete(context.Background(), n, request("question?"))
		if err != nil {
			t.Fatal(err)
		}
		want := plugins.Response{
			Text: "answer to question?", Stop: plugins.StopEnd, Model: p.model,
			InputTokens: 4 + 3 + 4 + 3, CachedTokens: 3, OutputTokens: 5, Fingerprint: got.Fingerprint,
		}
		if *got != want {
			t.Errorf("got %+v, want %+v", *got, want)
		}
		r := request("again")
		r.Schema = json.RawMessage(schema)
		if got, err = made.Complete(context.Background(), n, r); err != nil {
			t.Fatal(err)
		}
		if text := strings.ReplaceAll(got.Text, " ", ""); text != `{"rows":[1,2]}` || got.Stop != plugins.StopEnd {
			t.Errorf("got %+v", *got)
		}
		log := s.Log()
		if len(log) != 2 || log[0].MaxTokens != 4096 || log[0].Temperature != nil || log[0].Schema != nil {
			t.Fatalf("the server understood %+v", log)
		}
		if string(log[1].Schema) != schema {
			t.Errorf("the schema arrived as %s", log[1].Schema)
		}
		if c := s.Charged(); c != s.Whole() || c.Answers != 2 || c.Cached != 6 {
			t.Errorf("charged %+v, whole %+v", c, s.Whole())
		}
	})
}

func TestFaults(t *testing.T) {
	for fault, c := range map[Fault]struct {
		status   int // that the transport sees; 0: an error
		fault    plugins.LLMFault
		stop     string
		charged  bool
		whole    bool
		answered bool
	}{
		TooMany:            {status: 429, fault: plugins.FaultOverloaded},
		TooManyRetryAfter:  {status: 429, fault: plugins.FaultOverloaded},
		ServerError:        {status: 500, fault: plugins.FaultOverloaded},
		BadGateway:         {status: 502, fault: plugins.FaultOverloaded},
		Unavailable:        {status: 503, fault: plugins.FaultOverloaded},
		Overloaded:         {status: 529, fault: plugins.FaultOverloaded},
		Timeout:            {status: 408, fault: plugins.FaultOverloaded},
		BadRequest:         {status: 400, fault: plugins.FaultRequest},
		Unauthorized:       {status: 401, fault: plugins.FaultKey},
		Forbidden:          {status: 403, fault: plugins.FaultKey},
		UnknownModel:       {status: 404, fault: plugins.FaultRequest},
		Redirect:           {status: 307, fault: plugins.FaultEndpoint},
		HTML:               {status: 200, fault: plugins.FaultEndpoint},
		EmptyObject:        {status: 200, fault: plugins.FaultEndpoint},
		ErrorWithStatusOK:  {status: 200, fault: plugins.FaultEndpoint},
		HalfJSON:           {status: 200, fault: plugins.FaultEndpoint, charged: true},
		CutBefore:          {charged: true},
		CutMiddle:          {status: 200, charged: true},
		SlowStream:         {status: 200, stop: plugins.StopEnd, charged: true, whole: true, answered: true},
		WrongRows:          {status: 200, stop: plugins.StopEnd, charged: true, whole: true, answered: true},
		Prose:              {status: 200, stop: plugins.StopEnd, charged: true, whole: true, answered: true},
		OtherModel:         {status: 200, stop: plugins.StopEnd, charged: true, whole: true, answered: true},
		EmptyText:          {status: 200, stop: plugins.StopEnd, charged: true, whole: true, answered: true},
		TrailingWhitespace: {status: 200, stop: plugins.StopEnd, charged: true, whole: true, answered: true},
		ShortAnswer:        {status: 200, stop: plugins.StopLength, charged: true, whole: true, answered: true},
		Refuse:             {status: 200, stop: plugins.StopRefusal, charged: true, whole: true, answered: true},
		Filtered:           {status: 200, stop: plugins.StopRefusal, charged: true, whole: true, answered: true},
	} {
		t.Run(string(fault), func(t *testing.T) {
			each(t, func(t *testing.T, p provider) {
				s := NewServer(t, p.format, Script(fault), Pause(100*time.Microsecond), Answer(func(Request) string { return "a,b\n1,2\n3,4\nsecret\n" }))
				made := p.build(t, s.BaseURL())
				n := &network{provider: made, key: p.key}
				got, err := made.Complete(context.Background(), n, request("x"))
				if (err == nil) != c.answered {
					t.Fatalf("error %v, answered: want %v", err, c.answered)
				}
				var e *plugins.LLMError
				if errors.As(err, &e); c.fault != "" && (e == nil || e.Fault != c.fault || e.Status != c.status) {
					t.Errorf("error %#v, want %s with status %d", err, c.fault, c.status)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the error quotes the answer: %v", err)
				}
				if err == nil && got.Stop != c.stop {
					t.Errorf("stopped for %q, want %q", got.Stop, c.stop)
				}
				if c.status > 0 && (len(n.statuses) != 1 || n.statuses[0] != c.status) {
					t.Errorf("the transport saw %v, want one %d", n.statuses, c.status)
				}
				log := s.Log()
				if len(log) != 1 || log[0].Charged != c.charged || log[0].Whole != c.whole || log[0].Fault != fault {
					t.Fatalf("log %+v", log)
				}
				if err != nil {
					return
				}
				used := Usage{got.InputTokens, got.CachedTokens, got.OutputTokens, got.ReasoningTokens}
				if used != log[0].Usage || got.Model != log[0].Served || (fault != Refuse && got.Text != log[0].Text) {
					t.Errorf("read %+v, served %+v", *got, log[0])
				}
			})
		})
	}
	if n := len(Faults()); n != 27 {
		t.Errorf("%d faults; the table above has 27", n)
	}
}

// What was served is what was read and what was cut, whatever the faults and the order.
func TestRandomFaultsAreAccountedFor(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		shares := map[Fault]float64{}
		for _, f := range Faults() {
			shares[f] = 0.03
		}
		run := func(workers int) (read Totals, orphaned int, s *Server) {
			s = NewServer(t, p.format, Random(7, shares), Latency(0, time.Millisecond), Pause(10*time.Microsecond), Answer(func(r Request) string {
				return strings.Repeat("1,2\n", len(r.Messages[1].Text))
			}))
			made := p.build(t, s.BaseURL())
			var mu sync.Mutex
			var group sync.WaitGroup
			for w := range workers {
				group.Go(func() {
					for i := w; i < 120; i += workers {
						got, err := made.Complete(context.Background(), &network{provider: made, key: p.key}, request(strings.Repeat("x", i%40+1)))
						mu.Lock()
						if err == nil {
							read.Answers++
							read.Input += got.InputTokens
							read.Output += got.OutputTokens
						}
						mu.Unlock()
					}
				})
			}
			group.Wait()
			return read, s.Charged().Answers - s.Whole().Answers, s
		}
		read, orphaned, s := run(6)
		if whole := s.Whole(); read != whole || orphaned == 0 {
			t.Errorf("read %+v, served whole %+v; %d orphaned", read, whole, orphaned)
		}
		if len(s.Log()) != 120 || s.Most() > 6 {
			t.Errorf("%d requests, %d at once", len(s.Log()), s.Most())
		}
		if again, o, _ := run(1); again != read || o != orphaned {
			t.Errorf("one by one %+v and %d orphaned, six at once %+v and %d", again, o, read, orphaned)
		}
	})
}

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		s := NewServer(t, p.format, Key(p.key))
		made := p.build(t, s.BaseURL())
		for _, key := range []string{"", p.key + "x", "AKIAPLANTED:other"} {
			_, err := made.Complete(context.Background(), &network{provider: made, key: key}, request("x"))
			var e *plugins.LLMError
			if !errors.As(err, &e) || e.Fault != plugins.FaultKey {
				t.Errorf("a wrong key gives %v", err)
			}
		}
		if _, err := made.Complete(context.Background(), &network{provider: made, key: p.key}, request("x")); err != nil {
			t.Fatal(err)
		}
		log := s.Log()
		last := log[len(log)-1]
		if strings.Contains(string(last.Body)+last.Path+fmt.Sprint(made.Info()), p.key) {
			t.Error("the key is in the body, the path or the description")
		}
		if c := s.Charged(); c.Answers != 1 {
			t.Errorf("charged %+v", c)
		}
	})
}

func TestCapOnTokens(t *testing.T) {
	each(t, func(t *testing.T, p provider) {
		s := NewServer(t, p.format, Reasoning(3), Answer(func(Request) string { return strings.Repeat("1234", 20) }))
		made := p.build(t, s.BaseURL())
		r := request("x")
		r.MaxTokens = 10
		got, err := made.Complete(context.Background(), &network{provider: made, key: p.key}, r)
		if err != nil {
			t.Fatal(err)
		}
		if got.Stop != plugins.StopLength || got.Text != strings.Repeat("1234", 7) || got.OutputTokens != 10 {
			t.Errorf("got %+v", *got)
		}
	})
}

func TestRate(t *testing.T) {
	s := NewServer(t, OpenAI, Rate(60, 2))
	made := providers[0].build(t, s.BaseURL())
	n := &network{provider: made}
	for range 5 {
		made.Complete(context.Background(), n, request("x"))
	}
	if want := []int{200, 200, 429, 429, 429}; fmt.Sprint(n.statuses) != fmt.Sprint(want) {
		t.Errorf("statuses %v, want %v", n.statuses, want)
	}
}

// A request that the real API would refuse is refused.
func TestStrictness(t *testing.T) {
	for format, bodies := range map[Format][]string{
		OpenAI: {
			`{}`, `{"model": "m", "messages": []}`, `{"model": "m", "messages": [{"role": "user", "content": "x"}], "stream_it": true}`,
			`{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "max_completion_tokens": 1}`,
		},
		Anthropic: {`{}`, `{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}`},
	} {
		s := NewServer(t, format)
		path := map[Format]string{OpenAI: "/chat/completions", Anthropic: "/messages"}[format]
		for _, body := range bodies {
			req, _ := http.NewRequest(http.MethodPost, s.BaseURL()+path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Anthropic-Version", "2023-06-01")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 400 {
				t.Errorf("%s takes %s with status %d", format, body, resp.StatusCode)
			}
		}
	}
}

func TestMain(m *testing.M) {
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_ORGANIZATION", "ANTHROPIC_API_KEY"} {
		os.Setenv(name, "http://192.0.2.1/from-the-environment-and-never-used")
	}
	os.Exit(m.Run())
}
