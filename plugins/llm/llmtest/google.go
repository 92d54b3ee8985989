package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// google is the generateContent method of the Gemini API.
type google struct{}

func (google) base() string { return "/v1beta" }

type googleContent struct {
	Role  string `json:"role"`
	Parts []struct {
		Text string `json:"text"`
	} `json:"parts"`
}

func (c googleContent) text() string {
	var all strings.Builder
	for _, p := range c.Parts {
		all.WriteString(p.Text)
	}
	return all.String()
}

type googleRequest struct {
	Contents   []googleContent `json:"contents"`
	System     *googleContent  `json:"systemInstruction"`
	Generation struct {
		Temperature *float64        `json:"temperature"`
		TopP        *float64        `json:"topP"`
		MaxTokens   int             `json:"maxOutputTokens"`
		Seed        *int32          `json:"seed"`
		Type        string          `json:"responseMimeType"`
		Schema      json.RawMessage `json:"responseJsonSchema"`
		Thinking    *struct {
			Budget int `json:"thinkingBudget"`
		} `json:"thinkingConfig"`
	} `json:"generationConfig"`
}

func (google) parse(r *http.Request, into *Request) string {
	model, ok := strings.CutPrefix(r.URL.Path, "/v1beta/")
	model, method := strings.CutSuffix(model, ":generateContent")
	if !ok || !method || r.URL.RawQuery != "" {
		return "no such path"
	}
	var in googleRequest
	if wrong := strictly(into.Body, &in); wrong != "" {
		return wrong
	}
	if in.System != nil {
		into.Messages = append(into.Messages, plugins.Message{Role: "system", Text: in.System.text()})
	}
	for i, c := range in.Contents {
		role := map[string]string{"user": "user", "model": "assistant"}[c.Role]
		if role == "" {
			return fmt.Sprintf("contents[%d]: want the role user or model", i)
		}
		into.Messages = append(into.Messages, plugins.Message{Role: role, Text: c.text()})
	}
	g := in.Generation
	if g.Schema != nil && g.Type != "application/json" {
		return "responseJsonSchema needs responseMimeType application/json"
	}
	into.Model, into.Schema = strings.TrimPrefix(model, "models/"), g.Schema
	into.MaxTokens, into.Temperature = g.MaxTokens, g.Temperature
	return known(into.Messages)
}

func (google) bears(r *http.Request, _ []byte, key string) bool {
	return r.Header.Get("X-Goog-Api-Key") == key
}

func (google) answer(e *Exchange) []byte {
	finish := "STOP"
	switch {
	case e.Stop == plugins.StopLength:
		finish = "MAX_TOKENS"
	case e.Stop == plugins.StopRefusal:
		finish = "SAFETY"
	}
	candidate := map[string]any{"index": 0, "finishReason": finish, "content": map[string]any{"role": "model", "parts": []any{map[string]any{"text": e.Text}}}}
	usage := map[string]any{
		"promptTokenCount": e.Usage.Input, "candidatesTokenCount": e.Usage.Output - e.Usage.Reasoning,
		"totalTokenCount": e.Usage.Input + e.Usage.Output,
	}
	if e.Usage.Cached > 0 { // fields of 0 are left out
		usage["cachedContentTokenCount"] = e.Usage.Cached
	}
	if e.Usage.Reasoning > 0 {
		usage["thoughtsTokenCount"] = e.Usage.Reasoning
	}
	out := map[string]any{"candidates": []any{candidate}, "usageMetadata": usage, "modelVersion": e.Served, "responseId": fmt.Sprintf("r%06d", e.Number)}
	if e.Stop == plugins.StopRefusal && e.Text == "" { // the prompt was blocked: there is no candidate
		delete(out, "candidates")
		out["promptFeedback"] = map[string]any{"blockReason": "PROHIBITED_CONTENT"}
	}
	return padded(e, mustJSON(out))
}

func (google) error(r refusal) []byte {
	return mustJSON(map[string]any{"error": map[string]any{"code": r.status, "message": r.message, "status": "ERROR"}})
}
