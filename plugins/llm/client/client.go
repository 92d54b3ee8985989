// Package client asks the language models of an experiment, and pays for each answer once.
//
// It stands between strategies and providers as the transport under every provider. A request is known by its response
// key; an answer that the store has is served from there, and nothing is sent. What has to be sent is checked against
// what may leave, reserved in the budget, kept within the limits of the provider and journalled before, each try by itself.
// How requests look and how answers are read is the providers' part; how answers are kept is the store's.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

// Options says which models there are and on which terms they are asked. Nothing but the identity of a model enters the
// key of a response.
type Options struct {
	Experiment string // the name that the journal files sends under
	Models     []Model
	Store      plugins.ResponseStore
	Budget     Budget
	// PriceOf returns prices of models that are not in Models as such: other models that an axis puts in the place of one,
	// and those that earlier runs asked. nil, or what it returns: unknown.
	PriceOf func(plugins.Identity) *Price
	Replay  bool // the store is a recording: what it does not have is a fault, and nothing is ever sent

	// Secret reads a key when a model is sent something for the first time. nil: the environment variable, else the
	// output of the command.
	Secret    func(plugins.Secret) (string, error)
	Log       *slog.Logger      // gets neither bodies nor keys; nil: no log
	Transport http.RoundTripper // nil: one of its own, with the proxy of the environment for https. It must not follow redirects
	Now       func() time.Time  // nil: the clock
	Sleep     func(context.Context, time.Duration) error
}

// Model is a language model as an experiment has it.
type Model struct {
	Name     string
	Provider plugins.Provider
	Approval *Approval
	Price    *Price
}

// Price is what a provider asks, in USD for a million tokens. What is nil is unknown, except that cached input costs what
// other input does.
type Price struct {
	Input, Output *float64
	Cached        *float64
}

// Client implements plugins.Models.
type Client struct {
	experiment string
	models     map[string]*model
	store      plugins.ResponseStore
	replay     bool
	ledger     *ledger
	flights    flights
	transport  http.RoundTripper
	clock      clock
	log        *slog.Logger
	priceOf    func(plugins.Identity) *Price
	readSecret func(plugins.Secret) (string, error)

	mu      sync.Mutex
	gates   map[servedModel]*gate
	secrets map[plugins.Secret]*secret
	stops   map[stopOf]*stop
}

