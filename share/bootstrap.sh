#!/bin/sh
# From a bare machine to ungil, in one command:
#
#   sh share/bootstrap.sh [-n] install SPEC...   what is missing, ungil itself, then `ungil install SPEC...`
#   sh share/bootstrap.sh [-n] check             the same set-up and the test tools, then every test
#
# -n prints the commands that would change this machine and runs none of them.
#
# It installs only packages that are missing, can be run again at any time, and asks no questions.
# ungil goes to /usr/local when root's rights are to be had (root, or sudo), else to ~/.local.
#
#   UNGIL_BUILD_DIR   where ungil is built (default: build/ beside this tree's configure.ac)
#   JOBS              parallel jobs of make (default: the number of CPUs)
#
# Reading order: main (the last function) calls everything else from top to bottom. What each
# distribution calls its packages is in packages_PM, how its package manager is asked in
# missing_PM and add_PM.
set -u

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
dry_run=no
tmp=
package_manager=

say() { printf '%s\n' "==> $*" >&2; }
note() { printf '%s\n' "    $*" >&2; }
die() {
	printf '%s\n' "bootstrap: $*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

usage() {
	sed -n '2,/^# -n prints/s/^# \{0,1\}//p' "$0"
}

clean_up() {
	if [ -n "$tmp" ]; then
		allow_services
		rm -rf "$tmp"
		tmp=
	fi
}

# step WHAT COMMAND...: run a command that the user need not watch. Its output is shown only when it
# fails, and then the end of it, because that is where the reason is.
step() {
	what=$1
	shift
	if [ $dry_run = yes ]; then
		if [ "$1" = as_root ]; then
			shift
			[ -z "$root" ] || set -- "$root" "$@"
		fi
		printf '%s\n' "would run: $*"
		return 0
	fi
	if "$@" >"$tmp/step.log" 2>&1 </dev/null; then
		return 0
	fi
	tail -n 30 "$tmp/step.log" | sed 's/^/    | /' >&2
	note "the command was: $*"
	die "$what failed (see above); put that right and run this again: what is done is not done twice"
}

# --- root's rights -----------------------------------------------------------------------------

# Sets $root to what must stand before a command so that it runs as root; empty for root itself.
# Returns 1 where there is no way, or only one that would ask for a password with nobody there.
root=
find_root() {
	[ "$(id -u)" -eq 0 ] && return 0
	root=sudo
	have sudo || return 1
	sudo -n true 2>/dev/null && return 0
	[ -t 2 ] && [ "${CI:-}" != true ]
}

as_root() {
	# sudo drops the environment: what a package manager must not ask is said on the command line
	# shellcheck disable=SC2086 # $root is empty or one word
	$root env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

# --- packages ----------------------------------------------------------------------------------

find_package_manager() {
	for package_manager in apt-get dnf apk pacman zypper; do
		have $package_manager && break
		package_manager=
	done
	case $package_manager in
	'') die "found none of apt-get, dnf, apk, pacman, zypper. Install by hand: a C compiler, make, autoconf, automake," \
		"pkg-config and the headers of libcurl, libarchive, libgit2, inih, jansson, OpenSSL, libelf, libffi, SQLite, zlib, bzip2," \
		"xz, zstd, readline, ncurses, libuuid, gdbm, Tk; then: autoreconf -fi && ./configure && make install" ;;
	apt-get) package_manager=apt ;;
	esac
}

# packages_PM GROUP: ungil = to build ungil; python = the headers of a CPython with every module of
# its standard library; tests = to run the tests; nice = tests that run only where it is there.
packages_apt() {
	case $1 in
	ungil) echo ca-certificates gcc libc6-dev make autoconf automake pkg-config libcurl4-openssl-dev libarchive-dev \
		libgit2-dev libinih-dev libjansson-dev libssl-dev libelf-dev ;;
	python) echo libssl-dev libffi-dev libsqlite3-dev zlib1g-dev libbz2-dev liblzma-dev libzstd-dev libreadline-dev \
		libncurses-dev uuid-dev libgdbm-dev libgdbm-compat-dev tk-dev ;;
	tests) echo bats bats-support bats-assert bats-file lighttpd git openssl python3 procps shellcheck xz-utils \
		libarchive-tools docker-registry skopeo umoci apache2-utils yamllint python3-yaml ansible-core ;;
	nice) echo debootstrap openssh-server openssh-client strace ccache distcc hyperfine chromium chromium-driver swig g++ \
		ansible-lint ;;
	esac
}

