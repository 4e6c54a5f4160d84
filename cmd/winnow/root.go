package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"winnow/edge/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // wrong flags, arguments or configuration
)

// usageError is a mistake in what the user typed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, a ...any) error { return usageError{fmt.Errorf(format, a...)} }

// execute runs one command line and returns its exit code. Every failure is one
// clear message on stderr; a bug of ours is one line as well, never a trace of
// goroutines.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "winnow: internal error: %v (%s); please report it with the command and its input\n", r, panicPlace())
			code = exitFailed
		}
	}()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "winnow: stopped")
		return exitFailed
	}
	fmt.Fprintf(stderr, "winnow: %s\n", explain(err))
	var usage usageError
	if errors.As(err, &usage) || config.IsMistake(err) || isCobraUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// panicPlace is the first line of ours in the stack of a panic.
func panicPlace() string {
	for line := range strings.Lines(string(debug.Stack())) {
		if i := strings.Index(line, "/winnow/"); i >= 0 && !strings.Contains(line, "root.go") && strings.Contains(line, ".go:") {
			return strings.TrimSpace(strings.SplitN(line[i+1:], " ", 2)[0])
		}
	}
	return "place unknown"
}

// explain words errors of the operating system for people.
func explain(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return strings.Replace(err.Error(), p.Error(), p.Path+" does not exist", 1)
		case errors.Is(err, fs.ErrPermission):
			return strings.Replace(err.Error(), p.Error(), p.Path+" may not be read or written by this user", 1)
		}
	}
	return err.Error()
}

// isCobraUsage recognizes the usage errors that cobra makes itself.
func isCobraUsage(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "required flag")
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "winnow",
		Short: "Inline inspection that is taught on good parts only",
		Long: "Winnow judges parts on a production line: it is taught on good parts only, on the\n" +
			"device, fires the reject actuator, and tells the plant over MQTT.",
		Example:       "  winnow demo                                  a whole inspection on a drawn line\n  winnow teach --from good/ --out part.tflite  learn what good parts look like\n  winnow run --config station.toml             inspect",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, c.CommandPath())
	})
	root.AddCommand(
		demoCommand(), runCommand(), replayCommand(), configCommand(), versionCommand(), teachCommand(), trainCommand(), calibrateCommand(), evalCommand(), scoreCommand(), modelCommand(), benchCommand(), doctorCommand(), snapCommand(),
	)
	wrapArgs(root)
	return root
}

// wrapArgs makes wrong arguments of every command usage errors.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usagef("%w; see %s --help", err, c.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}
