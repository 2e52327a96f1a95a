# Ctrl-C stops everything within two seconds, leaves nothing running, and says how to go on.

load helpers

setup() {
	common_setup
	mini_upstream
}

both_compile() { [ "$(grep -cs '^compile' "$MINI/control/seen")" = 2 ]; }

# interrupted SIGNAL STATUS: of an install that is in the middle of compiling
interrupted() {
	local signal=$1 expected=$2 start took status=0
	background "$UNGIL" install 3.99.1 2>err
	within 20 grep -qs '^compile' "$MINI/control/seen"
	start=${EPOCHREALTIME/./}
	kill "-$signal" "$PID"
	wait "$PID" || status=$?
	took=$(((${EPOCHREALTIME/./} - start) / 1000))
	echo "took $took ms; status $status"
	cat err
	[ "$took" -lt 2000 ]
	assert_equal "$status" "$expected"
	assert_equal "$(processes_left)" ''
	assert_nothing_installed
}

@test "SIGINT: both builds stop, exit 130, and the same command goes on" {
	knob sleep-compile 60
	# a shell makes background processes ignore SIGINT; a terminal does not
	cat >with-sigint <<-'END'
		#!/usr/bin/env python3
		import os, signal, sys
		signal.signal(signal.SIGINT, signal.SIG_DFL)
		os.execv(sys.argv[1], sys.argv[1:])
	END
	chmod +x with-sigint
	background ./with-sigint "$UNGIL" install 3.99.1 --no-bench 2>err
	within 20 both_compile
	start=${EPOCHREALTIME/./} status=0
	kill -INT "$PID"
	wait "$PID" || status=$?
	[ $(((${EPOCHREALTIME/./} - start) / 1000)) -lt 2000 ]
	assert_equal "$status" 130
	assert_equal "$(processes_left)" ''
	assert_file_contains err 'again'
	unknob sleep-compile
	knob fail-configure # would fail if it were run again
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_store_is_sound
}

@test "SIGTERM: the same, exit 143" {
	knob sleep-compile 60
	interrupted TERM 143
}

@test "SIGHUP: the same, exit 129" {
	knob sleep-compile 60
	interrupted HUP 129
}

@test "a grandchild that a Makefile left behind does not outlive the build" {
	knob grandchild-compile
	interrupted TERM 143
	for pid in $(cat "$MINI/control/grandchildren"); do
		run readlink "/proc/$pid/exe" # a zombie, which a container's first process may leave, has none
		assert_failure
	done
}

@test "builds get default signal dispositions, even where SIGINT is ignored" {
	cat >>"$MINI/src/configure" <<-'END'
		grep SigIgn /proc/self/status >"$control/ignored"
	END
	tar -C "$MINI" --transform="s,^src,Python-3.99.1," -cJf mine.tar.xz src
	pin 3.99.1 mine.tar.xz
	run bash -c 'trap "" INT HUP; exec "$UNGIL" install 3.99.1t --no-bench --source "$PWD/mine.tar.xz"'
	assert_exit 0
	run cat "$MINI/control/ignored"
	# but for 32 and 33, which are the C library's own and which make's children inherit as ignored
	assert_output --regexp 'SigIgn:.(0000000000000000|0000000180000000)$'
}

# stopped WHILE: SIGTERM as soon as ungil says that it does this; its words are in the file err
stopped() {
	local status=0
	background "$UNGIL" install 3.99.1 2>err
	within 60 grep -q "$1" err
	kill -TERM "$PID"
	wait "$PID" || status=$?
	cat err
	assert_equal "$status" 143
	assert_equal "$(processes_left)" ''
}

@test "stopped while the pair is measured: it is installed, and that is said" {
	knob slow-bench
	stopped 'bench: measure'
	assert_file_contains err '3.99.1 and 3.99.1t are installed'
	assert_file_contains err 'ungil bench 3.99.1'
	assert_store_is_sound
	run ungil which 3.99.1t
	assert_exit 0
}

@test "stopped while it is verified: how to go on is said, as in a build" {
	knob slow-verify
	stopped '3.99.1: verify'
	assert_file_contains err 'cannot verify: stopped by signal 15'
	assert_file_contains err 'run the same command again'
	assert_nothing_installed
}

@test "the disk is full when the times go into the receipts: both are installed, and that is said" {
	need_strace
	local nth
	knob skip-bench
	run ungil install 3.99.1
	assert_exit 0
	run timeout 60 strace -qq -o calls -e signal=none -e trace=fsync "$UNGIL" install 3.99.1 --force
	assert_exit 0
	# the last but one fsync is that of the first receipt
	nth=$(($(grep -c '^fsync' calls) - 1))
	run timeout 60 strace -qq -o /dev/null -e trace=fsync -e inject="fsync:error=ENOSPC:when=$nth" \
		"$UNGIL" install 3.99.1 --force
	assert_exit 0
	assert_output --partial 'warning: 3.99.1 and 3.99.1t are installed'
	assert_output --partial 'No space left on device'
	assert_output --regexp '3[.]99[.]1t +installed'
	assert_store_is_sound
	assert_equal "$(ls -A "$UNGIL_ROOT/stage")" ''
}

@test "a closed standard output is an error, and not silence" {
	for verb in "list --json" "recipe show 3.99 --json" "help --man"; do # less than a buffer, and more
		run bash -c '"$UNGIL" '"$verb"' >/dev/full'
		assert_exit 1
		assert_output --partial "No space left"
	done
}

@test "a reader that has read enough: no error, and the end that SIGPIPE makes" {
	for verb in "list --available" "list --available --json" "help --man" "--version"; do
		# shellcheck disable=SC2016
		run bash -c 'exec 4> >(:); wait $!; "$UNGIL" '"$verb"' >&4 4>&-'
		assert_exit 141
		assert_output ''
	done
}

@test "a reader that leaves stops no install" {
	# shellcheck disable=SC2016
	run bash -c 'exec 4> >(:); wait $!; "$UNGIL" install 3.99.1 --no-bench --json >&4 4>&-'
	assert_exit 141
	assert_store_is_sound
	assert_file_exist "$UNGIL_ROOT/versions/3.99.1t/ungil.json"
}

@test "SIGTERM while it waits for one that deletes the source tree: said, and exit 143 at once" {
	run ungil install 3.99.1t --no-bench --keep-build
	assert_exit 0
	tree=$(echo "$XDG_CACHE_HOME"/ungil/build/source-3.99.1-*)
	background flock --no-fork "$tree" sleep 60
	holder=$PID
	within 5 bash -c '! flock --nonblock "$0" true' "$tree"
	background "$UNGIL" install 3.99.1t --no-bench --force 2>err
	within 20 grep -qs waiting err
	assert_file_contains err "$tree"
	start=${EPOCHREALTIME/./} status=0
	kill -TERM "$PID"
	wait "$PID" || status=$?
	[ $(((${EPOCHREALTIME/./} - start) / 1000)) -lt 2000 ]
	assert_equal "$status" 143
	kill "$holder"
}
