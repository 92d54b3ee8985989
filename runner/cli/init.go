package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/profile"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// simulated stands for invented patients in the place of a file.
const simulated = "simulated"

// initOptions are the arguments of init.
type initOptions struct {
	dir, name, from, target, ci string
}

func (a *app) initCommand() *cobra.Command {
	o := initOptions{}
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "begin a study: an experiment that runs at once, settings, and a workflow for CI",
		Long: `init writes a study to a folder, which is made where there is none: an experiment, small enough to run in
seconds, with all that a study needs; ehrlab.yaml with every setting; .gitignore; README.md; and, under cue.mod,
the schema of experiments, with which editors that have the CUE language server complete and explain its sections, and
"cue vet -c ." checks it. Without DIR it is the working folder.

--from names a file of one table, or a folder that a data set knows, in place of invented patients. As 'ehrlab data
inspect' does, it reads the data and guesses what columns stand for; what is a guess says so, and is to be checked.
Nothing is named after the file: its path stands in the settings of the data set alone, and stays out of results. It
begins with ${EHRLAB_DATA} where the data lie in the folder that this variable names, else it goes from DIR on.

--ci writes a workflow for GitHub or GitLab to the top folder of the git work tree, for the experiment in DIR, or the
one that --name names; where there is none, it makes the study, too. The workflow installs this version of ehrlab,
keeps the cache between runs, takes the answers of language models from NAME.recording where there is such a file,
checks against the baseline, and keeps report and results of checks. It needs no keys and posts nothing.

init overwrites nothing. Where a file is in the way it names it, writes none, and exits with 2; a README.md or .gitignore
that is there stays as it is.`,
		Example: `  ehrlab init study
  ehrlab init --from raw/apachePredVar.csv.gz --target diedinhospital mine
  ehrlab init --ci github study`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = "."
			if len(args) > 0 {
				o.dir = args[0]
			}
			return a.begin(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "`name` of the experiment; that of the folder unless set")
	f.StringVar(&o.from, "from", simulated, "`path` of the data; "+simulated+": invented patients")
	f.StringVar(&o.target, "target", "", "`column` of the label, instead of a guess")
	f.StringVar(&o.ci, "ci", "", "`service` that a workflow is for: github or gitlab")
	return cmd
}

// begin makes what init was asked for, and says what to do next.
func (a *app) begin(cmd *cobra.Command, o initOptions) error {
	if err := o.validate(); err != nil {
		return wrong(err)
	}
	s, fresh, err := a.studyOf(cmd, o)
	if err != nil {
		return orInterrupted(cmd.Context(), err)
	}
	var files []scaffoldFile
	var kept []string
	if fresh {
		schema, err := spec.EditorSchema(a.registry)
		if err != nil {
			return err
		}
		if files, kept, err = s.files(o.dir, settingsFile(cmd.Root().PersistentFlags()), schema); err != nil {
			return err
		}
	}
	if o.ci != "" {
		w, err := s.workflow(o.dir, o.ci)
		if err != nil {
			return err
		}
		files = append(files, w)
	}
	if err := writeNew(files); err != nil {
		return err
	}
	a.printBegun(o, s, files, kept, fresh)
	return nil
}

// studyOf is the study that a workflow is for, or a fresh one.
func (a *app) studyOf(cmd *cobra.Command, o initOptions) (s *study, fresh bool, err error) {
	if o.ci != "" && !cmd.Flags().Changed("from") {
		file, err := o.experiment()
		if err != nil {
			return nil, false, wrong(err)
		}
		if file != "" {
			s, err := a.knownStudy(o.dir, file)
			return s, false, err
		}
	}
	s, err = a.newStudy(cmd.Context(), o)
	return s, true, err
}

func (o *initOptions) validate() error {
	if o.ci != "" && o.ci != "github" && o.ci != "gitlab" {
		return fmt.Errorf("--ci %q: must be github or gitlab", o.ci)
	}
	if o.name != "" && !studyName.MatchString(o.name) {
		return fmt.Errorf("--name %q: must be letters, digits, _ and -, and begin with a letter or digit", o.name)
	}
	if o.target != "" && o.from == simulated {
		return errors.New("--target belongs to --from: the invented patients have their label")
	}
	if info, err := os.Stat(o.dir); err == nil && !info.IsDir() {
		return fmt.Errorf("%s: a file, not a folder", o.dir)
	}
	return nil
}

