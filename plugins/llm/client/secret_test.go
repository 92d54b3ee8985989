package client

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
)

func TestReadSecret(t *testing.T) {
	t.Setenv("CLIENT_TEST_KEY", " "+planted+"\n")
	t.Setenv("CLIENT_TEST_EMPTY", "")
	tests := []struct {
		source plugins.Secret
		want   string
		says   string // of the error
	}{
		{plugins.Secret{}, "", ""},
		{plugins.Secret{Env: "CLIENT_TEST_KEY"}, planted, ""},
		{plugins.Secret{Env: "CLIENT_TEST_NONE"}, "", "environment variable CLIENT_TEST_NONE, which should hold the key, is not set"},
		{plugins.Secret{Env: "CLIENT_TEST_EMPTY"}, "", "is not set"},
		{plugins.Secret{Command: "echo " + planted}, planted, ""},
		{plugins.Secret{Env: "CLIENT_TEST_NONE", Command: "echo x$((40+2))"}, "x42", ""},
		{plugins.Secret{Command: "true"}, "", "key_command gives an empty key"},
		{plugins.Secret{Command: "printf 'a\\nb'"}, "", "key_command gives more than one line"},
		{plugins.Secret{Command: "echo " + planted + "; echo " + planted + " >&2; exit 3"}, "", "key_command ends with exit status 3"},
	}
	for _, tt := range tests {
		got, err := newSecret(tt.source, readSecret).get(t.Context())
		if tt.says == "" && (err != nil || got != tt.want) || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%+v: %q, %v", tt.source, got, err)
		}
		if err != nil && strings.Contains(err.Error(), planted) {
			t.Errorf("%+v: the error shows the key", tt.source)
		}
	}
}

// A key is read when it is first needed, and once; a missing one stops the model before anything is sent or journalled.
func TestKeysAreReadOnce(t *testing.T) {
	server := serve(t, answering("x"))
	var reads atomic.Int64
	one, two := chat(t, server.URL, nil), chat(t, server.URL+"/other", nil)
	two.Name = "two"
	b := setup(t, newMemory(), func(o *Options) {
		o.Secret = func(plugins.Secret) (string, error) { reads.Add(1); return planted, nil }
	}, one, two)
	if reads.Load() != 0 {
		t.Error("a key is read before it is needed")
	}
	var group sync.WaitGroup
	models, _ := b.Open(anyone)
	for _, name := range []string{"m", "two"} {
		for _, text := range []string{"a", "b", "c"} {
			group.Go(func() {
				if _, err := models[name].Complete(t.Context(), asking(text)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	if reads.Load() != 1 {
		t.Errorf("the key is read %d times", reads.Load())
	}
	missing := setup(t, newMemory(), func(o *Options) {
		o.Secret = func(plugins.Secret) (string, error) { return "", errors.New("the vault is locked") }
		o.Sleep = func(context.Context, time.Duration) error { t.Error("a call of a stopped model waits"); return nil }
	}, chat(t, server.URL, func(c *openai.Config) { c.Limits.Requests = 1 }))
	n := server.requests.Load()
	fault := missing.refused(t, anyone, asking("a"), plugins.FaultKey)
	if again := missing.refused(t, anyone, asking("b"), plugins.FaultKey); *again != *fault || !strings.Contains(fault.Message, "the vault is locked") {
		t.Errorf("%v, then %v", fault, again)
	}
	if server.requests.Load() != n || len(missing.store.sends) != 0 {
		t.Error("something was sent without a key")
	}
}

// A command that asks a person does not hold up the end of a run.
func TestSlowKeyCommand(t *testing.T) {
	release := make(chan struct{})
	s := newSecret(plugins.Secret{Command: "ask"}, func(plugins.Secret) (string, error) { <-release; return planted, nil })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := s.get(ctx); !errors.Is(err, context.DeadlineExceeded) || s.known() != "" {
		t.Error(err)
	}
	close(release)
	if key, err := s.get(t.Context()); key != planted || err != nil || s.known() != planted {
		t.Error(key, err)
	}
}
