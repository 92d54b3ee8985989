package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/runner/gate"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// baselines returns what finds the baseline of a check: the one that was named, the version that was accepted, or the newest complete
// version that is committed, or, where none is, of all but the checked one.
func (a *app) baselines(t *target, named string) (func(*spec.Check) gate.Baseline, error) {
	if named != "" {
		b, err := a.namedBaseline(t, named)
		return func(*spec.Check) gate.Baseline { return b }, err
	}
	acceptances, err := record.Acceptances(a.settings.Results, t.name)
	if err != nil {
		return nil, err
	}
	opened := map[string]*gate.Version{t.version.Name: {Name: t.version.Name, Core: t.version.Core}}
	open := func(name string) (*gate.Version, error) {
		if opened[name] == nil {
			v, err := a.open(t.name, name)
			if err != nil {
				return nil, err
			}
			opened[name] = &gate.Version{Name: v.Name, Core: v.Core}
		}
		return opened[name], nil
	}
	byCheck := map[string]gate.Baseline{}
	for i := range t.checks {
		name, why := t.standing(a.settings.Results, record.Accepted(acceptances, t.checks[i].Name))
		b := gate.Baseline{Why: why}
		if name != "" {
			if b.Version, err = open(name); err != nil {
				return nil, fmt.Errorf("the baseline of check %q, %s: %w", t.checks[i].Name, why, err)
			}
		}
		byCheck[t.checks[i].Name] = b
	}
	return func(c *spec.Check) gate.Baseline { return byCheck[c.Name] }, nil
}

// standing is the version that a check is compared with where none is named, and why; it is empty where there is none.
func (t *target) standing(results string, accepted *record.Acceptance) (version, why string) {
	if accepted != nil {
		return fmt.Sprintf("v%d", accepted.Version), fmt.Sprintf("accepted %s: %s", accepted.Time.Format("2006-01-02"), accepted.Reason)
	}
	committed := committedVersions(filepath.Join(results, t.name))
	newest, best := "", ""
	for _, e := range t.listed {
		if !e.Complete || e.Name() == t.version.Name {
			continue
		}
		newest = e.Name()
		if slices.Contains(committed, e.Name()) {
			best = e.Name()
		}
	}
	switch {
	case best != "":
		return best, "the newest complete version that is committed"
	case newest != "":
		return newest, "the newest complete version besides"
	}
	return "", "there is no other complete version, and none was accepted"
}

// committedVersions are the versions in a folder that the last commit of its git work tree has; none where there is no such thing.
func committedVersions(folder string) []string {
	cmd := exec.Command("git", "ls-tree", "-r", "--name-only", "HEAD")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	out, err := cmd.Output()
	if err != nil { // no git, no work tree, no commit
		return nil
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if version, ok := strings.CutSuffix(strings.TrimSpace(line), "/manifest.json"); ok && !strings.Contains(version, "/") {
			names = append(names, version)
		}
	}
	return names
}

// namedBaseline opens what --baseline names: a version of the experiment or of another, by number or tag, the
// folder of one, or a file that --export wrote.
func (a *app) namedBaseline(t *target, named string) (gate.Baseline, error) {
	var none gate.Baseline
	if slices.ContainsFunc(t.listed, func(e record.Entry) bool { return e.Name() == named }) {
		return a.versionBaseline(t.name, named)
	}
	info, err := os.Stat(named)
	switch {
	case err == nil && info.IsDir():
		v, err := record.OpenDir(named)
		if err != nil {
			return none, wrong(fmt.Errorf("--baseline: %w", err))
		}
		return gate.Baseline{Version: &gate.Version{Name: v.Name, Core: v.Core}, Why: "in " + filepath.ToSlash(named)}, nil
	case err == nil:
		raw, err := os.ReadFile(named)
		if err != nil {
			return none, err
		}
		v, f, err := gate.Decode(raw)
		if err != nil {
			return none, wrong(fmt.Errorf("--baseline %s: %w", named, err))
		}
		return gate.Baseline{Version: v, Why: fmt.Sprintf("of %s, written %s: %s", filepath.ToSlash(named), f.Time.Format("2006-01-02"), f.Reason)}, nil
	}
	if i := strings.LastIndexByte(named, '@'); i > 0 {
		return a.versionBaseline(named[:i], named[i+1:])
	}
	b, err := a.versionBaseline(t.name, named)
	if err != nil && errors.Is(err, record.ErrUnknown) {
		return none, wrong(fmt.Errorf("--baseline %s: no version, tag, folder or file: %w", named, err))
	}
	return b, err
}

// versionBaseline opens a version of an experiment.
func (a *app) versionBaseline(experiment, version string) (gate.Baseline, error) {
	v, err := a.open(experiment, version)
	if err != nil {
		return gate.Baseline{}, err
	}
	b := gate.Baseline{Version: &gate.Version{Name: v.Name, Core: v.Core}}
	if version != v.Name {
		b.Why = "called " + version
	}
	return b, nil
}
