// Package anthropic asks the models of Anthropic over their messages API.
package anthropic

import (
	"context"
	"net/http"

	"github.com/tmc/langchaingo/llms"
	lc "github.com/tmc/langchaingo/llms/anthropic"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

// Config is the provider's "with" block.
type Config struct {
	wire.Config
	Thinking int `json:"thinking"` // 0: none
}

// Register adds the provider to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.LLMs, plugins.Info{
		Name:    "anthropic",
		Version: 1,
		Summary: "models of Anthropic over the messages API; answers are held to a schema by a tool that takes them",
		Source:  "https://docs.anthropic.com/en/api/messages",
		Schema:  wire.Schema(1) + wire.ThinkingSchema,
		Remote:  true,
	}, Config{Config: wire.Defaults()}, New)
}

// version is that of the API whose bodies are written and read here.
const version = "2023-06-01"

// Provider is the plugin.
type Provider struct {
	claude wire.Claude
	info   plugins.ModelInfo
}

// New returns the provider.
func New(c Config) (plugins.Provider, error) {
	p := &Provider{claude: wire.Claude{Config: c.Config, Thinking: c.Thinking}}
	own := struct {
		Version  string `json:"version"`
		Thinking int    `json:"thinking,omitempty"`
	}{version, c.Thinking}
	var err error
	p.info, err = c.Info(wire.API{
		Name: "anthropic-messages", BaseURL: "https://api.anthropic.com/v1", KeyEnv: "ANTHROPIC_API_KEY",
		Dated: "claude-sonnet-4-20250514", Settings: own,
	})
	if err != nil {
		return nil, err
	}
	if err := p.claude.Check(); err != nil {
		return nil, err
	}
	return p, nil
}

// Info describes the model.
func (p *Provider) Info() plugins.ModelInfo { return p.info }

// Complete asks the model.
func (p *Provider) Complete(ctx context.Context, transport http.RoundTripper, r plugins.Request) (*plugins.Response, error) {
	messages, err := wire.Messages(wire.OneSystem(r))
	if err != nil {
		return nil, err
	}
	call := wire.Call{
		URL:    p.info.Endpoint + "/messages",
		Header: http.Header{"Anthropic-Version": {version}},
		Edit:   func(body wire.Body) error { return p.claude.Edit(body, r) },
		Read:   p.Read,
		Send: func(ctx context.Context, c *http.Client) error {
			model, err := lc.New(lc.WithToken(wire.Dummy), lc.WithBaseURL(p.info.Endpoint), lc.WithModel(p.info.Model), lc.WithHTTPClient(c))
			if err != nil {
				return err
			}
			_, err = model.GenerateContent(ctx, messages, llms.WithModel(p.info.Model))
			return err
		},
	}
	return call.Do(ctx, transport)
}

// Read reads an answer.
func (p *Provider) Read(body []byte) (*plugins.Response, error) { return p.claude.Read(body) }

// Authorize sets the key in its header; an empty one is none.
func (p *Provider) Authorize(req *http.Request, _ []byte, key string) error {
	return wire.SetKey(req, "X-Api-Key", "", key)
}
