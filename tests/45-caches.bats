# What was found out or compiled once is used again, and only where it fits: configure's answers, ccache, other makes.

load helpers

setup() {
	common_setup
	mini_upstream
}

log_of() { find "$XDG_CACHE_HOME/ungil/log" -name "$1"; }

# again [yes|no]: builds 3.99.1t once more; whether configure must start from kept answers
again() {
	local taken=no
	run ungil install 3.99.1t --no-bench --force -v
	assert_exit 0
	if grep -q '^3.99.1t: configure starts from what an equal one found out' <<<"$output"; then taken=yes; fi
	[ "$taken" = "${1:-$taken}" ] || fail "answers taken: $taken"
}

@test "an equal build takes configure's answers; clean keeps them, clean --all does not" {
	again no
	again yes
	run cat "$(log_of 3.99.1t-configure.log)"
	assert_line --partial "checking whether the C compiler works... (cached) yes"
	run ungil clean
	assert_exit 0
	again yes
	run ungil clean --all
	assert_exit 0
	assert_dir_not_exist "$XDG_CACHE_HOME/ungil/configure"
	again no
}

@test "another compiler, flag, header or package file: configure finds out anew" {
	mkdir -p bin include pc
	printf '#!/bin/sh\nexec gcc "$@"\n' >bin/mycc && chmod +x bin/mycc
	export CC=$PWD/bin/mycc CFLAGS=-I$PWD/include PKG_CONFIG_PATH=$PWD/pc
	again no
	again yes
	echo '# upgraded' >>bin/mycc
	again no
	touch include/new.h
	again no
	rm include/new.h
	again yes
	echo 'Name: new' >pc/new.pc
	again no
	CFLAGS="$CFLAGS -O1" again no
	again yes
}

@test "what a configure that failed found out is not kept, nor what one failed with" {
	knob fail-configure
	run ungil install 3.99.1t --no-bench
	assert_exit 6
	run find "$XDG_CACHE_HOME/ungil/configure" -type f
	refute_output --partial ungil/configure/
	unknob fail-configure
	again no
	knob fail-configure
	run ungil install 3.99.1t --no-bench --force
	assert_exit 6
	unknob fail-configure
	again no
}

