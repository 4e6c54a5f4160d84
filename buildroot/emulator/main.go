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
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.BoolVar(&o.long, "long", false, "the whole campaign, with the default package (an hour)")
	flag.StringVar(&o.only, "only", "", "one of "+stageNames()+" instead of all")
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
