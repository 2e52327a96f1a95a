# Real CPython, built by ungil from Debian's source package: the pair is what its names say.

load helpers

setup() {
	common_setup
	real_pair
}

@test "real: python3.13 has the GIL, python3.13t has not, and both are complete" {
	run "$REAL_ROOT/bin/python3.13" -c 'import sys; print(sys._is_gil_enabled(), sys.version_info[:2])'
	assert_output "True (3, 13)"
	run "$REAL_ROOT/bin/python3.13t" -c 'import sys; print(sys._is_gil_enabled(), sys.abiflags)'
	assert_output "False t"
	for python in python3.13 python3.13t; do
		run "$REAL_ROOT/bin/$python" -c 'import ssl, sqlite3, zlib, bz2, lzma, ctypes, readline, uuid, curses, hashlib'
		assert_exit 0
	done
}

@test "real: nothing in the prefixes names a build directory or the configured prefix" {
	run grep -rIl --exclude=ungil.json --exclude=ungil.mtree -e "$BUILD/real-pair/cache" -e "$REAL_ROOT/stage" "$REAL_ROOT/versions"
	assert_output ''
	# the receipt, whose name is excluded last because the last match counts, tells how it was configured
	run grep -rIl /opt/ungil/versions "$REAL_ROOT/versions" --include='*.py' --include='*.pc' --include=Makefile \
		--include='*.json' --include='*-config' --exclude=ungil.json
	assert_output ''
}

@test "real: ungil itself took at most 32 MiB to fetch, build, verify, install and measure" {
	run python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["peak_memory"] / 1048576)' "$BUILD/real-pair/report.json"
	assert_exit 0
	run awk -v mib="$output" 'BEGIN { print (mib > 1 && mib <= 32) ? "good" : mib " MiB" }'
	assert_output good
}

@test "real: gcc read Python.h once, with the options of this release's Makefile" {
	[ "$(gcc -dumpversion 2>/dev/null | sed 's/[.].*//')" -ge 12 ] || skip "needs gcc 12 or later"
	for name in "$REAL" "${REAL}t"; do
		log=$BUILD/real-pair/cache/ungil/log/$name-make.log
		run grep -c -- '-DPy_BUILD_CORE.* -x c-header ' "$log"
		assert_output 3
		run grep '^ungil: .* could not be made' "$log" # a command that make shows does not begin so
		assert_output ''
	done
}

@test "real: verify --files passes" {
	run ungil verify --files
	assert_exit 0
}

@test "real: a venv of the free-threaded build works and has its pip" {
	"$REAL_ROOT/bin/python3.13t" -m venv venv
	run venv/bin/python -c 'import sys; print(sys._is_gil_enabled(), sys.prefix != sys.base_prefix)'
	assert_output "False True"
	run venv/bin/pip --version
	assert_exit 0
	assert_output --partial "python 3.13"
}

@test "real: pip and sysconfig know where they are after relocation" {
	run "$REAL_ROOT/bin/pip3.13t" --version
	assert_exit 0
	assert_output --partial "$REAL_ROOT/versions/${REAL}t/"
	run "$REAL_ROOT/bin/python3.13t" -c 'import sysconfig; print(sysconfig.get_config_var("prefix"), sysconfig.get_path("include"))'
	assert_output "$REAL_ROOT/versions/${REAL}t $REAL_ROOT/versions/${REAL}t/include/python3.13t"
}

@test "real: an extension module can be compiled against both with python-config" {
	cat >spam.c <<-'END'
		#include <Python.h>
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "spam"};
		PyMODINIT_FUNC PyInit_spam(void) { return PyModule_Create(&def); }
	END
	for v in '' t; do
		config=$REAL_ROOT/bin/python3.13$v-config
		gcc -shared -fPIC $("$config" --includes) -o "spam$("$config" --extension-suffix)" spam.c
		run "$REAL_ROOT/bin/python3.13$v" -c 'import spam; print(spam.__file__)'
		assert_exit 0
	done
}

@test "real: 3.14 from a git mirror over HTTP, where UNGIL_TEST_UPSTREAM names a repository" {
	[ -n "${UNGIL_TEST_UPSTREAM:-}" ] || skip "UNGIL_TEST_UPSTREAM names no repository of CPython"
	release=$(git -C "$UNGIL_TEST_UPSTREAM" tag -l 'v3.14.*' --sort=-v:refname | grep -vE '[abr]' | head -n 1)
	release=${release#v}
	mkdir -p web/git && ln -s "$(readlink -f "$UNGIL_TEST_UPSTREAM")" web/git/cpython.git
	start_web "$PWD/web"
	export UNGIL_ROOT=$BATS_TEST_TMPDIR/root
	LIMIT=1500 run ungil install "$release" --preset quick --source "$WEB/git/cpython.git" --no-bench
	assert_exit 0
	run "$UNGIL_ROOT/bin/python3.14t" -c 'import sys; print(sys._is_gil_enabled())'
	assert_output False
	run ungil verify
	assert_exit 0
}
