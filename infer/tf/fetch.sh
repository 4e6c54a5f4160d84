#!/bin/sh
# Fetches libtensorflow for one processor, by package name, from the Python
# wheels that its makers publish; keeps only the libraries that Winnow loads,
# without their debug symbols, in a cache folder outside the source tree.
#
#   infer/tf/fetch.sh [amd64|arm64]
#
# The last line of standard output is the folder. Running it again is free, and
# after an interruption it goes on where it stopped. WINNOW_CACHE changes the
# cache folder (then point WINNOW_LIBTENSORFLOW at the result).
set -eu

version=2.18.1
say() { printf '%s\n' "$*" >&2; }
die() { say "libtensorflow: $*"; exit 1; }

arch=${1:-}
[ -n "$arch" ] || arch=$(uname -m)
case $arch in
amd64 | x86_64)
	arch=amd64 package=tensorflow-cpu machine=x86_64
	wheel=tensorflow_cpu-$version-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl
	digest=8e0f27dbd92c6d380ae0ccfe73c7343f65c127b0aa98467c30c2e71eda7c76a4
	strips='x86_64-linux-gnu-strip llvm-strip'
	;;
arm64 | aarch64)
	arch=arm64 package=tensorflow machine=aarch64
	wheel=tensorflow-$version-cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64.whl
	digest=1ba52b9c06ab8102b31e50acfaf56899b923171e603c8942f2bfeb181d6bb59e
	strips='aarch64-linux-gnu-strip llvm-strip'
	;;
*) die "no published library for '$arch'; say amd64 or arm64" ;;
esac

cache=${WINNOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/winnow}
folder=$cache/libtensorflow/$version-$arch
downloads=$cache/downloads
partial=$folder.partial

report() {
	size=$(du -sm "$folder" | cut -f1)
	say "libtensorflow $version for $arch: $size MB in $folder"
	say "licence: Apache-2.0, with the notices of its parts in THIRD_PARTY_NOTICES.txt there"
	printf '%s\n' "$folder"
}

# whole says whether every file of the folder is as it was when it was made.
whole() { [ -f "$folder/SHA256SUMS" ] && (cd "$folder" && sha256sum --check --status SHA256SUMS); }

if whole; then
	report
	exit 0
fi
[ ! -d "$folder" ] || say "libtensorflow: $folder is damaged, making it again"

python=
for p in python3 python; do
	if $p -m pip --version >/dev/null 2>&1; then python=$p && break; fi
done
[ -n "$python" ] || die "pip for Python 3 is needed to download the package: install python3-pip, or put the wheel $wheel into $downloads"

mkdir -p "$downloads" "$cache/libtensorflow"
free=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
[ "$free" -gt 1600 ] || die "$cache has $free MB free, 1600 MB are needed while unpacking: free some or set WINNOW_CACHE"

same() { [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$digest" ]; }
if [ -f "$downloads/$wheel" ] && ! same "$downloads/$wheel"; then
	say "libtensorflow: $downloads/$wheel is damaged, fetching it again"
	rm -f "$downloads/$wheel"
fi
if [ ! -f "$downloads/$wheel" ]; then
	say "libtensorflow: fetching $package $version for $arch (about 230 MB)"
	$python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
		--platform "manylinux2014_$machine" --python-version 3.12 --implementation cp --abi cp312 \
		--dest "$downloads" "$package==$version" >&2 ||
		die "pip could not fetch $package $version: check the network or pip's index settings, then run this again"
fi
[ -f "$downloads/$wheel" ] || die "pip did not leave $wheel in $downloads"
same "$downloads/$wheel" || die "$downloads/$wheel is not the file that Winnow was tested with (expected SHA-256 $digest): remove it and run this again"

say "libtensorflow: unpacking"
rm -rf "$partial"
mkdir -p "$partial"
$python - "$downloads/$wheel" "$partial" <<'PYTHON'
import os, re, shutil, sys, zipfile

wheel, out = sys.argv[1:]
wanted = re.compile(r"tensorflow/(libtensorflow_(cc|framework)\.so\.2|THIRD_PARTY_NOTICES\.txt|include/LICENSE)|tensorflow\.libs/libomp.*|[^/]+\.dist-info/METADATA")
with zipfile.ZipFile(wheel) as z:
    for name in z.namelist():
        if wanted.fullmatch(name):
            with z.open(name) as src, open(os.path.join(out, os.path.basename(name)), "wb") as dst:
                shutil.copyfileobj(src, dst, 1 << 20)
PYTHON
[ -f "$partial/libtensorflow_cc.so.2" ] && [ -f "$partial/libtensorflow_framework.so.2" ] || die "$wheel has no libtensorflow_cc.so.2 and libtensorflow_framework.so.2"

[ "$arch" != amd64 ] || [ "$(uname -m)" != x86_64 ] || strips="strip $strips"
[ "$arch" != arm64 ] || [ "$(uname -m)" != aarch64 ] || strips="strip $strips"
strip=
for s in $strips; do
	if command -v "$s" >/dev/null 2>&1; then strip=$s && break; fi
done
if [ -n "$strip" ]; then
	say "libtensorflow: stripping with $strip"
	for f in "$partial"/*.so*; do "$strip" --strip-unneeded "$f"; done
else
	say "libtensorflow: none of '$strips' is installed: the library stays about a third larger (binutils, binutils-aarch64-linux-gnu or llvm bring one)"
fi
chmod 644 "$partial"/*
(cd "$partial" && sha256sum -- * >"../SHA256SUMS.$arch" && mv "../SHA256SUMS.$arch" SHA256SUMS)
rm -rf "$folder"
mv "$partial" "$folder"
rm -f "$downloads/$wheel"
report
