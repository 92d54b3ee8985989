package cli

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/client"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/responses"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// models are the language models of an experiment, with what they were asked before.
type models struct {
	client *client.Client
	store  plugins.ResponseStore
	close  func() error

	invented bool // rows of stand-ins are in the place of those that prompts would be made of

	prices map[served]*spec.Price // nil where it is unknown
	list   *spec.PriceList
}

// served is a model as a provider counts it.
type served struct{ api, endpoint, model string }

func servedBy(i plugins.Identity) served { return served{i.API, i.Endpoint, i.Model} }

// responsesFolder is where the answers of language models are kept, beside the outputs of steps.
func (a *app) responsesFolder() string { return filepath.Join(a.settings.Cache, "responses") }

// openModels makes the client that asks the models of an experiment; nil where it has none. replay is a recording that
// answers in their place, or "". A cache that cannot be written is good enough when nothing has to be asked.
func (a *app) openModels(e *spec.Experiment, replay string, readOnly bool) (*models, error) {
	if len(e.LLMs) == 0 {
		if replay != "" {
			return nil, wrong(fmt.Errorf("experiment %s asks no language model: there is nothing to replay", e.Name))
		}
		return nil, nil
	}
	m := &models{prices: map[served]*spec.Price{}}
	var err error
	if m.list, err = spec.Prices(); err != nil {
		return nil, err
	}
	opt := client.Options{Experiment: e.Name, Replay: replay != "", Log: a.log}
	opt.PriceOf = func(i plugins.Identity) *client.Price { return priced(m.price(i)) }
	if replay == "" {
		opt.Budget = budgetOf(e.Budget)
	}
	for i := range e.LLMs {
		model, err := a.model(&e.LLMs[i], m)
		if err != nil {
			return nil, wrong(err)
		}
		opt.Models = append(opt.Models, *model)
	}
	if err := a.openResponses(m, e.Name, replay, readOnly); err != nil {
		return nil, err
	}
	opt.Store = m.store
	if m.client, err = client.New(opt); err != nil {
		return nil, wrong(errors.Join(err, m.close()))
	}
	closeStore := m.close
	m.close = func() error {
		m.client.Close()
		return closeStore()
	}
	return m, nil
}

// priced puts a price in the terms of the client; nil where it is unknown.
func priced(p *spec.Price) *client.Price {
	if p == nil {
		return nil
	}
	return &client.Price{Input: &p.Input, Output: &p.Output, Cached: p.Cached}
}

// openResponses opens the store, or the recording that stands in for it. Who may send is the only one of the experiment: what it
// has spent is read when the client is made.
func (a *app) openResponses(m *models, experiment, replay string, readOnly bool) error {
	if replay != "" {
		recording, err := responses.OpenRecording(replay)
		if err != nil {
			return wrong(err)
		}
		m.store, m.close = recording, recording.Close
		return nil
	}
	store, err := responses.Open(a.responsesFolder(), responses.Options{ReadOnly: readOnly, Log: a.log})
	if !readOnly && errors.Is(err, cache.ErrNotWritable) {
		readOnly = true
		store, err = responses.Open(a.responsesFolder(), responses.Options{ReadOnly: true, Log: a.log})
	}
	if err != nil {
		return err
	}
	if !readOnly {
		if err := store.Claim(experiment); err != nil {
			if errors.Is(err, responses.ErrClaimed) {
				err = fmt.Errorf("another run of %s is asking its models; wait for its end, or stop it", experiment)
			}
			return errors.Join(err, store.Close())
		}
	}
	m.store, m.close = store, store.Close
	return nil
}

// model makes the provider of a model, and notes its price.
func (a *app) model(l *spec.LLM, m *models) (*client.Model, error) {
	provider, _, err := a.registry.LLMs.Get(l.Use.Use).Build(l.With)
	if err != nil {
		return nil, fmt.Errorf("llm %s: %w", l.Name, err)
	}
	out := &client.Model{Name: l.Name, Provider: provider}
	if price := l.PriceOf(provider.Info(), m.list); price != nil {
		m.prices[servedBy(provider.Info().Identity)] = price
		out.Price = priced(price)
	}
	if x := l.Approval; x != nil {
		out.Approval = &client.Approval{
			Basis: x.Basis, By: x.By, Date: x.Date, Retention: x.Retention, Local: x.Local, Reveals: x.Reveals, Datasets: x.Datasets,
		}
	}
	return out, nil
}

// price returns what a model costs; nil when that is unknown.
func (m *models) price(i plugins.Identity) *spec.Price {
	if p, ok := m.prices[servedBy(i)]; ok {
		return p
	}
	return m.list.Of(i)
}

// cost is the price of answers in USD, and whether it is known.
func (m *models) cost(u plugins.Usage) (usd float64, known bool) {
	if u.Simulated {
		return 0, true
	}
	p := m.price(u.Model)
	if p == nil {
		return 0, false
	}
	return p.Cost(u.Input, u.Cached, u.Output), true
}

// budgetOf puts a budget in the terms of the client.
func budgetOf(b *spec.Budget) client.Budget {
	var out client.Budget
	if b == nil {
		return out
	}
	if l := limitOf(b.Allowance); l != (client.Limit{}) {
		out.Total = &l
	}
	if b.Cell != nil {
		l := limitOf(*b.Cell)
		out.PerCell = &l
	}
	for _, axis := range slices.Sorted(maps.Keys(b.By)) {
		for _, value := range slices.Sorted(maps.Keys(b.By[axis])) {
			out.By = append(out.By, client.AxisLimit{Axis: axis, Value: value, Limit: limitOf(b.By[axis][value])})
		}
	}
	return out
}

// limitOf puts an allowance in the terms of the client, where 0 is no limit: an experiment cannot allow nothing.
func limitOf(a spec.Allowance) client.Limit {
	var l client.Limit
	if a.USD != nil {
		l.USD = *a.USD
	}
	if a.Tokens != nil {
		l.Tokens = *a.Tokens
	}
	if a.Calls != nil {
		l.Calls = *a.Calls
	}
	return l
}
