package plugins

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Egress is the most that a request tells of real patients.
type Egress string

// The levels of egress, each with those before it.
const (
	EgressSchema     Egress = "schema"     // names, types, units and declared limits: nothing that was computed from rows
	EgressAggregates Egress = "aggregates" // shares and quantiles of train, each of FewestTold patients or more, no extremes
	EgressRows       Egress = "rows"       // rows of patients; synthetic rows made from them count as such
)

// Beyond reports whether e tells more than limit allows.
func (e Egress) Beyond(limit Egress) bool { return e.rank() > limit.rank() }

func (e Egress) rank() int {
	switch e {
	case "":
		return 0
	case EgressSchema:
		return 1
	case EgressAggregates:
		return 2
	}
	return 3
}

// Message is one turn of a conversation with a language model.
type Message struct {
	Role string `json:"role"` // "system", "user" or "assistant"
	Text string `json:"text"`
}

// Request is one call of a language model.
type Request struct {
	Messages    []Message
	Schema      json.RawMessage // JSON Schema of the answer; nil for free text. Sent where the model has Structured
	Temperature *float64        // nil: as the model is set, else the provider's default
	TopP        *float64        // likewise
	MaxTokens   int             // cap on the tokens of the answer, reasoning included; 0: as the model is set
	Reveals     Egress          // the most that it tells of real patients
	Ordinal     int             // tells equal requests of a step apart, from 0: each is a call of its own
}

// Response is the complete answer to a Request.
type Response struct {
	Text        string
	Stop        string // one of the Stop constants
	Model       string // the model that the provider says it served
	Fingerprint string
	At          time.Time // UTC, when it was received first

	InputTokens, CachedTokens, OutputTokens, ReasoningTokens int // cached: of the input; reasoning: of the output
}

// Why an answer ended.
const (
	StopEnd     = "stop"
	StopLength  = "length"  // at the cap on tokens: what is complete in it can be used
	StopRefusal = "refusal" // the model, or a filter of the provider, declined
	// StopUnreadable is only in stored evidence: a complete answer that counts its tokens, and that its provider cannot read.
	StopUnreadable = "unreadable"
)

// LLM is a language model that answers requests. It is safe for concurrent use; the error of Complete is an *LLMError, the
// context's, or that of a store which cannot be read or written.
type LLM interface {
	Complete(ctx context.Context, r Request) (*Response, error)
	Info() ModelInfo
}

// LLMFault says what kept a request from being answered.
type LLMFault string

// The faults.
const (
	FaultKey        LLMFault = "key"        // no key, or the provider refuses it: every call would fail
	FaultRequest    LLMFault = "request"    // the provider does not take such a request, or has no such model
	FaultRefused    LLMFault = "refused"    // the model declined as often as it may be asked
	FaultOverloaded LLMFault = "overloaded" // 408, 409, 429 or 5xx to the last try
	FaultNetwork    LLMFault = "network"    // no connection, or it was cut, to the last try
	FaultEndpoint   LLMFault = "endpoint"   // something answers that does not speak the API: HTML, a redirect
	FaultBudget     LLMFault = "budget"     // the budget does not allow it
	FaultEgress     LLMFault = "egress"     // it tells more than may leave
	FaultReplay     LLMFault = "replay"     // the recording has no such answer
)

// LLMError is why a request has no answer. It holds no secret and no row.
type LLMError struct {
	Fault   LLMFault
	Model   string // the experiment's name for it
	Status  int    // of HTTP; 0 where there was none
	Message string
}

// Error says what happened and, where it is known, what would be right.
func (e *LLMError) Error() string {
	if e.Status > 0 {
		return fmt.Sprintf("llm %s: %s (HTTP %d)", e.Model, e.Message, e.Status)
	}
	return fmt.Sprintf("llm %s: %s", e.Model, e.Message)
}

// Identity is what decides a model's answers besides the request. It enters keys; secrets, limits and prices are no part of it.
type Identity struct {
	API      string          `json:"api"`                // the wire format, e.g. "openai-chat"
	Endpoint string          `json:"endpoint,omitempty"` // e.g. "https://api.openai.com/v1"; empty in process
	Model    string          `json:"model"`              // as it is requested
	Settings json.RawMessage `json:"settings,omitempty"` // what else goes into the body of requests
}

