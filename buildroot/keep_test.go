package buildroot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// keeper runs the keeper in a folder of its own until the station, which is the
// program named su there, has ended once. FOLDER in defaults is that folder.
func keeper(t *testing.T, defaults string) (folder string, started bool) {
	t.Helper()
	folder = t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	script := read(t, "overlay/usr/libexec/winnow/keep")
	for _, place := range []string{"/etc/default/winnow", "/var/lib/winnow", "/run/winnow-keeper.pid", "/dev/kmsg"} {
		if !strings.Contains(script, place) {
			t.Fatalf("the keeper does not name %s", place)
		}
		script = strings.ReplaceAll(script, place, filepath.Join(folder, place))
	}
	write("keep", script, 0o755)
	write("dev/kmsg", "", 0o644)
	write("run/winnow-keeper.pid", "", 0o644)
	write("etc/default/winnow", strings.ReplaceAll(defaults, "FOLDER", folder), 0o644)
	write("bin/su", "#!/bin/sh\necho the station says something\n: >"+folder+"/started\n", 0o755)
	write("bin/chown", "#!/bin/sh\n", 0o755)
	write("bin/sleep", "#!/bin/sh\nkill -TERM $PPID\n", 0o755) // before it is started again
	c := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(folder, "keep"))
	c.Env = append(os.Environ(), "PATH="+filepath.Join(folder, "bin")+":"+os.Getenv("PATH"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, err := os.Stat(filepath.Join(folder, "started"))
	return folder, err == nil
}

func TestKeeperSendsTheStationsWordsWhereItIsTold(t *testing.T) {
	for _, c := range []struct{ name, defaults, log string }{
		{"nowhere else", "", "dev/kmsg"},
		{"a file", "LOG=FOLDER/station.log\n", "station.log"},
		// A folder that is not there, a stick that was pulled: it inspects all the same.
		{"a file that cannot be written", "LOG=FOLDER/stick/station.log\n", "dev/kmsg"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder, started := keeper(t, c.defaults)
			if !started {
				t.Fatal("the station was not started")
			}
			if log := read(t, filepath.Join(folder, c.log)); !strings.Contains(log, "the station says something\n") {
				t.Errorf("%s has %q", c.log, log)
			}
		})
	}
}
