package anthropic

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
func construct(settings string) (plugins.Provider, error) {
	var r plugins.Registry
	Register(&r)
	p, _, err := r.LLMs.Get("anthropic").Build(json.RawMessage(`{"model": "claude-sonnet-4-20250514"` + settings + `}`))
	return p, err
}

func build(t testing.TB, settings string) plugins.Provider {
	t.Helper()
	p, err := construct(settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const complete = `{
  "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-20250514",
  "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "a,b\n"}, {"type": "text", "text": "1,2\n"}],
  "stop_reason": "end_turn", "stop_sequence": null,
  "usage": {"input_tokens": 5, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 11, "output_tokens": 9, "service_tier": "standard"}
}`

func number(v float64) *float64 { return &v }

func TestBodies(t *testing.T) {
	schema := json.RawMessage(`{"type": "object", "properties": {"z": {"type": "integer"}, "a": {"type": "string"}}}`)
	const tool = `"tools":[{"name":"answer","description":"Takes the whole answer.","input_schema":{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"string"}}}}]`
	const talk = `"messages":[{"role":"user","content":[{"type":"text","text":"Rows?"}]},{"role":"assistant","content":[{"type":"text","text":"Which?"}]},{"role":"user","content":[{"type":"text","text":"All."}]}],"model":"claude-sonnet-4-20250514","system":"Be brief.\n\nBe exact."`
	for _, c := range []struct {
		name, settings string
		request        plugins.Request
		want           string
	}{
		{"nothing set", ``, plugins.Request{}, `{"max_tokens":4096,` + talk + `}`},
		{"decoding", `, "temperature": 1, "top_p": 0.9, "max_tokens": 99`, plugins.Request{Temperature: number(0), MaxTokens: 7}, `{"max_tokens":7,` + talk + `,"temperature":0,"top_p":0.9}`},
		{
			"a schema", ``,
			plugins.Request{Schema: schema},
			`{"max_tokens":4096,` + talk + `,"tool_choice":{"type":"tool","name":"answer","disable_parallel_tool_use":true},` + tool + `}`,
		},
		{
			"thinking", `, "thinking": 2048`,
			plugins.Request{Schema: schema},
			`{"max_tokens":4096,` + talk + `,"thinking":{"type":"enabled","budget_tokens":2048},"tool_choice":{"type":"auto","disable_parallel_tool_use":true},` + tool + `}`,
		},
		{"a schema that is not sent", `, "structured": false`, plugins.Request{Schema: schema}, `{"max_tokens":4096,` + talk + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := build(t, c.settings)
			transport := &llmtest.Canned{Status: 200, Body: complete}
			c.request.Messages = []plugins.Message{
				{Role: "system", Text: "Be brief."},
				{Role: "user", Text: "Rows?"},
				{Role: "assistant", Text: "Which?"},
				{Role: "system", Text: "Be exact."},
				{Role: "user", Text: "All."},
			}
			got, err := p.Complete(context.Background(), transport, c.request)
			if err != nil {
				t.Fatal(err)
			}
			sent := transport.Sent()[0]
			want, wrong := canonical(c.want)
			if body, _ := canonical(sent.Body); wrong != nil || body != want {
				t.Errorf("sent\n%s\nwant\n%s", body, want)
			}
			if *got != (plugins.Response{Text: "a,b\n1,2\n", Stop: plugins.StopEnd, Model: "claude-sonnet-4-20250514", InputTokens: 23, CachedTokens: 11, OutputTokens: 9}) {
				t.Errorf("read %+v", *got)
			}
			if at, version := sent.Request.URL.String(), sent.Request.Header.Get("Anthropic-Version"); at != "https://api.anthropic.com/v1/messages" || version != "2023-06-01" {
				t.Errorf("sent to %s, version %q", at, version)
			}
		})
	}
}

// canonical puts the fields of the outermost object in order.
func canonical(body string) (string, error) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal([]byte(body), &fields)
	out, _ := json.Marshal(fields)
	return string(out), err
}

