package ratings

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins"
)

// What scores are of, besides single raters: all ratings together, and each record's mean.
const (
	all  = "all"
	mean = "mean"
)

// What shares are of.
const (
	atMost  = "at most"
	atLeast = "at least"
	flagged = "flag"
)

var (
	byRater  = []string{"rater"}
	byOrigin = []string{"origin", "rater"}
	sides    = "; rater is one of them, all (every rating) or mean (each record's mean)"
)

var scores = []plugins.ScoreInfo{
	{Name: "rating_mean", Summary: "mean rating of the records of an origin" + sides, Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: byOrigin},
	{Name: "rating_sd", Summary: "SD (divisor n-1) of these ratings", Min: 0, Max: math.Inf(1), Better: plugins.Neutral, Dims: byOrigin},
	{Name: "mean_difference", Summary: "mean rating of the first origin less that of the second; Welch's interval, or bootstrap over records for all ratings", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: byRater},
	{Name: "cohens_d", Summary: "mean_difference in pooled SDs", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: byRater},
	{Name: "hedges_g", Summary: "cohens_d, corrected for small samples", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: byRater},
	{Name: "mann_whitney_auc", Summary: "probability that a rating of the first origin is greater than one of the second, ties counting half", Min: 0, Max: 1, Better: plugins.Neutral, Ideal: new(0.5), Dims: byRater},
	{Name: "mann_whitney_u", Summary: "pairs of ratings for which that is so", Min: 0, Max: math.Inf(1), Better: plugins.Neutral, Dims: byRater, NoInterval: plugins.OfATest},
	{Name: "mann_whitney_p", Summary: "two-sided p-value that ratings of both origins are equally great: normal approximation, corrected for ties and continuity", Min: 0, Max: 1, Better: plugins.Neutral, Dims: byRater, NoInterval: plugins.OfATest},
	{Name: "share", Summary: "share of ratings of an origin at most, or at least, the threshold, or with a flag", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"origin", "rater", "of"}},
	{Name: "share_difference", Summary: "share of the first origin less that of the second", Min: -1, Max: 1, Better: plugins.Neutral, Ideal: new(0.0), Dims: []string{"rater", "of"}},
	{Name: "share_p", Summary: "two-sided p-value of Fisher's exact test that the shares are equal", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"rater", "of"}, NoInterval: plugins.OfATest},
	{Name: "cohen_kappa", Summary: "agreement of two raters beyond chance; weights by the distance of ratings: unweighted, linear, quadratic", Min: -1, Max: 1, Better: plugins.Higher, Dims: []string{"raters", "weights"}},
	{Name: "raw_agreement", Summary: "share of records that two raters, or all of them, rate alike", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"raters"}},
	{Name: "fleiss_kappa", Summary: "agreement of all raters beyond chance, on the records that all of them rate", Min: -1, Max: 1, Better: plugins.Higher},
	{Name: "randolph_kappa", Summary: "the same with chance alike for all categories in use", Min: -1, Max: 1, Better: plugins.Higher},
	{Name: "krippendorff_alpha", Summary: "agreement beyond chance on records of two ratings or more; scale nominal, ordinal, interval", Min: math.Inf(-1), Max: 1, Better: plugins.Higher, Dims: []string{"scale"}},
	{Name: "icc", Summary: "ICC(2,1): share of the variance of ratings that is between records, raters taken as drawn at random, for absolute agreement", Min: math.Inf(-1), Max: 1, Better: plugins.Higher},
	{Name: "intra_rater_kappa", Summary: "agreement of a rater's first and second rating of a record beyond chance", Min: -1, Max: 1, Better: plugins.Higher, Dims: []string{"rater", "weights"}},
	{Name: "intra_rater_agreement", Summary: "share of the records rated twice that a rater rates alike", Min: 0, Max: 1, Better: plugins.Higher, Dims: byRater},
	{Name: "blinding_index", Summary: "Bang's index of an origin: share of right less share of wrong guesses; 0 is chance", Min: -1, Max: 1, Better: plugins.Neutral, Ideal: new(0.0), Dims: byOrigin},
	{Name: "paired_difference", Summary: "mean rating of the record of the first origin less that of the second, over pairs; rater is one of them, or mean (each record's mean)", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: byRater},
	{Name: "paired_d", Summary: "paired_difference in SDs of the differences: Cohen's d_z", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: byRater},
	{Name: "wilcoxon_p", Summary: "two-sided p-value of the signed-rank test that the differences of pairs lie around 0", Min: 0, Max: 1, Better: plugins.Neutral, Dims: byRater, NoInterval: plugins.OfATest},
	{Name: "judge_correlation", Summary: "Spearman's correlation of ratings with the scores of the judge; rater is one of them, or mean (each record's mean)", Min: -1, Max: 1, Better: plugins.Higher, Dims: byRater},
	{Name: "judge_difference", Summary: "mean of the ratings less the scores that the judge gave the same records", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: byRater},
	{Name: "judge_kappa", Summary: "agreement of a rater with the judge beyond chance", Min: -1, Max: 1, Better: plugins.Higher, Dims: []string{"rater", "weights"}},
	{Name: "judge_cohens_d", Summary: "cohens_d of the scores that the judge gave the rated records", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0)},
	{Name: "cohens_d_change", Summary: "cohens_d less that of the earlier round; rater is one of both rounds, all or mean", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: byRater},
	{Name: "share_change", Summary: "share of ratings of an origin at most the threshold, less that of the earlier round", Min: -1, Max: 1, Better: plugins.Neutral, Dims: byOrigin},
	{Name: "confidence", Summary: "mean confidence of guesses that are right, and of those that are wrong", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: []string{"rater", "guess"}},
}
