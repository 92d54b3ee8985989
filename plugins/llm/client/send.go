package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

const (
	longestAnswer  = 64 << 20         // bytes of a body: no model writes as much
	longestError   = 64 << 10         // bytes that are read of an error
	longestPause   = 10 * time.Minute // that a provider may ask for: beyond, the run says so and ends
	defaultTimeout = 10 * time.Minute // of one try, where the model names none
	firstBackoff   = 500 * time.Millisecond
	longestBackoff = 30 * time.Second
)

// post is a request as it is sent.
type post struct {
	*exchange
	target *http.Request // method, address and header
	body   []byte        // canonical

	attempt int    // refusals before
	token   string // of a session, sent beside the key; empty where there is none
}

// answer returns the stored answer of a key, or gets one.
func (p *post) answer(key string) (*plugins.Answer, error) {
	stored, err := p.stored(key)
	if stored != nil || err != nil {
		return stored, err
	}
	if p.session.replay {
		return nil, p.model.fault(plugins.FaultReplay, 0, fmt.Sprintf(
			"the recording has no such answer (response %.12s, seed %d, ordinal %d): the experiment is not the one that was recorded",
			key, p.session.caller.Seed, p.request.Ordinal))
	}
	if err := p.fits(); err != nil {
		return nil, err
	}
	return p.send(key)
}

// fits refuses what is over the context of the model: some servers cut the beginning off such a request, and answer the rest.
func (p *post) fits() error {
	m := p.model
	tokens := prompt.EstimateInput(p.request) + p.cap()
	if m.info.Context == 0 || tokens <= m.info.Context {
		return nil
	}
	return m.fault(plugins.FaultRequest, 0, fmt.Sprintf(
		"the request and its answer may have %d tokens, and the context of the model is %d: lower rows, examples or max_tokens", tokens, m.info.Context))
}

// send tries until there is an answer, or none is to be expected.
func (p *post) send(key string) (*plugins.Answer, error) {
	hopeless := 0 // failures in a row that waiting hardly helps against
	for try := 0; ; try++ {
		answer, failed := p.try(key, try)
		switch {
		case failed == nil:
			return answer, nil
		case failed.err != nil:
			return nil, failed.err
		case p.ctx.Err() != nil:
			return nil, p.ctx.Err()
		}
		wait := failed.backoff(try)
		if hopeless++; failed.retries == manyRetries {
			hopeless = 0
		} else {
			wait = failed.backoff(hopeless - 1)
		}
		if try >= p.model.info.Limits.Retries || hopeless > failed.retries {
			return nil, p.ended(failed, try)
		}
		if err := p.session.clock.sleep(p.ctx, wait); err != nil {
			return nil, err
		}
	}
}

func (p *post) stored(key string) (*plugins.Answer, error) {
	answer, err := p.session.store.Answer(key)
	if err != nil {
		return nil, fmt.Errorf("store of responses: %w", err)
	}
	return answer, nil
}

// ended turns the last failure of a request into its error.
func (p *post) ended(f *failure, try int) error {
	message := f.message
	if try > 0 {
		message = fmt.Sprintf("after %d tries, %s", try+1, message)
	}
	fault := p.model.fault(f.fault, f.status, message)
	if f.stops {
		p.model.stop.CompareAndSwap(nil, fault)
	}
	return fault
}

// backoff is the time before the next try: doubled each time, and not the same for calls that failed together. It enters
// no output, so that any randomness will do. A pause that the server asks for is kept by the gate.
func (f *failure) backoff(try int) time.Duration {
	if f.pause > 0 {
		return 0
	}
	d := longestBackoff
	if try < 6 {
		d = min(d, firstBackoff<<try)
	}
	return time.Duration((0.5 + rand.Float64()/2) * float64(d))
}

