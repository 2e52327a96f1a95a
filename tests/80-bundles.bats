# A bundle installs anywhere as what was packed, or not at all; equal interpreters make equal bundles.

load helpers

setup() {
	common_setup
	mini_upstream
	PLATFORM=$(uname -m)-linux-gnu
	BUNDLE=$PWD/3.99.1t-$PLATFORM.tar.zst
}

install_mini() { # SPEC...
	run ungil install "$@" --preset quick --no-bench
	assert_exit 0
}

packed() {
	install_mini 3.99.1t
	run ungil pack 3.99.1t
	assert_exit 0
}

# spoiled FAULT: the bundle with one thing wrong
spoiled() { python3 "$TESTS/bundles.py" "$BUNDLE" "$PWD/bad.tar.zst" "$1"; }

nothing_in() { # ROOT
	[ ! -e "$1" ] || { find "$1" -mindepth 2 | grep . && fail "there is something in $1"; }
	true
}

@test "pack names the file, its SHA-256 and its size; --json says the same" {
	packed
	local sum
	sum=$(sha256sum "$BUNDLE")
	assert_line '3.99.1t: pack'
	assert_line --regexp "^${sum%% *}  3\.99\.1t-$PLATFORM\.tar\.zst  [0-9]+ KiB$"
	run --separate-stderr ungil pack 3.99.1t --json -o "$PWD/other.tar.zst"
	run python3 -c 'import json, sys; print(*json.loads(sys.argv[1])["packed"][0].values())' "$output"
	assert_output "3.99.1t main $PWD/other.tar.zst ${sum%% *} $(stat -c %s "$BUNDLE")"
}

@test "what is in it: one directory, the receipt and the manifest first, the rest sorted, nobody's, of the release's time" {
	packed
	run tar --numeric-owner --full-time -tvf "$BUNDLE"
	assert_line --index 0 --regexp '^drwxr-xr-x 0/0 +0 2025-01-01 00:00:00 3.99.1t/$'
	assert_line --index 1 --regexp ' 3.99.1t/ungil.json$'
	assert_line --index 2 --regexp ' 3.99.1t/ungil.mtree$'
	run grep -vE '^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x|lrwxrwxrwx) 0/0 +[0-9]+ 2025-01-01 00:00:00 3[.]99[.]1t/' <<<"$output"
	assert_output ''
	run bash -c "tar -tf '$BUNDLE' | tail -n +4 | sed 's|/\$||; s|/|\x01|g' | LC_ALL=C sort -c"
	assert_exit 0
	run grep -c . <(tar -xOf "$BUNDLE" 3.99.1t/ungil.json | grep -F "$BATS_TEST_TMPDIR")
	assert_output 0
}

@test "installed elsewhere it is proven, linked, and its files are those of its manifest" {
	packed
	run ungil install "$BUNDLE" --root "$PWD/else where"
	assert_exit 0
	assert_line --regexp "^3\.99\.1t +installed +$PWD/else where/versions/3\.99\.1t$"
	run "$PWD/else where/bin/python3.99t" -V
	assert_output 'Python 3.99.1'
	run ungil verify --files --root "$PWD/else where"
	assert_exit 0
	run grep -rl "$UNGIL_ROOT" "$PWD/else where/versions"
	assert_output ''
	run ungil show --json 3.99.1t --root "$PWD/else where"
	assert_output --regexp "\"sha256\": ?\"$(sha256sum "$BUNDLE" | cut -d' ' -f1)\""
	run --separate-stderr ungil install "$BUNDLE" --root "$PWD/else where"
	assert_exit 0
	assert_output --partial 'already installed'
}

@test "equal bytes: from another root, from what was installed from a bundle, built apart with another umask" {
	packed
	ungil install "$BUNDLE" --root "$PWD/else where"
	mkdir again
	ungil pack 3.99.1t --root "$PWD/else where" -o again
	cmp "$BUNDLE" "again/${BUNDLE##*/}"
	(umask 077 && XDG_CACHE_HOME=$PWD/c ungil install 3.99.1t --preset quick --no-bench --root "$PWD/third" --jobs 1)
	(umask 027 && XDG_CACHE_HOME=$PWD/c ungil pack 3.99.1t --root "$PWD/third" -o again)
	cmp "$BUNDLE" "again/${BUNDLE##*/}"
}

