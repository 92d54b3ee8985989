package reference_test

var attacks = map[string]evaluator{}
