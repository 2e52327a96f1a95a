# `ungil bench` measures the same work everywhere, and claims nothing that it cannot know.

load helpers

# query EXPRESSION: a Python expression about `r`, the last --json, `k`, its kernels by "kernel form", and the functions
# cell(kernel, build, workers) and ratio(kernel, what, workers[, build])
query() {
	python3 -c '
import json, sys
r = json.loads(sys.argv[1])
k = {x["kernel"] + " " + x["form"]: x for x in r["kernels"]}
near = lambda a, b: abs(a - b) < 1e-9 * abs(b)
def cell(kernel, build, workers):
    return next((c for c in k[kernel]["cells"] if (c["build"], c["workers"]) == (build, workers)), None)
def ratio(kernel, what, workers, build=None):
    return next((x for x in k[kernel]["ratios"] if (x["what"], x["workers"], x.get("build")) == (what, workers, build)), None)
sys.exit(0 if eval(sys.argv[2]) else f"not so: {sys.argv[2]}\n{json.dumps(r, indent=1)}")' "$output" "$1"
}

# wrapped SCRIPT: ./python3.NNt is the free-threaded interpreter, with these lines of bash run first when a value is asked for
wrapped() {
	printf '#!/bin/bash\nreal() { "%s" "$@"; }\ncase $* in *\\"scale\\"*)\n%s\n;; esac\nexec "%s" "$@"\n' "$FT" "$1" "$FT" \
		>"python${SERIES}t"
	chmod +x "python${SERIES}t"
}

# one_value OPTION...: the least there is to measure
one_value() { ungil bench --rounds 1 --workers 2 --kernel sha256:900 "$@"; }

# A result of five rounds whose times are those of the argument, by kernel:form:build:workers, else 0.2 s; on stdout
synthetic() {
	python3 - "$@" <<-'END'
		import json, sys
		wish = dict(a.split("=") for a in sys.argv[1:])
		shake = (1, 1.004, 0.997, 1.002, 0.999)
		def cell(kernel, build, workers):
		    s = float(wish.get(f"{kernel}:{build}:{workers}", 0.2))
		    values = [s * shake[(i + workers + len(kernel) + len(build)) % 5] for i in range(5)]
		    return dict(build=build, mode="threads", workers=workers, seconds=s, mad=0.0005, cpu_seconds=s, values=values)
		def row(kernel, form):
		    return dict(kernel=kernel, form=form, mode="threads", kind="friendly", shows="nothing", resource=None, checksum="1",
		                scale=float(wish.get("scale", 1)), ratios=[],
		                cells=[cell(f"{kernel}:{form}", b, w) for b in ("gil", "ft") for w in (1, 2)])
		build = lambda i: dict(id=i, python="/x", variant=i, release=wish.get("release", "3.14.7"), compiler="GCC", configure="",
		                       version="", name=None, preset=None)
		json.dump(dict(format=int(wish.get("format", 2)), ungil="0", started="2026-01-01T00:00:00Z", seconds=1, length="quick",
		               rounds=5, machine=dict(cpu=wish.get("cpu", "this"), cpus=2, arch="x", system="y", kernel="z", cpu_granted=1),
		               builds=[build("gil"), build("ft")], workers=[1, 2], scaling="measured",
		               kernels=[row("primes", "balanced"), row("matmul", "private")]), sys.stdout)
	END
}