@test "where the same was built, or is installed from this bundle, there is nothing to do; --force does it" {
	packed
	run ungil install "$BUNDLE"
	assert_exit 0
	assert_line --regexp '^3\.99\.1t +already installed '
	run ungil install "$BUNDLE" --force
	assert_line --regexp '^3\.99\.1t +installed '
	run ungil install "$BUNDLE"
	assert_line --regexp '^3\.99\.1t +already installed '
	run ungil install 3.99.1t --preset quick --no-bench # and the other way round
	assert_line --regexp '^3\.99\.1t +already installed '
}

@test "what was added stays behind; what was changed is named and nothing is packed: exit 5" {
	packed
	mv "$BUNDLE" before
	local prefix=$UNGIL_ROOT/versions/3.99.1t
	echo more >"$prefix/lib/python3.99t/site-packages/more.py"
	run ungil pack 3.99.1t
	assert_exit 0
	cmp before "$BUNDLE"
	rm "$BUNDLE"
	echo "# edited" >>"$prefix/lib/python3.99t/os.py"
	ln -sf idle3 "$prefix/bin/pip3"
	rm "$prefix/lib/python3.99t/json.py"
	run ungil pack 3.99.1t
	assert_exit 5
	assert_output --partial '3.99.1t is not packed: 3 of its files are not as installed: bin/pip3, lib/python3.99t/json.py, lib/python3.99t/os.py'
	assert_output --partial 'ungil verify --files 3.99.1t'
	run ls
	assert_output before
	run ls "$XDG_CACHE_HOME/ungil/pack"
	assert_output ''
}

@test "the static library is a bundle of its own, added to what is installed" {
	install_mini 3.99.1t
	local library=lib/libpython3.99t.a root=$PWD/else
	# the miniature makes one only when it is optimised
	run ungil install 3.99.1t --preset release --no-bench --force
	assert_exit 0
	run ungil pack 3.99.1t --part all
	assert_exit 0
	run ls
	assert_output "3.99.1t-$PLATFORM-static.tar.zst"$'\n'"3.99.1t-$PLATFORM.tar.zst"
	run tar -tf "$BUNDLE"
	refute_output --partial .a
	local static=${BUNDLE%.tar.zst}-static.tar.zst
	run ungil install "$static" --root "$root"
	assert_exit 1
	assert_output --partial 'is the part "static" of 3.99.1t, which is not installed'
	run ungil install "$BUNDLE" "$static" --root "$root"
	assert_exit 0
	assert_file_exist "$root/versions/3.99.1t/$library"
	run ungil verify --files --root "$root"
	assert_exit 0
	run ungil install "$static" --root "$root"
	assert_output --partial 'already installed'
	mkdir again
	run ungil pack 3.99.1t --part all --root "$root" -o again
	cmp "$BUNDLE" "again/${BUNDLE##*/}"
	cmp "$static" "again/${static##*/}"
	ungil install 3.99.1t --preset quick --no-bench --root "$root" --force
	run ungil pack 3.99.1t --part debug --root "$root"
	assert_exit 1
	assert_output --partial '3.99.1t has no part "debug"'
}

@test "a part of another build is refused" {
	run ungil install 3.99.1t --preset release --no-bench
	ungil pack 3.99.1t --part static
	ungil install 3.99.1t --preset quick --no-bench --root "$PWD/else"
	ungil pack 3.99.1t --root "$PWD/else"
	ungil install "$BUNDLE" --root "$PWD/third"
	run ungil install "${BUNDLE%.tar.zst}-static.tar.zst" --root "$PWD/third"
	assert_exit 1
	assert_output --partial 'of another 3.99.1t than is installed'
}

@test "a part brings nothing of another part: exit 5" {
	ungil install 3.99.1t --preset release --no-bench
	ungil pack 3.99.1t --part all
	BUNDLE=${BUNDLE%.tar.zst}-static.tar.zst spoiled other-part
	ungil install "$BUNDLE" --root "$PWD/else"
	run ungil install "$PWD/bad.tar.zst" --root "$PWD/else"
	assert_exit 5
	assert_output --partial 'bin/python3 is of another part than the bundle'
	UNGIL_ROOT=$PWD/else assert_store_is_sound
}