@test "kept answers that others can write to are not used" {
	again
	chmod o+w "$XDG_CACHE_HOME"/ungil/configure/*
	again no
	chmod o+w "$XDG_CACHE_HOME/ungil/configure"
	run ungil install 3.99.1t --no-bench --force
	assert_exit 1
	assert_output --partial "others can write to $XDG_CACHE_HOME/ungil/configure"
}

@test "a kill -9 at any write of the answers leaves none, or all of them" {
	need_strace
	local n kept
	for n in 1 2 3; do
		rm -rf "$XDG_CACHE_HOME/ungil/configure" "$XDG_CACHE_HOME/ungil/build"
		# of a file in that directory: the first write, the flush, or the rename
		case $n in 1) what='write' ;; 2) what='fsync' ;; 3) what='rename,renameat,renameat2' ;; esac
		run timeout 60 strace -o /dev/null -e trace="$what" -e inject="$what":signal=KILL:when=1 \
			-P "$XDG_CACHE_HOME/ungil/configure" "$UNGIL" install 3.99.1t --no-bench --force
		kept=$(find "$XDG_CACHE_HOME/ungil/configure" -type f ! -name '*.tmp' 2>/dev/null | wc -l)
		[ "$kept" -le 1 ]
		again
	done
	again yes
}

@test "--ccache: two roots and two build directories share what was compiled, and the interpreter knows nothing of it" {
	command -v ccache >/dev/null || skip "no ccache"
	export CCACHE_DIR=$PWD/objects
	run ungil install 3.99.1t --no-bench --ccache -v
	assert_exit 0
	assert_output --partial "3.99.1t: ccache had 0 of 7 objects"
	XDG_CACHE_HOME=$PWD/other run ungil install 3.99.1t --no-bench --ccache -v --root "$PWD/second"
	assert_exit 0
	assert_output --partial "3.99.1t: ccache had 7 of 7 objects"
	run grep -rl ccache "$UNGIL_ROOT/versions" "$PWD/second/versions"
	assert_output ''
	cmp "$UNGIL_ROOT"/versions/3.99.1t/lib/python3.99t/lib-dynload/_mini.*.so \
		second/versions/3.99.1t/lib/python3.99t/lib-dynload/_mini.*.so
	# in front of the compiler already: once is enough
	CC='ccache gcc' run ungil install 3.99.2t --no-bench --ccache
	assert_exit 0
	run grep -c 'ccache ccache' "$(log_of 3.99.2t-make.log)"
	assert_output 0
}

@test "--ccache where there is none: said before anything is fetched, with this distribution's command" {
	mkdir path
	find /usr/bin/ -maxdepth 1 ! -type d ! -name '*ccache*' -exec ln -sf -t path {} +
	PATH=$PWD/path run ungil install 3.99.1t --no-bench --ccache
	assert_exit 2
	assert_output --partial 'there is no program "ccache" in PATH'
	assert_output --regexp 'leave out --ccache, or install it with ".* ccache"'
	assert_dir_not_exist "$XDG_CACHE_HOME/ungil/build"
}

@test "CC=\"distcc gcc\": configure and make work with it, and other machines compile" {
	command -v distcc >/dev/null && command -v distccd >/dev/null || skip "no distcc"
	local port
	port=$(free_port)
	mkdir distcc
	# it gives up root's rights, and with them this directory
	background distccd --no-detach --daemon --allow 127.0.0.1 --listen 127.0.0.1 --port "$port" --jobs 2 --log-stderr \
		--log-level info 2>distccd.log
	SERVERS+=("$PID")
	within 5 bash -c "exec 2>/dev/null 9<>/dev/tcp/127.0.0.1/$port"
	export DISTCC_HOSTS=127.0.0.1:$port DISTCC_DIR=$PWD/distcc DISTCC_FALLBACK=0
	CC='distcc gcc' run ungil install 3.99.1t --no-bench
	assert_exit 0
	run grep -c 'COMPILE_OK.*mini[.]c' distccd.log
	assert_output 4
	run ungil show 3.99.1t --json
	assert_output --partial '"CC": "distcc gcc"'
	CC='distcc gcc' run ungil install 3.99.1t --no-bench
	assert_output --partial "already installed"
}

@test "CFLAGS, CPPFLAGS and LDFLAGS are heard and recorded; make's own variables are neither" {
	cat >mycc <<-END
		#!/bin/sh
		echo "\$CFLAGS|\$CPPFLAGS|\$LDFLAGS|\$MAKEFLAGS|\$MFLAGS|\$GNUMAKEFLAGS|\$MAKEFILES" >>'$PWD/heard'
		exec gcc "\$@"
	END
	chmod +x mycc
	export CC=$PWD/mycc CFLAGS=-O1 CPPFLAGS=-DX LDFLAGS=-Wl,-O1
	MAKEFLAGS='-k -j99' MFLAGS=-k GNUMAKEFLAGS=--no-such MAKEFILES=/nowhere run ungil install 3.99.1t --no-bench -j 2
	assert_exit 0
	run grep -v '^-O1|-DX|-Wl,-O1|' heard
	assert_output ''
	run grep -E -e '-k|j99|no-such|nowhere' heard
	assert_output ''
	run ungil show 3.99.1t --json
	assert_output --partial '"CFLAGS": "-O1"'
	assert_output --partial '"CPPFLAGS": "-DX"'
	assert_output --partial '"LDFLAGS": "-Wl,-O1"'
	refute_output --partial 'MAKEFLAGS'
	# they are part of what makes one build equal to another
	run ungil install 3.99.1t --no-bench
	assert_output --partial "already installed"
	CFLAGS=-O2 run ungil install 3.99.1t --no-bench
	assert_exit 0
	refute_output --partial "already installed"
}

@test "GNU make 4.4, whose own jobserver is a named pipe, works with ungil's, and below such a make" {
	local make
	if make --version | grep -q '^GNU Make 4[.][4-9]'; then
		make=$(command -v make)
	else
		make=$("$TESTS/upstream/make44.sh" "$BUILD/make44" 2>why) || skip "no make 4.4: $(tail -n 1 why)"
	fi
	export PATH=${make%/*}:$PATH
	run make --version
	assert_output --partial 'GNU Make 4.'
	if [ -x "$BUILD/tests/unit/jobserver" ]; then # how many at once, and that every token comes back
		run "$BUILD/tests/unit/jobserver"
		assert_exit 0
		refute_output --partial 'not ok'
	fi
	run ungil install 3.99.1 --jobs 2 --no-bench
	assert_exit 0
	run grep -c '^object .*--jobserver-auth=' "$MINI/control/seen"
	[ "$output" -ge 4 ]
	refute_output --partial fifo
	run grep -rh 'jobserver' "$XDG_CACHE_HOME/ungil/log"
	refute_output --partial 'jobserver unavailable'
	# from a recipe of a make that has a jobserver of its own
	printf 'all:\n\t+%s install 3.99.2t --jobs 2 --no-bench\n' "$UNGIL" >Makefile
	run timeout 60 make -j 3
	assert_exit 0
	run grep -c 'jobserver-auth=fifo' "$MINI/control/seen"
	assert_output 0
}
