package lazy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Version of libtensorflow that `make libtensorflow` fetches and the tests use.
const Version = "2.18.1"

// EnvLibrary names the environment variable that points to the library.
const EnvLibrary = "WINNOW_LIBTENSORFLOW"

// Kinds of failure, for errors.Is.
var (
	ErrNotBuilt   = errors.New("built without TensorFlow")
	ErrMissing    = errors.New("libtensorflow is not there")
	ErrNotLibrary = errors.New("not a shared library")
	ErrWrongArch  = errors.New("library for another processor")
	ErrTruncated  = errors.New("library is cut short or damaged")
	ErrTooOld     = errors.New("libtensorflow is too old")
	ErrCannotOpen = errors.New("library cannot be opened")
)

// Error is why a library cannot be used and what to do about it.
type Error struct {
	Path   string // the file, or "" where none was found
	Kind   error  // one of the kinds above
	Detail string // what was seen
	Advice string // what to do next
}

func (e *Error) Error() string {
	where := ""
	if e.Path != "" {
		where = e.Path + ": "
	}
	return fmt.Sprintf("tensorflow engine: %s%v (%s); %s", where, e.Kind, e.Detail, e.Advice)
}

// Unwrap makes errors.Is(err, ErrMissing) and the like work.
func (e *Error) Unwrap() error { return e.Kind }

const adviceFetch = "run `make libtensorflow`, or point " + EnvLibrary + " or the configuration at the file, or choose engine \"native\""

// names that the library goes by: the wheels' first, then the C distribution's.
func names() []string {
	return []string{"libtensorflow_cc.so.2", "libtensorflow.so.2", "libtensorflow_cc.so", "libtensorflow.so"}
}

// Search says where to look for the library. The zero value looks nowhere but
// in the system's folders.
type Search struct {
	Config     string              // file or folder from the configuration; it alone is tried when set
	Env        func(string) string // os.Getenv, or nil
	Executable string              // the running program, or ""
	System     []string            // system library folders; nil: the usual ones
}

// Default searches with the process's environment and executable.
func Default(config string) Search {
	exe, err := os.Executable()
	if err != nil {
		exe = ""
	}
	return Search{Config: config, Env: os.Getenv, Executable: exe}
}

// Loader loads the library that the configuration names, or with "" the one that
// is found in the usual places, when it is called.
func Loader(config string) func() (string, error) {
	return func() (string, error) { return Load(Default(config)) }
}

// Find returns the first usable library. A place that was named (configuration
// or environment) is the only one tried. Elsewhere an unusable file is passed
// over, and reported only if no usable one follows.
func (s Search) Find() (string, error) {
	if s.Config != "" {
		return named(s.Config, "the configuration")
	}
	if p := s.getenv(EnvLibrary); p != "" {
		return named(p, EnvLibrary)
	}
	var first error
	folders := s.Folders()
	for _, dir := range folders {
		p, ok := inFolder(dir)
		if !ok {
			continue
		}
		if err := Check(p, runtime.GOARCH); err == nil {
			return p, nil
		} else if first == nil {
			first = err
		}
	}
	if first != nil {
		return "", first
	}
	return "", &Error{Kind: ErrMissing, Detail: "looked in " + strings.Join(folders, ", "), Advice: adviceFetch}
}

// Folders that Find looks in when no place was named, in order: beside the
// program, the cache of `make libtensorflow`, LD_LIBRARY_PATH, the system's.
func (s Search) Folders() []string {
	var dirs []string
	if s.Executable != "" {
		bin := filepath.Dir(s.Executable)
		dirs = append(dirs, bin, filepath.Join(bin, "lib"), filepath.Join(bin, "..", "lib", "winnow"), filepath.Join(bin, "..", "lib"))
	}
	if cache := s.cache(); cache != "" {
		dirs = append(dirs, filepath.Join(cache, "winnow", "libtensorflow", Version+"-"+runtime.GOARCH))
	}
	for _, d := range filepath.SplitList(s.getenv("LD_LIBRARY_PATH")) {
		if filepath.IsAbs(d) {
			dirs = append(dirs, d)
		}
	}
	system := s.System
	if system == nil {
		triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
		system = []string{"/usr/local/lib", "/usr/lib/winnow", "/opt/winnow/lib", "/usr/lib", "/usr/lib/" + triplet, "/usr/lib64"}
	}
	dirs = append(dirs, system...)
	return compact(dirs)
}

// compact removes repeated folders and keeps the order.
func compact(dirs []string) []string {
	var out []string
	for _, d := range dirs {
		if d = filepath.Clean(d); !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

func (s Search) getenv(key string) string {
	if s.Env == nil {
		return ""
	}
	return s.Env(key)
}

// cache is the user's cache folder after the XDG base directory specification.
func (s Search) cache() string {
	if d := s.getenv("XDG_CACHE_HOME"); filepath.IsAbs(d) {
		return d
	}
	if home := s.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache")
	}
	return ""
}

// named checks a library that source pointed to.
func named(path, source string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &Error{Path: path, Kind: ErrMissing, Detail: "named by " + source, Advice: "correct the path or remove it; " + adviceFetch}
	case err != nil:
		return "", &Error{Path: path, Kind: ErrMissing, Detail: "named by " + source + ": " + err.Error(), Advice: "make the file readable"}
	}
	if info.IsDir() {
		p, ok := inFolder(path)
		if !ok {
			return "", &Error{Path: path, Kind: ErrMissing, Detail: "folder named by " + source + " has none of " + strings.Join(names(), ", "), Advice: adviceFetch}
		}
		path = p
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("tensorflow engine: %s: %w", path, err)
	}
	return abs, Check(abs, runtime.GOARCH)
}

// inFolder returns the library of a folder.
func inFolder(dir string) (string, bool) {
	for _, n := range names() {
		p := filepath.Join(dir, n)
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p, true
		}
	}
	return "", false
}
