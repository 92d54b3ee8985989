package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// point is one combination of axis values, before its steps are known.
type point struct {
	values  []spec.Value // by Plan.Axes
	written []spec.Value // as the file has them, where data or a search decided on one of values
	block   int
	order   order
	audited string    // of an arm beside an audit, its name: rules that leave that out leave out the arm
	sites   *arranged // where its rows come from, once the hospitals are known

	searches []*spec.Search // that it was written with, and that are decided
}

// order is the place of a point in the file, and of what data made of it among its likes.
type order struct {
	at  int
	sub []int
}

func (o order) compare(other order) int {
	if o.at != other.at {
		return o.at - other.at
	}
	return slices.Compare(o.sub, other.sub)
}

func (o order) before(other order) bool { return o.compare(other) < 0 }

// compareNames orders names by the first number in them, as ids and classes of sizes have one ("<100", "100 - 249"); names
// without a number follow, by their bytes.
func compareNames(a, b string) int {
	x, numberedA := firstNumber(a)
	y, numberedB := firstNumber(b)
	switch {
	case numberedA && numberedB && x != y:
		return cmp.Compare(x, y)
	case numberedA && numberedB && strings.HasPrefix(a, "<") != strings.HasPrefix(b, "<"):
		if strings.HasPrefix(a, "<") {
			return -1
		}
		return 1
	case numberedA != numberedB && numberedA:
		return -1
	case numberedA != numberedB:
		return 1
	}
	return cmp.Compare(a, b)
}

var firstDigits = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?|[0-9]+(\.[0-9]+)?`)

func firstNumber(name string) (float64, bool) {
	v, err := strconv.ParseFloat(firstDigits.FindString(name), 64)
	return v, err == nil
}

// expand lists the points of all blocks in the order of the file. Zipped axes advance together.
func expand(axes []string, blocks []spec.Block) ([]point, error) {
	at := make(map[string]int, len(axes))
	for i, a := range axes {
		at[a] = i
	}
	var points []point
	for b := range blocks {
		wheels, err := wheelsOf(&blocks[b], at)
		if err != nil {
			return nil, fmt.Errorf("matrix[%d]: %w", b, err)
		}
		total := 1
		for _, w := range wheels {
			total *= w.length
		}
		for i := range total {
			values := noValues(len(axes))
			rest := i
			for k := len(wheels) - 1; k >= 0; k-- { // the first axis turns slowest
				w := wheels[k]
				for j, axis := range w.axes {
					values[axis] = w.values[j][rest%w.length]
				}
				rest /= w.length
			}
			points = append(points, point{values: values, block: b, order: order{at: len(points)}})
		}
		for _, inc := range blocks[b].Include {
			values := noValues(len(axes))
			for name, v := range inc {
				i, ok := at[name]
				if !ok {
					return nil, fmt.Errorf("matrix[%d]: include names no axis %q", b, name)
				}
				values[i] = v
			}
			points = append(points, point{values: values, block: b, order: order{at: len(points)}})
		}
	}
	return points, nil
}

func noValues(n int) []spec.Value {
	values := make([]spec.Value, n)
	for i := range values {
		values[i].Kind = spec.NoValue
	}
	return values
}

// wheel is one axis, or several zipped ones, with the values they take in step.
type wheel struct {
	axes   []int
	values [][]spec.Value // by axis of the wheel
	length int
}

// wheelsOf groups the axes of a block: zipped axes share the wheel of the first of them.
func wheelsOf(b *spec.Block, at map[string]int) ([]wheel, error) {
	group := map[string]int{} // axis -> zip group
	for g, names := range b.Zip {
		for _, n := range names {
			group[n] = g
		}
	}
	var wheels []wheel
	of := map[int]int{} // zip group -> wheel
	for _, a := range b.Axes {
		axis, ok := at[a.Axis]
		if !ok {
			return nil, fmt.Errorf("no axis %q", a.Axis)
		}
		g, zipped := group[a.Axis]
		w, seen := of[g]
		if !zipped || !seen {
			w = len(wheels)
			wheels = append(wheels, wheel{length: len(a.Values)})
			if zipped {
				of[g] = w
			}
		}
		if len(a.Values) != wheels[w].length {
			return nil, fmt.Errorf("axis %q has %d values, the axes zipped with it have %d", a.Axis, len(a.Values), wheels[w].length)
		}
		wheels[w].axes = append(wheels[w].axes, axis)
		wheels[w].values = append(wheels[w].values, a.Values)
	}
	return wheels, nil
}

// excluded returns the reason of the first rule of the block that matches, and whether one does.
// A rule matches when each axis that it names has one of the values that it lists; written are the values as the file has them, where
// they are others: a rule may name what stood for a value.
func excluded(axes []string, b *spec.Block, values, written []spec.Value) (string, bool) {
rules:
	for _, rule := range b.Exclude {
		for axis, any := range rule.Match {
			i := slices.Index(axes, axis)
			if i < 0 || !slices.Contains(any, values[i]) && !(written != nil && standsFor(written[i]) && slices.Contains(any, written[i])) {
				continue rules
			}
		}
		return rule.Reason, true
	}
	return "", false
}

// standsFor reports whether a value stands for one that data or a search decide on.
func standsFor(v spec.Value) bool {
	_, searched := v.Searched()
	return searched || v.Kind == spec.PartValue
}

// cellID is a readable slug of all values and a short hash of the same: neither depends on other cells.
func cellID(axes []string, values []spec.Value) string {
	var slug, whole strings.Builder
	for i, v := range values {
		text := v.String()
		whole.WriteString(axes[i])
		whole.WriteByte('=')
		whole.WriteString(exact(v))
		whole.WriteByte(';')
		if i > 0 {
			slug.WriteByte('.')
		}
		if v.Kind == spec.NumberValue || v.Kind == spec.BoolValue {
			slug.WriteString(axes[i])
		}
		slugify(&slug, text)
	}
	sum := sha256.Sum256([]byte(whole.String()))
	slug.WriteByte('-')
	slug.WriteString(hex.EncodeToString(sum[:4]))
	return slug.String()
}

// exact is a value with its kind: the text "5" and the number 5 differ.
func exact(v spec.Value) string {
	if v.Kind == spec.TextValue {
		return strconv.Quote(v.Text)
	}
	return v.String()
}

// slugify writes the letters, digits and dashes of a text; everything else becomes a dash.
func slugify(to *strings.Builder, text string) {
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			to.WriteRune(r)
		default:
			to.WriteByte('-')
		}
	}
}
