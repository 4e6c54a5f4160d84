package main

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tf"
	"winnow/infer/tf/lazy"
	"winnow/models"
)

// engineNames that --engine takes.
const (
	engineAuto       = "auto"
	engineNative     = "native"
	engineTensorFlow = "tensorflow"      // integers kept exact: native's bits
	engineFast       = "tensorflow-fast" // scales folded into weights: within 2 steps
)

// opener makes an engine when it is its turn: libtensorflow is some 500 MB, so
// it is not loaded for a package that native runs.
type opener func() (infer.Engine, error)

// engines in the order in which they are tried for a name. library is the
// folder or file of libtensorflow, "" for the usual places.
func engines(name, library string) ([]opener, error) {
	nativeEngine := func() (infer.Engine, error) { return native.New(), nil }
	tensorFlow := func() (infer.Engine, error) { return tf.Open(tf.Config{Load: lazy.Loader(library)}) }
	fast := func() (infer.Engine, error) { return tf.Open(tf.Config{Load: lazy.Loader(library), Mode: tf.Fast}) }
	switch name {
	case engineNative:
		return []opener{nativeEngine}, nil
	case engineTensorFlow:
		return []opener{tensorFlow}, nil
	case engineFast:
		return []opener{fast}, nil
	case engineAuto, "":
		return []opener{nativeEngine, tensorFlow}, nil
	}
	return nil, usagef("engine %q is none of auto, native, tensorflow, tensorflow-fast", name)
}

// engineIsThere says at once what an engine lacks that was asked for by its name.
func engineIsThere(name, library string) error {
	openers, err := engines(name, library)
	if err != nil || len(openers) > 1 {
		return err
	}
	_, err = openers[0]()
	return err
}

// openJudge loads a package on the first engine that can run it.
func openJudge(p *models.Package, name, library string, threads int) (*infer.Judge, infer.Engine, error) {
	openers, err := engines(name, library)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, open := range openers {
		j, e, err := judgeOn(open, p, threads)
		if err == nil {
			return j, e, nil
		}
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

func judgeOn(open opener, p *models.Package, threads int) (*infer.Judge, infer.Engine, error) {
	e, err := open()
	if err != nil {
		return nil, nil, err
	}
	j, err := infer.NewJudge(p, e, infer.Options{Threads: threads})
	if err != nil {
		err = firstDifference(p, e, err)
	}
	return j, e, err
}

// firstDifference adds to why engine e refused p the first layer on which it
// differs from native, where there is one.
func firstDifference(p *models.Package, e infer.Engine, refused error) error {
	t, ok := e.(infer.Tolerant)
	if !ok {
		return refused
	}
	for i, g := range p.Golden {
		d, err := tf.Compare(p.Graph, [][]byte{g.Input}, native.New(), e, t.Tolerance())
		if err == nil && d != nil {
			return fmt.Errorf("%w; golden input %d on native and on %s: %v", refused, i, e.Name(), d)
		}
	}
	return refused
}

// judgeThreads is how many threads a judge gets when nobody says.
func judgeThreads(asked int) int {
	if asked > 0 {
		return asked
	}
	return min(max(1, runtime.NumCPU()), native.MaxThreads)
}

// threadsVar adds --threads, which takes what an engine does.
func threadsVar(c *cobra.Command, n *int, usual int, usage string) {
	*n = usual
	c.Flags().Var((*threads)(n), "threads", usage+"; 0 is one for each processor")
}

type threads int

func (t *threads) String() string { return strconv.Itoa(int(*t)) }
func (t *threads) Type() string   { return "int" }
func (t *threads) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > native.MaxThreads {
		return fmt.Errorf("give a number from 0 to %d", native.MaxThreads)
	}
	*t = threads(n)
	return nil
}

// program is what manifests say of who wrote them.
func program() string { return fmt.Sprintf("winnow %s", version) }