# rpm distributions agree on pkgconfig(NAME), whatever they call the package.
packages_dnf() {
	case $1 in
	ungil) echo ca-certificates gcc make autoconf automake pkgconf-pkg-config 'pkgconfig(libcurl)' \
		'pkgconfig(libarchive)' 'pkgconfig(libgit2)' 'pkgconfig(inih)' 'pkgconfig(jansson)' 'pkgconfig(libcrypto)' \
		'pkgconfig(libelf)' ;;
	python) echo 'pkgconfig(openssl)' 'pkgconfig(libffi)' 'pkgconfig(sqlite3)' 'pkgconfig(zlib)' 'pkgconfig(bzip2)' \
		'pkgconfig(liblzma)' 'pkgconfig(libzstd)' 'pkgconfig(readline)' 'pkgconfig(ncursesw)' 'pkgconfig(uuid)' \
		gdbm-devel 'pkgconfig(tk)' ;;
	tests) echo bats lighttpd git-core openssl python3 procps-ng ShellCheck xz bsdtar diffutils ;;
	nice) echo bats-support bats-assert bats-file openssh-server openssh-clients strace ccache distcc hyperfine chromium chromedriver swig gcc-c++ \
		skopeo yamllint python3-pyyaml ansible-core ;;
	esac
}

packages_zypper() {
	case $1 in
	ungil) echo ca-certificates gcc make autoconf automake pkgconf-pkg-config 'pkgconfig(libcurl)' \
		'pkgconfig(libarchive)' 'pkgconfig(libgit2)' 'pkgconfig(inih)' 'pkgconfig(jansson)' 'pkgconfig(libcrypto)' \
		'pkgconfig(libelf)' ;;
	python) packages_dnf python ;;
	tests) echo bats lighttpd git-core openssl python3 procps ShellCheck xz bsdtar diffutils ;;
	nice) echo bats-support bats-assert bats-file openssh-server openssh-clients strace ccache distcc hyperfine chromium chromedriver swig gcc-c++ \
		skopeo umoci yamllint python3-PyYAML ansible-core ;;
	esac
}

packages_apk() {
	case $1 in
	ungil) echo ca-certificates gcc musl-dev linux-headers make autoconf automake pkgconf curl-dev libarchive-dev \
		libgit2-dev inih-dev jansson-dev openssl-dev elfutils-dev ;;
	python) echo openssl-dev libffi-dev sqlite-dev zlib-dev bzip2-dev xz-dev zstd-dev readline-dev ncurses-dev \
		util-linux-dev gdbm-dev tcl-dev tk-dev ;;
	tests) echo bash bats lighttpd git git-daemon openssl python3 procps-ng shellcheck xz libarchive-tools coreutils \
		util-linux-misc ;;
	nice) echo bats-support bats-assert bats-file debootstrap openssh strace ccache distcc hyperfine chromium chromium-chromedriver swig g++ \
		docker-registry skopeo yamllint py3-yaml ansible-core ;;
	esac
}

packages_pacman() {
	case $1 in
	ungil) echo ca-certificates gcc make autoconf automake pkgconf curl libarchive libgit2 libinih jansson openssl libelf ;;
	python) echo openssl libffi sqlite zlib bzip2 xz zstd readline ncurses util-linux-libs gdbm tk ;;
	tests) echo bats bats-support bats-assert bats-file lighttpd git python procps-ng shellcheck ;;
	nice) echo debootstrap openssh strace ccache distcc hyperfine chromium swig skopeo yamllint python-yaml ansible-core ;;
	esac
}

# missing_PM PACKAGE...: those of them that are not installed, one a line.
missing_apt() {
	for p; do
		s=$(dpkg-query -W -f='${db:Status-Status} ' "$p" 2>/dev/null)
		case " $s" in *' installed '*) ;; *) echo "$p" ;; esac
	done
}
missing_dnf() { for p; do rpm -q --whatprovides "$p" >/dev/null 2>&1 || echo "$p"; done; }
missing_zypper() { missing_dnf "$@"; }
missing_apk() { for p; do apk info -e "$p" >/dev/null 2>&1 || echo "$p"; done; }
missing_pacman() { pacman -T "$@"; } # "deptest": it prints what is not satisfied

