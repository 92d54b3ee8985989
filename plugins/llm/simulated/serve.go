package simulated

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

const (
	// mostTokens is the longest answer that can be asked for. It bounds the work of a request.
	mostTokens = 4 << 20
	// mostBytes is the longest body that is read.
	mostBytes = 64 << 20
)

// hash identifies a request or what was learnt from one.
type hash [sha256.Size]byte

// hashOf hashes texts; where one ends and the next begins matters.
func hashOf(texts ...string) hash {
	h := sha256.New()
	var length [8]byte
	for _, t := range texts {
		binary.LittleEndian.PutUint64(length[:], uint64(len(t)))
		h.Write(length[:])
		io.WriteString(h, t)
	}
	return hash(h.Sum(nil))
}

// source returns the random source of a request for a purpose.
func (h hash) source(purpose string) *rand.Rand {
	return rand.New(rand.NewChaCha8(hashOf(string(h[:]), purpose)))
}

// body is what is read of a request of the chat completions API.
type body struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string  `json:"role"`
		Content content `json:"content"`
	} `json:"messages"`
	MaxTokens           *int `json:"max_tokens"`
	MaxCompletionTokens *int `json:"max_completion_tokens"`
	Format              *struct {
		Type   string `json:"type"`
		Schema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// content is the text of a message, given as a text or as a list of parts.
type content string

// UnmarshalJSON reads either form.
func (c *content) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*c = content(text)
		return nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return errors.New("the content of a message is neither a text nor a list of parts")
	}
	for i, p := range parts {
		if p.Type != "text" {
			return errors.New("a part of a message is no text")
		}
		if i > 0 {
			*c += "\n"
		}
		*c += content(p.Text)
	}
	return nil
}

// fault is an answer with a status other than 200.
type fault struct {
	status  int
	kind    string
	code    string
	message string
}

func (f *fault) Error() string { return f.message }

func badRequest(message string) *fault {
	return &fault{status: http.StatusBadRequest, kind: "invalid_request_error", message: message}
}

// RoundTrip answers a request of the chat completions API, whatever its host. Requests that differ in nothing but the header
// plugins.ReplicateHeader are fresh calls.
func (p *Provider) RoundTrip(req *http.Request) (*http.Response, error) {
	var raw []byte
	if req.Body != nil {
		var err error
		raw, err = io.ReadAll(io.LimitReader(req.Body, mostBytes+1))
		req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	out, key, err := p.answer(req, raw)
	if err := p.wait(req, key); err != nil {
		return nil, err
	}
	var f *fault
	switch {
	case errors.As(err, &f):
		return respond(req, f.status, map[string]any{"error": map[string]any{"message": f.message, "type": f.kind, "code": f.code}}), nil
	case err != nil:
		return nil, err
	}
	return respond(req, http.StatusOK, out), nil
}

// wait takes the time that an answer takes.
func (p *Provider) wait(req *http.Request, key hash) error {
	if p.config.Latency == 0 {
		return req.Context().Err()
	}
	seconds := p.config.Latency * (0.5 + key.source("latency").Float64())
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-req.Context().Done():
		return req.Context().Err()
	}
}

func respond(req *http.Request, status int, v any) *http.Response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("simulated: %v", err)) // texts and counts have JSON
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if status == http.StatusTooManyRequests {
		header.Set("Retry-After-Ms", "1") // nothing is gained by waiting: whether the next try is answered is decided by chance
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(&b), ContentLength: int64(b.Len()), Request: req,
	}
}

// completion is an answer of the chat completions API.
type completion struct {
	ID          string   `json:"id"`
	Object      string   `json:"object"`
	Created     int64    `json:"created"`
	Model       string   `json:"model"`
	Fingerprint string   `json:"system_fingerprint"`
	Choices     []choice `json:"choices"`
	Usage       usage    `json:"usage"`
}

type choice struct {
	Index   int     `json:"index"`
	Message message `json:"message"`
	Finish  string  `json:"finish_reason"`
}

type message struct {
	Role    string  `json:"role"`
	Content *string `json:"content"`
	Refusal *string `json:"refusal"`
}

type usage struct {
	Input  int `json:"prompt_tokens"`
	Output int `json:"completion_tokens"`
	Total  int `json:"total_tokens"`
}

// self is what sets the draws of the model apart from those of others.
func (p *Provider) self() string {
	if p.config.Seed == 0 {
		return drawn
	}
	return drawn + "/" + strconv.FormatUint(p.config.Seed, 10)
}

