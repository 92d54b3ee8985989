package simulated

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// refusal is what the model says when it declines.
const refusal = "I cannot help with creating records of patients."

// mostColumns is how many columns a prompt can ask for, those of its table included: the work grows with their cube.
const mostColumns = 500

// reply is the content of an answer.
type reply struct {
	text   string
	tokens int
	cut    bool // it ended at the cap on tokens, or as if it had
}

// reply writes the rows that the blocks ask for, with the failures that the settings ask for.
func (p *Provider) reply(ctx context.Context, key hash, b *body, blocks prompt.Blocks, limit int) (*reply, error) {
	c, err := containerOf(b, blocks.Schema)
	if err != nil {
		return nil, err
	}
	m, err := p.fit(blocks, c)
	if err != nil {
		return nil, err
	}
	rows := blocks.Schema.Rows
	if blocks.Table != nil {
		rows = len(blocks.Table.Rows)
	}
	if short := key.source("short"); short.Float64() < p.config.Short {
		rows = int(float64(rows) * (0.5 + short.Float64()/2))
	}
	prose := !c.held && key.source("prose").Float64() < p.config.Prose
	w := newWriter(c, m, blocks.Schema)
	before, after := "", ""
	if prose {
		name := prompt.CSV
		if c.json {
			name = prompt.JSON
		}
		before = fmt.Sprintf("Here are %d synthetic records that follow the schema.\n\n```%s\n", rows, name)
		after = "```\n\nTell me if you need more of them, or other columns."
		if c.json {
			after = "\n" + after
		}
		w.total += tokens(before)
	}
	faults := newFaults(p.config, key, blocks, m, c.held)
	d := newDrawer(m, blocks.Table, key.source("rows"))
	for i := 0; i < rows && w.total <= limit; i++ {
		cells, err := d.row(ctx, i)
		if err != nil {
			return nil, err
		}
		r := record{keyOf(blocks, i), cells}
		w.row(faults.touch(d, i, r), i == 0, faults.damage())
	}
	w.end(rows > 0)
	return p.finish(key, before+w.text.String()+after, w.total+tokens(after), limit), nil
}

// finish cuts a reply at its cap, or as if there were one.
func (p *Provider) finish(key hash, text string, total, limit int) *reply {
	if truncate := key.source("truncate"); truncate.Float64() < p.config.Truncate {
		limit = min(limit, max(1, int(float64(total)*(0.3+0.6*truncate.Float64()))))
	}
	if total <= limit {
		return &reply{text: text, tokens: total}
	}
	return &reply{text: cut(text, limit), tokens: limit, cut: true}
}

// keyOf is the key of row i: that of the table, else its number from 1.
func keyOf(b prompt.Blocks, i int) string {
	if b.Table != nil && b.Schema.Key != "" {
		return b.Table.Rows[i][b.Table.Column(b.Schema.Key)]
	}
	return strconv.Itoa(i + 1)
}

// fit returns the model of the blocks. Calls of a step share most of it, so the last few are kept.
func (p *Provider) fit(b prompt.Blocks, c container) (*model, error) {
	columns := len(b.Schema.Columns)
	schema := *b.Schema
	schema.Rows = 0
	like := prompt.Blocks{Schema: &schema, Aggregates: b.Aggregates, Examples: b.Examples}
	if b.Table != nil {
		columns += len(b.Table.Names)
		like.Table = &prompt.Table{Names: b.Table.Names}
		if schema.Key != "" && b.Table.Column(schema.Key) < 0 {
			return nil, badRequest("the table lacks the key column that the schema names")
		}
	}
	if columns > mostColumns {
		return nil, badRequest(fmt.Sprintf("%d columns; at most %d", columns, mostColumns))
	}
	id := text(like)
	for _, column := range schema.Columns {
		id += strconv.FormatBool(c.nullable(column.Name))
	}
	const kept = 16
	key := hashOf(id)
	p.mu.Lock()
	m := p.fitted[key]
	p.mu.Unlock()
	if m != nil {
		return m, nil
	}
	m = learn(b, c.nullable, p.config.Degrade)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.fitted) >= kept {
		clear(p.fitted)
	}
	p.fitted[key] = m
	return m, nil
}

