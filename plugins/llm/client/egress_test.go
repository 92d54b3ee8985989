package client

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

func approved() *Approval {
	return &Approval{Basis: "agreement 4.2", By: "A. Person", Date: "2025-03-01", Retention: "none", Reveals: plugins.EgressRows}
}

func TestMayLeave(t *testing.T) {
	const away, here = "https://api.example.org/v1", "http://127.0.0.1:8080/v1"
	tests := []struct {
		name       string
		governance plugins.Governance
		endpoint   string
		approval   *Approval
		edit       func(*Approval)
		reveals    plugins.Egress
		refusal    string // "": it may
	}{
		{"open", plugins.Open, away, nil, nil, plugins.EgressRows, ""},
		{"simulated", plugins.Simulated, away, nil, nil, plugins.EgressRows, ""},
		{"unknown class", "", away, nil, nil, plugins.EgressSchema, "it has no approval"},
		{"no approval", plugins.Restricted, away, nil, nil, plugins.EgressSchema, "it has no approval (basis, by, date, retention, reveals)"},
		{"no approval of a loopback", plugins.Restricted, here, nil, nil, plugins.EgressSchema, "it has no approval"},
		{"approved", plugins.Restricted, away, approved(), nil, plugins.EgressRows, ""},
		{"enough", plugins.Restricted, away, approved(), func(a *Approval) { a.Reveals = plugins.EgressAggregates }, plugins.EgressAggregates, ""},
		{"too much", plugins.Restricted, away, approved(), func(a *Approval) { a.Reveals = plugins.EgressAggregates }, plugins.EgressRows, "the request reveals rows, and its approval reveals at most aggregates"},
		{"undeclared counts as rows", plugins.Restricted, away, approved(), func(a *Approval) { a.Reveals = plugins.EgressSchema }, "", "the request reveals rows"},
		{"covered", plugins.Restricted, away, approved(), func(a *Approval) { a.Datasets = []string{"eicu", "invented"} }, plugins.EgressRows, ""},
		{"not covered", plugins.Restricted, away, approved(), func(a *Approval) { a.Datasets = []string{"eicu"} }, plugins.EgressRows, "its approval covers eicu only"},
		{"lacks", plugins.Restricted, away, approved(), func(a *Approval) { a.By, a.Date, a.Reveals = "", " ", "" }, plugins.EgressRows, "its approval lacks by, date, reveals"},
		{"local", plugins.Restricted, here, &Approval{Local: true}, nil, plugins.EgressRows, ""},
		{"localhost", plugins.Restricted, "http://localhost:1/v1", &Approval{Local: true}, nil, plugins.EgressRows, ""},
		{"local, version 6", plugins.Restricted, "http://[::1]:1/v1", &Approval{Local: true}, nil, plugins.EgressRows, ""},
		{"local, within limits", plugins.Restricted, here, &Approval{Local: true, Reveals: plugins.EgressSchema}, nil, plugins.EgressRows, "reveals at most schema"},
		{"local, not covered", plugins.Restricted, here, &Approval{Local: true, Datasets: []string{"eicu"}}, nil, plugins.EgressRows, "covers eicu only"},
		{"local, yet away", plugins.Restricted, away, &Approval{Local: true}, nil, plugins.EgressSchema, "local alone is enough for a loopback address only; its approval lacks basis, by, date, retention, reveals"},
		{"a name that looks local", plugins.Restricted, "https://localhost.example.org", &Approval{Local: true}, nil, plugins.EgressSchema, "loopback address only"},
		{"local in a network", plugins.Restricted, "http://10.0.0.7/v1", &Approval{Local: true}, nil, plugins.EgressSchema, "loopback address only"},
		{"local in a network, approved", plugins.Restricted, "http://10.0.0.7/v1", approved(), func(a *Approval) { a.Local = true }, plugins.EgressRows, ""},
	}
	for _, tt := range tests {
		if tt.edit != nil {
			tt.edit(tt.approval)
		}
		m := &model{Model: Model{Name: "m", Approval: tt.approval}, info: plugins.ModelInfo{Identity: plugins.Identity{Endpoint: tt.endpoint}}}
		err := m.mayLeave(plugins.Caller{Dataset: "invented", Governance: tt.governance}, tt.reveals)
		if (err == nil) != (tt.refusal == "") || err != nil && !strings.Contains(err.Error(), tt.refusal) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.refusal)
		}
		m.info.InProcess = true
		if err := m.mayLeave(plugins.Caller{Dataset: "invented", Governance: tt.governance}, tt.reveals); err != nil {
			t.Errorf("%s, in process: %v", tt.name, err)
		}
	}
}

