package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

var api = API{Name: "api", BaseURL: "https://api.example/v1", KeyEnv: "API_KEY", Dated: "gpt-4o-2024-08-06"}

func config(change func(*Config)) Config {
	c := Defaults()
	c.Model = "gpt-4o-2024-08-06"
	if change != nil {
		change(&c)
	}
	return c
}

func TestInfo(t *testing.T) {
	got, err := config(func(c *Config) {
		zero := 0.0
		c.Temperature, c.Context = &zero, 8192
		c.Limits = Limits{Requests: 60, Tokens: 1000, Concurrency: 2, Retries: 1, Timeout: "1.5m"}
	}).Info(api)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(got.Settings); s != `{"temperature":0,"max_tokens":4096,"structured":true}` {
		t.Errorf("settings %s", s)
	}
	want := plugins.Limits{Requests: 60, Tokens: 1000, Concurrency: 2, Retries: 1, Timeout: 90 * time.Second}
	if got.Limits != want || got.Family != "gpt" || got.Context != 8192 || got.MaxTokens != 4096 || got.Endpoint != api.BaseURL || len(got.Warnings) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestEndpoints(t *testing.T) {
	for base, want := range map[string]string{
		"":                                  "https://api.example/v1",
		"https://API.Example:443/v1/":       "https://api.example/v1",
		"https://api.example/a%20b//":       "https://api.example/a%20b",
		"http://localhost:80":               "http://localhost",
		"http://127.3.4.5:8080/v1":          "http://127.3.4.5:8080/v1",
		"http://[::1]:8080/v1":              "http://[::1]:8080/v1",
		"https://x.example:8443":            "https://x.example:8443",
		"ftp://x.example":                   "",
		"x.example/v1":                      "",
		"https://":                          "",
		"https:///v1":                       "",
		"https:x.example":                   "",
		"/v1":                               "",
		"https://sk-planted@x.example":      "",
		"https://u:sk-planted@x.example/v1": "",
		"https://x.example/v1?key=planted":  "",
		"https://x.example/v1?":             "",
		"https://x.example/v1#planted":      "",
		"http://10.0.0.1/v1":                "",
		"http://localhost.example/v1":       "",
		"https://x.example/%zz-planted":     "",
		"https://x\x7fplanted":              "",
	} {
		got, err := config(func(c *Config) { c.BaseURL = base }).Info(api)
		if (err == nil) != (want != "") || got.Endpoint != want {
			t.Errorf("%q: endpoint %q, error %v; want %q", base, got.Endpoint, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("the error quotes what may be a key: %v", err)
		}
	}
	got, err := config(func(c *Config) { c.BaseURL, c.Insecure = "http://10.0.0.1/v1", true }).Info(api)
	if err != nil || got.Endpoint != "http://10.0.0.1/v1" {
		t.Errorf("insecure: endpoint %q, error %v", got.Endpoint, err)
	}
}

func TestMistakes(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"model:":                     func(c *Config) { c.Model = "" },
		"model: ":                    func(c *Config) { c.Model = " gpt-4o" },
		"family:":                    func(c *Config) { c.Model = "my-model" },
		"key_env: want the name":     func(c *Config) { c.KeyEnv = "sk-planted" },
		"key_env and key_command":    func(c *Config) { c.KeyEnv, c.KeyCommand = "X", "y" },
		"max_tokens is 0":            func(c *Config) { c.MaxTokens = 0 },
		"max_tokens is 4096, which":  func(c *Config) { c.Context = 4096 },
		"limits.timeout":             func(c *Config) { c.Limits.Timeout = "5" },
		"limits.timeout: want":       func(c *Config) { c.Limits.Timeout = "-5s" },
		"limits: want requests":      func(c *Config) { c.Limits.Concurrency = 0 },
		"limits: want requests, tok": func(c *Config) { c.Limits.Retries = -1 },
	} {
		_, err := config(change).Info(api)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "planted") {
			t.Errorf("error %v, want one that starts with %q", err, want)
		}
	}
	if info, err := config(func(c *Config) { c.Model, c.Family = "my-model", "llama" }).Info(api); err != nil || info.Family != "llama" {
		t.Errorf("family %q, error %v", info.Family, err)
	}
}

func TestFamilies(t *testing.T) {
	for model, want := range map[string]string{
		"gpt-4o": "gpt", "GPT-5-mini": "gpt", "o1": "gpt", "o3-mini-2025-01-31": "gpt", "o4-mini": "gpt", "chatgpt-4o-latest": "gpt",
		"openai/gpt-oss-20b": "gpt", "openai/o3": "gpt", "ft:gpt-4o-mini-2024-07-18:org::id": "gpt",
		"claude-3-5-sonnet-20241022": "claude", "us.anthropic.claude-sonnet-4-20250514-v1:0": "claude",
		"gemini-2.5-pro": "gemini", "google/gemma-3-27b-it": "gemma", "medgemma-27b": "gemma",
		"meta-llama/Llama-3.1-8B-Instruct": "llama", "llama3.1:8b-instruct-q4_K_M": "llama", "NousResearch/Hermes-3-Llama-3.1-8B": "llama",
		"mistral-large-2411": "mistral", "mistralai/Mixtral-8x7B-v0.1": "mistral", "codestral-2501": "mistral",
		"Qwen/Qwen2.5-72B": "qwen", "qwq-32b": "qwen", "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": "deepseek",
		"microsoft/phi-4": "phi", "phi3:mini": "phi",
		"dolphin-2.9": "", "o2": "", "o10": "", "gpt-neo-125m": "", "EleutherAI/gpt-j-6b": "", "tiny": "", "supernovae": "", "": "", "é-o1x": "",
	} {
		if got := Family(model); got != want {
			t.Errorf("%q is of %q, want %q", model, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	for model, want := range map[string]bool{
		"gpt-4o-2024-08-06": true, "claude-3-5-sonnet-20241022": true, "gpt-4-0613": true, "gemini-2.0-flash-001": true,
		"gemini-2.5-pro-preview-05-06": true, "mistral-large-2411": true, "anthropic.claude-3-5-sonnet-20241022-v2:0": true,
		"gpt-4o": false, "gpt-5-mini": false, "claude-3-7-sonnet-latest": false, "gemini-2.5-pro": false, "llama3.1:8b": false, "o3": false,
		"qwen2.5-72b": false, "mistral-large-latest": false, "mixtral-8x7b": false, "gpt-oss-120b": false,
	} {
		if got := dated(model); got != want {
			t.Errorf("%q has a date: %v, want %v", model, got, want)
		}
	}
}

// CUE quotes what does not match: a key in the wrong place must not be refused by it.
func TestTheSchemaRefusesNoKey(t *testing.T) {
	for line := range strings.Lines(Schema(2)) {
		if strings.HasPrefix(line, "key_env") && strings.Contains(line, "&") {
			t.Errorf("the name of the variable is checked by CUE: %s", line)
		}
	}
}
