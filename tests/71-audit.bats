# `ungil audit` names exactly those who switch the GIL on, and survives whatever an import does.

load helpers

setup() {
	common_setup
	real_pair
	export TMPDIR=$BATS_TEST_TMPDIR/tmp # what is left running or lying there is seen
	mkdir "$TMPDIR"
	TAG=cp${SERIES/./}-cp${SERIES/./}t-linux_$(uname -m)
	SUFFIX=.$("$FT" -IBc 'import sysconfig; print(sysconfig.get_config_var("SOABI"))').so
}

teardown() {
	local left
	left=$(ls -A "$TMPDIR" 2>/dev/null)
	common_teardown
	[ -z "$left" ] || { echo "# left in TMPDIR: $left"; return 1; }
}

# compile NAME: standard input, with the interpreter's own headers, to NAME.so
compile() { cc -shared -fPIC -w -I"$(dirname "$FT")/../include/python${SERIES}t" "${@:2}" -o "$1.so" -x c -; }

# An extension whose initialisation runs these statements. declared: with Py_mod_gil; undeclared: single-phase, without.
declared() {
	compile "$1" <<-END
		#include <Python.h>
		#include <arpa/inet.h>
		#include <signal.h>
		#include <sys/socket.h>
		#include <unistd.h>
		static int run(PyObject *m) { ${2:-} return 0; }
		static PyModuleDef_Slot slots[] = {{Py_mod_exec, run}, {Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "$1", NULL, 0, NULL, slots};
		PyMODINIT_FUNC PyInit_$1(void) { return PyModuleDef_Init(&def); }
	END
}
undeclared() {
	compile "$1" <<-END
		#include <Python.h>
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "$1", NULL, 0, NULL};
		PyMODINIT_FUNC PyInit_$1(void) { return PyModule_Create(&def); }
	END
}

wheel() { python3 "$TESTS/upstream/wheel.py" "$@"; }

# query EXPRESSION: about `r`, the last --json; `a`, its first place; `lib`, the libraries there by name; `names`: the
# modules of a list of culprits
query() {
	python3 -c '
import json, sys
r = json.load(sys.stdin)
a = r["audited"][0]
lib = {x["library"]: x for x in a["libraries"]}
names = lambda culprits: sorted(c["module"] for c in culprits)
verdicts = {n: x["verdict"] for n, x in lib.items()}
sys.exit(0 if eval(sys.argv[1]) else f"not so: {sys.argv[1]}\n{json.dumps(r, indent=1)}")' "$1" <<<"$output"
}

third_party() {
	SOURCES=$BUILD/real-pair/third-party
	mkdir -p "$BUILD/real-pair" # not there when UNGIL_TEST_PAIR names a pair
	THERE=$(flock "$BUILD/real-pair/lock" "$TESTS/upstream/third_party.sh" "$SOURCES" 2>"$TMPDIR/why") || skip "$(cat "$TMPDIR/why")"
	rm -f "$TMPDIR/why"
	INCLUDE=$(dirname "$FT")/../include/python${SERIES}t
}

# there NAME: this archive was to be had
there() { grep -qx "$1" <<<"$THERE" || skip "this machine's mirror has no $1"; }

