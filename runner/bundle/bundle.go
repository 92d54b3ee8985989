// Package bundle packs what is needed to make a version again into one archive, and unpacks such an archive without trusting it.
//
// A bundle is a ZIP file:
//
//	bundle.json        what is in it, with the hash of every other file
//	experiment/…       the experiment as it was written, paths of the machine replaced by variables
//	version/…          the core, tables and plots of the version
//	answers.recording  the answers of language models
//
// Equal contents give equal bytes.
package bundle

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// The names in a bundle.
const (
	IndexFile        = "bundle.json"
	ExperimentFolder = "experiment"
	VersionFolder    = "version"
	RecordingFile    = "answers.recording"
)

// format is the format of bundles.
const format = 1

// Bounds on what a bundle may make its reader do, whoever wrote it.
const (
	maxFiles = 20_000
	maxFile  = 2 << 30 // bytes of one file, decompressed
	maxTotal = 8 << 30 // bytes of all files, decompressed
	maxIndex = 16 << 20
	maxRatio = 2_000 // of decompressed to compressed bytes of a file: deflate reaches 1,032
)

// Index says what is in a bundle: what a version is of, and what has to be the same to make it again.
type Index struct {
	Format       int               `json:"format"`
	Experiment   string            `json:"experiment"`
	Version      int               `json:"version"`
	Entry        string            `json:"entry"` // of the experiment: its file, or its folder
	ResolvedHash string            `json:"resolved_hash"`
	Variables    []spec.Variable   `json:"variables"` // that stand for paths of data
	Lock         Lock              `json:"lock"`
	Recording    string            `json:"recording"` // what of the answers of language models is in it, in words
	Files        []record.FileInfo `json:"files"`     // all but bundle.json; Role is the name in the bundle
}

// Lock is what went into the version.
type Lock struct {
	Data        []LockedData         `json:"data"`
	MetricFiles []record.MetricFiles `json:"metric_files,omitempty"`
	Plugins     []record.PluginInfo  `json:"plugins"`
	Models      []LockedModel        `json:"models,omitempty"`
	Numeric     string               `json:"numeric"`
	Tool        record.Tool          `json:"tool"`
}

// LockedData is a data set by its content.
type LockedData struct {
	Name       string            `json:"name"`
	Plugin     string            `json:"plugin"`
	Governance string            `json:"governance"`
	Files      []record.FileInfo `json:"files,omitempty"`
}

// LockedModel is a language model that was asked.
type LockedModel struct {
	Name   string   `json:"name"`
	API    string   `json:"api"`
	Model  string   `json:"model"`
	Served []string `json:"served"`
}

// LockOf is the lock of a version.
func LockOf(m *record.Manifest) Lock {
	l := Lock{Data: []LockedData{}, MetricFiles: m.MetricFiles, Plugins: m.Plugins, Numeric: m.Numeric, Tool: m.Tool}
	for i := range m.Data {
		d := &m.Data[i]
		l.Data = append(l.Data, LockedData{Name: d.Name, Plugin: d.Plugin, Governance: string(d.Governance), Files: d.Files})
	}
	for i := range m.LLMs {
		x := &m.LLMs[i]
		l.Models = append(l.Models, LockedModel{Name: x.Name, API: x.API, Model: x.Model, Served: x.Served})
	}
	return l
}

// File is a file to be packed: its name in the bundle, and where it is or what it holds.
type File struct {
	Name string
	Path string // empty: Data
	Data []byte
}

// Write packs files. Names, sizes and hashes of the index are filled in; at is the time that the archive gives for all files.
func Write(w io.Writer, ix Index, files []File, at time.Time) error {
	ix.Format = format
	ix.Files = nil
	if ix.Variables == nil {
		ix.Variables = []spec.Variable{}
	}
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	for i := range files {
		if err := checkName(files[i].Name); err != nil {
			return err
		}
		if files[i].Path != "" {
			raw, err := os.ReadFile(files[i].Path)
			if err != nil {
				return err
			}
			files[i].Data = raw
		}
		sum := sha256.Sum256(files[i].Data)
		ix.Files = append(ix.Files, record.FileInfo{Role: files[i].Name, Bytes: int64(len(files[i].Data)), SHA256: hex.EncodeToString(sum[:])})
	}
	var index bytes.Buffer
	e := json.NewEncoder(&index)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(ix); err != nil {
		return err
	}
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, f := range append([]File{{Name: IndexFile, Data: index.Bytes()}}, files...) {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: at.UTC().Truncate(2 * time.Second)}
		h.SetMode(0o644)
		out, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := out.Write(f.Data); err != nil {
			return err
		}
	}
	return z.Close()
}

