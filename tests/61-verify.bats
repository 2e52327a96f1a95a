# `ungil verify` proves what an interpreter is, and is not talked into a proof by anything.

load helpers

# An extension module that does not say whether it can do without the GIL: $1.so
undeclared() {
	cat >"$1.c" <<-END
		#include <Python.h>
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "$1", NULL, 0, NULL};
		PyMODINIT_FUNC PyInit_$1(void) { return PyModule_Create(&def); }
	END
	cc -shared -fPIC -I"$(dirname "$FT")/../include/python${SERIES}t" "$1.c" -o "$1.so"
}

@test "a real pair: every check passes on both, whatever the caller's environment, and nothing is written" {
	real_pair
	mkdir bad && echo 'raise SystemExit("the wrong json")' >bad/json.py
	hostile=(env PYTHON_GIL=1 PYTHONHOME=/nowhere "PYTHONPATH=$PWD/bad" PYTHONWARNINGS=error MAKEFLAGS=-j9)
	find "$REAL_ROOT/versions" -printf '%p %T@ %s\n' | sort >before
	for name in "$REAL" "${REAL}t"; do
		run --separate-stderr timeout 120 "${hostile[@]}" "$UNGIL" verify --json "$name"
		assert_exit 0
		# a busy machine may leave it open whether threads run at once; it can never be wrong about it
		query 'all(c["verdict"] in ("pass", "skip") or n == "parallel" and c["verdict"] == "inconclusive" for n, c in checks.items())'
		query 'checks["release"]["seen"] == "'"$REAL"'" and checks["module:ssl"]["seen"].startswith("OpenSSL")'
		query 'all(c["expected"] is not None and c["seen"] is not None or c["verdict"] == "skip" and c["reason"] for c in checks.values())'
		query 'all(len(c["why"]) > 10 and "\n" not in c["why"] for c in checks.values())'
		query '{"extension", "trap", "embed-config", "embed-pkgconfig", "stale-paths", "certificates", "sysconfig"} <= set(checks)'
		query '{"build-flag", "abiflags", "soabi", "version-text", "stdlib-alone", "stdlib-together", "prefix", "venv", "pip", "parallel"} <= set(checks)'
	done
	query 'v["verdict"] in ("proven", "inconclusive") and checks["gil-off"]["seen"] == "off" and checks["gil-off"]["proof"]'
	query 'int(checks["stdlib-alone"]["seen"].split()[0]) > 60'
	find "$REAL_ROOT/versions" -printf '%p %T@ %s\n' | sort >after
	run diff before after
	assert_success
}

@test "where bytecode is missing, proving writes none: a program that embeds the interpreter neither" {
	own_pair
	find "$PREFIX" -name __pycache__ -prune -exec rm -rf {} +
	run ungil verify "${REAL}t"
	assert_line --regexp '^ +pass +embed-config '
	run find "$PREFIX" -name '*.pyc'
	assert_output ''
}

@test "a static library that cannot be linked: what the linker said of it is in the verdict" {
	own_pair
	local library
	for library in "$PREFIX"/lib/libpython*.a "$PREFIX"/lib/python*/config-*/libpython*.a; do
		[ -e "$library" ] || continue
		cp "$library" own.a && mv own.a "$library" # the pair of other tests has the same file
		echo "no object" >note.o && ar q "$library" note.o
	done
	run ungil verify "${REAL}t"
	assert_exit 1
	assert_line --regexp '^ +FAIL +embed-config +does not build'
	assert_output --partial 'in archive is not an object'
}

@test "an extension that does not declare itself is named, wherever it lies" {
	own_pair
	undeclared sneaky
	# asked for by path; PYTHON_GIL=0 would keep the GIL off whatever is loaded
	PYTHON_GIL=0 run --separate-stderr ungil verify --json "$FT" --import ./sneaky.so --check import,gil-off,stdlib-together
	assert_exit 3
	query 'v["verdict"] == "unproven" and checks["import:sneaky.so"]["culprits"][0]["module"] == "sneaky"'
	query 'checks["stdlib-together"]["verdict"] == "pass" and checks["gil-off"]["verdict"] == "pass"'
	# in the standard library, and loaded at every start
	cp sneaky.so "$PREFIX/lib/python${SERIES}t/lib-dynload/"
	echo 'import sneaky' >"$PREFIX/lib/python${SERIES}t/site-packages/sneaky.pth"
	run --separate-stderr ungil verify --json --check gil-off,stdlib-alone,stdlib-together "${REAL}t"
	assert_exit 3
	[[ $stderr == *"is not proven free-threaded: gil-off, stdlib-"* ]] || fail "$stderr"
	query 'checks["stdlib-alone"]["culprits"][0]["file"].endswith("lib-dynload/sneaky.so")'
	query 'checks["gil-off"]["seen"] == "on" and checks["gil-off"]["culprits"][0]["module"] == "sneaky"'
}

@test "one CPU cannot show that threads run at once: inconclusive, and never a pass" {
	real_pair
	run --separate-stderr taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" \
		timeout 120 "$UNGIL" verify --json --check parallel,gil-off "$FT"
	assert_exit 0
	query 'v["verdict"] == "inconclusive" and checks["parallel"]["verdict"] == "inconclusive"'
}

@test "a free-threaded build that runs with its GIL on is not proven" {
	real_pair
	printf '#!/bin/sh\nexec "%s" -X gil=1 "$@"\n' "$FT" >"python${SERIES}t"
	chmod +x "python${SERIES}t"
	run --separate-stderr ungil verify --json --check gil-off,parallel "./python${SERIES}t"
	assert_exit 3
	query 'checks["gil-off"]["verdict"] == "fail" and checks["parallel"]["verdict"] != "pass"'
}

@test "the GIL build under the free-threaded name is not proven, and the other way round it fails" {
	real_pair
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$GIL" >"python${SERIES}t"
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$FT" >"python$SERIES"
	chmod +x python*
	local some=--check=gil-off,gil-on,build-flag,abiflags,soabi,version-text
	run --separate-stderr ungil verify --json $some "./python${SERIES}t"
	assert_exit 3
	query 'all(checks[c]["verdict"] == "fail" for c in ("gil-off", "build-flag", "abiflags", "soabi", "version-text"))'
	run --separate-stderr ungil verify --json $some "./python$SERIES"
	assert_exit 1
	query 'v["verdict"] == "failed" and checks["gil-on"]["verdict"] == "fail"'
}

@test "a required module that is gone fails, and is named; free-threading is still proven" {
	own_pair
	rm "$PREFIX/lib/python${SERIES}t"/lib-dynload/_sqlite3.*
	run --separate-stderr ungil verify --json --check module,gil-off "${REAL}t"
	assert_exit 1
	query 'v["verdict"] == "failed" and checks["gil-off"]["verdict"] == "pass" and checks["module:sqlite3"]["verdict"] == "fail"'
}

@test "what is no interpreter gives no verdict" {
	run ungil verify /bin/true
	assert_exit 1
	assert_output --partial 'gil-on'
	run ungil verify /nowhere/python3.14t
	assert_exit 2
	run ungil verify --improt x
	assert_exit 2
	assert_output --partial 'did you mean --import?'
}
