package main

import (
	"errors"
	"fmt"
)

// report collects what was shown and what was not.
type report struct{ failures []error }

// check prints one line of the report; a claim that does not hold fails the run.
func (r *report) check(ok bool, format string, a ...any) {
	line := fmt.Sprintf(format, a...)
	mark := "ok     "
	if !ok {
		mark = "FAILED "
		r.failures = append(r.failures, errors.New(line))
	}
	fmt.Println(mark + line)
}

// note prints what is measured and never asserted.
func (r *report) note(format string, a ...any) { fmt.Println("       " + fmt.Sprintf(format, a...)) }

func (r *report) verdict() error { return errors.Join(r.failures...) }