@test "a part does not make right what was changed or added since: verify --files and pack go on telling" {
	ungil install 3.99.1t --preset release --no-bench
	ungil pack 3.99.1t --part all
	ungil install "$BUNDLE" --root "$PWD/else"
	local python=$PWD/else/versions/3.99.1t/lib/python3.99t
	echo more >"$python/site-packages/more.py"
	run ungil install "${BUNDLE%.tar.zst}-static.tar.zst" --root "$PWD/else"
	assert_exit 0
	run ungil verify --files --root "$PWD/else"
	assert_line --regexp '^ +extra +lib/python3.99t/site-packages/more.py$'
	mkdir again
	printf '\177ELF and no more' >"$python/site-packages/broken.so"
	ungil pack 3.99.1t --part all --root "$PWD/else" -o again
	cmp "$BUNDLE" "again/${BUNDLE##*/}"
	echo "# edited" >>"$python/os.py"
	run ungil install "${BUNDLE%.tar.zst}-static.tar.zst" --root "$PWD/else" --force
	assert_exit 0
	run ungil verify --files --root "$PWD/else"
	assert_line --regexp '^ +changed +lib/python3.99t/os.py: size$'
}

@test "a bundle behind a symbolic link is installed" {
	packed
	ln -s "$BUNDLE" link.tar.zst
	run ungil install "$PWD/link.tar.zst" --root "$PWD/else"
	assert_exit 0
}

@test "every fault is found, named, and nothing is installed: exit 5" {
	packed
	local fault message
	while IFS=$'\t' read -r fault message; do
		echo "fault: $fault"
		spoiled "$fault"
		run ungil install "$PWD/bad.tar.zst" --root "$PWD/else"
		assert_exit 5
		assert_output --partial "$message"
		refute_output --regexp $'[\x01-\x09\x0b-\x1f\x7f]|\xc2\x9b'
		nothing_in "$PWD/else"
	done < <(python3 "$TESTS/bundles.py" --list)
	[ ! -e "$PWD/out" ] && [ ! -e /out ]
}

@test "a manifest that is too large is not even written" {
	packed
	spoiled manifest-large # 33 MiB
	run bash -c 'ulimit -f 8192 && "$0" install "$1" --root "$PWD/else"' "$UNGIL" "$PWD/bad.tar.zst"
	assert_exit 5
	assert_output --partial 'its entry "ungil.mtree" is larger than it may be'
}

@test "cut short anywhere: exit 5, nothing is installed" {
	packed
	local size at
	size=$(stat -c %s "$BUNDLE")
	for ((at = 0; at < size; at += size / 16 + 1)); do
		head -c "$at" "$BUNDLE" >short.tar.zst
		run ungil install "$PWD/short.tar.zst" --root "$PWD/else"
		assert_exit 5
		nothing_in "$PWD/else"
	done
}

@test "for another machine: said before anything is unpacked, exit 1" {
	packed
	spoiled machine
	run ungil install "$PWD/bad.tar.zst" --root "$PWD/else"
	assert_exit 1
	assert_output --partial "bad.tar.zst is for aarch64; this machine is $(uname -m)"
	spoiled musl
	run ungil install "$PWD/bad.tar.zst" --root "$PWD/else"
	assert_exit 1
	assert_output --partial 'needs the dynamic loader /lib/ld-musl-x86_64.so.1'
	spoiled glibc
	run ungil install "$PWD/bad.tar.zst" --root "$PWD/else"
	assert_exit 1
	assert_output --regexp 'glibc 2\.99 or later \(this machine has 2\.[0-9]+\), for python3\.99t'
	assert_output --partial 'a bundle that was built on an older system'
	assert_file_not_exist "$PWD/else"
}

@test "libraries that lack are named with this distribution's packages; those of optional modules are only noted" {
	packed
	spoiled library
	run ungil install "$PWD/bad.tar.zst" --root "$PWD/else"
	assert_exit 1
	assert_output --partial 'libssl.so.3.99, for _ssl, _hashlib'
	refute_output --partial libtk
	assert_output --regexp 'apt-get install libssl3"'
	assert_file_not_exist "$PWD/else"
	spoiled optional
	run ungil install "$PWD/bad.tar.zst" --root "$PWD/else"
	assert_exit 0
	assert_output --partial '3.99.1t: without tkinter: this machine lacks the libraries'
}

