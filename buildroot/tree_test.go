// Package buildroot checks the external tree for Buildroot in this folder as far
// as that goes without Buildroot: that it is consistent with itself, with the
// emulated machine, and with the program.
package buildroot

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"winnow/edge/config"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files lists the files of this folder by a pattern; there must be one.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %v, %v", pattern, all, err)
	}
	return all
}

func defconfigs(t *testing.T) []string { return files(t, "configs/*_defconfig") }

// setting is one line of a file in kconfig's format.
type setting struct{ symbol, value string }

var (
	setLine   = regexp.MustCompile(`^([A-Z][A-Za-z0-9_]*)=(y|m|[0-9]+|0x[0-9a-fA-F]+|"[^"]*")$`)
	unsetLine = regexp.MustCompile(`^# ([A-Z][A-Za-z0-9_]*) is not set$`)
)

// settings reads kconfig's format and refuses anything else, and what is set twice.
func settings(t *testing.T, path, prefix string) []setting {
	t.Helper()
	var all []setting
	seen := map[string]bool{}
	for i, line := range strings.Split(read(t, path), "\n") {
		set, unset := setLine.FindStringSubmatch(line), unsetLine.FindStringSubmatch(line)
		var s setting
		switch {
		case set != nil:
			s = setting{set[1], strings.Trim(set[2], `"`)}
		case unset != nil:
			s = setting{unset[1], "n"}
		case line == "" || strings.HasPrefix(line, "# ") && !strings.Contains(line, "_"):
			continue
		default:
			t.Errorf("%s:%d: %q is no setting", path, i+1, line)
			continue
		}
		if !strings.HasPrefix(s.symbol, prefix) || seen[s.symbol] {
			t.Errorf("%s:%d: %s is set twice or is no %s symbol", path, i+1, s.symbol, prefix)
		}
		seen[s.symbol] = true
		all = append(all, s)
	}
	return all
}

func value(all []setting, symbol string) string {
	for _, s := range all {
		if s.symbol == symbol {
			return s.value
		}
	}
	return ""
}

func TestSettingsAreInKconfigsFormat(t *testing.T) {
	for _, f := range defconfigs(t) {
		if all := settings(t, f, "BR2_"); value(all, "BR2_PACKAGE_WINNOW") != "y" || value(all, "BR2_aarch64") != "y" {
			t.Errorf("%s makes no image for a station", f)
		}
	}
	for _, f := range files(t, "board/*/*.fragment") {
		if len(settings(t, f, "CONFIG_")) == 0 {
			t.Errorf("%s is empty", f)
		}
	}
}

// TestDriversNeedNoLoading: the architecture's default configuration has these as
// modules, and nothing loads one whose device appears after the boot's one look
// round. Without the last two the processor stays at the 600 MHz it boots with.
func TestDriversNeedNoLoading(t *testing.T) {
	all := slices.Concat(settings(t, "board/winnow/linux.fragment", "CONFIG_"), settings(t, "board/raspberrypi4-64/linux.fragment", "CONFIG_"))
	for _, symbol := range []string{"CONFIG_USB_VIDEO_CLASS", "CONFIG_BCMGENET", "CONFIG_PCIE_BRCMSTB", "CONFIG_CLK_RASPBERRYPI", "CONFIG_ARM_RASPBERRYPI_CPUFREQ"} {
		if v := value(all, symbol); v != "y" {
			t.Errorf("%s is %q in the Raspberry Pi's kernel", symbol, v)
		}
	}
}

// TestImagesCanTrustABroker: a certificate is valid where the date is and its authority
// is known.
func TestImagesCanTrustABroker(t *testing.T) {
	for _, f := range defconfigs(t) {
		for _, symbol := range []string{"BR2_PACKAGE_CHRONY", "BR2_PACKAGE_CA_CERTIFICATES"} {
			if v := value(settings(t, f, "BR2_"), symbol); v != "y" {
				t.Errorf("%s: %s is %q", f, symbol, v)
			}
		}
	}
}

