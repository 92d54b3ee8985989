package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// Registration is what an experiment named as its primary contrasts when a run began. The list of them tells what was named before there
// were results, and what has changed since.
type Registration struct {
	Time      time.Time       `json:"time"`            // UTC
	After     int             `json:"after,omitempty"` // the newest version that there was, whose results may have been seen; 0: none
	Resolved  string          `json:"resolved"`        // hash of the resolved experiment
	Hash      string          `json:"primary"`         // of Contrasts and Inference
	Contrasts []spec.Contrast `json:"contrasts,omitempty"`
	Inference spec.Inference  `json:"inference,omitzero"`
}

// NewRegistration is what an experiment names now. Titles and the order of contrasts are left out: they change no claim.
func NewRegistration(e *spec.Experiment, now time.Time) Registration {
	_, resolved := e.Resolved()
	r := Registration{Time: now.UTC().Truncate(time.Second), Resolved: resolved, Contrasts: slices.Clone(e.Primary)}
	if len(r.Contrasts) > 0 {
		r.Inference = spec.Inference{Correction: e.Inference.Family(), Level: e.Inference.Coverage()}
	}
	for i := range r.Contrasts {
		r.Contrasts[i].Title = ""
	}
	slices.SortFunc(r.Contrasts, func(a, b spec.Contrast) int { return strings.Compare(a.Name, b.Name) })
	r.Hash = r.hash()
	return r
}

func (r *Registration) hash() string {
	raw, err := json.Marshal([]any{r.Contrasts, r.Inference})
	if err != nil {
		panic(err) // plain structs
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// Register appends what an experiment names to its index.json when it differs from what was named last, or when there are no results yet
// and the experiment does; it returns all that was ever named, oldest first. It is to be called before a run has any result.
func Register(root, experiment string, r Registration) ([]Registration, error) {
	return disk{}.register(root, experiment, r)
}

func (d disk) register(root, experiment string, r Registration) ([]Registration, error) {
	if err := CheckName(experiment); err != nil {
		return nil, fmt.Errorf("experiment %w", err)
	}
	folder := filepath.Join(root, experiment)
	if ix, err := readIndex(folder, experiment); err == nil && !ix.registers(r) {
		return ix.Registered, nil // as before: nothing is written
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(folder, ".lock"))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	defer lock.Close()
	ix, err := readIndex(folder, experiment)
	if err != nil {
		return nil, err
	}
	if _, _, err := ix.adopt(folder); err != nil {
		return nil, err
	}
	if !ix.registers(r) {
		return ix.Registered, nil
	}
	if newest := ix.newest(); newest != nil {
		r.After = newest.Version
	}
	ix.Registered = append(ix.Registered, r)
	return ix.Registered, d.writeIndex(folder, ix)
}

// registers reports whether a registration is to be kept.
func (ix *index) registers(r Registration) bool {
	n := len(ix.Registered)
	if n == 0 {
		return len(ix.Versions) == 0 || len(r.Contrasts) > 0 // else it is too late, and there is nothing to say
	}
	return ix.Registered[n-1].Hash != r.Hash || len(ix.Versions) == 0 && ix.Registered[n-1].Resolved != r.Resolved
}

// Registrations returns what an experiment has named, oldest first.
func Registrations(root, experiment string) ([]Registration, error) {
	if err := CheckName(experiment); err != nil {
		return nil, fmt.Errorf("experiment %w", err)
	}
	ix, err := readIndex(filepath.Join(root, experiment), experiment)
	if err != nil {
		return nil, err
	}
	return ix.Registered, nil
}

// checkRegistered reports registrations that Register does not write.
func checkRegistered(list []Registration) error {
	after := 0
	for i := range list {
		r := &list[i]
		if !isHash(r.Resolved) || r.Hash != r.hash() || r.After < after {
			return fmt.Errorf("damaged: registration %d is not as it was written", i+1)
		}
		after = r.After
	}
	return nil
}

// Changes says what differs from an earlier registration, e.g. `"holds" changed`; empty where no contrast does.
func (r *Registration) Changes(before *Registration) []string {
	var out []string
	find := func(list []spec.Contrast, name string) *spec.Contrast {
		if i := slices.IndexFunc(list, func(c spec.Contrast) bool { return c.Name == name }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for i := range r.Contrasts {
		c := &r.Contrasts[i]
		switch old := find(before.Contrasts, c.Name); {
		case old == nil:
			out = append(out, fmt.Sprintf("%q added", c.Name))
		case asJSON(old) != asJSON(c):
			out = append(out, fmt.Sprintf("%q changed", c.Name))
		}
	}
	for i := range before.Contrasts {
		if name := before.Contrasts[i].Name; find(r.Contrasts, name) == nil {
			out = append(out, fmt.Sprintf("%q removed", name))
		}
	}
	if r.Inference != before.Inference && len(r.Contrasts) > 0 && len(before.Contrasts) > 0 {
		out = append(out, "inference changed")
	}
	return out
}

func asJSON(v any) string {
	var b strings.Builder
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		panic(err) // plain structs
	}
	return b.String()
}
