// Command ehrlab runs declarative experiments on synthetic electronic health records.
package main

import (
	"os"

	"github.com/ehrlab/ehrlab/plugins/all"
	"github.com/ehrlab/ehrlab/runner/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, all.Registry()))
}
