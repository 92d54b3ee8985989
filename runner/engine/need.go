package engine

import (
	"encoding/json"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// need estimates what a step reserves, from the sizes that finished steps left. known says that the plugin
// estimates its own need.
func (r *run) need(s *plan.Step) (need plugins.Need, known bool) {
	size := plugins.Size{}
	for _, in := range s.Inputs {
		if in.Stage == plan.StagePrepare {
			size = r.size(in)
		}
	}
	switch w := s.Work.(type) {
	case plan.GenerateWork:
		size.N = w.N
	case plan.MeasureWork:
		size.N = s.Inputs[1].Recipe.N
	}
	if info := infoOf(s); info != nil && info.Need != nil {
		n := info.Need(size)
		n.Threads = max(n.Threads, 1)
		return n, true
	}
	const fixed, copies, cell = 16 << 20, 4, 8 // a few copies of the table, eight bytes a value
	return plugins.Need{Threads: 1, Bytes: fixed + int64(size.Rows+size.N)*int64(size.Columns)*cell*copies}, false
}

// infoOf describes the plugin of a step; nil of a step that is built in.
func infoOf(s *plan.Step) *plugins.Info {
	switch w := s.Work.(type) {
	case plan.DatasetWork:
		return w.Info
	case plan.FeaturesWork:
		return w.Info
	case plan.GenerateWork:
		return w.Info
	case plan.JudgeWork:
		return w.Info
	case plan.MeasureWork:
		return w.Info
	}
	return nil
}

// size is the rows and columns of prepared data.
func (r *run) size(prepared *plan.Step) plugins.Size {
	if size, known := r.sizes[prepared]; known {
		return size
	}
	var size plugins.Size
	if b, ok := r.facts(prepared.Key); ok {
		var f Facts
		if json.Unmarshal(b, &f) == nil && f.PartRows != nil {
			for _, n := range f.Rows {
				size.Rows += n
			}
			size.Columns = f.Columns
			r.sizes[prepared] = size
		}
	}
	return size
}

// facts returns what a finished step left in the index of the cache.
func (r *run) facts(k cache.Key) (json.RawMessage, bool) { return r.cache.Facts(k) }
