package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

// failure is a try without an answer.
type failure struct {
	fault   plugins.LLMFault
	status  int
	message string // for people; without key and content
	outcome plugins.Outcome
	retries int           // in a row, at most, whatever the limits of the model allow
	pause   time.Duration // that the server asks for
	stops   bool          // no other call of the model would fare better
	err     error         // set when this is the end as it stands: of the context, of the store, of the budget …
}

const (
	manyRetries  = 1 << 30 // as many as the limits of the model allow
	quickRetries = 3       // under two seconds: what is not there will hardly come
	slowRetries  = 2       // of what took the whole time-out, and may have been charged: the next will hardly be faster
)

// unreached is a try that got no answer at all. Where no connection was made, nothing was sent.
func (p *post) unreached(ctx context.Context, err error) *failure {
	f := &failure{fault: plugins.FaultNetwork, outcome: plugins.Cut, retries: manyRetries}
	host := p.target.URL.Host
	var dial *net.OpError
	var dns *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case p.ctx.Err() != nil:
		f.message = "the run ended before the answer"
	case ctx.Err() != nil:
		f.retries = slowRetries
		f.message = fmt.Sprintf("no answer from %s within %s; raise limits.timeout if the model takes longer", host, p.timeout())
	case errors.As(err, &untrusted):
		f.outcome, f.retries = plugins.Rejected, 0
		f.message = fmt.Sprintf("the certificate of %s is not trusted: %s", host, p.clean(err.Error()))
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		f.fault, f.outcome, f.retries = plugins.FaultEndpoint, plugins.Rejected, 0
		f.message = fmt.Sprintf("%s does not speak https; is base_url right?", host)
	case errors.As(err, &dns):
		f.outcome, f.retries = plugins.Rejected, quickRetries
		f.message = fmt.Sprintf("no such host as %s is known; is base_url right, and is there a network?", dns.Name)
	case errors.As(err, &dial) && dial.Op == "dial":
		f.outcome, f.retries = plugins.Rejected, quickRetries
		if dial.Timeout() {
			f.retries = 1 // each takes long by itself
		}
		f.message = fmt.Sprintf("no connection to %s: %s", host, p.clean(reason(dial)))
	default:
		f.message = fmt.Sprintf("the connection to %s was cut before the answer: %s", host, p.clean(err.Error()))
	}
	return f
}

// unconnected turns a failure into one before a connection was there: it costs nothing, and trying again hardly helps.
func (p *post) unconnected(f *failure, err error) {
	if f.outcome == plugins.Rejected {
		return // it says so already
	}
	f.outcome, f.retries = plugins.Rejected, quickRetries
	var proxy *net.OpError
	switch host := p.target.URL.Host; {
	case p.ctx.Err() != nil:
	case errors.As(err, &proxy) && proxy.Op == "proxyconnect":
		f.message = fmt.Sprintf("no connection to %s: the proxy of the environment (HTTPS_PROXY, HTTP_PROXY) cannot be reached: %s", host, p.clean(reason(proxy)))
	default: // a proxy that refuses has nothing but its status to say
		f.message = fmt.Sprintf("no connection to %s: %s; does a proxy of the environment (HTTPS_PROXY) let it through?", host, p.clean(err.Error()))
	}
}

// reason says why a connection was not made, with what to look at.
func reason(err *net.OpError) string {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "nothing listens there; is the server running, and is base_url right?"
	}
	return err.Err.Error()
}

// incomplete is a status of success without a complete answer. cut says that the body did not arrive whole.
func (p *post) incomplete(ctx context.Context, status int, body []byte, err error, cut bool) *failure {
	f := &failure{fault: plugins.FaultNetwork, status: status, outcome: plugins.Cut, retries: manyRetries}
	start := bytes.TrimSpace(body)
	switch {
	case p.ctx.Err() != nil:
		f.message = "the run ended within the answer"
	case ctx.Err() != nil:
		f.retries = slowRetries
		f.message = fmt.Sprintf("the answer took longer than %s; raise limits.timeout", p.timeout())
	case len(start) > 0 && !opensAnswer(start):
		f.retries, f.outcome = 0, plugins.Rejected
		p.elsewhere(f, "answers "+contentOf(start)+", not its API")
	case cut || !json.Valid(start):
		f.message = "the answer was cut"
	case says(body).known():
		return p.told(f, says(body))
	default: // a gateway's slip, perhaps, or another API; one that speaks of usage may have charged it, and would again
		f.fault, f.retries = plugins.FaultEndpoint, 0
		if !bytes.Contains(body, []byte("usage")) {
			f.outcome, f.retries = plugins.Rejected, 2
		}
		f.message = fmt.Sprintf("%s answers JSON that is no answer of %s (%s); is base_url right?",
			p.target.URL.Host, p.model.info.API, p.clean(err.Error()))
	}
	return f
}