// bypassed asks as if nothing had been checked before.
func bypassed(t *testing.T, b *bench, c plugins.Caller, r plugins.Request) error {
	t.Helper()
	s := &session{Client: b.Client, caller: c, answers: map[asked]answered{}}
	x := &exchange{llm: &llm{session: s, model: b.models["m"]}, ctx: t.Context(), request: r}
	_, _ = b.models["m"].Provider.Complete(t.Context(), x, r)
	return x.err
}

// Rows of a restricted data set, and rows made from them, do not leave: neither through Complete nor when that is passed by.
func TestRestrictedDataStays(t *testing.T) {
	server := serve(t, answering("x"))
	elsewhere := serve(t, answering("x"))
	restricted := anyone
	restricted.Governance = plugins.Restricted
	for name, edit := range map[string]func(*Model){
		"no approval":    func(*Model) {},
		"an empty one":   func(m *Model) { m.Approval = &Approval{} },
		"for less":       func(m *Model) { m.Approval = approved(); m.Approval.Reveals = plugins.EgressSchema },
		"for others":     func(m *Model) { m.Approval = approved(); m.Approval.Datasets = []string{"other"} },
		"local and away": func(m *Model) { m.Approval = &Approval{Local: true}; m.Provider = moved{m.Provider, "http://10.0.0.7"} },
		"sends elsewhere": func(m *Model) {
			m.Approval = approved()
			m.Provider = moved{m.Provider, elsewhere.URL}
		},
	} {
		m := chat(t, server.URL, nil)
		edit(&m)
		b := setup(t, newMemory(), func(o *Options) {
			o.Secret = func(plugins.Secret) (string, error) { t.Error("a key is read"); return "", nil }
		}, m)
		if !strings.HasPrefix(name, "sends") { // the provider is not even asked to write a request
			b.models["m"].Provider = nil
		}
		fault := b.refused(t, restricted, asking("67,F"), plugins.FaultEgress)
		b.models["m"].Provider = m.Provider
		if !strings.Contains(fault.Message, `data set "invented" is restricted`) {
			t.Errorf("%s: %v", name, fault)
		}
		if err := bypassed(t, b, restricted, asking("67,F")); err == nil || !strings.Contains(err.Error(), "restricted") {
			t.Errorf("%s: when the check is passed by: %v", name, err)
		}
		if len(b.store.sends) != 0 {
			t.Errorf("%s: %d sends", name, len(b.store.sends))
		}
	}
	if a, b := server.requests.Load(), elsewhere.requests.Load(); a+b != 0 {
		t.Errorf("%d and %d requests", a, b)
	}
}

// moved is a provider whose requests do not go where its endpoint is.
type moved struct {
	plugins.Provider
	endpoint string
}

func (p moved) Info() plugins.ModelInfo {
	info := p.Provider.Info()
	info.Endpoint = p.endpoint
	return info
}

// A redirect of an approved endpoint leads restricted rows nowhere.
func TestRestrictedDataIsNotRedirected(t *testing.T) {
	target := serve(t, answering("x"))
	server := serve(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
	})
	m := chat(t, server.URL, nil)
	m.Approval = &Approval{Local: true}
	restricted := anyone
	restricted.Governance = plugins.Restricted
	setup(t, newMemory(), nil, m).refused(t, restricted, asking("67,F"), plugins.FaultEndpoint)
	if target.requests.Load() != 0 || server.requests.Load() != 1 {
		t.Errorf("%d requests of the target, %d of the endpoint", target.requests.Load(), server.requests.Load())
	}
}

// The journal of restricted data has a hash in place of the request, whatever that tells.
func TestJournalOfRestrictedData(t *testing.T) {
	server := serve(t, answering("x"))
	m := chat(t, server.URL, nil)
	m.Approval = &Approval{Local: true}
	restricted := anyone
	restricted.Governance = plugins.Restricted
	for _, reveals := range []plugins.Egress{plugins.EgressRows, "", plugins.EgressAggregates, plugins.EgressSchema} {
		b := setup(t, newMemory(), nil, m)
		r := asking("planted-row")
		r.Reveals = reveals
		l, _ := b.open(restricted)
		if _, err := l.Complete(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		sends, _ := b.store.journal(t)
		if s := sends[0]; !s.Restricted || len(s.Hash) != 64 || s.Request != nil {
			t.Errorf("%q: %+v", reveals, s)
		}
		if strings.Contains(b.log.String(), "planted-row") {
			t.Error("the log has the request")
		}
	}
}
