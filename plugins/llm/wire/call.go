// Package wire is what language-model providers share: their settings, and the way of a call over langchaingo.
//
// langchaingo turns messages into the body of an API. What it leaves out or gets wrong is put right in that body just before
// it is sent: langchaingo always sends a temperature, has no place for a full JSON Schema, and drops a seed of 0. Nothing
// of an answer passes through it: its readers drop usage and the served model, refuse answers that ended at the cap on
// tokens, and some of the clients below it would send a request again by themselves. So the transport that it is given
// sends the request once, keeps what came back, and ends langchaingo's call; the answer is read by the provider.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ehrlab/ehrlab/plugins"
)

// Dummy is the key that langchaingo is given. It is not sent.
const Dummy = "set-when-sent"

// maxAnswer is the most bytes that are read of an answer: a hundred times those of the longest that models give.
const maxAnswer = 64 << 20

// Call is one call of an API.
type Call struct {
	URL    string                                          // where the request is sent
	Header http.Header                                     // of the API, besides the type of the content
	Edit   func(body Body) error                           // makes the body that langchaingo built final
	Read   func(body []byte) (*plugins.Response, error)    // reads a complete answer
	Send   func(ctx context.Context, c *http.Client) error // has langchaingo build the request and send it with c; nil: Edit makes the whole body
}

// Body is the fields of the JSON object that is sent.
type Body map[string]json.RawMessage

// Set sets a field. v is one of our own values, which have JSON.
func (b Body) Set(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b[name] = raw
	return nil
}

// SetOr sets a field to the first value that is there; where there is none, it deletes it.
func (b Body) SetOr(name string, values ...*float64) error {
	delete(b, name)
	for _, v := range values {
		if v != nil {
			return b.Set(name, *v)
		}
	}
	return nil
}

// errSent ends langchaingo's call.
var errSent = errors.New("the request was sent, and its answer is read elsewhere")

// Do makes the call through a transport, which sees the final request. The error is the transport's own, the context's, or an
// *plugins.LLMError without the name of the model.
func (c Call) Do(ctx context.Context, transport http.RoundTripper) (*plugins.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	once := &once{call: c, ctx: ctx, next: transport}
	if c.Send == nil {
		once.sent, once.err = true, once.exchange([]byte("{}"))
	} else {
		_ = c.Send(ctx, &http.Client{Transport: once}) // errSent, in langchaingo's words; another one before it sent
	}
	switch {
	case once.err != nil:
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, once.err
	case !once.sent: // langchaingo refused to build it; its error may quote the prompt
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &plugins.LLMError{Fault: plugins.FaultRequest, Message: "the messages do not make a request of this API"}
	case once.status/100 != 2:
		return nil, statusError(once.status)
	}
	r, err := c.Read(once.body)
	if err != nil {
		return nil, &plugins.LLMError{Fault: plugins.FaultEndpoint, Status: once.status, Message: err.Error()}
	}
	return r, nil
}

// statusError says what a status other than 2xx means.
func statusError(status int) error {
	e := &plugins.LLMError{Status: status}
	switch {
	case status == 401 || status == 403:
		e.Fault, e.Message = plugins.FaultKey, "the key was refused"
	case status == 408 || status == 409 || status == 429 || status >= 500:
		e.Fault, e.Message = plugins.FaultOverloaded, "the provider is overloaded, or refuses more requests for now"
	case status >= 400:
		e.Fault, e.Message = plugins.FaultRequest, "the provider does not take the request, or has no such model"
	default:
		e.Fault, e.Message = plugins.FaultEndpoint, "the answer is neither an answer of the API nor an error of it"
	}
	return e
}

// once is the transport that langchaingo is given.
type once struct {
	call Call
	ctx  context.Context // the caller's: clients below langchaingo wrap or replace it
	next http.RoundTripper

	sent   bool // langchaingo came as far as sending; a second time is refused
	err    error
	status int
	body   []byte
}

// RoundTrip makes the request final, sends it, keeps what came back and ends langchaingo's call.
func (o *once) RoundTrip(built *http.Request) (*http.Response, error) {
	if o.sent {
		return nil, errSent
	}
	if built.Body == nil {
		return nil, errors.New("a request without a body")
	}
	body, err := io.ReadAll(built.Body)
	built.Body.Close()
	if err != nil {
		return nil, err
	}
	o.sent = true
	o.err = o.exchange(body)
	return nil, errSent
}

// exchange sends the request with the body that was built, and keeps what comes back.
func (o *once) exchange(built []byte) error {
	final, err := o.final(built)
	if err != nil {
		return err
	}
	resp, err := o.next.RoundTrip(final)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	o.status = resp.StatusCode
	if o.status/100 != 2 {
		return nil
	}
	o.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(o.body) > maxAnswer {
		return &plugins.LLMError{Fault: plugins.FaultEndpoint, Status: o.status, Message: fmt.Sprintf("the answer has more than %d MB", maxAnswer>>20)}
	}
	return err
}

// final returns the request as it is sent: of what was built, only the body is taken over.
func (o *once) final(built []byte) (*http.Request, error) {
	refused := func(err error) error {
		return &plugins.LLMError{Fault: plugins.FaultRequest, Message: "request: " + err.Error()}
	}
	var body Body
	if err := json.Unmarshal(built, &body); err != nil {
		return nil, refused(errors.New("its body is no JSON object"))
	}
	if err := o.call.Edit(body); err != nil {
		return nil, refused(err)
	}
	out, err := json.Marshal(body) // keys sorted: the same bytes for the same request
	if err != nil {
		return nil, refused(err)
	}
	req, err := http.NewRequestWithContext(o.ctx, http.MethodPost, o.call.URL, bytes.NewReader(out)) // with length and GetBody
	if err != nil {
		return nil, refused(err)
	}
	for name, values := range o.call.Header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "ehrlab")
	return req, nil
}

// SetKey sets a header to a key; an empty key is none. An error does not quote it.
func SetKey(req *http.Request, header, before, key string) error {
	if key == "" {
		return nil
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b >= 0x7f {
			return errors.New("the key holds a space, a line break or a letter that a header cannot hold")
		}
	}
	req.Header.Set(header, before+key)
	return nil
}
