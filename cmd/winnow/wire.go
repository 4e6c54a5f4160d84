package main

import (
	"errors"
	"fmt"
	"runtime"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tf"
	"winnow/models"
)

// engineNames that --engine takes.
const (
	engineAuto       = "auto"
	engineNative     = "native"
	engineTensorFlow = "tensorflow"
)

// opener makes an engine when it is its turn: libtensorflow is some 500 MB, so
// it is not loaded for a package that native runs.
type opener func() (infer.Engine, error)

// engines in the order in which they are tried for a name. library is the
// folder or file of libtensorflow, "" for the usual places.
func engines(name, library string) ([]opener, error) {
	nativeEngine := func() (infer.Engine, error) { return native.New(), nil }
	tensorFlow := func() (infer.Engine, error) { return tf.Open(tf.Config{Library: library}) }
	switch name {
	case engineNative:
		return []opener{nativeEngine}, nil
	case engineTensorFlow:
		return []opener{tensorFlow}, nil
	case engineAuto, "":
		return []opener{nativeEngine, tensorFlow}, nil
	}
	return nil, usagef("engine %q is none of auto, native, tensorflow", name)
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
	return j, e, err
}

// judgeThreads is how many threads a judge gets when nobody says.
func judgeThreads(asked int) int {
	if asked > 0 {
		return asked
	}
	return max(1, runtime.NumCPU())
}

// program is what manifests say of who wrote them.
func program() string { return fmt.Sprintf("winnow %s", version) }
