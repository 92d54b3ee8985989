package llmtest

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// Canned is a transport that keeps what is sent and answers the same each time, without a network.
type Canned struct {
	Status int
	Body   string
	Err    error // given back instead

	mu   sync.Mutex
	sent []Sent
}

// Sent is a request that a transport was given, and its body.
type Sent struct {
	Request *http.Request
	Body    string
}

// RoundTrip keeps the request and gives the answer.
func (c *Canned) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.sent = append(c.sent, Sent{req, string(body)})
	c.mu.Unlock()
	if c.Err != nil {
		return nil, c.Err
	}
	return &http.Response{StatusCode: c.Status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(c.Body))), Request: req}, nil
}

// Sent returns what was sent so far.
func (c *Canned) Sent() []Sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Sent(nil), c.sent...)
}
