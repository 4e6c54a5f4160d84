// Command emulator runs the real arm64 station inside an emulated ARM machine
// with a real kernel, around which a plant feeds the camera, pulls the trigger
// and reads the outputs back. `make emulate` and `make emulate-long` call it
// from the top of the source tree; see buildroot/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{match: regex{regexp.MustCompile("")}}
	flag.BoolVar(&o.long, "long", false, "the whole campaign, with the package that winnow teach makes")
	flag.IntVar(&o.side, "side", 128, "with --long: pixels of that package's square input, in multiples of 32")
	flag.StringVar(&o.only, "only", "", "some of "+stageNames()+" instead of all")
	flag.Var(&o.match, "match", "regular expression of the names of faults to go through instead of all")
	flag.BoolVar(&o.shell, "shell", false, "boot, then run lines of shell from standard input in the machine")
	flag.Parse()
	err := run(ctx, o)
	switch {
	case errors.Is(err, errMissing):
		fmt.Println("could not run: the emulated ARM machine:", err)
		if os.Getenv("STRICT") == "1" {
			os.Exit(1)
		}
	case err != nil:
		fmt.Fprintln(os.Stderr, "emulate:", err)
		os.Exit(1)
	}
}