func TestRequestsThatTheModelCannotTake(t *testing.T) {
	ask := []plugins.Message{{Role: "user", Text: "x"}}
	for want, c := range map[string]struct {
		settings string
		request  plugins.Request
	}{
		"temperature":         {`, "thinking": 1024`, plugins.Request{Messages: ask, Temperature: number(1)}},
		"leaves no room":      {`, "thinking": 1024`, plugins.Request{Messages: ask, MaxTokens: 1024}},
		`not of an "object"`:  {``, plugins.Request{Messages: ask, Schema: json.RawMessage(`{"type": "array"}`)}},
		`is not of an "objec`: {``, plugins.Request{Messages: ask, Schema: json.RawMessage(`{"type": `)}},
	} {
		transport := &llmtest.Canned{Status: 200, Body: complete}
		_, err := build(t, c.settings).Complete(context.Background(), transport, c.request)
		var e *plugins.LLMError
		if !errors.As(err, &e) || e.Fault != plugins.FaultRequest || !strings.Contains(e.Message, want) || len(transport.Sent()) > 0 {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for _, settings := range []string{`, "thinking": 1023`, `, "thinking": 4096`, `, "thinking": 1024, "temperature": 1`} {
		if _, err := construct(settings); err == nil || !strings.HasPrefix(err.Error(), "thinking") {
			t.Errorf("settings %s: error %v", settings, err)
		}
	}
}

func TestRead(t *testing.T) {
	p := build(t, "")
	body := func(stop, content string) string {
		return `{"type": "message", "model": "m", "stop_reason": ` + stop + `, "content": ` + content + `, "usage": {"input_tokens": 1, "output_tokens": 2}}`
	}
	for _, c := range []struct{ name, body, text, stop string }{
		{"a tool", body(`"tool_use"`, `[{"type": "text", "text": "Here:"}, {"type": "tool_use", "id": "1", "name": "answer", "input": {"z": 1.50, "a": [ ]}}]`), `{"z":1.50,"a":[]}`, plugins.StopEnd},
		{"a tool at the cap", body(`"max_tokens"`, `[{"type": "tool_use", "id": "1", "name": "answer", "input": {}}]`), `{}`, plugins.StopLength},
		{"at the cap", body(`"max_tokens"`, `[{"type": "text", "text": "half"}]`), "half", plugins.StopLength},
		{"at the end of the context", body(`"model_context_window_exceeded"`, `[]`), "", plugins.StopLength},
		{"a refusal", body(`"refusal"`, `[]`), "", plugins.StopRefusal},
		{"a refusal in words", body(`"refusal"`, `[{"type": "text", "text": "No."}]`), "No.", plugins.StopRefusal},
		{"hidden reasoning", body(`"end_turn"`, `[{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "x"}]`), "x", plugins.StopEnd},
	} {
		if got, err := p.Read([]byte(c.body)); err != nil || got.Text != c.text || got.Stop != c.stop {
			t.Errorf("%s: read %+v, %v", c.name, got, err)
		}
	}
	for name, body := range map[string]string{
		"not ended":        body(`null`, `[{"type": "text", "text": "planted"}]`),
		"paused":           body(`"pause_turn"`, `[{"type": "text", "text": "planted"}]`),
		"another tool":     body(`"tool_use"`, `[{"type": "tool_use", "name": "planted", "input": {}}]`),
		"another block":    body(`"end_turn"`, `[{"type": "planted"}]`),
		"without content":  body(`"end_turn"`, `null`),
		"without usage":    `{"type": "message", "stop_reason": "end_turn", "content": []}`,
		"an error":         `{"type": "error", "error": {"type": "overloaded_error", "message": "planted"}}`,
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

func FuzzRead(f *testing.F) {
	p := build(f, "")
	f.Add([]byte(complete))
	f.Add([]byte(`{"type":"message","stop_reason":"tool_use","content":[{"type":"tool_use","name":"answer"}],"usage":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := p.Read(body); (r == nil) == (err == nil) || (r != nil && r.Stop == "") {
			t.Errorf("read %+v, %v", r, err)
		}
	})
}
