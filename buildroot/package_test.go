package buildroot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildrootsPart is what Buildroot does with a package, as far as ours asks for
// it: unpack and install it once, and run its hooks in every make.
const buildrootsPart = `
qstrip = $(strip $(subst ",,$(1)))
INSTALL = install
WINNOW_PKGDIR = $(BR2_EXTERNAL_WINNOW_PATH)/package/winnow
define sep


endef
all: $(BUILD)/.installed
	$(foreach hook,$(WINNOW_TARGET_FINALIZE_HOOKS),$($(hook))$(sep))
$(BUILD)/.installed:
	$(WINNOW_EXTRACT_CMDS)
	$(WINNOW_INSTALL_TARGET_CMDS)
	$(WINNOW_INSTALL_INIT_SYSTEMD)
	touch $@
include $(BR2_EXTERNAL_WINNOW_PATH)/package/winnow/winnow.mk
`

// image makes what Buildroot would put into an image of tree, and returns its folder.
func image(t *testing.T, tree string, settings ...string) (string, error) {
	t.Helper()
	target, build := filepath.Join(tree, "target"), filepath.Join(tree, "build")
	write(t, filepath.Join(build, "Makefile"), buildrootsPart)
	write(t, filepath.Join(target, "etc/hostname"), "winnow\n") // Buildroot's skeleton
	c := exec.CommandContext(t.Context(), "make", append([]string{"-s", "-f", filepath.Join(build, "Makefile"), "BUILD=" + build, "TARGET_DIR=" + target,
		"BR2_EXTERNAL_WINNOW_PATH=" + filepath.Join(tree, "buildroot"),
		"BR2_PACKAGE_WINNOW_CONFIG=" + filepath.Join(tree, "buildroot/package/winnow/winnow.toml")}, settings...)...)
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	return target, err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestImageHasTheProgramThatWasBuiltLast: "make arm64" and Buildroot's make again
// must not end in an image with the program of last month.
func TestImageHasTheProgramThatWasBuiltLast(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skipf("not here: %v", err)
	}
	for _, c := range []struct {
		name, program string
		settings      []string
	}{
		{"static", "bin/winnow-linux-arm64", nil},
		{"with TensorFlow", "dist/appliance-arm64/usr/bin/winnow", []string{"BR2_PACKAGE_WINNOW_APPLIANCE=y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := t.TempDir()
			write(t, filepath.Join(tree, "LICENSE"), "Apache-2.0\n")
			if err := os.CopyFS(filepath.Join(tree, "buildroot/package"), os.DirFS("package")); err != nil {
				t.Fatal(err)
			}
			if _, err := image(t, tree, c.settings...); err == nil {
				t.Fatal("an image without the program")
			}
			for _, version := range []string{"first", "second"} {
				write(t, filepath.Join(tree, c.program), version)
				target, err := image(t, tree, c.settings...)
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, filepath.Join(target, "usr/bin/winnow")); got != version {
					t.Errorf("the image has the %s program, not the %s", got, version)
				}
				if got := read(t, filepath.Join(target, "etc/winnow/winnow.toml")); !strings.Contains(got, "[camera]") {
					t.Errorf("the image's configuration is %q", got)
				}
			}
		})
	}
}
