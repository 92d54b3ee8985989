package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Decode reads the whole of a body into v, which has the fields of an API's answer. An error says that it is no complete JSON
// object, and quotes nothing of it.
func Decode(body []byte, v any) error {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0:
		return errors.New("the answer is empty")
	case trimmed[0] == '<':
		return errors.New("the answer is HTML or XML, not JSON; base_url may lead to something else than the API")
	case trimmed[0] != '{':
		return errors.New("the answer is no JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(trimmed))
	var shape *json.UnmarshalTypeError
	switch err := d.Decode(v); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the answer ends in the middle of its JSON")
	case errors.As(err, &shape):
		return errors.New("the answer is JSON of another shape than the API's")
	case err != nil:
		return errors.New("the answer is no valid JSON")
	}
	if d.More() {
		return errors.New("the answer has more than one JSON value")
	}
	return nil
}

// Tokens checks counts of tokens.
func Tokens(counts ...int) error {
	for _, n := range counts {
		if n < 0 {
			return errors.New("the answer counts fewer than 0 tokens")
		}
	}
	return nil
}
