package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// Peeked is the response that a request has, or would have.
type Peeked struct {
	Key    string
	Stored bool
}

// Peek looks up the responses to a request and its repeats: n of them, of which the first has the ordinal of r and each other the next
// one. It sends nothing. After stored refusals the key is that of the attempt that comes next.
func (c *Client) Peek(ctx context.Context, caller plugins.Caller, name string, r plugins.Request, n int) ([]Peeked, error) {
	models, _ := c.Open(caller)
	l, ok := models[name].(*llm)
	if !ok {
		return nil, fmt.Errorf("no llm named %q", name)
	}
	look := &lookup{}
	if _, err := l.model.Provider.Complete(ctx, look, r); look.body == nil {
		if err == nil {
			err = errors.New("its provider writes no request")
		}
		return nil, l.model.fault(plugins.FaultRequest, 0, withoutEchoes(oneLine(err.Error()), r))
	}
	body, err := canonical(look.body) // repeats have the same
	if err != nil {
		return nil, err
	}
	keys := keysOf(l.model.info.Identity, body)
	out := make([]Peeked, n)
	for i := range out {
		if out[i], err = c.peeked(keys, caller.Seed, r.Ordinal+i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// peeked looks up one response.
func (c *Client) peeked(keys keys, seed uint64, ordinal int) (Peeked, error) {
	p := Peeked{}
	for attempt := range attempts {
		p.Key = keys.key(seed, ordinal, attempt)
		answer, err := c.store.Answer(p.Key)
		if err != nil || answer == nil {
			return p, err
		}
		if !answer.Refusal {
			break
		}
	}
	p.Stored = true // refused as often as it may be, else answered
	return p, nil
}

// errPeeked ends a request that was only to be seen.
var errPeeked = errors.New("nothing is sent")

// lookup is a transport that notes the body of a request.
type lookup struct {
	once sync.Once
	body []byte
}

// RoundTrip implements http.RoundTripper.
func (l *lookup) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := readBody(req)
	l.once.Do(func() { l.body = body })
	return nil, errors.Join(errPeeked, err)
}