// answer returns the answer to a request, and what its randomness derives from.
func (p *Provider) answer(req *http.Request, raw []byte) (*completion, hash, error) {
	replicate := req.Header.Get(plugins.ReplicateHeader)
	key := hashOf(p.self(), replicate)
	switch {
	case !strings.HasSuffix(req.URL.Path, "/chat/completions"):
		return nil, key, &fault{http.StatusNotFound, "invalid_request_error", "", "there is nothing but /v1/chat/completions"}
	case req.Method != http.MethodPost:
		return nil, key, &fault{http.StatusMethodNotAllowed, "invalid_request_error", "", "the method is not POST"}
	case len(raw) > mostBytes:
		return nil, key, &fault{http.StatusRequestEntityTooLarge, "invalid_request_error", "", "the body is too long"}
	}
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, key, badRequest("the body is no request of the chat completions API")
	}
	if b.Model != Model {
		return nil, key, &fault{http.StatusNotFound, "invalid_request_error", "model_not_found", fmt.Sprintf("there is no model but %q", Model)}
	}
	input, messages := 0, make([]plugins.Message, len(b.Messages))
	for i, m := range b.Messages {
		messages[i] = plugins.Message{Role: m.Role, Text: string(m.Content)}
		input += tokens(string(m.Content)) + perMessage
	}
	blocks, err := prompt.Find(messages)
	if err != nil {
		return nil, key, badRequest(err.Error())
	}
	judging := blocks.Schema == nil
	switch {
	case judging && blocks.Record == nil:
		return nil, key, badRequest("the prompt has no schema block, which says which columns and how many rows, and no record block, which is to be judged")
	case judging:
		key = hashOf(p.self(), replicate, p.config.judge().text(), *blocks.Record)
	default:
		key = hashOf(p.self(), replicate, text(blocks))
	}
	if p.overloaded(hashOf(string(key[:]), string(raw))) {
		return nil, key, &fault{http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "too many requests"}
	}
	limit, err := p.limit(&b, input)
	if err != nil {
		return nil, key, err
	}
	out := &completion{
		ID: "chatcmpl-" + hex.EncodeToString(key[:12]), Object: "chat.completion", Model: Model, Fingerprint: Model,
		Choices: []choice{{Message: message{Role: "assistant"}, Finish: "stop"}},
	}
	first := &out.Choices[0]
	if key.source("refuse").Float64() < p.config.Refuse || judging && key.source("refuse to judge").Float64() < p.config.judge().Refuse {
		words := refusal
		first.Message.Refusal = &words
		out.Usage = usage{input, tokens(words), input + tokens(words)}
		return out, key, nil
	}
	var r *reply
	if judging {
		r, err = p.judgement(key, &b, *blocks.Record, limit)
	} else {
		r, err = p.reply(req.Context(), key, &b, blocks, limit)
	}
	if err != nil {
		return nil, key, err
	}
	if r.cut {
		first.Finish = "length"
	}
	first.Message.Content = &r.text
	out.Usage = usage{input, r.tokens, input + r.tokens}
	return out, key, nil
}

// text is the blocks as they decide an answer: their contents, not how they were written.
func text(b prompt.Blocks) string {
	out := b.Schema.Render()
	if b.Aggregates != nil {
		out += b.Aggregates.Render()
	}
	if b.Examples != nil {
		out += b.Examples.Render(prompt.ExamplesBlock)
	}
	if b.Table != nil {
		out += b.Table.Render(prompt.TableBlock)
	}
	return out
}

// overloaded reports whether this try of a request is turned away. Later tries may not be.
func (p *Provider) overloaded(request hash) bool {
	if p.config.Overload == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	try := p.tries[request]
	if request.source(fmt.Sprintf("overload %d", try)).Float64() < p.config.Overload {
		p.tries[request] = try + 1
		return true
	}
	delete(p.tries, request)
	return false
}

// limit returns the cap on the tokens of an answer.
func (p *Provider) limit(b *body, input int) (int, error) {
	limit := p.config.MaxTokens
	for _, asked := range []*int{b.MaxTokens, b.MaxCompletionTokens} {
		if asked == nil {
			continue
		}
		if *asked < 1 || *asked > mostTokens {
			return 0, badRequest(fmt.Sprintf("the cap on tokens is %d; want 1 to %d", *asked, mostTokens))
		}
		limit = *asked
	}
	if p.config.Context == 0 {
		return limit, nil
	}
	if room := p.config.Context - input; room < limit {
		if room < 1 {
			f := badRequest(fmt.Sprintf("the request has %d tokens where the model's context is %d", input, p.config.Context))
			f.code = "context_length_exceeded"
			return 0, f
		}
		limit = room
	}
	return limit, nil
}
