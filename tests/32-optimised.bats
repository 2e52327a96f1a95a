# An optimised build is trained, its profile fits and is kept; training that fails says which test, and what is interrupted is gone on with.

load helpers

setup() {
	common_setup
	mini_upstream
}

log_of() { find "$XDG_CACHE_HOME/ungil/log" -name "$1"; }
# training NAME KEY: of its receipt
training() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["build"]["training"][sys.argv[2]])' "$UNGIL_ROOT/versions/$1/ungil.json" "$2"; }
# its static library has the optimised code, and not the program's main()
has_library() { # NAME
	local library
	library=$(find "$UNGIL_ROOT/versions/$1/lib" -name 'libpython*.a' | head -n 1)
	run nm "$library"
	assert_exit 0
	assert_output --partial ' T stub_main'
	refute_output --partial ' T main'
	echo 'int stub_main(int, char **); int main(int c, char **v) { return stub_main(c, v); }' >embed.c
	run gcc -o embed embed.c -Wl,--whole-archive "$library" -Wl,--no-whole-archive # as python-config says
	assert_exit 0
	run ./embed -V
	assert_output 'Python 3.99.1'
}
release() { run ungil install "$1" --preset release --no-bench "${@:2}"; }

@test "the interpreter is instrumented, trained and optimised; the receipt says so" {
	release 3.99.1t
	assert_exit 0
	run sh -c 'ls "$1" | sort' sh "$XDG_CACHE_HOME/ungil/log"
	assert_output "3.99.1t-configure.log
3.99.1t-copy.log
3.99.1t-install.log
3.99.1t-instrument.log
3.99.1t-make.log
3.99.1t-train.log"
	run grep -c '^ungil: training with test_' "$(log_of 3.99.1t-train.log)"
	assert_output 6
	run grep -c -e '-fprofile-generate .*-c -o stub.o' "$(log_of 3.99.1t-instrument.log)"
	assert_output 1
	run grep -c -e '-fprofile-use .*-c -o stub.o' "$(log_of 3.99.1t-make.log)"
	assert_output 1
	run training 3.99.1t tests
	assert_output "6 of 6"
	run training 3.99.1t origin
	assert_output "trained here"
	run training 3.99.1t missing # its module, which no test imports
	assert_output 4
}

@test "the profile is used: gcc finds counts for what ran" {
	release 3.99.1t --keep-build
	assert_exit 0
	tree=$(find "$XDG_CACHE_HOME/ungil/build" -maxdepth 1 -name '3.99.1t-*' -type d)
	assert_file_exist "$tree/stub.gcda"
	run grep -e '-Wmissing-profile\]' "$(log_of 3.99.1t-make.log)"
	refute_output --partial 'stub.gcda'
}

@test "nothing is linked with link-time optimisation but what stays, and modules" {
	release 3.99.1t
	assert_exit 0
	run grep -c -e '-fprofile-generate.* -fno-lto -g0' "$(log_of 3.99.1t-instrument.log)"
	[ "$output" -ge 5 ]
	run grep -e '-flto.* -o Programs/_freeze_module' "$(log_of 3.99.1t-make.log)"
	assert_output ''
	run grep -e '-flto=jobserver' "$(log_of 3.99.1t-make.log)"
	assert_line --partial '-o python'
	run grep -i 'jobserver is not available\|serial compilation of' "$(log_of 3.99.1t-make.log)"
	assert_output ''
}

@test "compilers and linkers leave nothing in the caller's TMPDIR: not gcc's makefiles for the last link either" {
	mkdir tmp
	TMPDIR=$PWD/tmp release 3.99.1t
	assert_exit 0
	run ls -A tmp
	assert_output ''
}

