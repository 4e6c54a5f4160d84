#!/bin/sh
# Runs the kernel tests for arm64 under qemu-user (Debian's qemu-user-static):
# a Cortex-A72 has no dot product, a Neoverse N1 has it.
#
#   infer/kernel/testdata/arm64.sh [-test.flags...]     default: -test.short
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- -test.short
CGO_ENABLED=0 GOARCH=arm64 go test -c -o "$work/kernel.test" .
for cpu in cortex-a72 neoverse-n1; do
	echo "== $cpu"
	qemu-aarch64-static -cpu $cpu "$work/kernel.test" "$@"
done
