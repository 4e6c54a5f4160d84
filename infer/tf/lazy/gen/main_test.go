package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestGeneratedFilesAreCurrent runs the generator again and compares.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	dir, err := bindingDir()
	if err != nil {
		t.Skipf("not here: %v", err)
	}
	names, err := symbols(dir, "../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 100 || !slices.Contains(names, "TF_SessionRun") {
		t.Errorf("%d functions found, want 100 and TF_SessionRun among them", len(names))
	}
	for file, want := range render(names) {
		got, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the binding needs: run go generate ./infer/tf/lazy", file)
		}
	}
}

func TestCallsOf(t *testing.T) {
	const src = `package p

// #include "tensorflow/c/c_api.h"
//
// static void TF_Helper(TF_OperationDescription* d) {
//	TF_InPreamble(d);
// }
import "C"

func f(v C.int) {
	C.TF_InGo(v)
	C.TF_Helper(nil)
	_ = C.TF_DataType(v)
	C.free(nil)
	g.TF_NotC()
}
`
	path := filepath.Join(t.TempDir(), "p.go")
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := callsOf(path)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if want := []string{"TF_InGo", "TF_InPreamble"}; !slices.Equal(got, want) {
		t.Errorf("calls %v, want %v", got, want)
	}
}
