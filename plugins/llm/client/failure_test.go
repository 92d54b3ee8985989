package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
)

// What a server may answer, and what comes of it: which fault, after how many requests, in which words.
func TestFaults(t *testing.T) {
	reply := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	apiError := func(message, code string) string {
		return fmt.Sprintf(`{"error":{"message":%q,"type":"some_error","code":%q}}`, message, code)
	}
	const page = "<!DOCTYPE html><html><body>sign in</body></html>"
	tests := []struct {
		name     string
		answer   http.HandlerFunc
		fault    plugins.LLMFault
		requests int // with two retries
		stops    bool
		outcome  plugins.Outcome
		says     string
	}{
		{"wrong key", reply(401, apiError("Incorrect API key provided: "+planted+".", "invalid_api_key")), plugins.FaultKey, 1, true, plugins.Rejected, "the provider refuses the key from environment variable TEST_KEY: Incorrect API key provided: [key] (HTTP 401)"},
		{"forbidden", reply(403, page), plugins.FaultKey, 1, true, plugins.Rejected, "the provider, or something in front of it, refuses the key from environment variable TEST_KEY (HTTP 403)"},
		{"forbidden by the API", reply(403, apiError("no access", "permission_denied")), plugins.FaultKey, 1, true, plugins.Rejected, "llm m: the provider refuses the key from environment variable TEST_KEY: no access (HTTP 403)"},
		{"no quota", reply(429, apiError("You exceeded your current quota", "insufficient_quota")), plugins.FaultKey, 1, true, plugins.Rejected, "the account has no quota left: You exceeded"},
		{"wrong key of Google", reply(400, `{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}`), plugins.FaultKey, 1, true, plugins.Rejected, "the provider refuses the key from environment variable TEST_KEY: API key not valid"},
		{"no money", reply(402, apiError("Insufficient Balance", "invalid_request_error")), plugins.FaultKey, 1, true, plugins.Rejected, "the account has no quota left: Insufficient Balance (HTTP 402)"},
		{"no credit at Anthropic", reply(400, `{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}`), plugins.FaultKey, 1, true, plugins.Rejected, "the account has no quota left: Your credit"},
		{"filtered by Anthropic", reply(400, `{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`), plugins.FaultRefused, 1, false, plugins.Rejected, "a filter of the provider declined the request"},
		{"bad request", reply(400, apiError("'temperature' is not supported.", "unsupported")), plugins.FaultRequest, 1, false, plugins.Rejected, "the provider does not take the request: 'temperature' is not supported (HTTP 400)"},
		{"bad request of another shape", reply(422, `{"detail":"no such field"}`), plugins.FaultRequest, 1, false, plugins.Rejected, "no such field (HTTP 422)"},
		{"not allowed", reply(405, `{"error":"want POST"}`), plugins.FaultRequest, 1, false, plugins.Rejected, "want POST (HTTP 405)"},
		{"too large", reply(413, ""), plugins.FaultRequest, 1, false, plugins.Rejected, "the request is too large for the provider (HTTP 413)"},
		{"a teapot", reply(418, ""), plugins.FaultRequest, 1, false, plugins.Rejected, "(HTTP 418)"},
		{"unknown model", reply(404, apiError("The model `x` does not exist", "model_not_found")), plugins.FaultRequest, 1, true, plugins.Rejected, `the provider has no model "gpt-test-2025-01-01": The model`},
		{"unknown model as bad request", reply(400, apiError("unknown model", "")), plugins.FaultRequest, 1, true, plugins.Rejected, `has no model "gpt-test-2025-01-01": unknown model (HTTP 400)`},
		{"wrong path", reply(404, "404 page not found\n"), plugins.FaultRequest, 1, true, plugins.Rejected, `has no model "gpt-test-2025-01-01", or base_url is wrong: 404 page not found (HTTP 404)`},
		{"wrong site", reply(404, page), plugins.FaultEndpoint, 1, true, plugins.Rejected, "answers HTML, not its API; is base_url right? (HTTP 404)"},
		{"wrong method of a site", reply(405, page), plugins.FaultEndpoint, 1, true, plugins.Rejected, "answers HTML, not its API; is base_url right? (HTTP 405)"},
		{"a server of files", reply(501, page), plugins.FaultEndpoint, 1, true, plugins.Rejected, "answers HTML, not its API; is base_url right? (HTTP 501)"},
		{"not implemented", reply(501, apiError("no chat here", "")), plugins.FaultEndpoint, 1, true, plugins.Rejected, " does not implement its API: no chat here; is base_url right? (HTTP 501)"},
		{"another protocol", reply(505, ""), plugins.FaultEndpoint, 1, true, plugins.Rejected, "(HTTP 505)"},
		{"filtered", reply(400, apiError("the prompt was filtered", "content_filter")), plugins.FaultRefused, 1, false, plugins.Rejected, "a filter of the provider declined the request"},
		{"timeout", reply(408, ""), plugins.FaultOverloaded, 3, false, plugins.Rejected, "after 3 tries, the provider is overloaded, or asked too much (HTTP 408)"},
		{"conflict", reply(409, ""), plugins.FaultOverloaded, 3, false, plugins.Rejected, "(HTTP 409)"},
		{"too many", reply(429, apiError("slow down", "")), plugins.FaultOverloaded, 3, false, plugins.Rejected, "asked too much: slow down (HTTP 429)"},
		{"too many for a day", reply(429, "", "Retry-After", "86400"), plugins.FaultOverloaded, 1, false, plugins.Rejected, "asks to wait 24h0m0s: run it again then"},
		{"broken", reply(500, page), plugins.FaultOverloaded, 3, false, plugins.Rejected, "(HTTP 500)"},
		{"overloaded", reply(529, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`), plugins.FaultOverloaded, 3, false, plugins.Rejected, "Overloaded (HTTP 529)"},
		{"error with success", reply(200, apiError("behind it", "502")), plugins.FaultOverloaded, 3, false, plugins.Rejected, "the provider answers with an error: behind it"},
		{"HTML", reply(200, "\n"+page), plugins.FaultEndpoint, 1, true, plugins.Rejected, "answers HTML, not its API; is base_url right? (HTTP 200)"},
		{"text", reply(200, "Ollama is running"), plugins.FaultEndpoint, 1, true, plugins.Rejected, "answers plain text, not its API"},
		{"another API", reply(200, `{"status":"ok"}`), plugins.FaultEndpoint, 3, false, plugins.Rejected, "answers JSON that is no answer of openai-chat"},
		{"another API that charges", reply(200, `{"usage":{}}`), plugins.FaultEndpoint, 1, false, plugins.Cut, "is base_url right?"},
		{"half", reply(200, completion("x", "stop", "m", 1, 1)[:40]), plugins.FaultNetwork, 3, false, plugins.Cut, "after 3 tries, the answer was cut (HTTP 200)"},
		{"nothing", reply(200, ""), plugins.FaultNetwork, 3, false, plugins.Cut, "the answer was cut"},
		{"cut in the body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, completion("x", "stop", "m", 1, 1))
		}, plugins.FaultNetwork, 3, false, plugins.Cut, "the answer was cut"},
		{"cut before", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, plugins.FaultNetwork, 3, false, plugins.Cut, "was cut before the answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request, _ []byte) { tt.answer(w, r) })
			b := setup(t, newMemory(), nil, chat(t, server.URL, func(c *openai.Config) { c.Limits.Retries = 2 }))
			fault := b.refused(t, anyone, asking("hello"), tt.fault)
			if !strings.Contains(fault.Error(), tt.says) || !strings.HasPrefix(fault.Error(), "llm m: ") {
				t.Errorf("%q, want %q in it", fault, tt.says)
			}
			if n := int(server.requests.Load()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
			if d := cmp.Diff(map[plugins.Outcome]int{tt.outcome: tt.requests}, b.store.outcomes(t)); d != "" {
				t.Error(d)
			}
			again := b.refused(t, anyone, asking("another"), tt.fault)
			if sent := int(server.requests.Load()) > tt.requests; sent == tt.stops || tt.stops && *again != *fault {
				t.Errorf("stopped: %v, want %v; %q", !sent, tt.stops, again)
			}
			if all := b.log.String() + b.store.text() + fault.Error(); strings.Contains(all, planted) {
				t.Error("the key is shown")
			}
		})
	}
}

// What the store has is served even where the model is stopped.
func TestStoppedModelServesWhatIsStored(t *testing.T) {
	bad := false
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if bad {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answering("x")(w, r, body)
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	b.ask(t, asking("hello"))
	bad = true
	b.refused(t, anyone, asking("other"), plugins.FaultKey)
	b.ask(t, asking("hello"))
}

// Redirects are not followed, and where they lead gets nothing.
func TestRedirects(t *testing.T) {
	target := serve(t, answering("x"))
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Redirect(w, r, target.URL+"/secret-path", status)
		})
		b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
		fault := b.refused(t, anyone, asking("hello"), plugins.FaultEndpoint)
		if !strings.Contains(fault.Message, "redirects to "+target.URL+", and redirects are not followed") || fault.Status != status {
			t.Error(fault)
		}
		if server.requests.Load() != 1 {
			t.Errorf("%d requests", server.requests.Load())
		}
	}
	if n := target.requests.Load(); n != 0 {
		t.Errorf("the target got %d requests", n)
	}
}

// Where a redirect leads is shown without the key.
func TestRedirectWithTheKey(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		w.Header().Set("Location", "https://"+planted+".example.com/")
		w.WriteHeader(http.StatusFound)
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	if fault := b.refused(t, anyone, asking("hello"), plugins.FaultEndpoint); strings.Contains(fault.Error()+b.store.text(), planted) {
		t.Error(fault)
	}
}

// Without a server, a host or a trusted certificate the end comes within seconds, and nothing counts as sent.
func TestNoNetwork(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + listener.Addr().String()
	listener.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request") }))
	secure.Config.ErrorLog = discard
	secure.StartTLS()
	defer secure.Close()
	plain := serve(t, answering("x"))
	tests := []struct {
		base, says string
		fault      plugins.LLMFault
		tries      int
	}{
		{closed, "nothing listens there; is the server running, and is base_url right?", plugins.FaultNetwork, 4},
		{"https://host.invalid/v1", "no such host as host.invalid is known", plugins.FaultNetwork, 4},
		{secure.URL, "is not trusted", plugins.FaultNetwork, 1},
		{"https" + strings.TrimPrefix(plain.URL, "http"), "does not speak https", plugins.FaultEndpoint, 1},
	}
	for _, tt := range tests {
		b := setup(t, newMemory(), nil, chat(t, tt.base, func(c *openai.Config) { c.Limits.Retries = 9 }))
		fault := b.refused(t, anyone, asking("hello"), tt.fault)
		if !strings.Contains(fault.Message, tt.says) {
			t.Errorf("%s: %q, want %q", tt.base, fault.Message, tt.says)
		}
		if d := cmp.Diff(map[plugins.Outcome]int{plugins.Rejected: tt.tries}, b.store.outcomes(t)); d != "" {
			t.Errorf("%s: %s", tt.base, d)
		}
	}
	// All quick retries together take less than two seconds.
	var waits time.Duration
	for try := range quickRetries {
		waits += (&failure{}).backoff(try)
	}
	if waits > 4*time.Second {
		t.Errorf("they wait %s", waits)
	}
}

// A server that goes away for a while after it was overloaded is not given up too early.
func TestShortRetriesCountAnew(t *testing.T) {
	var n int
	server := serve(t, answering("x"))
	down := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	b := setup(t, newMemory(), func(o *Options) {
		o.Transport = carrying(func(r *http.Request) (*http.Response, error) {
			switch n++; n {
			case 1, 2, 3, 4, 7:
				w := httptest.NewRecorder()
				w.WriteHeader(http.StatusServiceUnavailable)
				return w.Result(), nil
			case 5, 6, 8, 9, 10:
				return nil, down
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	}, chat(t, server.URL, func(c *openai.Config) { c.Limits.Retries = 20 }))
	if a := b.ask(t, asking("hello")); a.Text != "x" || n != 11 {
		t.Errorf("%v after %d tries", a, n)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

type carrying func(*http.Request) (*http.Response, error)

func (f carrying) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTimeout(t *testing.T) {
	n := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		switch n++; n {
		case 1: // no answer
			<-r.Context().Done()
		case 2: // one that begins
			io.WriteString(w, `{"model":`)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			answering("x")(w, r, body)
		}
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, func(c *openai.Config) { c.Limits.Timeout = "150ms" }))
	if a := b.ask(t, asking("hello")); a.Text != "x" {
		t.Error(a)
	}
	if d := cmp.Diff(map[plugins.Outcome]int{plugins.Cut: 2, plugins.Answered: 1}, b.store.outcomes(t)); d != "" {
		t.Error(d)
	}
	if text := b.store.text(); !strings.Contains(text, "within 150ms; raise limits.timeout") || !strings.Contains(text, "took longer than 150ms; raise limits.timeout") {
		t.Error(text)
	}
}

// A time-out that is shorter than the answers of the model is not paid for as often as other faults are.
func TestTimeoutsAreNotRepeatedForLong(t *testing.T) {
	for name, begins := range map[string]string{"before the answer": "", "within it": "{"} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			if begins != "" {
				io.WriteString(w, begins)
				http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		})
		b := setup(t, newMemory(), nil, chat(t, server.URL, func(c *openai.Config) { c.Limits.Timeout, c.Limits.Retries = "50ms", 6 }))
		fault := b.refused(t, anyone, asking("hello"), plugins.FaultNetwork)
		if n := server.requests.Load(); n != 3 || !strings.Contains(fault.Message, "after 3 tries, ") || !strings.Contains(fault.Message, "raise limits.timeout") {
			t.Errorf("%s: %d requests, %v", name, n, fault)
		}
	}
}

// A page from an endpoint that has answered as its API does is a slip: other calls go on.
func TestOnePageAmongAnswers(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if bytes.Contains(body, []byte("slip")) {
			io.WriteString(w, "<html>back soon</html>")
			return
		}
		answering("x")(w, r, body)
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	b.ask(t, asking("one"))
	b.refused(t, anyone, asking("slip"), plugins.FaultEndpoint)
	b.ask(t, asking("two"))
}

func TestPauseAsked(t *testing.T) {
	now := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	p := &post{exchange: &exchange{llm: &llm{session: &session{Client: &Client{clock: clock{now: func() time.Time { return now }}}}}}}
	tests := []struct {
		header map[string]string
		body   string
		want   time.Duration
	}{
		{map[string]string{}, ``, 0},
		{map[string]string{"Retry-After": "7"}, ``, 7 * time.Second},
		{map[string]string{"Retry-After": "1.5"}, ``, 1500 * time.Millisecond},
		{map[string]string{"Retry-After": "7", "Retry-After-Ms": "250"}, ``, 250 * time.Millisecond},
		{map[string]string{"Retry-After": "-1"}, ``, 0},
		{map[string]string{"Retry-After": "NaN"}, ``, 0},
		{map[string]string{"Retry-After": "1e30"}, ``, 24 * time.Hour},
		{map[string]string{"Retry-After": "soon"}, ``, 0},
		{map[string]string{"Retry-After": "Sat, 01 Mar 2025 12:00:20 GMT"}, ``, 20 * time.Second},
		{map[string]string{"Retry-After": "Sat, 01 Mar 2025 11:00:00 GMT"}, ``, 0},
		{map[string]string{"Retry-After": "Sat, 01 Mar 2025 13:00:05 GMT", "Date": "Sat, 01 Mar 2025 13:00:00 GMT"}, ``, 5 * time.Second},
		{map[string]string{}, `{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x"},{"retryDelay":"34s"}]}}`, 34 * time.Second},
		{map[string]string{}, `[{"error":{"details":[{"retryDelay":"1.5s"}]}}]`, 1500 * time.Millisecond},
	}
	for _, tt := range tests {
		h := http.Header{}
		for name, value := range tt.header {
			h.Set(name, value)
		}
		if got := p.pauseAsked(h, says([]byte(tt.body))); got != tt.want {
			t.Errorf("%v %s: %s, want %s", tt.header, tt.body, got, tt.want)
		}
	}
}

// The words of a provider are passed on without what they repeat of the key and of the request.
func TestEchoesAreTakenOut(t *testing.T) {
	const row = "67,F,Hispanic,1.25,alive"
	tests := []struct{ message, want string }{
		{"max tokens is 4096, you asked for 5000", "max tokens is 4096, you asked for 5000"},
		{"bad value 'Hispanic' in line 3", "bad value […] in line 3"},
		{"'F' is short, 66.5 is not there", "[…] is short, 66.5 is not there"},
		{`cannot parse "67" at 1.25.`, "cannot parse […] at […]"},
		{"near Hispanic,1.25,alive it ends", "near […] it ends"},
		{"key " + planted + " is wrong", "key [key] is wrong"},
		{"key sk-planted-4f9 is wrong", "key [key] is wrong"},
		{"key sk-p********d25b is wrong", "key [key] is wrong"},
		{"line one\nline\ttwo\x00", "line one line two"},
		{strings.Repeat("é", 200), strings.Repeat("é", 150) + "…"},
	}
	p := &post{exchange: &exchange{llm: &llm{model: &model{secret: newSecret(plugins.Secret{Env: "X"}, func(plugins.Secret) (string, error) { return planted, nil })}}, request: asking("rows:\n" + row)}}
	if _, err := p.model.secret.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if got := p.clean(tt.message); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.message, got, tt.want)
		}
	}
}

// A server that writes the key into its answers does not get it into the store.
func TestTheKeyIsStoredNowhere(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+planted {
			t.Errorf("the server got %q", got)
		}
		switch {
		case bytes.Contains(body, []byte("fail")):
			http.Error(w, `{"error":{"message":"you sent `+r.Header.Get("Authorization")+`"}}`, http.StatusBadRequest)
		default:
			io.WriteString(w, completion("you sent "+r.Header.Get("Authorization"), "stop", planted, 1, 1))
		}
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	first, again := b.ask(t, asking("hello")), b.ask(t, asking("hello"))
	if d := cmp.Diff(first, again); d != "" || first.Text != "you sent Bearer [key]" || first.Model != "[key]" {
		t.Errorf("%+v%s", first, d)
	}
	fault := b.refused(t, anyone, asking("fail"), plugins.FaultRequest)
	all := b.store.text() + b.log.String() + fault.Error()
	if strings.Contains(all, planted) || !strings.Contains(all, "[key]") {
		t.Error(all)
	}
	if strings.Contains(b.log.String(), "hello") || !strings.Contains(b.log.String(), `step="step one"`) {
		t.Error(b.log.String())
	}
}

// A header that makes the standard library send again by itself does not get through.
func TestNothingIsSentPastTheJournal(t *testing.T) {
	n := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		n++
		if r.Header.Get("Idempotency-Key") != "" {
			t.Error("an idempotency key")
		}
		if n == 2 { // the connection is one that is used again
			panic(http.ErrAbortHandler)
		}
		answering("x")(w, r, body)
	})
	m := chat(t, server.URL, nil)
	m.Provider = idempotent{m.Provider}
	b := setup(t, newMemory(), nil, m)
	for i := range 3 {
		b.ask(t, asking(fmt.Sprint(i)))
	}
	if d := cmp.Diff(map[plugins.Outcome]int{plugins.Cut: 1, plugins.Answered: 3}, b.store.outcomes(t)); d != "" || n != 4 {
		t.Errorf("%d requests, %s", n, d)
	}
}

type idempotent struct{ plugins.Provider }

func (p idempotent) Complete(ctx context.Context, transport http.RoundTripper, r plugins.Request) (*plugins.Response, error) {
	return p.Provider.Complete(ctx, marking{transport}, r)
}

type marking struct{ next http.RoundTripper }

func (m marking) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Idempotency-Key", "1")
	return m.next.RoundTrip(r)
}

func FuzzSays(f *testing.F) {
	for _, seed := range []string{`{"error":"x"}`, `[{"error":{}}]`, `<`, `{"error":{"details":[{"retryDelay":"x"}]}}`, `{`, `{"detail":[1]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, body []byte) {
		s := says(body)
		s.unpaid()
		s.unknownModel()
		withoutEchoes(withoutKey(oneLine(s.String()), planted), asking(string(body)))
	})
}
