package googleai

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// construct makes a provider by its settings, which come after the model's name.
func construct(model, settings string) (plugins.Provider, error) {
	var r plugins.Registry
	Register(&r)
	p, _, err := r.LLMs.Get("googleai").Build(json.RawMessage(`{"model": "` + model + `", "family": "gemini"` + settings + `}`))
	return p, err
}

func build(t testing.TB, settings string) plugins.Provider {
	t.Helper()
	p, err := construct("gemini-2.0-flash-001", settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const complete = `{
  "candidates": [{"content": {"parts": [{"text": "hm", "thought": true}, {"text": "a,b\n"}, {"text": "1,2\n"}], "role": "model"}, "finishReason": "STOP", "index": 0, "avgLogprobs": -0.1}],
  "usageMetadata": {"promptTokenCount": 20, "cachedContentTokenCount": 16, "candidatesTokenCount": 5, "thoughtsTokenCount": 4, "totalTokenCount": 29},
  "modelVersion": "gemini-2.0-flash-001", "responseId": "r"
}`

func number(v float64) *float64 { return &v }

func TestBodies(t *testing.T) {
	schema := json.RawMessage(`{"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "string"}}}`)
	const contents = `{"contents":[{"role":"user","parts":[{"text":"Rows?"}]},{"role":"model","parts":[{"text":"Which?"}]},{"role":"user","parts":[{"text":"All."}]}],`
	const system = `,"systemInstruction":{"parts":[{"text":"Be brief."}]}}`
	for _, c := range []struct {
		name, settings string
		request        plugins.Request
		want           string
	}{
		{"nothing set", ``, plugins.Request{}, contents + `"generationConfig":{"maxOutputTokens":4096}` + system},
		{
			"decoding", `, "temperature": 2, "top_p": 0.9, "seed": 0, "thinking": 0`,
			plugins.Request{Temperature: number(0), MaxTokens: 7},
			contents + `"generationConfig":{"temperature":0,"topP":0.9,"maxOutputTokens":7,"seed":0,"thinkingConfig":{"thinkingBudget":0}}` + system,
		},
		{
			"a schema", ``, plugins.Request{Schema: schema}, contents + `"generationConfig":{"maxOutputTokens":4096,"responseMimeType":"application/json",` +
				`"responseJsonSchema":{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"string"}}}}` + system,
		},
		{"a schema that is not sent", `, "structured": false`, plugins.Request{Schema: schema}, contents + `"generationConfig":{"maxOutputTokens":4096}` + system},
	} {
		t.Run(c.name, func(t *testing.T) {
			transport := &llmtest.Canned{Status: 200, Body: complete}
			c.request.Messages = []plugins.Message{
				{Role: "system", Text: "Be brief."}, {Role: "user", Text: "Rows?"}, {Role: "assistant", Text: "Which?"}, {Role: "user", Text: "All."},
			}
			got, err := build(t, c.settings).Complete(context.Background(), transport, c.request)
			if err != nil {
				t.Fatal(err)
			}
			if body := transport.Sent()[0].Body; body != c.want {
				t.Errorf("sent\n%s\nwant\n%s", body, c.want)
			}
			want := plugins.Response{
				Text: "a,b\n1,2\n", Stop: plugins.StopEnd, Model: "gemini-2.0-flash-001",
				InputTokens: 20, CachedTokens: 16, OutputTokens: 9, ReasoningTokens: 4,
			}
			if *got != want {
				t.Errorf("read %+v, want %+v", *got, want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for model, want := range map[string]string{
		"gemini-2.0-flash-001":        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash-001:generateContent",
		"models/gemini-2.0-flash-001": "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash-001:generateContent",
		"tunedModels/my model?x#y%2f": "https://generativelanguage.googleapis.com/v1beta/tunedModels/my%20model%3Fx%23y%252f:generateContent",
		"models/../files":             "",
		"models//x":                   "",
		"/x":                          "",
	} {
		p, err := construct(model, "")
		if want == "" {
			if err == nil || !strings.HasPrefix(err.Error(), "model:") {
				t.Errorf("%q: error %v", model, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		transport := &llmtest.Canned{Status: 200, Body: complete}
		if _, err := p.Complete(context.Background(), transport, plugins.Request{Messages: []plugins.Message{{Role: "user", Text: "x"}}}); err != nil {
			t.Fatal(err)
		}
		if at := transport.Sent()[0].Request.URL.String(); at != want {
			t.Errorf("%q: sent to %s, want %s", model, at, want)
		}
	}
}

func TestRequestsThatTheModelCannotTake(t *testing.T) {
	for settings, r := range map[string]plugins.Request{
		`, "thinking": 100`: {Messages: []plugins.Message{{Role: "user", Text: "x"}}, MaxTokens: 100},
		``:                  {Messages: []plugins.Message{{Role: "system", Text: "x"}}},
	} {
		transport := &llmtest.Canned{Status: 200, Body: complete}
		_, err := build(t, settings).Complete(context.Background(), transport, r)
		var e *plugins.LLMError
		if !errors.As(err, &e) || e.Fault != plugins.FaultRequest || len(transport.Sent()) > 0 {
			t.Errorf("settings %s: error %v", settings, err)
		}
	}
	if _, err := construct("gemini-2.0-flash-001", `, "thinking": 4096`); err == nil {
		t.Error("reasoning may take all of max_tokens")
	}
}

func TestRead(t *testing.T) {
	p := build(t, "")
	body := func(finish, content string) string {
		return `{"candidates": [{"finishReason": ` + finish + `, "content": ` + content + `}], "usageMetadata": {"promptTokenCount": 1}}`
	}
	for _, c := range []struct{ name, body, text, stop string }{
		{"at the cap", body(`"MAX_TOKENS"`, `{"parts": [{"text": "half"}]}`), "half", plugins.StopLength},
		{"at the cap while it reasoned", body(`"MAX_TOKENS"`, `{}`), "", plugins.StopLength},
		{"a filter", body(`"SAFETY"`, `null`), "", plugins.StopRefusal},
		{"a quotation", body(`"RECITATION"`, `{"parts": []}`), "", plugins.StopRefusal},
		{"a prompt that is blocked", `{"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": {"promptTokenCount": 9}}`, "", plugins.StopRefusal},
	} {
		if got, err := p.Read([]byte(c.body)); err != nil || got.Text != c.text || got.Stop != c.stop {
			t.Errorf("%s: read %+v, %v", c.name, got, err)
		}
	}
	for name, body := range map[string]string{
		"not ended":        body(`null`, `{"parts": [{"text": "planted"}]}`),
		"ended by a tool":  body(`"MALFORMED_FUNCTION_CALL"`, `{"parts": [{"text": "planted"}]}`),
		"an error":         `{"error": {"code": 500, "message": "planted"}}`,
		"a list":           "[" + complete + "]",
		"something behind": complete + "planted",
	} {
		if got, err := p.Read([]byte(body)); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		} else if strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: the error quotes the answer: %v", name, err)
		}
	}
	for end := range len(complete) {
		if _, err := p.Read([]byte(complete[:end])); err == nil {
			t.Fatalf("the first %d bytes are read as an answer", end)
		}
	}
}

func TestEitherNameOfTheKey(t *testing.T) {
	for _, c := range []struct{ google, gemini, want string }{
		{"", "", "GOOGLE_API_KEY"},
		{"x", "", "GOOGLE_API_KEY"},
		{"", "x", "GEMINI_API_KEY"},
		{"x", "y", "GOOGLE_API_KEY"},
	} {
		t.Setenv("GOOGLE_API_KEY", c.google)
		t.Setenv("GEMINI_API_KEY", c.gemini)
		if got := build(t, "").Info().Secret.Env; got != c.want {
			t.Errorf("%+v: the key is read from %s", c, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	p := build(f, "")
	f.Add([]byte(complete))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := p.Read(body); (r == nil) == (err == nil) || (r != nil && r.Stop == "") {
			t.Errorf("read %+v, %v", r, err)
		}
	})
}
