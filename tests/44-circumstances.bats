# install under odd circumstances: umask, closed descriptors, low limits, no TMPDIR, strange places, several SPECs.

load helpers

setup() {
	common_setup
	mini_upstream
}

# What stat says of everything in a prefix, whoever installed it when and where.
modes() { (cd "$UNGIL_ROOT/versions/3.99.1t" && find . ! -type l -printf '%M %P\n' | sort -k 2); }

@test "a prefix has the same modes whatever the umask, and the root's directories follow it" {
	local mask
	(umask 022 && ungil install 3.99.1t --no-bench)
	modes >expected
	for mask in 077 002 000; do
		rm -rf "$UNGIL_ROOT"
		(umask $mask && ungil install 3.99.1t --no-bench)
		modes >seen
		diff expected seen
		assert_equal "$(stat -c %04a "$UNGIL_ROOT/versions")" "$(printf %04o $((0777 & ~0$mask)))"
	done
}

@test "closed standard descriptors: the root's lock is not written over, and a lost result is an error" {
	local closed
	for closed in '<&-' '2>&-' '<&- >&-' '<&- >&- 2>&-'; do
		run bash -c "timeout 60 '$UNGIL' install 3.99.1t --no-bench --force $closed"
		case $closed in *' >&-'*) assert_exit 1 ;; *) assert_exit 0 ;; esac
		run cat "$UNGIL_ROOT/lock"
		assert_line --index 1 'ungil install 3.99.1t'
		assert_equal "${#lines[@]}" 3
	done
	assert_store_is_sound
}

@test "40 descriptors are enough" {
	run bash -c 'ulimit -n 40 && exec "$UNGIL" install 3.99.1 --no-bench'
	assert_exit 0
}

@test "a TMPDIR that is missing is not made, and one that is a file does no harm" {
	local dir
	touch file
	for dir in "$PWD/missing/deep" "$PWD/file" relative; do
		TMPDIR=$dir run ungil install 3.99.1t --no-bench --force
		assert_exit 0
	done
	assert_not_exist "$PWD/missing"
	assert_not_exist "$PWD/relative"
}

@test "a root or a cache that make would misread is refused before anything is fetched" {
	local place
	for place in "it's" 'a"b' 'c$(touch made)' 'd`e' 'f\g' $'h\ni' $'j\377'; do
		run ungil install 3.99.1 --root "$PWD/$place"
		assert_exit 2
		assert_output --partial "$place"
		assert_output --partial UNGIL_ROOT
		refute_output --partial fetch
		XDG_CACHE_HOME=$PWD/$place run ungil install 3.99.1
		assert_exit 2
		assert_output --partial XDG_CACHE_HOME
	done
	assert_equal "$(ls)" ''
}

@test "a root through a symbolic link, and a relative one" {
	mkdir real
	ln -s real link
	run ungil install 3.99.1 --no-bench --root link
	assert_exit 0
	run link/bin/python3.99 --version
	assert_output 'Python 3.99.1'
	UNGIL_ROOT=$PWD/real run ungil verify --files
	assert_exit 0
	run ungil install 3.99.1 --no-bench --root link
	assert_exit 0
	assert_output --partial 'already installed'
}

@test "of several SPECs a wrong one shows before the first is built" {
	run ungil install 3.99.1 3.98 --no-bench
	assert_exit 2
	assert_output --partial 3.98
	refute_output --partial configure
	assert_nothing_installed
}

@test "several SPECs: the first one that fails ends it, and those before it stay" {
	knob missing _ssl
	run ungil install 3.99.1 3.99.2 --no-bench
	assert_exit 6
	assert_output --partial '3.99.1:'
	refute_output --partial 3.99.2
	unknob missing
	run ungil install 3.99.1 3.99.2t --no-bench
	assert_exit 0
	run ungil list --json
	assert_output --partial '"name": "3.99.2t"'
	run find "$XDG_CACHE_HOME/ungil/build" -mindepth 1
	assert_output ''
}

@test "--force builds again what --keep-build kept" {
	run ungil install 3.99.1 --no-bench --keep-build
	assert_exit 0
	rm -f "$MINI/control/seen"
	run ungil install 3.99.1 --no-bench --force
	assert_exit 0
	assert_equal "$(grep -c '^compile' "$MINI/control/seen")" 2
	run find "$XDG_CACHE_HOME/ungil/build" -mindepth 1
	assert_output ''
}

@test "one of the pair, then the pair: only the other one is built" {
	run ungil install 3.99t --no-bench
	assert_exit 0
	run ungil install 3.99 --no-bench
	assert_exit 0
	refute_output --partial '3.99.2t: configure'
	assert_output --regexp '3[.]99[.]2t +already installed'
	assert_output --regexp '3[.]99[.]2 +installed'
	run ungil install 3.99t --no-bench
	assert_output --regexp '3[.]99[.]2t +already installed'
	assert_store_is_sound
}

