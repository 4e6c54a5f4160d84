#!/usr/bin/env bash
# Makes the parts of the emulated ARM machine from Debian packages: kernel,
# modules, BusyBox. Two modules are compiled against the kernel's headers:
# v4l2loopback, which Debian ships as source, and gpio-sim, which Debian's
# kernels leave out. Nothing of it enters the source tree.
#
#   buildroot/emulator/machine.sh
#
# The last line of standard output is the folder: vmlinuz, busybox, modules/,
# versions. Running it again is free. WINNOW_CACHE changes the cache folder.
# Exit code 3: something that this machine lacks, said in a line "not here:".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lock=$here/packages.lock
say() { printf '%s\n' "$*" >&2; }
die() { say "emulated machine: $*"; exit 1; }
missing() { say "not here: $*"; exit 3; }

cache=${WINNOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/winnow}/emulator
key=$(cat "$lock" "$here/machine.sh" | sha256sum | cut -c1-12)
folder=$cache/machine-$key
give() { # says where it is, and that it is still in use
	touch "$folder"
	printf '%s\n' "$folder"
	exit 0
}
[ ! -f "$folder/versions" ] || give

need() { command -v "$1" >/dev/null 2>&1 || missing "$1 ($2)"; }
need apt-get apt
need dpkg-deb dpkg
need make make
need xz xz-utils
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # two runs at once would tread on each other
[ ! -f "$folder/versions" ] || give
# What other checkouts have made stays while they use it.
find "$cache" -maxdepth 1 -name 'machine-*' -mtime +30 -exec rm -rf {} +

# A private APT: it knows two processors and leaves the system's own alone. The
# sources are the system's; only those of Debian itself are taken.
apt=$cache/apt debs=$cache/debs
private_apt() {
	local f
	mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial "$apt"/parts "$debs"
	: >"$apt/status"
	: >"$apt/sources.list"
	rm -f "$apt"/parts/*
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
		[ -f "$f" ] && grep -q debian-archive-keyring "$f" && cp "$f" "$apt/parts/"
		[ -f "$f" ] && [ "${f##*.}" = list ] && grep -E '^deb .*debian' "$f" | grep -v 'signed-by=' >>"$apt/sources.list"
	done
	native=$(dpkg --print-architecture)
	cat >"$apt/apt.conf" <<-CONF
		Dir::State "$apt/state";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt/cache";
		Dir::Etc::SourceList "$apt/sources.list";
		Dir::Etc::SourceParts "$apt/parts";
		APT::Architecture "$native";
		APT::Architectures { "$native"; "arm64"; };
		APT::Sandbox::User "$(id -un)";
		Acquire::Languages "none";
		Debug::NoLocking "1";
	CONF
	export APT_CONFIG=$apt/apt.conf
	apt-get -q update >"$apt/update.log" 2>&1 || missing "Debian's packages: $(tail -1 "$apt/update.log")"
}

# served NAME ARCH VERSION: whether Debian still has it.
served() { apt-cache madison "$1" 2>/dev/null | grep -qF " $2 "; }

# packages lists NAME ARCH VERSION of what is taken. A kernel's version is part
# of its packages' names; when it is gone, the newest of its series takes its place.
packages() {
	local kernel newest
	kernel=$(sed -n 's/^linux-image-\(.*\)-arm64 .*/\1/p' "$lock")
	if served "linux-image-$kernel-arm64" "$(sed -n 's/^linux-image-.* //p' "$lock")"; then
		newest=$kernel
	else
		newest=$(apt-cache depends "linux-image-${kernel%.*}-arm64:arm64" | sed -n 's/.*Depends: linux-image-\(.*\)-arm64.*/\1/p') || newest=
		[ -n "$newest" ] || missing "a kernel ${kernel%.*} from Debian's packages"
		say "emulated machine: Linux $kernel is no longer served, taking $newest: packages.lock should be renewed"
	fi
	grep -v '^#' "$lock" | sed "s/$(printf %s "$kernel" | sed 's/[.+]/\\&/g')/$newest/"
}

