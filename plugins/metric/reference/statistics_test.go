package reference_test

var statistics = map[string]evaluator{}
