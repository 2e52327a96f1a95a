#!/bin/bash
# GNU make 4.4 or later, from Debian's trixie: make44.sh DIR prints the path of a program "make". It brings the C library
# that it was linked with, in DIR, and changes nothing else. Where it cannot be had, says why on stderr and exits with 1.
set -eu
dir=$1
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/lock"
flock 9
if [ ! -x "$dir/bin/make" ]; then
	here=$(cd "$(dirname "$0")" && pwd)
	# shellcheck source=tests/upstream/apt.bash
	. "$here/apt.bash"
	command -v dpkg-deb >/dev/null || { echo "no dpkg-deb" >&2; exit 1; }
	# shellcheck disable=SC1091 # the machine's, not ours
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	find_mirror "Codename: $codename"
	add_suite "$dir/apt" trixie deb || { tail -n 1 "$dir/apt/log" >&2; exit 1; }
	# shellcheck disable=SC2154 # options: set by add_suite
	(cd "$dir" && timeout 120 apt-get "${options[@]}" download make libc6 >>"$dir/apt/log" 2>&1) ||
		{ tail -n 1 "$dir/apt/log" >&2; exit 1; }
	for deb in "$dir"/*.deb; do dpkg-deb -x "$deb" "$dir/tree"; done
	rm -rf "$dir"/*.deb "$dir/apt"
	loader=$(find "$dir/tree" -name 'ld-linux*.so.*' | head -n 1)
	mkdir -p "$dir/bin"
	# its own name is what $(MAKE) becomes
	# shellcheck disable=SC2016 # for the script that is written
	printf '#!/bin/sh\nexec "%s" --argv0 "$0" --library-path "%s" "%s" "$@"\n' "$loader" \
		"$(dirname "$(find "$dir/tree" -name libc.so.6 | head -n 1)")" "$dir/tree/usr/bin/make" >"$dir/bin/make.new"
	chmod +x "$dir/bin/make.new"
	"$dir/bin/make.new" --version | grep -q '^GNU Make 4[.][4-9]' || { echo "make from trixie does not run here" >&2; exit 1; }
	mv "$dir/bin/make.new" "$dir/bin/make"
fi
echo "$dir/bin/make"