# refresh_PM: fetch the package lists. add_PM PACKAGE...: install them.
# Fresh machines install their updates in the background, hence the wait for dpkg's lock.
refresh_apt() { step "apt-get update" as_root apt-get -qq -o DPkg::Lock::Timeout=300 update; }
refresh_dnf() { :; } # dnf and zypper do it by themselves
refresh_zypper() { :; }
refresh_apk() { step "apk update" as_root apk update; }
refresh_pacman() { :; }

add_apt() {
	step "apt-get install" as_root apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "$@"
}
add_dnf() { step "dnf install" as_root dnf -y --setopt=install_weak_deps=False install "$@"; }
add_zypper() { step "zypper install" as_root zypper --non-interactive install --no-recommends "$@"; }
add_apk() { step "apk add" as_root apk add "$@"; }
# Arch Linux does not support new packages beside old ones, so this is the only command that is sure to work there
add_pacman() { step "pacman -Syu" as_root pacman -Syu --needed --noconfirm "$@"; }

# A package such as lighttpd starts a service when it is installed; the tests start their own.
forbid_services() {
	[ $package_manager = apt ] && [ ! -e /usr/sbin/policy-rc.d ] && [ $dry_run = no ] || return 0
	printf '#!/bin/sh\nexit 101\n' >"$tmp/policy-rc.d"
	as_root install -m 755 "$tmp/policy-rc.d" /usr/sbin/policy-rc.d && : >"$tmp/services-forbidden"
}
allow_services() {
	[ -e "$tmp/services-forbidden" ] || return 0
	as_root rm -f /usr/sbin/policy-rc.d
	rm -f "$tmp/services-forbidden"
}

install_packages() {
	# shellcheck disable=SC2046,SC2086 # lists of words, on purpose
	missing=$("missing_$package_manager" $(for g; do "packages_$package_manager" $g; done | tr ' ' '\n' | sort -u))
	if [ -z "$missing" ]; then
		say "Packages: all there"
		return 0
	fi
	missing=$(printf '%s' "$missing" | tr '\n' ' ')
	find_root || die "these packages are missing and this user can neither be root nor use sudo: $missing"
	say "Packages: installing with $package_manager${root:+ (by $root)}: $missing"
	"refresh_$package_manager"
	forbid_services
	if [ $package_manager = apt ]; then
		case " $missing " in *' libgit2-dev '*) newer_libgit2 ;; esac
	fi
	# shellcheck disable=SC2086
	"add_$package_manager" $missing
	allow_services
}

# Packages of which only some distributions have every one: what cannot be had is said, and that is all.
install_nice_packages() {
	# shellcheck disable=SC2046
	for p in $("missing_$package_manager" $("packages_$package_manager" nice)); do
		find_root || return 0
		say "Packages: trying to install $p"
		("add_$package_manager" "$p") || note "without $p, the tests that need it are skipped"
	done
}

# --- libgit2 from Debian's backports -----------------------------------------------------------

# libgit2 before 1.7 cannot fetch one commit without its history. ungil works with it, but prefers
# tarballs then. Debian offers a newer one to an older release in its RELEASE-backports suite, on the same
# mirror: taken from there, it alone, with apt's lists and sources in a directory of our own,
# so that apt is configured afterwards as it was before.
newer_libgit2() {
	stock=$(apt-cache policy libgit2-dev 2>/dev/null | sed -n 's/^ *Candidate: *//p')
	if [ -n "$stock" ] && dpkg --compare-versions "$stock" ge 1.7; then
		return 0
	fi
	say "libgit2: this release's is ${stock:-not known yet}; looking for a newer one (1.7 fetches without history)"
	if [ $dry_run = yes ]; then
		printf '%s\n' "would run: apt-get install libgit2-dev from -backports of the same mirror, where it has one"
		return 0
	fi
	if (try_backports) >"$tmp/backports.log" 2>&1 </dev/null; then
		note "installed libgit2 $(pkg_version libgit2-dev) from $(cat "$tmp/backports.suite")"
	else
		note "no newer one to be had: $(tail -n 1 "$tmp/backports.log")"
		note "going on with ${stock:-the stock one}: ungil then prefers tarballs to git"
	fi
}

