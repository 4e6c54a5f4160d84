package pixfmt

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
)

// ImageSize reads the header of the picture in file path and returns its size
// in pixels. It refuses what ReadImage would refuse by the header. Every error
// names the file.
func ImageSize(path string) (width, height int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("read picture: %w", err)
	}
	defer file.Close()
	if st, err := file.Stat(); err == nil && st.IsDir() {
		return 0, 0, fmt.Errorf("read picture %s: it is a folder", path)
	}
	r := bufio.NewReaderSize(file, 1<<16)
	head, err := r.Peek(sniff)
	if err != nil && err != io.EOF {
		return 0, 0, fmt.Errorf("read picture %s: %w", path, plain(err))
	}
	c, err := codecFor(bytes.Clone(head))
	if err != nil {
		return 0, 0, fmt.Errorf("read picture %s: %w", path, plain(err))
	}
	cfg, err := c.config(r)
	if err == nil {
		err = checkSize(cfg.Width, cfg.Height)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read picture %s: %w", path, plain(err))
	}
	return cfg.Width, cfg.Height, nil
}