# fetch NAME ARCH VERSION leaves the package in the working directory, and adds
# what came to the list of versions.
fetch() {
	local name=$1 arch=$2 version=$3 full file
	[ "$arch" != native ] || arch=$(dpkg --print-architecture)
	full=$name
	[ "$arch" = all ] || full=$name:$arch
	if ! apt-get -q download "$full=$version" >/dev/null 2>&1; then
		say "emulated machine: $name $version is no longer served, taking the newest"
		apt-get -q download "$full" >/dev/null 2>&1 || missing "$name ($arch) from Debian's packages"
	fi
	for file in "$name"_*.deb; do
		dpkg-deb -f "$file" Package Version Architecture | sed 's/^[A-Za-z]*: //' | paste -sd' ' >>"$work/out/versions"
	done
}

say "emulated machine: fetching a kernel and its sources from Debian (260 MB once)"
private_apt
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/out/modules" "$work/root" "$work/gpio-sim" "$work/v4l2loopback"
rm -rf "$debs" && mkdir -p "$debs" && cd "$debs"
packages >"$work/wanted"
while read -r name arch version; do fetch "$name" "$arch" "$version"; done <"$work/wanted"
for d in *.deb; do
	case $d in linux-source-*) ;; *) dpkg-deb -x "$d" "$work/root" ;; esac
done

say "emulated machine: compiling gpio-sim and v4l2loopback"
kernel=$(basename "$work"/root/boot/vmlinuz-*)
kernel=${kernel#vmlinuz-}
headers=$work/root/usr/src/linux-headers-$kernel
sed -i "s|/usr/src|$work/root/usr/src|" "$headers/Makefile"
dpkg-deb --fsys-tarfile linux-source-*.deb | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
	tar -xJ -C "$work/gpio-sim" --strip-components=3 --wildcards '*/drivers/gpio/gpio-sim.c' '*/drivers/gpio/gpiolib.h' '*/kernel/irq/irq_sim.c' 2>/dev/null || true
cd "$work/gpio-sim"
mv gpio-sim.c gpio-sim-core.c
[ -f irq_sim.c ] || mv ./*/irq_sim.c .
# irq_to_desc is not exported to modules; this is what the exported call does.
sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq_safe(irqnum)/' irq_sim.c
printf 'obj-m := gpio-sim.o\ngpio-sim-y := gpio-sim-core.o irq_sim.o\n' >Kbuild
cp "$work"/root/usr/src/v4l2loopback-*/* "$work/v4l2loopback/"
printf 'obj-m := v4l2loopback.o\n' >"$work/v4l2loopback/Kbuild"
module() { # NAME: strlcpy left the kernel in 6.8
	make -s -C "$headers" M="$work/$1" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- \
		CONFIG_DEBUG_INFO_BTF_MODULES= KCFLAGS=-Dstrlcpy=strscpy modules >"$work/$1.log" 2>&1 ||
		{ cat "$work/$1.log" >&2; die "$1 does not compile against $kernel"; }
	aarch64-linux-gnu-strip -g "$work/$1/$1.ko"
	cp "$work/$1/$1.ko" "$work/out/modules/"
}
module gpio-sim
module v4l2loopback

# Every module that the kernel has, unpacked, is 400 MB; what the machine loads
# and what that depends on is little. The driver orders them by their own word.
tree=$work/root/lib/modules/$kernel
take() {
	local f name=$1 d
	[ ! -e "$work/out/modules/$name.ko" ] || return 0
	f=$(find "$tree" \( -name "${name//[-_]/[-_]}.ko" -o -name "${name//[-_]/[-_]}.ko.xz" \) | head -1)
	if [ -z "$f" ]; then
		grep -q "/${name//[-_]/[-_]}\.ko" "$tree/modules.builtin" || die "the kernel has no module $name"
		return 0
	fi
	case $f in *.xz) xz -dc "$f" >"$work/out/modules/$name.ko" ;; *) cp "$f" "$work/out/modules/$name.ko" ;; esac
	needs "$work/out/modules/$name.ko"
}
needs() {
	local d
	for d in $(LC_ALL=C tr '\0' '\n' <"$1" | sed -n 's/^depends=//p' | tr ',' ' '); do take "$d"; done
}
needs "$work/out/modules/gpio-sim.ko"
needs "$work/out/modules/v4l2loopback.ko"
for m in vivid i6300esb virtio_net virtio_pci; do take "$m"; done

cp "$work/root/boot/vmlinuz-$kernel" "$work/out/vmlinuz"
cp "$work/root/bin/busybox" "$work/out/busybox"
cp "$work/root/boot/config-$kernel" "$work/out/kernel.config"
rm -rf "$folder" "$debs"
mv "$work/out" "$folder"
say "emulated machine: $(du -sm "$folder" | cut -f1) MB in $folder"
give
