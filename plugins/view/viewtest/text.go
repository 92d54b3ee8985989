// Package viewtest looks at drawings as a reader would: whether any text leaves the page or lies on another, and whether the
// same figure gives the same bytes.
package viewtest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/vg"
)

// Text is a line of text on a page.
type Text struct {
	String  string
	Corners [4][2]float64 // of its ink, in points from the upper left corner of the page, in order around it
}

// Page is what an SVG shows.
type Page struct {
	Width, Height float64
	Title         string
	Texts         []Text
}

// Has reports whether a text of the page holds s.
func (p *Page) Has(s string) bool {
	for _, t := range p.Texts {
		if strings.Contains(t.String, s) {
			return true
		}
	}
	return false
}

// matrix is an affine map: x' = a·x + c·y + e, y' = b·x + d·y + f.
type matrix struct{ a, b, c, d, e, f float64 }

func (m matrix) times(n matrix) matrix {
	return matrix{
		m.a*n.a + m.c*n.b, m.b*n.a + m.d*n.b,
		m.a*n.c + m.c*n.d, m.b*n.c + m.d*n.d,
		m.a*n.e + m.c*n.f + m.e, m.b*n.e + m.d*n.f + m.f,
	}
}

func (m matrix) at(x, y float64) [2]float64 {
	return [2]float64{m.a*x + m.c*y + m.e, m.b*x + m.d*y + m.f}
}

var transform = regexp.MustCompile(`(scale|translate|rotate)\(([^)]*)\)`)

// parseTransform reads the transform attribute of an element.
func parseTransform(s string) (matrix, error) {
	m := matrix{a: 1, d: 1}
	for _, call := range transform.FindAllStringSubmatch(s, -1) {
		var v [2]float64
		parts := strings.FieldsFunc(call[2], func(r rune) bool { return r == ',' || r == ' ' })
		for i, part := range parts[:min(2, len(parts))] {
			var err error
			if v[i], err = strconv.ParseFloat(part, 64); err != nil {
				return m, err
			}
		}
		switch call[1] {
		case "scale":
			m = m.times(matrix{a: v[0], d: v[1]})
		case "translate":
			m = m.times(matrix{a: 1, d: 1, e: v[0], f: v[1]})
		default:
			sin, cos := math.Sincos(v[0] * math.Pi / 180)
			m = m.times(matrix{a: cos, b: sin, c: -sin, d: cos})
		}
	}
	return m, nil
}

// Read finds the texts of a drawing.
func Read(svg []byte) (*Page, error) {
	page := &Page{}
	stack := []matrix{{a: 1, d: 1}}
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	var text *element
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return page, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			own, err := parseTransform(e.attributes["transform"])
			if err != nil {
				return nil, err
			}
			stack = append(stack, stack[len(stack)-1].times(own))
			if e.name == "svg" {
				if _, err := fmt.Sscanf(e.attributes["viewBox"], "0 0 %f %f", &page.Width, &page.Height); err != nil {
					return nil, fmt.Errorf("viewBox: %w", err)
				}
			}
			text = &e
		case xml.CharData:
			if text != nil {
				text.content += string(token)
			}
		case xml.EndElement:
			here := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if text == nil || text.name != token.Name.Local {
				continue
			}
			switch text.name {
			case "title":
				page.Title = text.content
			case "text":
				t, err := text.place(here)
				if err != nil {
					return nil, err
				}
				page.Texts = append(page.Texts, t)
			}
			text = nil
		}
	}
}

type element struct {
	name, content string
	attributes    map[string]string
}

var fonts = sync.OnceValue(func() *font.Cache { return font.NewCache(liberation.Collection()) })

// fontSize is how the style of a text states its size.
var fontSize = regexp.MustCompile(`font-size:([0-9.]+)px`)

// place finds the ink of a text: from its first to its last letter, and from the baseline to the height of a small letter,
// so that lines that only just touch count as apart.
func (e *element) place(m matrix) (Text, error) {
	x, errX := strconv.ParseFloat(e.attributes["x"], 64)
	y, errY := strconv.ParseFloat(e.attributes["y"], 64)
	match := fontSize.FindStringSubmatch(e.attributes["style"])
	if errX != nil || errY != nil || match == nil {
		return Text{}, fmt.Errorf("text %q has no place or size: %v", e.content, e.attributes)
	}
	size, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		return Text{}, err
	}
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if strings.Contains(e.attributes["style"], "font-weight:bold") {
		f.Weight = xfont.WeightBold
	}
	face := fonts().Lookup(f, vg.Length(size))
	wide := face.Width(e.content).Points()
	return Text{e.content, [4][2]float64{m.at(x, y), m.at(x+wide, y), m.at(x+wide, y-0.6*size), m.at(x, y-0.6*size)}}, nil
}

// apart reports whether two texts do not lie on each other: whether a line along a side of one parts them.
func apart(s, t Text) bool {
	const touch = 0.3 // points
	for _, corners := range [][4][2]float64{s.Corners, t.Corners} {
		for i := range 2 {
			x, y := corners[i+1][0]-corners[i][0], corners[i+1][1]-corners[i][1]
			length := math.Hypot(x, y)
			if length == 0 {
				return true // a text of no letters
			}
			lowS, highS := along(s, x/length, y/length)
			lowT, highT := along(t, x/length, y/length)
			if highS <= lowT+touch || highT <= lowS+touch {
				return true
			}
		}
	}
	return false
}

func along(t Text, x, y float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, c := range t.Corners {
		v := c[0]*x + c[1]*y
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// Wrong lists the texts that leave the page, and the pairs that lie on each other.
func (p *Page) Wrong() []string {
	var out []string
	for i, t := range p.Texts {
		for _, c := range t.Corners {
			if c[0] < -0.01 || c[1] < -0.01 || c[0] > p.Width+0.01 || c[1] > p.Height+0.01 {
				out = append(out, fmt.Sprintf("%q leaves the page of %.0f × %.0f: %.1f", t.String, p.Width, p.Height, t.Corners))
				break
			}
		}
		for _, other := range p.Texts[:i] {
			if !apart(t, other) {
				out = append(out, fmt.Sprintf("%q at %.1f lies on %q at %.1f", t.String, t.Corners[0], other.String, other.Corners[0]))
			}
		}
	}
	return out
}
