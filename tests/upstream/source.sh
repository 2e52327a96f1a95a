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
command -v apt-get >/dev/null || { echo "no apt, and no UNGIL_TEST_SOURCE" >&2; exit 1; }

# shellcheck disable=SC1091 # the machine's, not ours
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
# shellcheck disable=SC2016 # the $(NAME) are apt's
read -r uri entry < <(apt-get indextargets --format '$(REPO_URI) $(SOURCESENTRY)' \
	'Created-By: Packages' "Codename: $codename" 'Component: main') || true
[ -n "${uri:-}" ] || { echo "apt is not configured for a repository of $codename" >&2; exit 1; }

# the key that the machine's own entry for that mirror is signed by, where it names one
key=$(awk -v uri="${uri%/}" '
	/^[[:space:]]*$/ { hit = 0 } { sub(/\/$/, "") }
	tolower($1) == "uris:" { u = $2; sub(/\/$/, "", u); hit = u == uri }
	hit && tolower($1) == "signed-by:" && NF == 2 { print; exit }' "${entry%:*}" 2>/dev/null || true)

private=$dir/apt
mkdir -p "$private/lists/partial" "$private/cache/archives/partial" "$private/sources"
for suite in "$codename" trixie forky sid; do
	printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n%s\n\n' "$uri" "$suite" "$key" >"$private/sources/$suite.sources"
	options=(-q -o Dir::State="$private" -o Dir::State::Lists="$private/lists" -o Dir::Cache="$private/cache"
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$private/sources" -o APT::Sandbox::User=
		-o Acquire::Retries=2)
	if ! timeout 120 apt-get "${options[@]}" update >"$private/log" 2>&1; then
		rm "$private/sources/$suite.sources"
		continue
	fi
	# newest first; what stands in the index is not always there
	for version in $(apt-cache "${options[@]}" showsrc --only-source python3.13 2>/dev/null |
		sed -n 's/^Version: //p' | sort -Vru); do
		if (cd "$dir" && timeout 300 apt-get "${options[@]}" source --download-only --tar-only "python3.13=$version" >>"$private/log" 2>&1) &&
			[ -n "$(found)" ]; then
			rm -rf "$private"
			found
			exit
		fi
	done
done
echo "no python3.13 source package to be had from $uri: $(tail -n 1 "$private/log")" >&2
exit 1
