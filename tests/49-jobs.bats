# All ungils of one user together keep the machine's budget of jobs: none waits for another's end, none takes too much.

load helpers

setup() {
	common_setup
	mini_upstream
	LOG=$PWD/jobs.log MINI2=''
	: >"$LOG"
	knob jobs "$LOG"
	JOBS=$(nproc) # of ungils that share
	if [ "$JOBS" -lt 2 ] || [ "$JOBS" -gt 4 ]; then JOBS=2; fi
	CPUS=$(seq -s, 0 $((JOBS - 1)))
}

# A second miniature with the same log, of which another release is built; its cache and its root are its own, too.
second_upstream() {
	MINI2=$BATS_TEST_TMPDIR/mini2
	MINI_RELEASES=3.99.2 "$TESTS/upstream/mini.sh" "$MINI2" >&2
	echo "$LOG" >"$MINI2/control/jobs"
}
# on_few COMMAND...: where there are more CPUs than this test has work for
on_few() { if [ "$(nproc)" -gt "$JOBS" ]; then exec taskset -c "$CPUS" "$@"; else exec "$@"; fi; }
first() { on_few env --default-signal=INT "$UNGIL" install 3.99.1 --no-bench --jobs "$JOBS" "$@" 2>first.err; }
second() {
	UNGIL_RECIPES=$MINI2/recipes UNGIL_ROOT=$BATS_TEST_TMPDIR/root2 XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache2 \
		on_few env --default-signal=INT "$UNGIL" install 3.99.2 --no-bench --jobs "$JOBS" "$@" 2>second.err
}

# What of the first ($MINI) or the second ($MINI2) has begun.
at_least() { [ "$(grep -cF " $1/" <(grep '^+' "$LOG"))" -ge "$2" ]; }

# How many slots and how many seats are locked: the kernel knows.
locks() {
	python3 - "$XDG_RUNTIME_DIR/ungil/jobs" <<-'END'
		import fcntl, struct, sys
		def taken(start, n):
		    ask = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, start, n, 0)
		    return struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_OFD_GETLK, ask))[0] != fcntl.F_UNLCK
		with open(sys.argv[1], "r+b") as file:
		    print(*(sum(taken(at + i, 1) for i in range(n)) for at, n in ((0, 64), (4096, 8))))
	END
}
locks_are() { [ "$(locks)" = "$1" ]; }

# watch_jobs: into `most`, the most that were at work at once. One that is stopped is not at work. Only who works before
# and after a look at all the others counts.
watch_jobs() {
	cat >watch.py <<-'END'
		import os, sys, time
		def works(pid):
		    try:
		        with open(f"/proc/{pid}/stat") as f:
		            return f.read().rpartition(")")[2].split()[0] not in "TtZX"
		    except OSError:
		        return False
		def begun():
		    pids = set()
		    for line in open("jobs.log"):
		        words = line.split()
		        if len(words) == 3:
		            (pids.add if words[0] == "+" else pids.discard)(words[1])
		    return sorted(pids)
		most = samples = 0
		while True:
		    pids = [p for p in begun() if works(p)]
		    both = [p for p in pids if works(p)]
		    most, samples = max(most, len(both)), samples + 1
		    with open("most.new", "w") as f:
		        f.write(f"{most}\n")
		    os.rename("most.new", "most")
		    time.sleep(0.02)
	END
	background python3 watch.py
	SERVERS+=("$PID")
	within 10 test -s most
}

# Two installs, $one and $two, whose compilers sleep; the first one had all jobs before.
two_that_sleep() {
	second_upstream
	knob sleep-object 60
	echo 60 >"$MINI2/control/sleep-object"
	background first
	one=$PID
	within 20 locks_are "$JOBS 1"
	background second
	two=$PID
	within 20 at_least "$MINI2" 1
}

@test "alone, --jobs 1, 2, 3 and 8 are used, and never more" {
	for n in 1 2 3 8; do
		: >"$LOG"
		rm -f most
		watch_jobs
		unset MINI_MORE
		knob sleep-object 0.25
		case $n in
		1) knob sleep-object 0.03 ;;
		8) knob sleep-object 0.8 && export MINI_MORE="mini5.o mini6.o mini7.o mini8.o" ;;
		esac
		run ungil install 3.99.1 --no-bench --jobs $n --force
		assert_exit 0
		kill "$PID"
		assert_equal "$(cat most)" $n
		assert_equal "$(locks)" "0 0"
	done
}

