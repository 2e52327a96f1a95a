# What needs a machine of its own, so it runs after all other files (Makefile.am), alone: an install with nothing to do takes
# at most 5 ms and opens no connection, list and which are as quick; and threads that hashlib lets run at once.

load helpers

# assert_takes_5_ms ARGUMENT...: in one of ten times 20 runs, which other processes can only make slower: the best by the clock,
# and the processor time in the mean. Where an empty program alone takes longer than 1.5 ms, the machine is that much slower
# than the 5 ms are meant for, and they grow with it.
assert_takes_5_ms() {
	local i
	if ldd "$UNGIL" | grep -qE 'lib(a|ub)san'; then skip "a program built with sanitizers is no measure"; fi
	command -v hyperfine >/dev/null || skip "no hyperfine"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		run hyperfine -N -w 3 -r 20 --export-json times.json "${*@Q}" /bin/true
		assert_exit 0
		run python3 -c 'if True:
			import json
			r = json.load(open("times.json"))["results"]
			wall, wall0 = (1000 * x["min"] for x in r)
			cpu, cpu0 = (1000 * (x["user"] + x["system"]) for x in r)
			print(f"{wall:.1f} ms by the clock, {cpu:.1f} ms of processor time; an empty program {wall0:.1f} and {cpu0:.1f}")
			raise SystemExit(wall > 5 * max(1, wall0 / 1.5) or cpu > 5 * max(1, cpu0 / 1.5))'
		if [ "$status" -eq 0 ]; then break; fi
	done
	assert_exit 0
	echo "# $output"
}

assert_no_connection() { # ARGUMENT...: of ungil
	need_strace
	run strace -f -qq -o trace -e trace=%network "$UNGIL" "$@"
	assert_exit 0
	run cat trace
	assert_output ''
}

@test "a second install of the same takes at most 5 ms" {
	mini_upstream
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_takes_5_ms "$UNGIL" install 3.99.1
}

@test "list and which of a pair take at most 5 ms" {
	mini_upstream
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_takes_5_ms "$UNGIL" list
	assert_takes_5_ms "$UNGIL" which 3.99t pip
}

@test "a second install of the same opens no connection" {
	mini_upstream
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_no_connection install 3.99.1
}

@test "real: a second install of the same takes at most 5 ms" {
	real_pair
	local source=()
	if [ -z "${UNGIL_TEST_PAIR:-}" ]; then source=(--source "$(cat "$BUILD/real-pair/tarball")"); fi
	assert_takes_5_ms "$UNGIL" install "$REAL" --preset quick "${source[@]}"
}

@test "real: a second install of the same opens no connection" {
	real_pair
	assert_no_connection install "$REAL" --preset quick
}

@test "real: hashlib lets go of the GIL for 9000 bytes, and not for 900" {
	real_pair
	[ "$(nproc)" -ge 2 ] || skip "one CPU"
	local i
	for i in 1 2 3; do
		run --separate-stderr ungil bench --json --rounds 3 --workers 2 --kernel sha256 "$GIL"
		assert_exit 0
		run python3 -c 'if True:
			import json, sys
			r = json.loads(sys.argv[1])
			busy = {k["form"]: c["cpu_seconds"] / c["seconds"] for k in r["kernels"] for c in k["cells"] if c["workers"] == 2}
			granted = r["machine"]["cpu_granted"]
			print(f"CPUs kept busy by 2 threads: {busy}; a worker got {granted:.2f} of a CPU or more")
			good = busy["9000"] > 1.25 and busy["900"] < 1.15
			raise SystemExit(0 if good else 1 if granted >= 0.95 else 75)' "$output"
		if [ "$status" -ne 75 ]; then break; fi
	done
	if [ "$status" -eq 75 ]; then skip "the machine is busy: $output"; fi
	assert_exit 0
}
