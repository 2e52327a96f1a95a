#!/bin/bash
# Does every variant of a recipe build, verify, list and run, and which check proves it to be that variant? One that has a
# shared library is moved away, too, and must find it there. Real CPython, a quarter of an hour on two CPUs.
#
#   UNGIL=build/ungil tests/perf/variants.sh [RELEASE [SUFFIX...]]
#
# RELEASE (default: what 3.14 is); SUFFIX: as in a SPEC, all of the recipe's but the pair by default: "d -jit". A variant
# whose compiler or programs are not here is counted as left out. Environment: SOURCE (for --source: an archive, a git
# repository), ROOT (kept, and what is there is not built again), KEEP=1, JOBS, PRESET (quick), TMPDIR.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
UNGIL=$(readlink -f "${UNGIL:-$here/../../build/ungil}")
[ -x "$UNGIL" ] || { echo "no ungil at $UNGIL: set UNGIL" >&2; exit 2; }
release=${1:-3.14}
shift || true
series=$(cut -d. -f1,2 <<<"$release")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/ungil-variants.XXXXXX")
trap '[ -n "${KEEP:-}" ] && echo "kept: $work" || { chmod -R u+w "$work"; rm -rf "$work"; }' EXIT
export UNGIL_ROOT=${ROOT:-$work/root} XDG_CACHE_HOME=${XDG_CACHE_HOME:-$work/cache}
if [ $# -eq 0 ]; then
	mapfile -t suffixes < <("$UNGIL" recipe show "$series" --json | python3 -c '
import json, sys
print(*(v["suffix"] for v in json.load(sys.stdin)["variants"] if v["suffix"] not in ("", "t")), sep="\n")')
	set -- "${suffixes[@]}"
fi
# proof SUFFIX: the check that sees what this variant is for
proof() {
	case $1 in
	d | td) echo debug ;;
	*-tsan) echo thread-sanitizer ;;
	*-jit) echo jit-switch ;;
	*-tailcall) echo tail-call ;;
	*-shared) echo shared-library ;;
	*) echo build-flag ;;
	esac
}

# seen CHECK NAME: what that check saw; fails when it did not pass, or was skipped
seen() {
	"$UNGIL" verify --json --check "$1" "$2" | python3 -c '
import json, sys
check, = (c for c in json.load(sys.stdin)["verified"][0]["checks"] if c["check"] == sys.argv[1])
print(json.dumps(check["seen"]))
sys.exit(check["verdict"] != "pass")' "$1"
}

# moved PREFIX: its interpreter loads the library of the place where it is now
moved() {
	local status=0
	mv "$1" "$work/moved"
	"$work/moved/bin/python3" -c '
import sys
library, = {line.split()[5] for line in open("/proc/self/maps") if "/libpython3." in line}
sys.exit(not library.startswith(sys.argv[1] + "/lib/"))' "$(readlink -f "$work/moved")" || status=$?
	mv "$work/moved" "$1"
	return $status
}

# try NAME SUFFIX PREFIX
try() {
	"$UNGIL" verify "$1" && "$UNGIL" verify --files "$1" && "$UNGIL" show "$1" && "$UNGIL" list | grep -q -F "$1 " &&
		"$UNGIL" exec "$1" -- python -c 'import sys; print("runs:", sys.version)' && { [[ $2 != *-shared ]] || moved "$3"; }
}

failed=0
printf '%-16s %8s %8s %6s  %s\n' VARIANT BUILD VERIFY MIB 'PROVEN BY'
for suffix; do
	log=$work/log$suffix
	start=$EPOCHREALTIME
	"$UNGIL" install "$release$suffix" --preset "${PRESET:-quick}" ${SOURCE:+--source "$SOURCE"} ${JOBS:+--jobs "$JOBS"} \
		--no-bench >"$log" 2>&1 </dev/null && status=0 || status=$?
	built=$EPOCHREALTIME
	if [ "$status" -ne 0 ] && grep -q 'is built with' "$log"; then
		printf '%-16s %s\n' "$release$suffix" "left out: $(sed -n 's/^ungil: error: //p' "$log")"
		continue
	fi
	check=$(proof "$suffix") what=
	if [ "$status" -ne 0 ] || ! prefix=$(dirname "$(dirname "$("$UNGIL" which "$release$suffix")")") ||
		! name=$(basename "$prefix") || ! try "$name" "$suffix" "$prefix" >"$log.verify" 2>&1 ||
		! what=$(seen "$check" "$name"); then
		failed=$((failed + 1))
		printf '%-16s %s\n' "$release$suffix" "FAILED: status $status; $check: ${what:-not seen}"
		cat "$log" "$log.verify" 2>/dev/null | tail -n 20
		continue
	fi
	end=$EPOCHREALTIME
	printf '%-16s %8.0f %8.0f %6s  %s\n' "$name" "$(bc <<<"$built - $start")" "$(bc <<<"$end - $built")" \
		"$(du -sm "$prefix" | cut -f1)" "$check: $what"
done
"$UNGIL" list
exit $((failed > 0))
