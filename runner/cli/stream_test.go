package cli

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// full takes a few bytes and then fails.
type full struct {
	room int
	err  error
}

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, f.err
	}
	return len(b), nil
}

// What cannot be printed ends the command with exit code 1 and a message; a reader that has gone away ends nothing.
func TestStandardOutputThatFails(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}, exitBug, "standard output: no space left on device\n"},
		{&os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, exitOK, ""},
	} {
		for _, args := range []string{"version", "version --json", "schema", "help", "help run", "completion bash", "plugins", "cache ls"} {
			for _, room := range []int{0, 5} {
				var errs bytes.Buffer
				code := Main(strings.Fields(args), strings.NewReader(""), &full{room, c.err}, &errs, &plugins.Registry{})
				want, text := c.code, c.want
				if args == "plugins" { // the registry is empty: there is nothing to print
					want, text = exitOK, ""
				}
				if code != want || errs.String() != text {
					t.Errorf("%s, %v: exit %d, %q", args, c.err, code, errs.String())
				}
			}
		}
	}
}

// A panic is a bug: exit code 1, a line that asks to report it, and the stack only for those who ask for it.
func TestAPanicIsABug(t *testing.T) {
	t.Chdir(t.TempDir())
	run := func(args ...string) (string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := Main(args, nil, &out, &errs, nil); code != exitBug { // without a registry nothing can be listed
			t.Errorf("%s: exit %d", args, code)
		}
		return out.String(), errs.String()
	}
	const want = "a bug in ehrlab: runtime error: invalid memory address or nil pointer dereference; please report it"
	if out, errs := run("plugins"); out != "" || errs != want+"\n" {
		t.Errorf("printed %q and %q", out, errs)
	}
	if out, errs := run("plugins", "--json"); out != `{"error":"`+want+"\"}\n" || errs != "" {
		t.Errorf("printed %q and %q", out, errs)
	}
	if _, errs := run("plugins", "--log-level", "debug"); !strings.HasPrefix(errs, want+"\n") || !strings.Contains(errs, "pluginList") {
		t.Errorf("no stack in %q", errs)
	}
}

// A plugin that panics when an experiment is checked is named, and is no mistake of the user.
func TestAPluginThatPanicsIsABug(t *testing.T) {
	t.Chdir(t.TempDir())
	r := &plugins.Registry{}
	plugins.Add(&r.Datasets, plugins.Info{Name: "broken", Version: 1, Summary: "a fake"}, struct{}{}, func(struct{}) (plugins.Dataset, error) {
		panic(errors.New("no settings"))
	})
	if err := os.WriteFile("x.cue", []byte("datasets: d: use: \"broken\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := Main([]string{"vet", "x.cue"}, nil, &out, &errs, r)
	if want := "a bug in the plugin \"broken\": no settings\n    ./x.cue:1:19\nthis is a bug in ehrlab; please report it\n"; code != exitBug || !strings.Contains(errs.String(), want) {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}
