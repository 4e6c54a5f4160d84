package lazy

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// header returns an ELF file without content that claims machine m; its one
// segment ends at byte end.
func header(m elf.Machine, typ elf.Type, end uint64) []byte {
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(typ), Machine: uint16(m), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	var b bytes.Buffer
	for _, v := range []any{h, elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: end}} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// whole is a file that passes the checks on this machine.
func whole() []byte {
	m, _ := machine(runtime.GOARCH)
	return header(m, elf.ET_DYN, 120)
}

// foreign is a library for the other processor.
func foreign() []byte {
	m := elf.EM_AARCH64
	if runtime.GOARCH == "arm64" {
		m = elf.EM_X86_64
	}
	return header(m, elf.ET_DYN, 120)
}

func put(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBrokenLibraries(t *testing.T) {
	needArch(t)
	here, _ := machine(runtime.GOARCH)
	for _, c := range []struct {
		name    string
		content []byte
		kind    error
		says    string
	}{
		{"empty", nil, ErrNotLibrary, "ELF"},
		{"text", []byte("<html>not found</html>"), ErrNotLibrary, "ELF"},
		{"linker script", []byte("INPUT(libtensorflow_cc.so.2)"), ErrNotLibrary, "ELF"},
		{"magic only", []byte(elf.ELFMAG), ErrTruncated, "make libtensorflow"},
		{"half a header", whole()[:40], ErrTruncated, "make libtensorflow"},
		{"cut short", header(here, elf.ET_DYN, 1<<20), ErrTruncated, "1048576"},
		{"other processor", foreign(), ErrWrongArch, "make libtensorflow ARCH=" + runtime.GOARCH},
		{"a program", header(here, elf.ET_EXEC, 120), ErrNotLibrary, "ET_EXEC"},
		{"good", whole(), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := put(t, filepath.Join(t.TempDir(), "libtensorflow_cc.so.2"), c.content)
			_, err := Search{Config: path}.Find()
			if !errors.Is(err, c.kind) {
				t.Fatalf("error %v, want %v", err, c.kind)
			}
			if err != nil && (!strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%q must name %s and say %q", err, path, c.says)
			}
		})
	}
}

// needArch skips where no library exists for the processor.
func needArch(t *testing.T) {
	t.Helper()
	if _, ok := machine(runtime.GOARCH); !ok {
		t.Skipf("not here: libtensorflow for %s", runtime.GOARCH)
	}
}

func TestCompanionIsChecked(t *testing.T) {
	lib, err := Default("").Find()
	if err != nil {
		t.Skipf("not here: %v", err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, filepath.Base(lib))
	if err := os.Symlink(lib, path); err != nil {
		t.Fatal(err)
	}
	companion := put(t, filepath.Join(dir, "libtensorflow_framework.so.2"), whole()[:80])
	if _, err := (Search{Config: dir}).Find(); !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), companion) {
		t.Errorf("error %v, want %v naming %s", err, ErrTruncated, companion)
	}
}

func TestSearchOrder(t *testing.T) {
	needArch(t)
	root := t.TempDir()
	place := func(parts ...string) string {
		return put(t, filepath.Join(append([]string{root}, parts...)...), whole())
	}
	config := place("config", "libtensorflow.so")
	variable := place("variable", "libtensorflow.so.2")
	beside := place("bin", "libtensorflow_cc.so.2")
	cached := place("cache", "winnow", "libtensorflow", Version+"-"+runtime.GOARCH, "libtensorflow_cc.so.2")
	system := place("system", "libtensorflow.so.2")
	env := map[string]string{EnvLibrary: variable, "XDG_CACHE_HOME": filepath.Join(root, "cache")}
	s := Search{
		Config: filepath.Dir(config), Executable: filepath.Join(root, "bin", "winnow"),
		Env: func(k string) string { return env[k] }, System: []string{filepath.Dir(system)},
	}
	find := func(want string) {
		t.Helper()
		if got, err := s.Find(); err != nil || got != want {
			t.Errorf("found %q, %v; want %q", got, err, want)
		}
	}
	find(config)
	s.Config = ""
	find(variable)
	delete(env, EnvLibrary)
	find(beside)
	put(t, beside, foreign()) // unusable and unnamed: passed over
	find(cached)
	if err := os.RemoveAll(filepath.Join(root, "cache")); err != nil {
		t.Fatal(err)
	}
	find(system)
	if err := os.Remove(system); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(); !errors.Is(err, ErrWrongArch) {
		t.Errorf("error %v, want the one of the unusable file beside the program", err)
	}
	if err := os.Remove(beside); err != nil {
		t.Fatal(err)
	}
	_, err := s.Find()
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "make libtensorflow") || !strings.Contains(err.Error(), filepath.Dir(system)) {
		t.Errorf("error %v must name the folders and the advice", err)
	}
}

func TestNamedPlaceIsTheOnlyOne(t *testing.T) {
	needArch(t)
	root := t.TempDir()
	good := put(t, filepath.Join(root, "system", "libtensorflow.so.2"), whole())
	empty := filepath.Join(root, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, named := range []string{filepath.Join(root, "nowhere.so"), empty} {
		if p, err := (Search{Config: named, System: []string{filepath.Dir(good)}}).Find(); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), named) {
			t.Errorf("Find with %s = %q, %v; want %v naming it", named, p, err, ErrMissing)
		}
		env := func(k string) string { return map[string]string{EnvLibrary: named}[k] }
		if p, err := (Search{Env: env, System: []string{filepath.Dir(good)}}).Find(); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), EnvLibrary) {
			t.Errorf("Find with %s=%s = %q, %v; want %v naming the variable", EnvLibrary, named, p, err, ErrMissing)
		}
	}
}

func FuzzCheckELF(f *testing.F) {
	f.Add(whole())
	f.Add(foreign())
	f.Add([]byte("!<arch>\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := checkELF(bytes.NewReader(b), int64(len(b)), "lib.so", "amd64")
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("error %v is not an Error", err)
		}
	})
}