// TestNamedFilesExist looks for every file of this tree that anything in it names.
func TestNamedFilesExist(t *testing.T) {
	named := regexp.MustCompile(`\$(?:\(BR2_EXTERNAL_WINNOW_PATH\)|BR2_EXTERNAL_WINNOW_PATH)/([\w./*-]*)`)
	n := 0
	for _, f := range slices.Concat(defconfigs(t), files(t, "package/*/*"), []string{"external.mk", "Config.in"}) {
		for _, m := range named.FindAllStringSubmatch(read(t, f), -1) {
			n++
			if found, err := filepath.Glob(m[1]); err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which is not there", f, m[0])
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d names were found", n)
	}
}

// TestProgramComesFromWhereMakeLeavesIt compares the package with the Makefile.
func TestProgramComesFromWhereMakeLeavesIt(t *testing.T) {
	mk, rules := read(t, "package/winnow/winnow.mk"), read(t, "../Makefile")
	from := regexp.MustCompile(`WINNOW_FROM = \$\(WINNOW_TREE\)/(\S+)\nWINNOW_TARGET = (\S+)`).FindAllStringSubmatch(mk, -1)
	if len(from) != 2 {
		t.Fatalf("the package takes the program from %v", from)
	}
	for _, f := range from {
		recipe := regexp.MustCompile(`(?m)^` + f[2] + `:.*\n(\t.*\n)+`).FindString(rules)
		if !strings.Contains(recipe, f[1]) {
			t.Errorf("make %s does not leave %s:\n%s", f[2], f[1], recipe)
		}
	}
}

// TestSymbolsAreDefinedAndUsed looks at the symbols that are ours.
func TestSymbolsAreDefinedAndUsed(t *testing.T) {
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^config (\w+)$`).FindAllStringSubmatch(read(t, "package/winnow/Config.in"), -1) {
		defined[m[1]] = true
	}
	used := map[string]bool{}
	ours := regexp.MustCompile(`BR2_PACKAGE_WINNOW\w*`)
	for _, f := range append(defconfigs(t), "package/winnow/winnow.mk") {
		for _, s := range ours.FindAllString(read(t, f), -1) {
			used[s] = true
			if !defined[s] {
				t.Errorf("%s uses %s, which Config.in does not define", f, s)
			}
		}
	}
	for s := range defined {
		if !used[s] {
			t.Errorf("%s is defined and nothing uses it", s)
		}
	}
	if !defined["BR2_PACKAGE_WINNOW"] || !strings.Contains(read(t, "Config.in"), "package/winnow/Config.in") {
		t.Error("Buildroot does not find the package")
	}
	if d := read(t, "external.desc"); !strings.HasPrefix(d, "name: WINNOW\n") {
		t.Errorf("external.desc: %q; the name is in every path", d)
	}
}

// TestKernelIsTheEmulatedMachines: what is proved there is proved of that series.
func TestKernelIsTheEmulatedMachines(t *testing.T) {
	m := regexp.MustCompile(`(?m)^linux-image-(\d+\.\d+)\.\d+`).FindStringSubmatch(read(t, "emulator/packages.lock"))
	if m == nil {
		t.Fatal("packages.lock has no kernel")
	}
	headers := "BR2_PACKAGE_HOST_LINUX_HEADERS_CUSTOM_" + strings.ReplaceAll(m[1], ".", "_")
	for _, f := range defconfigs(t) {
		all := settings(t, f, "BR2_")
		if v := value(all, "BR2_LINUX_KERNEL_CUSTOM_VERSION_VALUE"); !strings.HasPrefix(v, m[1]+".") || value(all, headers) != "y" {
			t.Errorf("%s: kernel %s, headers %q; the emulated machine has %s", f, v, value(all, headers), m[1])
		}
	}
}

func TestStationStartsFirst(t *testing.T) {
	var order []string
	for _, dir := range []string{"overlay/etc/init.d", "emulator/overlay/etc/init.d"} {
		for _, f := range files(t, dir+"/S[0-9]*") {
			order = append(order, filepath.Base(f))
		}
	}
	slices.Sort(order)
	at := slices.Index(order, "S01winnow")
	for _, before := range order[:max(at, 0)] {
		if !strings.HasPrefix(before, "S00") {
			t.Errorf("%s starts before the station", before)
		}
	}
	if at < 0 {
		t.Errorf("nothing starts the station: %v", order)
	}
}

// TestRootFileSystemIsWrittenTo: the kernel mounts it read-only, and the station
// keeps its records there. Our inittab takes the place of Buildroot's, whose
// setting BR2_TARGET_GENERIC_REMOUNT_ROOTFS_RW it therefore does not see.
func TestRootFileSystemIsWrittenTo(t *testing.T) {
	inittab := read(t, "overlay/etc/inittab")
	proc, writable := strings.Index(inittab, "/bin/mount -t proc "), strings.Index(inittab, "::sysinit:/bin/mount -o remount,rw /\n")
	services := strings.Index(inittab, "/etc/init.d/rcS")
	if writable < proc || writable > services {
		t.Errorf("nothing makes it writable behind /proc, which mount reads, and before the services:\n%s", inittab)
	}
}

// TestNobodyBecomesRootWithoutAPassword: Buildroot's default is an empty one, and
// its BusyBox is setuid root, so that "su" would make any program root.
func TestNobodyBecomesRootWithoutAPassword(t *testing.T) {
	for _, f := range defconfigs(t) {
		if all := settings(t, f, "BR2_"); value(all, "BR2_TARGET_ENABLE_ROOT_LOGIN") != "n" {
			t.Errorf("%s: root has no password (BR2_TARGET_ENABLE_ROOT_LOGIN)", f)
		}
	}
}

// TestRecordsFitOnTheDisk: what a station keeps by default, pictures and records
// that wait for the broker, is less than half of the disk it is on.
func TestRecordsFitOnTheDisk(t *testing.T) {
	c, err := config.Load("package/winnow/winnow.toml")
	if err != nil {
		t.Fatal(err)
	}
	kept := c.Records.MaxMB + c.MQTT.OutboxMB
	for _, f := range defconfigs(t) {
		if size := megabytes(t, value(settings(t, f, "BR2_"), "BR2_TARGET_ROOTFS_EXT2_SIZE")); size < 2*kept {
			t.Errorf("%s: a disk of %d MB for records of %d MB and the program", f, size, kept)
		}
	}
}

// megabytes reads a size as mke2fs does.
func megabytes(t *testing.T, size string) int {
	t.Helper()
	number, unit := strings.TrimRight(size, "MG"), strings.TrimLeft(size, "0123456789")
	n, err := strconv.Atoi(number)
	if err != nil || unit != "M" && unit != "G" {
		t.Fatalf("%q is no size in M or G", size)
	}
	if unit == "G" {
		n *= 1024
	}
	return n
}

// TestKernelKeepsWhatTheStationSays: the keeper sends its words to the kernel's
// log, which takes ten lines in five seconds and drops the rest of, say, a
// crash's trace. The emulated machine is booted without that limit.
func TestKernelKeepsWhatTheStationSays(t *testing.T) {
	const unlimited = "printk.devkmsg=on"
	for _, f := range append(files(t, "board/*/cmdline.txt"), "emulator/machine.go") {
		if !strings.Contains(read(t, f), unlimited) {
			t.Errorf("%s boots a kernel without %s", f, unlimited)
		}
	}
}

func TestScriptsMayBeRun(t *testing.T) {
	err := filepath.WalkDir("overlay", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(read(t, path), "#!") {
			return err
		}
		if i, err := d.Info(); err != nil || i.Mode()&0o111 != 0o111 {
			t.Errorf("%s is not executable (%v)", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestServicesAgree: BusyBox's init and systemd run the same command as the same
// user.
func TestServicesAgree(t *testing.T) {
	const command = "/usr/bin/winnow run --config /etc/winnow/winnow.toml"
	for _, f := range []string{"overlay/usr/libexec/winnow/keep", "package/winnow/winnow.service"} {
		if !strings.Contains(read(t, f), command) {
			t.Errorf("%s does not run %q", f, command)
		}
	}
	if !strings.Contains(read(t, "package/winnow/winnow.service"), "\nUser=winnow\n") {
		t.Error("systemd runs the station as somebody else")
	}
}

// TestSystemdWatchesTheStation: the station feeds the watchdog of a service
// manager that asks it to, by the line's progress; systemd asks with WatchdogSec.
// It counts from READY=1, so that a model may take its time to be loaded.
func TestSystemdWatchesTheStation(t *testing.T) {
	unit := read(t, "package/winnow/winnow.service")
	for _, line := range []string{"Type=notify", "WatchdogSec=15", "Restart=always"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("winnow.service lacks %s: a station that hangs would hang for ever", line)
		}
	}
}

// TestSystemdGivesTheStationItsDevices: what mdev.conf gives it under BusyBox's
// init, udev's rules and the unit give it under systemd, which has a group for
// cameras by itself.
func TestSystemdGivesTheStationItsDevices(t *testing.T) {
	given := map[string]string{}
	for _, line := range strings.Split(read(t, "overlay/etc/mdev.conf"), "\n") {
		if f := strings.Fields(line); len(f) >= 3 {
			given[f[0]] = f[1] + " " + f[2]
		}
	}
	unit, rules := read(t, "package/winnow/winnow.service"), read(t, "package/winnow/winnow.rules")
	for _, d := range []struct {
		name, owner, rule string
		allowed           []string
	}{
		{"video[0-9]+", "root:video 660", "", []string{"char-video4linux"}},
		{"gpiochip[0-9]+", "root:gpio 660", `KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"`, []string{"char-gpiochip"}},
		{"watchdog[0-9]*", "winnow:winnow 600", `KERNEL=="watchdog*", OWNER="winnow", MODE="0600"`, []string{"char-watchdog", "/dev/watchdog"}},
	} {
		if given[d.name] != d.owner {
			t.Errorf("mdev.conf gives %s to %q, not %q", d.name, given[d.name], d.owner)
		}
		if !strings.Contains(rules, d.rule+"\n") {
			t.Errorf("winnow.rules does not give %s to %s", d.name, d.owner)
		}
		for _, a := range d.allowed {
			if !strings.Contains(unit, "\nDeviceAllow="+a+" rw\n") {
				t.Errorf("winnow.service keeps the station from %s", a)
			}
		}
	}
	if !strings.Contains(read(t, "package/winnow/winnow.mk"), "$(WINNOW_PKGDIR)/winnow.rules $(TARGET_DIR)/usr/lib/udev/rules.d/70-winnow.rules") {
		t.Error("the package does not install udev's rules")
	}
}

