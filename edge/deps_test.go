package edge_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// pkg is the part of `go list -json` that the rules look at.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	CgoFiles     []string
	SFiles       []string
	Standard     bool
}

// fence says that only packages under Inside may import anything under Import.
type fence struct {
	Import string
	Inside []string
	Reason string
}

var fences = []fence{
	{"github.com/blackjack/webcam", []string{"capture/v4l2"}, "its faults (lost timestamps, sequence, error flag) are made good in one place"},
	{"periph.io/x/conn/v3", []string{"gpio"}, "pins stay behind outputs that have a safe level"},
	{"github.com/warthog618/go-gpiocdev", []string{"gpio/cdev"}, "one place requests lines, with their safe level"},
	{"github.com/eclipse/paho.mqtt.golang", []string{"telemetry/mqtt"}, "hostile packets are capped at its connection"},
	{"github.com/simonvetter/modbus", []string{"telemetry/modbus"}, "PLCs only read; its server is fenced in one place"},
	{"github.com/tensorflow/tensorflow", []string{"infer/tf", "infer/train"}, "the binary must start without libtensorflow"},
	{"github.com/pelletier/go-toml/v2", []string{"edge/config", "models", "infer/train"}, "strict decoding with places lives there"},
	{"modernc.org/sqlite", []string{"edge/store"}, "one writer, one set of durability settings"},
	{"unsafe", []string{"infer/kernel", "infer/tf", "gpio/cdev", "capture/v4l2", "buildroot/emulator/plant"}, "memory safety is argued in four places only; the plant is a test's program and never ships"},
	{"runtime/cgo", []string{"infer/tf"}, "the default binary is static"},
	{"C", []string{"infer/tf"}, "the default binary is static"},
}

// rooms are the packages that face the world outside; they never import each other.
var rooms = []string{"capture", "infer", "gpio", "telemetry", "models"}

var (
	leaves   = []string{"edge/config", "edge/store", "edge/seal", "edge/health"}
	useCases = []string{"edge/line", "edge/teach", "edge/evaluate", "edge/update", "edge/web", "edge/fleet", "edge/supervise"}
)

func TestImportRules(t *testing.T) {
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, "winnow/")
		for _, imp := range p.Imports {
			if why := forbidden(name, imp); why != "" {
				t.Errorf("%s imports %s: %s", name, imp, why)
			}
		}
		if len(p.CgoFiles) > 0 && !within(name, "infer/tf") {
			t.Errorf("%s uses cgo: only infer/tf may, so that the default binary is static", name)
		}
		if len(p.SFiles) > 0 && !within(name, "infer/kernel", "infer/tf") {
			t.Errorf("%s has assembly: only infer/kernel and infer/tf may", name)
		}
	}
}

// TestRulesCanFail feeds the rules what they forbid.
func TestRulesCanFail(t *testing.T) {
	for _, c := range [][2]string{
		{"edge", "github.com/spf13/cobra"},
		{"edge/line", "winnow/edge/teach"},
		{"edge/line", "winnow/capture"},
		{"edge/config", "winnow/edge/store"},
		{"capture", "winnow/infer"},
		{"infer", "winnow/infer/native"},
		{"telemetry", "github.com/eclipse/paho.mqtt.golang"},
		{"gpio", "winnow/cmd/winnow"},
		{"cmd/linesim", "winnow/cmd/winnow/internal/station"},
		{"infer/kernel", "winnow/edge"},
		{"models", "winnow/infer"},
		{"cmd/winnow", "winnow/buildroot/emulator/rig"},
		{"capture/scene", "winnow/infer/fit"},
	} {
		if forbidden(c[0], c[1]) == "" {
			t.Errorf("%s may import %s, which a rule forbids", c[0], c[1])
		}
	}
	for _, c := range [][2]string{
		{"edge/line", "winnow/edge"},
		{"infer", "winnow/models"},
		{"infer/native", "winnow/infer"},
		{"cmd/winnow", "winnow/capture/v4l2"},
		{"telemetry/mqtt", "github.com/eclipse/paho.mqtt.golang"},
		{"cmd/winnow", "winnow/cmd/winnow/internal/station"},
	} {
		if why := forbidden(c[0], c[1]); why != "" {
			t.Errorf("%s must be able to import %s: %s", c[0], c[1], why)
		}
	}
}

// ownerOf is the command that an internal package belongs to.
func ownerOf(name string) string {
	owner, _, ok := strings.Cut(name, "/internal/")
	if !ok {
		return name
	}
	return owner
}

// forbidden returns why package from must not import imp, or "".
func forbidden(from, imp string) string {
	for _, f := range fences {
		if within(imp, f.Import) && !within(from, f.Inside...) {
			return "only " + strings.Join(f.Inside, ", ") + " may: " + f.Reason
		}
	}
	ours, isOurs := strings.CutPrefix(imp, "winnow/")
	if from == "edge" && (isOurs || strings.Contains(strings.SplitN(imp, "/", 2)[0], ".")) {
		return "the vocabulary imports the standard library only"
	}
	if !isOurs {
		return ""
	}
	switch {
	case within(ours, "cmd") && !within(from, ownerOf(ours)):
		return "nobody imports a command"
	case within(ours, "buildroot") && !within(from, "buildroot"):
		return "the emulated machine tests the rest and is no part of it"
	case within(from, "cmd", "buildroot"):
		return ""
	case from == "infer/kernel" || strings.HasPrefix(from, "infer/kernel/"):
		if within(ours, "infer/kernel") {
			return ""
		}
		return "kernels import nothing of ours"
	case strings.HasPrefix(ours, from+"/"):
		return "a parent never imports its child"
	case ours == "edge":
		return ""
	case within(from, leaves...):
		if !within(ours, from) && !within(from, ours) {
			return "a leaf imports only edge"
		}
	case within(from, "edge/audit"):
		if !within(ours, "edge/store", "edge/audit") {
			return "audit imports edge and edge/store only"
		}
	case within(from, useCases...):
		if !within(ours, leaves...) && !within(ours, "edge/audit") && !sameRoom(from, ours, useCases) {
			return "a use case imports edge, leaves and audit, never another use case or a device"
		}
	case within(from, rooms...):
		if within(from, "infer") && ours == "models" || within(from, "infer") && within(ours, "models/library") {
			return ""
		}
		if !sameRoom(from, ours, rooms) {
			return "rooms that face the world never import each other or a use case (infer -> models excepted)"
		}
	}
	return ""
}

// sameRoom reports whether a and b lie under the same entry of roots.
func sameRoom(a, b string, roots []string) bool {
	for _, r := range roots {
		if within(a, r) && within(b, r) {
			return true
		}
	}
	return false
}

// within reports whether p is one of roots or lies below one.
func within(p string, roots ...string) bool {
	for _, r := range roots {
		if p == r || strings.HasPrefix(p, r+"/") {
			return true
		}
	}
	return false
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,CgoFiles,SFiles,Standard", "winnow/...")
	out, err := cmd.Output()
	if err != nil {
		var e *exec.ExitError
		if errors.As(err, &e) {
			t.Fatalf("go list: %v\n%s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var ps []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if path.Base(p.ImportPath) != "testdata" {
			ps = append(ps, p)
		}
	}
	if len(ps) < 2 {
		t.Fatalf("go list found %d packages", len(ps))
	}
	return ps
}
