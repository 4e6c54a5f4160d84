#!/bin/sh
# Runs the TensorFlow engine's tests as an arm64 program with the aarch64
# library under qemu-user. Arguments go to the test binary; by default the
# comparisons with native and with LiteRT's recorded outputs run.
#
# What is missing is said in a line that starts with "not here:", and is a
# failure under STRICT=1.
set -eu
cd "$(dirname "$0")"

missing() {
	echo "not here: $*"
	[ "${STRICT:-}" != 1 ]
	exit
}
cc=${CC:-aarch64-linux-gnu-gcc}
command -v "${cc%% *}" >/dev/null 2>&1 || missing "$cc (gcc-aarch64-linux-gnu)"
command -v qemu-aarch64-static >/dev/null 2>&1 || missing "qemu-aarch64-static (qemu-user-static)"
root=${SYSROOT:-/usr/aarch64-linux-gnu}
[ -e "$root/lib/libstdc++.so.6" ] || missing "$root/lib/libstdc++.so.6 (libstdc++6-arm64-cross)"
library=$(./fetch.sh arm64 2>/dev/null) || missing "libtensorflow for arm64 (make libtensorflow ARCH=arm64)"

binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
CGO_ENABLED=1 GOARCH=arm64 CC=$cc go test -c -o "$binary" .
[ $# -gt 0 ] || set -- -test.run 'Operators|Golden|Compare|Shared.*/(ae256_b16x4|el0gap).*'
WINNOW_LIBTENSORFLOW=$library qemu-aarch64-static -cpu "${CPU:-cortex-a72}" -L "$root" "$binary" "$@"