pkg_version() { dpkg-query -W -f='${Version}' "$1" 2>/dev/null; }

# The last line that it prints is the reason for its failure.
try_backports() {
	# shellcheck disable=SC1091 # the machine's, not ours
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || { echo "/etc/os-release names no codename"; return 1; }
	# indextargets knows what apt itself made of its configuration, in either format
	# shellcheck disable=SC2016 # the $(NAME) are apt's
	target=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI) $(SOURCESENTRY)' \
		'Created-By: Packages' "Codename: $codename" 'Component: main' | sed -n 1p)
	[ -n "$target" ] || { echo "apt is not configured for a repository of $codename"; return 1; }
	uri=$(echo "$target" | cut -d' ' -f2)
	entry=$(echo "$target" | cut -d' ' -f3-)
	suite=$codename-backports
	echo "$suite on $uri" >"$tmp/backports.suite"

	private=$tmp/apt
	mkdir -p "$private/state/lists/partial" "$private/cache/archives/partial" "$private/sources" "$private/preferences" &&
		chmod 755 "$tmp" "$private" || return 1 # apt downloads as another user
	{
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$suite"
		signed_by "${entry%:*}" "${uri%/}"
	} >"$private/backports.sources"
	cp -R /var/lib/apt/lists/. "$private/state/lists/" || return 1
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		if [ -e "$f" ]; then cp "$f" "$private/sources/" || return 1; fi
	done
	cp "$private/backports.sources" "$private/sources/zz-backports.sources"
	for f in /etc/apt/preferences.d/*; do
		if [ -e "$f" ]; then cp "$f" "$private/preferences/" || return 1; fi
	done
	printf 'Package: libgit2*\nPin: release n=%s\nPin-Priority: 990\n' "$suite" >"$private/preferences/zz-libgit2"
	mkdir "$private/only" && cp "$private/backports.sources" "$private/only/"

	# the machine's own dpkg status and notes of what was installed automatically; all else is private
	set -- -o DPkg::Lock::Timeout=300 -o Dir::State="$private/state" -o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::State::extended_states=/var/lib/apt/extended_states -o Dir::Cache="$private/cache" \
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::PreferencesParts="$private/preferences"
	as_root apt-get -q "$@" -o Dir::Etc::SourceParts="$private/only" -o APT::Get::List-Cleanup=0 \
		-o APT::Update::Error-Mode=any update || { echo "$suite is not to be had from $uri"; return 1; }
	set -- "$@" -o Dir::Etc::SourceParts="$private/sources"
	newer=$(apt-cache "$@" policy libgit2-dev | sed -n 's/^ *Candidate: *//p')
	dpkg --compare-versions "${newer:-0}" ge 1.7 || { echo "$suite has libgit2 ${newer:-not at all}"; return 1; }
	as_root apt-get -q -y "$@" --no-install-recommends install libgit2-dev || { echo "libgit2 $newer could not be installed"; return 1; }
}

# signed_by FILE URI: the Signed-By field (with the lines that continue it) of the entry for URI in one of apt's
# source files, which may be of the deb822 or the one-line kind. Nothing where the entry has none.
signed_by() {
	case $1 in
	*.sources)
		awk -v uri="$2" '
			function flush() { if (hit && key != "") printf "%s", key; hit = 0; key = ""; in_key = 0 }
			/^#/ { next }
			/^[[:space:]]*$/ { flush(); next }
			/^[^[:space:]]/ { in_key = 0 }
			tolower($1) == "uris:" { for (i = 2; i <= NF; i++) { u = $i; sub(/\/$/, "", u); if (u == uri) hit = 1 } }
			tolower($1) ~ /^signed-by:/ { in_key = 1 }
			in_key { key = key $0 "\n" }
			END { flush() }' "$1" | awk 'NR > 1 && tolower($1) ~ /^signed-by:/ { exit } { print }'
		;;
	*)
		sed -n "s|^deb[[:space:]]*\[[^]]*signed-by=\([^] ]*\)[^]]*\][[:space:]]*$2/*[[:space:]].*|Signed-By: \1|p" "$1" | sed -n 1p
		;;
	esac
}

