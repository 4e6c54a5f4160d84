#!/bin/sh
# Lays out what goes onto an arm64 appliance: the program with the TensorFlow
# engine in it, and the library where the program looks for it.
#
#   infer/tf/appliance.sh [OUTPUT]        default dist/appliance-arm64
#
#   usr/bin/winnow                        cgo build for arm64
#   usr/lib/winnow/libtensorflow_cc.so.2  and what it needs; found from usr/bin
#   usr/share/doc/libtensorflow/          its licence and notices
#
# CC names another cross compiler; GOFLAGS and LDFLAGS (for -ldflags) are heeded.
set -eu
cd "$(dirname "$0")/../.."

out=${1:-dist/appliance-arm64}
cc=${CC:-aarch64-linux-gnu-gcc}
say() { printf '%s\n' "$*" >&2; }
command -v "${cc%% *}" >/dev/null 2>&1 || {
	say "appliance: the cross compiler $cc is not installed: install gcc-aarch64-linux-gnu (with libc6-dev-arm64-cross), or name another in CC"
	exit 1
}

library=$(infer/tf/fetch.sh arm64)
rm -rf "$out.partial"
trap 'rm -rf "$out.partial"' EXIT
mkdir -p "$out.partial/usr/bin" "$out.partial/usr/lib/winnow" "$out.partial/usr/share/doc/libtensorflow"
CGO_ENABLED=1 GOOS=linux GOARCH=arm64 CC=$cc go build -trimpath -ldflags "${LDFLAGS:-}" -o "$out.partial/usr/bin/winnow" ./cmd/winnow
cp "$library"/*.so* "$out.partial/usr/lib/winnow/"
cp "$library/LICENSE" "$library/THIRD_PARTY_NOTICES.txt" "$out.partial/usr/share/doc/libtensorflow/"
rm -rf "$out"
mkdir -p "$(dirname "$out")"
mv "$out.partial" "$out"

say "appliance: $out, $(du -sm "$out" | cut -f1) MB; the target needs libstdc++ and a glibc no older than the cross compiler's"
if command -v qemu-aarch64-static >/dev/null 2>&1 && [ -e /usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1 ]; then
	say "appliance: $(qemu-aarch64-static -L /usr/aarch64-linux-gnu "$out/usr/bin/winnow" version | head -n 1) (emulated)"
fi
