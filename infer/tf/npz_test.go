package tf_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
)

// readNPZ returns the raw values of every array of an .npz file, by name.
func readNPZ(t *testing.T, path string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	arrays := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		if arrays[strings.TrimSuffix(f.Name, ".npy")], err = npyValues(b); err != nil {
			t.Fatalf("%s: %s: %v", path, f.Name, err)
		}
	}
	return arrays
}

// npyValues cuts the header off (NumPy's NEP 1).
func npyValues(b []byte) ([]byte, error) {
	if len(b) < 10 || !bytes.HasPrefix(b, []byte("\x93NUMPY\x01")) {
		return nil, fmt.Errorf("not an .npy file of version 1")
	}
	n := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	if n > len(b) {
		return nil, io.ErrUnexpectedEOF
	}
	return b[n:], nil
}