// checkName returns an error unless a name can be that of a file below any folder, on any system.
func checkName(name string) error {
	wrong := func(why string) error { return fmt.Errorf("file name %q: %s", name, why) }
	if len(name) > 400 || !fs.ValidPath(name) || name == "." {
		return wrong("it is no path below a folder")
	}
	if strings.ContainsAny(name, "\\:*?\"<>|") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return wrong("it holds a character that not every system allows")
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return wrong("a part of it ends with a dot or a space")
		}
		stem, _, _ := strings.Cut(strings.ToUpper(part), ".")
		if slices.Contains(devices, stem) {
			return wrong("a part of it is a device on some systems")
		}
	}
	return nil
}

// devices are names that Windows keeps for itself.
var devices = []string{
	"CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
	"LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
}

// Unpack unpacks a bundle into a folder, which must not exist or be empty, and checks every file against its hash. Where something is
// wrong, it returns an error that says what, and leaves nothing of the bundle behind.
func Unpack(bundle, folder string) (*Index, error) {
	r, err := zip.OpenReader(bundle)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bundle, damage(err))
	}
	defer r.Close()
	if left, err := os.ReadDir(folder); err == nil && len(left) > 0 {
		return nil, fmt.Errorf("folder %s is not empty: remove it, or name another one with --into", folder)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	u := &unpacker{folder: folder, files: map[string]*zip.File{}}
	ix, err := u.check(r.File)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bundle, err)
	}
	if err := u.extract(ix); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", bundle, err), Discard(folder))
	}
	return ix, nil
}

// Discard removes what was unpacked into a folder, and the folder where nothing else is in it.
func Discard(folder string) error {
	var failed error
	for _, name := range []string{IndexFile, ExperimentFolder, VersionFolder, RecordingFile} {
		failed = errors.Join(failed, os.RemoveAll(filepath.Join(folder, name)))
	}
	if left, err := os.ReadDir(folder); failed == nil && err == nil && len(left) == 0 {
		failed = os.Remove(folder)
	}
	return failed
}

// damage says in words what is wrong with an archive.
func damage(err error) error {
	switch {
	case errors.Is(err, zip.ErrFormat), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("it is cut off, or no bundle of ehrlab")
	case errors.Is(err, zip.ErrChecksum), errors.As(err, new(flate.CorruptInputError)):
		return errors.New("it is damaged")
	case errors.Is(err, zip.ErrInsecurePath):
		return errors.New("it holds a file name that leads out of its folder")
	}
	return err
}

type unpacker struct {
	folder string
	files  map[string]*zip.File
}

// check looks at names and sizes, and reads the index. Nothing is written yet.
func (u *unpacker) check(list []*zip.File) (*Index, error) {
	if len(list) > maxFiles {
		return nil, fmt.Errorf("it holds %d files; a bundle has at most %d", len(list), maxFiles)
	}
	total := uint64(0)
	folded := map[string]string{}
	for _, f := range list {
		if err := checkName(f.Name); err != nil {
			return nil, err
		}
		fold := strings.ToLower(f.Name)
		switch {
		case folded[fold] != "":
			return nil, fmt.Errorf("it holds %q twice", f.Name)
		case !f.Mode().IsRegular():
			return nil, fmt.Errorf("file %q: it is no plain file", f.Name)
		case f.Method != zip.Deflate && f.Method != zip.Store, f.Flags&1 != 0:
			return nil, fmt.Errorf("file %q: it is packed in a way that bundles are not", f.Name)
		case f.UncompressedSize64 > maxFile, f.UncompressedSize64 > maxRatio*(f.CompressedSize64+1):
			return nil, fmt.Errorf("file %q: %d bytes, from %d packed ones, are more than a bundle holds", f.Name, f.UncompressedSize64, f.CompressedSize64)
		}
		if total += f.UncompressedSize64; total > maxTotal {
			return nil, fmt.Errorf("it holds more than %d bytes", int64(maxTotal))
		}
		folded[fold] = f.Name
		u.files[f.Name] = f
	}
	return u.index()
}

