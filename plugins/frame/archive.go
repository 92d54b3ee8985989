package frame

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	kflate "github.com/klauspost/compress/flate"
)

// archive holds the members of an archive file whose names fit a pattern.
type archive struct {
	file          string // name in messages
	opts          ReadOptions
	before, after string // the pattern, around its star
	sample        int64  // bytes of members to be read; 0: all
	members       []member
	first         string // name of the first member, whether read or not
	read          int64  // bytes of members
	cut           bool   // there may be more members
}

type member struct {
	name, star string
	text       []byte
	cut        bool // the text goes on
}

const (
	maxMembers = 1_000_000
	tarBlock   = 512
	// sampleBeyond is how much of a sampled archive is looked at besides its members' texts.
	sampleBeyond = 64 << 20
)

// open reads the members of a file.
func (a *archive) open(ctx context.Context, path string) error {
	in, size, err := openFile(path, a.file)
	if err != nil {
		return err
	}
	defer in.Close()
	err = a.load(ctx, in, size, strings.ToLower(path))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// load reads the members of a file with this name, in lower case.
func (a *archive) load(ctx context.Context, in *os.File, size int64, name string) error {
	switch {
	case strings.HasSuffix(name, ".zip"):
		return a.loadZip(ctx, in, size)
	case IsArchive(name):
		return a.loadTar(contextReader{ctx, in})
	}
	return &FileError{File: a.file, Msg: "unknown kind of archive; want a name that ends with .tar, .tar.gz, .tgz or .zip"}
}

var errNoMoreMembers = errors.New("enough members")

// causeReader keeps the first error of a reader, the end aside, so that faults of what lies below an archive can be told
// from its own. It counts what was read, and how many zeros came last.
type causeReader struct {
	in    io.Reader
	n     int64
	zeros int
	err   error
}

// Read implements io.Reader.
func (r *causeReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.n += int64(n)
	if zeros := n - len(bytes.TrimRight(p[:n], "\x00")); zeros < n {
		r.zeros = zeros
	} else {
		r.zeros += zeros
	}
	if err != nil && err != io.EOF && r.err == nil {
		r.err = err
	}
	return n, err
}

func (a *archive) loadTar(r io.Reader) error {
	plain, err := openInput(r, a.opts, "an archive")
	defer plain.close()
	if err != nil {
		return a.archiveFault(err)
	}
	below := &causeReader{in: plain}
	in := io.Reader(below)
	if a.sample > 0 {
		in = io.LimitReader(below, a.sample+sampleBeyond)
	}
	err = a.walkTar(tar.NewReader(in))
	zeros := below.zeros // as the walk left them: what follows the end of an archive is of no account
	if plain.gzip && !errors.Is(err, errNoMoreMembers) {
		io.Copy(io.Discard, in) // to the checksum, which stands after all members; below keeps the error
	}
	var fault *FileError
	switch {
	case below.err != nil:
		return a.archiveFault(below.err)
	case a.sample > 0 && below.n == a.sample+sampleBeyond:
		a.cut = true
		return nil
	case err == nil && zeros < tarBlock: // a block of zeros ends an archive
		err = io.ErrUnexpectedEOF
	case err == nil, errors.Is(err, errNoMoreMembers):
		return nil
	case errors.As(err, &fault):
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &FileError{File: a.file, Msg: "the tar archive ends too early: it is truncated", Err: err}
	}
	return &FileError{File: a.file, Msg: "no tar archive, or a damaged one", Err: err}
}

// archiveFault puts the archive's name to a fault of its bytes.
func (a *archive) archiveFault(err error) error {
	c := csvText{file: a.file}
	return c.fault(err)
}

func (a *archive) walkTar(in *tar.Reader) error {
	for entries := 0; ; entries++ {
		h, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = a.checkCount(entries)
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			continue // folders, links, devices
		}
		name, star, ok, err := a.entry(h.Name)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if isSparse(h) { // a few bytes may stand for any length
			return a.fault(name, "a sparse member; want one that is stored whole")
		}
		if err := a.take(name, star, h.Size, in); err != nil {
			return err
		}
	}
}

func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

