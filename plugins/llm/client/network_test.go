package client

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"
)

// HTTP/2 would send again by itself what a server has taken whole.
func TestNetworkSpeaksHTTP1(t *testing.T) {
	major := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		major = r.ProtoMajor
		answering("x")(w, r, nil)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := network(nil)
	transport.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	b := setup(t, newMemory(), func(o *Options) { o.Transport = transport }, chat(t, server.URL, nil))
	b.ask(t, asking("hello"))
	if major != 1 {
		t.Errorf("HTTP/%d", major)
	}
}
