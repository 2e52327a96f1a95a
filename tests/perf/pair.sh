#!/bin/bash
# What does a pair cost? Wall and CPU time of `ungil install` against the plain sequence: configure, make -jN,
# make install, one variant after the other, as python-build does it. ungil's time has the verification in it.
# Some 15 minutes on two CPUs.
#
#   UNGIL=build/ungil tests/perf/pair.sh [Python-3.N.M.tar.xz or python3.N_3.N.M.orig.tar.xz]
#
# Without an archive, CPython 3.13 is taken from Debian's source package. Environment: JOBS (default: all CPUs),
# KEEP=1 keeps the directory, ORDER ("plain ungil" or one of them), TMPDIR.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNGIL=$(readlink -f "${UNGIL:-$here/../../build/ungil}")
[ -x "$UNGIL" ] || { echo "no ungil at $UNGIL: set UNGIL" >&2; exit 2; }
jobs=${JOBS:-$(nproc)}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/ungil-pair.XXXXXX")
trap '[ -n "${KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"' EXIT
archive=$(readlink -f "${1:-$("$here/../upstream/source.sh" "$work/source")}")
release=$(basename "$archive" | sed 's/^Python-//; s/^python3[.][0-9]*_//; s/[.]orig//; s/[.]tar[.].*//; s/[.]tgz//')
unset MAKEFLAGS MFLAGS MAKELEVEL
TIMEFORMAT='%R %U %S'

plain() {
	local v flag
	for v in '' t; do
		flag=${v:+--disable-gil}
		mkdir "$work/plain$v" && tar -C "$work/plain$v" --strip-components=1 -xf "$archive" || return 1
		(
			cd "$work/plain$v"
			# shellcheck disable=SC2086 # no option, or one
			./configure --prefix="$work/installed/$release$v" --disable-test-modules $flag &&
				make -j"$jobs" &&
				make install TESTSUBDIRS=
		) >"$work/plain$v.log" 2>&1 </dev/null || return 1
	done
}
by_ungil() {
	XDG_CACHE_HOME=$work/cache "$UNGIL" install "$release" --preset quick --source "$archive" --root "$work/root" \
		--jobs "$jobs" --no-bench >"$work/ungil.log" 2>&1 </dev/null
}

# measure WHAT COMMAND: sets WHAT_wall and WHAT_cpu, in seconds
measure() {
	local figures
	echo "$1: $release with $jobs jobs ..." >&2
	{ figures=$( { time "$2" 2>&3 || echo failed; } 3>&2 2>&1 ); }
	case $figures in *failed*)
		tail -n 20 "$work/$1"*.log >&2
		exit 1
		;;
	esac
	read -r wall user sys <<<"$figures"
	printf -v "$1_wall" %s "$wall"
	printf -v "$1_cpu" %s "$(awk "BEGIN { print $user + $sys }")"
	awk "BEGIN { printf \"%-6s wall %7.1f s   CPU %7.1f s\n\", \"$1\", $wall, $user + $sys }"
}

for which in ${ORDER:-ungil plain}; do
	case $which in
	ungil) measure ungil by_ungil ;;
	plain) measure plain plain ;;
	esac
done
if [ -n "${ungil_wall:-}" ] && [ -n "${plain_wall:-}" ]; then
	# shellcheck disable=SC2154 # set by measure
	awk "BEGIN { printf \"ratio  wall %7.2f     CPU %7.2f\n\", $ungil_wall / $plain_wall, $ungil_cpu / $plain_cpu }"
fi