// studyName is what the name of an experiment looks like.
var studyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// experiment is the file of the experiment that a workflow is for; "" where one is to be made.
func (o *initOptions) experiment() (string, error) {
	paths, err := filepath.Glob(filepath.Join(globQuoted(o.dir), "*.cue"))
	if err != nil {
		return "", err
	}
	var names []string
	for _, path := range paths {
		if base := filepath.Base(path); base != editorFile {
			names = append(names, base)
		}
	}
	switch {
	case o.name != "":
		for _, name := range names {
			if name == o.name+".cue" {
				return name, nil
			}
		}
		if len(names) > 0 {
			return "", fmt.Errorf("%s has no %s.cue, but %s", o.dir, o.name, strings.Join(names, ", "))
		}
	case len(names) > 1:
		return "", fmt.Errorf("%s has several experiments, %s: choose one with --name", o.dir, strings.Join(names, ", "))
	case len(names) == 1:
		return names[0], nil
	}
	return "", nil
}

// globQuoted escapes what filepath.Glob would read as a pattern.
func globQuoted(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

// knownStudy reads an experiment that there is. Data that cannot be told to be open are taken for restricted.
func (a *app) knownStudy(dir, file string) (*study, error) {
	e, err := a.loadExperiment(filepath.Join(dir, file), spec.IfPresent)
	if err != nil {
		return nil, err
	}
	s := &study{Name: e.Name, File: file}
	for i := range e.Datasets {
		d := &e.Datasets[i]
		governance := d.Governance
		if h := e.Headers[d.Name]; governance == "" && h != nil {
			governance = h.Governance
		}
		s.Restricted = s.Restricted || governance != plugins.Open && governance != plugins.Simulated
	}
	return s, nil
}

// newStudy settles what a study is about.
func (a *app) newStudy(ctx context.Context, o initOptions) (*study, error) {
	name, err := o.studyName()
	if err != nil {
		return nil, err
	}
	s := &study{
		Name: name, File: name + ".cue", Package: packageName(name), Title: "Simple generators on an invented ICU cohort",
		Simulated: o.from == simulated, Target: true, Numbers: true,
	}
	if s.Simulated {
		s.About = "A first study, on invented patients: how much of an ICU cohort do simple generators keep?"
		s.Datasets = simulatedBlock
	} else if err := a.fromData(ctx, s, o); err != nil {
		return nil, err
	}
	s.headline()
	return s, nil
}

// studyName is the given name, or else that of the folder as far as a name can have it.
func (o *initOptions) studyName() (string, error) {
	if o.name != "" {
		return o.name, nil
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return "", err
	}
	name := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, filepath.Base(dir))
	return cmp.Or(strings.Trim(name, "-_"), "study"), nil
}

// packageName makes an identifier of a name.
func packageName(name string) string {
	name = strings.ReplaceAll(name, "-", "_")
	if label(name) != name { // it begins with a digit, or is a word of the language
		name = "study_" + name
	}
	return name
}

// fromData looks at the data that a study is of.
func (a *app) fromData(ctx context.Context, s *study, o initOptions) error {
	from, err := filepath.Abs(o.from)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	i, err := a.inspect(ctx, from, "", profile.Known{Target: o.target}, 1_000_000)
	if err != nil {
		return errAt(err, from, o.from)
	}
	w, err := i.best()
	if err != nil {
		return errAt(wrong(err), from, o.from)
	}
	table := i.Table
	if w.Table != nil {
		table = w.Table
	}
	if shapes := a.registry.Datasets.Get(w.Use).Info.Shapes; !slices.Contains(shapes, plugins.Records) && len(shapes) > 0 {
		return wrong(fmt.Errorf("%s: events of patients; init makes studies of tables with a row for each patient or stay alone", o.from))
	}
	if len(table.Roles(plugins.RoleTarget)) == 0 {
		return wrong(fmt.Errorf("%s: no column looks like the label: name it with --target", o.from))
	}
	// files and folders are named after hospitals and people: title and names go into results and bundles, so they say nothing of them
	s.Title = "Simple generators on a cohort"
	s.About = "A first study of a cohort. What is marked as a guess is to be checked before anything else."
	s.Target = table.Label != nil && table.Label.Classes == 2
	s.Numbers = false
	for _, c := range table.Columns {
		s.Numbers = s.Numbers || c.Kind == frame.Number && c.Role == "" && c.Dropped() == ""
	}
	s.Restricted = !strings.Contains(w.CUE, "governance: "+quote(string(plugins.Open)))
	split := "\tsplit: {train: 0.5, validation: 0.1, test: 0.2, reference: 0.2, "
	if s.Target {
		split += "stratify: " + quote(table.Label.Column) + ", "
	}
	block := strings.Replace(w.CUE, "datasets: "+label(blockName(from))+": {", "datasets: cohort: {", 1)
	block = strings.TrimSuffix(block, "}\n") + split + "seed: 7} // by patient, where a subject is named\n}\n"
	s.Datasets = strings.ReplaceAll(block, quote(from), quote(filepath.ToSlash(portablePath(dir, from))))
	return nil
}

