#!/bin/bash
# Third-party extension modules that have never heard of Py_mod_gil: third_party.sh DIR puts into DIR what of these
# Debian's mirror of this machine has, as upstream's archives, and says which are there:
#
#   markupsafe    2.1.2   written by hand, single-phase initialisation
#   pyclipper     1.3.0   Cython, multi-phase; Cython itself too, from the newest suite that has it (it is run, not built):
#                         the one of that time makes nothing that a Python of today compiles
#   swig          4.1.0   for its example "simple", the wrapper being made by the swig that is installed
#
# With private lists and sources, as source.sh does: needs no root and changes nothing.
set -eu
dir=$1
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
have() { compgen -G "$dir/$1_*.orig.tar.*" >/dev/null; }
missing=()
for name in markupsafe pyclipper cython swig; do
	have "$name" || missing+=("$name")
done
if [ ${#missing[@]} -gt 0 ] && [ ! -e "$dir/tried" ]; then
	here=$(cd "$(dirname "$0")" && pwd)
	# shellcheck source=tests/upstream/apt.bash
	. "$here/apt.bash"
	find_mirror 'Origin: Debian' || exit 1
	private=$dir/apt codename=bookworm
	for suite in $codename trixie forky sid; do
		if [ "$suite" != "$codename" ] && have cython && have markupsafe && have swig && have pyclipper; then break; fi
		add_suite "$private" "$suite" || continue
		for name in "${missing[@]}"; do
			# Cython must be one that knows the CPython of today
			for version in $(source_versions "$name" | sort -Vu); do
				if have "$name" || { [ "$name" = cython ] && dpkg --compare-versions "$version" lt 3.1; }; then continue; fi
				# shellcheck disable=SC2154 # options: set by add_suite
				(cd "$dir" && timeout 120 apt-get "${options[@]}" source --download-only --tar-only "$name=$version") \
					>>"$private/log" 2>&1 || true
			done
		done
	done
	rm -rf "$private"
	touch "$dir/tried"
fi
for name in markupsafe pyclipper cython swig; do
	if have "$name" && [ ! -d "$dir/$name" ]; then
		mkdir "$dir/$name.new"
		tar -C "$dir/$name.new" --strip-components=1 -xf "$(compgen -G "$dir/${name}_*.orig.tar.*" | head -n 1)"
		mv "$dir/$name.new" "$dir/$name"
	fi
	if [ -d "$dir/$name" ]; then echo "$name"; fi
done