@test "BOLT gets a position-independent program, and the static library can be linked with what is made as usual" {
	sed -i 's/^\[preset release\]$/&\nbetter = bolt/' "$RECIPE"
	cat >>"$RECIPE" <<-'END'

		[preset bolt]
		configure = --enable-optimizations --with-lto --enable-bolt
		environment = LLVM_BOLT={mini-bolt}
		needs = mini-bolt>=19
	END
	mkdir tools
	cat >tools/mini-bolt-19 <<-END
		#!/bin/sh
		[ "\$*" = --version ] && echo "LLVM version 19.1.7" && exit
		readelf -h "\$1" >>$PWD/bolted
		test ! -e $PWD/broken
	END
	chmod +x tools/mini-bolt-19
	PATH=$PWD/tools:$PATH
	touch broken
	release 3.99.1t
	assert_exit 6
	# it goes on there, though what the library was made of is gone; and says what was wrong this time
	echo 'echo "error: broken again" >&2; exit 1' >>tools/mini-bolt-19
	release 3.99.1t
	assert_exit 6
	assert_output --partial 'error: broken again'
	refute_output --partial 'left no object'
	# killed while linking: what the linker left is newer than its objects
	sed -i '$d' tools/mini-bolt-19 && rm broken
	for dir in "$XDG_CACHE_HOME"/ungil/build/3.99.1t-*/; do rm -f "$dir/python" && : >"$dir/python"; done
	release 3.99.1t
	assert_exit 0
	assert_line "preset bolt instead of release: mini-bolt 19 or later is here; with CC=gcc in the environment it is release"
	run grep -o 'Type: *[A-Z]*' bolted
	refute_output --partial EXEC
	assert_line --regexp DYN
	echo 'int stub_main(int, char **); int main(int n, char **v) { return stub_main(n, v); }' >embed.c
	run gcc -fPIE -pie -o embed embed.c "$UNGIL_ROOT/versions/3.99.1t/lib/libpython3.99t.a"
	assert_exit 0
}

@test "the static library holds machine code of the same optimisation, and no main()" {
	release 3.99.1t
	assert_exit 0
	has_library 3.99.1t
}

@test "so does that of a release that is linked in one partition, as those up to 3.13 are" {
	knob lto-partition-none
	release 3.99.1t --keep-build
	assert_exit 0
	run grep -e '-flto-partition=none.* -o python' "$(log_of 3.99.1t-make.log)"
	assert_exit 0
	has_library 3.99.1t
	run find "$XDG_CACHE_HOME/ungil/build" -name 'python.lto*' # what the link left for it
	assert_output ''
}

@test "a compiler that does not keep what it linked: said, exit 6" {
	cat >cc <<-'END'
		#!/bin/bash
		for a; do shift; [ "$a" = -save-temps ] || set -- "$@" "$a"; done
		exec gcc "$@"
	END
	chmod +x cc
	CC=$PWD/cc release 3.99.1t
	assert_exit 6
	assert_output --partial 'the link left no object'
	assert_file_not_exist "$UNGIL_ROOT/bin/python3.99t"
}

@test "a compiler that cannot do link-time optimisation: said before anything is compiled, exit 6" {
	cat >cc <<-'END' # as one whose lto-wrapper is not there
		#!/bin/bash
		case " $* " in *" -c "*) ;; *" -flto"*) echo "/usr/bin/ld: error: could not run lto-wrapper" >&2 && exit 1 ;; esac
		exec gcc "$@"
	END
	chmod +x cc
	CC=$PWD/cc release 3.99.1t
	assert_exit 6
	assert_output --partial "the C compiler \"$PWD/cc\" (CC) cannot do link-time optimisation: /usr/bin/ld: error: could not run lto-wrapper"
	assert_output --partial '"--preset quick" does without'
	refute_output --partial ': instrument'
	CC=$PWD/cc run ungil install 3.99.1t --preset quick --no-bench
	assert_exit 0
	# one that can with the caller's linker, as clang with LDFLAGS=-fuse-ld=lld
	sed -i 's/\*" -c "\*) ;;/*" -c "*|*" -Wl,-O1 "*) ;;/' cc
	LDFLAGS=-Wl,-O1 CC=$PWD/cc release 3.99.1t
	assert_exit 0
}