// dataVariable names the folder of data in paths of experiments.
const dataVariable = "EHRLAB_DATA"

// portablePath is a file or folder as an experiment in a folder names it: from the folder of data on where it lies in that, as
// someone else has the same data in another place, else from the experiment on.
func portablePath(experiment, path string) string {
	if data := os.Getenv(dataVariable); filepath.IsAbs(data) { // another would go from the experiment on
		if below, err := filepath.Rel(data, path); err == nil && filepath.IsLocal(below) {
			return filepath.Join("${"+dataVariable+"}", below)
		}
	}
	relative, err := filepath.Rel(experiment, path)
	if err != nil { // it is on another drive
		return path
	}
	return relative
}

// errAt names a path in an error as it was given.
func errAt(err error, path, given string) error {
	var e *exit
	if !errors.As(err, &e) {
		return err
	}
	return &exit{e.code, errors.New(strings.ReplaceAll(e.Error(), path, given))}
}

// settingsFile is an ehrlab.yaml with the settings as they are by default, each commented out.
func settingsFile(flags *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("# Settings of ehrlab in this folder. None of them changes a number. What stands here as a comment is the default;\n" +
		"# EHRLAB_WORKERS=4 in the environment or --workers 4 on the command line take precedence.\n")
	flags.VisitAll(func(f *pflag.Flag) {
		value, isSetting := defaults[f.Name]
		if !isSetting {
			return
		}
		_, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&b, "\n# %s\n# %s: %s\n", usage, f.Name, quote(filepath.ToSlash(fmt.Sprint(value))))
	})
	return b.String()
}

// scaffoldFile is a file that init makes.
type scaffoldFile struct{ path, text string }

// writeNew writes files where there are none. When one cannot be written, those written before it are taken away.
func writeNew(files []scaffoldFile) error {
	var there []string
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			there = append(there, f.path)
		}
	}
	if len(there) > 0 {
		return wrong(fmt.Errorf("init overwrites nothing, and there is already %s", strings.Join(there, ", ")))
	}
	for i, f := range files {
		err := os.MkdirAll(filepath.Dir(f.path), 0o777)
		if err == nil {
			err = writeFresh(f)
		}
		if err != nil {
			for _, done := range files[:i] {
				_ = os.Remove(done.path)
			}
			return err
		}
	}
	return nil
}

// writeFresh writes a file that must not be there.
func writeFresh(f scaffoldFile) error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return wrong(fmt.Errorf("init overwrites nothing, and there is already %s", f.path))
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(f.text)
	return errors.Join(err, file.Close())
}

// printBegun says what was made, and which commands come next.
func (a *app) printBegun(o initOptions, s *study, files []scaffoldFile, kept []string, fresh bool) {
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.ToSlash(f.path))
	}
	cd := ""
	if filepath.Clean(o.dir) != "." {
		cd = "cd " + shellQuoted(o.dir) + " && "
	}
	next := []string{cd + "ehrlab plan " + s.File, "ehrlab run " + s.File}
	if !fresh {
		next = []string{
			cd + "ehrlab run " + shellQuoted(s.File),
			"ehrlab check --accept all --reason \"first baseline\" " + shellQuoted(s.File),
		}
	}
	if a.json {
		if kept == nil {
			kept = []string{}
		}
		a.printJSON(map[string]any{"experiment": s.Name, "file": filepath.ToSlash(filepath.Join(o.dir, s.File)), "files": paths, "kept": kept, "next": next})
		return
	}
	for _, path := range paths {
		a.printf("made  %s\n", path)
	}
	for _, path := range kept {
		a.printf("kept  %s\n", path)
	}
	a.printf("\nnext:\n")
	for _, line := range next {
		a.printf("  %s\n", line)
	}
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./-]+$`)

// shellQuoted is a word as a shell reads it back.
func shellQuoted(s string) string {
	if plainWord.MatchString(s) && !strings.HasPrefix(s, "-") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
