#!/bin/sh
# Counts executed arm64 instructions of one inference, LiteRT's and ours, under
# qemu-user with the plugin count.c: the count of 5 runs less that of 1, over 4.
#
#   infer/bench/bench-arm.sh MODEL.tflite...
#
# Needs Debian's qemu-user, gcc, gcc-aarch64-linux-gnu, libstdc++6-arm64-cross
# (its shared C and C++ libraries), python3-pip. LITERT=DIR names a folder with an
# unpacked aarch64 wheel of ai-edge-litert 2.3.0, else pip fetches it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || { sed -n '2,9p' "$0" >&2; exit 2; }

if [ -z "${LITERT:-}" ]; then
	python3 -m pip -q download --no-deps --only-binary=:all: --platform manylinux_2_27_aarch64 \
		--python-version 311 -d "$work" ai-edge-litert==2.3.0
	LITERT=$work/litert
	python3 -m zipfile -e "$work"/*.whl "$LITERT"
fi
lib=$(find "$LITERT" -name libLiteRt.so | head -n 1)
gcc -O2 -shared -fPIC -o "$work/count.so" "$here/count.c"
aarch64-linux-gnu-gcc -O1 -o "$work/peer" "$here/litert_arm.c" -ldl
(cd "$here/../.." && CGO_ENABLED=0 GOARCH=arm64 go build -o "$work/ours" ./infer/bench/once)

# XNNPACK looks for cores in /proc/cpuinfo: give it an arm one.
mkdir -p "$work/root/proc"
ln -s /usr/aarch64-linux-gnu/lib "$work/root/lib"
for i in 0 1; do
	printf 'processor\t: %d\nFeatures\t: fp asimd %s\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n' $i ''
done >"$work/root/proc/cpuinfo"

# count CPU COMMAND...: instructions, SDOT, loads and stores
count() {
	cpu=$1
	shift
	qemu-aarch64 -cpu "$cpu" -L "$work/root" -plugin "$work/count.so" "$@" 2>&1 >/dev/null | awk '/^COUNT/{print $2, $3, $4}'
}

# one CPU COMMAND... : per run, in millions; the last argument is the runs
one() {
	a=$(count "$@" 1)
	b=$(count "$@" 5)
	echo "$a $b" | awk 'NF == 6 {printf "%.2f %.2f\n", ($4-$1)/4e6, ($5-$2)/4e6}'
}

printf '%-34s %-12s %10s %10s %10s %10s %7s\n' model cpu LiteRT SDOT ours SDOT ratio
for model in "$@"; do
	for cpu in neoverse-n1 cortex-a72; do
		peer=$(one $cpu "$work/peer" "$lib" "$model")
		ours=$(GOMAXPROCS=1 GOGC=off one $cpu "$work/ours" --threads 1 --model "$model" --runs)
		echo "$(basename "$model") $cpu ${peer:-0 0} ${ours:-0 0}" |
			awk '{printf "%-34s %-12s %9.2fM %9.2fM %9.2fM %9.2fM %7.2f\n", $1, $2, $3, $4, $5, $6, $5 ? $3/$5 : 0}'
	done
done