@test "one round of all kernels: every cell, one result, ratios that follow from the times; what isn't there is said" {
	real_pair
	run --separate-stderr ungil bench --json --rounds 1 --quick --workers 2 "$REAL" \
		--kernel primes,sha256,matmul,squares,tokenise,pipeline,requests,dict,local,refcount
	assert_exit 0
	echo "$output" >"$BATS_FILE_TMPDIR/all.json"
	query 'r["format"] == 2 and r["rounds"] == 1 and r["workers"] == [1, 2] and r["length"] == "quick"'
	query 'set(k) == {"primes equal", "primes balanced", "sha256 9000", "sha256 900", "matmul shared", "matmul private", "squares threads", "squares interpreters", "squares processes", "tokenise text", "pipeline records", "requests http", "dict shared", "dict private", "local reads", "refcount shared", "refcount private"}'
	query 'all({(c["build"], c["workers"]) for c in x["cells"]} == {(b, w) for b in ("gil", "ft") for w in (1, 2)} for x in k.values() if "skip" not in x)'
	query 'all(x["checksum"] and x["scale"] > 0 for x in k.values() if "skip" not in x)'
	# calibrated: no value is shorter than a tenth of a second
	query 'min(v for x in k.values() for c in x.get("cells", []) for v in c["values"]) > 0.09'
	query 'all(near(ratio(n, "build_overhead", 1)["ratio"], cell(n, "ft", 1)["seconds"] / cell(n, "gil", 1)["seconds"]) for n in k if "skip" not in k[n])'
	# one round has no interval, and shows no difference
	query 'all("low" not in x and x["verdict"] == "no difference seen" for row in k.values() for x in row.get("ratios", []))'
	query '[b["release"] for b in r["builds"]] == ["'"$REAL"'"] * 2 and [b["name"] for b in r["builds"]] == ["'"$REAL"'", "'"$REAL"'t"]'
	query '"--disable-gil" in r["builds"][1]["configure"] and r["machine"]["cpus_online"] >= 1 and r["machine"]["arch"]'
	query 'k["dict shared"]["kind"] == "contended" and "dict" in k["dict shared"]["resource"] and k["sha256 9000"]["kind"] == "released"'
	if [ "$SERIES" = 3.13 ]; then query '"3.14" in k["squares interpreters"]["skip"] and "cells" not in k["squares interpreters"]'; fi
	if [ "$(nproc)" -ge 2 ]; then
		query 'r["scaling"] == "measured" and all(near(ratio(n, "scaling", 2, b)["ratio"], cell(n, b, 1)["seconds"] / cell(n, b, 2)["seconds"]) for n in k if "skip" not in k[n] for b in ("gil", "ft"))'
	fi
}

@test "the tables fit 80 columns, say what each line shows, and are also Markdown" {
	[ -e "$BATS_FILE_TMPDIR/all.json" ] || skip "there is no result to show"
	run --separate-stderr ungil bench --from "$BATS_FILE_TMPDIR/all.json"
	assert_exit 0
	assert_output --partial 'only the free-threaded build can scale'
	assert_output --partial 'contended: the reference count'
	assert_output --partial 'nothing can be called a difference'
	local line
	for line in "${lines[@]}"; do
		case $line in "        /"* | "on   "*) continue ;; esac
		[ "${#line}" -le 80 ] || fail "too long: $line"
	done
	run ungil bench --markdown --from "$BATS_FILE_TMPDIR/all.json"
	assert_line --regexp '^\| sha256 900 \| [0-9.]+ \|( [0-9.]+ \|){3}$'
	assert_line --regexp '^\| dict shared \| [-+][0-9]+ % \| [0-9.]+x \|'
}

@test "the free-threaded build is also measured with its GIL on, and in other modes" {
	real_pair
	run --separate-stderr ungil bench --json --rounds 1 --workers 2 --mode threads,processes --kernel matmul:private,matmul:private/processes "$REAL"
	assert_exit 0
	query '[b["id"] for b in r["builds"]] == ["gil", "ft", "ft+gil"] and set(k) == {"matmul private", "matmul private/processes"}'
	query 'all(near(ratio(n, "gil_effect", w)["ratio"], cell(n, "ft+gil", w)["seconds"] / cell(n, "ft", w)["seconds"]) for n in k for w in (2,))'
	query '{c["mode"] for c in k["matmul private/processes"]["cells"]} == {"processes"}'
}

@test "more workers than CPUs: no scaling is claimed, by affinity or by quota" {
	real_pair
	local one
	one=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
	run --separate-stderr taskset -c "$one" timeout 120 "$UNGIL" bench --json --rounds 1 --quick --kernel sha256:900 "$GIL" "$FT"
	assert_exit 0
	query 'r["scaling"].startswith("refused: 2 threads need 2 CPUs") and r["machine"]["cpus"] == 1 and r["workers"] == [1, 2]'
	query 'not ratio("sha256 900", "scaling", 2, "ft") and ratio("sha256 900", "build_overhead", 1)["ratio"] > 0'
}

@test "half a CPU by cgroup quota is one CPU for nobody" {
	real_pair
	local group mine=''
	for group in /sys/fs/cgroup /sys/fs/cgroup/cpu; do
		if [ -w "$group/cgroup.procs" ] && mkdir "$group/ungil-test-$$" 2>/dev/null; then
			mine=$group/ungil-test-$$
			if echo '50000 100000' 2>/dev/null >"$mine/cpu.max" || echo 50000 2>/dev/null >"$mine/cpu.cfs_quota_us"; then break; fi
			rmdir "$mine"
			mine=''
		fi
	done
	[ -n "$mine" ] || skip "cannot make a cgroup with a quota"
	run --separate-stderr bash -c 'echo $$ >"$1/cgroup.procs" && exec timeout 120 "$UNGIL" bench --json --rounds 1 --quick \
		--kernel sha256:900 "$2" "$3"' bash "$mine" "$GIL" "$FT"
	rmdir "$mine" || true
	assert_exit 0
	query 'r["machine"]["quota"] == 0.5 and r["machine"]["cpus"] == 1 and "may use 0.5" in r["scaling"]'
	query 'not ratio("sha256 900", "scaling", 2, "ft") and r["machine"]["cpu_granted"] < 0.9'
}

