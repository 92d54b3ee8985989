package cli

import (
	"os"

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
	if err == nil {
		return e, nil
	}
	if _, ok := err.(spec.Mistakes); !ok {
		return nil, wrong(err)
	}
	return nil, err
}

// openCache opens the cache of the settings.
func (a *app) openCache(readOnly bool) (*cache.Cache, error) {
	return cache.Open(a.settings.Cache, cache.Options{ReadOnly: readOnly, Log: a.log})
}

// makePlan expands an experiment against a cache.
func (a *app) makePlan(e *spec.Experiment, c *cache.Cache) (*plan.Plan, error) {
	return plan.New(e, plan.Inputs{Registry: a.registry, Hash: c.HashFile, Facts: c.Facts})
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
	if _, err := os.Stat(name); err != nil {
		return name, version, nil
	}
	e, err := a.loadExperiment(name, spec.IfPresent)
	if err != nil {
		return "", "", err
	}
	return e.Name, version, nil
}
