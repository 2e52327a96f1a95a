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
	command -v apt-get >/dev/null || { echo "no apt" >&2; exit 1; }
	codename=bookworm
	# shellcheck disable=SC2016 # the $(NAME) are apt's
	read -r uri entry < <(apt-get indextargets --format '$(REPO_URI) $(SOURCESENTRY)' 'Created-By: Packages' \
		'Component: main' 'Origin: Debian') || true
	[ -n "${uri:-}" ] || { echo "apt is not configured for a mirror of Debian" >&2; exit 1; }
	key=$(awk -v uri="${uri%/}" '
		/^[[:space:]]*$/ { hit = 0 } { sub(/\/$/, "") }
		tolower($1) == "uris:" { u = $2; sub(/\/$/, "", u); hit = u == uri }
		hit && tolower($1) == "signed-by:" && NF == 2 { print; exit }' "${entry%:*}" 2>/dev/null || true)
	private=$dir/apt
	mkdir -p "$private/lists/partial" "$private/cache/archives/partial" "$private/sources"
	for suite in $codename trixie forky sid; do
		printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n%s\n\n' "$uri" "$suite" "$key" >"$private/sources/$suite.sources"
		options=(-q -o Dir::State="$private" -o Dir::State::Lists="$private/lists" -o Dir::Cache="$private/cache"
			-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$private/sources" -o APT::Sandbox::User=
			-o Acquire::Retries=2)
		if [ "$suite" != "$codename" ] && have cython && have markupsafe && have swig && have pyclipper; then break; fi
		if ! timeout 120 apt-get "${options[@]}" update >"$private/log" 2>&1; then
			rm "$private/sources/$suite.sources"
			continue
		fi
		for name in "${missing[@]}"; do
			# Cython must be one that knows the CPython of today
			for version in $(apt-cache "${options[@]}" showsrc --only-source "$name" 2>/dev/null | sed -n 's/^Version: //p' | sort -Vu); do
				if have "$name" || { [ "$name" = cython ] && dpkg --compare-versions "$version" lt 3.1; }; then continue; fi
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
