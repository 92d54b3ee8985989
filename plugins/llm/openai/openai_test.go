package openai

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// build makes a provider by its settings, which come after the model's name.
func build(t testing.TB, settings string) plugins.Provider {
	t.Helper()
	var r plugins.Registry
	Register(&r)
	p, _, err := r.LLMs.Get("openai").Build(json.RawMessage(`{"model": "gpt-4o-2024-08-06"` + settings + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const complete = `{
  "id": "chatcmpl-7", "object": "chat.completion", "created": 1754000000, "model": "gpt-4o-2024-08-06",
  "choices": [{"index": 0, "message": {"role": "assistant", "content": "a,b\n1,2\n", "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
  "usage": {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 16, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 4}},
  "service_tier": "default", "system_fingerprint": "fp_1"
}`

func number(v float64) *float64 { return &v }

var messages = []plugins.Message{{Role: "system", Text: "Be brief."}, {Role: "user", Text: "a < b & c > \"d\"\nline"}}

func TestBodies(t *testing.T) {
	schema := json.RawMessage(`{"type": "object", "properties": {"z": {"type": "integer", "minimum": 18, "maximum": 99}, "a": {"anyOf": [{"type": "null"}]}}, "required": ["z", "a"]}`)
	const talk = `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"a \u003c b \u0026 c \u003e \"d\"\nline"}],"model":"gpt-4o-2024-08-06"`
	for _, c := range []struct {
		name, settings string
		request        plugins.Request
		want           string
	}{
		{"nothing set", ``, plugins.Request{}, `{"max_completion_tokens":4096,` + talk + `}`},
		{"a temperature of 0", `, "temperature": 0`, plugins.Request{}, `{"max_completion_tokens":4096,` + talk + `,"temperature":0}`},
		{
			"the request's own", `, "temperature": 1, "top_p": 0.5, "max_tokens": 100`,
			plugins.Request{Temperature: number(0), TopP: number(0.25), MaxTokens: 7},
			`{"max_completion_tokens":7,` + talk + `,"temperature":0,"top_p":0.25}`,
		},
		{"a schema", `, "seed": 0, "effort": "low"`, plugins.Request{Schema: schema}, `{"max_completion_tokens":4096,` + talk +
			`,"reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":` +
			`{"type":"object","properties":{"z":{"type":"integer","minimum":18,"maximum":99},"a":{"anyOf":[{"type":"null"}]}},"required":["z","a"]}}},"seed":0}`},
		{"a schema that the model does not take", `, "structured": false`, plugins.Request{Schema: schema}, `{"max_completion_tokens":4096,` + talk + `}`},
		{"another server", `, "base_url": "http://127.0.0.1:9/v1/"`, plugins.Request{}, `{"max_tokens":4096,` + talk + `}`},
		{"another server that knows the new field", `, "base_url": "http://[::1]:9/v1", "legacy_max_tokens": false`, plugins.Request{}, `{"max_completion_tokens":4096,` + talk + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := build(t, c.settings)
			transport := &llmtest.Canned{Status: 200, Body: complete}
			c.request.Messages = messages
			got, err := p.Complete(context.Background(), transport, c.request)
			if err != nil {
				t.Fatal(err)
			}
			sent := transport.Sent()[0]
			if sent.Body != c.want {
				t.Errorf("sent\n%s\nwant\n%s", sent.Body, c.want)
			}
			want := plugins.Response{
				Text: "a,b\n1,2\n", Stop: plugins.StopEnd, Model: "gpt-4o-2024-08-06", Fingerprint: "fp_1",
				InputTokens: 20, CachedTokens: 16, OutputTokens: 9, ReasoningTokens: 4,
			}
			if *got != want {
				t.Errorf("read %+v, want %+v", *got, want)
			}
			if want := p.Info().Endpoint + "/chat/completions"; sent.Request.URL.String() != want {
				t.Errorf("sent to %s, want %s", sent.Request.URL, want)
			}
		})
	}
}

// Models that langchaingo knows to reason get the temperature that is set, and no other treatment but a merged system prompt.
func TestReasoningModels(t *testing.T) {
	var r plugins.Registry
	Register(&r)
	p, _, err := r.LLMs.Get("openai").Build(json.RawMessage(`{"model": "o3-mini", "temperature": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	transport := &llmtest.Canned{Status: 200, Body: complete}
	if _, err := p.Complete(context.Background(), transport, plugins.Request{Messages: messages}); err != nil {
		t.Fatal(err)
	}
	body := transport.Sent()[0].Body
	if !strings.Contains(body, `"temperature":1`) || !strings.Contains(body, "Be brief.") {
		t.Errorf("sent %s", body)
	}
	if info := p.Info(); info.Family != "gpt" || len(info.Warnings) != 1 {
		t.Errorf("family %q, warnings %q", info.Family, info.Warnings)
	}
}

func TestRead(t *testing.T) {
	p := build(t, "")
	const wrapped = `{"model": "m", "choices": [{"finish_reason": FINISH, "message": MESSAGE}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}`
	body := func(finish, message string) string {
		return strings.NewReplacer("FINISH", finish, "MESSAGE", message).Replace(wrapped)
	}
	for _, c := range []struct{ name, body, text, stop string }{
		{"at the cap", body(`"length"`, `{"content": "half"}`), "half", plugins.StopLength},
		{"at the cap while it reasoned", body(`"length"`, `{"content": null}`), "", plugins.StopLength},
		{"a refusal", body(`"stop"`, `{"content": null, "refusal": "I cannot"}`), "I cannot", plugins.StopRefusal},
		{"a filter", body(`"content_filter"`, `{"content": ""}`), "", plugins.StopRefusal},
		{"a filter that took the content", body(`"content_filter"`, `{}`), "", plugins.StopRefusal},
		{"nothing after reasoning, paid all the same", body(`"stop"`, `{"content": null, "reasoning_content": "y"}`), "", plugins.StopEnd},
		{"in parts", body(`"stop"`, `{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "y"}]}, {"type": "text", "text": "x"}]}`), "x", plugins.StopEnd},
		{"an empty text", body(`"stop"`, `{"content": ""}`), "", plugins.StopEnd},
		{"of a server that follows the API", body(`"eos_token"`, `{"content": "x", "reasoning_content": "y"}`), "x", plugins.StopEnd},
		{"without usage", `{"choices": [{"finish_reason": "stop", "message": {"content": "x"}}]}`, "x", plugins.StopEnd},
	} {
		if got, err := p.Read([]byte(c.body)); err != nil || got.Text != c.text || got.Stop != c.stop {
			t.Errorf("%s: read %+v, %v", c.name, got, err)
		}
	}
	for name, body := range map[string]string{
		"not ended":               body(`null`, `{"content": "planted"}`),
		"ended by a tool":         body(`"tool_calls"`, `{"content": "planted"}`),
		"without a message":       body(`"stop"`, `null`),
		"another shape":           body(`"stop"`, `{"content": ["planted"]}`),
		"fewer than no tokens":    `{"choices": [{"finish_reason": "stop", "message": {"content": "planted"}}], "usage": {"prompt_tokens": -1}}`,
		"an error with status OK": `{"error": {"message": "planted"}, "choices": null}`,
		"two answers":             complete + complete,
		"half an answer":          complete[:len(complete)/2],
		"with something after it": complete + "planted",
	} {
		if got, err := p.Read([]byte(body)); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		} else if strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: the error quotes the answer: %v", name, err)
		}
	}
}

// Nothing but the whole of an answer is read as one.
func TestNoPrefixIsAnAnswer(t *testing.T) {
	p := build(t, "")
	for end := range len(complete) {
		if _, err := p.Read([]byte(complete[:end])); err == nil {
			t.Fatalf("the first %d bytes are read as an answer", end)
		}
	}
}

func FuzzRead(f *testing.F) {
	p := build(f, "")
	f.Add([]byte(complete))
	f.Add([]byte(`{"choices": [{"finish_reason": "length", "message": {"content": "\ud800"}}], "usage": null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := p.Read(body); (r == nil) == (err == nil) || (r != nil && (r.Stop == "" || r.InputTokens < 0 || r.OutputTokens < 0)) {
			t.Errorf("read %+v, %v", r, err)
		}
	})
}

// The key of OpenAI goes to OpenAI alone, unless the experiment names one.
func TestSecrets(t *testing.T) {
	for settings, want := range map[string]plugins.Secret{
		``:                                      {Env: "OPENAI_API_KEY"},
		`, "base_url": "http://127.0.0.1:9/v1"`: {},
		`, "base_url": "https://x.example/v1", "key_env": "X_KEY"`:      {Env: "X_KEY"},
		`, "base_url": "https://x.example/v1", "key_command": "pass x"`: {Command: "pass x"},
		`, "key_command": "pass x"`:                                     {Command: "pass x"},
	} {
		if got := build(t, settings).Info().Secret; got != want {
			t.Errorf("%s: %+v, want %+v", settings, got, want)
		}
	}
}
