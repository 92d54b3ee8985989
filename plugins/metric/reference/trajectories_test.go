package reference_test

var trajectories = map[string]evaluator{}
