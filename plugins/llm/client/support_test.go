package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const planted = "sk-planted-4f9a0c77e1d25b"

// memory is a plugins.ResponseStore. What it keeps passes through JSON, as it would on a disk.
type memory struct {
	mu      sync.Mutex
	answers map[string][]byte
	sends   []journalEntry
	dead    bool  // no process of an open send is alive
	broken  error // of every write
}

type journalEntry struct{ send, end []byte }

func newMemory() *memory { return &memory{answers: map[string][]byte{}} }

func (m *memory) Answer(key string) (*plugins.Answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.answers[key]
	if !ok {
		return nil, nil
	}
	var a plugins.Answer
	return &a, json.Unmarshal(stored, &a)
}

func (m *memory) Intend(s plugins.Send) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return "", m.broken
	}
	line, err := json.Marshal(s)
	m.sends = append(m.sends, journalEntry{send: line})
	return fmt.Sprint(len(m.sends) - 1), err
}

func (m *memory) Settle(id string, end plugins.Settlement) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var i int
	if _, err := fmt.Sscan(id, &i); err != nil || m.sends[i].end != nil {
		return fmt.Errorf("send %s: %v, settled %v", id, err, m.sends[i].end != nil)
	}
	if end.Answer != nil {
		var s plugins.Send
		if err := json.Unmarshal(m.sends[i].send, &s); err != nil {
			return err
		}
		stored, err := json.Marshal(end.Answer)
		if err != nil {
			return err
		}
		if m.answers[s.Key] == nil { // the first answer stays
			m.answers[s.Key] = stored
		}
	}
	line, err := json.Marshal(end)
	m.sends[i].end = line
	return err
}

func (m *memory) Sends(experiment string, f func(plugins.Send, *plugins.Settlement, bool) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, entry := range m.sends {
		var s plugins.Send
		if err := json.Unmarshal(entry.send, &s); err != nil {
			return err
		}
		if s.Experiment != experiment {
			continue
		}
		var end *plugins.Settlement
		if entry.end != nil {
			end = new(plugins.Settlement)
			if err := json.Unmarshal(entry.end, end); err != nil {
				return err
			}
			if end.Answer != nil {
				end.Answer.Body = nil
			}
		}
		if err := f(s, end, end == nil && !m.dead); err != nil {
			return err
		}
	}
	return nil
}

// journal returns the sends with how they ended.
func (m *memory) journal(t testing.TB) (sends []plugins.Send, ends []*plugins.Settlement) {
	t.Helper()
	err := m.Sends("study", func(s plugins.Send, end *plugins.Settlement, _ bool) error {
		sends, ends = append(sends, s), append(ends, end)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sends, ends
}

// outcomes counts how sends ended.
func (m *memory) outcomes(t testing.TB) map[plugins.Outcome]int {
	t.Helper()
	counts := map[plugins.Outcome]int{}
	_, ends := m.journal(t)
	for _, end := range ends {
		if end == nil {
			counts["open"]++
		} else {
			counts[end.Outcome]++
		}
	}
	return counts
}

// text is all that the store keeps.
func (m *memory) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b bytes.Buffer
	for _, e := range m.sends {
		b.Write(e.send)
		b.Write(e.end)
	}
	for _, a := range m.answers {
		b.Write(a)
		var answer plugins.Answer
		if json.Unmarshal(a, &answer) == nil { // its body is written in base 64
			b.Write(answer.Body)
		}
	}
	return b.String()
}

// quick is a clock that runs faster, so that tests wait for back-offs and limits in little time.
func quick(factor int) clock {
	start := time.Now()
	return clock{
		now: func() time.Time { return start.Add(time.Since(start) * time.Duration(factor)) },
		sleep: func(ctx context.Context, d time.Duration) error {
			return sleep(ctx, d/time.Duration(factor))
		},
	}
}

// syncBuffer is a buffer for the log of several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// bench is a client on one model with what a test looks at.
type bench struct {
	*Client
	store *memory
	log   *syncBuffer
}

// setup returns a client; edit may change what it is made of.
func setup(t testing.TB, store *memory, edit func(*Options), models ...Model) *bench {
	t.Helper()
	logged := &syncBuffer{}
	fast := quick(100)
	o := Options{
		Experiment: "study", Models: models, Store: store,
		Secret: func(plugins.Secret) (string, error) { return planted, nil },
		Log:    slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:    fast.now, Sleep: fast.sleep,
	}
	if edit != nil {
		edit(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &bench{c, store, logged}
}

// chat is a model behind a server that speaks the format of OpenAI.
func chat(t testing.TB, base string, edit func(*openai.Config)) Model {
	t.Helper()
	c := openai.Config{Config: wire.Defaults()}
	c.Model, c.BaseURL, c.KeyEnv = "gpt-test-2025-01-01", base, "TEST_KEY"
	c.MaxTokens = 100
	if edit != nil {
		edit(&c)
	}
	p, err := openai.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return Model{Name: "m", Provider: p}
}

// handler serves one function, and counts the requests.
type handler struct {
	*httptest.Server
	requests atomic.Int64
}

func serve(t testing.TB, f func(w http.ResponseWriter, r *http.Request, body []byte)) *handler {
	t.Helper()
	h := &handler{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		f(w, r, body)
	}))
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

// completion is an answer in the format of OpenAI.
func completion(text, stop, model string, input, output int) string {
	b, _ := json.Marshal(map[string]any{
		"model": model, "system_fingerprint": "fp_1",
		"choices": []any{map[string]any{"finish_reason": stop, "message": map[string]any{"role": "assistant", "content": text}}},
		"usage":   map[string]any{"prompt_tokens": input, "completion_tokens": output},
	})
	return string(b)
}

func answering(text string) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		io.WriteString(w, completion(text, "stop", "gpt-test-2025-01-01", 10, 5))
	}
}

func asking(text string) plugins.Request {
	return plugins.Request{Messages: []plugins.Message{{Role: "user", Text: text}}, Reveals: plugins.EgressRows}
}

var anyone = plugins.Caller{Step: "s1", Label: "step one", Seed: 1, Axes: map[string]string{"strategy": "naive"}, Dataset: "invented", Governance: plugins.Open}

func (b *bench) open(c plugins.Caller) (plugins.LLM, func() []plugins.Usage) {
	models, used := b.Open(c)
	return models["m"], used
}

// ask asks the model "m" on behalf of anyone.
func (b *bench) ask(t testing.TB, r plugins.Request) *plugins.Response {
	t.Helper()
	m, _ := b.open(anyone)
	answer, err := m.Complete(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// refused asks for something that must end in a fault.
func (b *bench) refused(t testing.TB, c plugins.Caller, r plugins.Request, want plugins.LLMFault) *plugins.LLMError {
	t.Helper()
	m, _ := b.open(c)
	answer, err := m.Complete(t.Context(), r)
	var fault *plugins.LLMError
	if !errors.As(err, &fault) || fault.Fault != want || answer != nil {
		t.Fatalf("answer %v, error %v, want fault %s", answer, err, want)
	}
	return fault
}

func price(in, out float64) *Price { return &Price{Input: &in, Output: &out} }

// inProcess is a provider that answers without a network.
type inProcess struct {
	plugins.Provider
	info plugins.ModelInfo
	next http.HandlerFunc
}

func (p *inProcess) Info() plugins.ModelInfo { return p.info }

func (p *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	p.next(w, r)
	return w.Result(), nil
}

// discard is for servers whose complaints are expected.
var discard = log.New(io.Discard, "", 0)
