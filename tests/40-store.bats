# The store is plain files: what is installed is whole, and every verb agrees on it.

load helpers

setup() {
	common_setup
	mini_upstream
}

pair() {
	run ungil install "${1:-3.99.1}" --no-bench
	assert_exit 0
}

# assert_leads_to PROGRAM NAME: what the script ROOT/bin/NAME starts
assert_leads_to() {
	run sed -n "s/^\[ -x '.*' \] && exec '\(.*\)' \"\$@\"\$/\1/p" "$UNGIL_ROOT/bin/$2"
	assert_output "$1"
}

@test "a pair: two prefixes, one owner for each name in bin, receipts and manifests" {
	pair
	assert_store_is_sound
	run "$UNGIL_ROOT/bin/python3.99" -VV
	refute_output --partial free-threading
	run "$UNGIL_ROOT/bin/python3.99t" -VV
	assert_output --partial free-threading
	for name in python3 python pip3.99 pip3.99t idle3.99 idle3.99t pydoc3.99t python3.99-config python3.99t-config; do
		assert_exist "$UNGIL_ROOT/bin/$name"
	done
	# python3 is the GIL build until told otherwise
	assert_leads_to "$UNGIL_ROOT/versions/3.99.1/bin/python3.99" python3
}

@test "nothing in a prefix names the place where it was built" {
	pair
	run grep -rIl --exclude=ungil.json -e "$XDG_CACHE_HOME" -e "$UNGIL_ROOT/stage" "$UNGIL_ROOT/versions"
	assert_output ''
	run grep -rIl --exclude=ungil.json --exclude=ungil.mtree /opt/ungil/versions "$UNGIL_ROOT/versions"
	assert_output ''
}

@test "files that are the same in both builds are one file, unless --no-share" {
	pair
	[ "$UNGIL_ROOT/versions/3.99.1/lib/python3.99/os.py" -ef "$UNGIL_ROOT/versions/3.99.1t/lib/python3.99t/os.py" ]
	run ungil install 3.99.2 --no-share --no-bench
	assert_exit 0
	[ ! "$UNGIL_ROOT/versions/3.99.2/lib/python3.99/os.py" -ef "$UNGIL_ROOT/versions/3.99.2t/lib/python3.99t/os.py" ]
	assert_store_is_sound
}

@test "a root with spaces and UTF-8 in its path" {
	export UNGIL_ROOT="$BATS_TEST_TMPDIR/ein Büro/für ✓"
	pair
	assert_store_is_sound
	run "$UNGIL_ROOT/bin/pip3.99" --version
	assert_exit 0
	run ungil exec 3.99.1t -- python3.99t -V
	assert_output "Python 3.99.1"
}

@test "list, show, which: the same names, as text and as JSON" {
	pair
	run ungil list
	assert_line --regexp '^3\.99\.1 '
	assert_line --regexp '^3\.99\.1t '
	run bash -c '"$UNGIL" list --json | python3 -m json.tool'
	assert_exit 0
	assert_output --partial '"name": "3.99.1t"'
	run ungil show 3.99.1t
	assert_exit 0
	run ungil which 3.99.1t
	assert_output "$UNGIL_ROOT/versions/3.99.1t/bin/python3.99t"
	run ungil which 3.99.1 pip3.99
	assert_output "$UNGIL_ROOT/versions/3.99.1/bin/pip3.99"
	run ungil which 3.99.1 no-such-program
	assert_exit 1
	run ungil list --available
	assert_output --partial 3.99.2
}

@test "an unknown name is refused with the nearest ones" {
	pair
	for prog in '' /bin/sh ../../ungil.json; do
		run ungil which 3.99.1 "$prog"
		assert_exit 2
	done
	for verb in show which remove verify; do
		run ungil $verb 3.99.5
		[ "$status" -ne 0 ]
		assert_output --partial 3.99.5
		assert_output --partial 3.99.1
	done
	assert_store_is_sound
}

@test "exec: NAME's bin first in PATH, arguments, exit status and signals as they are" {
	pair
	run ungil exec 3.99.1t -- sh -c 'command -v python3.99; echo "$1"; exit 7' sh 'a  b'
	assert_exit 7
	assert_line --index 0 "$UNGIL_ROOT/versions/3.99.1t/bin/python3.99"
	assert_line --index 1 'a  b'
	run ungil exec 3.99.1t -- no-such-program
	assert_exit 127 || [ "$status" -eq 1 ]
	assert_output --partial no-such-program
}

