// Package style is the house style of figures: page, fonts, colours, axes, legend and notes. A view plugin draws
// only what lies inside the axes.
//
// It draws on gonum's canvases and leaves out gonum's plot package, which parses fonts when a program starts.
package style

import (
	"errors"
	"fmt"
)

// Config is the part of a view's with block that all views share.
type Config struct {
	YMin     *float64    `json:"yMin,omitempty"` // end of the y axis; as the data need when absent
	YMax     *float64    `json:"yMax,omitempty"`
	WidthMM  float64     `json:"widthMM"`  // of the whole figure
	HeightMM float64     `json:"heightMM"` // of the whole figure; 0: as high as it needs
	Legend   string      `json:"legend"`   // below, right or none
	Lines    []Reference `json:"lines,omitempty"`
}

// Reference is a horizontal line across the figure, e.g. at chance level.
type Reference struct {
	Y     float64 `json:"y"`
	Label string  `json:"label,omitempty"`
}

// Schema is the CUE of Config.
const Schema = `
yMin?:     number // end of the y axis
yMax?:     number
widthMM?:  number & >=50 & <=400 // of the whole figure
heightMM?: number & >=0 & <=400  // of the whole figure; 0: as high as it needs
legend?:   "below" | "right" | "none"
lines?: [...{y: number, label?: string}] // horizontal lines, e.g. at chance level
`

// Defaults fit one column of a journal.
func Defaults() Config { return Config{WidthMM: 88, Legend: "below"} }

// Check reports settings that contradict each other.
func (c Config) Check() error {
	switch {
	case c.YMin != nil && c.YMax != nil && *c.YMin >= *c.YMax:
		return fmt.Errorf("yMin %v is not below yMax %v", *c.YMin, *c.YMax)
	case !(c.WidthMM >= 50 && c.WidthMM <= 400):
		return fmt.Errorf("widthMM %v: want 50 to 400", c.WidthMM)
	case !(c.HeightMM >= 0 && c.HeightMM <= 400):
		return fmt.Errorf("heightMM %v: want 0 to 400", c.HeightMM)
	case c.Legend != "below" && c.Legend != "right" && c.Legend != "none":
		return errors.New(`legend: want "below", "right" or "none"`)
	}
	return nil
}
