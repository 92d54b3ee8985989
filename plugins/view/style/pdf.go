package style

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"sync"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// pdfCanvas draws on a page of PDF with the fonts embedded, cut to the letters that are used. The canvas of gonum writes
// texts in the code page 1252, which has no minus sign, arrow or Greek letter.
type pdfCanvas struct {
	doc    *fpdf.Fpdf
	height vg.Length
	now    pdfState
	stack  []pdfState

	opacity float64 // of areas
}

// pdfState is where and in what direction is drawn; the page is never scaled.
type pdfState struct {
	origin vg.Point
	angle  float64
}

// someDate stands in for the date of the drawing, which the library insists on, until it is taken out of the file.
var someDate = time.Unix(0, 0).UTC()

func newPDF(width, height vg.Length, title string) *pdfCanvas {
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: width.Points(), Ht: height.Points()}})
	doc.SetCreationDate(someDate)
	doc.SetModificationDate(someDate)
	doc.SetCatalogSort(true)
	doc.SetProducer("ehrlab", true)
	if title != "" {
		doc.SetTitle(title, true)
	}
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	sources := fontSources()
	doc.AddUTF8FontFromBytes(pdfFamily, "", sources.normal)
	doc.AddUTF8FontFromBytes(pdfFamily, "B", sources.bold)
	doc.AddPage()
	return &pdfCanvas{doc: doc, height: height}
}

const pdfFamily = "liberation-sans"

// bytes is the finished file. Blanks of the same length take the place of its dates, so that all that follows them stays
// where the table at its end says.
func (c *pdfCanvas) bytes() ([]byte, error) {
	var out bytes.Buffer
	if err := c.doc.Output(&out); err != nil {
		return nil, err
	}
	file := out.Bytes()
	for _, key := range []string{"/CreationDate", "/ModDate"} {
		entry := fmt.Appendf(nil, "%s (D:%s)", key, someDate.Format("20060102150405"))
		if at := bytes.LastIndex(file, entry); at >= 0 {
			copy(file[at:], bytes.Repeat([]byte{' '}, len(entry)))
		}
	}
	return file, nil
}

type sources struct{ normal, bold []byte }

var fontSources = sync.OnceValue(func() sources {
	source := func(f face) []byte {
		var b bytes.Buffer
		if _, err := f.Face.Face.WriteSourceTo(nil, &b); err != nil {
			panic("style: the font that is built in cannot be written: " + err.Error())
		}
		return b.Bytes()
	}
	f := loadFaces()
	return sources{normal: source(f.note), bold: source(f.title)}
})

// place is where a point lies on the page, from its upper left corner.
func (c *pdfCanvas) place(q vg.Point) (x, y float64) {
	sin, cos := math.Sincos(c.now.angle)
	px := c.now.origin.X + q.X*vg.Length(cos) - q.Y*vg.Length(sin)
	py := c.now.origin.Y + q.X*vg.Length(sin) + q.Y*vg.Length(cos)
	return px.Points(), (c.height - py).Points()
}

// Push keeps the state for the next Pop.
func (c *pdfCanvas) Push() { c.stack = append(c.stack, c.now) }

// Pop takes up the state of the last Push.
func (c *pdfCanvas) Pop() { c.now, c.stack = c.stack[len(c.stack)-1], c.stack[:len(c.stack)-1] }

// Translate moves the origin.
func (c *pdfCanvas) Translate(q vg.Point) {
	x, y := c.place(q)
	c.now.origin = vg.Point{X: vg.Length(x), Y: c.height - vg.Length(y)}
}

// Rotate turns the axes counter-clockwise.
func (c *pdfCanvas) Rotate(angle float64) { c.now.angle += angle }

// Scale is not used by any figure.
func (c *pdfCanvas) Scale(x, y float64) { panic("style: figures are not scaled") }

// DrawImage is not used by any figure.
func (c *pdfCanvas) DrawImage(vg.Rectangle, image.Image) { panic("style: figures hold no images") }

// SetLineWidth sets the width of strokes.
func (c *pdfCanvas) SetLineWidth(w vg.Length) { c.doc.SetLineWidth(w.Points()) }

// SetLineDash sets the dashes of strokes.
func (c *pdfCanvas) SetLineDash(dashes []vg.Length, offset vg.Length) {
	pattern := make([]float64, len(dashes))
	for i, d := range dashes {
		pattern[i] = d.Points()
	}
	c.doc.SetDashPattern(pattern, offset.Points())
}

// SetColor sets the colour of strokes, areas and texts, and how much areas let through.
func (c *pdfCanvas) SetColor(colour color.Color) {
	n := color.NRGBAModel.Convert(colour).(color.NRGBA)
	c.doc.SetDrawColor(int(n.R), int(n.G), int(n.B))
	c.doc.SetFillColor(int(n.R), int(n.G), int(n.B))
	c.doc.SetTextColor(int(n.R), int(n.G), int(n.B))
	c.opacity = float64(n.A) / 255
}

// Stroke strokes a path.
func (c *pdfCanvas) Stroke(path vg.Path) { c.path(path, "D") }

// Fill fills a path.
func (c *pdfCanvas) Fill(path vg.Path) {
	if c.opacity == 1 {
		c.path(path, "F")
		return
	}
	c.doc.SetAlpha(c.opacity, "Normal")
	c.path(path, "F")
	c.doc.SetAlpha(1, "Normal")
}

func (c *pdfCanvas) path(path vg.Path, how string) {
	for _, step := range path {
		switch step.Type {
		case vg.MoveComp:
			c.doc.MoveTo(c.place(step.Pos))
		case vg.LineComp:
			c.doc.LineTo(c.place(step.Pos))
		case vg.ArcComp:
			c.arc(step)
		case vg.CloseComp:
			c.doc.ClosePath()
		default:
			panic("style: figures have no curves but arcs")
		}
	}
	c.doc.DrawPath(how)
}

// arc draws an arc by cubic curves of an eighth of a circle at most, which miss it by less than 0.0003 % of the radius.
func (c *pdfCanvas) arc(step vg.PathComp) {
	pieces := max(1, int(math.Ceil(math.Abs(step.Angle)/(math.Pi/4)-1e-9)))
	turn := step.Angle / float64(pieces)
	reach := 4.0 / 3 * math.Tan(turn/4) // of the control points along the tangents
	at := func(angle, along float64) vg.Point {
		sin, cos := math.Sincos(angle)
		return vg.Point{
			X: step.Pos.X + step.Radius*vg.Length(cos-along*sin),
			Y: step.Pos.Y + step.Radius*vg.Length(sin+along*cos),
		}
	}
	for k := range pieces {
		from := step.Start + turn*float64(k)
		ax, ay := c.place(at(from, reach))
		bx, by := c.place(at(from+turn, -reach))
		x, y := c.place(at(from+turn, 0))
		c.doc.CurveBezierCubicTo(ax, ay, bx, by, x, y)
	}
}

// FillString writes one line from its left end on the baseline.
func (c *pdfCanvas) FillString(f font.Face, at vg.Point, text string) {
	weight := ""
	if f.Font.Weight > 0 {
		weight = "B"
	}
	c.doc.SetFont(pdfFamily, weight, f.Font.Size.Points())
	x, y := c.place(at)
	if c.now.angle == 0 {
		c.doc.Text(x, y, text)
		return
	}
	c.doc.TransformBegin()
	c.doc.TransformRotate(c.now.angle*180/math.Pi, x, y)
	c.doc.Text(x, y, text)
	c.doc.TransformEnd()
}
