# A build that cannot succeed says why, where its log is and what to do; nothing of the caller's environment colours it.

load helpers

setup() {
	common_setup
	mini_upstream
}

# path_without PROGRAM...: a directory with every program of the usual ones but these
path_without() {
	local p
	mkdir path
	find /usr/bin/ -maxdepth 1 ! -type d -exec ln -sf -t path {} +
	for p; do rm -f path/$p path/*-$p path/$p-[0-9]*; done
	PATH=$PWD/path
}

log_of() { find "$XDG_CACHE_HOME/ungil/log" -name "$1"; }

@test "both variants are built under one jobserver, which is ungil's" {
	run ungil install 3.99.1 --jobs 2 --no-bench
	assert_exit 0
	run grep -c '^object .*--jobserver-auth=' "$MINI/control/seen"
	[ "$output" -ge 4 ]
}

@test "the second configure starts from the first one's cache" {
	run ungil install 3.99.1 --jobs 1 --no-bench # with more, both configure at once
	assert_exit 0
	assert_file_exist "$MINI/control/seeded"
}

@test "configure is told of the functions that there are, not of stubs nor of what is missing" {
	run ungil install 3.99.1 --jobs 1 --no-bench
	assert_exit 0
	run cat "$(log_of 3.99.1-configure.log)"
	assert_line --partial "checking for getpid... (cached) yes"
	assert_line --partial "checking for memcpy... (cached) yes"
	assert_line --partial "checking for chflags... unknown"
	assert_line --partial "checking for no_such_function... unknown"
}

@test "a compiler that cannot tell of functions tells of none, and the build goes on" {
	printf '#!/bin/sh\ncase "$*" in *ungil-probe*) exit 1 ;; esac\nexec gcc "$@"\n' >mycc && chmod +x mycc
	CC=$PWD/mycc run ungil install 3.99.1t --no-bench
	assert_exit 0
	run grep -c unknown "$(log_of 3.99.1t-configure.log)"
	assert_output 5
}

@test "objects that are the same in both variants are compiled once" {
	echo "share-objects = OBJS" | sed -i '/^\[preset quick\]/r /dev/stdin' "$RECIPE"
	run ungil install 3.99.1 --jobs 1 --no-bench
	assert_exit 0
	run grep -c '^object ' "$MINI/control/seen"
	assert_output 4
}

@test "gcc reads Python.h once when the preset says so, and nothing of it stays" {
	echo "precompile-headers = yes" | sed -i '/^\[preset quick\]/r /dev/stdin' "$RECIPE"
	CC=gcc MINI_CFLAGS=-H run ungil install 3.99.1t --no-bench --keep-build
	assert_exit 0
	run grep -c '^! .*/Python[.]h[.]gch/' "$(log_of 3.99.1t-make.log)"
	assert_output 4
	run find "$XDG_CACHE_HOME/ungil/build" "$UNGIL_ROOT" -name '*.gch'
	assert_output ''
	run grep '^ungil: .* could not be made' "$(log_of 3.99.1t-make.log)"
	assert_output ''
	# where it would be no help, or not be understood
	CC='gcc -pipe' run ungil install 3.99.2t --no-bench
	assert_exit 0
	run grep -c 'c-header' "$(log_of 3.99.2t-make.log)"
	assert_output 0
}

@test "a header that cannot be precompiled is read as ever" {
	echo "precompile-headers = yes" | sed -i '/^\[preset quick\]/r /dev/stdin' "$RECIPE"
	printf '#!/bin/sh\ncase "$*" in *c-header*) exit 1 ;; esac\nexec gcc "$@"\n' >mycc && chmod +x mycc
	CC=$PWD/mycc run ungil install 3.99.1t --no-bench
	assert_exit 0
	run grep -c '^ungil: .* could not be made' "$(log_of 3.99.1t-make.log)"
	assert_output 4
}

@test "a precompiled header that an interrupted build left half written is not used" {
	echo "precompile-headers = yes" | sed -i '/^\[preset quick\]/r /dev/stdin' "$RECIPE"
	knob fail-object
	CC=gcc MINI_CFLAGS=-H run ungil install 3.99.1t --no-bench
	assert_exit 6
	unknob fail-object
	headers=$(find "$XDG_CACHE_HOME/ungil/build" -name 'Python.h.gch')
	assert_file_exist "$headers/shared"
	for header in "$headers"/*; do head -c 10000 "$header" >half && mv half "$header"; done
	CC=gcc MINI_CFLAGS=-H run ungil install 3.99.1t --no-bench
	assert_exit 0
	run grep '^[!x] .*[.]gch' "$(log_of 3.99.1t-make.log)"
	assert_output ''
}

@test "configure fails: its last lines, its log, exit 6, nothing installed" {
	knob fail-configure
	run ungil install 3.99.1
	assert_exit 6
	assert_output --partial "configure"
	assert_output --partial "the miniature was told to fail here"
	assert_output --regexp '/cache/ungil/log/3\.99\.1t?-configure\.log'
	assert_file_exist "$(grep -o '/[^ ]*/ungil/log/3[.]99[.]1t*-configure[.]log' <<<"$output" | head -n 1)"
	assert_nothing_installed
}

