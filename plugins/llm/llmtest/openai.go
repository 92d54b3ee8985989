package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// openAI is the chat completions API.
type openAI struct{}

func (openAI) base() string { return "/v1" }

type openAIRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"` // a string, or parts
	} `json:"messages"`
	Temperature     *float64 `json:"temperature"`
	TopP            *float64 `json:"top_p"`
	MaxTokens       *int     `json:"max_tokens"`
	MaxCompletion   *int     `json:"max_completion_tokens"`
	Seed            *int64   `json:"seed"`
	ReasoningEffort string   `json:"reasoning_effort"`
	ResponseFormat  *struct {
		Type       string `json:"type"`
		JSONSchema *struct {
			Name   string          `json:"name"`
			Strict bool            `json:"strict"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

func (openAI) parse(r *http.Request, into *Request) string {
	if r.URL.Path != "/v1/chat/completions" {
		return "no such path"
	}
	var in openAIRequest
	if wrong := strictly(into.Body, &in); wrong != "" {
		return wrong
	}
	for i, m := range in.Messages {
		text, wrong := openAIContent(m.Content)
		if wrong != "" {
			return fmt.Sprintf("messages[%d]: %s", i, wrong)
		}
		into.Messages = append(into.Messages, plugins.Message{Role: m.Role, Text: text})
	}
	into.Model, into.Temperature = in.Model, in.Temperature
	switch {
	case in.Model == "":
		return "you must provide a model"
	case in.MaxTokens != nil && in.MaxCompletion != nil:
		return "max_tokens and max_completion_tokens cannot both be set"
	case in.MaxTokens != nil:
		into.MaxTokens = *in.MaxTokens
	case in.MaxCompletion != nil:
		into.MaxTokens = *in.MaxCompletion
	}
	if f := in.ResponseFormat; f != nil {
		if f.Type != "json_schema" || f.JSONSchema == nil || f.JSONSchema.Name == "" || !json.Valid(f.JSONSchema.Schema) {
			return "response_format: want a named JSON Schema"
		}
		into.Schema = f.JSONSchema.Schema
	}
	return known(into.Messages)
}

// openAIContent reads the content of a message: a string, or parts of text.
func openAIContent(raw json.RawMessage) (text, wrong string) {
	if json.Unmarshal(raw, &text) == nil {
		return text, ""
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if strictly(raw, &parts) != "" {
		return "", "content is neither a string nor parts"
	}
	var all strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return "", "content has a part that is no text"
		}
		all.WriteString(p.Text)
	}
	return all.String(), ""
}

func (openAI) bears(r *http.Request, _ []byte, key string) bool {
	return r.Header.Get("Authorization") == "Bearer "+key
}

func (openAI) answer(e *Exchange) []byte {
	message := map[string]any{"role": "assistant", "content": e.Text, "refusal": nil}
	finish := "stop"
	switch {
	case e.Stop == plugins.StopLength:
		finish = "length"
	case e.Stop == plugins.StopRefusal && e.Text == "":
		finish = "content_filter"
	case e.Stop == plugins.StopRefusal:
		message["content"], message["refusal"] = nil, e.Text
	}
	u := e.Usage
	return padded(e, mustJSON(map[string]any{
		"id": fmt.Sprintf("chatcmpl-%06d", e.Number), "object": "chat.completion", "created": e.At.Unix(), "model": e.Served,
		"choices":            []any{map[string]any{"index": 0, "message": message, "logprobs": nil, "finish_reason": finish}},
		"service_tier":       "default",
		"system_fingerprint": "fp_" + e.Served,
		"usage": map[string]any{
			"prompt_tokens": u.Input, "completion_tokens": u.Output, "total_tokens": u.Input + u.Output,
			"prompt_tokens_details":     map[string]any{"cached_tokens": u.Cached, "audio_tokens": 0},
			"completion_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning, "audio_tokens": 0},
		},
	}))
}

func (openAI) error(r refusal) []byte {
	return mustJSON(map[string]any{"error": map[string]any{"message": r.message, "type": "error", "param": nil, "code": nil}})
}
