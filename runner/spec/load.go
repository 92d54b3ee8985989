package spec

import (
	"fmt"
	"os"
	"runtime/debug"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"github.com/ehrlab/ehrlab/plugins"
)

// DataMode says what becomes of data that are not there.
type DataMode uint8

// What becomes of absent data.
const (
	Require DataMode = iota // an unset ${VAR} or a missing data file is a mistake
	// IfPresent is for what runs nothing: absent data are none, a data set whose files are absent has no header, and its columns are not
	// checked. What a run would refuse to send to a model is a warning: what it would cost is asked before it is approved.
	IfPresent
)

// Options are what Load needs besides the files.
type Options struct {
	Registry *plugins.Registry
	Env      func(name string) (string, bool) // looks up ${VAR}; nil: the environment of the process
	Data     DataMode
	// NoHeaders leaves data files alone: columns are not checked, and roles that only headers know are not filled in.
	NoHeaders bool
	// StandIns puts the stand-ins of absent data sets in their place, where they have any: for estimates, not for runs.
	StandIns bool
	WorkDir  string // messages show files relative to it; empty: the working folder
}

// Load reads and checks an experiment: a .cue file, or a folder whose .cue files are one experiment.
//
// When the experiment is wrong, the error is Mistakes: every finding, sorted by file, line and column.
// A panic becomes a *BugError. Other errors are about files that cannot be read.
func Load(path string, opts Options) (e *Experiment, err error) {
	defer func() {
		if r := recover(); r != nil { // CUE panics on some malformed input
			e, err = nil, &BugError{Stack: debug.Stack(), err: fmt.Errorf("%s: cannot be evaluated: %v", path, r)}
		}
	}()
	if opts.Env == nil {
		opts.Env = os.LookupEnv
	}
	if opts.Registry == nil {
		opts.Registry = &plugins.Registry{}
	}
	rep := &reporter{}
	s, err := readSources(path, opts.WorkDir, rep)
	if err != nil {
		return nil, err
	}
	s.addCore(opts.Registry.Core)
	ctx := cuecontext.New()
	root := evaluate(ctx, s, rep)
	if root == nil {
		return nil, rep.err()
	}
	l, err := check(ctx, s, root, rep, opts)
	if err != nil {
		return nil, err
	}
	if !s.baseless {
		l.crossCheck()
		l.missingSections()
	}
	if err := rep.err(); err != nil {
		return nil, err
	}
	l.exp.Warnings = rep.sorted(rep.warnings)
	l.exp.written = l.found.written
	l.exp.written.layers = s.layers
	return l.exp, nil
}

// missingSections reports the sections that an experiment lacks. A file that is wrong elsewhere too is often not
// finished yet: what is written comes first.
func (l *loader) missingSections() {
	if len(l.rep.mistakes) > 0 {
		return
	}
	for _, r := range l.found.sections {
		l.rep.add(r.key, l.root.label, "missing; it must be %s", l.wanted(r))
	}
}

// check compares the user's value with the schemas and decodes what is right.
func check(ctx *cue.Context, s *sources, root *node, rep *reporter, opts Options) (*loader, error) {
	set, err := newSchemaSet(ctx, opts.Registry)
	if err != nil {
		return nil, err
	}
	c := &checker{rep: rep, ctx: ctx, opts: opts, broken: s.broken, schemas: set, found: newFindings()}
	c.check(root, set.top)
	l := &loader{
		checker: c, root: root, exp: &Experiment{Dir: s.dir, Headers: map[string]*plugins.Header{}},
		models: map[string][]model{}, asked: map[string]bool{},
	}
	l.decode()
	return l, nil
}

// loader turns checked nodes into an Experiment, and checks what concerns more than one value.
//
// It works with whatever is right, so that mistakes that do not depend on each other come out together.
type loader struct {
	*checker
	root *node
	exp  *Experiment

	models map[string][]model // by entry of llms: as it stands there, and as axes make it
	asked  map[string]bool    // entries of llms that a cell asks
	yield  *yield             // what the matrix yields, once it was asked for
}

// crossCheck runs every check that needs more than one value.
func (l *loader) crossCheck() {
	l.checkLLMs()
	l.checkModels()
	l.checkDatasets()
	l.checkFiled()
	l.checkAudits()
	l.checkAxes()
	l.checkSites()
	l.checkSearches()
	l.checkMatrix()
	l.checkCompeting()
	l.checkSiteAxis()
	l.checkColumns()
	l.checkCandidates()
	l.checkFit()
	l.checkAudited()
	l.checkSample()
	l.checkApprovals()
	l.checkEgress()
	l.checkFamilies()
	l.checkBudget()
	l.checkDims()
	l.checkViews()
	l.checkPublished()
	l.checkPrimary()
	l.checkChecks()
}
