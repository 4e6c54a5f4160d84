#!/bin/sh
# Runs the tests of infer, its kernels and its native engine for arm64 under qemu-user
# (Debian's qemu-user-static): a Cortex-A72 has no dot product, a Neoverse N1 has it.
#
#   infer/kernel/testdata/arm64.sh [-test.flags...]     default: -test.short
#
# With flags only the kernels' tests run. A missing qemu is said in a line that
# starts with "not here:", and is a failure under STRICT=1.
set -eu
cd "$(dirname "$0")/.."
if ! command -v qemu-aarch64-static >/dev/null 2>&1; then
	echo "not here: qemu-aarch64-static (qemu-user-static)"
	[ "${STRICT:-}" != 1 ]
	exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages="kernel native ." # . is infer itself: scores are the same to the bit
[ $# -eq 0 ] || packages=kernel
[ $# -gt 0 ] || set -- -test.short
for package in $packages; do
	CGO_ENABLED=0 GOARCH=arm64 go test -c -o "$work/$package.test" "../$package"
	for cpu in cortex-a72 neoverse-n1; do
		echo "== $package on $cpu"
		(cd "../$package" && qemu-aarch64-static -cpu $cpu "$work/$package.test" "$@")
	done
done
