package responses

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Claim makes this store the only one that may send for an experiment, until it is closed or its process ends: a client counts what its
// own process sends, and what the journal told when it was made. The error is ErrClaimed where another one has the claim. Where
// there are no locks it warns, and all is as without it.
func (s *Store) Claim(experiment string) error {
	if s.readOnly {
		return ErrReadOnly
	}
	dir := filepath.Join(s.dir, "claims")
	if err := os.Mkdir(dir, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("claim %s: %w", experiment, err)
	}
	sum := sha256.Sum256([]byte(experiment)) // a name may be none of a file
	// The file stays: who locks one that has been removed meanwhile holds nothing.
	path := filepath.Join(dir, hex.EncodeToString(sum[:16]))
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(fileMode))
	held, err := lock.TryLock()
	if err != nil {
		s.log.Warn("files cannot be locked here: two runs of one experiment at once may send the same, and exceed its budget",
			"experiment", experiment, "error", err)
		return nil
	}
	if !held {
		return ErrClaimed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(ErrClosed, lock.Unlock())
	}
	s.claims = append(s.claims, lock)
	return nil
}
