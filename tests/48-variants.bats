# More ways to build a release: what a recipe says of them, what they are called, and that each is proven to be it.

load helpers

setup() {
	common_setup
	case $BATS_TEST_DESCRIPTION in
	real:*) return ;;
	esac
	mini_upstream
	GCC=$(command -v gcc)
	cat >>"$RECIPE" <<-'END'

		[variant d]
		suffix = d
		configure = --with-pydebug
		environment = MINI_CFLAGS=-DDEBUG MINI_CFLAGS=-ffile-prefix-map={build}=/usr/src
		free-threaded = no

		[variant td]
		suffix = td
		configure = --disable-gil --with-pydebug
		free-threaded = yes

		[variant jit]
		suffix = -jit
		configure = --enable-experimental-jit=yes-off
		environment = MINI_CFLAGS=-DBY={mini-llvm}
		free-threaded = no
		needs = mini-llvm=19
		packages = apt:mini-llvm-19,python3 dnf:mini-llvm19 apk:mini-llvm19 pacman:mini-llvm19 zypper:mini-llvm19

		[variant tailcall]
		suffix = -tailcall
		free-threaded = no
		compiler = clang>=19
		packages = apt:clang-19

		[variant shared]
		suffix = -shared
		configure = --enable-shared
		environment = LDFLAGS_NODIST=-Wl,-rpath,\$$ORIGIN/../lib
		free-threaded = no

		[variant word]
		suffix = t-word
		configure = --disable-gil
		free-threaded = yes
	END
	mkdir tools
	PATH=$PWD/tools:$PATH
}

# tool NAME TEXT: a program in PATH that says TEXT as its version, and is gcc otherwise
tool() {
	printf '#!/bin/sh\n[ "$*" = --version ] && echo "%s" && exit\nexec %s "$@"\n' "$2" "$GCC" >"tools/$1"
	chmod +x "tools/$1"
}

# no_compiler: PATH has every program of the usual ones but compilers
no_compiler() {
	mkdir path
	find /usr/bin/ -maxdepth 1 ! -type d ! -name 'clang*' ! -name 'gcc*' ! -name cc -exec ln -sf -t path {} +
	PATH=$PWD/tools:$PWD/path
}

add() { # add SPEC...: installs, or fails
	run ungil install --no-bench "$@"
	assert_exit 0
}

names() { ungil list --json | python3 -c 'import json, sys; print(*(i["name"] for i in json.load(sys.stdin)["installed"]))'; }

@test "each suffix and each id is one variant; a bare release stays the pair" {
	tool mini-llvm-19 "mini LLVM version 19.1.7"
	add 3.99.1d
	add 3.99.1-jit 3.99.1-shared
	add 3.99.1 --variant td
	run ls "$UNGIL_ROOT/versions"
	assert_output "$(printf '3.99.1%s\n' -jit -shared d td)"
	add 3.99.1
	run names
	assert_output "3.99.1 3.99.1-jit 3.99.1-shared 3.99.1d 3.99.1t 3.99.1td"
	add 3.99.1t-word
	run ungil list --json
	assert_output --regexp '"name": "3.99.1t-word",[^}]*"variant": "word",[^}]*"free_threaded": true'
	assert_output --partial 'versions/3.99.1t-word/bin/python3.99t"'
	assert_output --partial 'versions/3.99.1-jit/bin/python3.99"'
	run ungil show 3.99-jit
	assert_line --index 0 "3.99.1-jit: CPython 3.99.1, with the GIL, variant jit, preset quick"
	assert_store_is_sound
}

