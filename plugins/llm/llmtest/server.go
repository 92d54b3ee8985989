// Package llmtest has servers that speak the wire formats of language-model providers and misbehave on purpose. It is for
// tests alone: it imports testing.
//
// A server answers each request with what Answer makes of it, unless a fault is due: by a script, in the order in which
// requests arrive, by its body, or at random, by the body and how often it came before, so that the same requests meet the
// same faults in whatever order they arrive. It checks requests as strictly as the real API, and logs each with what became of it, so
// that accounts can be compared exactly. It listens on 127.0.0.1 and is closed when the test ends.
package llmtest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/ehrlab/ehrlab/plugins"
)

// Format is a wire format; its value is the API that a provider names.
type Format string

// The wire formats.
const (
	OpenAI    Format = "openai-chat"
	Anthropic Format = "anthropic-messages"
	Google    Format = "googleai-generate"
	Bedrock   Format = "bedrock-anthropic"
)

// Request is a request as the server understood it.
type Request struct {
	Number      int // from 0, in the order of arrival
	Path        string
	Header      http.Header
	Body        []byte
	At          time.Time
	Model       string
	Messages    []plugins.Message
	Schema      json.RawMessage // of the answer; nil for free text
	Tool        string          // that takes the answer; empty where the API has no need of one
	MaxTokens   int
	Temperature *float64
}

// Exchange is a request and what became of it.
type Exchange struct {
	Request
	Fault   Fault
	Status  int  // 0: the connection was cut before a status
	Charged bool // the model answered, whether or not the answer arrived
	Whole   bool // the answer was written to its end, and is a complete answer of the API
	Usage   Usage
	Text    string // of the answer
	Stop    string // one of the plugins.Stop constants
	Served  string // the model that the answer names
}

// Usage is what an answer is charged.
type Usage struct{ Input, Cached, Output, Reasoning int }

// Totals is what exchanges add up to.
type Totals struct {
	Answers int
	Usage
}

// Tokens is the server's count of the tokens of a text: one for four bytes begun.
func Tokens(text string) int { return (len(text) + 3) / 4 }

// InputTokens is the server's count of the tokens of messages: those of each text, and four for each message.
func InputTokens(messages []plugins.Message) int {
	n := 0
	for _, m := range messages {
		n += 4 + Tokens(m.Text)
	}
	return n
}

// Server is a server of one wire format.
type Server struct {
	URL string // of its root; BaseURL is where the API is

	format  wireFormat
	server  *httptest.Server
	setting settings
	limit   *rate.Limiter // nil: none

	mu      sync.Mutex
	idle    *sync.Cond // no request is being answered
	busy    int
	most    int
	log     []Exchange
	arrived map[[sha256.Size]byte]int // how often a body came
}

type settings struct {
	answer     func(Request) string
	key        string
	models     []string
	served     string
	script     []Fault
	seed       uint64
	shares     []share
	choose     func(body []byte) Fault
	retryAfter string
	redirect   string
	least      time.Duration
	most       time.Duration
	pause      time.Duration
	cached     int
	reasoning  int
}

// Option changes how a server behaves.
type Option func(*Server)

// Answer sets what makes the text of answers. It is called by several goroutines. Without it the text is "ok", or "{}" where
// the request has a schema.
func Answer(f func(Request) string) Option { return func(s *Server) { s.setting.answer = f } }

// Key sets the key that requests must bear; without it any will do. Of Bedrock, it is "ACCESS:SECRET" or "ACCESS:SECRET:SESSION".
func Key(key string) Option { return func(s *Server) { s.setting.key = key } }

// Models sets the models that there are; without it, there is every model.
func Models(names ...string) Option { return func(s *Server) { s.setting.models = names } }

// Serves sets the model that answers name; without it, it is the one that was asked for.
func Serves(model string) Option { return func(s *Server) { s.setting.served = model } }

// Script sets the faults of the first requests, in the order of their arrival.
func Script(faults ...Fault) Option { return func(s *Server) { s.setting.script = faults } }

// Random has each request meet a fault with the given probability, after the script.
func Random(seed uint64, shares map[Fault]float64) Option {
	return func(s *Server) {
		s.setting.seed, s.setting.shares = seed, nil
		for _, f := range Faults() {
			if p := shares[f]; p > 0 {
				s.setting.shares = append(s.setting.shares, share{f, p})
			}
		}
	}
}

type share struct {
	fault Fault
	p     float64
}

// Choose has the body of a request decide on its fault, after the script and instead of Random: a request that comes again
// meets the same one. It is called by several goroutines.
func Choose(f func(body []byte) Fault) Option { return func(s *Server) { s.setting.choose = f } }