// TestUsersAreTheSameEverywhere compares the image's users with the emulated
// machine's, which Buildroot does not make.
func TestUsersAreTheSameEverywhere(t *testing.T) {
	mk := read(t, "package/winnow/winnow.mk")
	passwd, group := read(t, "emulator/overlay/etc/passwd"), read(t, "emulator/overlay/etc/group")
	user := regexp.MustCompile(`(?m)^\twinnow (\d+) winnow (\d+) \* (\S+) (\S+) (\S+) `).FindStringSubmatch(mk)
	gpio := regexp.MustCompile(`(?m)^\t- - gpio (\d+) - - - - -$`).FindStringSubmatch(mk)
	if user == nil || gpio == nil {
		t.Fatal("the package makes no users")
	}
	if want := "winnow:*:" + user[1] + ":" + user[2] + ":Winnow:" + user[3] + ":" + user[4]; !strings.Contains(passwd, want+"\n") {
		t.Errorf("passwd has no %q", want)
	}
	if !strings.Contains(group, "gpio:x:"+gpio[1]+":winnow\n") || !strings.Contains(group, "winnow:x:"+user[2]+":\n") {
		t.Errorf("group differs:\n%s", group)
	}
	for _, g := range strings.Split(user[5], ",") {
		if !regexp.MustCompile(`(?m)^` + g + `:x:\d+:winnow$`).MatchString(group) {
			t.Errorf("winnow is not in the group %s in the emulated machine", g)
		}
	}
}

