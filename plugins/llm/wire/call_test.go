package wire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// transport is a function as an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func answering(status int, body io.Reader) transport {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), Request: req}, nil
	}
}

// call is one whose client sends several times, as some do after an error.
func call(edit func(Body) error) Call {
	return Call{
		URL:  "https://x.example/v1/complete",
		Edit: edit,
		Read: func(body []byte) (*plugins.Response, error) {
			if string(body) != "whole" {
				return nil, errors.New("not whole")
			}
			return &plugins.Response{Text: "read"}, nil
		},
		Send: func(ctx context.Context, c *http.Client) error {
			for range 3 {
				req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "https://elsewhere.example/?key=dummy", strings.NewReader(`{"b": 1, "a": 2}`))
				if err != nil {
					return err
				}
				req.Header.Set("Authorization", "Bearer "+Dummy)
				req.Header.Set("X-Machine", "mine")
				if resp, err := c.Do(req); err == nil {
					resp.Body.Close()
				}
			}
			return errors.New("given up")
		},
	}
}

func none(Body) error { return nil }

func TestTheRequestIsOurs(t *testing.T) {
	sent := 0
	type mark struct{}
	ctx := context.WithValue(context.Background(), mark{}, "caller")
	_, err := call(func(b Body) error { return b.Set("c", "<") }).Do(ctx, transport(func(req *http.Request) (*http.Response, error) {
		sent++
		body, _ := io.ReadAll(req.Body)
		if got := string(body); got != `{"a":2,"b":1,"c":"\u003c"}` || req.ContentLength != int64(len(got)) {
			t.Errorf("body %s, length %d", got, req.ContentLength)
		}
		if req.URL.String() != "https://x.example/v1/complete" || req.Method != http.MethodPost || req.Context().Value(mark{}) != "caller" {
			t.Errorf("%s %s", req.Method, req.URL)
		}
		if len(req.Header) != 3 {
			t.Errorf("header %v", req.Header)
		}
		return answering(200, strings.NewReader("whole"))(req)
	}))
	if err != nil || sent != 1 {
		t.Errorf("sent %d times, error %v", sent, err)
	}
}

func TestWhatCanHappen(t *testing.T) {
	cut := errors.New("connection reset")
	for name, c := range map[string]struct {
		through transport
		edit    func(Body) error
		fault   plugins.LLMFault
		err     error
	}{
		"overloaded":    {through: answering(529, strings.NewReader("")), fault: plugins.FaultOverloaded},
		"a redirect":    {through: answering(307, strings.NewReader("")), fault: plugins.FaultEndpoint},
		"a wrong key":   {through: answering(403, strings.NewReader("")), fault: plugins.FaultKey},
		"no such model": {through: answering(404, strings.NewReader("")), fault: plugins.FaultRequest},
		"half":          {through: answering(200, strings.NewReader("wh")), fault: plugins.FaultEndpoint},
		"cut":           {through: answering(200, io.MultiReader(strings.NewReader("wh"), failing{cut})), err: cut},
		"no connection": {through: func(*http.Request) (*http.Response, error) { return nil, cut }, err: cut},
		"not to be sent": {
			through: func(*http.Request) (*http.Response, error) { panic("sent") },
			edit:    func(Body) error { return errors.New("cannot be") }, fault: plugins.FaultRequest,
		},
	} {
		if c.edit == nil {
			c.edit = none
		}
		got, err := call(c.edit).Do(context.Background(), c.through)
		var e *plugins.LLMError
		if got != nil || (c.err != nil && !errors.Is(err, c.err)) || (c.fault != "" && (!errors.As(err, &e) || e.Fault != c.fault)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, err := call(none).Do(ctx, transport(func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, errors.New("use of closed connection")
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	_, err = call(none).Do(ctx, transport(func(*http.Request) (*http.Response, error) {
		t.Error("sent after the end")
		return nil, errors.New("sent")
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// What langchaingo says of a prompt that it refuses may quote it.
func TestRefusalsOfTheClientAreNotQuoted(t *testing.T) {
	c := call(none)
	c.Send = func(context.Context, *http.Client) error { return errors.New("planted") }
	_, err := c.Do(context.Background(), answering(200, strings.NewReader("whole")))
	var e *plugins.LLMError
	if !errors.As(err, &e) || e.Fault != plugins.FaultRequest || strings.Contains(err.Error(), "planted") {
		t.Errorf("error %v", err)
	}
}
