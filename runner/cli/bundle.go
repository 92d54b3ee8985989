package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/bundle"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/crate"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) bundleCommand() *cobra.Command {
	var restricted bool
	cmd := &cobra.Command{
		Use:   "bundle EXPERIMENT[@VERSION] [FILE.zip]",
		Short: "pack a version with all that is needed to make it again",
		Long: `bundle packs a version into one ZIP file for 'ehrlab reproduce': the experiment as it was run, hashes of its data, versions of
plugins and models, the answers of language models, the recorded scores with tables and plots. Paths of this machine are
variables in it; where a comment or a title names one, bundle says where and packs nothing. The data are not in it, nor are
keys or prices. Answers of language models are left out where data are restricted, as they may be rows made from such data;
--restricted-answers puts them in, without the requests.
An existing FILE is replaced; equal versions make equal files.`,
		Example: `  ehrlab bundle quickstart
  ehrlab bundle quickstart@v1 quickstart.zip`,
		Args: arguments(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, version, e, err := a.named(args[0])
			if err != nil {
				return err
			}
			v, err := a.open(name, version)
			if err != nil {
				return err
			}
			out := fmt.Sprintf("%s-%s.zip", name, v.Name)
			if len(args) == 2 {
				out = args[1]
			}
			if filepath.Ext(out) != ".zip" {
				return wrong(fmt.Errorf("%s: a bundle is a ZIP file: its name must end with .zip", out))
			}
			b := &bundler{app: a, v: v, experiment: e, restricted: restricted}
			return b.pack(cmd.Context(), out)
		},
	}
	cmd.Flags().BoolVar(&restricted, "restricted-answers", false, "put answers in that may be rows made from restricted data")
	return cmd
}

// bundler packs a version.
type bundler struct {
	*app
	v          *record.Version
	experiment *spec.Experiment // nil where its file was not given
	restricted bool             // answers made from restricted data may go in
	scratch    string
}

