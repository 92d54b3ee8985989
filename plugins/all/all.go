// Package all lists the built-in plugins. A new plugin is one line here.
package all

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/dataset/eicu"
	"github.com/ehrlab/ehrlab/plugins/dataset/simulatedicu"
	"github.com/ehrlab/ehrlab/plugins/dataset/table"
	featureall "github.com/ehrlab/ehrlab/plugins/features/all"
	"github.com/ehrlab/ehrlab/plugins/features/group"
	"github.com/ehrlab/ehrlab/plugins/features/importance"
	"github.com/ehrlab/ehrlab/plugins/features/list"
	"github.com/ehrlab/ehrlab/plugins/features/random"
	"github.com/ehrlab/ehrlab/plugins/llm/anthropic"
	"github.com/ehrlab/ehrlab/plugins/llm/bedrock"
	"github.com/ehrlab/ehrlab/plugins/llm/googleai"
	"github.com/ehrlab/ehrlab/plugins/llm/openai"
	"github.com/ehrlab/ehrlab/plugins/llm/simulated"
	"github.com/ehrlab/ehrlab/plugins/metric/correlation"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream"
	"github.com/ehrlab/ehrlab/plugins/metric/kl"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
	"github.com/ehrlab/ehrlab/plugins/strategy/gaussiancopula"
	"github.com/ehrlab/ehrlab/plugins/strategy/holdout"
	"github.com/ehrlab/ehrlab/plugins/strategy/independent"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmconditional"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmgroup"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmnaive"
	"github.com/ehrlab/ehrlab/plugins/strategy/llmschema"
	"github.com/ehrlab/ehrlab/plugins/strategy/resample"
	"github.com/ehrlab/ehrlab/plugins/view/bars"
	"github.com/ehrlab/ehrlab/plugins/view/line"
)

// Registry returns a registry of all built-in plugins.
func Registry() *plugins.Registry {
	r := &plugins.Registry{}
	for _, register := range []func(*plugins.Registry){
		eicu.Register,
		simulatedicu.Register,
		table.Register,
		featureall.Register,
		group.Register,
		importance.Register,
		list.Register,
		random.Register,
		simulated.Register,
		gaussiancopula.Register,
		holdout.Register,
		independent.Register,
		llmconditional.Register,
		llmgroup.Register,
		llmnaive.Register,
		llmschema.Register,
		resample.Register,
		anthropic.Register,
		bedrock.Register,
		googleai.Register,
		openai.Register,
		correlation.Register,
		downstream.Register,
		kl.Register,
		ks.Register,
		tv.Register,
		bars.Register,
		line.Register,
	} {
		register(r)
	}
	return r
}