// RetryAfter sets the header of answers to requests that are to be sent again later; "1" without it.
func RetryAfter(value string) Option { return func(s *Server) { s.setting.retryAfter = value } }

// RedirectTo sets where the fault Redirect leads; to another path of the server without it.
func RedirectTo(url string) Option { return func(s *Server) { s.setting.redirect = url } }

// Latency has every answer wait between least and most, by its body and how often that came.
func Latency(least, most time.Duration) Option {
	return func(s *Server) { s.setting.least, s.setting.most = least, most }
}

// Pause sets the time between the pieces of a slow stream; 5 ms without it. It has 64 pieces.
func Pause(d time.Duration) Option { return func(s *Server) { s.setting.pause = d } }

// Rate limits the requests that are answered: perMinute, and at most burst at once. The others are answered with 429, a
// Retry-After in seconds and a retry-after-ms.
func Rate(perMinute float64, burst int) Option {
	return func(s *Server) { s.limit = rate.NewLimiter(rate.Limit(perMinute/60), burst) }
}

// Cached has up to so many tokens of each input be said to come from the provider's cache.
func Cached(tokens int) Option { return func(s *Server) { s.setting.cached = tokens } }

// Reasoning has so many tokens of reasoning charged with each answer, as a part of its output.
func Reasoning(tokens int) Option { return func(s *Server) { s.setting.reasoning = tokens } }

// NewServer starts a server.
func NewServer(t testing.TB, format Format, options ...Option) *Server {
	t.Helper()
	s := &Server{arrived: map[[sha256.Size]byte]int{}, setting: settings{retryAfter: "1", pause: 5 * time.Millisecond}}
	s.idle = sync.NewCond(&s.mu)
	switch format {
	case OpenAI:
		s.format = openAI{}
	case Anthropic:
		s.format = anthropic{}
	case Google:
		s.format = google{}
	case Bedrock:
		s.format = bedrock{}
	default:
		t.Fatalf("llmtest: no format %q", format)
	}
	for _, o := range options {
		o(s)
	}
	s.server = httptest.NewServer(http.HandlerFunc(s.handle)) // on 127.0.0.1
	s.URL = s.server.URL
	t.Cleanup(func() {
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// BaseURL is the base_url of a model on the server.
func (s *Server) BaseURL() string { return s.URL + s.format.base() }

// Log returns every request so far with what became of it, in the order of arrival. It waits until no request is being answered.
func (s *Server) Log() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.busy > 0 {
		s.idle.Wait()
	}
	return slices.Clone(s.log)
}

// Most is the greatest number of requests that were being answered at once.
func (s *Server) Most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// Sum adds up the exchanges that a condition holds for.
func (s *Server) Sum(of func(Exchange) bool) Totals {
	var t Totals
	for _, e := range s.Log() {
		if !of(e) {
			continue
		}
		t.Answers++
		t.Input += e.Usage.Input
		t.Cached += e.Usage.Cached
		t.Output += e.Usage.Output
		t.Reasoning += e.Usage.Reasoning
	}
	return t
}

// Charged adds up the answers that were charged: those that arrived, and those that did not.
func (s *Server) Charged() Totals { return s.Sum(func(e Exchange) bool { return e.Charged }) }

// Whole adds up the answers that were written to their end.
func (s *Server) Whole() Totals { return s.Sum(func(e Exchange) bool { return e.Whole }) }

// begin logs a request and says how often its body came before.
func (s *Server) begin(r *http.Request, body []byte) (e Exchange, before int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy++
	s.most = max(s.most, s.busy)
	e.Request = Request{Number: len(s.log), Path: r.URL.Path, Header: r.Header.Clone(), Body: body, At: time.Now()}
	s.log = append(s.log, e)
	sum := sha256.Sum256(body)
	before = s.arrived[sum]
	s.arrived[sum]++
	return e, before
}

func (s *Server) end(e *Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log[e.Number] = *e
	if s.busy--; s.busy == 0 {
		s.idle.Broadcast()
	}
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away while it sent
	}
	e, before := s.begin(r, body)
	defer s.end(&e)
	rng := s.source(body, before)
	e.Fault = s.due(e.Number, body, rng)
	if s.setting.most > 0 && !wait(r.Context(), s.setting.least+time.Duration(rng.Float64()*float64(s.setting.most-s.setting.least))) {
		panic(http.ErrAbortHandler)
	}
	if refused := s.understand(r, &e); refused != nil {
		s.refuse(w, &e, *refused)
		return
	}
	if s.limit != nil && !s.allow(w, &e) {
		return
	}
	if !s.instead(w, r, &e) {
		s.serve(w, r, &e)
	}
}

// source is the random source of a request.
func (s *Server) source(body []byte, before int) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", s.setting.seed, before, body))
	return rand.New(rand.NewChaCha8(sum))
}

