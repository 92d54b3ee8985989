package spec

import (
	"context"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// checkFiled checks the files that metrics read besides the rows: that they are there and, where headers are read, what they hold.
// Where they are all that a metric reads, nothing can be done around it that changes rows.
func (l *loader) checkFiled() {
	for i, n := range l.entries("metrics") {
		b := l.found.built[indexKey(n.path)]
		if b == nil || !n.ok() {
			continue
		}
		filed, ok := b.plugin.(plugins.Filed)
		if !ok {
			continue
		}
		for _, name := range []string{"by", "groups", "subsamples"} {
			if f := n.field(name); f != nil && len(b.info.Reads) == 0 {
				l.wrong(f, f.label, "does not apply to %q, which reads files alone and no rows", b.info.Name)
			}
		}
		if !l.opts.NoHeaders {
			l.checkFiles(n, &l.exp.Metrics[i].Use, filed)
		}
	}
}

func (l *loader) checkFiles(n *node, u *Use, filed plugins.Filed) {
	l.rep.guard(n.field("use"), func() {
		files, err := filed.Files()
		if err != nil {
			l.fileMistake(n, u, "", "%v", err)
			return
		}
		if !l.present(n, u, files) {
			return
		}
		for _, err := range each(filed.Check(context.Background())) {
			message := err.Error()
			for _, f := range files {
				message = strings.ReplaceAll(message, f.Path, l.display(f.Path))
			}
			l.fileMistake(n, u, "", "%s", message)
		}
	})
}

// each lists the errors that one joins, or that one.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
