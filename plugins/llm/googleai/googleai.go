// Package googleai asks the models of Google over the generateContent method of the Gemini API.
//
// The body is built here, not by langchaingo: its package for Google connects to generativelanguage.googleapis.com by itself
// as soon as it is opened, wherever requests are to go (it opens a client of gRPC for stored prompts, which it takes no
// transport for and never closes). Nothing may leave but what the transport is given.
package googleai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

// Config is the provider's "with" block.
type Config struct {
	wire.Config
	Thinking *int   `json:"thinking,omitempty"` // nil: as the model does
	Seed     *int32 `json:"seed,omitempty"`
}

// Register adds the provider to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.LLMs, plugins.Info{
		Name:    "googleai",
		Version: 1,
		Summary: "models of Google over the Gemini API",
		Source:  "https://ai.google.dev/api/generate-content",
		Schema: wire.Schema(2) + `
// tokens that the model may reason with before it answers, as a part of max_tokens; 0: none; as the model does unless set
thinking?: int & >=0
// sent as it is with every request, so that replicates are no fresh draws where the server goes by it; not sent unless set
seed?: int & >=0 & <=2147483647`,
		Remote: true,
	}, Config{Config: wire.Defaults()}, New)
}

// Provider is the plugin.
type Provider struct {
	config Config
	info   plugins.ModelInfo
}

// New returns the provider.
func New(c Config) (plugins.Provider, error) {
	own := struct {
		Thinking *int   `json:"thinking,omitempty"`
		Seed     *int32 `json:"seed,omitempty"`
	}{c.Thinking, c.Seed}
	info, err := c.Info(wire.API{
		Name: "googleai-generate", BaseURL: "https://generativelanguage.googleapis.com/v1beta", KeyEnv: keyEnv(),
		Dated: "gemini-2.0-flash-001", Settings: own,
	})
	if err != nil {
		return nil, err
	}
	if c.Thinking != nil && (*c.Thinking < 0 || *c.Thinking >= c.MaxTokens) {
		return nil, fmt.Errorf("thinking is %d, want 0 or more, and less than the max_tokens of %d", *c.Thinking, c.MaxTokens)
	}
	for part := range strings.SplitSeq(c.Model, "/") {
		if part == "" || part == "." || part == ".." {
			return nil, fmt.Errorf("model: %q is no name of the API; want one such as %q", c.Model, "gemini-2.0-flash-001")
		}
	}
	return &Provider{config: c, info: info}, nil
}

// keyEnv is the variable that holds the key: both names are in use, and the first goes before the second.
func keyEnv() string {
	if os.Getenv("GOOGLE_API_KEY") == "" && os.Getenv("GEMINI_API_KEY") != "" {
		return "GEMINI_API_KEY"
	}
	return "GOOGLE_API_KEY"
}

// Info describes the model.
func (p *Provider) Info() plugins.ModelInfo { return p.info }

// Complete asks the model.
func (p *Provider) Complete(ctx context.Context, transport http.RoundTripper, r plugins.Request) (*plugins.Response, error) {
	if err := wire.CheckMessages(r); err != nil {
		return nil, err
	}
	call := wire.Call{
		URL:  p.info.Endpoint + p.path(),
		Edit: func(body wire.Body) error { return p.edit(body, r) },
		Read: p.Read,
	}
	return call.Do(ctx, transport)
}

