package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// plantedKey is a key that may be found nowhere but where Authorize puts it.
const plantedKey = "AKIAPLANTED:planted-key-of-the-suite"

// LLM checks a language-model provider with the given settings. It reaches no network.
func LLM(t *testing.T, e *plugins.Entry[plugins.Provider], with string) string {
	describe(t, e.Info)
	p := build(t, e, with)
	info := p.Info()
	checkModel(t, e.Info, p)
	if got := digest(t, build(t, e, with).Info()); got != digest(t, info) {
		t.Error("equal settings describe different models")
	}
	limitsAreNoIdentity(t, e, with, info.Identity)
	if info.Secret.Env != "" {
		t.Setenv(info.Secret.Env, plantedKey+"-of-the-environment")
	}
	bodies := completes(t, p)
	refusesWhatIsNoAnswer(t, p)
	passesErrorsOn(t, p)
	authorizes(t, p, info.Secret != plugins.Secret{})
	stops(t, func(ctx context.Context) error {
		wire := &tap{provider: p}
		_, err := p.Complete(ctx, wire, asked()[0])
		if len(wire.sent) > 0 {
			t.Error("a cancelled call sends its request")
		}
		return err
	})
	return digest(t, []any{info.Identity, bodies})
}

// checkModel checks that a model is described as the client needs it.
func checkModel(t *testing.T, plugin plugins.Info, p plugins.Provider) {
	t.Helper()
	info := p.Info()
	if info.API == "" || info.Model == "" || info.Family == "" {
		t.Errorf("API %q, model %q, family %q: want all", info.API, info.Model, info.Family)
	}
	if _, server := p.(plugins.Server); server != info.InProcess || (info.Endpoint == "") != info.InProcess || plugin.Remote == info.InProcess {
		t.Errorf("in process: %v; a server: %v; endpoint %q; remote: %v", info.InProcess, server, info.Endpoint, plugin.Remote)
	}
	if info.Settings != nil && !json.Valid(info.Settings) {
		t.Errorf("settings are no JSON: %s", info.Settings)
	}
	if l := info.Limits; l.Concurrency < 1 || l.Requests < 0 || l.Tokens < 0 || l.Retries < 0 || l.Timeout < 0 || (!info.InProcess && l.Timeout == 0) {
		t.Errorf("limits %+v", l)
	}
	if info.MaxTokens < 1 || info.Context < 0 {
		t.Errorf("a cap of %d tokens, a context of %d", info.MaxTokens, info.Context)
	}
	if info.Secret.Env != "" && info.Secret.Command != "" {
		t.Error("two places for the key")
	}
}

// limitsAreNoIdentity checks that limits can be changed, and the place of the key, without another identity.
func limitsAreNoIdentity(t *testing.T, e *plugins.Entry[plugins.Provider], with string, want plugins.Identity) {
	t.Helper()
	_, settings, err := e.Build(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"limits": `{"requests": 7, "concurrency": 3, "retries": 1, "timeout": "11s"}`, "key_env": `"OTHER_KEY"`} {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(settings, &fields); err != nil {
			t.Fatal(err)
		}
		if _, has := fields[name]; !has {
			continue
		}
		fields[name] = json.RawMessage(value)
		p, _, err := e.Build(mustJSON(t, fields))
		if err != nil {
			t.Errorf("%s of %s: %v", name, value, err)
		} else if digest(t, p.Info().Identity) != digest(t, want) {
			t.Errorf("%s changes the identity of the model", name)
		}
	}
}

// asked lists requests that differ in one thing each.
func asked() []plugins.Request {
	plain := func() plugins.Request {
		return plugins.Request{Messages: []plugins.Message{{Role: "system", Text: "Be brief."}, {Role: "user", Text: "2 rows of <a> & \"b\""}}}
	}
	out := []plugins.Request{plain()}
	for _, change := range []func(*plugins.Request){
		func(r *plugins.Request) { r.Messages[1].Text += "\n" },
		func(r *plugins.Request) { r.Messages = r.Messages[1:] },
		func(r *plugins.Request) {
			r.Messages = append(r.Messages, plugins.Message{Role: "assistant", Text: "1"}, plugins.Message{Role: "user", Text: "2"})
		},
		func(r *plugins.Request) { v := 0.0; r.Temperature = &v },
		func(r *plugins.Request) { v := 0.5; r.TopP = &v },
		func(r *plugins.Request) { r.MaxTokens = 1234 },
		func(r *plugins.Request) {
			r.Schema = json.RawMessage(`{"type":"object","properties":{"z":{"type":"integer","minimum":0},"a":{"type":"string"}},"required":["z","a"]}`)
		},
	} {
		r := plain()
		change(&r)
		out = append(out, r)
	}
	return out
}

// tap is a transport that keeps what it is given.
type tap struct {
	provider plugins.Provider
	err      error // given back instead of an answer

	mu   sync.Mutex
	sent []sent
}

type sent struct {
	request *http.Request
	body    []byte
}

