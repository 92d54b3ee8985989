package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// anthropic is the messages API.
type anthropic struct{}

func (anthropic) base() string { return "/v1" }

// claudeRequest is what the messages API and Bedrock share.
type claudeRequest struct {
	System   string `json:"system"`
	Messages []struct {
		Role    string `json:"role"`
		Content []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"content"`
	} `json:"messages"`
	MaxTokens   int      `json:"max_tokens"`
	Temperature *float64 `json:"temperature"`
	TopP        *float64 `json:"top_p"`
	Thinking    *struct {
		Type   string `json:"type"`
		Budget int    `json:"budget_tokens"`
	} `json:"thinking"`
	Tools []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"input_schema"`
	} `json:"tools"`
	ToolChoice *struct {
		Type     string `json:"type"`
		Name     string `json:"name"`
		Parallel bool   `json:"disable_parallel_tool_use"`
	} `json:"tool_choice"`
}

func (anthropic) parse(r *http.Request, into *Request) string {
	if r.URL.Path != "/v1/messages" {
		return "no such path"
	}
	if r.Header.Get("Anthropic-Version") != "2023-06-01" {
		return "anthropic-version: header is required"
	}
	var in struct {
		Model string `json:"model"`
		claudeRequest
	}
	if wrong := strictly(into.Body, &in); wrong != "" {
		return wrong
	}
	if into.Model = in.Model; in.Model == "" {
		return "model: field required"
	}
	return in.understand(into)
}

func (in claudeRequest) understand(into *Request) string {
	if in.System != "" {
		into.Messages = append(into.Messages, plugins.Message{Role: "system", Text: in.System})
	}
	for i, m := range in.Messages {
		var text strings.Builder
		for _, part := range m.Content {
			if part.Type != "text" {
				return fmt.Sprintf("messages[%d]: content is no text", i)
			}
			text.WriteString(part.Text)
		}
		if m.Role == "system" {
			return fmt.Sprintf("messages[%d]: the system prompt is not a message", i)
		}
		into.Messages = append(into.Messages, plugins.Message{Role: m.Role, Text: text.String()})
	}
	into.MaxTokens, into.Temperature = in.MaxTokens, in.Temperature
	switch {
	case in.MaxTokens < 1:
		return "max_tokens: field required"
	case in.Temperature != nil && (*in.Temperature < 0 || *in.Temperature > 1):
		return "temperature: range is 0 to 1"
	case in.Thinking != nil && (in.Thinking.Type != "enabled" || in.Thinking.Budget < 1024 || in.Thinking.Budget >= in.MaxTokens || in.Temperature != nil):
		return "thinking: want a budget from 1024 to below max_tokens, and no temperature"
	case in.ToolChoice != nil && (len(in.Tools) != 1 || in.Thinking != nil && in.ToolChoice.Type != "auto"):
		return "tool_choice: want a tool, which is not forced while thinking"
	}
	if len(in.Tools) == 1 {
		var root struct{ Type string }
		if json.Unmarshal(in.Tools[0].InputSchema, &root) != nil || root.Type != "object" {
			return "tools[0].input_schema: type must be object"
		}
		into.Schema = in.Tools[0].InputSchema
		into.Tool = in.Tools[0].Name
	}
	return known(into.Messages)
}

func (anthropic) bears(r *http.Request, _ []byte, key string) bool {
	return r.Header.Get("X-Api-Key") == key
}

// answer gives the text as the input of the tool where it is an object.
func (anthropic) answer(e *Exchange) []byte {
	content := []any{map[string]any{"type": "text", "text": e.Text}}
	stop := "end_turn"
	if object := json.RawMessage(e.Text); e.Tool != "" && strings.HasPrefix(e.Text, "{") && json.Valid(object) {
		content = []any{map[string]any{"type": "tool_use", "id": fmt.Sprintf("toolu_%06d", e.Number), "name": e.Tool, "input": object}}
		stop = "tool_use"
	}
	switch e.Stop {
	case plugins.StopLength:
		stop = "max_tokens"
	case plugins.StopRefusal:
		stop = "refusal"
	}
	if e.Text == "" {
		content = []any{}
	}
	return padded(e, mustJSON(map[string]any{
		"id": fmt.Sprintf("msg_%06d", e.Number), "type": "message", "role": "assistant", "model": e.Served,
		"content": content, "stop_reason": stop, "stop_sequence": nil,
		"usage": map[string]any{
			"input_tokens": e.Usage.Input - e.Usage.Cached, "cache_creation_input_tokens": 0, "cache_read_input_tokens": e.Usage.Cached,
			"output_tokens": e.Usage.Output,
		},
	}))
}

func (anthropic) error(r refusal) []byte {
	return mustJSON(map[string]any{"type": "error", "error": map[string]any{"type": "api_error", "message": r.message}})
}
