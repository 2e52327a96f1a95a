# The tree keeps its own rules: layers, foreign types, shell scripts, help texts.

load helpers

sources() { find "$TOP/src" -name '*.[ch]' | sort; }

@test "a file includes only from its own layer or one further right: main, cli, core, io, base" {
	run awk '
		FNR == 1 { n = split(FILENAME, part, "/"); mine = part[n - 1] }
		/^#include "/ {
			split($2, name, /["\/]/); theirs = name[2]
			if (!(mine in rank) || !(theirs in rank)) next
			if (rank[theirs] < rank[mine]) print FILENAME ":" FNR ": " $0
		}
		BEGIN { rank["cli"] = 1; rank["core"] = 2; rank["io"] = 3; rank["base"] = 4 }' $(sources)
	assert_success
	assert_output ''
}

@test "no libcurl, libgit2, libarchive or libelf above src/io" {
	run bash -c 'grep -nE "\b(git_(repository|remote|object|odb|tree|blob|commit|oid|libgit2|error|reference|transport|strarray|credential|cert)_[a-z_]+\(|CURL\b|curl_easy|struct archive(_entry)? |archive_(read|write|entry)_|Elf(32|64)?_|gelf_[a-z])|#include <(curl|git2|archive|gelf|libelf|elf)" "$@" |
		grep -v ":[0-9]*: *\*"' bash $(sources | grep -v /src/io/)
	assert_output ''
}

@test "functions have at most 80 lines and files at most 600" {
	# the habit is 60 and 500; this is where it is no longer one
	run awk '
		FNR == 1 { start = 0 }
		/^{/ { start = FNR }
		/^}/ && start { if (FNR - start > 80) print FILENAME ":" start ": " FNR - start " lines"; start = 0 }
		FNR == 601 { print FILENAME ": more than 600 lines" }' $(sources)
	assert_output ''
}

@test "shell scripts pass shellcheck, and a POSIX shell reads bootstrap.sh" {
	command -v shellcheck >/dev/null || skip "no shellcheck"
	cd "$TOP"
	shellcheck -x share/bootstrap.sh .ci/run tests/upstream/*.sh tests/upstream/mini/mini.sh tests/upstream/mini/configure \
		tests/perf/*.sh share/report/vendor/*.sh
	shellcheck -s bash tests/helpers.bash
	for shell in dash "busybox ash" bash; do
		if command -v "${shell%% *}" >/dev/null; then $shell -n share/bootstrap.sh; fi
	done
}

@test "every bats file is one that make check runs, and says on its first line what for" {
	cd "$TOP/tests"
	for file in *.bats; do
		run head -n 1 "$file"
		assert_output --regexp '^# .{20,}'
		assert_file_contains "$TOP/Makefile.am" "tests/$file"
	done
}
