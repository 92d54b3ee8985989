package cli_test

import (
	"archive/zip"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// inside reads the files of a bundle.
func inside(t *testing.T, path string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		in.Close()
		files[f.Name] = string(b)
	}
	return files
}

// TestABundleOfRestrictedData shows that neither rows nor answers made from them go in unasked, that without them nothing is sent, and
// that with them the version is made again.
func TestABundleOfRestrictedData(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)), llmtest.Key("sk-secret"))
	x := restricted(t, server, "rows", "	approval: local: true\n")
	x.edit(`base_url:`, `key_env: "MODEL_KEY", base_url:`)
	x.env = []string{"MODEL_KEY=sk-secret"}
	x.run(0)
	asked := len(server.Log())
	if asked == 0 {
		t.Fatal("the model was not asked")
	}
	if end := x.exits(0, "bundle", "x.cue", "without.zip"); !strings.Contains(end.out, "left out, as they may be rows made from restricted data") ||
		!strings.Contains(end.out, "MINE_PATH, for datasets.mine.with.path") {
		t.Error(end.out)
	}
	if end := x.exits(0, "bundle", "--restricted-answers", "x.cue", "with.zip"); !strings.Contains(end.out, "without their requests") {
		t.Error(end.out)
	}
	rows := strings.Split(x.file("rows.csv"), "\n")[1:50]
	for _, name := range []string{"without.zip", "with.zip"} {
		files := inside(t, filepath.Join(x.dir, name))
		if _, has := files["answers.recording"]; has != (name == "with.zip") {
			t.Errorf("%s: recording %v", name, has)
		}
		for file, text := range files {
			for _, secret := range append([]string{"rows.csv", "sk-secret", x.dir}, rows...) {
				if secret != "" && strings.Contains(text, secret) {
					t.Errorf("%s: %s holds %q", name, file, secret)
				}
			}
		}
	}

	data := "mine=" + filepath.Join(x.dir, "rows.csv")
	end := x.exits(3, "reproduce", "--into", "without", "--data", data, "without.zip")
	if !strings.Contains(end.out+end.errs, "the recording has no such answer") {
		t.Errorf("it does not say what is missing:\n%s%s", end.out, end.errs)
	}
	end = x.exits(0, "reproduce", "--into", "with", "--data", data, "with.zip")
	if !strings.Contains(end.out, "made again: equal") {
		t.Error(end.out)
	}
	if n := len(server.Log()); n != asked {
		t.Errorf("%d requests were sent by reproductions", n-asked)
	}
}
