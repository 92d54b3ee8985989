package reference_test

var fairness = map[string]evaluator{}
