#!/bin/sh
# How often `ungil bench` calls a difference between a build and itself: 40 self-checks, one after the other, some
# 20 s each. The last line is `N of 40 runs called a difference`; exit status 1 when they are more than 2.
#
#   tests/perf/self-check.sh NAME [RUNS]       UNGIL=build/ungil names the program, UNGIL_ROOT the root that NAME is in
set -eu
name=${1:?give the NAME of an installed build} runs=${2:-40}
ungil=${UNGIL:-ungil}
work=$(mktemp -d "${TMPDIR:-/tmp}/ungil-self-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

calling=0 done=0
while [ "$done" -lt "$runs" ]; do
	status=0
	"$ungil" bench --self-check --quick --json "$name" >"$work/result.json" 2>"$work/err" || status=$?
	done=$((done + 1))
	# without a result it was no self-check
	python3 - "$work/result.json" "$done" <<-'END' || { cat "$work/err" >&2; exit 1; }
		import json, sys
		r = json.load(open(sys.argv[1]))
		found = [(k["kernel"], k["form"], x) for k in r["kernels"] for x in k["ratios"] if x["verdict"] == "difference"]
		widest = max(x["high"] / x["low"] for k in r["kernels"] for x in k["ratios"] if "high" in x)
		print(f"run {sys.argv[2]}: {len(found)} called, {r['rounds']} rounds, {r['seconds']:.0f} s, widest interval "
		      f"{(widest - 1) * 100:.1f} %, a worker got {r['machine']['cpu_granted'] * 100:.0f} % of a CPU or more")
		for kernel, form, x in found:
		    print(f"    {kernel} {form}, {x['workers']} workers: {x['ratio']:.3f} [{x['low']:.3f}, {x['high']:.3f}]")
	END
	if [ "$status" -ne 0 ]; then calling=$((calling + 1)); fi
done
echo "$calling of $runs runs called a difference"
[ "$calling" -le 2 ]
