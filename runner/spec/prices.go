package spec

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/schemas"
)

// Price is what a language model costs, in USD per million tokens.
type Price struct {
	Input  float64  `json:"input"`
	Output float64  `json:"output"`           // reasoning included
	Cached *float64 `json:"cached,omitempty"` // input that the provider had kept; nil: as other input
}

// Cost is that of some tokens in USD. cached is the part of input that the provider had kept, reasoning is part of output.
func (p Price) Cost(input, cached, output int) float64 {
	kept := p.Input
	if p.Cached != nil {
		kept = *p.Cached
	}
	return (float64(input-cached)*p.Input + float64(cached)*kept + float64(output)*p.Output) / 1e6
}

// PriceList is the list prices of well-known models on one day.
type PriceList struct {
	Dated  string        `json:"dated"` // e.g. "2026-01-31"
	Models []ListedPrice `json:"models"`
}

// ListedPrice is the price of one model, or of all whose names begin alike.
type ListedPrice struct {
	Model string `json:"model"` // a name, or the beginning of names and "*"
	Price
	Endpoint string `json:"endpoint"` // where that is the price
	Source   string `json:"source"`
}

// Prices returns the list prices that ehrlab brings along.
func Prices() (*PriceList, error) {
	v := cuecontext.New().CompileString(schemas.Prices, cue.Filename("prices.cue"))
	var list PriceList
	if err := v.Decode(&list); err != nil {
		return nil, fmt.Errorf("list of prices: %w", err)
	}
	return &list, nil
}

// Of returns the price of a model at its endpoint, by the name that requests give it: that of the whole name, else of the longest
// beginning; nil when the list has none, which does not mean that the model is free.
func (l *PriceList) Of(id plugins.Identity) *Price {
	var best *ListedPrice
	for i := range l.Models {
		m := &l.Models[i]
		if m.Endpoint != id.Endpoint {
			continue
		}
		if m.Model == id.Model {
			return &m.Price
		}
		start, pattern := strings.CutSuffix(m.Model, "*")
		if pattern && strings.HasPrefix(id.Model, start) && (best == nil || len(m.Model) > len(best.Model)) {
			best = m
		}
	}
	if best == nil {
		return nil
	}
	return &best.Price
}

// PriceOf returns what a model costs: as the experiment says, nothing when it runs in the process, else as the list says;
// nil when the price is not known.
func (m *LLM) PriceOf(info plugins.ModelInfo, list *PriceList) *Price {
	switch {
	case m.Price != nil:
		return m.Price
	case info.InProcess:
		return &Price{}
	}
	return list.Of(info.Identity)
}
