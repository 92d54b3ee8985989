package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/runner/gate"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// baselines returns what finds the baseline of a check: the one that was named, the version that was accepted, or the newest complete
// version that is committed and passes the check itself, the checked one aside.
func (a *app) baselines(t *target, named string, opt gate.Options) (func(*spec.Check) gate.Baseline, error) {
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
	var others []spec.Check // that nothing was accepted for
	for i := range t.checks {
		check := t.checks[i].Name
		accepted := record.Accepted(acceptances, check)
		if accepted == nil {
			others = append(others, t.checks[i])
			continue
		}
		b := gate.Baseline{Why: "accepted " + because(accepted.Time, accepted.Despite[check], accepted.Reason)}
		if b.Version, err = open(fmt.Sprintf("v%d", accepted.Version)); err != nil {
			return nil, fmt.Errorf("the baseline of check %q, %s: %w", check, b.Why, err)
		}
		byCheck[check] = b
	}
	if len(others) > 0 {
		line := gate.NewLine(others, opt)
		committed, err := t.committed(a.settings.Results)
		if err != nil {
			return nil, err
		}
		for _, name := range committed {
			v, err := a.open(t.name, name) // not kept: there may be many
			if err != nil {
				return nil, fmt.Errorf("%s is committed, and looked at as no version was accepted: %w", name, err)
			}
			if err := line.Add(&gate.Version{Name: v.Name, Core: v.Core}); err != nil {
				return nil, wrong(err)
			}
		}
		for i := range others {
			b := line.Baseline(others[i].Name, "committed to git")
			if b.Version == nil {
				if b.Advice, err = a.howToAccept(t, others[i].Name); err != nil {
					return nil, err
				}
			}
			byCheck[others[i].Name] = b
		}
	}
	return func(c *spec.Check) gate.Baseline { return byCheck[c.Name] }, nil
}

// because says when, in spite of what and why a version became a baseline.
func because(when time.Time, despite, reason string) string {
	text := when.Format("2006-01-02")
	if despite != "" {
		text += " in spite of " + despite
	}
	return text + ": " + reason
}

// howToAccept says how a check that has no baseline comes by one: with another version, such as the newest; empty where there is none.
func (a *app) howToAccept(t *target, check string) (string, error) {
	for _, e := range slices.Backward(t.listed) {
		if !e.Complete || e.Name() == t.version.Name {
			continue
		}
		v, err := a.open(t.name, e.Name())
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(v.Views.Checks, func(c spec.Check) bool { return c.Name == check }) {
			return fmt.Sprintf("accept a version that is good, such as with ehrlab check %s@%s --accept %s --reason \"…\", or name one with --baseline, such as %s",
				t.name, e.Name(), check, e.Name()), nil
		}
		return fmt.Sprintf("make this version the baseline with --accept %s --reason \"…\", or name one that is good with --baseline, such as %s", check, e.Name()), nil
	}
	return "", nil
}

// committed are the complete versions, the checked one aside, that the last commit of the git work tree has, oldest first; none where there
// is no git, no work tree or no commit. One that is not here as it was committed is an error: without it a later one would be the baseline.
func (t *target) committed(results string) ([]string, error) {
	folder := filepath.Join(results, t.name)
	listed, err := manifests(folder, "ls-tree", "-r", "--name-only", "HEAD")
	if err != nil || len(listed) == 0 {
		return nil, nil
	}
	changed, err := manifests(folder, "diff", "--name-only", "--no-renames", "--no-ext-diff", "--relative", "HEAD", "--", ".")
	if err != nil {
		return nil, fmt.Errorf("which committed versions in %s have changed: git diff: %w", folder, err)
	}
	for _, name := range listed {
		here := slices.ContainsFunc(t.listed, func(e record.Entry) bool { return e.Name() == name })
		if name != t.version.Name && (!here || slices.Contains(changed, name)) {
			return nil, fmt.Errorf("%s is not as it was committed to git, and a baseline may depend on it: restore it, or commit the change",
				filepath.Join(folder, name))
		}
	}
	var names []string
	for _, e := range t.listed {
		if e.Complete && e.Name() != t.version.Name && slices.Contains(listed, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// manifests are the versions in a folder whose manifest a command of git lists. All that a version holds hangs on the hashes in its manifest.
func manifests(folder string, args ...string) ([]string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if version, ok := strings.CutSuffix(strings.TrimSpace(line), "/manifest.json"); ok && !strings.Contains(version, "/") {
			names = append(names, version)
		}
	}
	return names, nil
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
		return gate.Baseline{Version: v, Why: fmt.Sprintf("of %s, written %s", filepath.ToSlash(named), because(f.Time, f.Spite(), f.Reason))}, nil
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
