package plant

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/split"
)

// mixer is a lineup on its way.
type mixer struct {
	synthetic, test *frame.Frame
	config          *Config
	known           Known
	rand            plugins.Rand

	whose   []int32 // the subject of each row of test, from 0
	people  int
	drawn   []int // rows of test, in random order
	planted map[int]*planted
	second  []bool // by subject
	notes   []string
}

// planted is a record with an error.
type planted struct {
	record
	*plugins.Planted
}

// alone returns the synthetic rows as they are.
func (m *mixer) alone() *Mixed {
	out := &Mixed{Frame: m.synthetic, Records: make([]Record, m.synthetic.Rows())}
	for i := range out.Records {
		out.Records[i] = Record{Source: plugins.FromSynthetic, Origin: i}
	}
	out.count()
	return out
}

// subjects numbers the subjects of the rows of test; a row without one is a subject of its own.
func (m *mixer) subjects(subject *frame.Column) {
	m.whose = make([]int32, m.test.Rows())
	if subject != nil {
		of, names := split.Indexed(subject)
		m.whose, m.people = of, len(names)
	}
	for row, s := range m.whose {
		if subject == nil || s == frame.Missing {
			m.whose[row] = int32(m.people)
			m.people++
		}
	}
}

// draw takes rows of subjects in random order, until there are enough of them.
func (m *mixer) draw() {
	rows := make([][]int, m.people)
	for row, s := range m.whose {
		rows[s] = append(rows[s], row)
	}
	want := m.config.Rows
	if want == 0 || want > m.test.Rows() {
		if want > 0 {
			m.note("%d rows of test were asked for, and it has %d", want, m.test.Rows())
		}
		want = m.test.Rows()
	}
	for _, s := range m.rand.For(plugins.ForAudit, "rows").Perm(m.people) {
		m.drawn = append(m.drawn, rows[s][:min(len(rows[s]), want-len(m.drawn))]...)
	}
}

func (m *mixer) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

// chosen is a kind with its variants, and how far it has come in the rows.
type chosen struct {
	Kind
	variants []variant
	used     []int          // times that each variant was planted
	label    map[string]int // the same by the name of the variant
	at       int            // place in the order of rows
	planted  int
	rng      *rand.Rand
}

// plantAll plants errors, kind by kind in turns, each in the next row that allows it.
func (m *mixer) plantAll() error {
	m.planted = map[int]*planted{}
	want := int(math.Round(m.config.Share * float64(len(m.drawn))))
	if want == 0 {
		return nil
	}
	p := &planter{knowledge: learn(m.test, m.known), config: m.config, whose: m.whose}
	order := slices.Clone(m.drawn)
	source := m.rand.For(plugins.ForAudit, "order of errors")
	source.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	kinds := m.kinds(p)
	for active := slices.Clone(kinds); len(m.planted) < want && len(active) > 0; {
		active = slices.DeleteFunc(active, func(k *chosen) bool {
			return len(m.planted) < want && !m.plantNext(p, k, order)
		})
	}
	for _, k := range kinds {
		if n := len(kinds); k.planted < want/n {
			m.note("%d errors of the kind %q were planted, and %d would be its share: no other row allows it", k.planted, k.Name, want/n)
		}
	}
	if len(m.planted) < want {
		m.note("errors were planted in %d of %d rows that were to have one", len(m.planted), want)
	}
	return m.askRules(p.knowledge)
}

// kinds returns the kinds that the columns allow.
func (m *mixer) kinds(p *planter) (out []*chosen) {
	for _, k := range Kinds() {
		if m.config.Kinds != nil && !slices.Contains(m.config.Kinds, k.Name) {
			continue
		}
		c := &chosen{Kind: k, variants: k.find(p), label: map[string]int{}, rng: m.rand.For(plugins.ForAudit, "errors", k.Name)}
		if c.used = make([]int, len(c.variants)); len(c.variants) == 0 {
			m.note("no error of the kind %q was planted: no column allows it", k.Name)
			continue
		}
		out = append(out, c)
	}
	return out
}

// plantNext plants an error of a kind in the next row that allows it, the variant that was planted least often; false where there is no
// such row.
func (m *mixer) plantNext(p *planter, k *chosen, order []int) bool {
	for ; k.at < len(order); k.at++ {
		row := order[k.at]
		if m.planted[row] != nil {
			continue
		}
		before := p.record(row)
		variants := k.rng.Perm(len(k.variants)) // random among equals
		slices.SortStableFunc(variants, func(a, b int) int {
			return cmp.Or(cmp.Compare(k.label[k.variants[a].kind], k.label[k.variants[b].kind]), cmp.Compare(k.used[a], k.used[b]))
		})
		for _, i := range variants {
			v := k.variants[i]
			after, changed, ok := v.plant(row, before, k.rng)
			if !ok {
				continue
			}
			k.used[i]++
			k.label[v.kind]++
			k.planted++
			k.at++
			names := make([]string, len(changed))
			for c, at := range changed {
				names[c] = p.columns[at].Name
			}
			m.planted[row] = &planted{after, &plugins.Planted{
				Kind: v.kind, Columns: names, Detectable: v.declared || p.detectable(before, after, changed),
			}}
			return true
		}
	}
	return false
}

