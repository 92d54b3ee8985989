package client

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
)

// What goes to an approved endpoint over http does not go to a proxy. The standard library reads the environment once for
// each process: hence one of its own.
func TestNoProxyReadsRows(t *testing.T) {
	if os.Getenv("EHRLAB_TEST_PROXY") == "" {
		var got strings.Builder
		proxy := serve(t, func(_ http.ResponseWriter, r *http.Request, body []byte) { got.Write(body) })
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoProxyReadsRows$")
		cmd.Env = append(os.Environ(), "EHRLAB_TEST_PROXY=1", "HTTP_PROXY="+proxy.URL)
		if out, err := cmd.CombinedOutput(); err != nil || proxy.requests.Load() > 0 {
			t.Errorf("the proxy got %d requests: %s; %v\n%s", proxy.requests.Load(), got.String(), err, out)
		}
		return
	}
	m := chat(t, "http://gpu.invalid/v1", func(c *openai.Config) { c.Insecure = true })
	m.Approval = &Approval{Basis: "x", By: "x", Date: "2025-01-01", Retention: "none", Reveals: plugins.EgressRows}
	c := anyone
	c.Governance = plugins.Restricted
	setup(t, newMemory(), nil, m).refused(t, c, asking("67,F"), plugins.FaultNetwork)
}
