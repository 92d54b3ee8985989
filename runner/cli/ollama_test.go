package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// TestRealModelServer runs the four prompting strategies over HTTP against a server that holds answers to a schema. The
// weights are random: what is checked is the way there and back, not what the rows say.
func TestRealModelServer(t *testing.T) {
	server := os.Getenv("EHRLAB_OLLAMA")
	if server == "" {
		t.Skip("no model server in EHRLAB_OLLAMA; make ollama builds and starts one")
	}
	createModel(t, server, "tiny")
	dir, env := workplace(t)
	if err := os.WriteFile(filepath.Join(dir, "tiny.cue"), fmt.Appendf(nil, ollamaExperiment, server), 0o600); err != nil {
		t.Fatal(err)
	}
	out := try(t, dir, env, "ehrlab run tiny.cue")
	for _, strategy := range []string{"naive", "schema", "conditional", "group"} {
		if !strings.Contains(out, strategy) {
			t.Errorf("the tables do not show the strategy %s:\n%s", strategy, out)
		}
	}
	t.Log(out)
	usage := try(t, dir, env, "ehrlab llm usage tiny.cue")
	if !strings.Contains(usage, "tiny") {
		t.Errorf("llm usage does not show the model:\n%s", usage)
	}
	t.Log(usage)
	if again := try(t, dir, env, "ehrlab run tiny.cue"); !strings.Contains(again, "nothing to do") {
		t.Errorf("a second run does work:\n%s", again)
	}
	// what was paid for serves another cache: nothing is asked again
	try(t, dir, env, "ehrlab llm record tiny.cue tiny.recording")
	replayed := try(t, dir, append(env, "EHRLAB_CACHE="+filepath.Join(dir, "other"), "EHRLAB_RESULTS="+filepath.Join(dir, "replayed")),
		"ehrlab run --replay tiny.recording tiny.cue")
	sameScores(t, filepath.Join(dir, "results", "tiny", "v1"), filepath.Join(dir, "replayed", "tiny", "v1"))
	t.Log(replayed)
}

// ollamaExperiment is filled with the address of the server.
const ollamaExperiment = `
name: "tiny"
datasets: icu: {
	use: "simulated-icu"
	with: {rows: 800, hospitals: 4}
	split: {train: 0.5, validation: 0.1, test: 0.2, reference: 0.2, by: "subject", stratify: "death", seed: 7}
}
features: few: {use: "list", with: columns: ["age", "heartrate_last", "sodium_last_early"]}
llms: tiny: {use: "openai", with: {
	model: "tiny", base_url: "%s/v1", family: "llama", max_tokens: 1500
	limits: {concurrency: 2, timeout: "60s"}
}}
let common = {llm: "tiny", rows: *3 | int, rounds: 12, temperature: 1, format: "json", outOfRange: "keep"}
strategies: {
	naive: {use: "llm-naive", with: {common, examples: 3, limits: "train"}} // random weights need to be told the types
	schema: {use: "llm-schema", with: {common, examples: 0, label: mode: "conditioned"}}
	conditional: {use: "llm-conditional", with: {common, rows: 2, examples: 3, block: 2, label: mode: "conditioned"}}
	group: {use: "llm-group", with: {common, examples: 0, by: ["is_female"], label: mode: "conditioned"}}
}
metrics: ks: use: "ks"
matrix: [{strategy: ["naive", "schema", "conditional", "group"], features: ["few"], n: [6], seed: [1]}]
tables: fidelity: {rows: ["strategy"], columns: [{score: "ks.mean"}, {score: "generation.delivered"}, {score: "generation.calls"}]}
`

// createModel puts a tiny model on the server.
func createModel(t *testing.T, server, name string) {
	t.Helper()
	for wait := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		answer, err := http.Get(server + "/api/version")
		if err == nil {
			answer.Body.Close()
			break
		}
		if time.Since(wait) > 30*time.Second {
			t.Fatalf("the server does not answer: %v", err)
		}
	}
	weights := llmtest.TinyModel(1)
	sum := sha256.Sum256(weights)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	post(t, server+"/api/blobs/"+digest, weights)
	post(t, server+"/api/create", fmt.Appendf(nil, `{"model": %q, "files": {"tiny.gguf": %q}, "stream": false}`, name, digest))
}

func post(t *testing.T, url string, body []byte) {
	t.Helper()
	answer, err := http.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s: %s %s %v", url, answer.Status, text, err)
	}
}

// sameScores holds two versions to the same numbers, byte for byte.
func sameScores(t *testing.T, a, b string) {
	t.Helper()
	for _, name := range []string{"scores.csv", "counts.csv", "cells.csv"} {
		one, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(b, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, other) {
			t.Errorf("%s differs", name)
		}
	}
}