@test "third-party, by hand: markupsafe 2.1.2 has a single-phase _speedups: one culprit, module, file, distribution" {
	# what its source says: PyInit__speedups ends with PyModule_Create(), nothing of it names the GIL
	third_party
	there markupsafe
	run grep -c -e 'PyModule_Create(' "$SOURCES/markupsafe/src/markupsafe/_speedups.c"
	assert_output 1
	run grep -riE 'Py_mod_gil|SetGIL' "$SOURCES/markupsafe/src"
	assert_output ''
	compile s -O1 <"$SOURCES/markupsafe/src/markupsafe/_speedups.c"
	mkdir dist
	wheel dist markupsafe 2.1.2 "$TAG" "markupsafe/_speedups$SUFFIX=s.so" \
		"markupsafe/__init__.py=$SOURCES/markupsafe/src/markupsafe/__init__.py" \
		"markupsafe/_native.py=$SOURCES/markupsafe/src/markupsafe/_native.py"
	run --separate-stderr ungil audit --json "${REAL}t" dist
	assert_exit 3
	query 'names(lib["markupsafe"]["culprits"]) == ["markupsafe._speedups"] == names(a["libraries"][0]["extensions"][0]["culprits"])'
	query 'lib["markupsafe"]["culprits"][0] == {"module": "markupsafe._speedups", "file": "markupsafe/_speedups'"$SUFFIX"'", "distribution": "markupsafe"}'
	query 'lib["markupsafe"]["extensions"][0]["static"]["answer"] in ("does not declare", "cannot tell")'
	query 'lib["markupsafe"]["version"] == "2.1.2" and lib["markupsafe"]["wheel"].startswith("cp'"${SERIES/./}"'t") and 0 < lib["markupsafe"]["seconds"] < 20'
	query 'lib["markupsafe"]["contradictions"] == []'
	run --separate-stderr ungil audit --static --json "${REAL}t" dist
	assert_exit 3
	query 'names(lib["markupsafe"]["culprits"]) == ["markupsafe._speedups"]'
}

@test "third-party, SWIG: its example is single-phase, so _example is the culprit and the Python half is not" {
	# SWIG 4's SWIG_init ends with PyModule_Create(); example.py imports _example
	third_party
	there swig
	command -v swig >/dev/null || skip "no swig"
	cp "$SOURCES"/swig/Examples/python/simple/example.[ci] .
	swig -python example.i
	run grep -cE 'Py_mod_gil|SetGIL' example_wrap.c
	if [ "$output" != 0 ]; then skip "this swig knows of the GIL"; fi
	cc -shared -fPIC -w -I"$INCLUDE" example.c example_wrap.c -o _example.so
	mkdir dist
	wheel dist swigexample 4.1.0 "$TAG" example.py=example.py "_example$SUFFIX=_example.so"
	run --separate-stderr ungil audit --json "${REAL}t" dist/*.whl
	assert_exit 3
	query 'names(lib["swigexample"]["culprits"]) == ["_example"] and names(a["together"]["culprits"]) == ["_example"]'
	query 'lib["swigexample"]["extensions"][0]["static"]["answer"] in ("does not declare", "cannot tell") and not lib["swigexample"]["contradictions"]'
}

@test "third-party, Cython: pyclipper is multi-phase and not marked freethreading_compatible: _pyclipper is the culprit" {
	# Cython writes {Py_mod_gil, Py_MOD_GIL_USED} for a module without that directive: a slot is there, and says no
	third_party
	there pyclipper
	there cython
	command -v c++ >/dev/null || skip "no C++ compiler"
	run grep -rE 'freethreading_compatible|Py_mod_gil' "$SOURCES/pyclipper/src"
	assert_output ''
	python3 - "$SOURCES" "$PWD/p.cpp" <<-'END'
		import glob, sys
		sys.path.insert(0, sys.argv[1] + "/cython")
		sys.dont_write_bytecode = True
		from Cython.Compiler.Main import compile
		source = glob.glob(sys.argv[1] + "/pyclipper/**/*pyclipper.pyx", recursive=True)[0]
		sys.exit(compile(source, output_file=sys.argv[2], cplus=True).num_errors)
	END
	c++ -shared -fPIC -w -O0 -I"$INCLUDE" -I"$SOURCES/pyclipper/src" p.cpp "$SOURCES/pyclipper/src/clipper.cpp" -o _pyclipper.so
	run --separate-stderr ungil audit --json "${REAL}t" ./_pyclipper.so
	assert_exit 3
	query 'names(lib["_pyclipper"]["culprits"]) == ["_pyclipper"] and lib["_pyclipper"]["culprits"][0]["file"].endswith("/cwd/_pyclipper.so")'
	query 'lib["_pyclipper"]["extensions"][0]["static"]["answer"] in ("does not declare", "cannot tell")'
}

