package bundle

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Place is where a text names an absolute path.
type Place struct {
	Line int // from 1
	Path string
}

// Paths finds the absolute paths of one machine in a text, such as in a comment: those in the home folder, those below the folders that
// people keep data in on some system, and those whose first two folders are on this machine. What all machines have, such as
// /usr/bin, is none of them; nor are a slash in prose, a unit, or an address on the web.
func Paths(text string) []Place {
	home, err := os.UserHomeDir()
	if err != nil || len(home) < len("/a/b") { // a short one stands for anything
		home = ""
	}
	return paths(text, home, func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	})
}

func paths(text, home string, exists func(string) bool) []Place {
	var out []Place
	n := 0
	for line := range strings.Lines(text) {
		n++
		if found := pathIn(strings.TrimRight(line, "\r\n"), home, exists); found != "" {
			out = append(out, Place{n, found})
		}
	}
	return out
}

var (
	// a path begins a word, after the marks of a comment; what is before it in a web address is part of its word
	unixPath = regexp.MustCompile(`(?:^\s*//|^|file://|[\s"'` + "`" + `(<\[{=,;|:])(/[^\s"'` + "`" + `<>|()\[\]{},;:*?\\/]+(?:/[^\s"'` + "`" + `<>|()\[\]{},;:*?\\/]+)+)`)
	// a drive, or a server, with a folder below it; backslashes are doubled in texts
	windowsPath = regexp.MustCompile(`(?:^|[^A-Za-z0-9_])([A-Za-z]:(?:\\{1,2}|/)[^\s"'\\/:*?<>|]{2,}(?:\\{1,2}|/)[^\s"':*?<>|]*|[A-Z]:(?:\\{1,2}|/)[\w-]+\.\w+|\\{2,4}[\w.-]{2,}\\{1,2}[^\s"'\\/:*?<>|]{2,}[^\s"':*?<>|]*)`)
)

// people keep data and homes below these; the others have the same files everywhere.
var (
	private  = []string{"home", "Users", "root", "data", "mnt", "media", "srv", "scratch", "Volumes", "gpfs", "lustre", "nfs", "tmp", "workspace", "workspaces"}
	ordinary = []string{"usr", "bin", "sbin", "lib", "lib64", "etc", "dev", "proc", "sys", "boot", "run"}
)

// pathIn is the first absolute path of a line; "" when there is none.
func pathIn(line, home string, exists func(string) bool) string {
	for _, m := range unixPath.FindAllStringSubmatch(line, -1) {
		found := strings.TrimRight(m[1], ".!")
		parts := strings.Split(found, "/")
		if len(parts) < 3 || parts[2] == "" {
			continue
		}
		top := parts[1]
		if slices.Contains(private, top) || !slices.Contains(ordinary, top) && exists(path.Join("/", top, parts[2])) {
			return found
		}
	}
	if m := windowsPath.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	if home != "" {
		if _, after, found := strings.Cut(line, home); found && (after == "" || !isWord(after[0])) {
			return home
		}
	}
	return ""
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