// try sends the request once, with all that has to be before and after it.
func (p *post) try(key string, try int) (*plugins.Answer, *failure) {
	m := p.model
	if stopped := m.stop.Load(); stopped != nil {
		return nil, &failure{err: stopped}
	}
	if err := m.gate.enter(p.ctx); err != nil {
		return nil, &failure{err: err}
	}
	left, sent := neutral, time.Time{}
	defer func() { m.gate.leave(left, sent) }()

	input, output := p.mostInput(), p.cap()
	settle, refusal, err := p.session.ledger.reserve(p.ctx, p.session.caller.Step, p.axes(), m.price.cost(input, 0, output), m.price != nil)
	if err != nil {
		return nil, &failure{err: err}
	}
	if refusal != "" {
		return nil, &failure{err: m.fault(plugins.FaultBudget, 0, refusal)}
	}
	spent := amount{}
	defer func() { settle(spent) }()

	if err := m.gate.pace(p.ctx, prompt.EstimateInput(p.request)+output); err != nil {
		return nil, &failure{err: err}
	}
	// While it waited another process may have got the answer, or the model may have been stopped.
	stored, err := p.stored(key)
	if stored != nil || err != nil {
		return stored, failedBy(err)
	}
	if stopped := m.stop.Load(); stopped != nil {
		return nil, &failure{err: stopped}
	}
	req, failed := p.authorized()
	if failed != nil {
		return nil, failed
	}
	send := p.journalled(key, try, input, output)
	id, err := p.session.store.Intend(send)
	if err != nil {
		return nil, failedBy(fmt.Errorf("journal of sends: %w", err))
	}
	sent = p.session.clock.now()
	spent = m.price.cost(input, 0, output) // should what follows panic: it may have been charged
	end, failed := p.carry(req)
	left = p.afterwards(failed)
	spent = m.price.spent(send, &end)
	p.report(key, try, &end, p.session.clock.now().Sub(sent))
	if err := p.session.store.Settle(id, end); err != nil {
		return nil, failedBy(fmt.Errorf("journal of sends: %w", err))
	}
	if failed != nil {
		return nil, failed
	}
	// That of another process, where it was first.
	stored, err = p.stored(key)
	return cmp.Or(stored, end.Answer), failedBy(err)
}

// How far the input of a request may be above its estimate. Tokenizers differ: the estimate is above what those of OpenAI count,
// and others cut numbers into more tokens. A schema comes with the instructions of the provider, or as a tool with its own.
const (
	inputMargin  = 1.25
	schemaTokens = 500
)

// mostInput returns the tokens of input that are reserved: no more than the context has beside the answer.
func (p *post) mostInput() int {
	most := int(math.Ceil(inputMargin * float64(prompt.EstimateInput(p.request))))
	if p.request.Schema != nil && p.model.info.Structured {
		most += schemaTokens
	}
	if limit := p.model.info.Context; limit > 0 {
		most = min(most, limit-p.cap())
	}
	return most
}

func failedBy(err error) *failure {
	if err == nil {
		return nil
	}
	return &failure{err: err}
}

// cap returns the most tokens that an answer may have.
func (p *post) cap() int {
	limit := cmp.Or(p.request.MaxTokens, p.model.info.MaxTokens)
	if limit == 0 { // the rest of the context, where that is known
		limit = max(p.model.info.Context-prompt.EstimateInput(p.request), 0)
	}
	return limit
}

// authorized returns the request with its body and its key. What may not leave ends here, whatever was checked before.
func (p *post) authorized() (*http.Request, *failure) {
	m := p.model
	if err := p.mayLeaveTo(); err != nil {
		return nil, &failure{err: err}
	}
	key, err := m.secret.get(p.ctx)
	if p.ctx.Err() != nil {
		return nil, &failure{err: p.ctx.Err()}
	}
	if err != nil {
		fault := m.fault(plugins.FaultKey, 0, withoutKey(oneLine(err.Error()), key))
		m.stop.CompareAndSwap(nil, fault)
		return nil, &failure{err: fault}
	}
	req := p.target.Clone(p.ctx)
	req.RequestURI = ""
	req.ContentLength, req.TransferEncoding = int64(len(p.body)), nil
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.body)), nil }
	req.Body, _ = req.GetBody()
	// With such a header the transport of the standard library sends again by itself, past the journal.
	req.Header.Del("Idempotency-Key")
	req.Header.Del("X-Idempotency-Key")
	req.Header.Del(plugins.ReplicateHeader)
	if m.server != nil {
		req.Header.Set(plugins.ReplicateHeader, fmt.Sprintf("%d/%d/%d", p.session.caller.Seed, p.request.Ordinal, p.attempt))
	}
	if err := m.Provider.Authorize(req, p.body, key); err != nil {
		return nil, &failure{err: m.fault(plugins.FaultKey, 0, "the key cannot be used: "+p.clean(err.Error()))}
	}
	p.token = req.Header.Get("X-Amz-Security-Token") // of the environment: the key does not hold it
	return req, nil
}

// mayLeaveTo checks what is about to be sent, and that it goes to the endpoint which was approved.
func (p *post) mayLeaveTo() error {
	m, caller := p.model, p.session.caller
	if err := m.mayLeave(caller, p.request.Reveals); err != nil {
		return err
	}
	if limited(caller) && !m.info.InProcess && elsewhere(p.target.URL, m.info.Endpoint) {
		return m.fault(plugins.FaultEgress, 0, fmt.Sprintf("data set %q is restricted, and its provider sends to %s instead of the approved %s",
			caller.Dataset, p.target.URL.Host, m.info.Endpoint))
	}
	return nil
}