@test "what is no bundle: a missing file or a pipe is exit 2, another archive exit 5" {
	run ungil install "$PWD/none.tar.zst"
	assert_exit 2
	assert_output --partial "cannot read the bundle $PWD/none.tar.zst: No such file or directory"
	mkfifo fifo.tar.zst # nobody ever writes into it
	run ungil install "$PWD/fifo.tar.zst"
	assert_exit 2
	assert_output --partial "fifo.tar.zst is not a regular file"
	mkdir d && touch d/file && tar -czf other.tar.gz d
	run ungil install "$PWD/other.tar.gz"
	assert_exit 5
	assert_output --partial 'is not a bundle of ungil: it does not begin with ungil.json'
	assert_nothing_installed
}

@test "pack -o LINK writes the file that it leads to, and leaves the link" {
	packed
	mkdir there && ln -s there/real.tar.zst link && touch there/real.tar.zst
	run ungil pack 3.99.1t -o link
	assert_exit 0
	cmp "$BUNDLE" there/real.tar.zst
	[ -L link ]
	ln -s /dev/full full
	run ungil pack 3.99.1t -o full
	assert_exit 1
	assert_output --partial 'cannot write full: it is there and not a regular file'
	run ls there
	assert_output real.tar.zst
}

@test "a wrong name, a wrong part, one file for two bundles, a directory that is not there" {
	install_mini 3.99.1
	run ungil pack
	assert_exit 2
	run ungil pack 3.99.2
	assert_exit 1
	assert_output --partial '3.99.2 is not installed'
	run ungil pack 3.99.1 --part statik
	assert_exit 2
	assert_output --partial 'did you mean static?'
	run ungil pack 3.99.1 3.99.1t -o both.tar.zst
	assert_exit 2
	assert_output --partial 'both.tar.zst is one file, for 2 bundles'
	run ungil pack 3.99.1 -o none/x.tar.zst
	assert_exit 1
	assert_output --partial 'cannot write none/x.tar.zst: No such file or directory'
}

@test "no room: exit 1, nothing is left, and what was installed stays" {
	packed
	[ "$(id -u)" -eq 0 ] || skip "needs root for a small file system"
	unshare --mount true 2>/dev/null || skip "may not mount"
	run unshare --mount bash -c '
		mkdir small && mount -t tmpfs -o size=100k none small || exit 99
		"$1" install "$2" --root "$PWD/small/root"; echo "exit $?"
		find small/root/versions small/root/stage -mindepth 1
		rm -rf small/root && dd if=/dev/zero of=small/fill bs=1k 2>/dev/null
		"$1" pack 3.99.1t -o small/; echo "exit $?"; ls small' _ "$UNGIL" "$BUNDLE"
	assert_line --index 0 --regexp 'cannot write lib/.*: No space left on device'
	assert_line --index 1 'exit 1'
	assert_line --index 2 '3.99.1t: pack'
	assert_line --index 3 --regexp 'cannot write small/3.99.1t-.*: No space left on device'
	assert_line --index 4 'exit 1'
	assert_line --index 5 fill
	[ "${#lines[@]}" = 6 ]
}

@test "stopped while it is proven, nothing is installed; the next run installs it" {
	packed
	knob slow-verify
	local status=0
	background "$UNGIL" install "$BUNDLE" --root "$PWD/else" 2>err
	within 20 grep -qs verify err
	kill -TERM "$PID"
	wait "$PID" || status=$?
	assert_equal "$status" 143
	assert_file_contains err "nothing of ${BUNDLE##*/} is installed"
	nothing_in "$PWD/else"
	unknob slow-verify
	run ungil install "$BUNDLE" --root "$PWD/else"
	assert_exit 0
	UNGIL_ROOT=$PWD/else assert_store_is_sound
}

@test "killed anywhere: the old interpreter or the new one, and the next run ends it" {
	packed
	ungil install "$BUNDLE" --root "$PWD/else"
	local i seen=0
	for i in {1..12}; do
		background "$UNGIL" install "$BUNDLE" --root "$PWD/else" --force 2>err
		sleep "0.0$((i * 3 % 10))$i"
		kill -KILL "$PID" && seen=$((seen + 1))
		wait "$PID" || true
		run "$PWD/else/bin/python3.99t" -V
		assert_output 'Python 3.99.1'
	done
	[ "$seen" -gt 0 ]
	run ungil install "$BUNDLE" --root "$PWD/else" --force
	assert_exit 0
	UNGIL_ROOT=$PWD/else assert_store_is_sound
}

