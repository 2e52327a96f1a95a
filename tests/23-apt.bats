# The distribution's mirror as a source: what apt delivers must be the pin, and what it refuses is told in its own words.
# apt-get and apt-cache are stand-ins here, because no real mirror is wrong on demand; 60-real.bats and CI use the real ones.

load helpers

setup() {
	common_setup
	command -v apt-get >/dev/null || skip "this system has no apt"
	mini_upstream
	set_key recipe providers apt
	echo "apt = python3.99" | sed -i '/^\[recipe\]/r /dev/stdin' "$RECIPE"
	REAL_APT=$(command -v apt-get)
	cp "$MINI/tarballs/3.99.1/Python-3.99.1.tar.xz" orig
	mkdir apt
	cat >apt/apt-get <<-END
		#!/bin/sh
		case "\$*" in
		*--error-on=any*update) [ ! -e "$PWD/update-fails" ] || { cat "$PWD/update-fails" >&2; exit 100; } ;;
		*--tar-only*source*)
			[ ! -e "$PWD/source-fails" ] || { cat "$PWD/source-fails" >&2; exit 100; }
			cp "$PWD/orig" python3.99_3.99.1.orig.tar.xz ;;
		*) exec "$REAL_APT" "\$@" ;;
		esac
	END
	cat >apt/apt-cache <<-END
		#!/bin/sh
		cat "$PWD/index" 2>/dev/null
	END
	printf 'Package: python3.99\nVersion: 3.99.1-1\n' >index
	chmod +x apt/*
	PATH=$PWD/apt:$PATH
}

@test "the pinned bytes are installed, and the receipt says where from" {
	run ungil install 3.99.1t --no-bench
	assert_exit 0
	run ungil show 3.99.1t --json
	assert_output --partial '"provider": "apt"'
}

@test "a series is what the index offers" {
	run ungil install 3.99 --no-bench # 3.99.2 is newer, but not there
	assert_exit 0
	assert_output --partial "does not offer 3.99.2"
	run ungil which 3.99t
	assert_output --partial 3.99.1t
}

@test "one flipped byte is an integrity error, and nothing is kept" {
	printf '\377' | dd of=orig bs=1 seek=5000 conv=notrunc status=none
	run ungil install 3.99.1
	assert_exit 5
	assert_nothing_installed
	run find "$XDG_CACHE_HOME" -name '*.orig.tar.xz' -o -path '*tarballs/*.tar.xz'
	assert_output ''
}

@test "a file that the index names and the mirror lacks is unreachable, with its 404" {
	echo "E: Failed to fetch http://mirror.invalid/python3.99_3.99.1.orig.tar.xz  404  Not Found" >source-fails
	run ungil install 3.99.1
	assert_exit 4
	assert_output --partial 404
	assert_nothing_installed
}

@test "an index without a valid signature is told in apt's words" {
	rm index
	echo "E: The repository 'http://mirror.invalid trixie InRelease' is not signed." >update-fails
	run ungil install 3.99.1
	assert_exit 4
	assert_output --partial "is not signed"
	assert_nothing_installed
}

@test "an index without the package, and a system without apt" {
	rm index
	run ungil install 3.99.1
	assert_exit 4
	assert_output --partial "no source package python3.99"
	mkdir bare
	find /usr/bin/ -maxdepth 1 ! -type d ! -name 'apt*' -exec ln -sf -t bare {} +
	PATH=$PWD/bare run ungil install 3.99.1
	assert_exit 4
	assert_output --partial "apt-get"
	assert_nothing_installed
}
