package client

import (
	"encoding/json"

	"github.com/ehrlab/ehrlab/plugins"
)

// tokenCounts are the tokens of an answer, under the names that the wire formats have for them. An answer has those of one format.
type tokenCounts struct {
	OpenAIInput   int `json:"prompt_tokens"`
	OpenAIOutput  int `json:"completion_tokens"`
	OpenAIDetails struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`

	ClaudeInput   int `json:"input_tokens"` // without those of the next two
	ClaudeRead    int `json:"cache_read_input_tokens"`
	ClaudeWritten int `json:"cache_creation_input_tokens"`
	ClaudeOutput  int `json:"output_tokens"`

	GoogleInput    int `json:"promptTokenCount"`
	GoogleCached   int `json:"cachedContentTokenCount"`
	GoogleOutput   int `json:"candidatesTokenCount"`
	GoogleThoughts int `json:"thoughtsTokenCount"`
}

// charged returns what a body counts as tokens, as evidence of an answer that cannot be read; nil where it counts none.
func charged(body []byte) *plugins.Response {
	var answer struct {
		Usage    tokenCounts `json:"usage"`
		Metadata tokenCounts `json:"usageMetadata"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil
	}
	r := &plugins.Response{Stop: plugins.StopUnreadable}
	for _, c := range []tokenCounts{answer.Usage, answer.Metadata} {
		r.InputTokens += c.OpenAIInput + c.ClaudeInput + c.ClaudeRead + c.ClaudeWritten + c.GoogleInput
		r.CachedTokens += c.OpenAIDetails.Cached + c.ClaudeRead + c.GoogleCached
		r.OutputTokens += c.OpenAIOutput + c.ClaudeOutput + c.GoogleOutput + c.GoogleThoughts
	}
	if r.InputTokens < 0 || r.OutputTokens < 0 || r.CachedTokens < 0 || r.InputTokens+r.OutputTokens == 0 {
		return nil
	}
	return r
}
