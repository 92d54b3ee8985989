package client

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// session is the client on behalf of one step.
type session struct {
	*Client
	caller plugins.Caller

	mu      sync.Mutex
	answers map[asked]answered
}

// asked is what a step has asked. Models of an experiment whose settings differ, but not in a request, share its answer:
// each has it in its account, whichever asked first.
type asked struct{ model, response string } // identity and response key

// answered is an answer that a step has used, without its body.
type answered struct {
	model  *model
	answer plugins.Answer
}

// note enters an answer into the account of the step; one that is used twice counts once.
func (s *session) note(key string, m *model, a *plugins.Answer) {
	kept := *a
	kept.Body = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[asked{identityOf(m), key}] = answered{m, kept}
}

// usage adds up what the step has used, by model. It depends on the set of the answers alone.
func (s *session) usage() []plugins.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	byModel := map[string]*plugins.Usage{}
	for key, a := range s.answers {
		u := byModel[key.model]
		if u == nil {
			u = &plugins.Usage{Model: a.model.info.Identity, Family: a.model.info.Family, Simulated: a.model.info.Simulated}
			byModel[key.model] = u
		}
		add(u, key.response, &a.answer)
	}
	usages := make([]plugins.Usage, 0, len(byModel))
	for _, id := range slices.Sorted(maps.Keys(byModel)) {
		u := byModel[id]
		u.Served, u.Fingerprints, u.Responses = unique(u.Served), unique(u.Fingerprints), sorted(u.Responses)
		if len(u.Served) > 1 {
			s.log.Warn("more than one model has answered", "model", u.Model.Model, "step", s.caller.Label,
				"served", strings.Join(u.Served, ", "))
		}
		usages = append(usages, *u)
	}
	slices.SortFunc(usages, func(a, b plugins.Usage) int {
		return cmp.Or(strings.Compare(a.Model.API, b.Model.API), strings.Compare(a.Model.Endpoint, b.Model.Endpoint),
			strings.Compare(a.Model.Model, b.Model.Model), strings.Compare(string(a.Model.Settings), string(b.Model.Settings)))
	})
	return usages
}

// identityOf tells models apart by their identity; two names of one model have one account.
func identityOf(m *model) string {
	id, _ := json.Marshal(m.info.Identity) // settings are JSON already; broken ones leave the accounts of such models together
	return string(id)
}

func add(u *plugins.Usage, key string, a *plugins.Answer) {
	u.Calls++
	if a.Refusal {
		u.Refused++
	}
	if a.Stop == plugins.StopLength {
		u.Truncated++
	}
	u.Input += a.Input
	u.Cached += a.Cached
	u.Output += a.Output
	u.Reasoning += a.Reasoning
	if u.First.IsZero() || a.At.Before(u.First) {
		u.First = a.At
	}
	if a.At.After(u.Last) {
		u.Last = a.At
	}
	if a.Stop != plugins.StopUnreadable { // which does not tell
		u.Served = append(u.Served, a.Served)
	}
	if a.Fingerprint != "" {
		u.Fingerprints = append(u.Fingerprints, a.Fingerprint)
	}
	u.Responses = append(u.Responses, key)
}

// unique returns the distinct strings, sorted.
func unique(s []string) []string { return slices.Compact(sorted(s)) }

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
