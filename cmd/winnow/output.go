package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"winnow/edge/store"
)

// writeJSON prints v indented.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// checkFolder refuses a file whose folder is not there: work may take long,
// so that is said before it.
func checkFolder(path string) error {
	dir := filepath.Dir(path)
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return fmt.Errorf("%s cannot be written: there is no folder %s", path, dir)
	}
	return nil
}

// refuseFolder where a file is to be written.
func refuseFolder(flag, path string) error {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return usagef("%s %s is a folder: name a file", flag, path)
	}
	return nil
}

// progress shows a bar with the time left once work has lasted two seconds, on
// a terminal only. The zero progress shows nothing.
type progress struct {
	log   io.Writer // for what is said in between; nil: nothing
	out   *os.File  // nil: no terminal, no bar
	start time.Time
	bar   *progressbar.ProgressBar
	stage string
}

// newProgress writes to w if that is a terminal.
func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{log: w}
	}
	return &progress{log: w, out: f, start: time.Now()}
}

// say writes a line above the bar.
func (p *progress) say(line string) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	if p.log != nil {
		fmt.Fprintln(p.log, line)
	}
}

// update shows done of total units of the named stage.
func (p *progress) update(stage string, done, total int) {
	if p.out == nil || p.bar == nil && time.Since(p.start) < 2*time.Second {
		return
	}
	if p.bar == nil || p.stage != stage {
		if p.bar == nil {
			p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetWidth(30),
				progressbar.OptionClearOnFinish(), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true))
		}
		p.stage = stage
		p.bar.Describe(stage)
	}
	p.bar.ChangeMax(total)
	_ = p.bar.Set(done)
}

// finish clears the bar.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}

// writeAtomic writes data so that a reader of path sees the old file or the new
// one, never half of one. A link stays one, also one that leads to nothing yet, and what is no
// file, such as /dev/null, is written to and never replaced.
func writeAtomic(path string, data []byte) error {
	path = behindLinks(path)
	if st, err := os.Stat(path); err == nil && !st.IsDir() && !st.Mode().IsRegular() {
		return os.WriteFile(path, data, 0o644)
	}
	return store.WriteFile(path, data, 0o644)
}

// mostLinks is how many links may lead to one file.
const mostLinks = 40

// behindLinks is the file that path leads to, whether it is there or not.
func behindLinks(path string) string {
	if to, err := filepath.EvalSymlinks(path); err == nil {
		return to
	}
	for to, n := path, 0; n < mostLinks; n++ {
		next, err := os.Readlink(to)
		if err != nil {
			if _, err := os.Lstat(to); errors.Is(err, os.ErrNotExist) {
				return to
			}
			break // such as /dev/stdout, which is a pipe without a name
		}
		if !filepath.IsAbs(next) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(to))
			if err != nil {
				break
			}
			next = filepath.Join(dir, next)
		}
		to = next
	}
	return path
}
