package pixfmt

import (
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"

	"winnow/edge"
)

// WritePNG writes f to file path as PNG, whole or not at all: under another
// name in the same folder first, synced, then renamed.
func WritePNG(path string, f *edge.Frame) error {
	if err := f.Check(); err != nil {
		return fmt.Errorf("write picture %s: %w", path, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".winnow-*.png")
	if err != nil {
		return fmt.Errorf("write picture %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // after the rename there is nothing to remove
	if err := encodePNG(tmp, f); err != nil {
		return fmt.Errorf("write picture %s: %w", path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write picture %s: %w", path, err)
	}
	return nil
}

// EncodePNG writes f to w as PNG. f must pass Check.
func EncodePNG(w io.Writer, f *edge.Frame) error {
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	return e.Encode(w, ToImage(f))
}

// encodePNG writes f to file, syncs and closes it.
func encodePNG(file *os.File, f *edge.Frame) error {
	err := EncodePNG(file, f)
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err == nil {
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	return err
}