// New returns a client. It reads no key and sends nothing; with a budget it reads what earlier runs of the experiment have
// spent.
func New(o Options) (*Client, error) {
	if o.Store == nil {
		return nil, errors.New("a client needs a store of responses")
	}
	c := &Client{
		experiment: o.Experiment, models: map[string]*model{}, store: o.Store, replay: o.Replay,
		transport: o.Transport, clock: clock{now: o.Now, sleep: o.Sleep}.orReal(), log: o.Log, priceOf: o.PriceOf, readSecret: o.Secret,
		gates: map[servedModel]*gate{}, secrets: map[plugins.Secret]*secret{}, stops: map[stopOf]*stop{},
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.readSecret == nil {
		c.readSecret = readSecret
	}
	for _, m := range o.Models {
		if err := c.add(m); err != nil {
			return nil, err
		}
	}
	if c.transport == nil {
		c.transport = network(c.models)
	}
	if c.replay {
		return c, nil // nothing is sent, so nothing is spent
	}
	var err error
	c.ledger, err = newLedger(o.Budget, c)
	return c, err
}

// model is a model of the experiment with what its calls share.
type model struct {
	Model
	info   plugins.ModelInfo
	price  *tariff           // nil: unknown
	server http.RoundTripper // answers in process; nil for a model behind the network
	secret *secret
	gate   *gate
	stop   *stop
}

// servedModel is what limits of a provider and prices are for.
type servedModel struct{ api, endpoint, model string }

func servedBy(id plugins.Identity) servedModel { return servedModel{id.API, id.Endpoint, id.Model} }

// stop is why no call of a model is sent any more; nil until then.
type stop struct {
	atomic.Pointer[plugins.LLMError]
	spoke atomic.Bool // its endpoint has answered as the API does: a page from there is then a slip
}

type stopOf struct {
	name   string
	served servedModel
	secret plugins.Secret
}

// add takes a model of the experiment in.
func (c *Client) add(m Model) error {
	if m.Provider == nil {
		return fmt.Errorf("llm %s has no provider", m.Name)
	}
	if c.models[m.Name] != nil {
		return fmt.Errorf("llm %s is given twice", m.Name)
	}
	added, err := c.model(m)
	if err != nil {
		return err
	}
	added.gate.tighten(added.info.Limits)
	c.models[m.Name] = added
	return nil
}

// model returns a model with what it shares with others: names and settings of one served model have one gate, as the
// provider counts them together; those with one source of keys have one key.
func (c *Client) model(m Model) (*model, error) {
	out := &model{Model: m, info: m.Provider.Info()}
	if out.info.InProcess {
		server, ok := m.Provider.(plugins.Server)
		if !ok {
			return nil, fmt.Errorf("llm %s answers in process, but its provider serves nothing", m.Name)
		}
		out.server = server
	}
	if out.price = tariffOf(out.info.Identity, m.Price); out.info.InProcess {
		out.price = &tariff{}
	}
	id := servedBy(out.info.Identity)
	c.mu.Lock()
	defer c.mu.Unlock()
	out.gate = shared(c.gates, id, func() *gate { return newGate(out.info.Limits, c.clock) })
	out.secret = shared(c.secrets, out.info.Secret, func() *secret { return newSecret(out.info.Secret, c.readSecret) })
	out.stop = shared(c.stops, stopOf{m.Name, id, out.info.Secret}, func() *stop { return &stop{} })
	return out, nil
}

// shared returns the value of a key, and makes it when there is none.
func shared[K comparable, V any](all map[K]*V, key K, fresh func() *V) *V {
	if all[key] == nil {
		all[key] = fresh()
	}
	return all[key]
}

// network returns a transport with connections enough for all models at once. Every call names its own time-out. It speaks
// HTTP/1.1: under HTTP/2 the standard library sends again by itself, past the journal, what a server has taken whole
// (a stream that ends with PROTOCOL_ERROR), and one connection that is cut ends every call under way.
func network(models map[string]*model) *http.Transport {
	calls := 0
	for _, m := range models {
		calls += m.gate.most
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               proxy,
		DialContext:         dialer.DialContext,
		MaxIdleConnsPerHost: max(calls, 1),
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
	}
}

// proxy is that of the environment for https alone, which passes through it unread. What is sent over http to a machine of
// one's own, key and rows with it, would be read there by a host that nobody has approved.
func proxy(req *http.Request) (*url.URL, error) {
	if req.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}

// Open returns the models for one step, by the experiment's names, and what their answers have cost. Where the caller brings
// a provider for a name, its settings count; approval and limits of the budget are those of the name.
func (c *Client) Open(caller plugins.Caller) (models map[string]plugins.LLM, used func() []plugins.Usage) {
	s := &session{Client: c, caller: caller, answers: map[asked]answered{}}
	models = make(map[string]plugins.LLM, len(c.models))
	for name, m := range c.models {
		models[name] = &llm{session: s, model: m}
	}
	for name, provider := range caller.Providers {
		models[name] = s.with(name, provider)
	}
	return models, s.usage
}

// with returns a model as it is set for a step.
func (s *session) with(name string, provider plugins.Provider) *llm {
	set := Model{Name: name, Provider: provider}
	id := provider.Info().Identity
	if base := s.models[name]; base != nil {
		set.Approval = base.Approval
		if servedBy(id) == servedBy(base.info.Identity) {
			set.Price = base.Price
		}
	}
	if set.Price == nil && s.priceOf != nil {
		set.Price = s.priceOf(id)
	}
	m, err := s.model(set)
	if err != nil {
		m = &model{Model: set, info: provider.Info()}
	}
	return &llm{session: s, model: m, err: err}
}

// Close closes the connections that no call uses.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// clock is the time, or a test's.
type clock struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
}

func (c clock) orReal() clock {
	if c.now == nil {
		c.now = time.Now
	}
	if c.sleep == nil {
		c.sleep = sleep
	}
	return c
}

// stamp is the time as it is stored: a reading that equals itself after a round trip through JSON.
func (c clock) stamp() time.Time { return c.now().UTC().Truncate(time.Millisecond) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
