package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// Peek returns the key that the response to a request has, or would have, and whether it is stored. It sends nothing. After
// stored refusals the key is that of the attempt that comes next.
func (c *Client) Peek(ctx context.Context, caller plugins.Caller, name string, r plugins.Request) (key string, stored bool, err error) {
	models, _ := c.Open(caller)
	l, ok := models[name].(*llm)
	if !ok {
		return "", false, fmt.Errorf("no llm named %q", name)
	}
	look := &lookup{}
	if _, err := l.model.Provider.Complete(ctx, look, r); look.body == nil {
		if err == nil {
			err = errors.New("its provider writes no request")
		}
		return "", false, l.model.fault(plugins.FaultRequest, 0, withoutEchoes(oneLine(err.Error()), r))
	}
	body, err := canonical(look.body)
	if err != nil {
		return "", false, err
	}
	for attempt := range attempts {
		key = responseKey(l.model.info.Identity, body, caller.Seed, r.Ordinal, attempt)
		answer, err := c.store.Answer(key)
		if err != nil || answer == nil {
			return key, false, err
		}
		if !answer.Refusal {
			return key, true, nil
		}
	}
	return key, true, nil // refused as often as it may be
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
