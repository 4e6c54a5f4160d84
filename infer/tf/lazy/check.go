package lazy

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Check says whether the dynamic linker may be trusted with the file: that it
// is a whole ELF shared library for goarch, and its companions beside it too.
// The linker itself maps a file that was cut short and the program then dies of
// SIGBUS, so length is checked here.
func Check(path, goarch string) error {
	needs, err := checkFile(path, goarch)
	if err != nil {
		return err
	}
	for _, n := range needs {
		if !strings.HasPrefix(n, "libtensorflow") && !strings.HasPrefix(n, "libomp") {
			continue
		}
		beside := filepath.Join(filepath.Dir(path), n)
		if _, err := os.Stat(beside); err != nil {
			continue // elsewhere on the linker's path, or the linker will name it
		}
		if _, err := checkFile(beside, goarch); err != nil {
			return err
		}
	}
	return nil
}

// checkFile checks one file and returns the libraries that it needs.
func checkFile(path, goarch string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{Path: path, Kind: ErrCannotOpen, Detail: err.Error(), Advice: "make the file readable"}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{Path: path, Kind: ErrCannotOpen, Detail: err.Error(), Advice: "make the file readable"}
	}
	return checkELF(f, info.Size(), path, goarch)
}

// checkELF checks the size bytes of r, which path names in errors.
func checkELF(r io.ReaderAt, size int64, path, goarch string) ([]string, error) {
	again := "fetch it again: remove the file and run `make libtensorflow`"
	magic := make([]byte, 4)
	if n, err := r.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, &Error{Path: path, Kind: ErrCannotOpen, Detail: err.Error(), Advice: "make the file readable"}
	} else if n < 4 || !bytes.Equal(magic, []byte(elf.ELFMAG)) {
		return nil, &Error{Path: path, Kind: ErrNotLibrary, Detail: "it does not begin like an ELF file", Advice: again}
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, &Error{Path: path, Kind: ErrTruncated, Detail: err.Error(), Advice: again}
	}
	if want, ok := machine(goarch); !ok || f.Class != elf.ELFCLASS64 || f.Machine != want {
		return nil, &Error{Path: path, Kind: ErrWrongArch, Detail: fmt.Sprintf("the file is %v %v, this program is %s", f.Class, f.Machine, goarch),
			Advice: "run `make libtensorflow ARCH=" + goarch + "` and copy that one here"}
	}
	if f.Type != elf.ET_DYN {
		return nil, &Error{Path: path, Kind: ErrNotLibrary, Detail: fmt.Sprintf("its ELF type is %v", f.Type), Advice: again}
	}
	if end := extent(f); end > uint64(size) {
		return nil, &Error{Path: path, Kind: ErrTruncated, Detail: fmt.Sprintf("%d bytes, its headers speak of %d", size, end), Advice: again}
	}
	needs, err := f.ImportedLibraries()
	if err != nil {
		return nil, &Error{Path: path, Kind: ErrTruncated, Detail: err.Error(), Advice: again}
	}
	return needs, nil
}

// extent is the end of the last byte that a segment or section has in the file.
func extent(f *elf.File) uint64 {
	var end uint64
	for _, p := range f.Progs {
		end = max(end, p.Off+p.Filesz)
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_NOBITS {
			end = max(end, s.Offset+s.FileSize)
		}
	}
	return end
}

func machine(goarch string) (elf.Machine, bool) {
	switch goarch {
	case "amd64":
		return elf.EM_X86_64, true
	case "arm64":
		return elf.EM_AARCH64, true
	}
	return 0, false
}