@test "compile fails: the compiler's error is shown, not make's last words" {
	knob fail-compile
	run ungil install 3.99.1
	assert_exit 6
	assert_output --partial "stub.c:42:7: error: the miniature was told to fail here"
	assert_output --regexp '/ungil/log/3\.99\.1t?-make\.log'
	assert_nothing_installed
}

@test "install fails: the same" {
	knob fail-install
	run ungil install 3.99.1
	assert_exit 6
	assert_output --partial "the miniature was told to fail here"
	assert_output --regexp '/ungil/log/3\.99\.1t?-install\.log'
	assert_nothing_installed
}

@test "after a failed compilation the next run goes on behind configure" {
	knob fail-compile
	run ungil install 3.99.1t
	assert_exit 6
	knob fail-configure # would fail if it were run again
	unknob fail-compile
	run ungil install 3.99.1t
	assert_exit 0
}

@test "no compiler: said at once, with this distribution's command" {
	path_without cc gcc c99 c89 clang tcc
	run ungil install 3.99.1
	assert_exit 6
	assert_output --partial "compiler"
	if command -v apt-get >/dev/null; then assert_output --partial "apt-get install"; fi
	assert_nothing_installed
}

@test "no make: said at once, with this distribution's command" {
	path_without make gmake
	run ungil install 3.99.1
	assert_exit 6
	assert_output --partial "make"
	if command -v apt-get >/dev/null; then assert_output --partial "apt-get install"; fi
	assert_nothing_installed
}

@test "no OpenSSL headers: the required module, the header and the command, before compiling" {
	knob missing "_ssl
_hashlib"
	run ungil install 3.99.1
	assert_exit 6
	assert_output --partial ssl
	assert_output --regexp 'openssl/|OpenSSL'
	if command -v apt-get >/dev/null; then assert_output --partial libssl-dev; fi
	assert_not_exist "$MINI/control/seen" # no make ran
	assert_nothing_installed
}

@test "an optional module that is missing is said and recorded, and stops nothing" {
	knob missing _tkinter
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	assert_output --partial tkinter
	run ungil show 3.99.1t --json
	assert_output --regexp '"missing": \[[^]]*tkinter'
}

@test "PYTHON_GIL, PYTHONHOME, PYTHONPATH and MAKEFLAGS reach neither builds nor proofs" {
	export PYTHON_GIL=1 PYTHONHOME=/nowhere PYTHONPATH=/nowhere PYTHONWARNINGS=error MAKEFLAGS='-n --no-such-flag'
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	unset PYTHON_GIL PYTHONHOME PYTHONPATH PYTHONWARNINGS MAKEFLAGS
	run grep -E 'nowhere|no-such-flag|PYTHON_GIL=1' "$MINI/control/seen"
	assert_output ''
	run grep -c 'PYTHONPATH=unset PYTHONHOME=unset PYTHON_GIL=unset' "$MINI/control/seen"
	[ "$output" -ge 8 ]
}

@test "CC=false is honoured: configure fails with it" {
	CC=false run ungil install 3.99.1
	assert_exit 6
	assert_output --partial false
	assert_nothing_installed
}

@test "CC is honoured and recorded" {
	printf '#!/bin/sh\nexec gcc "$@"\n' >mycc && chmod +x mycc
	CC=$PWD/mycc run ungil install 3.99.1t --no-bench
	assert_exit 0
	run ungil show 3.99.1t --json
	assert_output --partial "\"CC\": \"$PWD/mycc\""
}

@test "a CC without a word in it is none: the same build as without, and no question less" {
	local cc
	for cc in '' ' '; do
		rm -rf "$XDG_CACHE_HOME/ungil/configure" # what the first one found out is right for the second
		CC=$cc run ungil install 3.99.1t --no-bench --force
		assert_exit 0
		run grep -c 'cached. yes' "$(log_of 3.99.1t-configure.log)"
		assert_output 2
		run ungil install 3.99.1t --no-bench
		assert_output --partial "already installed"
		run ungil show 3.99.1t --json
		refute_output --partial '"CC"'
	done
}

@test "-v streams the build's output, each line with its variant" {
	run ungil install 3.99.1 -v --no-bench
	assert_exit 0
	assert_output --regexp '3\.99\.1t.*checking for stdlib extension module _ssl'
}

@test "without a terminal: a line a stage, no colours, no bars" {
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	for stage in configure make install verify; do assert_line --regexp "3\.99\.1t.*$stage"; done
	refute_output --partial $'\033'
	refute_output --partial $'\r'
}

@test "--preset release hands its options to configure, and is another build" {
	run ungil install 3.99.1t --no-bench
	assert_exit 0
	run ungil install 3.99.1t --preset release --no-bench
	assert_exit 0
	run ungil show 3.99.1t --json
	assert_output --partial "--enable-optimizations"
	assert_output --partial '"preset": "release"'
}

@test "the build directories are gone after success" {
	run ungil install 3.99.1 --no-bench
	assert_exit 0
	run find "$XDG_CACHE_HOME/ungil/build" -mindepth 1 ! -name '*.lock'
	assert_output ''
}