@test "whatever an import does has its own verdict, and nothing is left running" {
	mkdir m && cd m
	undeclared single
	declared good
	declared crash '*(volatile int *)0 = 1;'
	declared hang 'for (;;) pause();'
	declared talk 'puts("{\"done\": true}"); fflush(stdout); write(3, "garbage\n{\"done\":true}\n", 22);'
	declared leave '_exit(0);'
	declared quit 'PyErr_SetString(PyExc_SystemExit, "7"); return -1;'
	declared demon 'if (!fork()) { setsid(); if (!fork()) for (;;) pause(); _exit(0); }'
	declared needs 'return PyImport_ImportModule("nowhere_to_be_found") ? 0 : -1;'
	declared eats 'if (!malloc(1u << 30)) { PyErr_NoMemory(); return -1; }'
	: | compile plain
	mv plain.so libplain.so
	cc -shared -fPIC -w -Wl,--no-as-needed -I"$(dirname "$FT")/../include/python${SERIES}t" -o linked.so -x c - -L. -lplain <<-END
		#include <Python.h>
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "linked", NULL, 0, NULL};
		PyMODINIT_FUNC PyInit_linked(void) { return PyModule_Create(&def); }
	END
	rm libplain.so
	# forcing the GIL off would hide them all
	export PYTHON_GIL=0
	run --separate-stderr ungil audit --json --timeout 2 --memory 300 "${REAL}t" .
	assert_exit 3
	query 'verdicts == dict(single="on", good="off", crash="crashed", hang="hung", talk="off", leave="error", quit="error", demon="off", needs="missing", eats="error", linked="missing")'
	query 'lib["crash"]["why"] == "SIGSEGV" and "MemoryError" in lib["eats"]["why"] and "SystemExit: 7" == lib["quit"]["why"]'
	query 'lib["needs"]["extensions"][0]["needs"] == "nowhere_to_be_found" and lib["linked"]["extensions"][0]["needs"] == "libplain.so"'
	query '[x["verdict"] for x in a["libraries"]] == ["on", "crashed", "hung"] + 3 * ["error"] + 2 * ["missing"] + 3 * ["off"]'
	query 'names(a["together"]["culprits"]) == ["single"] and sorted(a["together"]["left_out"]) == ["crash", "hang", "leave"] and [i["module"] for i in a["together"]["imports"]] == ["demon", "good", "single", "talk"]'
	query 'not any(x["contradictions"] for x in lib.values())'
	run pgrep -f "$TMPDIR/ungil-kernel"
	assert_output ''
}

@test "--allow: what is named counts no more; the GIL comes before failures; a name that matches nothing is said" {
	mkdir m
	(cd m && undeclared single && declared good && declared crash 'abort();')
	run ungil audit "${REAL}t" m
	assert_exit 3
	assert_output --partial 'the GIL is switched back on: single'
	run ungil audit --allow single "${REAL}t" m
	assert_exit 1
	assert_output --partial 'not everything could be imported: crash'
	assert_output --partial 'SIGABRT'
	run --separate-stderr ungil audit --allow single --allow Crash "${REAL}t" m
	assert_exit 0
	assert_output --regexp 'single .* ON '
	run ungil audit --allow single --allow crash --allow nobody "${REAL}t" m
	assert_exit 0
	assert_output --partial 'warning: --allow nobody matched nothing'
	rm m/single.so m/crash.so
	run ungil audit "${REAL}t" m
	assert_exit 0
}

@test "two hundred small extensions, each in a fresh process: at most 60 ms each" {
	mkdir m
	cd m
	for i in {1..200}; do
		printf 'PyMODINIT_FUNC PyInit_m%s(void) { return PyModuleDef_Init(&def); }\n' "$i"
	done >inits
	{ cat <<-END; cat inits; } | compile all -O1
		#include <Python.h>
		static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "m", NULL, 0, NULL, slots};
	END
	for i in {1..200}; do cp all.so "m$i.so"; done
	rm all.so inits
	run --separate-stderr ungil audit --json "${REAL}t" .
	assert_exit 0
	query 'len(lib) == 200 and set(verdicts.values()) == {"off"} and len(a["together"]["imports"]) == 200'
	query 'a["seconds"] < 200 * 0.060'
}

