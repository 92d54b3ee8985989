package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Settings are the settings of the tool: none of them changes a number. They come from the user's file,
// then ehrlab.yaml in the working folder, then EHRLAB_<SETTING>, then flags.
type Settings struct {
	Results     string // folder of the results
	Cache       string // folder of the cache
	Workers     int    // steps at once; 0: one a processor
	Memory      string // that running steps may reserve, e.g. "8GiB"; "auto": most of the machine's; "0": no limit
	StepTimeout string // of one step, e.g. "30m"; "0": none
	LogLevel    string
	LogFormat   string

	memory  int64
	timeout time.Duration
}

// delimiter of koanf: one that no setting's name holds.
const delimiter = "/"

var defaults = map[string]any{
	"results": "results", "cache": filepath.Join(".ehrlab", "cache"), "workers": "0", "memory": "auto",
	"step-timeout": "1h", "log-level": "warn", "log-format": "text",
}

// settingFlags declares the flags that are settings.
func settingFlags(flags *pflag.FlagSet) {
	flags.String("results", "results", "`folder` of the results")
	flags.String("cache", defaults["cache"].(string), "`folder` of the cache, which may hold rows of your data")
	flags.String("workers", "0", "`number` of steps that run at once; 0: one a processor")
	flags.String("memory", "auto", "`size` that running steps may reserve, e.g. 8GiB; auto: four fifths of the machine's; 0: no limit")
	flags.String("step-timeout", "1h", "`time` that one step may take, e.g. 30m; 0: no limit")
	flags.String("log-level", "warn", "`level` of messages: debug, info, warn or error")
	flags.String("log-format", "text", "`format` of messages: text or json")
}

// load reads all sources of settings.
func (a *app) load(flags *pflag.FlagSet) error {
	k := koanf.New(delimiter)
	if err := k.Load(confmap.Provider(defaults, delimiter), nil); err != nil {
		return err
	}
	files := []string{"ehrlab.yaml"}
	if dir, err := os.UserConfigDir(); err == nil {
		files = []string{filepath.Join(dir, "ehrlab", "ehrlab.yaml"), "ehrlab.yaml"}
	}
	for _, path := range files {
		if err := loadFile(k, path); err != nil {
			return err
		}
	}
	fromEnv := env.Provider(delimiter, env.Opt{Prefix: "EHRLAB_", TransformFunc: func(name, value string) (string, any) {
		name = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "EHRLAB_")), "_", "-")
		if _, known := defaults[name]; !known || value == "" {
			return "", nil // EHRLAB_DATA and its like are free for experiments; an empty variable is an unset one
		}
		return name, value
	}})
	if err := k.Load(fromEnv, nil); err != nil {
		return err
	}
	if err := k.Load(posflag.Provider(flags, delimiter, k), nil); err != nil {
		return err
	}
	return a.settings.read(k)
}

// loadFile adds a settings file; one that does not exist adds nothing. An unknown key is an error.
func loadFile(k *koanf.Koanf, path string) error {
	own := koanf.New(delimiter)
	err := own.Load(file.Provider(path), yaml.Parser())
	var denied *fs.PathError
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && unsearchable(path) {
		return nil
	}
	if errors.As(err, &denied) {
		return fmt.Errorf("settings: %w", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range own.Keys() {
		if _, known := defaults[key]; !known {
			return fmt.Errorf("%s: no setting %q; known settings: %s", path, key, strings.Join(settingNames(), ", "))
		}
	}
	return k.Merge(own)
}

// unsearchable reports whether the folder of a file cannot be looked into: then there is no file for this user.
func unsearchable(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrPermission)
}

func settingNames() []string {
	names := make([]string, 0, len(defaults))
	for n := range defaults {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// read checks the merged settings.
func (s *Settings) read(k *koanf.Koanf) error {
	*s = Settings{
		Results: k.String("results"), Cache: k.String("cache"), Memory: k.String("memory"),
		StepTimeout: k.String("step-timeout"), LogLevel: k.String("log-level"), LogFormat: k.String("log-format"),
	}
	for name, folder := range map[string]string{"results": s.Results, "cache": s.Cache} {
		if folder == "" {
			return fmt.Errorf("%s %q: must be a folder", name, folder)
		}
	}
	var err error
	if s.Workers, err = strconv.Atoi(k.String("workers")); err != nil || s.Workers < 0 {
		return fmt.Errorf("workers %q: must be a whole number ≥ 0", k.String("workers"))
	}
	if s.Workers == 0 {
		s.Workers = runtime.GOMAXPROCS(0)
	}
	if s.memory, err = parseMemory(s.Memory); err != nil {
		return err
	}
	if s.StepTimeout == "0" {
		return nil
	}
	if s.timeout, err = time.ParseDuration(s.StepTimeout); err != nil || s.timeout < 0 {
		return fmt.Errorf("step-timeout %q: must be a duration such as 90s, 30m or 2h", s.StepTimeout)
	}
	return nil
}

// parseMemory reads the memory setting, in bytes; 0 is no limit.
func parseMemory(text string) (int64, error) {
	if text == "auto" {
		return machineMemory() / 5 * 4, nil
	}
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes > math.MaxInt64 {
		return 0, fmt.Errorf("memory %q: must be auto, or a size such as 512MiB or 8GiB", text)
	}
	return int64(bytes), nil
}

// machineMemory is the memory of the machine in bytes, as Linux tells it; 0 where that is not known.
func machineMemory() int64 {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(info)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