@test "two at once share the jobs of one, and both go on" {
	second_upstream
	export MINI_MORE="mini5.o mini6.o mini7.o mini8.o"
	knob sleep-object 0.25
	knob sleep-compile 1.5
	echo 0.1 >"$MINI2/control/sleep-object"
	watch_jobs
	background first
	one=$PID
	within 20 at_least "$MINI" "$JOBS"
	background second
	two=$PID
	within 20 at_least "$MINI2" 3
	[ ! -e "$UNGIL_ROOT/versions/3.99.1" ] # whose work had not ended before
	wait "$one"
	wait "$two"
	assert_equal "$(cat most)" "$JOBS"
	assert_equal "$(locks)" "0 0"
	assert_exist "$UNGIL_ROOT/versions/3.99.1t"
	assert_exist "$BATS_TEST_TMPDIR/root2/versions/3.99.2t"
}

@test "one that is killed leaves its jobs to the other at once" {
	two_that_sleep
	within 20 locks_are "$JOBS 2"
	kill -9 "$one"
	wait "$one" || true
	within 5 locks_are "$JOBS 1" # all are the second one's now
	kill -INT "$two"
	status=0
	wait "$two" || status=$?
	assert_equal $status 130
	assert_equal "$(locks)" "0 0"
	for pid in $(processes_left); do
		[ "$(awk '{ print $3 }' "/proc/$pid/stat")" != T ] # what stood still has gone with it
	done
	kill_what_is_left # jobs of the killed one
}

@test "Ctrl-C while a build stands still for another: it is gone within two seconds" {
	two_that_sleep
	start=$SECONDS status=0
	kill -INT "$one"
	wait "$one" || status=$?
	assert_equal $status 130
	[ $((SECONDS - start)) -le 3 ]
	kill -INT "$two"
	wait "$two" || true
	assert_equal "$(processes_left)" ''
}

@test "who waits for the same build of another holds no jobs meanwhile" {
	knob sleep-object 60
	background first
	one=$PID
	within 20 locks_are "$JOBS 1"
	background env --default-signal=INT UNGIL_ROOT="$BATS_TEST_TMPDIR/root2" "$UNGIL" install 3.99.1 --no-bench 2>second.err
	two=$PID
	within 20 grep -q 'another ungil builds it' second.err
	assert_equal "$(locks)" "$JOBS 1"
	kill -INT "$one" "$two"
	wait "$one" "$two" || true
	assert_equal "$(processes_left)" ''
}

@test "who has to wait for all says so once, and can be interrupted" {
	second_upstream
	python3 - "$XDG_RUNTIME_DIR" <<-'END' 3>&- &
		import fcntl, os, struct, sys, time
		os.mkdir(sys.argv[1] + "/ungil", 0o700)
		f = open(sys.argv[1] + "/ungil/jobs", "w+b")
		fcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 64, 0))
		time.sleep(60)
	END
	holder=$!
	within 10 locks_are "64 0"
	background first
	within 20 grep -q 'waiting for a share' first.err
	sleep 1
	assert_equal "$(grep -c 'waiting for a share' first.err)" 1
	kill -INT "$PID"
	status=0
	wait "$PID" || status=$?
	assert_equal $status 130
	# and when they are free it begins
	background second
	within 20 grep -q 'waiting for a share' second.err
	kill "$holder"
	wait "$PID"
	assert_exist "$BATS_TEST_TMPDIR/root2/versions/3.99.2t"
}

@test "without a directory for it the budget is this ungil's own" {
	mkdir -m 0777 "$XDG_RUNTIME_DIR/ungil" # others could hold everything in it
	run ungil install 3.99.1t --no-bench -v
	assert_exit 0
	assert_output --partial "$XDG_RUNTIME_DIR/ungil is not a directory of this user's own"
	chmod 0700 "$XDG_RUNTIME_DIR/ungil"
	mkdir "$XDG_RUNTIME_DIR/ungil/jobs"
	run ungil install 3.99.1t --no-bench -v --force
	assert_exit 0
	assert_output --partial "cannot open $XDG_RUNTIME_DIR/ungil/jobs: Is a directory: other ungils at work"
}