@test "wheels: all culprits, through whom, and each wheel that cannot be used has its reason" {
	undeclared one
	undeclared two
	declared good
	mkdir dist
	wheel dist culprit 1 "$TAG" "one$SUFFIX=one.so" "pkg/__init__.py:" "pkg/two$SUFFIX=two.so"
	wheel dist uses 2 py3-none-any 'uses/__init__.py:import one, pkg.two'
	wheel dist fine 3 "$TAG" "fine/__init__.py:from . import good" "fine/good$SUFFIX=good.so"
	wheel dist fine 3 cp313-cp313-manylinux_2_17_x86_64 "fine/__init__.py:"
	wheel dist lacks 1 py3-none-any 'lacks.py:import nowhere_to_be_found'
	wheel dist other 1 cp39-cp39-manylinux_2_17_x86_64 other.cpython-39-x86_64-linux-gnu.so=good.so
	wheel dist away 1 "${TAG%-*}-macosx_11_0_arm64" away.so=good.so
	echo 'no zip' >dist/text-1-py3-none-any.whl
	cp dist/uses-2-*.whl dist/nameless.whl
	truncate -s 270M zero
	wheel dist bomb 1 py3-none-any bomb.py=zero
	rm zero
	run --separate-stderr ungil audit --json "${REAL}t" dist
	assert_exit 3
	query 'names(lib["uses"]["culprits"]) == names(lib["culprit"]["culprits"]) == names(a["together"]["culprits"]) == ["one", "pkg.two"]'
	query 'all(c["distribution"] == "culprit" for c in lib["uses"]["culprits"]) and lib["uses"]["wheel"] == "pure"'
	query 'lib["culprit"]["culprits"][0]["file"] == "one'"$SUFFIX"'"'
	query 'lib["fine"]["verdict"] == "off" and [s["verdict"] for s in a["skipped"]].count("skipped") == 1'
	query 'lib["lacks"]["verdict"] == "missing" and lib["lacks"]["import"]["needs"] == "nowhere_to_be_found"'
	query 'verdicts["other-1-cp39-cp39-manylinux_2_17_x86_64.whl"] == verdicts["away-1-'"${TAG%-*}"'-macosx_11_0_arm64.whl"] == "foreign"'
	query 'verdicts["text-1-py3-none-any.whl"] == verdicts["nameless.whl"] == verdicts["bomb-1-py3-none-any.whl"] == "error"'
	# for people: it fits, and says the same
	run --separate-stderr ungil audit "${REAL}t" dist
	assert_exit 3
	assert_line --regexp '^uses +2 +pure +ON +one \+1 +by way of culprit'
	local line
	for line in "${lines[@]}"; do
		case $line in " "* | "All together"*) continue ;; esac
		[ "${#line}" -le 100 ] || fail "too long: $line"
	done
	run --separate-stderr ungil audit --markdown "${REAL}t" dist/uses-2-*.whl dist/culprit-*.whl
	assert_exit 3
	assert_line '| library | version | free-threaded wheel? | GIL re-enabled? | culprit | note |'
	assert_line --regexp '^\| uses \| 2 \| pure \| ON \| one \+1 \|'
}

