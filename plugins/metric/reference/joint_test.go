package reference_test

var joint = map[string]evaluator{}
