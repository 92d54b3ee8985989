package llmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/ehrlab/ehrlab/plugins"
)

// wireFormat is how requests and answers of an API look.
type wireFormat interface {
	// base is the path of the API.
	base() string
	// parse reads a request, and says what is wrong with it.
	parse(r *http.Request, into *Request) (wrong string)
	// bears reports whether a request bears a key.
	bears(r *http.Request, body []byte, key string) bool
	// answer writes a complete answer.
	answer(e *Exchange) []byte
	// error writes the error of a status.
	error(r refusal) []byte
}

// strictly decodes a body; a field that the API does not have is refused, as the API does.
func strictly(body []byte, v any) (wrong string) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return "invalid request: " + err.Error()
	}
	return ""
}

// known checks the messages of a request.
func known(messages []plugins.Message) (wrong string) {
	asked := false
	for i, m := range messages {
		if m.Role != "system" && m.Role != "user" && m.Role != "assistant" {
			return fmt.Sprintf("messages[%d]: no such role", i)
		}
		if m.Text == "" {
			return fmt.Sprintf("messages[%d] is empty", i)
		}
		asked = asked || m.Role == "user"
	}
	if !asked {
		return "there is no message of the user"
	}
	return ""
}

// padded adds white space after an answer where the fault is that.
func padded(e *Exchange, out []byte) []byte {
	if e.Fault == TrailingWhitespace {
		return append(out, "\n  \n"...)
	}
	return out
}
