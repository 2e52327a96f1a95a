#!/bin/bash
# Does every variant of a recipe build, verify and list? Real CPython, a quarter of an hour on two CPUs.
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
failed=0
printf '%-16s %8s %8s %10s  %s\n' VARIANT BUILD VERIFY MIB VERDICT
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
	if [ "$status" -ne 0 ] || ! "$UNGIL" verify "$series$suffix" >"$log.verify" 2>&1 ||
		! "$UNGIL" verify --files "$series$suffix" >>"$log.verify" 2>&1; then
		failed=$((failed + 1))
		printf '%-16s %s\n' "$release$suffix" "FAILED: status $status"
		cat "$log" "$log.verify" 2>/dev/null | tail -n 20
		continue
	fi
	end=$EPOCHREALTIME
	prefix=$(dirname "$(dirname "$("$UNGIL" which "$series$suffix")")")
	printf '%-16s %8.0f %8.0f %10s  %s\n' "$(basename "$prefix")" "$(bc <<<"$built - $start")" "$(bc <<<"$end - $built")" \
		"$(du -sm "$prefix" | cut -f1)" "$(sed -n '1s/^[^:]*: //p' "$log.verify")"
done
"$UNGIL" list
exit $((failed > 0))
