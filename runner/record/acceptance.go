package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gofrs/flock"
)

// Acceptance makes a version the baseline of checks. The latest one of a check stands.
type Acceptance struct {
	Version int       `json:"version"`
	Checks  []string  `json:"checks"` // by name
	Reason  string    `json:"reason"`
	Time    time.Time `json:"time"` // UTC

	// Despite says what spoke against the version, by check, such as "1 worse"; a check that nothing spoke against is not in it.
	Despite map[string]string `json:"despite,omitempty"`
}

// ErrIncomplete says that a version lacks results, so that it can be no baseline.
var ErrIncomplete = errors.New("it is incomplete")

// reasonWords is the least number of words of a reason: one that fits every change tells nothing.
const reasonWords = 2

// CheckReason reports why a text does not do as the reason of an acceptance.
func CheckReason(reason string) error {
	if strings.ContainsFunc(reason, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		return errors.New("a reason is one line of text")
	}
	if len(strings.Fields(reason)) < reasonWords {
		return fmt.Errorf("a reason needs %d words at least, such as \"new test split\"", reasonWords)
	}
	return nil
}

// Accept makes a version the baseline of some checks, from now on, and keeps the reason in index.json.
//
// It returns ErrUnknown for a version that is not there, ErrIncomplete for one that lacks results, and a *Damaged for one that is not
// as it was written.
func Accept(root, experiment string, a Acceptance) error { return disk{}.accept(root, experiment, a) }

func (d disk) accept(root, experiment string, a Acceptance) error {
	if err := CheckName(experiment); err != nil {
		return fmt.Errorf("experiment %w", err)
	}
	if err := CheckReason(a.Reason); err != nil {
		return err
	}
	if len(a.Checks) == 0 {
		return errors.New("no check is named")
	}
	for check := range a.Despite {
		if !slices.Contains(a.Checks, check) {
			return fmt.Errorf("it is not accepted for check %q", check)
		}
	}
	folder := filepath.Join(root, experiment)
	if _, err := os.Stat(folder); err != nil {
		return fmt.Errorf("experiment %q in %s: %w", experiment, root, ErrNone)
	}
	lock := flock.New(filepath.Join(folder, ".lock"))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", folder, err)
	}
	defer lock.Close()
	ix, err := readIndex(folder, experiment)
	if err != nil {
		return err
	}
	if _, _, err := ix.adopt(folder); err != nil {
		return err
	}
	e := ix.find(a.Version)
	switch {
	case e == nil:
		return fmt.Errorf("experiment %q: %w: v%d", experiment, ErrUnknown, a.Version)
	case !e.Complete:
		return fmt.Errorf("experiment %q, %s: %w", experiment, e.Name(), ErrIncomplete)
	}
	if err := intact(filepath.Join(folder, e.Name()), e); err != nil {
		return err
	}
	a.Time = a.Time.UTC().Truncate(time.Second)
	ix.Acceptances = append(ix.Acceptances, a)
	return d.writeIndex(folder, ix)
}

// Acceptances returns what was accepted as a baseline, oldest first.
func Acceptances(root, experiment string) ([]Acceptance, error) {
	if err := CheckName(experiment); err != nil {
		return nil, fmt.Errorf("experiment %w", err)
	}
	ix, err := readIndex(filepath.Join(root, experiment), experiment)
	if err != nil {
		return nil, err
	}
	return ix.Acceptances, nil
}

// checkAcceptances reports acceptances that Accept does not write.
func checkAcceptances(list []Acceptance) error {
	for i, a := range list {
		if a.Version < 1 || len(a.Checks) == 0 || slices.Contains(a.Checks, "") || CheckReason(a.Reason) != nil {
			return fmt.Errorf("damaged: acceptance %d needs a version, the names of checks, and a reason", i+1)
		}
		for check, text := range a.Despite {
			if !slices.Contains(a.Checks, check) || text == "" {
				return fmt.Errorf("damaged: acceptance %d was made in spite of nothing, or of a check that it is not of", i+1)
			}
		}
	}
	return nil
}

// Accepted returns the latest acceptance of a check; nil where there is none.
func Accepted(list []Acceptance, check string) *Acceptance {
	for i := range slices.Backward(list) {
		if slices.Contains(list[i].Checks, check) {
			return &list[i]
		}
	}
	return nil
}