@test "requirements: installed into an environment that is thrown away; pip's refusal is quoted with what helps" {
	undeclared one
	mkdir links local broken
	wheel links culprit 1 "$TAG" "one$SUFFIX=one.so"
	python3 - <<-'END'
		for name in ("local", "broken"):
		    with open(name + "/pyproject.toml", "w") as f:
		        f.write(f'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "{name}"\nversion = "1"\n')
	END
	echo 'raise RuntimeError("needs a compiler that nobody has")' >broken/backend.py
	cat >local/backend.py <<-END
		import runpy, sys
		def build_wheel(out, config_settings=None, metadata_directory=None):
		    sys.argv = ["wheel.py", out, "local", "1", "py3-none-any", "localmod.py:import one"]
		    runpy.run_path("$TESTS/upstream/wheel.py")
		    return "local-1-py3-none-any.whl"
	END
	printf './local\nculprit\n' >good.txt
	run --separate-stderr ungil audit --json --no-index --find-links links "${REAL}t" good.txt
	assert_exit 3
	query 'a["kind"] == "requirements" and names(lib["local"]["culprits"]) == ["one"] and lib["local"]["culprits"][0]["distribution"] == "culprit"'
	query 'lib["culprit"]["culprits"][0]["file"].startswith("lib/python")'
	echo '-r b.txt' >a.txt
	echo '-r a.txt' >b.txt
	run ungil audit --no-index "${REAL}t" a.txt
	assert_exit 1
	assert_output --partial 'a.txt cannot be installed: pip says: '
	echo ./broken >broken.txt
	run ungil audit --no-index "${REAL}t" broken.txt
	assert_exit 1
	assert_output --partial 'needs a compiler that nobody has'
	assert_output --partial 'it must be built and cannot'
	echo nowhere-to-be-found >none.txt
	run ungil audit --no-index "${REAL}t" none.txt
	assert_exit 1
	assert_output --partial 'No matching distribution found for nowhere-to-be-found'
	run ungil audit --static "${REAL}t" good.txt
	assert_exit 2
	assert_output --partial 'pip download'
}

@test "a venv is audited with its own interpreter when it is of NAME's kind; what is loaded at every start is named" {
	undeclared one
	wheel . culprit 1 "$TAG" "one$SUFFIX=one.so"
	"$FT" -IBm venv --without-pip v
	"$GIL" -IBm venv --without-pip w
	"$FT" -IBm pip --python v/bin/python install -q --no-index ./culprit-1-*.whl
	find "$REAL_ROOT/versions" v -printf '%p %T@ %s\n' | sort >before
	run --separate-stderr ungil audit --json "${REAL}t" v
	assert_exit 3
	query 'set(lib) == {"culprit"} and a["at_start"] == [] and a["python"].endswith("v/bin/python")'
	run --separate-stderr ungil audit "${REAL}t" # pip alone, which is pure
	assert_exit 0
	assert_line --regexp '^pip .* pure +off'
	find "$REAL_ROOT/versions" v -printf '%p %T@ %s\n' | sort >after
	run diff before after
	assert_success
	echo 'import one' >"v/lib/python${SERIES}t/site-packages/start.pth"
	run --separate-stderr ungil audit --json "${REAL}t" v
	assert_exit 3
	query 'names(a["at_start"]) == ["one"] and names(lib["culprit"]["culprits"]) == ["one"]'
	run ungil audit "${REAL}t" w
	assert_exit 2
	assert_output --partial "w is an environment of cpython-${SERIES/./}-"
}

@test "--static executes nothing, and says the same or that it cannot tell" {
	undeclared one
	declared good
	declared crash '*(volatile int *)0 = 1;'
	mkdir dist
	wheel dist mixed 1 "$TAG" "one$SUFFIX=one.so" "good$SUFFIX=good.so" "crash$SUFFIX=crash.so" 'evil.py:open("ran", "w")'
	printf '#!/bin/sh\ntouch "%s/ran"\n' "$PWD" >"python${SERIES}t"
	chmod +x "python${SERIES}t"
	run --separate-stderr ungil audit --static --json "./python${SERIES}t" dist
	assert_exit 3
	query 'names(lib["mixed"]["culprits"]) == ["one"] and [e["verdict"] for e in lib["mixed"]["extensions"] if e["module"] == "crash"] == ["off"]'
	assert_file_not_exist ran
	for target in good.so one.so; do
		run --separate-stderr ungil audit --static --json "./python${SERIES}t" $target
		if [ $target = good.so ]; then assert_exit 0; else assert_exit 3; fi
	done
	assert_file_not_exist ran
}

