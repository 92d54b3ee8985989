package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/record"
)

func (a *app) tagCommand() *cobra.Command {
	var move, remove, history bool
	cmd := &cobra.Command{
		Use:   "tag EXPERIMENT[@VERSION] [NAME]",
		Short: "give a version a name, or list the names",
		Long: `tag gives a version a name, which then stands for it wherever a version is named: EXPERIMENT@NAME. Without a version it is the
newest complete one. A name of another version is moved with --move, and taken away with --remove; what was is kept in index.json.
Without NAME the names are listed.`,
		Example: `  ehrlab tag quickstart@v1 submitted
  ehrlab show quickstart@submitted
  ehrlab tag quickstart`,
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			name, version, err := a.nameOf(args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if move || remove || version != "" {
					return wrong(errors.New("the name of the tag is missing"))
				}
				return a.listTags(name, history)
			}
			if remove && (move || version != "") {
				return wrong(errors.New("--remove takes the name away, whatever version it stands for: leave out --move and the version"))
			}
			return a.tag(name, version, args[1], move, remove)
		},
	}
	cmd.Flags().BoolVar(&move, "move", false, "let the name stand for this version from now on")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the name away")
	cmd.Flags().BoolVar(&history, "history", false, "list all that the names ever stood for")
	return cmd
}

// tag gives a version a name, or takes it away.
func (a *app) tag(experiment, version, tag string, move, remove bool) error {
	if err := record.CheckTag(tag); err != nil {
		return wrong(err)
	}
	t := record.Tagging{Name: tag, Time: time.Now()}
	if !remove {
		v, err := a.open(experiment, version)
		if err != nil {
			return err
		}
		if t.Version = v.Core.Manifest.Version; !v.Core.Manifest.Complete {
			a.log.Warn(fmt.Sprintf("%s %s is incomplete", experiment, v.Name))
		}
	}
	changed, err := record.Tag(a.settings.Results, experiment, t, move)
	switch {
	case errors.Is(err, record.ErrTagged):
		return wrong(fmt.Errorf("%w; --move moves it to v%d", err, t.Version))
	case errors.Is(err, record.ErrNoTag), errors.Is(err, record.ErrUnknown), errors.Is(err, record.ErrNone):
		return wrong(err)
	case err != nil:
		return err
	}
	if a.json {
		a.printJSON(map[string]any{"experiment": experiment, "tag": tag, "version": t.Version, "changed": changed})
		return nil
	}
	switch {
	case remove:
		a.printf("%s: %s is no tag any more\n", experiment, tag)
	case changed:
		a.printf("%s@%s is v%d\n", experiment, tag, t.Version)
	default:
		a.printf("%s@%s is v%d already\n", experiment, tag, t.Version)
	}
	return nil
}

// listTags prints what each name stands for, or all that was done to them.
func (a *app) listTags(experiment string, history bool) error {
	versions, _, err := record.List(a.settings.Results, experiment)
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		_, err := a.open(experiment, "") // says that there is none
		return err
	}
	list, err := record.Tags(a.settings.Results, experiment)
	if err != nil {
		return err
	}
	standing := record.Standing(list)
	if a.json {
		a.printJSON(map[string]any{"experiment": experiment, "tags": standing, "history": append([]record.Tagging{}, list...)})
		return nil
	}
	if len(standing) == 0 && !history {
		a.printf("%s has no tag\n", experiment)
	}
	if history {
		for _, t := range list {
			what := fmt.Sprintf("v%d", t.Version)
			if t.Version == 0 {
				what = "taken away"
			}
			a.printf("%s  %s  %s\n", t.Time.Format("2006-01-02 15:04"), t.Name, what)
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(standing)) {
		a.printf("%s  v%d\n", name, standing[name])
	}
	return nil
}