// axes are those of the caller's cell. The llm is the one that is asked, also where a strategy names it itself.
func (p *post) axes() map[string]string {
	axes := maps.Clone(p.session.caller.Axes)
	if axes == nil {
		axes = map[string]string{}
	}
	axes["llm"] = p.model.Name
	return axes
}

// journalled returns what the journal keeps of the request: of restricted data, not its body.
func (p *post) journalled(key string, try, input, output int) plugins.Send {
	c := p.session.caller
	s := plugins.Send{
		Key: key, Experiment: p.session.experiment, Step: c.Step, Axes: p.axes(), Model: p.model.info.Identity, Try: try,
		Hash: hashOf(p.body), Input: input, Output: output, At: p.session.clock.stamp(),
		Restricted: limited(c),
	}
	if !s.Restricted {
		s.Request = p.body
	}
	return s
}

// timeout is how long one try may take.
func (p *post) timeout() time.Duration { return cmp.Or(p.model.info.Limits.Timeout, defaultTimeout) }

// carry sends a request and reads the answer whole.
func (p *post) carry(req *http.Request) (plugins.Settlement, *failure) {
	ctx, cancel := context.WithTimeout(p.ctx, p.timeout())
	defer cancel()
	carrier := p.session.transport
	if p.model.server != nil {
		carrier = p.model.server
	}
	// A transport of the standard library tells when it has a connection, through proxy and handshake: nothing is sent before.
	_, tells := carrier.(*http.Transport)
	var connected atomic.Bool
	connected.Store(!tells)
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	resp, err := carrier.RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		f := p.unreached(ctx, err)
		if !connected.Load() {
			p.unconnected(f, err)
		}
		return p.failed(f)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, longestError)) // what there is: the status says enough
		return p.failed(p.rejected(resp, body))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer+1))
	if err == nil && len(body) > longestAnswer {
		err = errors.New("the answer does not end")
	}
	body = bodyWithoutKey(bodyWithoutKey(body, p.model.secret.known()), p.token)
	if err != nil {
		return p.failed(p.incomplete(ctx, resp.StatusCode, body, err, true))
	}
	response, err := p.model.Provider.Read(body)
	if err != nil {
		if response = charged(body); response == nil || says(body).known() {
			return p.failed(p.incomplete(ctx, resp.StatusCode, body, err, false))
		}
	}
	p.model.stop.spoke.Store(true)
	return p.settled(resp.StatusCode, body, response), nil
}

// settled is the end of a send with a complete answer. One that is no answer to the request is evidence.
func (p *post) settled(status int, body []byte, r *plugins.Response) plugins.Settlement {
	now := p.session.clock.stamp()
	end := plugins.Settlement{Outcome: plugins.Answered, Status: status, At: now, Answer: &plugins.Answer{
		Body: body, Refusal: r.Stop == plugins.StopRefusal || r.Stop == plugins.StopUnreadable, Stop: r.Stop,
		Requested: p.model.info.Model, Served: r.Model, Fingerprint: r.Fingerprint,
		Input: r.InputTokens, Cached: r.CachedTokens, Output: r.OutputTokens, Reasoning: r.ReasoningTokens, At: now,
	}}
	if end.Answer.Refusal {
		end.Outcome = plugins.Declined
	}
	return end
}

// failed is the end of a send without one.
func (p *post) failed(f *failure) (plugins.Settlement, *failure) {
	return plugins.Settlement{Outcome: f.outcome, Status: f.status, Message: f.message, At: p.session.clock.stamp()}, f
}

// afterwards tells the gate what a try has shown, and says how the call leaves it.
func (p *post) afterwards(f *failure) verdict {
	if f == nil {
		return served
	}
	if f.pause > 0 {
		p.model.gate.pause(f.pause)
	}
	if f.status == http.StatusTooManyRequests {
		return throttled
	}
	return neutral
}

// report logs a try, without anything that was sent or received.
func (p *post) report(key string, try int, end *plugins.Settlement, elapsed time.Duration) {
	attrs := []slog.Attr{
		slog.String("model", p.model.Name), slog.String("step", p.session.caller.Label), slog.String("response", fmt.Sprintf("%.12s", key)),
		slog.Int("try", try), slog.String("outcome", string(end.Outcome)), slog.Int("status", end.Status),
		slog.Duration("elapsed", elapsed),
	}
	if a := end.Answer; a != nil {
		attrs = append(attrs, slog.Int("input", a.Input), slog.Int("output", a.Output))
	}
	if end.Message != "" {
		attrs = append(attrs, slog.String("message", end.Message))
	}
	p.session.log.LogAttrs(p.ctx, slog.LevelDebug, "llm call", attrs...)
}
