package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
)

// Claude is the bodies of the messages API of Anthropic, which Bedrock takes, too.
//
// An answer is held to a schema by a tool that the model must call with the answer as its input: every model of the family
// can, with a schema of any size. The schema guides the model rather than binding it, so that its answers are checked like
// all others. A model that thinks cannot be made to call a tool; it is offered the tool then.
type Claude struct {
	Config   Config
	Thinking int // tokens of reasoning, at most; 0: none
}

// LeastThinking is the least number of tokens that a model can be given to think.
const LeastThinking = 1024

// ThinkingSchema is the CUE of the setting.
const ThinkingSchema = `
// tokens that the model may reason with before it answers, as a part of max_tokens; it does not reason unless set. No temperature can be set with it
thinking?: int & >=1024`

// Check checks the settings of thinking.
func (c Claude) Check() error {
	switch {
	case c.Thinking == 0:
		return nil
	case c.Thinking < LeastThinking:
		return fmt.Errorf("thinking is %d, want %d or more", c.Thinking, LeastThinking)
	case c.Thinking >= c.Config.MaxTokens:
		return fmt.Errorf("thinking is %d, which leaves no room for an answer in the max_tokens of %d", c.Thinking, c.Config.MaxTokens)
	case c.Config.Temperature != nil:
		return errors.New("thinking: models that reason take no temperature; leave one of them out")
	}
	return nil
}

const toolName = "answer"

// Edit makes a body final.
func (c Claude) Edit(body Body, r plugins.Request) error {
	limit := c.Config.Cap(r)
	if err := errors.Join(
		body.Set("max_tokens", limit),
		body.SetOr("temperature", r.Temperature, c.Config.Temperature),
		body.SetOr("top_p", r.TopP, c.Config.TopP),
	); err != nil {
		return err
	}
	delete(body, "thinking")
	if c.Thinking > 0 {
		if r.Temperature != nil {
			return errors.New("models that reason take no temperature; leave out thinking, or the temperature of the strategy")
		}
		if c.Thinking >= limit {
			return fmt.Errorf("thinking is %d, which leaves no room for an answer in the cap of %d tokens that the strategy sets", c.Thinking, limit)
		}
		type thinking struct {
			Type   string `json:"type"`
			Budget int    `json:"budget_tokens"`
		}
		if err := body.Set("thinking", thinking{"enabled", c.Thinking}); err != nil {
			return err
		}
	}
	if r.Schema == nil || !c.Config.Structured {
		return nil
	}
	return c.hold(body, r.Schema)
}

// hold has the answer given as the input of a tool.
func (c Claude) hold(body Body, schema json.RawMessage) error {
	var root struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(schema, &root); err != nil || root.Type != "object" {
		return errors.New(`the JSON Schema of the answer is not of an "object", which the input of a tool is`)
	}
	type tool struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Schema      json.RawMessage `json:"input_schema"`
	}
	type choice struct {
		Type     string `json:"type"`
		Name     string `json:"name,omitempty"`
		Parallel bool   `json:"disable_parallel_tool_use"`
	}
	chosen := choice{Type: "tool", Name: toolName, Parallel: true}
	if c.Thinking > 0 {
		chosen.Type, chosen.Name = "auto", ""
	}
	return errors.Join(
		body.Set("tools", []tool{{toolName, "Takes the whole answer.", schema}}),
		body.Set("tool_choice", chosen),
	)
}

// message is what is read of an answer.
type message struct {
	Type    string `json:"type"`
	Model   string `json:"model"`
	Content []struct {
		Type  string          `json:"type"`
		Text  string          `json:"text"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	} `json:"content"`
	Stop  string `json:"stop_reason"`
	Usage *struct {
		Input   int `json:"input_tokens"` // without those that the cache is read for or written with
		Read    int `json:"cache_read_input_tokens"`
		Written int `json:"cache_creation_input_tokens"`
		Output  int `json:"output_tokens"`
	} `json:"usage"`
}

// Read reads an answer. The API does not tell the tokens of reasoning apart.
func (Claude) Read(body []byte) (*plugins.Response, error) {
	var m message
	if err := Decode(body, &m); err != nil {
		return nil, err
	}
	switch {
	case m.Type == "error":
		return nil, errors.New("the answer is an error of the API, in spite of its status")
	case m.Type != "message" || m.Content == nil || m.Usage == nil:
		return nil, errors.New("the answer is no message of the API: want type, content and usage")
	case m.Stop == "":
		return nil, errors.New("the answer is not complete: it has no stop_reason")
	}
	u := m.Usage
	if err := Tokens(u.Input, u.Read, u.Written, u.Output); err != nil {
		return nil, err
	}
	out := &plugins.Response{Model: m.Model, InputTokens: u.Input + u.Read + u.Written, CachedTokens: u.Read, OutputTokens: u.Output}
	switch m.Stop {
	case "end_turn", "stop_sequence", "tool_use":
		out.Stop = plugins.StopEnd
	case "max_tokens", "model_context_window_exceeded":
		out.Stop = plugins.StopLength
	case "refusal":
		out.Stop = plugins.StopRefusal
	default:
		return nil, errors.New("the answer has a stop_reason that is none of a text: want end_turn, max_tokens, tool_use or refusal")
	}
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	out.Text = text
	return out, nil
}

// text returns the input of the tool; without one, the text.
func (m message) text() (string, error) {
	var text bytes.Buffer
	for _, block := range m.Content {
		switch block.Type {
		case "text":
			text.WriteString(block.Text)
		case "tool_use":
			var input bytes.Buffer
			if block.Name != toolName || json.Compact(&input, block.Input) != nil {
				return "", errors.New("the answer calls a tool that it was not given")
			}
			return input.String(), nil
		case "thinking", "redacted_thinking":
		default:
			return "", errors.New("the answer has a block that is neither text nor thinking nor the tool that was given")
		}
	}
	return text.String(), nil
}
