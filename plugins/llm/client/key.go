package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// keyFormat is raised when the parts of a response key, or the canonical form of a body, change.
const keyFormat = 1

// responseKey returns the key of a response: a digest of all that decides it. body is canonical. attempt counts the
// refusals before. What answers in process goes by its settings, which no body holds.
func responseKey(id plugins.Identity, body []byte, seed uint64, ordinal, attempt int) string {
	return keysOf(id, body).key(seed, ordinal, attempt)
}

// keys are the response keys of the repeats of a request, which begin alike.
type keys struct {
	begun hash.Cloner // with the identity and the body
	id    plugins.Identity
}

func keysOf(id plugins.Identity, body []byte) keys {
	h := sha256.New().(hash.Cloner)
	write(h, []byte("ehrlab response"), []byte(strconv.Itoa(keyFormat)), []byte(id.API), []byte(id.Endpoint), []byte(id.Model), body)
	return keys{h, id}
}

// key is responseKey.
func (k keys) key(seed uint64, ordinal, attempt int) string {
	h, err := k.begun.Clone()
	if err != nil {
		panic(err) // SHA-256 can be copied
	}
	write(h, strconv.AppendUint(nil, seed, 10), []byte(strconv.Itoa(ordinal)), []byte(strconv.Itoa(attempt)))
	if k.id.Endpoint == "" {
		write(h, k.id.Settings)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write writes parts with their lengths, so that they do not run into each other.
func write(to hash.Hash, parts ...[]byte) {
	for _, part := range parts {
		fmt.Fprintf(to, "%d:", len(part))
		to.Write(part)
	}
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// canonical returns a JSON value without white space, the members of objects sorted by name and numbers as they are written.
// A member that is repeated counts once, with its last value. Members of what is called "properties" keep their order: it
// is the order in which a model with a JSON Schema writes its fields, so that it decides answers.
func canonical(body []byte) ([]byte, error) {
	if !json.Valid(body) { // which also bounds the depth
		return nil, errors.New("the body is no JSON")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out bytes.Buffer
	out.Grow(len(body))
	if err := writeValue(&out, d, false); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeValue(out *bytes.Buffer, d *json.Decoder, ordered bool) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return writeObject(out, d, ordered)
		}
		return writeArray(out, d)
	case string:
		return writeString(out, t)
	case json.Number:
		out.WriteString(t.String())
	case bool:
		out.WriteString(strconv.FormatBool(t))
	default:
		out.WriteString("null")
	}
	return nil
}

func writeArray(out *bytes.Buffer, d *json.Decoder) error {
	out.WriteByte('[')
	for i := 0; d.More(); i++ {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeValue(out, d, false); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	_, err := d.Token()
	return err
}

func writeObject(out *bytes.Buffer, d *json.Decoder, ordered bool) error {
	type member struct {
		name  string
		value []byte
	}
	var members []member
	at := map[string]int{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		var value bytes.Buffer
		if err := writeValue(&value, d, name == "properties"); err != nil {
			return err
		}
		if i, twice := at[name]; twice {
			members[i].value = value.Bytes()
			continue
		}
		at[name] = len(members)
		members = append(members, member{name, value.Bytes()})
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if !ordered {
		slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	out.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeString(out, m.name); err != nil {
			return err
		}
		out.WriteByte(':')
		out.Write(m.value)
	}
	out.WriteByte('}')
	return nil
}

func writeString(out *bytes.Buffer, s string) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the encoder ends its line
	return nil
}
