package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

// Config is what the with blocks of all providers share.
type Config struct {
	Model       string   `json:"model"`
	BaseURL     string   `json:"base_url"`    // empty: the provider's own
	KeyEnv      string   `json:"key_env"`     // empty: the provider's own variable, unless base_url or key_command is set
	KeyCommand  string   `json:"key_command"` // instead of KeyEnv
	Family      string   `json:"family"`      // empty: guessed from the name
	Context     int      `json:"context"`     // tokens; 0: unknown
	MaxTokens   int      `json:"max_tokens"`
	Temperature *float64 `json:"temperature,omitempty"`
	TopP        *float64 `json:"top_p,omitempty"`
	Structured  bool     `json:"structured"`
	Limits      Limits   `json:"limits"`
	Insecure    bool     `json:"insecure"`
}

// Limits is plugins.Limits as it is written in an experiment.
type Limits struct {
	Requests    int    `json:"requests"`
	Tokens      int    `json:"tokens"`
	Concurrency int    `json:"concurrency"`
	Retries     int    `json:"retries"`
	Timeout     string `json:"timeout"` // e.g. "2m"
}

// Defaults returns the settings of a with block that names none.
func Defaults() Config {
	return Config{
		MaxTokens:  4096, // the least cap of the hosted models of 2024 and later
		Structured: true,
		Limits:     Limits{Concurrency: 8, Retries: 6, Timeout: "5m"},
	}
}

// Schema is the CUE of Config. hottest is the greatest temperature that the API takes.
func Schema(hottest int) string {
	return fmt.Sprintf(`// the model, as the API names it; best with a date, so that it stays the same
model!: string & !=""
// where the API is, e.g. of a server of one's own; the provider's own unless set. http is for this machine alone unless insecure is true
base_url?: string
// environment variable that holds the key, read when the first call is sent; with base_url, none is read unless one is named here
key_env?: string @local()
// shell command whose standard output is the key, instead of key_env
key_command?: string & !="" @local()
// who trained the model, e.g. "gpt", "claude", "llama"; guessed from its name unless set, and required where that tells nothing
family?: string & =~"^[a-z][a-z0-9-]*$"
// tokens that a request and its answer may have together; unknown unless set
context?: int & >=1
// cap on the tokens of an answer, reasoning included, where a strategy sets none; 4096 unless set
max_tokens?: int & >=1
// sent where a strategy sets none; else the provider's own default holds
temperature?: number & >=0 & <=%d
// likewise; tokens are drawn from the most likely ones that have this probability together
top_p?: number & >0 & <=1
// true unless set: answers are held to the JSON Schema of a strategy that has one
structured?: bool
// what the provider allows; none of it changes an answer
limits?: {
	// a minute; no limit unless set
	requests?: int & >=0
	// a minute, of input and of the cap on output; no limit unless set
	tokens?: int & >=0
	// calls at once; 8 unless set
	concurrency?: int & >=1 & <=1024
	// after the first try; 6 unless set
	retries?: int & >=0 & <=100
	// of one try, e.g. "90s"; "5m" unless set
	timeout?: string & =~"^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
} @local()
// true: base_url may be http on another machine, where others can read what is sent, the key included
insecure?: bool @local()`, hottest)
}

// API is what a provider adds to Config to describe a model.
type API struct {
	Name     string // of the wire format, e.g. "openai-chat"
	BaseURL  string // its own
	KeyEnv   string // its own
	Dated    string // an example of a name with a date
	Settings any    // what of the provider's own settings enters bodies, besides Config's; a struct or nil
}