// halve marks every second subject, in random order, those with an error of one kind after those of another: both halves have about as
// many of each.
func (m *mixer) halve() {
	kind, drawn := make([]string, m.people), make([]bool, m.people)
	for _, row := range m.drawn {
		drawn[m.whose[row]] = true
		if e := m.planted[row]; e != nil {
			kind[m.whose[row]] = e.Kind
		}
	}
	rng := m.rand.For(plugins.ForAudit, "halves")
	order := slices.DeleteFunc(rng.Perm(m.people), func(s int) bool { return !drawn[s] })
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(kind[a], kind[b]) })
	m.second = make([]bool, m.people)
	for i, s := range order {
		m.second[s] = i%2 == 1
	}
}

// place is a row on its way into the lineup, with a random number that orders it.
type place struct {
	Record
	at  int // row of the frames under each other
	key uint64
}

// mix puts all rows under each other and into their random order. The numbers of real rows do not hang on how many synthetic ones there are.
func (m *mixer) mix() (*Mixed, error) {
	var places []place
	add := func(label string, n int, record func(i int) Record) {
		rng := m.rand.For(plugins.ForAudit, "order", label)
		for i := range n {
			places = append(places, place{record(i), len(places), rng.Uint64()})
		}
	}
	add("synthetic", m.synthetic.Rows(), func(i int) Record { return Record{Source: plugins.FromSynthetic, Origin: i} })
	add("test", len(m.drawn), func(i int) Record {
		row := m.drawn[i]
		r := Record{Source: plugins.FromReal, Origin: row, Second: m.second[m.whose[row]]}
		if e := m.planted[row]; e != nil {
			r.Source, r.Planted = plugins.FromPlanted, e.Planted
		}
		return r
	})
	shuffled := m.shuffled()
	add("shuffled", shuffled.Rows(), func(int) Record { return Record{Source: plugins.FromShuffled, Origin: -1} })
	all, err := frame.Concat(m.synthetic, m.withErrors(m.drawn), shuffled)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.key, b.key) })
	out := &Mixed{Records: make([]Record, len(places)), Notes: m.notes}
	rows := make([]int, len(places))
	for i, p := range places {
		out.Records[i], rows[i] = p.Record, p.at
	}
	out.Frame = all.Take(rows)
	out.count()
	return out, nil
}

// withErrors returns rows of test, with the errors that were planted in some.
func (m *mixer) withErrors(rows []int) *frame.Frame {
	out := m.test.Take(rows)
	columns := slices.Clone(out.Columns())
	for i, c := range columns {
		if c.Kind == frame.Number {
			for at, row := range rows {
				if e := m.planted[row]; e != nil {
					c.Numbers[at] = e.record[i].number
				}
			}
			c.Integer = c.Integer && !slices.ContainsFunc(c.Numbers, func(v float64) bool { return v != math.Trunc(v) && !math.IsNaN(v) })
			continue
		}
		levels, codes := slices.Clone(c.Levels), slices.Clone(c.Codes)
		for at, row := range rows {
			if e := m.planted[row]; e != nil && e.record[i].level != nil {
				code := slices.Index(levels, *e.record[i].level)
				if code < 0 {
					code = len(levels)
					levels = append(levels, *e.record[i].level)
				}
				codes[at] = int32(code)
			}
		}
		unit := c.Unit
		columns[i] = frame.NewCategory(c.Name, levels, codes)
		columns[i].Unit = unit
	}
	if len(columns) == 0 {
		return out
	}
	return frame.Must(columns...)
}

// shuffled returns rows of test, each column by itself in another order.
func (m *mixer) shuffled() *frame.Frame {
	n := min(m.config.Shuffled, m.test.Rows())
	if n < m.config.Shuffled {
		m.note("%d column-shuffled rows were asked for, and test has %d", m.config.Shuffled, n)
	}
	columns := make([]*frame.Column, len(m.test.Columns()))
	for i, c := range m.test.Columns() {
		columns[i] = c.Take(m.rand.For(plugins.ForAudit, "shuffled", c.Name).Perm(m.test.Rows())[:n])
	}
	if len(columns) == 0 {
		return m.test.Take(make([]int, n))
	}
	return frame.Must(columns...)
}

// count counts the records by source, and the errors by kind.
func (m *Mixed) count() {
	sources, kinds, detectable := map[plugins.Source]int{}, map[string]int{}, map[string]int{}
	for _, r := range m.Records {
		if sources[r.Source]++; r.Planted != nil {
			kinds[r.Planted.Kind]++
			if r.Planted.Detectable {
				detectable[r.Planted.Kind]++
			}
		}
	}
	for _, s := range plugins.Sources() {
		if sources[s] > 0 {
			m.Counts = append(m.Counts, plugins.Count{Name: "records to judge", Dims: map[string]string{"source": string(s)}, Value: sources[s]})
		}
	}
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dims := map[string]string{"kind": name}
		m.Counts = append(m.Counts,
			plugins.Count{Name: "errors planted", Dims: dims, Value: kinds[name]},
			plugins.Count{Name: "errors planted that can be told in principle", Dims: dims, Value: detectable[name]})
	}
}