// ModelInfo describes a model as an experiment has it.
type ModelInfo struct {
	Identity
	Family     string   // who trained it, e.g. "gpt", "claude", "llama"
	Structured bool     // answers can be held to a JSON Schema
	InProcess  bool     // nothing leaves the process
	Simulated  bool     // its answers are made up: nothing about models follows from them
	Context    int      // tokens of request and answer together; 0: unknown
	MaxTokens  int      // cap on the tokens of an answer where a request names none
	Limits     Limits   // what the provider allows
	Secret     Secret   // where the key comes from
	Warnings   []string // e.g. that the name has no date
}

// Limits keep a client within what a provider allows. None enters a key.
type Limits struct {
	Requests    int           `json:"requests,omitempty"`    // a minute; 0: no limit
	Tokens      int           `json:"tokens,omitempty"`      // a minute, of input and reserved output; 0: no limit
	Concurrency int           `json:"concurrency,omitempty"` // calls at once, at most
	Retries     int           `json:"retries,omitempty"`     // after the first try
	Timeout     time.Duration `json:"timeout,omitempty"`     // of one try
}

// Secret says where a key is read when it is first needed. Both empty: none is needed.
type Secret struct {
	Env     string // name of an environment variable
	Command string // run by the shell; its standard output is the key
}

// Provider is a kind of endpoint, set to one model. It is safe for concurrent use, keeps no answer and holds no secret.
type Provider interface {
	Info() ModelInfo
	// Complete puts a request to the model through a transport and reads the answer. The body that reaches the transport is
	// final, and the same for the same request. Without a schema in its API the provider leaves Request.Schema out.
	Complete(ctx context.Context, transport http.RoundTripper, r Request) (*Response, error)
	// Read reads the whole body of an answer with a status of 2xx. An error says that it is no complete answer of the API.
	Read(body []byte) (*Response, error)
	// Authorize puts the key into a request that is about to be sent with the body.
	Authorize(req *http.Request, body []byte, key string) error
}

// Server is what a Provider implements that answers in process: it stands in for the network. It cannot draw afresh for each
// call, as equal requests must have equal answers: the client tells it which call it is by ReplicateHeader.
type Server interface{ http.RoundTripper }

// ReplicateHeader is the header that tells a Server calls with equal bodies apart: "<seed>/<ordinal>/<attempt>", each a
// decimal number, as they enter the key of the response. Requests that leave the process do not have it.
const ReplicateHeader = "X-Ehrlab-Replicate"

// Prompting is what a Strategy implements that asks language models.
type Prompting interface {
	Strategy
	// Models names the models of the experiment that it asks.
	Models() []string
	// Reveals is the most that any of its requests tells of real patients.
	Reveals() Egress
	// Beside lists columns of train that it reads besides the features, such as those of groups.
	Beside() []string
	// Outline works out what Generate would ask first, without asking.
	Outline(ctx context.Context, env Env, task Task) (*Outline, error)
}

// Outline is what a strategy would ask for a task.
type Outline struct {
	Calls []OutlinedCall
	Cells []OutlinedCell // the rows asked for, by group and label; one without dimensions where there are none
}

// OutlinedCall is a request and how many of its kind there will be.
type OutlinedCall struct {
	Model               string // the experiment's name
	Label               string // for people, e.g. "is_female 1, death 0"
	Request             Request
	Low, Expected, High int // requests of this kind: the first round alone; with what is usually missing; all rounds
	// Likeness says that the request stands for others like it, whose texts are not known yet; else those of Low repeat it.
	Likeness            bool `json:",omitempty"`
	InputLow, InputHigh int  // tokens of the input of a request of this kind, least and most
	OutputLow           int  // tokens of the shortest answer with all rows that is plausible, reasoning left out
	OutputTokens        int  // expected in an answer, likewise
}

// OutlinedCell is the rows that are asked for in one group.
type OutlinedCell struct {
	Dims map[string]string
	Rows int
}

// Caller is the step on whose behalf models are asked.
type Caller struct {
	Step       string            // its key
	Label      string            // for people
	Seed       uint64            // the replicate: other seeds are other calls
	Axes       map[string]string // of the first cell that needs it; budgets go by them
	Dataset    string
	Governance Governance
	Providers  map[string]Provider // the models that it asks, by the experiment's names, as they are set for its cell
}

