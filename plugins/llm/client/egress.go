package client

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Approval says on which basis an endpoint may be told of restricted data.
type Approval struct {
	Basis     string // e.g. "data use agreement 4.2, zero retention"
	By, Date  string
	Retention string // what the endpoint keeps, and for how long
	Local     bool   // the endpoint is this machine; suffices alone for a loopback address
	Reveals   plugins.Egress
	Datasets  []string // that it covers, by the experiment's names; empty: all
}

// mayLeave returns nil when a request may be sent to the model on behalf of a caller, else what is missing.
func (m *model) mayLeave(c plugins.Caller, reveals plugins.Egress) error {
	if !limited(c) || m.info.InProcess {
		return nil
	}
	if missing := m.Approval.missing(c.Dataset, told(reveals), m.info.Endpoint); missing != "" {
		return &plugins.LLMError{
			Fault: plugins.FaultEgress, Model: m.Name,
			Message: fmt.Sprintf("data set %q is restricted and %s may not be told of it: %s", c.Dataset, m.info.Endpoint, missing),
		}
	}
	return nil
}

// limited reports whether rules apply to what may leave. Data without a class is taken for restricted.
func limited(c plugins.Caller) bool {
	return c.Governance != plugins.Open && c.Governance != plugins.Simulated
}

// told returns what a request counts as: one that does not say what it reveals may hold rows.
func told(reveals plugins.Egress) plugins.Egress {
	if reveals == "" {
		return plugins.EgressRows
	}
	return reveals
}

// missing returns what an approval lacks, or "".
func (a *Approval) missing(dataset string, reveals plugins.Egress, endpoint string) string {
	if a == nil {
		return "it has no approval (basis, by, date, retention, reveals)"
	}
	if len(a.Datasets) > 0 && !slices.Contains(a.Datasets, dataset) {
		return fmt.Sprintf("its approval covers %s only", strings.Join(a.Datasets, ", "))
	}
	limit := a.Reveals
	if !a.Local || !loopback(endpoint) {
		if lacks := a.lacks(); lacks != "" {
			return lacks
		}
	} else if limit == "" {
		limit = plugins.EgressRows // nothing leaves the machine
	}
	if reveals.Beyond(limit) {
		return fmt.Sprintf("the request reveals %s, and its approval reveals at most %s", reveals, limit)
	}
	return ""
}

// lacks returns what has to be filled in before an approval means anything, or "".
func (a *Approval) lacks() string {
	var fields []string
	for _, f := range []struct{ name, value string }{
		{"basis", a.Basis}, {"by", a.By}, {"date", a.Date}, {"retention", a.Retention}, {"reveals", string(a.Reveals)},
	} {
		if strings.TrimSpace(f.value) == "" {
			fields = append(fields, f.name)
		}
	}
	switch {
	case len(fields) == 0:
		return ""
	case a.Local:
		return "local alone is enough for a loopback address only; its approval lacks " + strings.Join(fields, ", ")
	}
	return "its approval lacks " + strings.Join(fields, ", ")
}

// loopback reports whether an endpoint is this machine by its address.
func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// elsewhere reports whether a URL is not at an endpoint: what was approved is the endpoint.
func elsewhere(to *url.URL, endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err != nil || u.Scheme != to.Scheme || u.Host != to.Host
}