// Info checks the settings and describes the model.
func (c Config) Info(a API) (plugins.ModelInfo, error) {
	none := plugins.ModelInfo{}
	if strings.TrimSpace(c.Model) == "" || c.Model != strings.TrimSpace(c.Model) {
		return none, fmt.Errorf("model: want a name without space around it, e.g. %q", a.Dated)
	}
	endpoint, err := c.endpoint(a.BaseURL)
	if err != nil {
		return none, err
	}
	family := c.Family
	if family == "" {
		if family = Family(c.Model); family == "" {
			return none, fmt.Errorf("family: the name %q does not tell who trained the model; set it, e.g. %q", c.Model, "llama")
		}
	}
	limits, err := c.Limits.parse()
	if err != nil {
		return none, err
	}
	if err := c.check(); err != nil {
		return none, err
	}
	settings, err := c.settings(a.Settings)
	if err != nil {
		return none, err
	}
	info := plugins.ModelInfo{
		Identity:   plugins.Identity{API: a.Name, Endpoint: endpoint, Model: c.Model, Settings: settings},
		Family:     family,
		Structured: c.Structured,
		Context:    c.Context,
		MaxTokens:  c.MaxTokens,
		Limits:     limits,
		Secret:     c.secret(a.KeyEnv),
	}
	if !dated(c.Model) {
		info.Warnings = []string{fmt.Sprintf("the name %q has no date or version: another model may be served under it later; one that stays the same looks like %q", c.Model, a.Dated)}
	}
	return info, nil
}

// secret says where the key is. A key of the provider's own is not sent elsewhere unless the experiment says so.
func (c Config) secret(own string) plugins.Secret {
	switch {
	case c.KeyCommand != "":
		return plugins.Secret{Command: c.KeyCommand}
	case c.KeyEnv != "":
		return plugins.Secret{Env: c.KeyEnv}
	case c.BaseURL != "":
		return plugins.Secret{}
	}
	return plugins.Secret{Env: own}
}

var variable = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// check checks what Info does not need to read.
func (c Config) check() error {
	switch {
	case c.KeyEnv != "" && !variable.MatchString(c.KeyEnv): // not quoted: it may be a key, put in the wrong place
		return errors.New("key_env: want the name of an environment variable, in capitals, digits and underscores; the key itself is never written down")
	case c.KeyEnv != "" && c.KeyCommand != "":
		return errors.New("key_env and key_command: set one of them")
	case c.MaxTokens < 1:
		return fmt.Errorf("max_tokens is %d, want 1 or more", c.MaxTokens)
	case c.Context < 0:
		return fmt.Errorf("context is %d, want 1 or more", c.Context)
	case c.Context > 0 && c.MaxTokens >= c.Context:
		return fmt.Errorf("max_tokens is %d, which leaves no room for a request in the context of %d tokens", c.MaxTokens, c.Context)
	}
	return nil
}

func (l Limits) parse() (plugins.Limits, error) {
	timeout, err := time.ParseDuration(l.Timeout)
	switch {
	case err != nil || timeout <= 0:
		return plugins.Limits{}, fmt.Errorf("limits.timeout: want a time such as %q", "90s")
	case l.Requests < 0 || l.Tokens < 0 || l.Retries < 0 || l.Concurrency < 1:
		return plugins.Limits{}, fmt.Errorf("limits: want requests, tokens and retries of 0 or more and a concurrency of 1 or more")
	}
	return plugins.Limits{Requests: l.Requests, Tokens: l.Tokens, Concurrency: l.Concurrency, Retries: l.Retries, Timeout: timeout}, nil
}

// settings returns the JSON of what enters bodies.
func (c Config) settings(own any) (json.RawMessage, error) {
	shared := struct {
		Temperature *float64 `json:"temperature,omitempty"`
		TopP        *float64 `json:"top_p,omitempty"`
		MaxTokens   int      `json:"max_tokens"`
		Structured  bool     `json:"structured"`
		Own         any      `json:"api,omitempty"`
	}{c.Temperature, c.TopP, c.MaxTokens, c.Structured, own}
	return json.Marshal(shared)
}

// endpoint returns the URL of the API in one spelling, without a slash at its end.
func (c Config) endpoint(own string) (string, error) {
	if c.BaseURL == "" {
		return own, nil
	}
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Opaque != "":
		return "", fmt.Errorf("base_url: want an address such as %q", own)
	case u.User != nil:
		return "", fmt.Errorf("base_url: names a user or holds a key; keys come from key_env or key_command")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("base_url: want an address without %q and %q", "?", "#")
	case u.Scheme == "http" && !loopback(u.Hostname()) && !c.Insecure:
		return "", fmt.Errorf("base_url: http to another machine can be read on the way; use https, or set insecure: true")
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if p := u.Port(); p != "" && !(u.Scheme == "http" && p == "80") && !(u.Scheme == "https" && p == "443") {
		host += ":" + p
	}
	return u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/"), nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
