#!/bin/sh
# Does `ungil bench` agree with somebody else's way to measure? The build overhead of two kernels, by ungil and by
# fresh processes that hyperfine starts and times (as pyperf does, which Debian does not have): other processes, another
# clock, other statistics (a bootstrap of the medians). Each process does the kernel's work, of the size that ungil chose,
# five times in one thread; what an interpreter takes to start is measured alike and taken off. The size matters: primes
# below a million have 1 % more build overhead than those below a quarter of it.
#
#   tests/perf/against-pyperf.sh NAME [RUNS]   NAME is the GIL build; UNGIL=build/ungil, UNGIL_ROOT as ever
#
# Prints both with their 95 % intervals. Exit status 1 when the two intervals of a kernel do not overlap.
set -eu
name=${1:?give the NAME of an installed release} runs=${2:-15}
ungil=${UNGIL:-ungil}
kernels=$(cd "$(dirname "$0")/../../share/kernels" && pwd)
command -v hyperfine >/dev/null || { echo "hyperfine is missing: apt-get install hyperfine" >&2; exit 2; }
work=$(mktemp -d "${TMPDIR:-/tmp}/ungil-against.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

gil=$("$ungil" which "$name" python3)
ft=$("$ungil" which "${name}t" python3)
equal="-I -B -X thread_inherit_context=1 -X context_aware_warnings=1" # the defaults of the two builds differ
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
cat >"$work/work.py" <<'END'
import sys, threading
sys.path.append(sys.argv[1])
import bench_cpu
maker, _ = bench_cpu.KERNELS[sys.argv[2]]
kernel = maker(sys.argv[3], 1, float(sys.argv[4]))
def work():
    assert sys._is_gil_enabled() == (sys.argv[5] == "gil")
    for _ in range(int(sys.argv[6])):
        print(kernel.checksum([task[0](*task[1:]) for task in kernel.tasks]))
thread = threading.Thread(target=work)
thread.start()
thread.join()
END

"$ungil" bench --json --quick --budget 60 --workers 2 --kernel primes:balanced,squares:threads "$gil" "$ft" >"$work/ungil.json"
# the two builds by turns: hyperfine measures one command after the other, so it is asked for a few runs at a time
for row in primes:balanced squares:threads; do
	kernel=${row%:*} form=${row#*:}
	scale=$(python3 -c 'import json, sys
print(next(k["scale"] for k in json.load(open(sys.argv[1]))["kernels"] if k["kernel"] == sys.argv[2]))' "$work/ungil.json" "$kernel")
	for times in 0 5; do
		turn=0
		while [ "$turn" -lt $(((runs + 2) / 3)) ]; do
			hyperfine -N --style none --warmup 0 --runs 3 --export-json "$work/$kernel-$times-$turn.json" \
				-n gil "taskset -c $cpu $gil $equal $work/work.py $kernels $kernel $form $scale gil $times" \
				-n ft "taskset -c $cpu $ft $equal $work/work.py $kernels $kernel $form $scale ft $times" >/dev/null
			turn=$((turn + 1))
		done
	done
done
python3 - "$work" <<'END'
import glob, json, random, statistics, sys
random.seed(1)
work, agree = sys.argv[1], True
ours = json.load(open(f"{work}/ungil.json"))
print(f"ungil: {ours['rounds']} rounds, a worker got {ours['machine']['cpu_granted'] * 100:.0f} % of a CPU or more")
for kernel in ("primes", "squares"):
    times = {}
    for path in glob.glob(f"{work}/{kernel}-*.json"):
        size = "start" if f"{kernel}-0-" in path else "work"
        for r in json.load(open(path))["results"]:
            times.setdefault((r["command"], size), []).extend(r["times"])
    def ratio(pick):
        t = {key: statistics.median(pick(v)) for key, v in times.items()}
        return (t["ft", "work"] - t["ft", "start"]) / (t["gil", "work"] - t["gil", "start"])
    seen = ratio(lambda v: v)
    again = sorted(ratio(lambda v: random.choices(v, k=len(v))) for _ in range(4000))
    low, high = again[100], again[3899]
    k = next(k for k in ours["kernels"] if k["kernel"] == kernel)
    o = next(x for x in k["ratios"] if x["what"] == "build_overhead")
    overlap = low <= o["high"] and o["low"] <= high
    agree &= overlap
    print(f"{kernel:8} ft by gil, 1 worker: ungil {o['ratio']:.3f} [{o['low']:.3f}, {o['high']:.3f}]   hyperfine "
          f"{seen:.3f} [{low:.3f}, {high:.3f}] of {len(times['gil', 'work'])} runs each: "
          f"{'they agree' if overlap else 'THEY DO NOT AGREE'}")
sys.exit(0 if agree else 1)
END
