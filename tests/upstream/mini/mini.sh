#!/bin/sh
# What the miniature's Makefile asks at its stages: does a file in the control directory ($2) want something bad?
stage=$1 control=$2
wants() { [ -e "$control/$1" ]; }

# make hands its -j and jobserver on in MAKEFLAGS: a test looks there for what came from ungil and what from its caller
if [ -d "$control" ]; then echo "$stage MAKEFLAGS=$MAKEFLAGS PYTHONPATH=${PYTHONPATH-unset} PYTHONHOME=${PYTHONHOME-unset} PYTHON_GIL=${PYTHON_GIL-unset}" >>"$control/seen"; fi

if wants jobs && [ "$stage" != installed ]; then # who works when: + and - for each that begins and ends
	echo "+ $$ $control" >>"$(cat "$control/jobs")"
	trap 'echo "- $$ $control" >>"$(cat "$control/jobs")"' EXIT
fi
if wants "grandchild-$stage"; then
	sleep 3600 &
	echo $! >>"$control/grandchildren"
	wait
fi
if wants "sleep-$stage"; then sleep "$(cat "$control/sleep-$stage")"; fi
if wants "fail-$stage"; then
	if [ "$stage" = compile ]; then
		echo "stub.c:42:7: error: the miniature was told to fail here" >&2
	else
		echo "install: cannot create regular file: the miniature was told to fail here" >&2
	fi
	exit 1
fi
if [ "$stage" = installed ] && wants huge; then # so many megabytes of data that no compression helps with
	dd if=/dev/urandom of="$3/huge.bin" bs=1M count="$(cat "$control/huge")" status=none || exit 1
fi
if [ "$stage" = pip ] && ! wants lose-pip; then # ... PREFIX STDLIB VERSION [PROGRAM] ROOT
	for root; do :; done
	mkdir -p "$root$4/site-packages/pip" "$root$4/site-packages/pip-25.0.dist-info" &&
		echo "../../../bin/pip$5,digest-of-what-names-${4##*/}," >"$root$4/site-packages/pip-25.0.dist-info/RECORD" &&
		echo '__version__ = "25.0"' >"$root$4/site-packages/pip/__init__.py" &&
		printf '#!%s/bin/python%s\nimport sys\n' "$3" "$5" >"$root$3/bin/pip$5" &&
		chmod 755 "$root$3/bin/pip$5" && cp "$root$3/bin/pip$5" "$root$3/bin/pip3" || exit 1
fi
exit 0
