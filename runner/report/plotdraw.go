package report

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// plotEndings are those of the files of a plot.
var plotEndings = []string{".svg", ".png", ".pdf", ".csv"}

// sketch is a plot that is ready to be drawn.
type sketch struct {
	*plotted
	view   *plugins.Entry[plugins.View]
	drawer plugins.View
}

// drawnPlot is a plot with its files, or with what kept it from having any.
type drawnPlot struct {
	*spec.Plot
	files   []file
	drawing *plugins.Drawing
	wrong   error
}

// drawPlots makes the files of all plots, in their order. Data are gathered one plot after the other; the pictures, which take most of
// the time, are drawn by as many goroutines as there are processors. A plot that cannot be drawn has no files.
func (src *source) drawPlots(declared []spec.Plot, registry *plugins.Registry) []drawnPlot {
	drawn := make([]drawnPlot, len(declared))
	sketches := make([]*sketch, len(declared))
	for i := range declared {
		drawn[i].Plot = &declared[i]
		sketches[i], drawn[i].wrong = src.sketch(&declared[i], registry)
	}
	err := parallel.For(context.Background(), runtime.GOMAXPROCS(0), len(declared), func(i int) error {
		if drawn[i].wrong == nil {
			drawn[i].files, drawn[i].drawing, drawn[i].wrong = sketches[i].draw()
		}
		return nil
	})
	if err != nil {
		panic(err) // nothing cancels it
	}
	return drawn
}

// filesOf are the files of all plots; the error names those that have none.
func filesOf(drawn []drawnPlot) (files []file, err error) {
	for _, d := range drawn {
		files = append(files, d.files...)
		if d.wrong != nil {
			err = errors.Join(err, fmt.Errorf("plot %q: %w", d.Name, d.wrong))
		}
	}
	return files, err
}

// sketch gathers what a plot shows.
func (src *source) sketch(p *spec.Plot, registry *plugins.Registry) (*sketch, error) {
	view := registry.Views.Get(p.Kind)
	if view == nil {
		return nil, fmt.Errorf("no view named %q; there are %q", p.Kind, registry.Views.Names())
	}
	drawer, _, err := view.Build(p.With)
	if err != nil {
		return nil, err
	}
	return &sketch{src.plot(p, drawer.Form()), view, drawer}, nil
}

// draw makes the files of a plot.
func (s *sketch) draw() ([]file, *plugins.Drawing, error) {
	drawing, err := s.drawer.Draw(s.figure)
	if err != nil { // what the settings ask for does not go with the numbers
		if drawing, err = s.drawEmpty(err); err != nil {
			return nil, nil, err
		}
	}
	csv, err := s.data()
	if err != nil {
		return nil, nil, err
	}
	return []file{{s.name, ".svg", drawing.SVG}, {s.name, ".png", drawing.PNG}, {s.name, ".pdf", drawing.PDF}, {s.name, ".csv", csv}}, drawing, nil
}

// drawEmpty draws what keeps a figure from being drawn, with the settings that the view has by itself.
func (s *sketch) drawEmpty(why error) (*plugins.Drawing, error) {
	drawer, _, err := s.view.Build(nil)
	if err != nil {
		return nil, err
	}
	return drawer.Draw(s.empty(why.Error()))
}
