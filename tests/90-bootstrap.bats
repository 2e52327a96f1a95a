# bootstrap.sh asks the package manager it finds for what is missing, by that distribution's names, and for nothing else.

load helpers

# only WORDS...: a PATH with what a minimal system has, and programs of these names that do nothing but report
only() {
	local p
	mkdir -p path
	for p in sh env sed tr sort mktemp rm id cat uname dirname getconf tail awk cut cksum mkdir cp chmod find; do
		ln -sf "$(command -v $p)" path/$p
	done
	for p; do
		printf '#!/bin/sh\nexit 0\n' >path/$p
		chmod +x path/$p
	done
}

bootstrap() { run env -i HOME="$HOME" PATH="$PWD/path" TMPDIR="$BATS_TEST_TMPDIR" CI=true sh "$TOP/share/bootstrap.sh" "$@"; }

# one dry run with each package missing; root's rights by a sudo that is not asked
everything_missing() { # MANAGER QUERY-PROGRAM
	only "$1" sudo
	printf '#!/bin/sh\nexit 1\n' >"path/$2"
	chmod +x "path/$2"
	bootstrap -n install 3.14
	assert_exit 0
}

@test "dnf: capabilities where rpm distributions agree on them" {
	everything_missing dnf rpm
	assert_line --regexp '^would run: (sudo )?dnf -y .*install .*pkgconfig\(libgit2\).*'
	assert_line --regexp '^would run: .*gdbm-devel.*'
	assert_line --partial "ungil install 3.14"
}

@test "zypper: asks no questions" {
	everything_missing zypper rpm
	assert_line --regexp '^would run: (sudo )?zypper --non-interactive install .*pkgconfig\(inih\)'
}

@test "apk" {
	everything_missing apk nothing
	printf '#!/bin/sh\n[ "$1" != info ]\n' >path/apk
	bootstrap -n install 3.14
	assert_line "would run: apk update"
	assert_line --regexp '^would run: (sudo )?apk add .*libgit2-dev.*util-linux-dev'
}

@test "pacman" {
	only pacman sudo
	printf '#!/bin/sh\n[ "$1" = -T ] && shift && printf "%%s\\n" "$@"\n' >path/pacman
	bootstrap -n install 3.14
	assert_exit 0
	assert_line --regexp '^would run: (sudo )?pacman -Syu --needed --noconfirm .*libinih'
}

@test "apt: all there means nothing is installed and no list is fetched" {
	only apt-get sudo
	printf '#!/bin/sh\necho "installed "\n' >path/dpkg-query
	chmod +x path/dpkg-query
	bootstrap -n install 3.14
	assert_exit 0
	assert_output --partial "Packages: all there"
	refute_output --partial "would run: apt-get"
}

@test "apt: one missing package is the only one installed, after an update" {
	only apt-get sudo
	cat >path/dpkg-query <<-'END'
		#!/bin/sh
		for last; do :; done
		if [ "$last" = libffi-dev ]; then echo "not-installed "; else echo "installed "; fi
	END
	chmod +x path/dpkg-query
	bootstrap -n install 3.14
	assert_exit 0
	assert_line --index 1 --regexp 'would run: (sudo )?apt-get .*update$'
	assert_line --index 2 --regexp 'would run: (sudo )?apt-get .* install libffi-dev$'
}

@test "neither root nor sudo: the packages that are missing are named, nothing is tried" {
	only apt-get
	printf '#!/bin/sh\nexit 1\n' >path/dpkg-query
	printf '#!/bin/sh\necho 1000\n' >uid
	rm -f path/id && mv uid path/id
	chmod +x path/dpkg-query path/id
	bootstrap install 3.14
	assert_exit 1
	assert_output --partial "neither be root nor use sudo"
	assert_output --partial "libssl-dev"
}

@test "a failing step shows the end of its output and how to go on" {
	only sudo
	printf '#!/bin/sh\necho "E: Unable to locate package" >&2; exit 100\n' >path/apt-get
	printf '#!/bin/sh\nexit 1\n' >path/dpkg-query
	chmod +x path/apt-get path/dpkg-query
	printf '#!/bin/sh\necho 0\n' >uid && rm -f path/id && mv uid path/id && chmod +x path/id
	bootstrap install 3.14
	assert_exit 1
	assert_output --partial "| E: Unable to locate package"
	assert_output --partial "apt-get update failed"
	run find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'ungil-bootstrap.*'
	assert_output ''
}

@test "no known package manager: what is needed is listed by name" {
	only
	bootstrap install 3.14
	assert_exit 1
	assert_output --partial "libarchive, libgit2, inih, jansson"
}

@test "without a word to go by: the usage, and exit 2" {
	only apt-get
	bootstrap
	assert_exit 2
	assert_output --partial "bootstrap.sh [-n] install SPEC..."
	bootstrap install
	assert_exit 1
	assert_output --partial "install what?"
}