// due is the fault that a request meets.
func (s *Server) due(number int, body []byte, rng *rand.Rand) Fault {
	if number < len(s.setting.script) {
		return s.setting.script[number]
	}
	if s.setting.choose != nil {
		return s.setting.choose(body)
	}
	u := rng.Float64()
	for _, share := range s.setting.shares {
		if u -= share.p; u < 0 {
			return share.fault
		}
	}
	return None
}

// refusal is a status and why.
type refusal struct {
	status  int
	message string
}

// understand reads and checks the request.
func (s *Server) understand(r *http.Request, e *Exchange) *refusal {
	if r.Method != http.MethodPost {
		return &refusal{http.StatusMethodNotAllowed, "want POST"}
	}
	if r.Header.Get("Content-Type") != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, "want application/json"}
	}
	if message := s.format.parse(r, &e.Request); message != "" {
		return &refusal{http.StatusBadRequest, message}
	}
	if s.setting.key != "" && !s.format.bears(r, e.Body, s.setting.key) {
		return &refusal{http.StatusUnauthorized, "wrong key"}
	}
	if s.setting.models != nil && !slices.Contains(s.setting.models, e.Model) {
		return &refusal{http.StatusNotFound, "no such model"}
	}
	return nil
}

// allow answers with 429 when the rate is exceeded.
func (s *Server) allow(w http.ResponseWriter, e *Exchange) bool {
	reservation := s.limit.Reserve()
	delay := reservation.Delay()
	if delay == 0 {
		return true
	}
	reservation.Cancel()
	w.Header().Set("Retry-After", strconv.Itoa(int(delay/time.Second)+1))
	w.Header().Set("Retry-After-Ms", strconv.FormatInt(delay.Milliseconds()+1, 10))
	s.refuse(w, e, refusal{http.StatusTooManyRequests, "the rate is exceeded"})
	return false
}

func (s *Server) refuse(w http.ResponseWriter, e *Exchange, r refusal) {
	e.Status = r.status
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	w.Write(s.format.error(r))
}

// serve makes the answer and writes it, whole or as its fault has it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e *Exchange) {
	s.generate(e)
	out := s.format.answer(e)
	e.Charged, e.Status = true, http.StatusOK
	w.Header().Set("Content-Type", "application/json")
	switch e.Fault {
	case CutBefore:
		e.Status = 0
		panic(http.ErrAbortHandler)
	case CutMiddle:
		w.Header().Set("Content-Length", strconv.Itoa(len(out)))
		w.Write(out[:len(out)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case HalfJSON:
		w.Write(out[:len(out)/2])
		return
	case SlowStream:
		e.Whole = s.trickle(w, r.Context(), out)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, err := w.Write(out)
	e.Whole = err == nil
}

// generate makes the text of the answer and counts its tokens.
func (s *Server) generate(e *Exchange) {
	switch {
	case s.setting.answer != nil:
		e.Text = s.setting.answer(e.Request)
	case e.Schema != nil:
		e.Text = "{}"
	default:
		e.Text = "ok"
	}
	e.Served, e.Stop = e.Model, plugins.StopEnd
	if s.setting.served != "" {
		e.Served = s.setting.served
	}
	e.Fault.spoil(e)
	e.Usage = Usage{Input: InputTokens(e.Messages), Reasoning: s.setting.reasoning}
	e.Usage.Cached = min(s.setting.cached, e.Usage.Input)
	if room := max(e.MaxTokens-e.Usage.Reasoning, 0); e.MaxTokens > 0 && Tokens(e.Text) > room {
		e.Text, e.Stop = strings.ToValidUTF8(e.Text[:4*room], ""), plugins.StopLength
	}
	e.Usage.Output = Tokens(e.Text) + e.Usage.Reasoning
	if e.MaxTokens > 0 {
		e.Usage.Output = min(e.Usage.Output, e.MaxTokens)
		e.Usage.Reasoning = min(e.Usage.Reasoning, e.MaxTokens)
	}
}

// trickle writes an answer in pieces, and reports whether all were written.
func (s *Server) trickle(w http.ResponseWriter, ctx context.Context, out []byte) bool {
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	for piece := range slices.Chunk(out, len(out)/64+1) {
		if !wait(ctx, s.setting.pause) {
			return false
		}
		if _, err := w.Write(piece); err != nil {
			return false
		}
		http.NewResponseController(w).Flush()
	}
	return true
}

// wait reports whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
