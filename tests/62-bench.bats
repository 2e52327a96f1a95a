# `ungil bench` measures the same work everywhere, and claims nothing that it cannot know.

load helpers

# query EXPRESSION: a Python expression about `r`, the last --json, and `k`, its kernels by "kernel form"
query() {
	python3 -c '
import json, sys
r = json.loads(sys.argv[1])
k = {x["kernel"] + " " + x["form"]: x for x in r["kernels"]}
near = lambda a, b: abs(a - b) < 1e-9 * abs(b)
sys.exit(0 if eval(sys.argv[2]) else f"not so: {sys.argv[2]}\n{json.dumps(r, indent=1)}")' "$output" "$1"
}

@test "one round of all kernels: every cell, one result, ratios that follow from the times" {
	real_pair
	run --separate-stderr ungil bench --json --rounds 1 --threads 2 "$REAL"
	assert_exit 0
	query 'r["format"] == 1'
	query 'set(k) == {"primes equal", "primes balanced", "sha256 9000", "sha256 900", "matmul shared", "matmul private", "squares threads", "squares interpreters"}'
	query 'all(set(x["cells"]) == {"gil/1", "gil/N", "ft/1", "ft/N"} and x["checksum"] for x in k.values() if "skip" not in x)'
	query 'all(near(x["build_overhead"], x["cells"]["ft/1"]["seconds"] / x["cells"]["gil/1"]["seconds"]) for x in k.values() if "skip" not in x)'
	if [ "$SERIES" = 3.13 ]; then query '"3.14" in k["squares interpreters"]["skip"]'; fi
	if [ "$(nproc)" -ge 2 ]; then
		query 'r["scaling"] == "measured" and all(near(x["ft_scaling"], x["cells"]["ft/1"]["seconds"] / x["cells"]["ft/N"]["seconds"]) for x in k.values() if "skip" not in x)'
		# two ranges of half the length cost the published primes more than half the time, the balanced ones not
		query 'k["primes balanced"]["cells"]["gil/1"]["cpu_seconds"] > 0.05'
	fi
}

@test "the table fits 80 columns and says what each line shows" {
	real_pair
	run --separate-stderr ungil bench --rounds 1 --threads 2 --kernel primes,sha256:900 "$GIL" "$FT"
	assert_exit 0
	assert_output --partial 'primes balanced'
	refute_output --partial 'sha256 9000'
	assert_output --partial 'only the free-threaded build can scale'
	local line
	for line in "${lines[@]}"; do
		case $line in "GIL build:"* | "free-threaded: "*) continue ;; esac
		[ "${#line}" -le 80 ] || fail "too long: $line"
	done
	run ungil bench --markdown --rounds 1 --threads 2 --kernel sha256:900 "$GIL" "$FT"
	assert_line --regexp '^\| sha256 900 \| [0-9.]+ \|'
}

@test "more threads than CPUs: no scaling is claimed" {
	real_pair
	run --separate-stderr taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" \
		timeout 120 "$UNGIL" bench --json --rounds 1 --kernel sha256:900 "$GIL" "$FT"
	assert_exit 0
	query 'r["scaling"].startswith("refused") and r["cpus"] == 1 and r["threads"] == 2'
	query 'k["sha256 900"]["ft_scaling"] is None and k["sha256 900"]["build_overhead"] > 0'
}

@test "a worker with the wrong GIL makes the table impossible" {
	real_pair
	printf '#!/bin/sh\nexec "%s" -X gil=1 "$@"\n' "$FT" >"python${SERIES}t"
	chmod +x "python${SERIES}t"
	run ungil bench --rounds 1 --kernel sha256:900 "$GIL" "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'the GIL was on in a worker of'
	assert_output --partial 'worth nothing'
}

@test "another result makes the table impossible" {
	real_pair
	cat >"python${SERIES}t" <<-END
		#!/bin/bash
		exec 4>&3
		"$FT" "\$@" 3>&1 >/dev/null | sed 's/"checksum": "/&9/' >&4
	END
	chmod +x "python${SERIES}t"
	run ungil bench --rounds 1 --kernel primes:balanced "$GIL" "./python${SERIES}t"
	assert_exit 1
	assert_output --partial 'computed 9'
}

@test "one interpreter alone is measured, two of a kind are not compared" {
	real_pair
	run --separate-stderr ungil bench --json --rounds 1 --threads 2 --kernel sha256:900 "$FT"
	assert_exit 0
	query 'k["sha256 900"]["build_overhead"] is None and set(k["sha256 900"]["cells"]) == {"ft/1", "ft/N"}'
	run ungil bench "$FT" "$FT"
	assert_exit 2
	assert_output --partial 'are both free-threaded'
	run ungil bench --kernel primse "$GIL"
	assert_exit 2
	assert_output --partial 'there is no benchmark kernel "primse"'
}

@test "interrupted: it ends at once and leaves nothing running" {
	real_pair
	background "$UNGIL" bench --kernel primes "$GIL" "$FT"
	sleep 1
	kill -TERM "$PID" # a shell starts background processes with SIGINT ignored
	within 2 bash -c "! kill -0 $PID 2>/dev/null"
}
