package client

import (
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
)

// What is over the context of a model is not sent, and costs nothing; what is stored is served.
func TestOverContext(t *testing.T) {
	server := serve(t, answering("x"))
	store := newMemory()
	long := asking(strings.Repeat("one two three ", 500))
	setup(t, store, nil, chat(t, server.URL, nil)).ask(t, long)
	b := setup(t, store, nil, chat(t, server.URL, func(c *openai.Config) { c.Context = 1000 }))
	b.ask(t, long)
	b.ask(t, asking("short"))
	long.Ordinal = 1
	fault := b.refused(t, anyone, long, plugins.FaultRequest)
	if !strings.Contains(fault.Message, "the context of the model is 1000: lower rows") {
		t.Error(fault)
	}
	if n := server.requests.Load(); n != 2 || len(b.store.outcomes(t)) != 1 {
		t.Errorf("%d requests, %v", n, b.store.outcomes(t))
	}
}
