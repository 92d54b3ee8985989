package client

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

// What ends before there is a connection was not sent: it is no orphan, and counts against no budget.
func TestNothingIsSentWithoutAConnection(t *testing.T) {
	refusing := serve(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) { w.WriteHeader(http.StatusForbidden) })
	closing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closing.Close()
	go func() {
		for c, err := closing.Accept(); err == nil; c, err = closing.Accept() {
			c.Close()
		}
	}()
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request") }))
	old.TLS, old.Config.ErrorLog = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, discard
	old.StartTLS()
	defer old.Close()
	tests := []struct{ base, proxy, says string }{
		{"https://api.invalid/v1", refusing.URL, "no connection to api.invalid: Forbidden; does a proxy"},
		{"https://api.invalid/v1", "http://127.0.0.1:1", "the proxy of the environment (HTTPS_PROXY, HTTP_PROXY) cannot be reached: nothing listens there"},
		{"https://" + closing.Addr().String(), "", "no connection to " + closing.Addr().String() + ": "},
		{old.URL, "", "protocol version"},
	}
	for _, tt := range tests {
		transport := network(nil)
		if transport.Proxy = nil; tt.proxy != "" {
			u, err := url.Parse(tt.proxy)
			if err != nil {
				t.Fatal(err)
			}
			transport.Proxy = http.ProxyURL(u)
		}
		b := setup(t, newMemory(), func(o *Options) {
			o.Transport, o.Budget = transport, Budget{Total: &Limit{Tokens: 1000}}
		}, chat(t, tt.base, nil))
		fault := b.refused(t, anyone, asking("hello"), plugins.FaultNetwork)
		if !strings.Contains(fault.Message, tt.says) {
			t.Errorf("%q, want %q", fault.Message, tt.says)
		}
		if d := cmp.Diff(map[plugins.Outcome]int{plugins.Rejected: quickRetries + 1}, b.store.outcomes(t)); d != "" {
			t.Errorf("%s %s: %s", tt.base, tt.proxy, d)
		}
		if spent := b.ledger.total.spent; spent != (amount{}) {
			t.Errorf("%+v spent", spent)
		}
	}
}
