package record

// Verify compares the files of a version's core with the hashes in its manifest. It returns a *Damaged that
// names the first file that differs.
func Verify(dir string) error {
	m, _, err := readManifest(dir)
	if err != nil {
		return err
	}
	if _, err := readCoreFiles(dir, m); err != nil {
		return err
	}
	_, err = readViews(dir)
	return err
}
