package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/ehrlab/ehrlab/plugins"
)

// secret is a key that is read once, when it is first needed, and kept in memory alone.
type secret struct {
	source plugins.Secret
	read   func(plugins.Secret) (string, error)
	once   sync.Once
	done   chan struct{}
	value  string
	err    error
}

func newSecret(source plugins.Secret, read func(plugins.Secret) (string, error)) *secret {
	return &secret{source: source, read: read, done: make(chan struct{})}
}

// get returns the key, or "" where none is needed. It waits for a command no longer than the context.
func (s *secret) get(ctx context.Context) (string, error) {
	if s.source == (plugins.Secret{}) {
		return "", nil
	}
	s.once.Do(func() {
		go func() {
			defer close(s.done)
			s.value, s.err = s.read(s.source)
			s.value = strings.TrimSpace(s.value)
			if s.err == nil {
				s.err = s.check()
			}
		}()
	})
	select {
	case <-s.done:
		return s.value, s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (s *secret) check() error {
	switch {
	case s.value == "":
		return fmt.Errorf("%s gives an empty key", s)
	case strings.ContainsFunc(s.value, unicode.IsControl):
		return fmt.Errorf("%s gives more than one line", s)
	}
	return nil
}

// String names where the key comes from.
func (s *secret) String() string {
	switch {
	case s.source.Env != "" && s.source.Command != "":
		return fmt.Sprintf("environment variable %s or key_command", s.source.Env)
	case s.source.Env != "":
		return "environment variable " + s.source.Env
	case s.source.Command != "":
		return "key_command"
	}
	return "no source (key_env and key_command are not set)"
}

// known returns the key when it has been read, for taking it out of texts.
func (s *secret) known() string {
	select {
	case <-s.done:
		return s.value
	default:
		return ""
	}
}

// commandTimeout is long enough for a password manager that asks a person.
const commandTimeout = time.Minute

// readSecret reads a key from the environment, else from the output of a command. What the command prints stays out of errors.
func readSecret(s plugins.Secret) (string, error) {
	if key := os.Getenv(s.Env); s.Env != "" && key != "" {
		return key, nil
	}
	if s.Command == "" {
		return "", fmt.Errorf("environment variable %s, which should hold the key, is not set", s.Env)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", s.Command)
	cmd.WaitDelay = time.Second // a child of the shell may keep the pipe open
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", fmt.Errorf("key_command took more than %s", commandTimeout)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("key_command ends with %s", exit.ProcessState)
	}
	if err != nil {
		return "", fmt.Errorf("key_command: %w", err)
	}
	return string(out), nil
}