func (a *archive) checkCount(entries int) error {
	if entries >= maxMembers {
		return &FileError{File: a.file, Msg: fmt.Sprintf("more than %d members", maxMembers)}
	}
	return nil
}

// entry returns the name of an archive's entry, and what the star of the pattern stands for, if it fits.
func (a *archive) entry(raw string) (name, star string, ok bool, err error) {
	name = strings.TrimPrefix(raw, "./")
	if a.first == "" {
		a.first = name
	}
	star, ok = a.match(name)
	if ok && !utf8.ValidString(name) {
		return "", "", false, &FileError{File: a.file, Msg: fmt.Sprintf("the name of member %q is not UTF-8", name)}
	}
	return name, star, ok, nil
}

// take reads a member. It returns errNoMoreMembers when a sample has enough.
func (a *archive) take(name, star string, size int64, in io.Reader) error {
	left := int64(-1)
	if a.sample > 0 {
		if left = a.sample - a.read; left <= 0 {
			a.cut = true
			return errNoMoreMembers
		}
	}
	m := member{name: name, star: star}
	// a size that is stated is room for that much, but a hostile one is no reason to make room
	text := bytes.NewBuffer(make([]byte, 0, min(max(size, 0), 1<<20)+bytes.MinRead))
	if left >= 0 {
		in = io.LimitReader(in, left+1)
	}
	n, err := text.ReadFrom(in)
	if err != nil {
		return err
	}
	m.text = text.Bytes()
	if left >= 0 && n > left {
		a.cut, m.cut = true, true
		m.text = m.text[:left]
		if len(a.members) > 0 { // perhaps not even its header is whole
			return errNoMoreMembers
		}
	}
	if bytes.HasPrefix(m.text, []byte("\x1f\x8b")) {
		return a.fault(name, "compressed by gzip within the archive; want plain text")
	}
	a.read += int64(len(m.text))
	a.members = append(a.members, m)
	if m.cut {
		return errNoMoreMembers
	}
	return nil
}

func (a *archive) loadZip(ctx context.Context, in *os.File, size int64) error {
	z, err := zip.NewReader(in, size)
	if err != nil {
		return a.zipFault("", err)
	}
	z.RegisterDecompressor(zip.Deflate, kflate.NewReader)
	if err := a.checkCount(len(z.File) - 1); err != nil {
		return err
	}
	limit := &limitReader{left: a.opts.MaxBytes, max: a.opts.MaxBytes}
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !f.Mode().IsRegular() {
			continue
		}
		name, star, ok, err := a.entry(f.Name)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		err = a.takeZip(f, name, star, limit)
		if errors.Is(err, errNoMoreMembers) {
			return nil
		}
		if err != nil {
			return a.zipFault(name, err)
		}
	}
	return nil
}

func (a *archive) takeZip(f *zip.File, name, star string, limit *limitReader) error {
	const encrypted = 1
	if f.Flags&encrypted != 0 {
		return a.fault(name, "encrypted; want a plain member")
	}
	text, err := f.Open()
	if err != nil {
		return err
	}
	defer text.Close()
	in := io.Reader(text)
	if a.opts.MaxBytes > 0 {
		limit.in = text
		in = limit
	}
	return a.take(name, star, int64(min(f.UncompressedSize64, 1<<62)), in)
}

// zipFault says in the user's words what an error of a zip archive means.
func (a *archive) zipFault(name string, err error) error {
	var already *FileError
	var limit *faultError
	var corrupt flate.CorruptInputError
	var kcorrupt kflate.CorruptInputError
	out := &FileError{File: a.file, Msg: err.Error(), Err: err}
	if name != "" {
		out.File += ": " + name
	}
	switch {
	case errors.As(err, &already):
		return err
	case errors.As(err, &limit):
		out.File, out.Msg, out.Err = a.file, limit.msg, limit.err
	case errors.Is(err, zip.ErrFormat) && name == "":
		out.Msg = "no zip archive, or a truncated one"
	case errors.Is(err, zip.ErrAlgorithm):
		out.Msg = "compressed in an unknown way; want deflate or none"
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &corrupt), errors.As(err, &kcorrupt):
		out.Msg = "the zip data are damaged"
	}
	return out
}
