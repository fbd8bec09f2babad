#!/usr/bin/env bash
# Builds the VST3 plugins that the tests host, each from Debian's source package of the DISTRHO plugins (ISC and GPL):
# Nekobi and Kars as they are, and the serumlike ones of this folder on the same framework. Without their windows, which
# no test opens and which would need X11 and OpenGL: seconds, and only a compiler.
#
#     tests/plugins/build.sh [FOLDER]      # default build/plugins; what is there and current is not built again
#
# Where it cannot be done it says why, also in FOLDER/why-not.txt, and exits 1; the tests that need a plugin then skip.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "${1:-$here/../../build/plugins}" && cd "${1:-$here/../../build/plugins}" && pwd)

archive=dpf-plugins_1.6+ds.orig.tar.xz
url=http://deb.debian.org/debian/pool/main/d/dpf-plugins/$archive
sha256=15492ec9693f09e676e6a18e7e35f8861c6340e70ecb53e1404d0b803bf1f98a
fetcher=/usr/lib/apt/apt-helper # apt's own downloader: checks the digest, knows the machine's proxy, needs no root

cannot() {
	echo "$1" >"$out/why-not.txt"
	echo "the test plugins are not built: $1" >&2
	exit 1
}

tools() {
	for tool in make g++ xz; do
		command -v $tool >/dev/null && continue
		[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || cannot "$tool is missing (Debian and Ubuntu: apt-get install build-essential xz-utils)"
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq make g++ xz-utils || cannot "apt-get could not install a compiler"
		return
	done
}

source_of_dpf() {
	[ -d "$out/source/dpf-for-tests" ] && return
	[ -x $fetcher ] || cannot "their source is fetched by apt, which this system has not"
	$fetcher -o APT::Sandbox::User=root download-file "$url" "$out/$archive" SHA256:$sha256 || cannot "$url could not be fetched"
	rm -rf "$out/unpacked" && mkdir "$out/unpacked"
	tar --extract --xz --file "$out/$archive" --directory "$out/unpacked" --strip-components 1 \
		--wildcards '*/dpf' '*/plugins/Nekobi' '*/plugins/Kars'
	# A copy for the plugins of this folder: it asks a plugin for its texts (serumlike/text.hpp) where it would write a
	# number, and the first parameter reads back as it is set, which is taken for a control change and reads 0 otherwise.
	cp -r "$out/unpacked/dpf" "$out/unpacked/dpf-for-tests"
	sed -i -e 's|^ *snprintf_f32_utf16(output, value, 128);|PARAMETER_TEXT(output, index, normalized);|' \
		-e 's|rindex <= kVst3InternalParameterMidiCC_end|rindex < kVst3InternalParameterMidiCC_end|' \
		"$out/unpacked/dpf-for-tests/distrho/src/DistrhoPluginVST3.cpp"
	rm -rf "$out/source"
	mv "$out/unpacked" "$out/source" # whole or not at all
	rm "$out/$archive"
}

# build DPF FOLDER NAME [VARIABLE=VALUE...]: one plugin into $out. PKG_CONFIG=false: no library is used, whatever is installed.
build() {
	local dpf=$out/source/$1 folder=$2 name=$3
	shift 3
	make --silent -C "$folder" vst3 DPF_PATH="$dpf" DPF_TARGET_DIR="$out" DPF_BUILD_DIR="$out/objects/$name" \
		PKG_CONFIG=false "$@" >"$out/$name.log" 2>&1 || cannot "$name does not compile, see $out/$name.log"
}

[ "$(uname)-$(uname -m)" = Linux-x86_64 ] || cannot "they are built on Linux, x86-64"
tools
source_of_dpf
build dpf "$out/source/plugins/Nekobi" Nekobi
build dpf "$out/source/plugins/Kars" Kars
for n in 273 299 316 349; do
	table=$out/objects/serumlike-$n
	mkdir -p "$table"
	awk -v N=$n -f "$here/serumlike/table.awk" "$here/../data/serum/parameters.tsv" >"$table/table.new"
	cmp -s "$table/table.new" "$table/table.h" || mv "$table/table.new" "$table/table.h"
	build dpf-for-tests "$here/serumlike" serumlike-$n N=$n TABLE="$table"
done
rm -f "$out/why-not.txt"
