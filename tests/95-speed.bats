# An install with nothing to do takes at most 5 ms, and opens no connection. Runs after all others (Makefile.am), alone.

load helpers

# assert_takes_5_ms ARGUMENT...: of three times 40 runs of ungil, the best one by the clock, which other processes can only
# make slower; and the processor time of a run, in the mean of the best 40
assert_takes_5_ms() {
	if ldd "$UNGIL" | grep -qE 'lib(a|ub)san'; then skip "a program built with sanitizers is no measure"; fi
	command -v hyperfine >/dev/null || skip "no hyperfine"
	for i in 1 2 3; do
		run hyperfine -N -w 3 -r 40 --export-json "times-$i.json" "${*@Q}"
		assert_exit 0
	done
	run python3 -c 'if True:
		import json
		r = [json.load(open(f"times-{i}.json"))["results"][0] for i in (1, 2, 3)]
		wall, cpu = (1000 * min(f(x) for x in r) for f in (lambda x: x["min"], lambda x: x["user"] + x["system"]))
		print(f"{wall:.1f} ms by the clock, {cpu:.1f} ms of processor time")
		raise SystemExit(wall > 5 or cpu > 5)'
	assert_exit 0
	echo "# $output"
}

assert_no_connection() { # ARGUMENT...: of ungil
	strace -o /dev/null true 2>/dev/null || skip "no strace, or it may not trace"
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

@test "a second install of the same opens no connection" {
	mini_upstream
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_no_connection install 3.99.1
}

@test "real: a second install of the same takes at most 5 ms" {
	real_pair
	assert_takes_5_ms "$UNGIL" install "$REAL" --source "$(cat "$BUILD/real-pair/tarball")"
}

@test "real: a second install of the same opens no connection" {
	real_pair
	assert_no_connection install "$REAL"
}