@test "cache and root on different file systems" {
	[ -w /dev/shm ] || skip "no /dev/shm"
	[ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ] || skip "/dev/shm is on this file system"
	local other
	other=$(mktemp -d /dev/shm/ungil-test.XXXXXX)
	XDG_CACHE_HOME=$other/cache run ungil install 3.99.1 --no-bench
	local first=$status
	UNGIL_ROOT=$other/root run ungil install 3.99.1 --no-bench
	rm -rf "$other"
	assert_exit 0
	assert_equal "$first" 0
}

@test "a tree in the cache that others can write to is not built from" {
	local tree build
	run ungil install 3.99.1t --no-bench --keep-build
	assert_exit 0
	tree=$(echo "$XDG_CACHE_HOME"/ungil/build/source-*) build=$(echo "$XDG_CACHE_HOME"/ungil/build/3.99.1t-*[!k])
	chmod 777 "$tree" "$build"
	touch "$tree/planted"
	sed -i '/^make/d' "$build/ungil-stages"
	run ungil install 3.99.1t --no-bench --force --keep-build
	assert_exit 0
	refute_output --partial 'going on'
	assert_not_exist "$tree/planted"
	assert_not_exist "$build/planted"
	chmod 777 "$XDG_CACHE_HOME/ungil/build"
	run ungil install 3.99.1t --no-bench --force
	assert_exit 1
	assert_output --partial "chmod -R go-w $XDG_CACHE_HOME/ungil"
}

@test "root uses nothing in a cache that is another user's, and says what to do" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to give files away"
	local part cache=$XDG_CACHE_HOME/ungil
	run ungil install 3.99.1t --no-bench --keep-build
	assert_exit 0
	for part in "$cache" "$cache/build" "$cache"/build/source-* "$cache"/build/3.99.1t-*[!k]; do
		chown 65534 "$part"
		run ungil install 3.99.1t --no-bench --force
		assert_exit 1
		assert_output --partial "$part belongs to user 65534"
		assert_output --partial XDG_CACHE_HOME=/var/cache
		assert_output --partial "chown -R 0 $cache"
		refute_output --partial copy
		chown 0 "$part"
	done
	run ungil install 3.99.1t --no-bench --force
	assert_exit 0
}

@test "a cache that an earlier run as root left parts in is told before anything is fetched" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to give files away"
	local part place
	place=$(mktemp -d)
	chmod 755 "$place"
	cp "$UNGIL" "$UNGIL_RECIPES"/*.ini "$place"
	mkdir "$place/root" "$place/cache"
	for part in build log/3.99.1t-make.log tarballs git/objects .; do
		mkdir -p "$place/cache/ungil/$(dirname "$part")" "$place/cache/ungil/$part"
		chown -R 65534 "$place/cache" "$place/root"
		chown 0 "$place/cache/ungil/$part"
		run env UNGIL_RECIPES="$place" XDG_CACHE_HOME="$place/cache" UNGIL_ROOT="$place/root" timeout 60 \
			setpriv --reuid 65534 --clear-groups "$place/ungil" install 3.99.1t
		if [ "$status" -ne 1 ]; then rm -rf "$place"; fi
		assert_exit 1
		assert_output --partial 'belongs to root'
		assert_output --partial "sudo chown -R 65534 $place/cache/ungil"
		refute_output --partial fetch
		rm -r "$place/cache/ungil"
	done
	rm -rf "$place"
}

@test "a root or a cache on a file system without locks is told at once, with what can be done" {
	need_strace
	run strace -o trace -e trace=flock -e inject=flock:error=ENOLCK "$UNGIL" install 3.99.1
	assert_exit 1
	assert_output --partial "cannot lock $UNGIL_ROOT/lock"
	assert_output --regexp 'local disk.*UNGIL_ROOT'
	run strace -o trace -e trace=flock -e inject=flock:error=ENOLCK:when=2+ "$UNGIL" install 3.99.1
	assert_exit 1
	assert_output --partial "cannot lock $XDG_CACHE_HOME/ungil"
	assert_output --regexp 'local disk.*XDG_CACHE_HOME'
	refute_output --partial fetch
	# one that has them for directories alone: after the cache and the source tree it is a file's turn
	run strace -o trace -e trace=flock -e inject=flock:error=ENOLCK:when=4+ "$UNGIL" install 3.99.1
	assert_exit 1
	assert_output --regexp 'cannot lock .*/build/3[.]99[.]1-[0-9a-f]*[.]lock'
	assert_output --regexp 'local disk.*XDG_CACHE_HOME'
}
