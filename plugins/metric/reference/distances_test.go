package reference_test

var distances = map[string]evaluator{}