@test "a worker with the wrong GIL makes the table impossible" {
	real_pair
	wrapped 'set -- -X gil=1 "$@"'
	run one_value "$GIL" "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'sha256 900'
	assert_output --partial 'the GIL was on in a worker of'
	assert_output --partial 'worth nothing'
}

@test "another result makes the table impossible" {
	real_pair
	wrapped 'exec 4>&3; real "$@" 3>&1 >/dev/null | sed '"'s/\"checksum\": \"/&9/'"' >&4; exit'
	run one_value "$GIL" "./python${SERIES}t"
	assert_exit 1
	assert_output --regexp 'computed 9|before it was 9'
}

@test "a kernel that raises, is killed, writes garbage or never ends: an error that says which and how" {
	real_pair
	wrapped 'echo "MemoryError: no more" >&2; exit 1'
	run one_value "./python${SERIES}t"
	assert_exit 1
	assert_output --regexp 'sha256 900, [12] workers?: kernel bench on .* exit status 1; it printed: MemoryError: no more'
	wrapped 'kill -9 $$'
	run one_value "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'killed by signal 9'
	wrapped 'echo garbage >&3'
	run one_value "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'no JSON object: "garbage"'
	wrapped 'sleep 100'
	run one_value --limit 1 "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'did not end within 1 s and was killed'
}

@test "an interpreter that is replaced during the run makes the table impossible" {
	real_pair
	wrapped 'if [ ! -e "$0.once" ]; then touch "$0.once"; else cp -p "$0" "$0.new"; mv "$0.new" "$0"; fi'
	run one_value "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'was replaced while it was measured'
	assert_output --partial 'measure again'
	# by something that is not to be seen from its file: what it runs is another
	wrapped 'exec 4>&3; real "$@" 3>&1 >/dev/null | sed '"'s/\"version\": \"/&9/'"' >&4; exit'
	run one_value "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'was replaced while it was measured'
}

@test "a build against itself: A and B, and what was called a difference" {
	real_pair
	run --separate-stderr ungil bench --json --self-check --quick --rounds 2 --kernel squares:threads "$FT"
	assert_exit 0
	query '[b["id"] for b in r["builds"]] == ["A", "B"] and r["self_check"] == {"differences": 0}'
	query '{(x["what"], x["workers"]) for x in k["squares threads"]["ratios"]} == {("self_check", w) for w in r["workers"]}'
	query 'all(x["low"] < x["ratio"] < x["high"] and x["p"] > 0 for x in k["squares threads"]["ratios"])'
	run ungil bench --self-check "$GIL" "$FT"
	assert_exit 2
	assert_output --partial 'measures one build, not 2'
}

@test "compared with an older result: what got slower, by how much, and exit 1 beyond the threshold" {
	synthetic >old.json
	synthetic primes:balanced:ft:2=0.23 matmul:private:gil:1=0.15 >new.json
	run --separate-stderr ungil bench --from old.json --compare old.json
	assert_exit 0
	assert_output --partial '8 of 8: no difference seen. 0 slower by more than 5 %'
	run --separate-stderr ungil bench --from new.json --compare old.json
	assert_exit 1
	[[ $stderr == *"1 slower than before, most of all primes balanced on ft, 2 workers: +15 %"* ]] || fail "$stderr"
	assert_output --regexp 'primes balanced +ft seconds, 2 +\+15.[0-9] % .* slower !'
	assert_output --regexp 'matmul private +gil seconds, 1 +-25.[0-9] % .* faster'
	run ungil bench --from new.json --compare old.json --threshold 20
	assert_exit 0
	assert_output --partial 'slower'
	run --separate-stderr ungil bench --json --from new.json --compare old.json
	assert_exit 1
	query 'r["compare"]["regressions"] == 1 and [c["form"] for c in r["compare"]["changes"] if c["regression"]] == ["balanced"]'
	query 'all(c["low"] < c["ratio"] < c["high"] for c in r["compare"]["changes"])'
	run ungil bench --markdown --from new.json --compare old.json
	assert_exit 1
	assert_line --regexp '^\| primes balanced \| ft seconds, 2 \| \+15'
}

