package main

import (
	"strings"
	"testing"

	"winnow/infer"
	"winnow/infer/native"
	"winnow/models/library"
)

// TestVerifyComparesEngines: a plain .tflite is verified too, and an engine that
// changes a byte is caught with the layer's name and both values.
func TestVerifyComparesEngines(t *testing.T) {
	t.Parallel()
	if code, out, errs := winnow(t, "model", "verify", "../../models/library/efficientnet-lite0-int8.tflite"); code != 0 || !strings.Contains(out, "equal to plain kernels") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	_, err := compareWithNative(library.Encoder(), wrong{native.New()})
	if err == nil || !strings.Contains(err.Error(), "tensor") || !strings.Contains(err.Error(), ", not ") {
		t.Errorf("a wrong byte: %v", err)
	}
}

// wrong is an engine whose outputs have one wrong byte.
type wrong struct{ infer.Engine }

func (wrong) Name() string { return "wrong" }

func (e wrong) Load(model []byte, o infer.Options) (infer.Session, error) {
	s, err := e.Engine.Load(model, o)
	return wrongSession{s}, err
}

type wrongSession struct{ infer.Session }

func (s wrongSession) Run() error {
	err := s.Session.Run()
	s.Output(0)[7] ^= 1
	return err
}
