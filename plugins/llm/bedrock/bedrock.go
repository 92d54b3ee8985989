// Package bedrock asks the models of Anthropic on Amazon Bedrock over its InvokeModel operation.
package bedrock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/tmc/langchaingo/llms"
	lc "github.com/tmc/langchaingo/llms/bedrock"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
)

// Config is the provider's "with" block.
type Config struct {
	wire.Config
	Region   string `json:"region"`
	Thinking int    `json:"thinking"` // 0: none
}

// Register adds the provider to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.LLMs, plugins.Info{
		Name:    "bedrock",
		Version: 1,
		Summary: "experimental: models of Anthropic on Amazon Bedrock; tried on a server of its wire format, not yet on Bedrock itself",
		Source:  "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html",
		Schema: wire.Schema(1) + wire.ThinkingSchema + `
// of AWS, e.g. "us-east-1". The key is that of the variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where it is set,
// AWS_SESSION_TOKEN; or what key_env or key_command give, as "ACCESS:SECRET" or "ACCESS:SECRET:SESSION"
region!: string & =~"^[a-z]{2}(-[a-z]+)+-[0-9]+$"`,
		Remote: true,
	}, Config{Config: wire.Defaults()}, New)
}

const (
	accessEnv  = "AWS_ACCESS_KEY_ID"
	secretEnv  = "AWS_SECRET_ACCESS_KEY"
	sessionEnv = "AWS_SESSION_TOKEN"
	dated      = "anthropic.claude-3-5-sonnet-20241022-v2:0"
)

var region = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)

// Provider is the plugin.
type Provider struct {
	claude wire.Claude
	region string
	info   plugins.ModelInfo
	now    func() time.Time // of signatures
}

// New returns the provider.
func New(c Config) (plugins.Provider, error) {
	if !region.MatchString(c.Region) {
		return nil, fmt.Errorf("region: want one of AWS, e.g. %q", "us-east-1")
	}
	if !strings.Contains(c.Model, "anthropic.") {
		return nil, fmt.Errorf("model: want one of Anthropic, e.g. %q; the others on Bedrock have wire formats of their own", dated)
	}
	own := struct {
		Thinking int `json:"thinking,omitempty"`
	}{c.Thinking}
	info, err := c.Info(wire.API{
		Name: "bedrock-anthropic", BaseURL: "https://bedrock-runtime." + c.Region + ".amazonaws.com", KeyEnv: accessEnv,
		Dated: dated, Settings: own,
	})
	if err != nil {
		return nil, err
	}
	p := &Provider{claude: wire.Claude{Config: c.Config, Thinking: c.Thinking}, region: c.Region, info: info, now: time.Now}
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
		URL:  p.info.Endpoint + "/model/" + strings.ReplaceAll(url.PathEscape(p.info.Model), ":", "%3A") + "/invoke",
		Edit: func(body wire.Body) error { return p.claude.Edit(body, r) },
		Read: p.Read,
		Send: func(ctx context.Context, c *http.Client) error {
			client := bedrockruntime.New(bedrockruntime.Options{
				Region: p.region, BaseEndpoint: &p.info.Endpoint, HTTPClient: c,
				Credentials: aws.AnonymousCredentials{}, Retryer: aws.NopRetryer{},
			})
			model, err := lc.New(lc.WithClient(client), lc.WithModel(p.info.Model), lc.WithModelProvider("anthropic"))
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

// Authorize signs the request with its body (AWS Signature Version 4). key is "ACCESS:SECRET" or "ACCESS:SECRET:SESSION", or
// the access key of the environment, whose secret is read there, too; an empty one is none.
func (p *Provider) Authorize(req *http.Request, body []byte, key string) error {
	if key == "" {
		return nil
	}
	credentials, err := parse(key)
	if err != nil {
		return err
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} { // of an earlier try
		req.Header.Del(name)
	}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(req.Context(), credentials, req, hex.EncodeToString(sum[:]), "bedrock", p.region, p.now().UTC())
	if err != nil {
		return errors.New("the request cannot be signed with the key") // the cause may quote what was signed
	}
	return nil
}

// parse reads a key. An error does not quote it.
func parse(key string) (aws.Credentials, error) {
	if access, ok := os.LookupEnv(accessEnv); ok && key == access {
		secret := os.Getenv(secretEnv)
		if secret == "" {
			return aws.Credentials{}, fmt.Errorf("%s is set, and %s is not", accessEnv, secretEnv)
		}
		return aws.Credentials{AccessKeyID: access, SecretAccessKey: secret, SessionToken: os.Getenv(sessionEnv)}, nil
	}
	parts := strings.Split(key, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return aws.Credentials{}, errors.New(`the key is not of the form "ACCESS:SECRET" or "ACCESS:SECRET:SESSION"`)
	}
	c := aws.Credentials{AccessKeyID: parts[0], SecretAccessKey: parts[1]}
	if len(parts) == 3 {
		c.SessionToken = parts[2]
	}
	return c, nil
}
