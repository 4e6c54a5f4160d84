package buildroot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// keptIn puts the keeper and its init script into a folder in place of the root,
// with a station, su, that is the shell script given, and a sleep.
func keptIn(t *testing.T, station, sleep string) string {
	t.Helper()
	folder := t.TempDir()
	for from, places := range map[string][]string{
		"overlay/usr/libexec/winnow/keep": {"/etc/default/winnow", "/var/lib/winnow", "/run/winnow-keeper.pid", "/dev/kmsg"},
		"overlay/etc/init.d/S01winnow":    {"/usr/libexec/winnow/keep", "/run/winnow-keeper.pid"},
	} {
		script := read(t, from)
		for _, place := range places {
			if !strings.Contains(script, place) {
				t.Fatalf("%s does not name %s", from, place)
			}
			script = strings.ReplaceAll(script, place, folder+place)
		}
		program(t, filepath.Join(folder, strings.TrimPrefix(from, "overlay")), script)
	}
	write(t, filepath.Join(folder, "dev/kmsg"), "")
	write(t, filepath.Join(folder, "run/winnow-keeper.pid"), "")
	program(t, filepath.Join(folder, "bin/su"), "#!/bin/sh\n"+strings.ReplaceAll(station, "FOLDER", folder))
	program(t, filepath.Join(folder, "bin/sleep"), "#!/bin/sh\n"+sleep)
	program(t, filepath.Join(folder, "bin/chown"), "#!/bin/sh\n")
	t.Setenv("PATH", filepath.Join(folder, "bin")+":"+os.Getenv("PATH"))
	return folder
}

func program(t *testing.T, path, script string) {
	t.Helper()
	write(t, path, script)
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func sh(t *testing.T, argv ...string) error {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "/bin/sh", argv...).CombinedOutput()
	t.Logf("%s: %v\n%s", argv, err, out)
	return err
}

func TestKeeperSendsTheStationsWordsWhereItIsTold(t *testing.T) {
	for _, c := range []struct{ name, defaults, log string }{
		{"nowhere else", "", "dev/kmsg"},
		{"a file", "LOG=FOLDER/station.log\n", "station.log"},
		// A folder that is not there, a stick that was pulled: it inspects all the same.
		{"a file that cannot be written", "LOG=FOLDER/stick/station.log\n", "dev/kmsg"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// The station ends once, and the keeper in the pause behind it.
			folder := keptIn(t, "echo the station says something\n", "kill -TERM $PPID\n")
			write(t, filepath.Join(folder, "etc/default/winnow"), strings.ReplaceAll(c.defaults, "FOLDER", folder))
			if err := sh(t, filepath.Join(folder, "usr/libexec/winnow/keep")); err != nil {
				t.Fatal(err)
			}
			if log := read(t, filepath.Join(folder, c.log)); !strings.Contains(log, "the station says something\n") {
				t.Errorf("%s has %q", c.log, log)
			}
		})
	}
}

// TestStationThatDoesNotEndIsKilled: under systemd it is after a while, and is
// started again; so it must be here, or "restart" leaves the line without one.
func TestStationThatDoesNotEndIsKilled(t *testing.T) {
	if _, err := exec.LookPath("start-stop-daemon"); err != nil {
		t.Skipf("not here: %v", err)
	}
	folder := keptIn(t, `trap '' TERM
echo $$ >FOLDER/station
while :; do sleep 1; done
`, "exec /bin/sleep 0.01\n")
	service, pid := filepath.Join(folder, "etc/init.d/S01winnow"), filepath.Join(folder, "station")
	if err := os.Remove(filepath.Join(folder, "run/winnow-keeper.pid")); err != nil {
		t.Fatal(err)
	}
	alive := func(path string) bool { return sh(t, "-c", "kill -0 $(cat "+path+")") == nil }
	t.Cleanup(func() {
		_ = exec.Command("/bin/sh", "-c", "kill -9 $(cat "+pid+" "+folder+"/run/winnow-keeper.pid)").Run()
	})
	if err := sh(t, service, "start"); err != nil {
		t.Fatal(err)
	}
	for tries := 0; !alive(pid); tries++ {
		if tries == 1000 {
			t.Fatal("no station")
		}
	}
	if err := sh(t, service, "stop"); err != nil || alive(pid) {
		t.Errorf("stop: %v; the station still runs", err)
	}
	if sh(t, service, "status") == nil {
		t.Error("the keeper still runs")
	}
}
