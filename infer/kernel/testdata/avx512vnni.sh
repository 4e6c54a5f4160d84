#!/bin/sh
# Runs the kernel tests with AVX512-VNNI on a machine without it: Bochs emulates
# an Ice Lake that boots Debian's kernel with the test binary as its first
# process. Takes a few minutes.
#
#   infer/kernel/testdata/avx512vnni.sh [-test.flags...]     default: -test.short
#
# Needs Debian's bochs, bochs-term, bochsbios, vgabios, isolinux, syslinux-common, xorriso,
# cpio, and a linux-image-cloud-amd64 vmlinuz: KERNEL=path, else fetched by apt.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- -test.short

if [ -z "${KERNEL:-}" ]; then
	(cd "$work" && name=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends/{print $2; exit}') &&
		apt-get download "$name" >/dev/null 2>&1 && dpkg-deb --fsys-tarfile "$name"_*.deb | tar x ./boot)
	KERNEL=$(ls "$work"/boot/vmlinuz-*)
fi

mkdir -p "$work/root/dev" "$work/root/tmp" "$work/iso"
CGO_ENABLED=0 GOARCH=amd64 go test -c -o "$work/root/init" .
(cd "$work/root" && mknod dev/console c 5 1 && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/iso/initrd"
cp "$KERNEL" "$work/iso/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/iso/"
cat >"$work/iso/isolinux.cfg" <<CFG
SERIAL 0 115200
DEFAULT test
LABEL test
  KERNEL vmlinuz
  INITRD initrd
  APPEND console=ttyS0 mitigations=off nokaslr noxsaves acpi=off nosmp noapic nolapic_timer hpet=disable earlyprintk=serial,ttyS0,115200 ignore_loglevel initcall_debug tsc=reliable lpj=1000000 random.trust_cpu=on panic=0 clearcpuid=515,124 lsm=none GOGC=off -- $*
CFG
xorriso -as mkisofs -quiet -o "$work/test.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso" 2>/dev/null

cat >"$work/bochsrc" <<CFG
display_library: term
sound: driver=dummy
megs: 1024
cpu: model=corei7_icelake_u, count=1, ips=200000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$work/test.iso, status=inserted
boot: cdrom
clock: sync=none
com1: enabled=1, mode=file, dev=$work/serial
log: $work/log
panic: action=report
CFG
echo c | TERM=linux script -qc "echo \$\$ >$work/pid; exec bochs -q -f $work/bochsrc" /dev/null >"$work/out" 2>&1 &
trap 'kill -9 $(cat "$work/pid") 2>/dev/null || true; rm -rf "$work"' EXIT
sleep 1
seconds=0
until grep -q -E '^(PASS|FAIL)|Kernel panic|Attempted to kill init' "$work/serial" 2>/dev/null; do
	sleep 2
	seconds=$((seconds + 2))
	if [ $seconds -gt "${LIMIT:-1500}" ] || ! kill -0 "$(cat "$work/pid")" 2>/dev/null; then
		echo "no result after $seconds s" >&2
		tail -n 5 "$work/serial" "$work/log" >&2 || true
		exit 1
	fi
done
sleep 1
tr -d '\r' <"$work/serial" | grep -v '^\[' || true
grep -q '^PASS' "$work/serial" && grep -q 'avx512vnni' "$work/serial"