func TestDefaultConfigurationIsInOrder(t *testing.T) {
	if _, err := config.Load("package/winnow/winnow.toml"); err != nil {
		t.Error(err)
	}
}

// TestSDCardHasWhatItIsMadeOf compares the Raspberry Pi's card with its files.
func TestSDCardHasWhatItIsMadeOf(t *testing.T) {
	card, cmdline := read(t, "board/raspberrypi4-64/genimage.cfg"), read(t, "board/raspberrypi4-64/cmdline.txt")
	all := settings(t, "configs/winnow_raspberrypi4_64_defconfig", "BR2_")
	signature := regexp.MustCompile(`disk-signature = 0x([0-9a-f]{8})`).FindStringSubmatch(card)
	if signature == nil || !strings.Contains(cmdline, "root=PARTUUID="+signature[1]+"-02 ") {
		t.Errorf("cmdline.txt names another root than genimage.cfg makes: %q", cmdline)
	}
	tree := filepath.Base(value(all, "BR2_LINUX_KERNEL_INTREE_DTS_NAME")) + ".dtb"
	for _, f := range []string{tree, "Image", "rpi-firmware/config.txt", "rpi-firmware/cmdline.txt"} {
		if !strings.Contains(card, `"`+f+`"`) {
			t.Errorf("the card lacks %s", f)
		}
	}
	// With less memory than this the Raspberry Pi starts its cut-down firmware.
	const wholeFirmware = 32
	memory := regexp.MustCompile(`(?m)^gpu_mem=(\d+)$`).FindStringSubmatch(read(t, "board/raspberrypi4-64/config.txt"))
	if memory == nil {
		t.Fatal("config.txt says nothing of gpu_mem")
	}
	if n, _ := strconv.Atoi(memory[1]); n < wholeFirmware && !strings.Contains(card, `"rpi-firmware/start4cd.elf"`) {
		t.Errorf("%s asks for start4cd.elf, which the card lacks: it does not boot", memory[0])
	}
	if boot := read(t, "board/raspberrypi4-64/config.txt"); !strings.Contains(boot, "\ndevice_tree="+tree+"\n") || !strings.Contains(boot, "\nkernel=Image\n") {
		t.Errorf("config.txt starts something else:\n%s", boot)
	}
}