@test "of a build with a shared library, that is what is optimised when it is linked, and the static one is made of it" {
	cat >>"$RECIPE" <<-'END'

		[variant shared]
		suffix = -shared
		configure = --enable-shared
		environment = LDFLAGS_NODIST=-Wl,-rpath,\$$ORIGIN/../lib
		free-threaded = no
	END
	release 3.99.1-shared
	assert_exit 0
	run grep -e '-flto=jobserver' "$(log_of 3.99.1-shared-make.log)"
	assert_line --partial '-o libpython3.99.so.1.0'
	refute_line --partial '-o python'
	run grep -i 'jobserver is not available\|serial compilation of' "$(log_of 3.99.1-shared-make.log)"
	assert_output ''
	prefix=$UNGIL_ROOT/versions/3.99.1-shared
	run nm "$(find "$prefix/lib" -name 'libpython*.a' | head -n 1)"
	assert_output --partial ' T stub_main'
	run readelf -d "$prefix/bin/python3.99"
	assert_output --partial 'Shared library: [libpython3.99.so.1.0]'
	run "$prefix/bin/python3.99" -V
	assert_output 'Python 3.99.1'
}

@test "a variant can decline what the preset does: a debug build is neither trained nor link-time optimised" {
	cat >>"$RECIPE" <<-'END'

		[variant d]
		suffix = d
		configure = --with-pydebug --disable-optimizations --without-lto
		free-threaded = no
	END
	release 3.99.1d
	assert_exit 0
	assert_file_not_exist "$XDG_CACHE_HOME/ungil/log/3.99.1d-train.log"
	run grep -c -e '-c -o stub.o' "$(log_of 3.99.1d-make.log)"
	assert_output 1
	run grep -e -fprofile -e -flto "$(log_of 3.99.1d-make.log)"
	assert_output ''
	run ungil show --json 3.99.1d
	assert_output --partial '"training": null'
}

@test "both variants train under one jobserver, also with a single job; few jobs make few processes" {
	for jobs in 1 3; do
		release 3.99.1 --jobs $jobs --force
		assert_exit 0
		run grep -c '^ungil: training with test_' "$(log_of 3.99.1-train.log)"
		assert_output $((jobs == 1 ? 4 : 6))
		ungil clean --all >/dev/null
	done
}

@test "a test of the training suite fails: it is named, exit 6, nothing installed" {
	knob fail-test_two
	release 3.99.1t
	assert_exit 6
	assert_output --partial "training failed: test_two"
	assert_output --partial "--pgo-keep-going"
	assert_output --regexp '/ungil/log/3\.99\.1t-train\.log'
	assert_nothing_installed
	unknob fail-test_two
	release 3.99.1t
	assert_exit 0
	assert_output --partial "3.99.1t: going on with train"
	refute_output --partial "3.99.1t: instrument"
}

@test "what another ungil began is not gone on with: it may build in another way" {
	knob fail-test_two
	release 3.99.1t
	assert_exit 6
	unknob fail-test_two
	python3 - "$UNGIL" ungil-later <<-'END'
		import re, sys
		program = bytearray(open(sys.argv[1], "rb").read())
		note = program.index(b"\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0") + 16
		program[note] ^= 1
		open(sys.argv[2], "wb").write(program)
	END
	chmod +x ungil-later
	run ./ungil-later install 3.99.1t --preset release --no-bench
	assert_exit 0
	refute_output --partial "going on with"
	assert_output --partial "3.99.1t: instrument"
}

@test "--pgo-keep-going optimises for the tests that work, and the receipt counts them" {
	knob fail-test_two
	release 3.99.1t --pgo-keep-going
	assert_exit 0
	assert_output --partial "training goes on without what failed: test_two"
	run training 3.99.1t tests
	assert_output "5 of 6"
}