// faults goes wrong in single rows. Each failure has a source of its own.
type faults struct {
	config   Config
	held     bool
	examples *prompt.Table
	columns  []int // of each variable of the reply: its column of the examples, -1 where it has none
	free     []int // variables of the reply whose values are drawn
	numbers  []int // those of them that are numbers; where some have a declared maximum, these alone: others may have any value
	earlier  []record

	duplicate, copied, beyond, broken *rand.Rand
}

func newFaults(c Config, key hash, b prompt.Blocks, m *model, held bool) *faults {
	f := &faults{
		config: c, held: held, examples: b.Examples,
		duplicate: key.source("duplicate"), copied: key.source("copy"), beyond: key.source("outOfRange"), broken: key.source("malformed"),
	}
	for i := range m.variables[:m.reply] {
		v := &m.variables[i]
		at := -1
		if v.column.Value == nil && (b.Table == nil || b.Table.Column(v.column.Name) < 0) {
			f.free = append(f.free, i)
			if v.number {
				f.numbers = append(f.numbers, i)
			}
			if b.Examples != nil {
				at = b.Examples.Column(v.column.Name)
			}
		}
		f.columns = append(f.columns, at)
	}
	limited := func(i int) bool { return m.variables[i].column.Max != nil }
	if slices.ContainsFunc(f.numbers, limited) {
		f.numbers = slices.DeleteFunc(f.numbers, func(i int) bool { return !limited(i) })
	}
	return f
}

// touch returns record i as it is delivered.
func (f *faults) touch(d *drawer, i int, r record) record {
	again, copied, beyond := f.duplicate.Float64() < f.config.Duplicate, f.copied.Float64() < f.config.Copy, f.beyond.Float64() < f.config.OutOfRange
	switch {
	case again && i > 0:
		r = f.earlier[f.duplicate.IntN(i)]
	case copied && f.examples != nil && len(f.examples.Rows) > 0:
		row := f.examples.Rows[f.copied.IntN(len(f.examples.Rows))]
		for k, at := range f.columns {
			if at >= 0 {
				r.cells[k] = row[at]
			}
		}
	case beyond && len(f.free) > 0:
		f.push(d.model, r.cells)
	}
	if f.config.Duplicate > 0 {
		f.earlier = append(f.earlier, r)
	}
	return r
}

// push moves one value beyond its limits: a number above the greatest by a tenth to the whole of their distance, a category to
// a level that is none.
func (f *faults) push(m *model, cells []string) {
	if len(f.numbers) == 0 {
		cells[f.free[f.beyond.IntN(len(f.free))]] = "no such level"
		return
	}
	at := f.numbers[f.beyond.IntN(len(f.numbers))]
	v := &m.variables[at]
	low, high := v.bounds()
	x := high + max(1, (high-low)*(0.1+0.9*f.beyond.Float64()))
	if v.column.Type == prompt.Integer || v.places == 0 {
		x = math.Ceil(x)
	}
	cells[at] = prompt.Number(x)
}

// bounds returns the declared limits of a number, and where there are none, the ends of its distribution.
func (m *margin) bounds() (low, high float64) {
	low, high = m.low, m.high
	ends := m.values
	if m.levels != nil {
		ends = nil
		for _, l := range m.levels {
			if v, ok := number(l); ok {
				ends = append(ends, v)
			}
		}
	}
	if len(ends) == 0 {
		ends = []float64{0}
	}
	if math.IsInf(low, 0) {
		low = min(ends[0], high)
	}
	if math.IsInf(high, 0) {
		high = max(ends[len(ends)-1], low)
	}
	return low, high
}

// damage returns how the next row is spoilt, 0 where it is not.
func (f *faults) damage() int {
	if f.broken.Float64() >= f.config.Malformed || f.held {
		return 0
	}
	return 1 + f.broken.IntN(3)
}
