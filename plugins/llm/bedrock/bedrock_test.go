package bedrock

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

func construct(settings string) (plugins.Provider, error) {
	var r plugins.Registry
	Register(&r)
	p, _, err := r.LLMs.Get("bedrock").Build(json.RawMessage(settings))
	return p, err
}

func build(t testing.TB, settings string) *Provider {
	t.Helper()
	p, err := construct(`{"model": "us.anthropic.claude-3-5-sonnet-20241022-v2:0", "region": "us-east-1"` + settings + `}`)
	if err != nil {
		t.Fatal(err)
	}
	return p.(*Provider)
}

const atTheCap = `{"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-3-5-sonnet-20241022", "content": [{"type": "text", "text": "a,b\n1,"}],
  "stop_reason": "max_tokens", "stop_sequence": null, "usage": {"input_tokens": 20, "output_tokens": 7}}`

func TestBody(t *testing.T) {
	transport := &llmtest.Canned{Status: 200, Body: atTheCap}
	got, err := build(t, `, "temperature": 0`).Complete(context.Background(), transport, plugins.Request{
		MaxTokens: 7, Schema: json.RawMessage(`{"type":"object"}`),
		Messages: []plugins.Message{{Role: "system", Text: "Be brief."}, {Role: "user", Text: "Rows?"}},
	})
	if err != nil {
		t.Fatal(err) // langchaingo takes an answer at the cap for an error
	}
	want := plugins.Response{Text: "a,b\n1,", Stop: plugins.StopLength, Model: "claude-3-5-sonnet-20241022", InputTokens: 20, OutputTokens: 7}
	if *got != want {
		t.Errorf("read %+v, want %+v", *got, want)
	}
	sent := transport.Sent()[0]
	if at, want := sent.Request.URL.String(), "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-3-5-sonnet-20241022-v2%3A0/invoke"; at != want {
		t.Errorf("sent to %s, want %s", at, want)
	}
	if want := `{"anthropic_version":"bedrock-2023-05-31","max_tokens":7,"messages":[{"role":"user","content":[{"type":"text","text":"Rows?"}]}],"system":"Be brief.","temperature":0,` +
		`"tool_choice":{"type":"tool","name":"answer","disable_parallel_tool_use":true},"tools":[{"name":"answer","description":"Takes the whole answer.","input_schema":{"type":"object"}}]}`; sent.Body != want {
		t.Errorf("sent\n%s\nwant\n%s", sent.Body, want)
	}
	for name := range sent.Request.Header { // no number of a call, no time, nothing of the machine
		if name != "Accept" && name != "Content-Type" && name != "User-Agent" {
			t.Errorf("sent with the header %q", name)
		}
	}
}

func TestStatusesAreSentOnce(t *testing.T) {
	for _, status := range []int{429, 500, 503} {
		transport := &llmtest.Canned{Status: status, Body: `{"message": "x"}`}
		_, err := build(t, "").Complete(context.Background(), transport, plugins.Request{Messages: []plugins.Message{{Role: "user", Text: "x"}}})
		if err == nil || len(transport.Sent()) != 1 {
			t.Errorf("status %d: sent %d times, error %v", status, len(transport.Sent()), err)
		}
	}
}

// The signature depends on the body, the region, the time and the secret; the secret is nowhere in the request.
func TestSignatures(t *testing.T) {
	signature := func(settings, body, key string, at time.Time) string {
		p := build(t, settings)
		p.now = func() time.Time { return at }
		req, err := http.NewRequest(http.MethodPost, p.info.Endpoint+"/model/x%3A0/invoke", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		for range 2 { // signing again changes nothing
			if err := p.Authorize(req, []byte(body), key); err != nil {
				t.Fatal(err)
			}
		}
		var header strings.Builder
		if err := req.Header.Write(&header); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(header.String(), "verysecret") {
			t.Error("the header holds the secret")
		}
		return req.Header.Get("Authorization")
	}
	at := time.Date(2025, 8, 1, 12, 0, 0, 0, time.UTC)
	first := signature("", "{}", "AKIA:verysecret", at)
	if want := "AWS4-HMAC-SHA256 Credential=AKIA/20250801/us-east-1/bedrock/aws4_request, SignedHeaders=content-length;content-type;host;x-amz-date, Signature="; !strings.HasPrefix(first, want) {
		t.Errorf("authorization %s", first)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "verysecret")
	if again := signature("", "{}", "AKIA", at); again != first {
		t.Error("the key of the environment signs otherwise than the same key in one")
	}
	for name, other := range map[string]string{
		"body":    signature("", "{ }", "AKIA:verysecret", at),
		"region":  signature(`, "base_url": "https://bedrock-runtime.us-east-1.amazonaws.com", "region": "us-west-2"`, "{}", "AKIA:verysecret", at),
		"time":    signature("", "{}", "AKIA:verysecret", at.Add(time.Second)),
		"secret":  signature("", "{}", "AKIA:verysecret2", at),
		"session": signature("", "{}", "AKIA:verysecret:s", at),
	} {
		if other == first {
			t.Errorf("another %s has the same signature", name)
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "planted")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	for _, key := range []string{"planted", "planted-other", ":planted", "planted:", "planted:b:c:d"} {
		req, _ := http.NewRequest(http.MethodPost, "https://x.example", nil)
		if err := build(t, "").Authorize(req, nil, key); err == nil || strings.Contains(err.Error(), "planted") || len(req.Header) > 0 {
			t.Errorf("key %q: error %v", key, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, settings := range map[string]string{
		"region:":  `{"model": "anthropic.claude-3-haiku-20240307-v1:0"}`,
		"region: ": `{"model": "anthropic.claude-3-haiku-20240307-v1:0", "region": "us-east-1.evil.example/"}`,
		"model:":   `{"model": "meta.llama3-8b-instruct-v1:0", "region": "us-east-1"}`,
		"thinking": `{"model": "anthropic.claude-3-7-sonnet-20250219-v1:0", "region": "us-east-1", "thinking": 5}`,
	} {
		if _, err := construct(settings); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("settings %s: error %v, want one that starts with %q", settings, err, want)
		}
	}
}
