package client

import (
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// A send whose answer makes its provider panic may have been charged.
func TestPanicKeepsTheReservation(t *testing.T) {
	server := serve(t, answering("x"))
	m := chat(t, server.URL, nil)
	m.Provider = panicking{m.Provider}
	b := setup(t, newMemory(), func(o *Options) { o.Budget = Budget{Total: &Limit{Calls: 1}} }, m)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		llm, _ := b.open(anyone)
		llm.Complete(t.Context(), asking("x"))
	}()
	b.refused(t, anyone, asking("another"), plugins.FaultBudget)
}

type panicking struct{ plugins.Provider }

func (panicking) Read([]byte) (*plugins.Response, error) { panic("boom") }
