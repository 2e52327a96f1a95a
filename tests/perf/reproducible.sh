#!/bin/bash
# Do the same inputs give the same bytes? Two builds of one pair whose circumstances differ: directory (another path, another
# file system with another order of names), user, umask, locale, time zone, host name, time, number of jobs. Their bundles are
# compared. Real CPython: twice four minutes with quick; with release the second build takes the first one's training data.
#
#   UNGIL=build/ungil tests/perf/reproducible.sh [RELEASE [PRESET...]]
#
# RELEASE (default: what 3.14 is), PRESET (quick release). Environment: SOURCE (for --source), KEEP=1, TMPDIR. As root it has
# another user, host name and file system, too; what is not different is said.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNGIL=$(readlink -f "${UNGIL:-$here/../../build/ungil}")
[ -x "$UNGIL" ] || { echo "no ungil at $UNGIL: set UNGIL" >&2; exit 2; }
release=${1:-3.14}
shift || true
[ $# -gt 0 ] || set -- quick release
work=$(mktemp -d "${TMPDIR:-/var/tmp}/ungil-same.XXXXXX")
clean_up() {
	umount -q "$work/other" 2>/dev/null || true
	if [ -n "${KEEP:-}" ]; then echo "kept: $work"; else
		chmod -R u+w "$work"
		rm -rf "$work"
	fi
}
trap clean_up EXIT
chmod 755 "$work"
# what another user can read
mkdir "$work/bin" "$work/other" && cp "$UNGIL" "$work/bin/ungil" && cp -R "$here/../../recipes" "$work/recipes"
chmod -R a+rX "$work/recipes" "$work/bin"
export UNGIL_RECIPES=$work/recipes
source=${SOURCE:-}
user=() host=() varied="directory, umask, locale, time zone, time, jobs"
if [ "$(id -u)" -eq 0 ]; then
	mount -t tmpfs -o size=6g,mode=1777 none "$work/other" && varied+=", file system"
	if unshare --uts true 2>/dev/null; then
		host=(unshare --uts sh -c 'hostname elsewhere && exec "$@"' sh) && varied+=", host name"
	fi
	if [ -n "$source" ] && setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$source" 2>/dev/null || [ -z "$source" ]; then
		user=(setpriv --reuid=65534 --regid=65534 --clear-groups) && varied+=", user"
	fi
fi
chmod 1777 "$work/other"

install() { # ROOT CACHE PRESET JOBS
	UNGIL_ROOT=$1 XDG_CACHE_HOME=$2 "$work/bin/ungil" install "$release" ${source:+--source "$source"} --preset "$3" --jobs "$4" --no-bench --no-share
}

# elsewhere COMMAND...: in the other circumstances
elsewhere() {
	(cd / && umask 0027 && "${host[@]}" "${user[@]}" env HOME="$work/other/home" USER=somebody LC_ALL=C TZ=Asia/Kathmandu "$@")
}

failed=0
for preset; do
	one=$work/$preset-1 two="$work/other/a directory/$preset-2"
	mkdir -p "$one"
	(umask 0022 && install "$one/root" "$one/cache" "$preset" "$(getconf _NPROCESSORS_ONLN)")
	elsewhere mkdir -p "$two" "$work/other/home"
	if [ "$preset" != quick ]; then
		XDG_CACHE_HOME=$one/cache "$UNGIL" training export "$work/training.tar.zst"
		elsewhere env XDG_CACHE_HOME="$two/cache" "$work/bin/ungil" training import "$work/training.tar.zst"
	fi
	elsewhere env UNGIL_ROOT="$two/root" XDG_CACHE_HOME="$two/cache" "$work/bin/ungil" install "$release" ${source:+--source "$source"} \
		--preset "$preset" --jobs 5 --no-bench --no-share
	mapfile -t names < <(UNGIL_ROOT=$one/root "$UNGIL" list --json | python3 -c '
import json, sys
print(*(entry["name"] for entry in json.load(sys.stdin)["installed"]), sep="\n")')
	mkdir "$one/bundles" && elsewhere mkdir "$two/bundles"
	UNGIL_ROOT=$one/root XDG_CACHE_HOME=$one/cache "$UNGIL" pack "${names[@]}" --part all -o "$one/bundles" >/dev/null
	elsewhere env UNGIL_ROOT="$two/root" XDG_CACHE_HOME="$two/cache" "$work/bin/ungil" pack "${names[@]}" --part all -o "$two/bundles" >/dev/null
	for bundle in "$one"/bundles/*; do
		other="$two/bundles/${bundle##*/}"
		if cmp -s "$bundle" "$other"; then
			printf 'same  %-7s  %s  %s\n' "$preset" "$(sha256sum <"$bundle" | cut -c1-64)" "${bundle##*/}"
			continue
		fi
		failed=$((failed + 1))
		printf 'DIFFERENT  %s  %s\n' "$preset" "${bundle##*/}"
		mkdir -p "$work/d1" "$work/d2" && tar -C "$work/d1" -xf "$bundle" && tar -C "$work/d2" -xf "$other"
		diff -rq "$work/d1" "$work/d2" | head -n 40
		if [ -n "${KEEP:-}" ]; then cp "$other" "$work/$preset-other-${bundle##*/}"; fi
		rm -rf "$work/d1" "$work/d2"
	done
	[ -n "${KEEP:-}" ] || rm -rf "$one" "$two"
done
echo "different: $varied"
[ $failed -eq 0 ]