@test "a test that ends the whole process: the others of its process are trained with all the same" {
	knob crash-test_three
	release 3.99.1t --jobs 1
	assert_exit 6
	assert_output --partial "training failed: test_three;"
	release 3.99.1t --jobs 1 --pgo-keep-going
	assert_exit 0
	assert_output --partial "training goes on without what failed: test_three;"
	run training 3.99.1t tests
	assert_output "5 of 6"
	assert_equal "$(grep -c '^test_five$' "$(log_of 3.99.1t-train.log)")" 1
}

@test "a test that fails only beside others counts as one that works" {
	knob fail-test_two
	cat >make <<-EOF
		#!/bin/sh
		case " \$* " in *" -k "*) [ ! -e "$PWD/again" ] || rm -f "$MINI/control/fail-test_two"; touch "$PWD/again" ;; esac
		exec "$(command -v make)" "\$@"
	EOF
	chmod +x make
	PATH=$PWD:$PATH release 3.99.1t --jobs 1
	assert_exit 0
	run training 3.99.1t tests
	assert_output "6 of 6"
}

@test "--pgo-keep-going stops when no test works" {
	for t in one two three four five six; do knob fail-test_$t; done
	release 3.99.1t --pgo-keep-going
	assert_exit 6
	assert_output --partial "no test of the training suite works"
	assert_nothing_installed
}

@test "a training task of the caller's own is run as it is" {
	PROFILE_TASK='-m test --pgo test_three' release 3.99.1t
	assert_exit 0
	run grep -c '^ungil: training with' "$(log_of 3.99.1t-train.log)"
	assert_output 0
	run training 3.99.1t tests
	assert_output "PROFILE_TASK"
}

@test "interrupted while training: the next run repeats only the training" {
	knob sleep-train
	background "$UNGIL" install 3.99.1t --preset release --no-bench
	within 60 grep -qs '^ungil: training with' "$XDG_CACHE_HOME/ungil/log/3.99.1t-train.log"
	kill -TERM "$PID"
	wait "$PID" || true
	unknob sleep-train
	release 3.99.1t
	assert_exit 0
	assert_output --partial "3.99.1t: going on with train"
	refute_output --partial "3.99.1t: instrument"
}

# separated NAME: its interpreter has no debugging information, and names a file that has
separated() {
	local python=$UNGIL_ROOT/versions/$1/bin/python3.99t id debug
	run readelf -S --wide "$python"
	refute_output --partial .debug_info
	id=$(readelf -n "$python" | sed -n 's/.*Build ID: //p')
	debug=$UNGIL_ROOT/versions/$1/lib/debug/.build-id/${id:0:2}/${id:2}.debug
	run readelf -S --wide "$debug"
	assert_output --partial .debug_info
	run readelf --debug-dump=info "$debug"
	assert_output --partial stub_main
	refute_output --partial "$XDG_CACHE_HOME"
	run readelf --string-dump=.gnu_debuglink "$python"
	assert_output --partial "${id:2}.debug"
}

@test "debug-info = yes: kept in a tree of its own, optimised or not; no file names the build directory" {
	for preset in quick release; do
		sed -i "/^\[preset $preset\]/a debug-info = yes" "$RECIPE"
		run ungil install 3.99.1t --preset $preset --no-bench -v
		assert_exit 0
		assert_output --regexp '3\.99\.1t: the debugging information of [23] files is in lib/debug'
		separated 3.99.1t
		run ungil verify --files 3.99.1t
		assert_exit 0
	done
}

@test "debug-info = yes without objcopy: said before anything is built" {
	sed -i "/^\[preset quick\]/a debug-info = yes" "$RECIPE"
	mkdir path
	for program in /usr/bin/* /bin/*; do
		case $program in */objcopy | */*-objcopy) ;; *) ln -sf "$program" path/ ;; esac
	done
	PATH=$PWD/path run ungil install 3.99.1t --no-bench
	assert_exit 6
	assert_output --partial 'there is no "objcopy" in PATH'
	assert_nothing_installed
}
