#!/bin/bash
# A real CPython, from Debian's source package: source.sh DIR prints the path of python3.13_VERSION.orig.tar.xz.
#
# It looks in DIR first, and else fetches it with apt from the machine's own mirror, from its own suite and from newer
# ones, with private lists and sources, so it needs no root and changes nothing. Where that is not possible
# it says why on stderr and exits with 1. $UNGIL_TEST_SOURCE names such a file to be used instead.
set -eu
dir=$1
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ -n "${UNGIL_TEST_SOURCE:-}" ]; then
	cp "$UNGIL_TEST_SOURCE" "$dir/"
fi
found() { find "$dir" -maxdepth 1 -name 'python3.13_*.orig.tar.xz' | sort -V | tail -n 1; }
if [ -n "$(found)" ]; then
	found
	exit
fi
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/upstream/apt.bash
. "$here/apt.bash"
# shellcheck disable=SC1091 # the machine's, not ours
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
find_mirror "Codename: $codename" || { echo "no UNGIL_TEST_SOURCE either" >&2; exit 1; }
private=$dir/apt
for suite in "$codename" trixie forky sid; do
	add_suite "$private" "$suite" || continue
	# newest first; what stands in the index is not always there
	for version in $(source_versions python3.13 | sort -Vru); do
		# shellcheck disable=SC2154 # options: set by add_suite
		if (cd "$dir" && timeout 300 apt-get "${options[@]}" source --download-only --tar-only "python3.13=$version" >>"$private/log" 2>&1) &&
			[ -n "$(found)" ]; then
			rm -rf "$private"
			found
			exit
		fi
	done
done
# shellcheck disable=SC2154 # uri: set by find_mirror
echo "no python3.13 source package to be had from $uri: $(tail -n 1 "$private/log")" >&2
exit 1
