package responses

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
)

// The most that is kept of some texts.
const (
	maxKey     = 256
	maxMessage = 2000
)

// Intend journals that a request is about to be sent. Of its body only the hash is journalled: the body is stored with the answer,
// and never when the send is restricted.
func (s *Store) Intend(send plugins.Send) (id string, err error) {
	if s.readOnly {
		return "", ErrReadOnly
	}
	if err := checkKey(send.Key); err != nil {
		return "", err
	}
	if len(send.Request) > maxBody {
		return "", fmt.Errorf("the request takes %d bytes and may take %d", len(send.Request), maxBody)
	}
	if send.Restricted {
		send.Request = nil
	}
	told := send
	told.Request = nil
	body, err := encodeLine("intend", told)
	if err != nil {
		return "", fmt.Errorf("journal a send: %w", err)
	}
	e := &entry{intent: true, body: body}
	if err := s.journal.append(e); err != nil {
		return "", fmt.Errorf("journal a send: %w", err)
	}
	s.mu.Lock()
	s.pending[e.id] = send
	s.mu.Unlock()
	return e.id, nil
}

// checkKey fails for what is no key of a response: visible ASCII, so that equal keys are equal bytes everywhere.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return fmt.Errorf("%.20q is no key of a response", key)
	}
	return nil
}

// Settle journals the end of a send, after its answer is stored. When the key has an answer already, from another process that
// sent the same at the same time, that one stays: Answer returns the one that counts. The journal keeps what this send cost.
//
// After an error of the journal the send is still open, and may be settled again. When only the answer could not be stored, its
// cost is journalled and the error says so.
func (s *Store) Settle(id string, end plugins.Settlement) error {
	if s.readOnly {
		return ErrReadOnly
	}
	whole := end.Outcome == plugins.Answered || end.Outcome == plugins.Declined
	if whole != (end.Answer != nil) {
		return fmt.Errorf("a send with outcome %q has an answer: %v, and should: %v", end.Outcome, end.Answer != nil, whole)
	}
	send, err := s.take(id)
	if err != nil {
		return err
	}
	end.Message = clip(end.Message)
	var lost error
	if whole {
		a := *end.Answer
		a.Refusal = end.Outcome == plugins.Declined
		if lost = s.keep(id, send, a); lost != nil {
			lost = fmt.Errorf("store an answer: %w", lost)
			end.Message = "the answer could not be stored"
		}
		a.Body = nil
		end.Answer = &a
	}
	body, err := encodeLine("settle", settled{id, end})
	if err == nil {
		err = s.journal.append(&entry{body: body})
	}
	if err != nil {
		s.giveBack(id, send)
		err = fmt.Errorf("journal the end of a send: %w", err)
	}
	return errors.Join(lost, err)
}

// take removes a send from those that are open.
func (s *Store) take(id string) (plugins.Send, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	send, ok := s.pending[id]
	if !ok {
		return send, fmt.Errorf("no send %q is open", id)
	}
	delete(s.pending, id)
	return send, nil
}

func (s *Store) giveBack(id string, send plugins.Send) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[id] = send
}

// clip shortens a message to what a journal keeps.
func clip(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	end := maxMessage
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + "…"
}

// keeping is an answer on its way into the store.
type keeping struct {
	recipe *cache.Recipe
	output cache.Output
	err    error
}

// keep stores an answer and returns when it is durable. One that is there already stays.
func (s *Store) keep(id string, send plugins.Send, a plugins.Answer) error {
	facts, b, err := pack(&Record{
		Key: send.Key, API: send.Model.API, Hash: send.Hash, Request: send.Request, Restricted: send.Restricted, Answer: a,
	}, id)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(a.Body)
	k := &keeping{recipe: recipe(send.Key), output: cache.Output{Bytes: b, Facts: facts, Digest: cache.Hash(hex.EncodeToString(digest[:]))}}
	if err := s.keeping.do(k, s.keepAll); err != nil {
		return err
	}
	return k.err
}

// keepAll stores the answers of a batch with few syncs.
func (s *Store) keepAll(batch []*keeping) error {
	held := s.turns.begin()
	if held {
		defer s.turns.end()
	}
	if err := s.refresh(); err != nil {
		return err
	}
	if _, err := s.turns.change(); err != nil {
		return err
	}
	var puts sync.WaitGroup
	for _, k := range batch {
		puts.Go(func() { k.err = s.put(k) })
	}
	puts.Wait()
	// Who has read the store since the first mark may have missed what was being stored.
	mark, err := s.turns.change()
	if err == nil && held {
		s.seen.Store(mark)
	}
	return err
}

func (s *Store) put(k *keeping) error {
	_, err := s.store.Put(context.Background(), k.recipe, k.output)
	var other *cache.ConflictError
	if errors.As(err, &other) {
		return nil // the first stays
	}
	if errors.Is(err, cache.ErrClosed) {
		return ErrClosed
	}
	return err
}
