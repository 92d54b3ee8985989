package cli_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ehrlab/ehrlab/plugins/all"
	"github.com/ehrlab/ehrlab/runner/cli"
)

func TestMain(m *testing.M) {
	if os.Getenv("EHRLAB_TEST_COMMAND") != "" { // this process is the command
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, all.Registry()))
	}
	testscript.Main(m, map[string]func(){
		"ehrlab": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, all.Registry())) },
	})
}

// TestScripts runs the command as a user would. UPDATE=1 rewrites what the scripts compare with.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                commands,
		Condition:           condition,
		Setup:               func(e *testscript.Env) error { return setup(e.WorkDir, func(k, v string) { e.Setenv(k, v) }) },
	})
}

// condition says whether a script's condition holds: "opendata", the open clinical data are at hand; "race", the race detector is on,
// for scripts that make nothing run side by side that others do not.
func condition(name string) (bool, error) {
	switch name {
	case "opendata":
		root, err := filepath.Abs(filepath.Join("..", ".."))
		return openData(root) != "", err
	case "race":
		return underRace && testing.Short(), nil
	}
	return false, fmt.Errorf("no condition %q; there are opendata and race", name)
}

// setup gives a script the experiments of the repository, and the open data where they are.
func setup(work string, set func(key, value string)) error {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	set("HOME", work)
	set("XDG_CONFIG_HOME", filepath.Join(work, "config"))
	set("EHRLAB_DATA", openData(root))
	return os.CopyFS(filepath.Join(work, "experiments"), os.DirFS(filepath.Join(root, "experiments")))
}

// environment is that of a process that is the command, without the settings of whoever runs the tests.
func environment(more ...string) []string {
	clean := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "EHRLAB_") })
	return append(append(clean, "EHRLAB_TEST_COMMAND=1"), more...)
}

// openData is the folder of open clinical data beside the checkout, or "".
func openData(root string) string {
	dir := os.Getenv("EHRLAB_DATA")
	if dir == "" {
		dir = filepath.Join(root, "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "eicu-demo")); err != nil {
		return ""
	}
	return dir
}

// commands are what the scripts need besides testscript's own.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"exits":       exits,
	"answers":     answers,
	"interrupted": interrupted,
	"bad":         bad,
	"demofigures": demoFigures,
	"gz": func(ts *testscript.TestScript, _ bool, args []string) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(ts.ReadFile(args[0])))
		ts.Check(errors.Join(err, w.Close()))
		write(ts, args[1], b.Bytes())
	},
	// archive makes a .tar.gz of files: archive OUT NAME=FILE...
	"archive": func(ts *testscript.TestScript, _ bool, args []string) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		out := tar.NewWriter(w)
		for _, arg := range args[1:] {
			name, from, _ := strings.Cut(arg, "=")
			text := ts.ReadFile(from)
			ts.Check(out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))}))
			_, err := out.Write([]byte(text))
			ts.Check(err)
		}
		ts.Check(errors.Join(out.Close(), w.Close()))
		write(ts, args[0], b.Bytes())
	},
	"cut": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		write(ts, args[1], []byte(ts.ReadFile(args[0]))[:n])
	},
	"latin1": func(ts *testscript.TestScript, _ bool, args []string) {
		write(ts, args[1], []byte(strings.Replace(ts.ReadFile(args[0]), "y", "\xfc", 1)))
	},
	// late repeats the rows until no sample holds them all, and ends with a text among numbers.
	"late": func(ts *testscript.TestScript, _ bool, args []string) {
		head, rows, _ := strings.Cut(ts.ReadFile(args[0]), "\n")
		text := head + "\n" + strings.Repeat(rows, 250) + "text,1,0\n"
		write(ts, args[1], []byte(text))
	},
	"edit": func(ts *testscript.TestScript, _ bool, args []string) {
		text := ts.ReadFile(args[0])
		if !strings.Contains(text, args[1]) {
			ts.Fatalf("%s has no %q", args[0], args[1])
		}
		write(ts, args[0], []byte(strings.ReplaceAll(text, args[1], args[2])))
	},
}

func write(ts *testscript.TestScript, name string, data []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), data, 0o666))
}

// exits runs a command and expects an exit code; stdout and stderr then look at what it printed.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// bad runs bad.cue on a data file and expects an exit code and a message that names what is wrong. Nothing
// may panic, and nothing is recorded.
func bad(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.Replace(ts.ReadFile("bad.cue"), "DATA", args[0], 1)
	write(ts, "bad-now.cue", []byte(text))
	ts.Check(os.RemoveAll(ts.MkAbs("results")))
	cmd := exec.Command(os.Args[0], "run", "bad-now.cue")
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environment("HOME=" + ts.MkAbs("."))
	out, _ := cmd.CombinedOutput()
	ts.Logf("%s: exit %d\n%s", args[0], cmd.ProcessState.ExitCode(), out)
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s: exit %s, want %s", args[0], got, args[1])
	}
	if !regexp.MustCompile(args[2]).Match(out) {
		ts.Fatalf("%s: the message does not match %s", args[0], args[2])
	}
	if bytes.Contains(out, []byte("panic")) || bytes.Contains(out, []byte("goroutine")) {
		ts.Fatalf("%s: panic", args[0])
	}
	if versions, err := filepath.Glob(ts.MkAbs("results/bad/v*")); err != nil || versions != nil {
		ts.Fatalf("%s: a version was recorded: %v, %v", args[0], versions, err)
	}
}

// interrupted sends an interrupt to a run once its first step is done: it ends with an end event, and 130.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(os.Args[0], "run", "--json", args[0])
	cmd.Dir, cmd.Env = ts.MkAbs("."), environment("HOME="+ts.MkAbs("."))
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	last, sent := "", false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last = lines.Text(); !sent && strings.Contains(last, `"event":"done"`) {
			sent = true // a second signal would end the process at once
			ts.Check(cmd.Process.Signal(os.Interrupt))
		}
	}
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 || !strings.Contains(last, `"event":"end"`) || !strings.Contains(last, `"interrupted":true`) {
		ts.Fatalf("exit %d, last line %s", cmd.ProcessState.ExitCode(), last)
	}
}