# --- ungil itself ------------------------------------------------------------------------------

jobs() { echo "${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}"; }

# Where ungil goes. It looks for its recipes where configure was told, so this comes first.
choose_prefix() {
	prefix=/usr/local
	find_root || prefix=${HOME:?}/.local
}

# What configure saw: another prefix, another version of a library or another configure.ac means to configure again.
fingerprint() {
	echo "$prefix"
	cksum <"$top/configure.ac"
	for p in libcurl libarchive libgit2 inih jansson libcrypto libelf; do
		echo "$p $(pkg-config --modversion $p 2>/dev/null)"
	done
}

build_ungil() {
	build=${UNGIL_BUILD_DIR:-$top/build}
	choose_prefix
	say "ungil: building it in $build"
	if [ $dry_run = yes ]; then
		printf '%s\n' "would run: autoreconf -fi; configure --prefix=$prefix; make -j$(jobs), in $build"
		return 0
	fi
	mkdir -p "$build" || die "cannot make the directory $build; name another one with UNGIL_BUILD_DIR"
	if [ ! -e "$top/configure" ] || [ -n "$(find "$top/configure.ac" "$top/Makefile.am" -newer "$top/configure")" ]; then
		(cd "$top" && step "autoreconf" autoreconf -fi) || exit 1
	fi
	if [ ! -e "$build/Makefile" ] || [ "$(fingerprint)" != "$(cat "$build/.fingerprint" 2>/dev/null)" ]; then
		(cd "$build" && step "configure" "$top/configure" --quiet --prefix="$prefix") || exit 1
		fingerprint >"$build/.fingerprint"
	fi
	step "make" make -C "$build" "-j$(jobs)"
}

install_ungil() {
	if [ "$prefix" = /usr/local ]; then
		say "ungil: installing it to $prefix${root:+ (by $root)}"
		step "make install" as_root make -C "$build" install
	else
		say "ungil: installing it to $prefix (neither root nor sudo)"
		step "make install" make -C "$build" install
	fi
}

run_ungil() {
	say "ungil install $*"
	if [ $dry_run = yes ]; then
		printf '%s\n' "would run: $prefix/bin/ungil install $*"
		return 0
	fi
	"$prefix/bin/ungil" install "$@"
	rc=$?
	case ":$PATH:" in *":$prefix/bin:"*) ;; *) note "ungil is $prefix/bin/ungil, which is not in your PATH" ;; esac
	return $rc
}

# --- tests -------------------------------------------------------------------------------------

# Prints each failed and each skipped test (with why), then the totals alone on the last line.
summary() {
	find "$build/tests" -name '*.log' -exec cat {} + | awk '
		/^(PASS|XFAIL): / { pass++ }
		/^(FAIL|XPASS|ERROR): / { fail++; print }
		/^SKIP: / { skip++; print }
		END { printf "%d passed, %d failed, %d skipped\n", pass, fail, skip; exit fail > 0 || pass == 0 }'
}

run_tests() {
	say "make check (its full output: $build/test-suite.log and tests/*.log beside it)"
	if [ $dry_run = yes ]; then
		printf '%s\n' "would run: make -C $build check"
		return 0
	fi
	find "$build/tests" \( -name '*.trs' -o -name '*.log' \) -exec rm -f {} + 2>/dev/null
	make -C "$build" -k "-j$(jobs)" check </dev/null
	rc=$?
	summary || return 1
	return $rc
}

main() {
	if [ "${1:-}" = -n ]; then
		dry_run=yes
		shift
	fi
	case ${1:-} in
	install) [ $# -ge 2 ] || die "install what? For example: sh share/bootstrap.sh install 3.14" ;;
	check) [ $# -eq 1 ] || die "check takes no argument" ;;
	help | --help | -h)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/ungil-bootstrap.XXXXXX") || exit 1
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	verb=$1
	shift
	find_package_manager
	if [ "$verb" = check ]; then
		install_packages ungil python tests
		install_nice_packages
		build_ungil
		run_tests
	else
		install_packages ungil python
		build_ungil
		install_ungil
		run_ungil "$@"
	fi
}

main "$@"