// elsewhere fills in an answer of something that is not the API. No other call would fare better, unless the API has answered before.
func (p *post) elsewhere(f *failure, does string) {
	f.fault, f.stops = plugins.FaultEndpoint, !p.model.stop.spoke.Load()
	f.message = fmt.Sprintf("%s %s; is base_url right?", p.target.URL.Host, does)
}

// told is an error that came with a status of success, as some gateways pass on what happened behind them.
func (p *post) told(f *failure, s saying) *failure {
	f.fault, f.outcome = plugins.FaultOverloaded, plugins.Rejected
	f.message = "the provider answers with an error: " + p.clean(s.String())
	return f
}

// opensAnswer reports whether a body may be the beginning of an answer: of JSON, or of server-sent events.
func opensAnswer(start []byte) bool {
	if start[0] == '{' || start[0] == '[' {
		return true
	}
	for _, field := range []string{"data:", "event:", "id:", "retry:", ":"} {
		if bytes.HasPrefix(start, []byte(field)) {
			return true
		}
	}
	return false
}

// contentOf names what a body is that is no JSON.
func contentOf(start []byte) string {
	if start[0] == '<' {
		return "HTML"
	}
	return "plain text"
}

// rejected is a status other than success.
func (p *post) rejected(resp *http.Response, body []byte) *failure {
	status := resp.StatusCode
	s := says(body)
	f := &failure{fault: plugins.FaultRequest, status: status, outcome: plugins.Rejected}
	switch {
	case status < 400:
		f.fault = plugins.FaultEndpoint
		f.message = fmt.Sprintf("%s redirects%s, and redirects are not followed; set base_url to where the API is", p.target.URL.Host, p.redirectedTo(resp))
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired,
		status == http.StatusBadRequest && s.badKey(), status < 500 && s.unpaid():
		p.unauthorised(f, s)
	case retried(status):
		f.fault, f.retries = plugins.FaultOverloaded, manyRetries
		f.message = p.because("the provider is overloaded, or asked too much", s)
		f.pause = p.pauseAsked(resp.Header, s)
		if f.pause > longestPause {
			f.message = p.because(fmt.Sprintf("the provider asks to wait %s: run it again then", f.pause.Round(time.Second)), s)
			f.pause, f.retries = 0, 0
		}
	default:
		p.notTaken(f, s)
	}
	return f
}

