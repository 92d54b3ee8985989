package llmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Fault is a way to misbehave.
type Fault string

// The faults. Those from CutBefore on are of an answer that was made and is charged; the ones before charge nothing.
const (
	None               Fault = ""
	TooMany            Fault = "429"                  // without Retry-After
	TooManyRetryAfter  Fault = "429 with Retry-After" // as RetryAfter says
	ServerError        Fault = "500"
	BadGateway         Fault = "502" // in HTML, as proxies write it
	Unavailable        Fault = "503 with Retry-After"
	Overloaded         Fault = "529"
	Timeout            Fault = "408"
	BadRequest         Fault = "400"
	Unauthorized       Fault = "401"
	Forbidden          Fault = "403"
	UnknownModel       Fault = "404"
	Redirect           Fault = "redirect" // 307, as RedirectTo says
	HTML               Fault = "HTML"     // with status 200
	EmptyObject        Fault = "{}"       // with status 200
	ErrorWithStatusOK  Fault = "error with status 200"
	CutBefore          Fault = "cut before the status"
	CutMiddle          Fault = "cut in the body"
	HalfJSON           Fault = "half a JSON"         // with status 200, and no more to come
	SlowStream         Fault = "slow stream"         // whole, in pieces
	WrongRows          Fault = "wrong rows"          // about half of the lines, or of the elements of arrays in an object
	Prose              Fault = "prose"               // around the text
	Refuse             Fault = "refusal"             // the model declines
	Filtered           Fault = "filtered"            // the provider's filter stops the answer
	OtherModel         Fault = "other model"         // the answer names another model than was asked for
	ShortAnswer        Fault = "cut at the cap"      // the second half of the text is missing
	EmptyText          Fault = "empty text"          // complete
	TrailingWhitespace Fault = "trailing whitespace" // complete: a line break and spaces after the JSON
)

// Faults lists the faults in a fixed order, without None.
func Faults() []Fault {
	return []Fault{
		TooMany, TooManyRetryAfter, ServerError, BadGateway, Unavailable, Overloaded, Timeout, BadRequest, Unauthorized, Forbidden,
		UnknownModel, Redirect, HTML, EmptyObject, ErrorWithStatusOK, CutBefore, CutMiddle, HalfJSON, SlowStream, WrongRows,
		Prose, Refuse, Filtered, OtherModel, ShortAnswer, EmptyText, TrailingWhitespace,
	}
}

// statuses are the faults that are an error of the API with a status.
var statuses = map[Fault]refusal{
	TooMany:           {http.StatusTooManyRequests, "too many requests"},
	TooManyRetryAfter: {http.StatusTooManyRequests, "too many requests"},
	ServerError:       {http.StatusInternalServerError, "the server had an error"},
	Unavailable:       {http.StatusServiceUnavailable, "try again later"},
	Overloaded:        {529, "overloaded"},
	Timeout:           {http.StatusRequestTimeout, "took too long"},
	BadRequest:        {http.StatusBadRequest, "the request is wrong"},
	Unauthorized:      {http.StatusUnauthorized, "wrong key"},
	Forbidden:         {http.StatusForbidden, "the key may not do that"},
	UnknownModel:      {http.StatusNotFound, "no such model"},
}

// page is what a gateway or a portal answers.
const page = "<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body><h1>Please try again</h1></body></html>\n"

// instead answers with what is no answer of a model, and reports whether it did.
func (s *Server) instead(w http.ResponseWriter, r *http.Request, e *Exchange) bool {
	if status, ok := statuses[e.Fault]; ok {
		if e.Fault == TooManyRetryAfter || e.Fault == Unavailable {
			w.Header().Set("Retry-After", s.setting.retryAfter)
		}
		s.refuse(w, e, status)
		return true
	}
	e.Status = http.StatusOK
	switch e.Fault {
	case BadGateway, HTML:
		if e.Fault == BadGateway {
			e.Status = http.StatusBadGateway
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(e.Status)
		io.WriteString(w, page)
	case Redirect:
		e.Status = http.StatusTemporaryRedirect
		to := s.setting.redirect
		if to == "" {
			to = s.URL + "/elsewhere"
		}
		http.Redirect(w, r, to, e.Status)
	case EmptyObject:
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	case ErrorWithStatusOK:
		w.Header().Set("Content-Type", "application/json")
		w.Write(s.format.error(refusal{http.StatusBadGateway, "the server behind had an error"}))
	default:
		return false
	}
	return true
}

// spoil changes an answer before its tokens are counted.
func (f Fault) spoil(e *Exchange) {
	switch f {
	case WrongRows:
		e.Text = fewer(e.Text)
	case Prose:
		e.Text = "Certainly! Here is what you asked for:\n\n" + e.Text + "\n\nLet me know if you need anything else."
	case Refuse:
		e.Text, e.Stop = "I'm sorry, but I can't help with that.", plugins.StopRefusal
	case Filtered:
		e.Text, e.Stop = "", plugins.StopRefusal
	case OtherModel:
		e.Served += "-other"
	case ShortAnswer:
		e.Text, e.Stop = strings.ToValidUTF8(e.Text[:len(e.Text)/2], ""), plugins.StopLength
	case EmptyText:
		e.Text = ""
	}
}

// fewer returns about half of a text: of the lines of CSV, its header not counted; of the elements of the arrays of an object.
func fewer(text string) string {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &object) != nil {
		lines := strings.SplitAfter(text, "\n")
		return strings.Join(lines[:1+(len(lines)-1)/2], "")
	}
	for name, value := range object {
		var elements []json.RawMessage
		if json.Unmarshal(value, &elements) == nil {
			object[name] = mustJSON(elements[:len(elements)/2])
		}
	}
	return string(mustJSON(object))
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("llmtest: %v", err)) // our own values
	}
	return b
}
