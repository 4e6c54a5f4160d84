//go:build cgo && linux && (amd64 || arm64)

package lazy

// #cgo LDFLAGS: -L${SRCDIR}/stub -ldl -lpthread
// #include <stdlib.h>
// #include "lazy.h"
import "C"

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Built says whether this program can load libtensorflow at all.
const Built = true

// Oldest version that the binding and the trampolines fit.
const (
	oldestMajor = 2
	oldestMinor = 4
)

// Load finds the library with s and makes TensorFlow's functions callable. The
// library stays for the life of the process; loading it again is free, another
// one instead of it is refused. It returns the path. Safe for concurrent use.
func Load(s Search) (string, error) {
	path, err := s.Find()
	if err != nil {
		return "", err
	}
	if lacks := missingFeature(); lacks != "" {
		return "", &Error{Path: path, Kind: ErrCannotOpen, Detail: "this processor has no " + lacks + ", which the library uses", Advice: "choose engine \"native\""}
	}
	return path, open(path)
}

// missingFeature names what the published libraries need and this processor lacks.
func missingFeature() string {
	if cpu.X86.HasSSE2 && !cpu.X86.HasAVX {
		return "AVX"
	}
	return ""
}

func open(path string) error {
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	var msg [1024]C.char
	code := C.winnow_tf_load(p, oldestMajor, oldestMinor, &msg[0], C.size_t(len(msg)))
	said := C.GoString(&msg[0])
	oldest := fmt.Sprintf("%d.%d", oldestMajor, oldestMinor)
	switch code {
	case C.WINNOW_TF_LOADED:
		return nil
	case C.WINNOW_TF_NO_SYMBOL:
		return &Error{Path: path, Kind: ErrTooOld, Detail: "it has no function " + said + "; " + oldest + " or later is needed", Advice: adviceFetch}
	case C.WINNOW_TF_OLD_VERSION:
		return &Error{Path: path, Kind: ErrTooOld, Detail: "it is version " + said + "; " + oldest + " or later is needed", Advice: adviceFetch}
	case C.WINNOW_TF_OTHER_LOADED:
		return &Error{Path: path, Kind: ErrCannotOpen, Detail: "this process already uses " + said, Advice: "restart the program to change the library"}
	}
	return &Error{Path: path, Kind: ErrCannotOpen, Detail: said, Advice: "install what the linker names beside the library, or " + adviceFetch}
}