// retried reports whether a status may be another one next time.
func retried(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

func (p *post) redirectedTo(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil {
		return ""
	}
	return " to " + p.clean(to.Scheme+"://"+to.Host) // the rest may hold anything
}

// unauthorised fills in a refusal of the key or the account.
func (p *post) unauthorised(f *failure, s saying) {
	f.fault, f.stops = plugins.FaultKey, true
	who := "the provider"
	if s.html && f.status == http.StatusForbidden { // such as a firewall's page
		who += ", or something in front of it,"
	}
	switch {
	case s.unpaid() || f.status == http.StatusPaymentRequired:
		f.message = p.because("the account has no quota left", s)
	case p.model.info.Secret == (plugins.Secret{}):
		f.message = p.because(who+" wants a key, and the model names none (key_env or key_command)", s)
	default:
		f.message = p.because(fmt.Sprintf("%s refuses the key from %s", who, p.model.secret), s)
	}
}

// notTaken fills in a request that the provider does not take.
func (p *post) notTaken(f *failure, s saying) {
	name := fmt.Sprintf("%q", p.model.info.Model)
	switch {
	case s.html && (f.status == http.StatusNotFound || f.status == http.StatusMethodNotAllowed || f.status >= 500):
		p.elsewhere(f, "answers HTML, not its API")
	case f.status >= 500:
		p.elsewhere(f, p.because("does not implement its API", s))
	case s.filtered():
		f.fault = plugins.FaultRefused
		f.message = p.because("a filter of the provider declined the request", s)
	case s.unknownModel():
		f.stops = true
		f.message = p.because("the provider has no model "+name, s)
	case f.status == http.StatusNotFound:
		f.stops = true
		f.message = p.because("the provider has no model "+name+", or base_url is wrong", s)
	case f.status == http.StatusRequestEntityTooLarge:
		f.message = p.because("the request is too large for the provider", s)
	default:
		f.message = p.because("the provider does not take the request", s)
	}
}

// because adds the provider's own words to what happened.
func (p *post) because(what string, s saying) string {
	if !s.known() {
		return what
	}
	return what + ": " + p.clean(s.String())
}

// saying is what a provider says of an error, in any of the shapes that are in use.
type saying struct {
	message string
	codes   []string // machine-readable: type, code, status
	delay   time.Duration
	html    bool
}

func (s saying) known() bool { return s.message != "" || len(s.codes) > 0 }

// String is the message for people, or else the codes.
func (s saying) String() string { return cmp.Or(s.message, strings.Join(s.codes, " ")) }

// hasCode reports whether a code contains one of the words.
func (s saying) hasCode(words ...string) bool {
	for _, code := range s.codes {
		for _, word := range words {
			if strings.Contains(strings.ToLower(code), word) {
				return true
			}
		}
	}
	return false
}

// unpaid reports what waiting does not help against, though it comes as 429.
func (s saying) unpaid() bool {
	return s.hasCode("insufficient_quota", "billing") || strings.Contains(s.message, "credit balance is too low")
}

// badKey reports whether the key is refused: by Google as 400.
func (s saying) badKey() bool { return s.hasCode("api_key_invalid") }

func (s saying) filtered() bool {
	return s.hasCode("content_filter", "content_policy") || strings.Contains(s.message, "content filtering policy")
}

var noModel = regexp.MustCompile(`(?i)\bmodel\b.*(not found|not exist|unknown|not available|no access)|(unknown|invalid|no such) model\b`)

func (s saying) unknownModel() bool {
	return s.hasCode("model_not_found") || noModel.MatchString(s.message)
}

// says reads the body of an error.
func says(body []byte) saying {
	text := bytes.TrimSpace(body)
	if len(text) == 0 || text[0] == '<' {
		return saying{html: len(text) > 0}
	}
	var parts []map[string]any
	if text[0] == '[' && json.Unmarshal(text, &parts) == nil && len(parts) > 0 {
		return saysObject(parts[0])
	}
	var fields map[string]any
	if json.Unmarshal(text, &fields) == nil {
		return saysObject(fields)
	}
	if text[0] == '{' || text[0] == '[' {
		return saying{}
	}
	return saying{message: oneLine(string(text))}
}

func saysObject(fields map[string]any) saying {
	var s saying
	switch e := fields["error"].(type) {
	case map[string]any:
		fields = e
	case string:
		s.message = e
	default:
		if fields["object"] != "error" && fields["type"] != "error" && fields["message"] == nil && fields["detail"] == nil {
			return s
		}
	}
	for _, name := range []string{"message", "detail"} {
		if text, ok := fields[name].(string); ok && s.message == "" {
			s.message = text
		}
	}
	for _, name := range []string{"type", "code", "status"} {
		switch code := fields[name].(type) {
		case string:
			s.codes = append(s.codes, code)
		case float64:
			s.codes = append(s.codes, strconv.FormatFloat(code, 'g', -1, 64))
		}
	}
	s.delay = delayIn(fields["details"])
	s.codes = append(s.codes, reasonsIn(fields["details"])...)
	return s
}

// reasonsIn finds the codes of Google within an error: {"reason": "API_KEY_INVALID"} in a list of details.
func reasonsIn(details any) (reasons []string) {
	list, _ := details.([]any)
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			if text, ok := fields["reason"].(string); ok {
				reasons = append(reasons, text)
			}
		}
	}
	return reasons
}

// delayIn finds the pause that Google asks for within an error: {"retryDelay": "34s"} in a list of details.
func delayIn(details any) time.Duration {
	list, _ := details.([]any)
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			if text, ok := fields["retryDelay"].(string); ok {
				if d, err := time.ParseDuration(text); err == nil {
					return d
				}
			}
		}
	}
	return 0
}

// pauseAsked returns how long a server wants to be left alone: retry-after-ms, Retry-After in seconds or as a date, or
// what the error says; 0 when it does not tell.
func (p *post) pauseAsked(h http.Header, s saying) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return span(ms / 1000)
	}
	after := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(after, 64); err == nil {
		return span(seconds)
	}
	if at, err := http.ParseTime(after); err == nil {
		now, err := http.ParseTime(h.Get("Date")) // by the clock of the server, where it tells
		if err != nil {
			now = p.session.clock.now()
		}
		return max(at.Sub(now), 0)
	}
	return max(s.delay, 0)
}

// span returns a duration; one that is not a time to come is 0, an absurd one a day.
func span(seconds float64) time.Duration {
	if !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, 86400) * float64(time.Second))
}
