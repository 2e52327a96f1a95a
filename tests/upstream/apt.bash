# Debian's source packages, from the mirror that this machine already uses, with lists and sources in a directory of our
# own: needs no root and changes nothing. Sourced by source.sh and third_party.sh.
# shellcheck shell=bash

# find_mirror FILTER...: sets uri, and key: the line with the key that the machine's own entry for it is signed by,
# where it names one. FILTER as of apt-get indextargets.
find_mirror() {
	local entry
	command -v apt-get >/dev/null || { echo "no apt" >&2; return 1; }
	# shellcheck disable=SC2016 # the $(NAME) are apt's
	read -r uri entry < <(apt-get indextargets --format '$(REPO_URI) $(SOURCESENTRY)' \
		'Created-By: Packages' 'Component: main' "$@") || true
	[ -n "${uri:-}" ] || { echo "apt is not configured for a mirror with $*" >&2; return 1; }
	key=$(awk -v uri="${uri%/}" '
		/^[[:space:]]*$/ { hit = 0 } { sub(/\/$/, "") }
		tolower($1) == "uris:" { u = $2; sub(/\/$/, "", u); hit = u == uri }
		hit && tolower($1) == "signed-by:" && NF == 2 { print; exit }' "${entry%:*}" 2>/dev/null || true)
}

# add_suite DIR SUITE [TYPE]: what SUITE of that mirror has can be asked for from now on, by apt-get "${options[@]}". 1 when the
# mirror has no such suite. DIR/log holds what apt said. TYPE: deb-src, or deb for programs.
add_suite() {
	local private=$1 suite=$2 type=${3:-deb-src}
	mkdir -p "$private/lists/partial" "$private/cache/archives/partial" "$private/sources"
	printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\n%s\n\n' "$type" "$uri" "$suite" "$key" >"$private/sources/$suite.sources"
	options=(-q -o Dir::State="$private" -o Dir::State::Lists="$private/lists" -o Dir::Cache="$private/cache"
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$private/sources" -o APT::Sandbox::User=
		-o Acquire::Retries=2)
	if ! timeout 120 apt-get "${options[@]}" update >"$private/log" 2>&1; then
		rm "$private/sources/$suite.sources"
		return 1
	fi
}

# source_versions PACKAGE: one a line, in no order.
source_versions() {
	apt-cache "${options[@]}" showsrc --only-source "$1" 2>/dev/null | sed -n 's/^Version: //p'
}
