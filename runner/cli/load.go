package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// loadExperiment checks an experiment. data says whether its data files must be there.
func (a *app) loadExperiment(path string, data spec.DataMode) (*spec.Experiment, error) {
	return a.loadWith(path, spec.Options{Data: data})
}

// loadWith checks an experiment as the options say, of which it fills in those that are always the same. Variables are those of the
// environment unless the options say otherwise.
func (a *app) loadWith(path string, opts spec.Options) (*spec.Experiment, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	opts.Registry, opts.WorkDir = a.registry, dir
	e, err := spec.Load(path, opts)
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
	var missing *fs.PathError
	if errors.As(err, &missing) && errors.Is(err, fs.ErrNotExist) {
		return nil, noFile(path)
	}
	return nil, wrong(err)
}

// noFile is the error of a path on the command line where there is nothing.
func noFile(path string) error {
	return wrong(fmt.Errorf("no file or folder %q%s", path, spelling.DidYouMeanFile(path, func(near string) string { return near })))
}

// withPlan checks an experiment, opens the cache, plans the one against the other, and hands both on.
func (a *app) withPlan(path string, data spec.DataMode, opt cache.Options, do func(*plan.Plan, *cache.Cache) error) error {
	e, err := a.loadExperiment(path, data)
	if err != nil {
		return err
	}
	return a.withPlanOf(e, opt, do)
}

// withPlanOf plans a checked experiment against the cache, and hands both on.
func (a *app) withPlanOf(e *spec.Experiment, opt cache.Options, do func(*plan.Plan, *cache.Cache) error) error {
	if !a.json {
		a.warn(e)
	}
	c, err := a.openCache(opt)
	unwritable := err
	if errors.Is(err, cache.ErrNotWritable) { // good enough when nothing has to be written
		c, err = a.openCache(cache.Options{ReadOnly: true})
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

// openCache opens the cache of the settings.
func (a *app) openCache(opt cache.Options) (*cache.Cache, error) {
	opt.Rehash, opt.Log = a.rehash, a.log
	return cache.Open(a.settings.Cache, opt)
}

// engineOptions are the settings that a run takes.
func (a *app) engineOptions(listen func(engine.Event)) engine.Options {
	return engine.Options{
		Workers: a.settings.Workers, Memory: a.settings.memory, Timeout: a.settings.timeout, Log: a.log, Listen: listen,
	}
}

// nameOf accepts the name of an experiment, or its file or folder, with @VERSION behind either.
func (a *app) nameOf(arg string) (name, version string, err error) {
	name, version, _, err = a.named(arg)
	return name, version, err
}

// named is nameOf with the experiment, which is nil unless its file was given.
func (a *app) named(arg string) (name, version string, e *spec.Experiment, err error) {
	name = arg
	if _, err := os.Stat(arg); err != nil {
		if i := strings.LastIndexByte(arg, '@'); i >= 0 {
			name, version = arg[:i], arg[i+1:]
		}
	}
	info, err := os.Stat(name)
	_, recorded := os.Stat(filepath.Join(a.settings.Results, name))
	noName := record.CheckName(name) != nil
	switch {
	case err != nil && (noName || recorded != nil && filepath.Ext(name) == ".cue"):
		return "", "", nil, noFile(name)
	case err != nil, info.IsDir() && recorded == nil && !noName:
		return name, version, nil, nil
	}
	if e, err = a.loadExperiment(name, spec.IfPresent); err != nil {
		return "", "", nil, err
	}
	return e.Name, version, e, nil
}
