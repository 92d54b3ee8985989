package wire

import (
	"fmt"

	"github.com/tmc/langchaingo/llms"

	"github.com/ehrlab/ehrlab/plugins"
)

// CheckMessages checks that there are messages, each with a role and a text.
func CheckMessages(r plugins.Request) error {
	refused := func(format string, args ...any) error {
		return &plugins.LLMError{Fault: plugins.FaultRequest, Message: fmt.Sprintf(format, args...)}
	}
	if len(r.Messages) == 0 {
		return refused("the request has no message")
	}
	for i, m := range r.Messages {
		if _, ok := roles[m.Role]; !ok {
			return refused("message %d: want the role %q, %q or %q", i+1, "system", "user", "assistant")
		}
		if m.Text == "" {
			return refused("message %d is empty", i+1)
		}
	}
	return nil
}

var roles = map[string]llms.ChatMessageType{
	"system": llms.ChatMessageTypeSystem, "user": llms.ChatMessageTypeHuman, "assistant": llms.ChatMessageTypeAI,
}

// Messages checks messages and returns them as langchaingo has them.
func Messages(r plugins.Request) ([]llms.MessageContent, error) {
	if err := CheckMessages(r); err != nil {
		return nil, err
	}
	out := make([]llms.MessageContent, len(r.Messages))
	for i, m := range r.Messages {
		out[i] = llms.TextParts(roles[m.Role], m.Text)
	}
	return out, nil
}

// OneSystem returns a request whose system messages are one, the first: some APIs have one place for them.
func OneSystem(r plugins.Request) plugins.Request {
	var system string
	var others []plugins.Message
	for _, m := range r.Messages {
		switch {
		case m.Role != "system" || m.Text == "": // an empty one is refused by Messages
			others = append(others, m)
		case system == "":
			system = m.Text
		default:
			system += "\n\n" + m.Text
		}
	}
	r.Messages = others
	if system != "" {
		r.Messages = append([]plugins.Message{{Role: "system", Text: system}}, others...)
	}
	return r
}

// Cap returns the cap on the tokens of an answer.
func (c Config) Cap(r plugins.Request) int {
	if r.MaxTokens > 0 {
		return r.MaxTokens
	}
	return c.MaxTokens
}
