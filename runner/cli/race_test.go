//go:build race

package cli_test

// underRace says that the race detector is on, which makes everything about eight times slower.
const underRace = true