@test "link --default, and back to automatic when that one is removed" {
	pair
	pair 3.99.2
	assert_leads_to "$UNGIL_ROOT/versions/3.99.2/bin/python3.99" python3
	run ungil link --default 3.99.1t
	assert_exit 0
	assert_leads_to "$UNGIL_ROOT/versions/3.99.1t/bin/python3.99t" python3
	run ungil remove 3.99.1t
	assert_exit 0
	assert_leads_to "$UNGIL_ROOT/versions/3.99.2/bin/python3.99" python3
	assert_store_is_sound
}

@test "link --into: elsewhere, and never over a file that is not ungil's" {
	pair
	mkdir into && echo mine >into/python3.99
	run ungil link --into "$PWD/into"
	assert_exit 1
	assert_output --partial into/python3.99
	run cat into/python3.99
	assert_output mine
	rm into/python3.99
	run ungil link --into "$PWD/into"
	assert_exit 0
	run into/python3.99t -VV
	assert_output --partial free-threading
}

@test "a file in bin that is not ungil's is not overwritten" {
	mkdir -p "$UNGIL_ROOT/bin" && echo mine >"$UNGIL_ROOT/bin/python3"
	run ungil install 3.99.1 --no-bench
	assert_output --partial "$UNGIL_ROOT/bin/python3"
	run cat "$UNGIL_ROOT/bin/python3"
	assert_output mine
}

@test "remove: the prefix and its links are gone, the other one of the pair is whole" {
	pair
	run ungil remove 3.99.1
	assert_exit 0
	assert_not_exist "$UNGIL_ROOT/versions/3.99.1"
	assert_not_exist "$UNGIL_ROOT/bin/python3.99"
	run "$UNGIL_ROOT/bin/python3.99t" -V
	assert_exit 0
	assert_store_is_sound
	run ungil remove 3.99.1t
	assert_exit 0
	run ungil list
	assert_exit 0
	refute_output --partial 3.99
	run ls -A "$UNGIL_ROOT/bin" "$UNGIL_ROOT/versions" "$UNGIL_ROOT/stage"
	refute_output --partial 3.99
}

@test "a prefix edited by hand: verify --files names each file and what is wrong with it" {
	pair
	prefix=$UNGIL_ROOT/versions/3.99.1t
	rm "$prefix/lib/python3.99t/json.py"
	echo '# mine' >>"$prefix/bin/pip3.99"
	touch "$prefix/bin/extra"
	chmod 600 "$prefix/include/python3.99t/pyconfig.h"
	run ungil verify --files 3.99.1t
	assert_exit 1
	assert_output --partial lib/python3.99t/json.py
	assert_output --partial bin/pip3.99
	assert_output --partial bin/extra
	assert_output --partial pyconfig.h
	run ungil verify --files 3.99.1
	assert_exit 0
}

@test "bytecode that importing wrote is not an alteration" {
	pair
	mkdir -p "$UNGIL_ROOT/versions/3.99.1/lib/python3.99/__pycache__"
	touch "$UNGIL_ROOT/versions/3.99.1/lib/python3.99/__pycache__/json.cpython-399.pyc"
	run ungil verify --files 3.99.1
	assert_exit 0
}

@test "the manifest is mtree that bsdtar reads" {
	command -v bsdtar >/dev/null || skip "no bsdtar"
	pair
	run bash -c 'cd "$UNGIL_ROOT/versions/3.99.1t" && bsdtar -tf - <ungil.mtree'
	assert_exit 0
	assert_output --partial bin/python3.99t
}

@test "two installs at once: the second waits, says for whom, and finds nothing left to do" {
	knob sleep-compile 3
	background "$UNGIL" install 3.99.1 --no-bench
	first=$PID
	within 20 grep -qs compile "$MINI/control/seen"
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_output --partial "$first"
	assert_output --partial "already installed"
	wait $first
	assert_equal "$(grep -c '^installed' "$MINI/control/seen")" 2
	assert_store_is_sound
}