@test "names in root/bin have the whole suffix, each has one owner, and none takes the place of the pair" {
	tool mini-llvm-19 "mini LLVM version 19.1.7"
	add 3.99.1-jit 3.99.1d 3.99.1td 3.99.1t-word
	local s
	for s in -jit d td t-word; do
		for name in "python3.99$s" "pip3.99$s" "pydoc3.99$s" "idle3.99$s" "python3.99$s-config"; do
			assert_file_executable "$UNGIL_ROOT/bin/$name"
		done
		run "$UNGIL_ROOT/bin/python3.99$s" -VV
		assert_output --partial "Python 3.99.1"
		run readlink "$UNGIL_ROOT/bin/python3.99$s-config"
		assert_output --partial "../versions/3.99.1$s/bin/python3.99"
	done
	# a program without a suffix is the build with the GIL, and python3 never one of these unasked
	for s in python3.99 python3.99t python3 python pip3.99; do assert_file_not_exist "$UNGIL_ROOT/bin/$s"; done
	run ungil link --default 3.99-jit
	assert_exit 0
	run cat "$UNGIL_ROOT/bin/python3"
	assert_output --partial "versions/3.99.1-jit/bin/python3.99'"
	add 3.99.1
	run cat "$UNGIL_ROOT/bin/python3.99"
	assert_output --partial "versions/3.99.1/bin/python3.99'"
	run cat "$UNGIL_ROOT/bin/python3.99t"
	assert_output --partial "versions/3.99.1t/bin/python3.99t'"
}

@test "which, exec, verify and remove work with them" {
	tool mini-llvm-19 "mini LLVM version 19.1.7"
	add 3.99.1-jit 3.99.1td
	run ungil which 3.99-jit
	assert_output "$UNGIL_ROOT/versions/3.99.1-jit/bin/python3.99"
	run ungil which 3.99td
	assert_output "$UNGIL_ROOT/versions/3.99.1td/bin/python3.99td"
	run ungil which 3.99td pip3.99td
	assert_exit 0
	run ungil exec 3.99-jit -- python3.99-jit -V
	assert_output "Python 3.99.1"
	run ungil exec 3.99-jit -- sh -c 'command -v python'
	assert_output "$UNGIL_ROOT/versions/3.99.1-jit/bin/python"
	run ungil verify 3.99.1-jit 3.99.1td
	assert_exit 0
	run ungil verify --files
	assert_exit 0
	run ungil remove 3.99.1-jit
	assert_exit 0
	assert_file_not_exist "$UNGIL_ROOT/bin/python3.99-jit"
	assert_file_exist "$UNGIL_ROOT/bin/python3.99td"
	run ungil remove 3.99.1d
	assert_exit 1
}

@test "a program that is not there is named with the variant and the command, before anything is fetched" {
	run ungil install 3.99-jit --no-bench
	assert_exit 6
	assert_output --partial "3.99-jit is built with mini-llvm 19, which is not in PATH"
	if command -v apt-get >/dev/null; then assert_output --partial "apt-get install mini-llvm-19 python3"; fi
	assert_nothing_installed
	for d in git tarballs build; do assert_file_not_exist "$XDG_CACHE_HOME/ungil/$d"; done
	tool mini-llvm "mini LLVM version 18.1.8"
	run ungil install 3.99-jit --no-bench
	assert_exit 6
	assert_output --partial "3.99-jit is built with mini-llvm 19, but $PWD/tools/mini-llvm is 18.1.8"
	tool mini-llvm "no number"
	run ungil install 3.99-jit --no-bench
	assert_exit 6
	assert_output --partial "mini-llvm does not say its version"
	# an older one in the plain name is no obstacle, nor one that fails; the recipe can say which one is taken
	printf '#!/bin/sh\nexit 127\n' >tools/mini-llvm-19 && chmod +x tools/mini-llvm-19
	tool mini-llvm19 "Mini LLVM version 19.0.0"
	add 3.99-jit
	run ungil show --json 3.99-jit
	assert_output --partial "\"configure\": \"MINI_CFLAGS=-DBY=$PWD/tools/mini-llvm19 ./configure"
}