@test "a root that was moved goes on running; relocate names what named the old place, and makes it right" {
	packed
	ungil install "$BUNDLE" --root "$PWD/before"
	mv before after
	run after/versions/3.99.1t/bin/python3.99t -V
	assert_output 'Python 3.99.1'
	run after/bin/python3.99t -V
	assert_output 'Python 3.99.1'
	ln -s "$PWD/after/bin/python3.99t" elsewhere
	run ./elsewhere -V
	assert_output 'Python 3.99.1'
	run --separate-stderr ungil relocate --dry-run --root "$PWD/after"
	assert_exit 0
	assert_line "$PWD/after/versions/3.99.1t/lib/python3.99t/config-3.99t-x86_64-linux-gnu/Makefile"
	run grep -rlF "$PWD/before" after/versions --include=Makefile
	assert_output after/versions/3.99.1t/lib/python3.99t/config-3.99t-x86_64-linux-gnu/Makefile
	run ungil relocate 3.99.1t --root "$PWD/after"
	assert_exit 0
	run after/bin/python3.99t -V
	assert_output 'Python 3.99.1'
	run grep -rlF "$PWD/before" after/versions after/bin
	assert_output after/versions/3.99.1t/ungil.json # where the bundle came from is below it
	UNGIL_ROOT=$PWD/after assert_store_is_sound
	run ungil relocate --root "$PWD/after"
	assert_output '3.99.1t: nothing to do: it is where its files say'
	mkdir again
	ungil pack 3.99.1t --root "$PWD/after" -o again
	cmp "$BUNDLE" "again/${BUNDLE##*/}"
}

# A root of somebody else: who packs or relocates there, perhaps as root, writes nowhere else.
foreign_root() {
	packed
	rm "$BUNDLE"
	mkdir theirs
	echo precious >theirs/precious
	printf '#!%s/bin/python3\n' "$UNGIL_ROOT/versions/3.99.1t" >theirs/tool
	PREFIX=$UNGIL_ROOT/versions/3.99.1t
}

listed() { # PATH FILE: as the manifest names it
	printf './%s mode=644 type=file size=%d sha256digest=%s\n' "$1" "$(stat -c %s "$2")" "$(sha256sum "$2" | cut -d' ' -f1)"
}

@test "pack writes nothing outside of its copy, whatever a manifest lists: exit 5" {
	foreign_root
	cp "$PREFIX/ungil.mtree" before
	cp theirs/precious "$UNGIL_ROOT/out"
	listed ../../out theirs/precious >>"$PREFIX/ungil.mtree"
	run ungil pack 3.99.1t
	assert_exit 5
	assert_output --partial 'has an entry outside of its directory: ../../out'
	run find "$XDG_CACHE_HOME" -name out
	assert_output ''
	ln -s "$PWD/theirs" "$PREFIX/theirs"
	{
		cat before
		echo "./theirs mode=777 type=link link=$PWD/theirs"
		listed theirs/precious theirs/precious
	} >"$PREFIX/ungil.mtree"
	run ungil pack 3.99.1t
	assert_exit 5
	assert_output --partial '3.99.1t is not packed: its link theirs leads out of it'
	assert_equal "$(cat theirs/precious)" precious
	[ ! -e "$BUNDLE" ]
}

@test "relocate follows no link out of a prefix, with --dry-run neither: exit 5" {
	foreign_root
	local before
	mv "$UNGIL_ROOT" moved
	mv moved/versions/3.99.1t/bin bin
	ln -s "$PWD/theirs" moved/versions/3.99.1t/bin
	before=$(cat theirs/tool)
	run ungil relocate --dry-run --root "$PWD/moved"
	assert_exit 5
	assert_output --partial '/bin is not a directory'
	assert_equal "$(cat theirs/tool)" "$before"
}

@test "pack: a receipt that does not say where it was installed is an error" {
	packed
	sed -i '/"root_prefix"/d' "$UNGIL_ROOT/versions/3.99.1t/ungil.json"
	LIMIT=20 run ungil pack 3.99.1t
	assert_exit 1
	assert_output --partial 'the path "" is not absolute'
}
