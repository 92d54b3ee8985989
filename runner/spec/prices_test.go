package spec

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestPrices(t *testing.T) {
	list, err := Prices()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.DateOnly, list.Dated); err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for _, m := range list.Models {
		if m.Model == "" || seen[m.Model] || strings.Contains(strings.TrimSuffix(m.Model, "*"), "*") || m.Source == "" || !strings.HasPrefix(m.Endpoint, "https://") {
			t.Errorf("%+v", m)
		}
		seen[m.Model] = true
		if m.Input <= 0 || m.Output < m.Input || m.Cached != nil && (*m.Cached <= 0 || *m.Cached > m.Input) {
			t.Errorf("%s: input %v, output %v, cached %v", m.Model, m.Input, m.Output, m.Cached)
		}
	}
	for model, input := range map[string]float64{
		"gpt-4o-2024-05-13":        5, // a whole name before the beginnings
		"gpt-4o-2024-11-20":        2.5,
		"gpt-4o-mini-2024-07-18":   0.15, // the longest beginning
		"o1-2024-12-17":            15,
		"claude-sonnet-4-20250514": 3,
		"gemini-2.0-flash-001":     0.1,
		"gpt-5-pro-2025-10-06":     0, // dearer than gpt-5: not to be taken for it
		"gpt-4o-audio-preview":     0,
		"llama3.1:8b":              0,
		"":                         0,
	} {
		id := plugins.Identity{Model: model}
		for _, endpoint := range []string{"https://api.openai.com/v1", "https://api.anthropic.com/v1", "https://generativelanguage.googleapis.com/v1beta"} {
			if id.Endpoint = endpoint; list.Of(id) != nil {
				break
			}
		}
		p := list.Of(id)
		if (p == nil) != (input == 0) || p != nil && p.Input != input {
			t.Errorf("%q: %+v, want %v", model, p, input)
		}
		for _, elsewhere := range []string{"http://127.0.0.1:8080/v1", "https://api.openai.com.example.org/v1", ""} {
			if id.Endpoint = elsewhere; list.Of(id) != nil {
				t.Errorf("%q has a price at %q", model, elsewhere)
			}
		}
	}
}

func TestPriceOf(t *testing.T) {
	list := &PriceList{Models: []ListedPrice{{Model: "a*", Endpoint: "https://api.example.org", Price: Price{Input: 1, Output: 2}}}}
	info := func(model string) plugins.ModelInfo {
		return plugins.ModelInfo{Identity: plugins.Identity{Model: model, Endpoint: "https://api.example.org"}}
	}
	own := &Price{Input: 7}
	if p := (&LLM{Price: own}).PriceOf(info("ab"), list); p != own {
		t.Errorf("its own price does not count: %+v", p)
	}
	if p := (&LLM{}).PriceOf(info("ab"), list); p == nil || p.Input != 1 {
		t.Errorf("listed: %+v", p)
	}
	if p := (&LLM{}).PriceOf(info("b"), list); p != nil {
		t.Errorf("unknown: %+v", p)
	}
	if p := (&LLM{}).PriceOf(plugins.ModelInfo{InProcess: true}, list); p == nil || *p != (Price{}) {
		t.Errorf("in process: %+v", p)
	}
}

func TestCost(t *testing.T) {
	for _, c := range []struct {
		price                 Price
		input, cached, output int
		want                  float64
	}{
		{Price{Input: 2, Output: 8}, 1_000_000, 0, 500_000, 6},
		{Price{Input: 2, Output: 8}, 1000, 400, 0, 0.002},
		{Price{Input: 2, Output: 8, Cached: ptr(0.5)}, 1000, 400, 100, 0.0022}, // 600·2 + 400·0.5 + 100·8 = 2200
		{Price{Input: 2, Output: 8, Cached: ptr(0.)}, 1000, 1000, 0, 0},
	} {
		if got := c.price.Cost(c.input, c.cached, c.output); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v: %v, want %v", c, got, c.want)
		}
	}
}