@test "compared with another machine, build, size or kernel: that is said, and only what can be is compared" {
	synthetic cpu=other release=3.14.6 >old.json
	synthetic >new.json
	run ungil bench --from new.json --compare old.json
	assert_exit 0
	assert_output --partial 'not the same machine: cpu was "other", now "this"'
	assert_output --partial 'ft: release was 3.14.6, now 3.14.7'
	# at another size: 4 times the time everywhere is no regression, but a scaling that is lost is
	synthetic scale=4 $(for b in gil ft; do for w in 1 2; do echo "primes:balanced:$b:$w=0.8 matmul:private:$b:$w=0.8"; done; done) >old.json
	run ungil bench --from new.json --compare old.json
	assert_exit 0
	assert_output --partial 'primes balanced did other work before (another size)'
	synthetic scale=4 primes:balanced:ft:2=0.1 >old.json
	run ungil bench --from new.json --compare old.json
	assert_exit 1
	assert_output --regexp 'primes balanced +ft scaling, 2 +\+(99|100)[.]'
	synthetic primes:balanced:ft:2=0.05 >new.json
	run ungil bench --from new.json --compare new.json
	assert_exit 0
	assert_output --partial 'primes balanced takes only 0.050 s at the size it had before'
	sed 's/"primes"/"prunes"/g' new.json >old.json
	run ungil bench --from new.json --compare old.json
	assert_exit 0
	assert_output --partial 'primes balanced was not measured before'
	assert_output --partial 'prunes balanced was measured before and not now'
}

@test "compared with a receipt, and measured again at its sizes" {
	real_pair
	run --separate-stderr one_value --json "$GIL"
	assert_exit 0
	python3 -c 'import json, sys; json.dump({"format": 1, "name": "x", "bench": json.loads(sys.argv[1])}, open("ungil.json", "w"))' "$output"
	size=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["kernels"][0]["scale"])' "$output")
	run --separate-stderr one_value --json --compare ungil.json "$GIL"
	assert_exit 0 # one value each: no difference can be seen
	query "k['sha256 900']['scale'] == $size"
	query '[c["what"] for c in r["compare"]["changes"]] == ["seconds"] * 2 and r["compare"]["notes"] == []'
}

@test "what holds no result cannot be compared with" {
	synthetic >new.json
	run ungil bench --compare none.json --from new.json
	assert_exit 2
	assert_output --partial 'there is no file none.json'
	echo '{' >broken.json
	run ungil bench --compare broken.json --from new.json
	assert_exit 2
	assert_output --partial 'broken.json is no JSON'
	echo '{"format": 1, "name": "3.14.7"}' >receipt.json
	run ungil bench --compare receipt.json --from new.json
	assert_exit 2
	assert_output --partial 'holds no result of a benchmark'
	synthetic format=1 >old.json
	run ungil bench --compare old.json --from new.json
	assert_exit 2
	assert_output --partial 'format 1'
	run ungil bench --from new.json --compare new.json --threshold much
	assert_exit 2
	assert_output --partial 'no percentage'
}

@test "one interpreter alone is measured, two of a kind are not compared" {
	real_pair
	run --separate-stderr one_value --quick --json "$FT"
	assert_exit 0
	query '{(c["build"], c["workers"]) for c in k["sha256 900"]["cells"]} == {("ft", 1), ("ft", 2)}'
	query 'not ratio("sha256 900", "build_overhead", 1)'
	run ungil bench "$FT" "$FT"
	assert_exit 2
	assert_output --partial 'are both free-threaded'
	run ungil bench --kernel primse "$GIL"
	assert_exit 2
	assert_output --partial 'there is no benchmark kernel "primse"'
	run ungil bench --mode coroutines "$GIL"
	assert_exit 2
	assert_output --partial 'there is no mode "coroutines"'
	run ungil bench --kernel dict --mode processes "$GIL"
	assert_exit 2
	assert_output --partial 'none of these kernels'
	run ungil bench --workers 2,x "$GIL"
	assert_exit 2
	assert_output --partial '"x" is no number of workers'
}

@test "interrupted: it ends at once and leaves nothing running" {
	real_pair
	background "$UNGIL" bench --kernel requests "$GIL" "$FT"
	sleep 1
	kill -TERM "$PID" # a shell starts background processes with SIGINT ignored
	within 2 bash -c "! kill -0 $PID 2>/dev/null"
}
