//go:build darwin || freebsd || netbsd

package cache

import (
	"io/fs"
	"syscall"
)

// identify returns what the content of a file is remembered by.
func identify(info fs.FileInfo) (fileID, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, false
	}
	return fileID{
		device: uint64(st.Dev), inode: uint64(st.Ino), size: info.Size(),
		mtime: info.ModTime().UnixNano(), ctime: st.Ctimespec.Nano(),
	}, true
}
