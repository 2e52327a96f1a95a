#!/bin/bash
# What does a pair cost? Wall and CPU time of `ungil install` against the plain sequence with the same flags of
# configure: configure, make -jN, make install, one variant after the other, as python-build does it. ungil's time has
# the verification in it. On two CPUs some 10 minutes for quick, 45 for release.
#
#   UNGIL=build/ungil tests/perf/pair.sh [quick|release] [Python-3.N.M.tar.xz or python3.N_3.N.M.orig.tar.xz]
#
# What is measured, in this order (ORDER names others):
#   cold    an install with an empty cache
#   fill    only where ccache is installed and the preset is quick: one with --ccache and an empty cache
#   again   one into another root, with what is kept: configure's answers, training data, ccache's objects where they
#           were filled; no source, no build directory
#   plain   the plain sequence
#   pyenv   only where PYTHON_BUILD names the program python-build: the same pair by it, as its users call it, so with
#           its own options (test modules, pip) and, for release, those of an optimised build
# Each with the share of the CPUs that nobody used, and the most memory: of all processes of the build together (RSS,
# so that pages of several count several times) and of ungil itself.
#
# Without an archive, CPython 3.13 is taken from Debian's source package. Environment: JOBS (default: all CPUs),
# KEEP=1 keeps the directory, ORDER, TMPDIR, PYTHON_BUILD (.../plugins/python-build/bin/python-build of a pyenv),
# PLAIN="WALL CPU" (seconds of an earlier plain sequence on this machine, instead of measuring it).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNGIL=$(readlink -f "${UNGIL:-$here/../../build/ungil}")
[ -x "$UNGIL" ] || { echo "no ungil at $UNGIL: set UNGIL" >&2; exit 2; }
preset=quick
case ${1:-} in quick | release) preset=$1 && shift ;; esac
case $preset in
quick) flags='' order='cold fill again plain' ;;
release) flags='--enable-optimizations --with-lto' order='cold again plain' ;;
esac
jobs=${JOBS:-$(nproc)}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/ungil-pair.XXXXXX")
trap '[ -n "${KEEP:-}" ] && echo "kept: $work" || rm -rf "$work"' EXIT
archive=$(readlink -f "${1:-$("$here/../upstream/source.sh" "$work/source")}")
release=$(basename "$archive" | sed 's/^Python-//; s/^python3[.][0-9]*_//; s/[.]orig//; s/[.]tar[.].*//; s/[.]tgz//')
unset MAKEFLAGS MFLAGS MAKELEVEL
export CCACHE_DIR=$work/ccache
TIMEFORMAT='%R %U %S'
command -v ccache >/dev/null || order=${order/fill/}
[ -z "${PYTHON_BUILD:-}" ] || order+=' pyenv'
order=${ORDER:-$order}

# What is run here gets the signals that a background process of a script ignores: training needs them.
run() { env --default-signal=INT,QUIT,HUP "$@"; }

