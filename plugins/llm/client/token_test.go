package client

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/bedrock"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

// The token of a session is a secret, too, though the environment has it in a variable of its own.
func TestTheSessionTokenIsStoredNowhere(t *testing.T) {
	const token = "IQoJb3JpZ2luX2VjEPLANTEDtokenOFaSESSION0123456789"
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAPLANTED000000001")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrPLANTEDsecret")
	t.Setenv("AWS_SESSION_TOKEN", token)
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		got := r.Header.Get("X-Amz-Security-Token")
		if got != token {
			t.Errorf("the server got %q", got)
		}
		if strings.Contains(string(body), "fail") {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"message":"the token %s is expired"}`, got)
			return
		}
		io.WriteString(w, `{"type":"message","model":"m","content":[{"type":"text","text":"`+got+`"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`)
	})
	c := bedrock.Config{Config: wire.Defaults(), Region: "us-east-1"}
	c.Model, c.BaseURL, c.KeyEnv = "anthropic.claude-3-5-sonnet-20241022-v2:0", server.URL, "AWS_ACCESS_KEY_ID"
	p, err := bedrock.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := setup(t, newMemory(), func(o *Options) { o.Secret = nil }, Model{Name: "m", Provider: p})
	answer := b.ask(t, asking("hello"))
	fault := b.refused(t, anyone, asking("fail"), plugins.FaultRequest)
	if all := b.store.text() + b.log.String() + fault.Error() + answer.Text; strings.Contains(all, token) {
		t.Error(all)
	}
}