@test "a variant's compiler is looked for by version, and the caller's CC is heard when it will do" {
	no_compiler
	run ungil install 3.99.1-tailcall --no-bench
	assert_exit 6
	assert_output --partial "3.99-tailcall is built with clang 19 or later, which is not in PATH"
	tool clang "Debian clang version 14.0.6"
	run ungil install 3.99.1-tailcall --no-bench
	assert_exit 6
	assert_output --partial "tools/clang is 14.0.6"
	tool clang-20 "Debian clang version 20.1.0 (1)"
	CC=$GCC run ungil install 3.99.1-tailcall --no-bench
	assert_exit 6
	assert_output --partial "CC in the environment is \"$GCC\""
	assert_output --partial "unset CC"
	assert_nothing_installed
	add 3.99.1-tailcall
	run ungil show --json 3.99.1-tailcall
	assert_output --partial '"cc": "clang-20"'
	assert_output --partial '"configure": "CC=clang-20 '
	# another compiler is another build; the same one again is none
	add 3.99.1-tailcall
	assert_output --partial "installed"
	tool mycc "mine, clang version 19.1.7"
	CC=$PWD/tools/mycc run ungil install 3.99.1-tailcall --no-bench
	assert_exit 0
	run ungil show --json 3.99.1-tailcall
	assert_output --partial "\"cc\": \"$PWD/tools/mycc\""
}

# better: the recipe has a preset that is better than release where clang 19 and mini-llvm 19 are
better() {
	sed -i 's/^\[preset release\]$/&\nbetter = fast/' "$RECIPE"
	cat >>"$RECIPE" <<-'END'

		[preset fast]
		configure = --enable-optimizations
		environment = MINI_CFLAGS=-DFAST=1 MINI_LLVM={mini-llvm}
		compiler = clang>=19
		needs = mini-llvm>=19
		packages = apt:clang-19,mini-llvm-19
	END
}

@test "the better preset is taken where what it needs is here: said, in the receipt, and no other build the next time" {
	better
	tool clang-19 "Debian clang version 19.1.7"
	# by its real name: a program may look for its parts beside that
	mkdir llvm && tool mini-llvm-19 "Mini LLVM version 19.1.7" && mv tools/mini-llvm-19 llvm/mini-llvm && ln -s ../llvm/mini-llvm tools/mini-llvm-19
	add 3.99.1 --preset release
	assert_line "preset fast instead of release: clang 19 or later is here; with CC=gcc in the environment it is release"
	run ungil show --json 3.99.1t
	assert_output --partial '"preset": "fast"'
	assert_output --partial '"cc": "clang-19"'
	assert_output --partial '"configure": "CC=clang-19 MINI_CFLAGS=-DFAST=1 MINI_LLVM='"$PWD"'/llvm/mini-llvm ./configure'
	run ungil show 3.99.1t
	assert_line '3.99.1t: CPython 3.99.1, free-threaded, preset fast'
	assert_line --regexp '^ +compiler +Debian clang version 19.1.7$'
	made=$(stat -c %Y "$UNGIL_ROOT/versions/3.99.1t/ungil.json")
	add 3.99.1 --preset release
	refute_output --partial ': make'
	assert_equal "$(stat -c %Y "$UNGIL_ROOT/versions/3.99.1t/ungil.json")" "$made"
}

@test "the better preset is left where something is missing, CC says otherwise, or a variant is built in its own way" {
	better
	no_compiler
	tool cc "gcc (Debian 12.2.0-14) 12.2.0, Free Software Foundation"
	check() { # check NAME PRESET
		run ungil install "$1" --preset release --no-bench
		assert_exit 0
		run ungil show --json "$1"
		assert_output --partial "\"preset\": \"$2\""
	}
	tool clang "Debian clang version 19.1.7" # of which the name tells no version
	tool mini-llvm-19 "Mini LLVM version 19.1.7"
	check 3.99.1 release
	mv tools/clang tools/clang-20
	check 3.99.1t release
	mv tools/mini-llvm-19 tools/mini-llvm-20
	CC=cc check 3.99.1t release
	check 3.99.1d release
	check 3.99.1t fast
	rm tools/clang-20
	run ungil install 3.99.1 --preset fast --no-bench
	assert_exit 6
	assert_output --partial "3.99, preset fast, is built with clang 19 or later, which is not in PATH"
	assert_output --partial "mini-llvm-19"
}