@test "damaged, foreign and unknown: each is said, nothing is made up" {
	declared good
	head -c 3000 good.so >short.so
	cp good.so away.so
	printf '\xb7' | dd of=away.so bs=1 seek=18 conv=notrunc status=none # e_machine: aarch64
	[ "$(uname -m)" != aarch64 ] || printf '\x3e' | dd of=away.so bs=1 seek=18 conv=notrunc status=none
	run --separate-stderr ungil audit --json "${REAL}t" short.so
	assert_exit 1
	query 'lib["short"]["verdict"] == "error" and lib["short"]["extensions"][0]["static"]["error"]'
	run --separate-stderr ungil audit --json "${REAL}t" away.so
	assert_exit 1
	query 'lib["away"]["verdict"] == "foreign" and "this machine" in lib["away"]["why"]'
	cp good.so good.cpython-39-x86_64-linux-gnu.so
	run --separate-stderr ungil audit --json "${REAL}t" good.cpython-39-x86_64-linux-gnu.so
	assert_exit 1
	query 'lib["good"]["verdict"] == "foreign"'
	# the stable ABI of the GIL build: this interpreter takes the name, and is not made for the contents
	cc -shared -fPIC -w -I"$(dirname "$GIL")/../include/python$SERIES" -o stable.abi3.so -x c - <<-END
		#define Py_LIMITED_API 0x030a0000
		#include <Python.h>
		static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "stable", NULL, 0, NULL};
		PyMODINIT_FUNC PyInit_stable(void) { return PyModule_Create(&def); }
	END
	run --separate-stderr ungil audit --json "${REAL}t" stable.abi3.so
	assert_exit 1
	query 'lib["stable"]["verdict"] in ("crashed", "error") and lib["stable"]["extensions"][0]["static"]["abi"] == "abi3"'
	query 'lib["stable"]["verdict"] == "error" or "compiled for a build with the GIL" in lib["stable"]["why"]'
	for target in /nowhere /dev/null /bin/sh; do
		run ungil audit "${REAL}t" $target
		assert_exit 2
	done
	run ungil audit "$REAL" good.so
	assert_exit 2
	assert_output --partial "ungil audit ${REAL}t"
	run ungil audit "$GIL" good.so
	assert_exit 2
	run ungil audit
	assert_exit 2
	run ungil audit --memory 10 "${REAL}t" good.so
	assert_exit 2
	run ungil audit --find-lnks x "${REAL}t"
	assert_output --partial 'did you mean --find-links?'
}

@test "what is imported has no network, unless it is asked for or cannot be had, and then it is said" {
	declared caller '
		struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		if (connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&to, sizeof to) < 0) { PyErr_SetFromErrno(PyExc_OSError); return -1; }'
	run --separate-stderr ungil audit --json "${REAL}t" caller.so
	assert_exit 1
	if [[ $stderr == *"can reach the network"* ]]; then
		query 'r["isolation"]["network"] == "open" and "refused" in lib["caller"]["why"]'
		skip "no network namespaces here"
	fi
	query 'r["isolation"]["network"] == "none" and "unreachable" in lib["caller"]["why"]'
	run --separate-stderr ungil audit --json --net "${REAL}t" caller.so
	query 'r["isolation"]["network"] == "open" and "refused" in lib["caller"]["why"]'
	# a user namespace that may have no network namespaces below it
	unshare -Ur true 2>/dev/null || return 0
	run --separate-stderr unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"' sh \
		timeout 60 "$UNGIL" audit --json "${REAL}t" caller.so
	assert_exit 1
	[[ $stderr == *"warning: what is imported can reach the network: "* ]] || fail "$stderr"
	query 'r["isolation"]["network"] == "open" and r["isolation"]["network_why"] and "refused" in lib["caller"]["why"]'
}

@test "interrupted: it ends at once and leaves nothing running or lying about" {
	mkdir m
	(cd m && declared hang 'if (!fork()) { setsid(); for (;;) pause(); } for (;;) pause();')
	background "$UNGIL" audit "${REAL}t" m
	within 5 pgrep -f "audit.py .* hang"
	kill -TERM "$PID"
	within 2 bash -c "! kill -0 $PID 2>/dev/null"
	run pgrep -f "$TMPDIR/ungil-kernel"
	assert_output ''
}
