package reference_test

var utility = map[string]evaluator{}