@test "what a variant sets reaches its whole build, before what the caller sets" {
	MINI_CFLAGS=-DMINE add 3.99.1d
	run cat "$XDG_CACHE_HOME/ungil/log/3.99.1d-make.log"
	assert_output --partial " -DDEBUG -ffile-prefix-map=$XDG_CACHE_HOME/ungil/build/3.99.1d-"
	assert_output --partial "=/usr/src -DMINE "
	run ungil show --json 3.99.1d
	assert_output --regexp '"configure": "MINI_CFLAGS=-DDEBUG -ffile-prefix-map=[^ ]*/3.99.1d-[0-9a-f]*=/usr/src -DMINE ./configure'
	add 3.99.1t
	run cat "$XDG_CACHE_HOME/ungil/log/3.99.1t-make.log"
	refute_output --partial "-DDEBUG"
}

@test "objects and configure's answers are shared where nothing but the GIL is different, and only there" {
	sed -i -e '/^\[variant gil\]/,/^$/d' -e '/^\[variant \(ft\|jit\|tailcall\|shared\|word\)\]/,/^$/d' "$RECIPE"
	echo "share-objects = OBJS" | sed -i '/^\[preset quick\]/r /dev/stdin' "$RECIPE"
	printf '\n[variant tx]\nsuffix = td-x\nconfigure = --disable-gil --with-pydebug\nfree-threaded = yes\n' >>"$RECIPE"
	# d has an environment of its own, td and td-x have the same flags: eight of twelve objects
	add 3.99.1 --jobs 1
	run names
	assert_output "3.99.1d 3.99.1td 3.99.1td-x"
	run grep -c '^object ' "$MINI/control/seen"
	assert_output 8
	run sh -c "sort -u '$MINI/control/seeded' | wc -l"
	assert_output 1
}

@test "a JIT without the GIL is refused before anything is fetched, whoever asks for which of the two" {
	sed -i -e '/^\[variant word\]/,/^$/s/^configure = .*/& --enable-experimental-jit=yes-off/' "$RECIPE"
	run ungil install 3.99.1t-word --no-bench
	assert_exit 2
	assert_output --partial "3.99t-word: --enable-experimental-jit=yes-off and --disable-gil exclude each other"
	assert_output --partial "[variant word]"
	printf '\n[preset jit]\nconfigure = --enable-experimental-jit\n' >>"$RECIPE"
	run ungil install 3.99.1t --preset jit --no-bench
	assert_exit 2
	assert_output --partial "3.99t: --enable-experimental-jit and --disable-gil exclude each other"
	assert_nothing_installed
	for d in git tarballs build; do assert_file_not_exist "$XDG_CACHE_HOME/ungil/$d"; done
	# a later word takes it back
	sed -i -e 's/=yes-off$/=yes-off --enable-experimental-jit=no/' "$RECIPE"
	add 3.99.1t-word
}

@test "a shared library is found by the place of the interpreter, after a move too" {
	add 3.99.1-shared
	local p=$UNGIL_ROOT/versions/3.99.1-shared
	run readelf -d "$p/bin/python3.99"
	# shellcheck disable=SC2016 # for the dynamic linker
	assert_output --partial '[$ORIGIN/../lib]'
	run ldd "$p/bin/python3.99"
	assert_output --partial "versions/3.99.1-shared/bin/../lib/libpython3.99.so.1.0"
	mv "$p" moved
	mv "$UNGIL_ROOT" "$UNGIL_ROOT.gone"
	run moved/bin/python3.99 -V
	assert_output "Python 3.99.1"
	run ldd moved/bin/python3.99
	assert_output --partial "moved/bin/../lib/libpython3.99.so.1.0"
	refute_output --partial "not found"
	mv "$UNGIL_ROOT.gone" "$UNGIL_ROOT"
}

@test "a build that is not what configure was asked for is not installed" {
	knob no-debug
	run ungil install 3.99.1d --no-bench
	assert_exit 1
	assert_output --partial "did not pass verification"
	assert_output --partial "debug: "
	assert_nothing_installed
}

