package eicu

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// marker is the file, its name in any case, that says of the tables beside it that they are simulated. simulated-icu writes it.
const marker = "SIMULATED.txt"

const simulatedNote = "the tables are simulated, as " + marker + " beside them says: invented stays in the format of eICU, not evidence about patients"

// simulatedRole is what the marker is among the files: what is said of the rows depends on it.
const simulatedRole = "simulated"

// marked returns the path of the marker, "" where there is none or a table does not lie in its folder: that one might be real.
func (d *Dataset) marked(present []string, tables []plugins.File) string {
	for _, t := range tables {
		in, err := filepath.Rel(d.config.Root, t.Path)
		if err != nil || in == ".." || strings.HasPrefix(in, ".."+string(filepath.Separator)) {
			return ""
		}
	}
	for _, name := range present {
		path := filepath.Join(d.config.Root, name)
		if info, err := os.Stat(path); strings.EqualFold(name, marker) && err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}