plain() {
	local v flag
	for v in '' t; do
		flag=${v:+--disable-gil}
		mkdir "$work/plain$v" && tar -C "$work/plain$v" --strip-components=1 -xf "$archive" || return 1
		(
			cd "$work/plain$v"
			# shellcheck disable=SC2086 # options, or none
			run ./configure --prefix="$work/installed/$release$v" --disable-test-modules $flags $flag &&
				run make -j"$jobs" &&
				run make install TESTSUBDIRS=
		) >"$work/plain$v.log" 2>&1 </dev/null || return 1
	done
}
# A definition of one's own, like those that it has: it may know this release not yet, and would ask the network.
pyenv() {
	local v definition=$work/$release series=${release%.*}
	mkdir "$work/pyenv" && cp "$archive" "$work/pyenv/Python-$release.tar.xz" || return 1
	echo "install_package Python-$release file://$work/pyenv/Python-$release.tar.xz standard verify_py${series/./} copy_python_gdb ensurepip" >"$definition"
	for v in '' t; do
		# shellcheck disable=SC2086 # a setting, or none
		run env PYTHON_BUILD_CACHE_PATH="$work/pyenv" PYTHON_CONFIGURE_OPTS="$flags" MAKE_OPTS="-j$jobs" \
			TMPDIR="$work" ${v:+PYTHON_BUILD_FREE_THREADING=1} \
			"$PYTHON_BUILD" "$definition" "$work/by-pyenv/$release$v" >"$work/pyenv$v.log" 2>&1 </dev/null || return 1
	done
}
by_ungil() { # ROOT [OPTION]
	# An archive of one's own may be one that no recipe pins.
	XDG_CACHE_HOME=$work/cache run "$UNGIL" install "$release" --preset "$preset" --source "$archive" --unpinned \
		--root "$work/$1" --jobs "$jobs" --no-bench --timings "$work/$1.json" "${@:2}" >"$work/$1.log" 2>&1 </dev/null
}
cold() { by_ungil cold; }
fill() {
	rm -rf "$work/cache"
	by_ungil fill --ccache
}
again() {
	rm -rf "$work/cache/ungil/build" "$work/cache/ungil/tarballs"
	case $order in
	*fill*) by_ungil again --ccache ;;
	*) by_ungil again ;;
	esac
}

# The most memory: a line "ALL UNGIL" in MiB at the end.
watch_memory() { # FILE
	local most=0 own=0 all ungil
	trap 'echo "$most $own" >"$1"; exit 0' TERM
	while :; do
		read -r all ungil < <(ps -e -o sid=,rss=,comm= | awk -v sid="$(ps -o sid= -p $$)" \
			-v ungil="$(basename "$UNGIL" | cut -c1-15)" \
			'$1 == sid + 0 { all += $2 } $1 == sid + 0 && $3 == ungil { own = $2 > own ? $2 : own } END { print int(all / 1024), int(own / 1024) }')
		((all > most)) && most=$all
		((ungil > own)) && own=$ungil
		sleep 0.5
	done
}

idle() { awk '/^cpu / { print $5 + $6 }' /proc/stat; }

# measure WHAT: sets WHAT_wall and WHAT_cpu, in seconds
measure() {
	local figures before after watcher
	echo "$1: $release, $preset, $jobs jobs ..." >&2
	watch_memory "$work/memory" &
	watcher=$!
	before=$(idle)
	{ figures=$( { time "$1" 2>&3 || echo failed; } 3>&2 2>&1 ); }
	after=$(idle)
	kill "$watcher"
	wait "$watcher" || true
	case $figures in *failed*)
		tail -n 20 "$work/$1"*.log >&2
		exit 1
		;;
	esac
	read -r wall user sys <<<"$figures"
	read -r memory own <"$work/memory"
	printf -v "$1_wall" %s "$wall"
	printf -v "$1_cpu" %s "$(awk "BEGIN { print $user + $sys }")"
	awk "BEGIN { printf \"%-6s wall %7.1f s   CPU %7.1f s   idle %4.1f %%   memory %d MiB%s\n\", \"$1\", $wall,
		$user + $sys, ($after - $before) / $(getconf CLK_TCK) / $wall / $(nproc) * 100, $memory,
		$own ? \", of it ungil $own\" : \"\" }"
}

for which in $order; do
	if [ "$which" = plain ] && [ -n "${PLAIN:-}" ]; then
		read -r plain_wall plain_cpu <<<"$PLAIN"
		echo "plain  wall $plain_wall s   CPU $plain_cpu s   (measured earlier)"
	else
		measure "$which"
	fi
done
for which in cold again; do
	for other in plain pyenv; do
		wall=${which}_wall cpu=${which}_cpu other_wall=${other}_wall other_cpu=${other}_cpu
		[ -z "${!wall:-}" ] || [ -z "${!other_wall:-}" ] ||
			awk "BEGIN { printf \"%-6s / $other: wall %.2f   CPU %.2f\n\", \"$which\", ${!wall} / ${!other_wall}, ${!cpu} / ${!other_cpu} }"
	done
done
