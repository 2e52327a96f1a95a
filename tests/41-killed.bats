# Killed at any moment, ungil leaves the old state or the new one, and the next run goes on.

load helpers

setup() {
	common_setup
	mini_upstream
}

# milliseconds that a command takes
duration() {
	local start=${EPOCHREALTIME/./}
	"$@" >/dev/null 2>&1
	echo $(((${EPOCHREALTIME/./} - start) / 1000))
}

# killed AFTER_MS COMMAND...: with SIGKILL, after so long
killed() {
	local after=$1
	shift
	background "$@" >/dev/null 2>&1
	sleep "$((after / 1000)).$(printf %03d $((after % 1000)))"
	kill -9 "$PID" 2>/dev/null || true
	wait "$PID" 2>/dev/null || true
}

@test "kill -9 at 100 random moments of install and remove: the store stays whole, every next run succeeds" {
	RANDOM=${UNGIL_TEST_SEED:-$$}
	echo "# seed: ${UNGIL_TEST_SEED:-$$}"
	full=$(duration ungil install 3.99.1 --no-bench)
	again=$(duration ungil install 3.99.1 --no-bench --force)
	gone=$(duration ungil remove 3.99.1 3.99.1t)
	assert_equal "$(ls "$UNGIL_ROOT/versions")" ''
	half=0
	for ((i = 0; i < 100; i++)); do
		case $((i % 4)) in
		0 | 2)
			"$UNGIL" remove -q 3.99.1 3.99.1t 2>/dev/null || true
			killed $((RANDOM % (full + 1))) "$UNGIL" install 3.99.1 --no-bench
			;;
		1) killed $((again / 2 + RANDOM % (again / 2 + 50))) "$UNGIL" install 3.99.1 --no-bench --force ;;
		3) killed $((RANDOM % (gone + 2))) "$UNGIL" remove 3.99.1 3.99.1t ;;
		esac
		assert_store_is_sound killed
		if [ "$(ls "$UNGIL_ROOT/versions" 2>/dev/null | wc -l)" -lt 2 ]; then half=$((half + 1)); fi
		run ungil install 3.99.1 --no-bench
		assert_exit 0
		assert_store_is_sound
		assert_equal "$(ls "$UNGIL_ROOT/versions" | tr '\n' ' ')" "3.99.1 3.99.1t "
		"$UNGIL" link -q # takes the lock and sweeps, which an install that finds all installed does not
		assert_equal "$(ls -A "$UNGIL_ROOT/stage")" ''
	done
	echo "# killed before both were installed, or while they were removed: $half of 100"
	[ "$half" -ge 10 ] # or the moments were all too late to test anything
	# what SIGKILL orphans ends by itself
	within 5 bash -c "[ -z '$(processes_left)' ]"
}

@test "kill -9 at each rename and link of the commit: the store stays whole" {
	need_strace
	for call in renameat2 symlinkat fsync unlinkat syncfs linkat; do
		for nth in 1 2 3 5 8; do
			run timeout 60 strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$nth \
				"$UNGIL" install 3.99.1 --no-bench --force
			assert_store_is_sound killed
			run timeout 60 strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$nth \
				"$UNGIL" remove 3.99.1t
			assert_store_is_sound killed
		done
	done
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_store_is_sound
}

@test "kill -9 while the times of the pair go into its receipts: verify --files finds nothing extra" {
	need_strace
	local line call nth
	knob skip-bench
	run ungil install 3.99.1
	assert_exit 0
	run timeout 60 strace -qq -o calls -e signal=none -e trace='?rename,?renameat' "$UNGIL" install 3.99.1 --force
	assert_exit 0
	# the last renames are those of the receipts
	for line in $(grep -n 'ungil[.]json"' calls | tail -n 4 | cut -d: -f1); do
		call=$(sed -n "$line{s/(.*//p}" calls)
		nth=$(head -n "$line" calls | grep -c "^$call(")
		run timeout 60 strace -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$nth" \
			"$UNGIL" install 3.99.1 --force
		assert_exit 137
		assert_store_is_sound killed
		assert_equal "$(ls "$UNGIL_ROOT/versions" | tr '\n' ' ')" "3.99.1 3.99.1t "
		"$UNGIL" link -q
		assert_equal "$(ls -A "$UNGIL_ROOT/stage")" ''
	done
}