// RoundTrip has a provider that is a server answer; in place of the others it answers with a status of 500.
func (w *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.sent = append(w.sent, sent{req, body})
	w.mu.Unlock()
	if w.err != nil {
		return nil, w.err
	}
	if server, ok := w.provider.(plugins.Server); ok {
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		return server.RoundTrip(again)
	}
	return &http.Response{StatusCode: 500, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

// completes checks the requests that reach a transport, and returns their bodies.
func completes(t *testing.T, p plugins.Provider) []string {
	t.Helper()
	var bodies []string
	for i, r := range asked() {
		wire := &tap{provider: p}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() { p.Complete(context.Background(), wire, r) }) // what it answers is checked elsewhere
		}
		group.Wait()
		if len(wire.sent) != 4 {
			t.Fatalf("request %d reaches the transport %d times of 4 calls", i, len(wire.sent))
		}
		for _, s := range wire.sent {
			if !bytes.Equal(s.body, wire.sent[0].body) {
				t.Errorf("request %d has different bodies:\n%s\n%s", i, wire.sent[0].body, s.body)
			}
			checkSent(t, p.Info(), s)
		}
		body := string(wire.sent[0].body)
		if held := r.Schema != nil && !p.Info().Structured; slices.Contains(bodies, body) != held {
			t.Errorf("request %d: its body is that of another request, or it sends a schema to a model that takes none:\n%s", i, body)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func checkSent(t *testing.T, info plugins.ModelInfo, s sent) {
	t.Helper()
	if !json.Valid(s.body) || int64(len(s.body)) != s.request.ContentLength {
		t.Errorf("a body that is no JSON, or not of the length %d: %s", s.request.ContentLength, s.body)
	}
	if !info.InProcess && !strings.HasPrefix(s.request.URL.String(), info.Endpoint+"/") {
		t.Errorf("sent to %s, which is not below %s", s.request.URL, info.Endpoint)
	}
	if all := fmt.Sprint(s.request.URL, s.request.Header, string(s.body)); strings.Contains(all, plantedKey) || s.request.Header.Get("Authorization") != "" {
		t.Error("the request holds a key before Authorize")
	}
}

// refusesWhatIsNoAnswer checks that Read takes no body for an answer that is none, and quotes nothing of it.
func refusesWhatIsNoAnswer(t *testing.T, p plugins.Provider) {
	t.Helper()
	for _, body := range []string{
		"", " \n", "{}", "[]", "null", "1", `"planted"`, "planted text", "<!DOCTYPE html><html>planted</html>", `{"planted": `, `{"planted": 1}`,
		`{"error": {"message": "planted", "type": "planted"}}`, `{"choices": []}`, `{"content": [], "usage": {}}`, `{"candidates": []}`, `{"choices": "planted"}`,
	} {
		if r, err := p.Read([]byte(body)); err == nil {
			t.Errorf("%q is read as the answer %+v", body, *r)
		} else if strings.Contains(err.Error(), "planted") {
			t.Errorf("the error quotes the answer: %v", err)
		}
	}
}

// passesErrorsOn checks that the caller gets the error of its transport, and an *LLMError of a request that makes no sense.
func passesErrorsOn(t *testing.T, p plugins.Provider) {
	t.Helper()
	failed := errors.New("the transport's own error")
	wire := &tap{provider: p, err: failed}
	if _, err := p.Complete(context.Background(), wire, asked()[0]); !errors.Is(err, failed) {
		t.Errorf("the transport's error %q came back as %v", failed, err)
	}
	if len(wire.sent) != 1 {
		t.Errorf("a request that could not be sent is sent %d times", len(wire.sent))
	}
	for _, r := range []plugins.Request{{}, {Messages: []plugins.Message{{Role: "nobody", Text: "x"}}}, {Messages: []plugins.Message{{Role: "user"}}}} {
		wire := &tap{provider: p}
		_, err := p.Complete(context.Background(), wire, r)
		var e *plugins.LLMError
		if !errors.As(err, &e) || len(wire.sent) > 0 {
			t.Errorf("messages %+v are sent, or give %v", r.Messages, err)
		}
	}
}

// authorizes checks that the key goes into the header of a request alone, and is quoted in no error.
func authorizes(t *testing.T, p plugins.Provider, needed bool) {
	t.Helper()
	wire := &tap{provider: p}
	p.Complete(context.Background(), wire, asked()[0]) // for the request
	s := wire.sent[0]
	before, at := s.request.Header.Clone(), s.request.URL.String()
	if err := p.Authorize(s.request, s.body, plantedKey); err != nil {
		t.Errorf("authorize: %v", err)
	}
	if needed && digest(t, before) == digest(t, s.request.Header) {
		t.Error("the key changes nothing in the header")
	}
	if s.request.URL.String() != at || s.request.ContentLength != int64(len(s.body)) {
		t.Error("the key changes more than the header")
	}
	for _, wrong := range []string{"planted\nkey", "planted key", ":planted"} {
		if err := p.Authorize(s.request, s.body, wrong); err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}
