package main

import (
	"errors"
	"fmt"
	"runtime"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/models"
)

// engineNames that --engine takes.
const (
	engineAuto       = "auto"
	engineNative     = "native"
	engineTensorFlow = "tensorflow"
)

// engines in the order in which they are tried for a name. library is the
// folder or file of libtensorflow, "" for the usual places.
func engines(name, library string, threads int) ([]infer.Engine, error) {
	switch name {
	case engineNative:
		return []infer.Engine{native.New()}, nil
	case engineTensorFlow:
		e, err := openTensorFlow(library, threads)
		if err != nil {
			return nil, err
		}
		return []infer.Engine{e}, nil
	case engineAuto, "":
		es := []infer.Engine{native.New()}
		if e, err := openTensorFlow(library, threads); err == nil {
			es = append(es, e)
		}
		return es, nil
	}
	return nil, usagef("engine %q is none of auto, native, tensorflow", name)
}

// openJudge loads a package on the first engine that can run it.
func openJudge(p *models.Package, name, library string, threads int) (*infer.Judge, infer.Engine, error) {
	es, err := engines(name, library, threads)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, e := range es {
		j, err := infer.NewJudge(p, e, infer.Options{Threads: threads})
		if err == nil {
			return j, e, nil
		}
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

// openTensorFlow finds libtensorflow and makes its engine.
func openTensorFlow(library string, threads int) (infer.Engine, error) {
	return nil, errors.New("this program was built without the TensorFlow engine: build it with `make build-tf`")
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