@test "--lock-wait 0 does not wait: exit 7" {
	knob sleep-compile 3
	background "$UNGIL" install 3.99.1 --no-bench
	first=$PID
	within 20 grep -qs compile "$MINI/control/seen"
	run ungil install 3.99.2 --lock-wait 0
	assert_exit 7
	assert_output --partial "$first"
	# reading needs no lock
	run ungil list
	assert_exit 0
	wait $first
}

@test "a read-only root: said, with what can be done, and nothing is built" {
	mkdir -p "$UNGIL_ROOT"
	if [ "$(id -u)" -eq 0 ]; then
		unshare --mount true 2>/dev/null || skip "may not mount"
		run timeout 60 unshare --mount --propagation private bash -c '
			mount -t tmpfs -o ro tmpfs "$UNGIL_ROOT" && exec "$UNGIL" install 3.99.1'
	else
		chmod 555 "$UNGIL_ROOT"
		run ungil install 3.99.1
	fi
	assert_exit 1
	assert_output --partial "$UNGIL_ROOT"
	assert_output --regexp '[Rr]ead-only|[Pp]ermission'
	assert_not_exist "$MINI/control/seen"
}

@test "a build beside an installed one of its name, where it was configured for, gets its own pip" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to mount a small tmpfs"
	unshare --mount true 2>/dev/null || skip "may not mount"
	run timeout 120 unshare --mount --propagation private bash -c '
		mount -t tmpfs tmpfs /opt || exit 99
		"$UNGIL" install 3.99.1t --no-bench --root /opt/ungil || exit 98
		"$UNGIL" install 3.99.1t --no-bench --force --root /opt/ungil || exit 97
		"$UNGIL" install 3.99.1t --no-bench --root /opt/second || exit 96
		ls /opt/*/versions/3.99.1t/bin/pip3 | wc -l'
	assert_exit 0
	assert_line 2
}

@test "a disk that is full: said, nothing visible, nothing left in the stage" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to mount a small tmpfs"
	unshare --mount true 2>/dev/null || skip "may not mount"
	knob huge 20
	mkdir -p "$UNGIL_ROOT"
	run timeout 120 unshare --mount --propagation private bash -c '
		mount -t tmpfs -o size=8m tmpfs "$UNGIL_ROOT" || exit 99
		"$UNGIL" install 3.99.1
		echo "exit $?"
		ls -A "$UNGIL_ROOT/versions" "$UNGIL_ROOT/stage"
		"$UNGIL" list; echo "list $?"
		rm "$0"
		"$UNGIL" install 3.99.1 --no-bench >/dev/null; echo "again $?"' "$MINI/control/huge"
	assert_output --partial "No space left on device"
	assert_line --regexp '^exit [16]$'
	refute_line --regexp '^3\.99\.1t?([.]|$)'
	assert_line "list 0"
	assert_line "again 0"
}

@test "clean: caches and stale stages go, what is installed stays" {
	pair
	mkdir -p "$UNGIL_ROOT"/stage/{3.99.1t.LeFt01,failed-3.99.1,mine}
	run ungil clean
	assert_exit 0
	run ls "$UNGIL_ROOT/stage"
	assert_output mine
	assert_store_is_sound
	run ungil list
	assert_output --partial 3.99.1t
}

@test "clean: what an ungil with another root fetches or builds is left to it" {
	local cache=$XDG_CACHE_HOME/ungil
	pair 3.99.2
	run ungil install 3.99.2t --no-bench --force --keep-build
	assert_exit 0
	knob sleep-compile 6
	UNGIL_ROOT=$PWD/other background "$UNGIL" install 3.99.1 --no-bench
	within 20 grep -qs '^compile' "$MINI/control/seen"
	within 20 test -e "$cache/log/3.99.1-make.log"
	run ungil clean --dry-run
	assert_exit 0
	assert_output --partial "$cache/log stays"
	run --separate-stderr ungil clean --json
	assert_exit 0
	python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["kept"]), sep="\n")' <<<"$output" >kept
	printf '%s\n' "$cache"/build/3.99.1{,t}-*[!k] "$cache"/build/source-3.99.1-* "$cache/log" | diff - kept
	assert_not_exist "$(echo "$cache"/build/3.99.2t-*[!k])"
	wait "$PID"
	assert_dir_exist other/versions/3.99.1t
	assert_file_exist "$cache/log/3.99.1t-make.log"
	run ungil clean
	assert_exit 0
	refute_output --partial stays
	run ls "$cache"
	assert_output $'configure\ntimings'
}

@test "clean: one build directory or source tree that is locked stays, and the logs with it" {
	local what held cache=$XDG_CACHE_HOME/ungil
	for what in '3.99.1t-*.lock' 'source-*'; do
		run ungil install 3.99.1t --no-bench --force --keep-build
		assert_exit 0
		held=$(echo "$cache"/build/$what)
		run flock --shared "$held" "$UNGIL" clean
		assert_exit 0
		assert_output --partial "${held%.lock} stays"
		assert_exist "${held%.lock}"
		assert_file_exist "$cache/log/3.99.1t-make.log"
	done
	run ungil clean
	assert_exit 0
	assert_not_exist "$cache/build"
}

@test "a receipt that is no receipt is warned about, and the other names still work" {
	pair
	echo '{' >"$UNGIL_ROOT/versions/3.99.1/ungil.json"
	run ungil list
	assert_exit 0
	assert_output --partial "$UNGIL_ROOT/versions/3.99.1"
	assert_output --partial 3.99.1t
}

@test "a root that JSON has no text for: an error, not an empty document" {
	export UNGIL_ROOT=$BATS_TEST_TMPDIR/$'b\xfcro'
	mkdir -p "$UNGIL_ROOT"
	run --separate-stderr ungil list --json
	assert_exit 1
	assert_output ''
	# shellcheck disable=SC2154
	[[ $stderr = *'leave out --json, or choose another root'* ]]
	run ungil list
	assert_exit 0
}

@test "a source tree that a killed ungil deleted half is not built from" {
	run ungil install 3.99.1t --no-bench --keep-build
	assert_exit 0
	tree=$(echo "$XDG_CACHE_HOME"/ungil/build/source-3.99.1-*)
	assert_file_exist "$tree/stub.c"
	rm -f "$tree/.ungil-source" "$tree/stub.c"
	run ungil install 3.99.1t --no-bench --force
	assert_exit 0
	assert_store_is_sound
}

@test "two ungils that find the same half-deleted source tree: both install" {
	need_strace
	run ungil install 3.99.1t --no-bench --keep-build
	assert_exit 0
	tree=$(echo "$XDG_CACHE_HOME"/ungil/build/source-3.99.1-*)
	rm -f "$tree/.ungil-source"
	# the first one is about to remove the tree, emptied, while the second one comes and goes
	UNGIL_ROOT=$PWD/other background strace -f -o trace -P "$tree" -e inject=rmdir:delay_enter=4s \
		"$UNGIL" install 3.99.1t --no-bench
	first=$PID
	within 20 bash -c '[ ! -e "$0/stub.c" ]' "$tree"
	run ungil install 3.99.1t --no-bench --force
	assert_exit 0
	wait "$first"
	assert_dir_exist other/versions/3.99.1t
}

@test "a source tree that another ungil uses is left to it" {
	run ungil install 3.99.1t --no-bench --keep-build
	assert_exit 0
	tree=$(echo "$XDG_CACHE_HOME"/ungil/build/source-3.99.1-*)
	run flock --shared "$tree" "$UNGIL" install 3.99.1t --no-bench --force
	assert_exit 0
	assert_file_exist "$tree/stub.c"
	run ungil install 3.99.1t --no-bench --force
	assert_exit 0
	assert_not_exist "$tree"
}

@test "what is installed and is built again is told why: another preset, other inputs" {
	run ungil install 3.99.1t --preset quick --no-bench
	assert_exit 0
	refute_output --partial again
	CFLAGS=-O0 run ungil install 3.99.1t --preset quick --no-bench
	assert_exit 0
	assert_output --partial '3.99.1t is installed, but from other inputs'
	run ungil install 3.99.1t --preset release --no-bench
	assert_exit 0
	assert_output --partial '3.99.1t is installed with preset quick: building it again with release (--preset quick asks for that one)'
}
