# An archive whose digest is right can still be evil: nothing of it gets outside, and it is refused by name.

load helpers

# refused KIND EXPECTED-TEXT
refused() {
	start_faulty
	mini_upstream
	"$TESTS/upstream/evil.py" "$MINI/tarballs/3.99.1/Python-3.99.1.tar.xz" evil "$1" >&2
	cp "evil/$1/Python-3.99.1.tar.xz" "$MINI/tarballs/3.99.1/"
	pin 3.99.1 "$MINI/tarballs/3.99.1/Python-3.99.1.tar.xz"
	run ungil install 3.99.1
	assert_exit 5
	assert_output --regexp "$2"
	assert_nothing_installed
	run find "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}/escaped" "${BATS_TEST_TMPDIR%/*/*}/escaped" /tmp/ungil-escaped /tmp/escaped \
		\( -name escaped -o -name ungil-escaped \) -print
	refute_output --regexp '^/[^:]*escaped$'
}

@test "../x" { refused dotdot '\.\.'; }
@test "an absolute path" { refused absolute '/tmp/ungil-escaped|absolute'; }
@test "a symlink that leads out, and a file through it" { refused symlink-out 'out'; }
@test "a symlink to an absolute path" { refused symlink-absolute '"out".*leads out'; }
@test "a symlink inside, and through it one that leads out" { refused symlink-through 'up'; }
@test "a hard link to a file outside" { refused hardlink-out 'passwd'; }
@test "a device node" { refused device 'null'; }
@test "a FIFO" { refused fifo 'fifo'; }
@test "a setuid program" { refused setuid 'su'; }
@test "an archive cut off in the middle" { refused truncated '.'; }
@test "no archive at all" { refused not-a-tar '.'; }
@test "an empty file" { refused empty '.'; }

@test "10 GB of zeros are refused long before they are written" {
	refused zeros 'zeros|size|large|GiB'
	used=$(du -sm "$BATS_TEST_TMPDIR" | cut -f1)
	[ "$used" -lt 3000 ]
}

@test "a file for each of 300 000 entries is not made" {
	refused many 'entries|files'
}
