package buildroot

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCamerasHaveStableNames runs what mdev calls for a camera over a drawn /sys.
func TestCamerasHaveStableNames(t *testing.T) {
	webcam := map[string]string{
		"sys/devices/usb1/1-1.2/idVendor": "046d\n", "sys/devices/usb1/1-1.2/idProduct": "0825\n",
		"sys/devices/usb1/1-1.2/1-1.2:1.0/bInterfaceNumber": "00\n",
	}
	named := map[string]string{
		"sys/devices/usb1/1-1.2/manufacturer": "A Maker\n", "sys/devices/usb1/1-1.2/product": "Eye/2\n", "sys/devices/usb1/1-1.2/serial": "S 1\n",
	}
	for _, c := range []struct {
		name   string
		files  []map[string]string
		device string // where the camera's "device" leads; "": it has none
		want   []string
	}{
		{"on USB", []map[string]string{webcam, named}, "sys/devices/usb1/1-1.2/1-1.2:1.0",
			[]string{"by-id/usb-A_Maker_Eye_2_S_1-video-index0", "by-path/usb-1-1.2:1.00-video-index0"}},
		{"on USB, with numbers only", []map[string]string{webcam}, "sys/devices/usb1/1-1.2/1-1.2:1.0",
			[]string{"by-id/usb-046d_0825-video-index0", "by-path/usb-1-1.2:1.00-video-index0"}},
		{"on the board", []map[string]string{{"sys/devices/platform/csi.0/x": ""}}, "sys/devices/platform/csi.0",
			[]string{"by-path/platform-csi.0-video-index0"}},
		{"of no device, as a loopback camera is", nil, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			node := filepath.Join(root, "sys/class/video4linux/video0")
			write(t, filepath.Join(node, "index"), "0\n")
			for _, files := range c.files {
				for path, text := range files {
					write(t, filepath.Join(root, path), text)
				}
			}
			write(t, filepath.Join(root, "sys/bus/platform/uevent"), "")
			if c.device != "" {
				link(t, filepath.Join(root, c.device), filepath.Join(node, "device"))
				link(t, filepath.Join(root, "sys/bus/platform"), filepath.Join(root, c.device, "subsystem"))
			}
			if got := cameraNames(t, root, "add"); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := cameraNames(t, root, "remove"); len(got) > 0 {
				t.Errorf("%q stay when it is unplugged", got)
			}
		})
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// cameraNames says what links there are after ACTION on video0.
func cameraNames(t *testing.T, root, action string) []string {
	t.Helper()
	script := strings.NewReplacer("/sys/", root+"/sys/", "/dev/v4l", root+"/dev/v4l").Replace(read(t, "overlay/usr/libexec/winnow/camera-names"))
	c := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
	c.Env = append(os.Environ(), "MDEV=video0", "ACTION="+action)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir, names := filepath.Join(root, "dev/v4l"), []string(nil)
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // none yet
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	return names
}
