package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Render remakes the tables and plots of a version in its folder: tables/<name>.{md,csv} and
// plots/<name>.{svg,png,csv}, from core and views alone.
//
// Each file is replaced whole, and only when its bytes change; derived files that no view declares any more are
// removed. A table that cannot be filled and a plot that cannot be drawn say why in their files. An error is one of
// reading or writing, or of a plot whose view plugin is unknown or refuses its settings: that leaves no file, the
// others are made.
func Render(core *record.Core, views record.Views, registry *plugins.Registry, dir string) error {
	tables, err := Tables(core, views)
	if err != nil {
		return err
	}
	var files []file
	for _, t := range tables {
		files = append(files, file{t.Name, ".md", t.Markdown}, file{t.Name, ".csv", t.CSV})
	}
	if err := replaceFolder(filepath.Join(dir, "tables"), files, []string{".md", ".csv", ".tex", ".html"}); err != nil {
		return err
	}
	files = nil
	var wrong error
	src := newSource(core, views.Data)
	for i := range views.Plots {
		drawn, err := src.draw(views, i, registry)
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("plot %q: %w", views.Plots[i].Name, err))
			continue
		}
		files = append(files, drawn...)
	}
	if err := replaceFolder(filepath.Join(dir, "plots"), files, []string{".svg", ".png", ".pdf", ".csv"}); err != nil {
		return err
	}
	return wrong
}

// Exists reports whether the folder of a version has a file for every table and plot that is declared. It looks
// for them and does not read them.
func Exists(dir string, views record.Views) bool {
	there := func(folder, name string, endings ...string) bool {
		for _, ending := range endings {
			if _, err := os.Stat(filepath.Join(dir, folder, name+ending)); err != nil {
				return false
			}
		}
		return true
	}
	for _, t := range views.Tables {
		if !there("tables", t.Name, ".md", ".csv") {
			return false
		}
	}
	for _, p := range views.Plots {
		if !there("plots", p.Name, ".svg", ".png", ".csv") {
			return false
		}
	}
	return true
}

// file is a derived file: the name of its view, its ending, and what it holds.
type file struct {
	name, ending string
	data         []byte
}

// draw makes the files of one plot.
func (src *source) draw(views record.Views, i int, registry *plugins.Registry) ([]file, error) {
	declared := &views.Plots[i]
	view := registry.Views.Get(declared.Kind)
	if view == nil {
		return nil, fmt.Errorf("no view named %q; there are %q", declared.Kind, registry.Views.Names())
	}
	drawer, _, err := view.Build(declared.With)
	if err != nil {
		return nil, err
	}
	p := src.plot(declared)
	drawing, err := drawer.Draw(p.figure)
	if err != nil { // what the settings ask for does not go with the numbers
		if drawing, err = drawEmpty(view, p.empty(err.Error())); err != nil {
			return nil, err
		}
	}
	csv, err := p.data.csv()
	if err != nil {
		return nil, err
	}
	return []file{{p.name, ".svg", drawing.SVG}, {p.name, ".png", drawing.PNG}, {p.name, ".csv", csv}}, nil
}

// drawEmpty draws with the settings that the view has by itself.
func drawEmpty(view *plugins.Entry[plugins.View], fig plugins.Figure) (*plugins.Drawing, error) {
	drawer, _, err := view.Build(nil)
	if err != nil {
		return nil, err
	}
	return drawer.Draw(fig)
}

// replaceFolder makes a folder hold the given derived files and no other with one of the endings.
func replaceFolder(folder string, files []file, endings []string) error {
	if len(files) > 0 {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
	}
	keep := map[string]bool{}
	for _, f := range files {
		if err := record.CheckName(f.name); err != nil {
			return err
		}
		name := f.name + f.ending
		keep[name] = true
		path := filepath.Join(folder, name)
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, f.data) {
			continue
		}
		if err := record.ReplaceFile(path, f.data); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	left := 0
	for _, e := range entries {
		stale := slices.Contains(endings, filepath.Ext(e.Name())) && !keep[e.Name()] || record.Abandoned(e)
		if e.IsDir() || !stale {
			left++
			continue
		}
		if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	if left == 0 {
		return os.Remove(folder)
	}
	return nil
}
