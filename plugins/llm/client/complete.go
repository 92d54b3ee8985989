package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// attempts is how often a model is asked before its refusals, and answers that cannot be read, count as its answer.
const attempts = 3

// llm is one model on behalf of one step.
type llm struct {
	session *session
	model   *model
	err     error // why it cannot be asked; else nil
}

// Info implements plugins.LLM.
func (l *llm) Info() plugins.ModelInfo { return l.model.info }

// Complete implements plugins.LLM. An answer of the store is read from its stored body.
func (l *llm) Complete(ctx context.Context, r plugins.Request) (*plugins.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.err != nil {
		return nil, l.model.fault(plugins.FaultRequest, 0, l.err.Error())
	}
	if !l.session.replay {
		if err := l.model.mayLeave(l.session.caller, r.Reveals); err != nil {
			return nil, err
		}
	}
	x := &exchange{llm: l, ctx: ctx, request: r}
	_, err := l.model.Provider.Complete(ctx, x, r)
	x.once.Do(func() {}) // a provider may come back before its transport does
	switch {
	case x.err != nil: // what the layers of the provider make of it tells less
		return nil, x.err
	case x.answer == nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case x.answer == nil && err == nil:
		return nil, l.model.fault(plugins.FaultRequest, 0, "its provider answers without having asked")
	case x.answer == nil:
		return nil, l.model.unwritten(err, r)
	}
	response, err := l.model.Provider.Read(x.answer.Body)
	if err != nil {
		return nil, l.model.fault(plugins.FaultEndpoint, 0, fmt.Sprintf("stored response %s cannot be read any more", x.key))
	}
	response.At = x.answer.At
	return response, nil
}

// unwritten is the error of a request that did not come as far as the transport.
func (m *model) unwritten(err error, r plugins.Request) error {
	var fault *plugins.LLMError
	if errors.As(err, &fault) {
		return m.fault(fault.Fault, fault.Status, withoutEchoes(oneLine(fault.Message), r))
	}
	return m.fault(plugins.FaultRequest, 0, "the request cannot be written: "+withoutEchoes(oneLine(err.Error()), r))
}

func (m *model) fault(f plugins.LLMFault, status int, message string) *plugins.LLMError {
	return &plugins.LLMError{Fault: f, Model: m.Name, Status: status, Message: message}
}

// exchange is the transport under a provider for one request. The first request that reaches it is put; a provider that
// tries again gets the same end.
type exchange struct {
	*llm
	ctx     context.Context
	request plugins.Request
	once    sync.Once
	key     string
	answer  *plugins.Answer
	err     error
}

// RoundTrip implements http.RoundTripper.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	x.once.Do(func() { x.err = x.ask(req) })
	if x.err != nil {
		return nil, x.err
	}
	body := x.answer.Body
	kind := "application/json"
	if first := bytes.TrimSpace(body); len(first) > 0 && first[0] != '{' && first[0] != '[' {
		kind = "text/event-stream"
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {kind}}, Request: req,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// ask finds the answer to a request: the first that is no evidence of a refusal or the like, from the store or from the model.
func (x *exchange) ask(req *http.Request) error {
	body, err := readBody(req)
	if err != nil {
		return x.model.fault(plugins.FaultRequest, 0, "its provider writes a request that cannot be read")
	}
	if body, err = canonical(body); err != nil {
		return x.model.fault(plugins.FaultRequest, 0, "its provider writes a request that is no JSON")
	}
	p := &post{exchange: x, target: req, body: body}
	var unread []*plugins.Answer
	for attempt := range attempts {
		x.key = responseKey(x.model.info.Identity, body, x.session.caller.Seed, x.request.Ordinal, attempt)
		p.attempt = attempt
		answer, err := x.session.flights.do(x.ctx, x.key, func() (*plugins.Answer, error) { return p.answer(x.key) })
		if err != nil {
			return err
		}
		x.session.note(x.key, x.model, answer)
		if !answer.Refusal {
			x.answer = answer
			return nil
		}
		if answer.Stop == plugins.StopUnreadable {
			unread = append(unread, answer)
		}
	}
	return x.declined(unread)
}

// declined is the end of a request whose attempts all came to nothing: refused, but for those that could not be read. A rerun ends
// alike, in the same words.
func (x *exchange) declined(unread []*plugins.Answer) error {
	if len(unread) == 0 {
		return x.model.fault(plugins.FaultRefused, 0, fmt.Sprintf("the model, or a filter before it, declined %d times", attempts))
	}
	if len(unread) < attempts {
		return x.model.fault(plugins.FaultRefused, 0, fmt.Sprintf("the model, or a filter before it, declined %d times, and %d of its answers could not be read",
			attempts-len(unread), len(unread)))
	}
	why := "it can be read now, and counts as it did then"
	if _, err := x.model.Provider.Read(unread[0].Body); err != nil {
		why = withoutEchoes(oneLine(err.Error()), x.request)
	}
	return x.model.fault(plugins.FaultEndpoint, 0, fmt.Sprintf("the model has answered %d times, which was paid for, and not with an answer of %s (%s); is base_url right?",
		attempts, x.model.info.API, why))
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

// flights lets one of those that need a response at the same time get it for all.
type flights struct {
	mu    sync.Mutex
	under map[string]*flight
}

type flight struct {
	done   chan struct{}
	answer *plugins.Answer
	err    error
}

// do returns what get returns, or what a call under way for the key comes to. Where that ends for a reason of its own
// caller, it is tried again.
func (f *flights) do(ctx context.Context, key string, get func() (*plugins.Answer, error)) (*plugins.Answer, error) {
	for {
		f.mu.Lock()
		other := f.under[key]
		if other == nil {
			break
		}
		f.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !private(other.err) {
			return other.answer, other.err
		}
	}
	own := &flight{done: make(chan struct{}), err: context.Canceled} // for others, should get panic
	if f.under == nil {
		f.under = map[string]*flight{}
	}
	f.under[key] = own
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.under, key)
		f.mu.Unlock()
		close(own.done)
	}()
	own.answer, own.err = get()
	return own.answer, own.err
}

// private reports whether an error is about the caller that got it: its context, its key, its budget, its data.
func private(err error) bool {
	if err == nil {
		return false
	}
	var fault *plugins.LLMError
	if errors.As(err, &fault) {
		return fault.Fault == plugins.FaultBudget || fault.Fault == plugins.FaultEgress || fault.Fault == plugins.FaultKey
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
