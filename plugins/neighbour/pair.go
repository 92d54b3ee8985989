package neighbour

import (
	"context"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Synthetic names the synthetic rows of a pair, beside the parts that name real ones.
const Synthetic plugins.Part = "synthetic"

// Kind says which distance the rows of a pair are compared by.
type Kind string

// The kinds of distances. All columns of the train part count, the target among them.
const (
	Euclidean  Kind = "euclidean"   // NewEuclidean for train, synthetic and test rows, with the means and SDs of train
	Gower      Kind = "gower"       // NewGower with the ranges of the rows that neighbours are looked for among
	TrainGower Kind = "train gower" // NewGower with the ranges of train, whichever rows are compared
)

// Rows are some rows of a pair: of train, test or Synthetic.
type Rows struct {
	Part plugins.Part
	Some []int // from 0; nil for all
}

// All returns all rows of a part.
func All(part plugins.Part) Rows { return Rows{Part: part} }

// Pair looks for neighbours among the rows of a pair. Searches for all rows of a part are shared by all metrics.
type Pair struct {
	pair *plugins.Pair
	env  plugins.Env
	kind Kind

	searches int // planned
	done     *int
}

// NewPair returns the searches of a metric that reads train and test. searches is how many it is going to make: it
// decides what its progress is.
//
// It is an error when the synthetic rows lack a column of the train part or hold it in the other kind.
func NewPair(pair *plugins.Pair, env plugins.Env, kind Kind, searches int) (*Pair, error) {
	if err := fits(pair.Parts.Get(plugins.Train).Frame, pair.Synthetic); err != nil {
		return nil, fmt.Errorf("synthetic rows: %w", err)
	}
	return &Pair{pair: pair, env: env, kind: kind, searches: searches, done: new(int)}, nil
}

// By returns searches by another distance, which count for the same progress.
func (p *Pair) By(kind Kind) *Pair {
	out := *p
	out.kind = kind
	return &out
}

// Use is what a metric that looks for neighbours of a pair lists in Info.Uses.
func Use() plugins.Use { return plugins.Use{Name: "neighbour", Version: Version} }

// Need estimates what searches of a pair need: its rows as numbers, and in the machine words of bounds.
func Need(s plugins.Size) plugins.Need {
	rows := int64(s.Rows + s.N)
	return plugins.Need{Threads: int(min(max(rows/1000, 1), 64)), Bytes: 16 * 2 * rows * int64(s.Columns+4)}
}

// Frame returns all rows of a part.
func (p *Pair) Frame(part plugins.Part) *frame.Frame {
	if part == Synthetic {
		return p.pair.Synthetic
	}
	return p.pair.Parts.Get(part).Frame
}

// Count is the number of rows.
func (p *Pair) Count(r Rows) int {
	if r.Some != nil {
		return len(r.Some)
	}
	return p.Frame(r.Part).Rows()
}

// Keys of preparations.
type (
	spaceKey struct {
		kind Kind
		to   plugins.Part
	}
	pointsKey struct {
		space spaceKey
		of    plugins.Part
	}
	nearestKey struct {
		kind     Kind
		from, to plugins.Part
	}
)

// shared is how many neighbours a shared search finds: enough for the ratio of the first two distances.
const shared = 2

// Nearest returns the two nearest of to for each row of from. Rows that are the same ones are no neighbours of their own.
func (p *Pair) Nearest(ctx context.Context, from, to Rows) (*Neighbours, error) {
	defer func() { *p.done++ }()
	if from.Some != nil || to.Some != nil {
		return p.search(ctx, from, to)
	}
	return plugins.Prepare(p.pair, nearestKey{p.kind, from.Part, to.Part}, func() (*Neighbours, error) {
		return p.search(ctx, from, to)
	})
}

func (p *Pair) search(ctx context.Context, from, to Rows) (*Neighbours, error) {
	queries, err := p.points(from, to.Part)
	if err != nil {
		return nil, err
	}
	references, err := p.points(to, to.Part)
	if err != nil {
		return nil, err
	}
	return p.find(ctx, queries, references, from.Part == to.Part && slices.Equal(from.Some, to.Some))
}

func (p *Pair) find(ctx context.Context, queries, references *Points, self bool) (*Neighbours, error) {
	const parts = 1000 // of one search
	s := Search{K: shared, Self: self, Threads: p.env.Threads, Progress: func(done, total int) {
		p.env.Progress(parts**p.done+parts*done/total, parts*p.searches)
	}}
	return s.Nearest(ctx, queries, references)
}

// points returns rows in the space of distances to a part.
func (p *Pair) points(r Rows, to plugins.Part) (*Points, error) {
	key := spaceKey{kind: p.kind}
	if p.kind == Gower {
		key.to = to
	}
	space, err := plugins.Prepare(p.pair, key, func() (*Space, error) { return p.space(to) })
	if err != nil {
		return nil, err
	}
	all, err := plugins.Prepare(p.pair, pointsKey{key, r.Part}, func() (*Points, error) { return space.Points(p.Frame(r.Part)) })
	if err != nil || r.Some == nil {
		return all, err
	}
	return all.Take(r.Some), nil
}

func (p *Pair) space(to plugins.Part) (*Space, error) {
	train, test := p.Frame(plugins.Train), p.Frame(plugins.Test)
	switch p.kind {
	case Euclidean:
		return NewEuclidean(train, p.pair.Synthetic, test)
	case Gower:
		return NewGowerOver(Ranges{Of: []*frame.Frame{p.Frame(to)}}, false, train, p.pair.Synthetic, test)
	}
	return NewGower(train, p.pair.Synthetic, test)
}

// Others returns the two nearest rows of a part for each row of a frame that is no part of the pair, but has the levels of one of its
// parts and no missing values where they have none.
func (p *Pair) Others(ctx context.Context, from *frame.Frame, to plugins.Part) (*Neighbours, error) {
	defer func() { *p.done++ }()
	references, err := p.points(All(to), to)
	if err != nil {
		return nil, err
	}
	queries, err := references.space.Points(from)
	if err != nil {
		return nil, err
	}
	return p.find(ctx, queries, references, false)
}
