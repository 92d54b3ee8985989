// Package all lists the built-in plugins. A new plugin is one line here.
package all

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/audit/llmjudge"
	"github.com/ehrlab/ehrlab/plugins/audit/rules"
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
	"github.com/ehrlab/ehrlab/plugins/metric/audit"
	"github.com/ehrlab/ehrlab/plugins/metric/auditagreement"
	"github.com/ehrlab/ehrlab/plugins/metric/auditcalibration"
	"github.com/ehrlab/ehrlab/plugins/metric/auditfindings"
	"github.com/ehrlab/ehrlab/plugins/metric/characteristics"
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
	"github.com/ehrlab/ehrlab/plugins/metric/ratings"
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
	"github.com/ehrlab/ehrlab/plugins/view/blandaltman"
	"github.com/ehrlab/ehrlab/plugins/view/box"
	"github.com/ehrlab/ehrlab/plugins/view/calibration"
	"github.com/ehrlab/ehrlab/plugins/view/density"
	"github.com/ehrlab/ehrlab/plugins/view/ecdf"
	"github.com/ehrlab/ehrlab/plugins/view/forest"
	"github.com/ehrlab/ehrlab/plugins/view/heatmap"
	"github.com/ehrlab/ehrlab/plugins/view/line"
	"github.com/ehrlab/ehrlab/plugins/view/pr"
	"github.com/ehrlab/ehrlab/plugins/view/ranking"
	"github.com/ehrlab/ehrlab/plugins/view/roc"
	"github.com/ehrlab/ehrlab/plugins/view/scatter"
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
		llmjudge.Register,
		rules.Register,
		adversarialaccuracy.Register,
		alphaprecision.Register,
		anonymity.Register,
		association.Register,
		attribution.Register,
		audit.Register,
		auditagreement.Register,
		auditcalibration.Register,
		auditfindings.Register,
		characteristics.Register,
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
		ratings.Register,
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
		blandaltman.Register,
		box.Register,
		calibration.Register,
		density.Register,
		ecdf.Register,
		forest.Register,
		heatmap.Register,
		line.Register,
		pr.Register,
		ranking.Register,
		roc.Register,
		scatter.Register,
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
		plugins.Preset{
			Name: "tstr", Use: "downstream", With: []byte(`{"train": "synthetic"}`), Minus: "trtr",
			Summary: "trained on synthetic, tested on real: a classifier of the target that has learned from the synthetic rows alone",
		},
		plugins.Preset{
			Name: "trtr", Use: "downstream", With: []byte(`{"train": "real"}`),
			Summary: "trained on real, tested on real: the same classifier, made from the rows that the generator was made from",
		},
	)
}