// path is that of the model: "/models/NAME:generateContent", or that of a tuned model, which has a folder of its own.
func (p *Provider) path() string {
	parts := strings.Split(p.info.Model, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	name := strings.Join(parts, "/")
	if len(parts) == 1 {
		name = "models/" + name
	}
	return "/" + name + ":generateContent"
}

type part struct {
	Text string `json:"text"`
}

type content struct {
	Role  string `json:"role,omitempty"`
	Parts []part `json:"parts"`
}

// generation is how an answer is to be made.
type generation struct {
	Temperature *float64        `json:"temperature,omitempty"`
	TopP        *float64        `json:"topP,omitempty"`
	MaxTokens   int             `json:"maxOutputTokens"`
	Seed        *int32          `json:"seed,omitempty"`
	Thinking    *thinking       `json:"thinkingConfig,omitempty"`
	Type        string          `json:"responseMimeType,omitempty"`
	Schema      json.RawMessage `json:"responseJsonSchema,omitempty"`
}

type thinking struct {
	Budget int `json:"thinkingBudget"`
}

// edit makes the body.
func (p *Provider) edit(body wire.Body, r plugins.Request) error {
	var turns []content
	for _, m := range wire.OneSystem(r).Messages {
		switch c := (content{Parts: []part{{m.Text}}}); m.Role {
		case "system":
			if err := body.Set("systemInstruction", c); err != nil {
				return err
			}
		case "assistant":
			c.Role = "model"
			turns = append(turns, c)
		default:
			c.Role = "user"
			turns = append(turns, c)
		}
	}
	if turns == nil {
		return errors.New("there is no message of the user")
	}
	g := generation{
		Temperature: first(r.Temperature, p.config.Temperature), TopP: first(r.TopP, p.config.TopP),
		MaxTokens: p.config.Cap(r), Seed: p.config.Seed,
	}
	if t := p.config.Thinking; t != nil {
		if *t >= g.MaxTokens {
			return fmt.Errorf("thinking is %d, which leaves no room for an answer in the cap of %d tokens that the strategy sets", *t, g.MaxTokens)
		}
		g.Thinking = &thinking{*t}
	}
	if r.Schema != nil && p.info.Structured {
		g.Type, g.Schema = "application/json", r.Schema
	}
	return errors.Join(body.Set("contents", turns), body.Set("generationConfig", g))
}

// first returns the first value that is there.
func first(values ...*float64) *float64 {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// Authorize sets the key in its header; an empty one is none.
func (p *Provider) Authorize(req *http.Request, _ []byte, key string) error {
	return wire.SetKey(req, "X-Goog-Api-Key", "", key)
}

// answer is what is read of an answer.
type answer struct {
	Model      string `json:"modelVersion"`
	Candidates []struct {
		Finish  string `json:"finishReason"`
		Content struct {
			Parts []struct {
				Text    string `json:"text"`
				Thought bool   `json:"thought"`
			} `json:"parts"`
		} `json:"content"`
	} `json:"candidates"`
	Feedback struct {
		Block string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage struct {
		Input     int `json:"promptTokenCount"` // with those of the cache
		Cached    int `json:"cachedContentTokenCount"`
		Output    int `json:"candidatesTokenCount"` // without those of reasoning
		Reasoning int `json:"thoughtsTokenCount"`
	} `json:"usageMetadata"`
	Error json.RawMessage `json:"error"`
}

// Read reads an answer.
func (p *Provider) Read(body []byte) (*plugins.Response, error) {
	var a answer
	if err := wire.Decode(body, &a); err != nil {
		return nil, err
	}
	u := a.Usage
	if err := wire.Tokens(u.Input, u.Cached, u.Output, u.Reasoning); err != nil {
		return nil, err
	}
	out := &plugins.Response{
		Model: a.Model, InputTokens: u.Input, CachedTokens: u.Cached, OutputTokens: u.Output + u.Reasoning, ReasoningTokens: u.Reasoning,
	}
	if len(a.Candidates) == 0 {
		switch {
		case a.Feedback.Block != "":
			out.Stop = plugins.StopRefusal
			return out, nil
		case len(a.Error) > 0 && string(a.Error) != "null":
			return nil, errors.New("the answer is an error of the API, in spite of its status")
		}
		return nil, errors.New("the answer is none of generateContent: it has no candidates")
	}
	only := a.Candidates[0]
	for _, part := range only.Content.Parts {
		if !part.Thought {
			out.Text += part.Text
		}
	}
	var err error
	out.Stop, err = stop(only.Finish)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// stop says why an answer ended. Each of the filters of the API has a reason of its own.
func stop(finish string) (string, error) {
	switch finish {
	case "STOP":
		return plugins.StopEnd, nil
	case "MAX_TOKENS":
		return plugins.StopLength, nil
	case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "OTHER":
		return plugins.StopRefusal, nil
	case "", "FINISH_REASON_UNSPECIFIED":
		return "", errors.New("the answer is not complete: it has no finishReason")
	}
	return "", errors.New("the answer has a finishReason that is none of a text: want STOP, MAX_TOKENS or that of a filter")
}