// index reads bundle.json and compares it with what is there.
func (u *unpacker) index() (*Index, error) {
	f := u.files[IndexFile]
	if f == nil {
		return nil, fmt.Errorf("it has no %s: it is no bundle of ehrlab", IndexFile)
	}
	if f.UncompressedSize64 > maxIndex {
		return nil, fmt.Errorf("%s: %d bytes are too many", IndexFile, f.UncompressedSize64)
	}
	var raw bytes.Buffer
	if err := read(f, &raw); err != nil {
		return nil, err
	}
	var ix Index
	if err := json.Unmarshal(raw.Bytes(), &ix); err != nil {
		return nil, fmt.Errorf("%s: %w", IndexFile, err)
	}
	if ix.Format != format {
		return nil, fmt.Errorf("its format is %d and this ehrlab reads format %d: use another ehrlab", ix.Format, format)
	}
	if err := record.CheckName(ix.Experiment); err != nil {
		return nil, fmt.Errorf("%s: experiment %w", IndexFile, err)
	}
	if err := checkName(ix.Entry); err != nil || ix.Entry != ExperimentFolder && path.Dir(ix.Entry) != ExperimentFolder {
		return nil, fmt.Errorf("%s: entry %q: want a file of folder %s", IndexFile, ix.Entry, ExperimentFolder)
	}
	told := map[string]bool{}
	for _, info := range ix.Files {
		if told[info.Role] {
			return nil, fmt.Errorf("%s tells of %q twice", IndexFile, info.Role)
		}
		told[info.Role] = true
		f := u.files[info.Role]
		switch {
		case f == nil || info.Role == IndexFile:
			return nil, fmt.Errorf("file %q is missing", info.Role)
		case info.Bytes < 0 || uint64(info.Bytes) != f.UncompressedSize64:
			return nil, fmt.Errorf("file %q: %d bytes where %d are due", info.Role, f.UncompressedSize64, info.Bytes)
		}
		if top, _, _ := strings.Cut(info.Role, "/"); top != ExperimentFolder && top != VersionFolder && info.Role != RecordingFile {
			return nil, fmt.Errorf("file %q belongs to no part of a bundle", info.Role)
		}
	}
	if len(ix.Files) != len(u.files)-1 {
		return nil, fmt.Errorf("it holds %d files and tells of %d", len(u.files)-1, len(ix.Files))
	}
	if ix.Entry != ExperimentFolder && !told[ix.Entry] {
		return nil, fmt.Errorf("file %q is missing", ix.Entry)
	}
	return &ix, nil
}

// read decompresses a file, at most as much as it says that it holds.
func read(f *zip.File, w io.Writer) error {
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("file %q: %w", f.Name, damage(err))
	}
	n, err := io.Copy(w, io.LimitReader(in, int64(f.UncompressedSize64)+1))
	if err == nil && uint64(n) != f.UncompressedSize64 {
		err = zip.ErrChecksum
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("file %q: %w", f.Name, damage(err))
	}
	return nil
}

// extract writes the files and compares their hashes. An os.Root keeps every name, and every link that may be there, inside the folder.
func (u *unpacker) extract(ix *Index) error {
	if err := os.MkdirAll(u.folder, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(u.folder)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, info := range append([]record.FileInfo{{Role: IndexFile}}, ix.Files...) {
		if err := root.MkdirAll(path.Dir(info.Role), 0o777); err != nil {
			return err
		}
		mode := fs.FileMode(0o666)
		if info.Role == RecordingFile { // answers may be rows made from restricted data
			mode = 0o600
		}
		out, err := root.OpenFile(info.Role, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		h := sha256.New()
		err = read(u.files[info.Role], io.MultiWriter(out, h))
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
		if sum := hex.EncodeToString(h.Sum(nil)); info.Role != IndexFile && sum != info.SHA256 {
			return fmt.Errorf("file %q does not match its hash", info.Role)
		}
	}
	return nil
}