// Models hands out the language models of an experiment.
type Models interface {
	// Open returns the models, by the experiment's names, for one step. used returns what its answers cost so far, whichever
	// run paid for them.
	Open(c Caller) (models map[string]LLM, used func() []Usage)
}

// Usage is what the answers that a step used have cost. Answers come in no order: equal steps have equal usage.
type Usage struct {
	Model        Identity  `json:"model"`
	Family       string    `json:"family,omitempty"`
	Simulated    bool      `json:"simulated,omitempty"`
	Served       []string  `json:"served"`                 // models that the provider says it served, sorted
	Fingerprints []string  `json:"fingerprints,omitempty"` // sorted
	Calls        int       `json:"calls"`                  // answers, refusals among them
	Refused      int       `json:"refused,omitempty"`
	Truncated    int       `json:"truncated,omitempty"`
	Input        int       `json:"input"` // tokens
	Cached       int       `json:"cached,omitempty"`
	Output       int       `json:"output"`
	Reasoning    int       `json:"reasoning,omitempty"`
	First        time.Time `json:"first"` // UTC, of the earliest and the latest answer
	Last         time.Time `json:"last"`
	Responses    []string  `json:"responses"` // their keys, sorted
}

// Send is a request that is about to be sent. It is journalled before.
type Send struct {
	Key        string            `json:"key"` // of the response
	Experiment string            `json:"experiment"`
	Step       string            `json:"step"`
	Axes       map[string]string `json:"axes,omitempty"`
	Model      Identity          `json:"model"`
	Try        int               `json:"try"`               // from 0
	Hash       string            `json:"hash"`              // of the body
	Request    json.RawMessage   `json:"request,omitempty"` // the body; nil when rows of restricted data may be in it
	Restricted bool              `json:"restricted,omitempty"`
	Input      int               `json:"input"`  // tokens reserved
	Output     int               `json:"output"` // tokens reserved, at the cap
	At         time.Time         `json:"at"`     // UTC
}

// Outcome says how a send ended.
type Outcome string

// The outcomes. A send without one is in flight, or orphaned when its process is gone: whether it was charged is unknown.
const (
	Answered Outcome = "answered" // completely: the answer is stored
	Declined Outcome = "refused"  // a complete refusal, or an answer that was charged and cannot be read: stored as evidence
	Rejected Outcome = "rejected" // a status other than 2xx: nothing was served
	Cut      Outcome = "cut"      // the answer did not arrive whole: orphaned, it may have been charged
)

// Settlement is the end of a send.
type Settlement struct {
	Outcome Outcome   `json:"outcome"`
	Status  int       `json:"status,omitempty"` // of HTTP
	Message string    `json:"message,omitempty"`
	Answer  *Answer   `json:"answer,omitempty"` // of Answered and Declined
	At      time.Time `json:"at"`               // UTC
}

// Answer is a stored answer: its body as it was received, and what was read from it.
type Answer struct {
	Body        []byte    `json:"body"`
	Refusal     bool      `json:"refusal,omitempty"` // evidence: never served as an answer
	Stop        string    `json:"stop"`
	Requested   string    `json:"requested"` // model
	Served      string    `json:"served"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Input       int       `json:"input"` // tokens
	Cached      int       `json:"cached,omitempty"`
	Output      int       `json:"output"`
	Reasoning   int       `json:"reasoning,omitempty"`
	At          time.Time `json:"at"`
}

// ResponseStore keeps complete answers for good, so that none is paid for twice, and the journal of what was sent. It is safe
// for concurrent use, and several processes may share one.
type ResponseStore interface {
	// Answer returns the stored answer of a key, or nil when there is none.
	Answer(key string) (*Answer, error)
	// Intend journals, durably, that a request is about to be sent.
	Intend(s Send) (id string, err error)
	// Settle journals the end of a send, durably, its answer with it. Where another process was first to answer the key, its
	// answer stays, and this send only counts as a cost: Answer returns the one to use.
	Settle(id string, s Settlement) error
	// Sends calls f for every send of an experiment so far, in no order. settled is nil for one without an outcome; then alive
	// says that its process may still settle it. Neither comes with a body. A send without a key is one that a damaged journal
	// has lost. An empty experiment stands for all.
	Sends(experiment string, f func(s Send, settled *Settlement, alive bool) error) error
}