@test "a debug build is not measured, and a variant does not have the pair measured again" {
	run ungil install 3.99.1d --quiet
	assert_exit 0
	run ungil bench 3.99.1d
	assert_exit 2
	assert_output --partial "3.99.1d is built for debugging"
	assert_output --partial "3.99.1 and 3.99.1t"
	run ungil bench "$UNGIL_ROOT/versions/3.99.1d/bin/python3.99d"
	assert_exit 2
	assert_output --partial "debug build"
	add 3.99.1
	knob slow-bench # it would take for ever
	tool mini-llvm-19 "mini LLVM version 19.1.7"
	LIMIT=50 run ungil install 3.99.1-jit
	assert_exit 0
	unknob slow-bench
	run ungil bench --from "$UNGIL_ROOT/versions/3.99.1-jit/ungil.json"
	refute_output --partial "primes"
}

@test "a recipe that promises other ABI flags, or needs what is no program, is refused" {
	local bad
	refused() { # refused SECTION LINE...
		printf '\n[%s bad]\n' "$1" | cat "$RECIPE" - >bad.ini
		printf '%s\n' "${@:2}" >>bad.ini
		run ungil recipe check bad.ini
		assert_exit 2
	}
	for bad in 'suffix = x' 'suffix = t' 'suffix = d-x' 'suffix = x-y'; do
		refused variant "$bad"
		assert_output --regexp "\[variant bad\].* suffix"
	done
	# that it needs a program is enough: gcc is everywhere
	printf '\n[preset good]\nneeds = mini-llvm\n\n[preset fine]\nbetter = good\n' | cat "$RECIPE" - >good.ini
	run ungil recipe check good.ini
	assert_exit 0
	for bad in 'better = faster' 'better = quick' 'compiler = clang 19' 'needs = a b<3'; do
		refused preset "$bad"
		assert_output --partial "[preset bad] ${bad%% *}"
	done
	for bad in 'compiler = clang 19' 'compiler = clang>19' 'compiler = /usr/bin/clang' 'needs = a b<3' 'packages = clang-19'; do
		refused variant 'suffix = -bad' "$bad"
		assert_output --partial "[variant bad] ${bad%% *}"
	done
}

# as_if WORD...: the receipt of the copy's GIL build says that configure was given these words, too
as_if() {
	python3 - "$UNGIL_ROOT/versions/$REAL/ungil.json" "$*" <<-'END'
		import json, os, sys
		with open(sys.argv[1]) as f:
		    receipt = json.load(f)
		receipt["build"]["configure"] = "./configure " + sys.argv[2]
		os.unlink(sys.argv[1])
		with open(sys.argv[1], "w") as f:
		    json.dump(receipt, f)
	END
}

# not_so CHECK WORDS: this check of the copy fails, with these words in it
not_so() {
	run --separate-stderr ungil verify --json --check "$1" "$REAL"
	assert_exit 1
	query "checks['$1']['verdict'] == 'fail' and '$2' in str(checks['$1']) and checks['$1']['why']"
}

@test "real: an interpreter that is not the variant it was to be fails its proof" {
	own_pair
	as_if --with-pydebug
	not_so debug 'configured the other way'
	as_if --enable-shared
	not_so shared-library 'none'
	as_if --with-tail-call-interp
	not_so tail-call 'a loop'
	as_if --enable-experimental-jit=yes-off
	if [ "$SERIES" = 3.13 ]; then not_so jit-switch 'no JIT'; else not_so jit-switch 'does not switch'; fi
	as_if --with-thread-sanitizer
	not_so thread-sanitizer 'none is'
	# and passes as what it is
	as_if --disable-test-modules
	run --separate-stderr ungil verify --json --check debug,shared-library,tail-call,jit-switch "$REAL"
	assert_exit 0
	query "[checks[c]['verdict'] for c in ('debug', 'shared-library', 'tail-call', 'jit-switch')] == ['pass', 'pass', 'skip', 'skip']"
}
