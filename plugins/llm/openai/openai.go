// Package openai asks language models over the chat completions API of OpenAI, which many servers speak: vLLM, llama.cpp,
// and Ollama at /v1.
package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tmc/langchaingo/llms"
	lc "github.com/tmc/langchaingo/llms/openai"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

// Config is the provider's "with" block.
type Config struct {
	wire.Config
	Effort          string `json:"effort"` // empty: not sent
	Seed            *int64 `json:"seed,omitempty"`
	LegacyMaxTokens *bool  `json:"legacy_max_tokens,omitempty"` // nil: where base_url is not OpenAI's
}

// Register adds the provider to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.LLMs, plugins.Info{
		Name:    "openai",
		Version: 1,
		Summary: "models of OpenAI, and of any server that speaks its chat completions API (vLLM, llama.cpp, Ollama at /v1)",
		Source:  "https://platform.openai.com/docs/api-reference/chat",
		Schema: wire.Schema(2) + `
// how much a reasoning model reasons; not sent unless set
effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh"
// sent as it is with every request, so that replicates are no fresh draws where the server goes by it; not sent unless set
seed?: int & >=0 & <=9007199254740991
// the cap on tokens is sent as "max_tokens", not as "max_completion_tokens"; unless set, to all but OpenAI's own address
legacy_max_tokens?: bool`,
		Remote: true,
	}, Config{Config: wire.Defaults()}, New)
}

// official is the address of OpenAI.
const official = "https://api.openai.com/v1"

// Provider is the plugin.
type Provider struct {
	config Config
	info   plugins.ModelInfo
	legacy bool
}

// New returns the provider.
func New(c Config) (plugins.Provider, error) {
	p := &Provider{config: c}
	if c.LegacyMaxTokens != nil {
		p.legacy = *c.LegacyMaxTokens
	} else {
		p.legacy = !ofOpenAI(c.BaseURL)
	}
	own := struct {
		Effort string `json:"effort,omitempty"`
		Seed   *int64 `json:"seed,omitempty"`
		Legacy bool   `json:"legacy_max_tokens,omitempty"`
	}{c.Effort, c.Seed, p.legacy}
	var err error
	p.info, err = c.Info(wire.API{Name: "openai-chat", BaseURL: official, KeyEnv: "OPENAI_API_KEY", Dated: "gpt-4o-2024-08-06", Settings: own})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func ofOpenAI(base string) bool {
	if base == "" {
		return true
	}
	u, err := url.Parse(base)
	return err == nil && (u.Hostname() == "api.openai.com" || strings.HasSuffix(u.Hostname(), ".api.openai.com"))
}

// Info describes the model.
func (p *Provider) Info() plugins.ModelInfo { return p.info }

// Complete asks the model.
func (p *Provider) Complete(ctx context.Context, transport http.RoundTripper, r plugins.Request) (*plugins.Response, error) {
	messages, err := wire.Messages(r)
	if err != nil {
		return nil, err
	}
	call := wire.Call{
		URL:  p.info.Endpoint + "/chat/completions",
		Edit: func(body wire.Body) error { return p.edit(body, r) },
		Read: p.Read,
		Send: func(ctx context.Context, c *http.Client) error {
			model, err := lc.New(lc.WithToken(wire.Dummy), lc.WithBaseURL(p.info.Endpoint), lc.WithModel(p.info.Model), lc.WithHTTPClient(c), lc.WithOrganization(""))
			if err != nil {
				return err
			}
			_, err = model.GenerateContent(ctx, messages, llms.WithModel(p.info.Model))
			return err
		},
	}
	return call.Do(ctx, transport)
}

// edit makes the body final.
func (p *Provider) edit(body wire.Body, r plugins.Request) error {
	field, other := "max_completion_tokens", "max_tokens"
	if p.legacy {
		field, other = other, field
	}
	delete(body, other)
	if err := errors.Join(
		body.Set(field, p.config.Cap(r)),
		body.SetOr("temperature", r.Temperature, p.config.Temperature),
		body.SetOr("top_p", r.TopP, p.config.TopP),
	); err != nil {
		return err
	}
	if p.config.Seed != nil {
		if err := body.Set("seed", *p.config.Seed); err != nil {
			return err
		}
	}
	if p.config.Effort != "" {
		if err := body.Set("reasoning_effort", p.config.Effort); err != nil {
			return err
		}
	}
	if r.Schema == nil || !p.info.Structured {
		return nil
	}
	type named struct {
		Name   string          `json:"name"`
		Strict bool            `json:"strict"`
		Schema json.RawMessage `json:"schema"`
	}
	return body.Set("response_format", struct {
		Type   string `json:"type"`
		Schema named  `json:"json_schema"`
	}{"json_schema", named{"answer", true, r.Schema}})
}

// Authorize sets the key as the bearer token; an empty one is none.
func (p *Provider) Authorize(req *http.Request, _ []byte, key string) error {
	return wire.SetKey(req, "Authorization", "Bearer ", key)
}

// answer is what is read of an answer.
type answer struct {
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
	Choices     []struct {
		Finish  string `json:"finish_reason"`
		Message *struct {
			Content content `json:"content"`
			Refusal string  `json:"refusal"`
		} `json:"message"`
	} `json:"choices"`
	Usage struct {
		Input  int `json:"prompt_tokens"`
		Output int `json:"completion_tokens"`
		Of     struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		For struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// Read reads an answer.
func (p *Provider) Read(body []byte) (*plugins.Response, error) {
	var a answer
	if err := wire.Decode(body, &a); err != nil {
		return nil, err
	}
	if len(a.Choices) == 0 || a.Choices[0].Message == nil {
		if len(a.Error) > 0 && string(a.Error) != "null" {
			return nil, errors.New("the answer is an error of the API, in spite of its status")
		}
		return nil, fmt.Errorf("the answer is no chat completion: it has no choices[0].message")
	}
	u := a.Usage
	if err := wire.Tokens(u.Input, u.Output, u.Of.Cached, u.For.Reasoning); err != nil {
		return nil, err
	}
	out := &plugins.Response{
		Model: a.Model, Fingerprint: a.Fingerprint,
		InputTokens: u.Input, CachedTokens: u.Of.Cached, OutputTokens: u.Output, ReasoningTokens: u.For.Reasoning,
	}
	first := a.Choices[0]
	out.Text = string(first.Message.Content)
	switch first.Finish {
	case "stop", "eos", "eos_token", "stop_sequence", "end_turn": // the first is OpenAI's; the others are of servers that follow it
		out.Stop = plugins.StopEnd
	case "length", "max_tokens":
		out.Stop = plugins.StopLength
	case "content_filter":
		out.Stop = plugins.StopRefusal
	case "":
		return nil, errors.New("the answer is not complete: it has no finish_reason")
	default:
		return nil, errors.New("the answer has a finish_reason that is none of a text: want stop, length or content_filter")
	}
	if first.Message.Refusal != "" {
		out.Stop, out.Text = plugins.StopRefusal, first.Message.Refusal
	}
	return out, nil
}

// content is the text of an answer. Where a model reasoned and then said nothing it is null: that was paid for, and is an
// empty answer. Models of Mistral that reason give a list of parts, of which those of type "text" are the answer.
type content string

// UnmarshalJSON implements json.Unmarshaler.
func (c *content) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(c))
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	for _, part := range parts {
		if part.Type == "text" {
			*c += content(part.Text)
		}
	}
	return nil
}