func (b *bundler) pack(ctx context.Context, out string) error {
	m := &b.v.Core.Manifest
	source, err := b.source()
	if err != nil {
		return err
	}
	if b.scratch, err = os.MkdirTemp("", "ehrlab-bundle-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.scratch)
	ix := bundle.Index{
		Experiment: m.Experiment, Version: m.Version, Entry: path.Join(bundle.ExperimentFolder, source.Files[0].Name), ResolvedHash: m.ResolvedHash,
		Variables: source.Variables, Lock: bundle.LockOf(m),
	}
	if source.Folder {
		ix.Entry = bundle.ExperimentFolder
	}
	files, err := b.files(source)
	if err != nil {
		return err
	}
	recording := ""
	if ix.Recording, recording, err = b.recording(ctx, source); err != nil {
		return err
	}
	if recording != "" {
		files = append(files, bundle.File{Name: bundle.RecordingFile, Path: recording})
	}
	size, err := replaceFile(out, func(w io.Writer) error { return bundle.Write(w, ix, files, m.Finished) })
	if err != nil {
		return err
	}
	if b.json {
		b.printJSON(map[string]any{
			"file": out, "experiment": m.Experiment, "version": b.v.Name, "bytes": size, "files": len(files), "recording": ix.Recording,
			"variables": append([]spec.Variable{}, source.Variables...),
		})
		return nil
	}
	b.printf("%s: %s %s, %s, %s\n", out, m.Experiment, b.v.Name, plural(len(files), "file"), humanize.IBytes(uint64(size)))
	b.printf("answers of language models: %s\n", ix.Recording)
	for _, v := range source.Variables {
		b.printf("to be set by who reproduces it: %s, for %s\n", v.Name, strings.Join(v.Fields, ", "))
	}
	return nil
}

// source is the experiment as it was written: as the version keeps it, else that of the file that was given, where it is the same.
func (b *bundler) source() (*spec.Portable, error) {
	m := &b.v.Core.Manifest
	if b.experiment != nil {
		if _, hash := b.experiment.Resolved(); hash != m.ResolvedHash {
			return nil, wrong(fmt.Errorf("%s %s was made from the experiment as it then was, and its file has changed since; name the version by the name of the experiment",
				m.Experiment, b.v.Name))
		}
	}
	source := b.v.Views.Source
	switch {
	case source != nil && len(source.Files) > 0:
	case b.experiment == nil:
		return nil, wrong(fmt.Errorf("%s %s does not keep the text of its experiment: give the experiment's file in place of its name", m.Experiment, b.v.Name))
	default:
		var err error
		if source, err = b.experiment.Portable(); err != nil {
			return nil, wrong(err)
		}
	}
	return source, pathless(source)
}

// pathless refuses a text that names paths of this machine, such as in a comment, which is kept as it is.
func pathless(source *spec.Portable) error {
	var mistakes []error
	for _, place := range machinePaths(source) {
		mistakes = append(mistakes, fmt.Errorf("%s, a path of this machine, which is nobody else's business", place))
	}
	if len(mistakes) == 0 {
		return nil
	}
	return wrong(errors.Join(append(mistakes, errors.New("write a variable such as ${DATA} there, or leave it out, and run again: the version then has the new text"))...))
}

// machinePaths tells where an experiment names paths of this machine that are no settings, which become variables.
func machinePaths(source *spec.Portable) []string {
	var out []string
	for _, f := range source.Files {
		for _, p := range bundle.Paths(f.Text) {
			out = append(out, fmt.Sprintf("%s:%d: it names %s", f.Name, p.Line, p.Path))
		}
	}
	return out
}

// files are those of the experiment and of the version.
func (b *bundler) files(source *spec.Portable) ([]bundle.File, error) {
	var files []bundle.File
	for _, f := range source.Files {
		files = append(files, bundle.File{Name: path.Join(bundle.ExperimentFolder, f.Name), Data: []byte(f.Text)})
	}
	parts, err := crate.Parts(b.v.Dir)
	if err != nil {
		return nil, err
	}
	if crate.Exists(b.v.Dir) {
		parts = append(parts, crate.Part{Name: crate.File})
	}
	for _, p := range parts {
		files = append(files, bundle.File{Name: path.Join(bundle.VersionFolder, p.Name), Path: filepath.Join(b.v.Dir, filepath.FromSlash(p.Name))})
	}
	return files, nil
}

// recording exports the answers that the version comes from, and says what of them goes in.
func (b *bundler) recording(ctx context.Context, source *spec.Portable) (said, file string, err error) {
	m := &b.v.Core.Manifest
	if len(m.LLMs) == 0 {
		return "none were asked for", "", nil
	}
	withheld := slices.ContainsFunc(m.Data, func(d record.DataInfo) bool { return d.Governance == plugins.Restricted })
	if withheld && !b.restricted {
		return "left out, as they may be rows made from restricted data", "", nil
	}
	e := b.experiment
	if e == nil {
		if e, err = b.load(source); err != nil {
			return "", "", err
		}
	}
	file = filepath.Join(b.scratch, bundle.RecordingFile)
	err = b.withPlanOf(e, cache.Options{ReadOnly: true}, func(p *plan.Plan, c *cache.Cache) error {
		if len(p.Pending) == 0 && p.Hash() != m.Plan {
			return wrong(fmt.Errorf("%s %s was made from other data or by other plugins than there are now, so its answers cannot be told from others; run it again, or bundle the version that this makes",
				m.Experiment, b.v.Name))
		}
		models, err := b.openModels(p.Experiment, "", true)
		if err != nil {
			return err
		}
		wrote, _, unfinished, err := b.exportResponses(ctx, p, c, models, file)
		said = plural(wrote.Answers, "answer")
		if wrote.Restricted > 0 {
			said += fmt.Sprintf(", %d of them without their requests, which may hold restricted rows", wrote.Restricted)
		}
		if unfinished > 0 {
			said += fmt.Sprintf("; of %s that did not finish, what there is", plural(unfinished, "cell"))
		}
		return errors.Join(err, models.close())
	})
	return said, file, err
}

// load reads the experiment that the version keeps, with the variables of the environment.
func (b *bundler) load(source *spec.Portable) (*spec.Experiment, error) {
	folder := filepath.Join(b.scratch, bundle.ExperimentFolder)
	for _, f := range source.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
			return nil, fmt.Errorf("experiment file %q lies outside the version", f.Name)
		}
		at := filepath.Join(folder, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(at, []byte(f.Text), 0o600); err != nil {
			return nil, err
		}
	}
	at := folder
	if !source.Folder {
		at = filepath.Join(folder, filepath.FromSlash(source.Files[0].Name))
	}
	e, err := b.loadExperiment(at, spec.Require)
	if err == nil {
		if _, hash := e.Resolved(); hash != b.v.Core.Manifest.ResolvedHash {
			err = errors.New("this ehrlab reads it otherwise than the one that made the version")
		}
	}
	if err != nil {
		return nil, wrong(fmt.Errorf("the answers of language models are found by the experiment; give its file in place of its name: %w", err))
	}
	return e, nil
}
