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
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Render remakes the tables and plots of a version in its folder: tables/<name>.{md,csv,tex,html,parquet} and
// plots/<name>.{svg,png,pdf,csv}, and report.html, the page that shows them all, from core and views alone.
//
// Each file is replaced whole, and only when its bytes change; derived files that no view declares any more are
// removed. A table that cannot be filled and a plot that cannot be drawn say why in their files. An error is one of
// reading or writing, or of a plot whose view plugin is unknown or refuses its settings: that leaves no file, the
// others are made, and the page says so.
func Render(core *record.Core, views record.Views, registry *plugins.Registry, dir string) error {
	tables, err := Tables(core, views)
	if err != nil {
		return err
	}
	var files []file
	for _, t := range tables {
		files = append(files, file{t.Name, ".md", t.Markdown}, file{t.Name, ".csv", t.CSV}, file{t.Name, ".tex", t.LaTeX},
			file{t.Name, ".html", t.HTML}, file{t.Name, ".parquet", t.Parquet})
	}
	if err := replaceFolder(filepath.Join(dir, "tables"), files, tableEndings); err != nil {
		return err
	}
	views = record.Decided(views, core.Manifest.Choices)
	src := newSource(core, views.Data)
	plots := src.drawPlots(views.Plots, registry)
	files, wrong := filesOf(plots)
	if err := replaceFolder(filepath.Join(dir, "plots"), files, plotEndings); err != nil {
		return err
	}
	page, err := src.content(views, tables, plots).HTML()
	if err != nil {
		return fmt.Errorf("%s: %w", PageFile, err)
	}
	if err := replaceFile(filepath.Join(dir, PageFile), page); err != nil {
		return err
	}
	return wrong
}

// PageFile is the page of a version, in its folder.
const PageFile = "report.html"

// tableEndings are those of the files of a table.
var tableEndings = []string{".md", ".csv", ".tex", ".html", ".parquet"}

// Exists reports whether the folder of a version has a file for every table and plot that is declared, and its page. It looks
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
	if !there("", "report", ".html") {
		return false
	}
	if len(views.Primary) > 0 && !there("tables", spec.PrimaryTable, tableEndings...) {
		return false
	}
	for _, t := range views.Tables {
		if !there("tables", t.Name, tableEndings...) {
			return false
		}
	}
	for _, p := range views.Plots {
		if !there("plots", p.Name, plotEndings...) {
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

// replaceFile writes a file unless it holds the data already.
func replaceFile(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return record.ReplaceFile(path, data)
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
		if err := replaceFile(filepath.Join(folder, name), f.data); err != nil {
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
