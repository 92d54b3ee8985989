package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// loadExperiment checks an experiment. data says whether its data files must be there.
func (a *app) loadExperiment(path string, data spec.DataMode) (*spec.Experiment, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	e, err := spec.Load(path, spec.Options{Registry: a.registry, Env: os.LookupEnv, Data: data, WorkDir: dir})
	var mistakes spec.Mistakes
	var broken *spec.BugError
	switch {
	case err == nil:
		return e, nil
	case errors.As(err, &mistakes):
		return nil, err
	case errors.As(err, &broken):
		return nil, &bug{err.Error() + "\nthis is a bug in ehrlab; please report it", broken.Stack}
	}
	return nil, wrong(err)
}

// withPlan checks an experiment, opens the cache, plans the one against the other, and hands both on.
func (a *app) withPlan(path string, data spec.DataMode, readOnly bool, do func(*plan.Plan, *cache.Cache) error) error {
	e, err := a.loadExperiment(path, data)
	if err != nil {
		return err
	}
	if !a.json {
		a.warn(e)
	}
	c, err := a.openCache(readOnly)
	unwritable := err
	if errors.Is(err, cache.ErrNotWritable) { // good enough when nothing has to be written
		c, err = a.openCache(true)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := plan.New(e, plan.Inputs{Registry: a.registry, Hash: c.HashFile, Facts: c.Facts})
	if err != nil {
		return wrong(err)
	}
	if unwritable != nil && (len(p.Pending) > 0 || slices.ContainsFunc(p.Steps, func(s *plan.Step) bool { return !hit(p, c, s) })) {
		return unwritable
	}
	return do(p, c)
}

// openCache opens the cache of the settings, and makes it where there is none and something may be written.
func (a *app) openCache(readOnly bool) (*cache.Cache, error) {
	return cache.Open(a.settings.Cache, cache.Options{ReadOnly: readOnly, Rehash: a.rehash, Log: a.log})
}

// existingCache opens the cache of the settings, and makes none.
func (a *app) existingCache(readOnly bool) (*cache.Cache, error) {
	return cache.Open(a.settings.Cache, cache.Options{ReadOnly: readOnly, Existing: true, Log: a.log})
}

// engineOptions are the settings that a run takes.
func (a *app) engineOptions(listen func(engine.Event)) engine.Options {
	return engine.Options{
		Workers: a.settings.Workers, Memory: a.settings.memory, Timeout: a.settings.timeout, Log: a.log, Listen: listen,
	}
}

// nameOf accepts the name of an experiment, or its file or folder, with @VERSION behind either.
func (a *app) nameOf(arg string) (name, version string, err error) {
	name = arg
	for i := len(arg) - 1; i >= 0; i-- {
		if arg[i] == '@' {
			name, version = arg[:i], arg[i+1:]
			break
		}
	}
	info, err := os.Stat(name)
	_, recorded := os.Stat(filepath.Join(a.settings.Results, name))
	if err != nil || info.IsDir() && recorded == nil {
		return name, version, nil
	}
	e, err := a.loadExperiment(name, spec.IfPresent)
	if err != nil {
		return "", "", err
	}
	return e.Name, version, nil
}
