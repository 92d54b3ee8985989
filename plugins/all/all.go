// Package all lists the built-in plugins. A new plugin is one line here.
package all

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/dataset/eicu"
	"github.com/ehrlab/ehrlab/plugins/dataset/events"
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
	"github.com/ehrlab/ehrlab/plugins/metric/adversarialaccuracy"
	"github.com/ehrlab/ehrlab/plugins/metric/alphaprecision"
	"github.com/ehrlab/ehrlab/plugins/metric/anonymity"
	"github.com/ehrlab/ehrlab/plugins/metric/association"
	"github.com/ehrlab/ehrlab/plugins/metric/attribution"
	"github.com/ehrlab/ehrlab/plugins/metric/clinicalranges"
	"github.com/ehrlab/ehrlab/plugins/metric/codeprobability"
	"github.com/ehrlab/ehrlab/plugins/metric/contingency"
	"github.com/ehrlab/ehrlab/plugins/metric/copies"
	"github.com/ehrlab/ehrlab/plugins/metric/correlation"
	"github.com/ehrlab/ehrlab/plugins/metric/coverage"
	"github.com/ehrlab/ehrlab/plugins/metric/detection"
	"github.com/ehrlab/ehrlab/plugins/metric/dimensionwise"
	"github.com/ehrlab/ehrlab/plugins/metric/disparity"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness"
	"github.com/ehrlab/ehrlab/plugins/metric/hellinger"
	"github.com/ehrlab/ehrlab/plugins/metric/homogeneity"
	"github.com/ehrlab/ehrlab/plugins/metric/identifiability"
	"github.com/ehrlab/ehrlab/plugins/metric/importanceagreement"
	"github.com/ehrlab/ehrlab/plugins/metric/inference"
	"github.com/ehrlab/ehrlab/plugins/metric/jensenshannon"
	"github.com/ehrlab/ehrlab/plugins/metric/kl"
	"github.com/ehrlab/ehrlab/plugins/metric/ks"
	"github.com/ehrlab/ehrlab/plugins/metric/linkability"
	"github.com/ehrlab/ehrlab/plugins/metric/membership"
	"github.com/ehrlab/ehrlab/plugins/metric/memorisation"
	"github.com/ehrlab/ehrlab/plugins/metric/missingness"
	"github.com/ehrlab/ehrlab/plugins/metric/mmd"
	"github.com/ehrlab/ehrlab/plugins/metric/moments"
	"github.com/ehrlab/ehrlab/plugins/metric/mutualinformation"
	"github.com/ehrlab/ehrlab/plugins/metric/nearest"
	"github.com/ehrlab/ehrlab/plugins/metric/pmse"
	"github.com/ehrlab/ehrlab/plugins/metric/prdc"
	"github.com/ehrlab/ehrlab/plugins/metric/qualityreport"
	"github.com/ehrlab/ehrlab/plugins/metric/recordshape"
	"github.com/ehrlab/ehrlab/plugins/metric/singlingout"
	"github.com/ehrlab/ehrlab/plugins/metric/sites"
	"github.com/ehrlab/ehrlab/plugins/metric/structure"
	"github.com/ehrlab/ehrlab/plugins/metric/subgroupfidelity"
	"github.com/ehrlab/ehrlab/plugins/metric/trajectoryprivacy"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
	"github.com/ehrlab/ehrlab/plugins/metric/wasserstein"
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
		events.Register,
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
		adversarialaccuracy.Register,
		alphaprecision.Register,
		anonymity.Register,
		association.Register,
		attribution.Register,
		clinicalranges.Register,
		codeprobability.Register,
		contingency.Register,
		copies.Register,
		correlation.Register,
		coverage.Register,
		detection.Register,
		dimensionwise.Register,
		disparity.Register,
		downstream.Register,
		fairness.Register,
		hellinger.Register,
		homogeneity.Register,
		identifiability.Register,
		importanceagreement.Register,
		inference.Register,
		jensenshannon.Register,
		kl.Register,
		ks.Register,
		linkability.Register,
		membership.Register,
		memorisation.Register,
		missingness.Register,
		mmd.Register,
		moments.Register,
		mutualinformation.Register,
		nearest.Register,
		pmse.Register,
		prdc.Register,
		qualityreport.Register,
		recordshape.Register,
		singlingout.Register,
		sites.Register,
		structure.Register,
		subgroupfidelity.Register,
		trajectoryprivacy.Register,
		tv.Register,
		variants.Register,
		wasserstein.Register,
		bars.Register,
		line.Register,
	} {
		register(r)
	}
	r.Core = core()
	return r
}

// core lists the metrics of an experiment, or of a pair of files, that names none.
func core() []plugins.Preset {
	same := func(names ...string) (presets []plugins.Preset) {
		for _, name := range names {
			presets = append(presets, plugins.Preset{Name: name, Use: name})
		}
		return presets
	}
	return append(same("ks", "tv", "wasserstein", "missingness", "correlation", "contingency", "detection", "copies", "nearest"),
		plugins.Preset{Name: "membership", Use: "membership", With: []byte(`{"attacks": ["distance"]}`)}, // the strongest of them, and the fastest
		plugins.Preset{Name: "tstr", Use: "downstream", With: []byte(`{"train": "synthetic"}`)},
		plugins.Preset{Name: "trtr", Use: "downstream", With: []byte(`{"train": "real"}`)},
	)
}
