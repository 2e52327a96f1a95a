# Git over each transport gives the pinned tree or a clear error, and a token goes nowhere but to its own host.

load helpers

# gate ARGUMENT...: sets GATE (host:port) and GATE_LOG, see upstream/gate.py
gate() {
	local port_file=$BATS_TEST_TMPDIR/gate.port.$#.$RANDOM
	GATE_LOG=$BATS_TEST_TMPDIR/gate.log.$1
	: >"$GATE_LOG"
	background python3 "$TESTS/upstream/gate.py" "$port_file" "$GATE_LOG" "$@"
	SERVERS+=("$PID")
	within 10 test -s "$port_file"
	GATE=127.0.0.1:$(cat "$port_file")
}

# A certificate for localhost, by name: the TLS library of some builds of libgit2 knows no addresses in certificates.
# 127.1 is the same machine by another name: resolvers take it for 127.0.0.1, certificates for a name.
certificate() {
	CERTIFICATE=$BATS_TEST_TMPDIR/certificate.pem KEY=$BATS_TEST_TMPDIR/key.pem
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:127.1 \
		-keyout "$KEY" -out "$CERTIFICATE" 2>/dev/null
}

# git daemon, for git://
start_daemon() {
	local port
	port=$(free_port)
	background git daemon --listen=127.0.0.1 --port="$port" --base-path="$MINI/git" --export-all --reuseaddr "$MINI/git"
	SERVERS+=("$PID")
	GIT_DAEMON=git://127.0.0.1:$port
	within 5 bash -c "exec 2>/dev/null 9<>/dev/tcp/127.0.0.1/$port"
}

# What an unsuccessful fetch may leave in the store: nothing.
store_is_empty() {
	run bash -c 'cd "$XDG_CACHE_HOME/ungil/git" 2>/dev/null && ls -d fetch.* objects/pack/* refs/tags/* 2>/dev/null'
	assert_output ''
}

@test "git://: the pinned commit, although libgit2 cannot fetch it shallowly there" {
	mini_upstream
	start_daemon
	run ungil install 3.99.1t --source "$GIT_DAEMON/cpython.git"
	assert_exit 0
	run git -C "$XDG_CACHE_HOME/ungil/git" rev-parse 'v3.99.1^{commit}'
	assert_output "$(git -C "$MINI/git/cpython.git" rev-parse 'v3.99.1^{commit}')"
}

# sshd on loopback, with a key of this test's own as the only one that opens it
start_sshd() {
	local port dir=$BATS_TEST_TMPDIR/ssh
	port=$(free_port)
	mkdir -p "$dir" "$HOME/.ssh" && chmod 700 "$HOME/.ssh"
	if [ "$(id -u)" -eq 0 ]; then mkdir -p /run/sshd; fi
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$HOME/.ssh/id_ed25519"
	cat >"$dir/config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host
AuthorizedKeysFile $HOME/.ssh/id_ed25519.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
END
	background "$(PATH=$PATH:/usr/sbin command -v sshd)" -D -f "$dir/config" -E "$dir/log"
	SERVERS+=("$PID")
	KNOWN_HOST="[127.0.0.1]:$port $(cut -d' ' -f1,2 "$dir/host.pub")"
	SSH_REPOSITORY=ssh://$(id -un)@127.0.0.1:$port$MINI/git/cpython.git
	within 5 bash -c "exec 2>/dev/null 9<>/dev/tcp/127.0.0.1/$port"
}

@test "ssh://: the pinned commit with the user's own key, from a host whose key is known" {
	[ -x /usr/sbin/sshd ] || [ -x /usr/bin/sshd ] || skip "no sshd"
	mini_upstream
	start_sshd
	unset SSH_AUTH_SOCK
	run ungil install 3.99.1t --source "$SSH_REPOSITORY"
	assert_exit 4
	assert_output --partial "host key is not known"
	assert_output --partial known_hosts
	echo "$KNOWN_HOST" >"$HOME/.ssh/known_hosts"
	mv "$HOME/.ssh/id_ed25519" key.away
	run ungil install 3.99.1t --source "$SSH_REPOSITORY"
	assert_exit 4
	assert_output --partial "access denied"
	mv key.away "$HOME/.ssh/id_ed25519"
	run ungil install 3.99.1t --source "$SSH_REPOSITORY"
	assert_exit 0
	run git -C "$XDG_CACHE_HOME/ungil/git" rev-parse 'v3.99.1^{commit}'
	assert_output "$(git -C "$MINI/git/cpython.git" rev-parse 'v3.99.1^{commit}')"
}

@test "a second and a third release into the same store, then both from it with --offline" {
	start_web
	MINI_RELEASES="3.99.1 3.99.2 3.99.3" mini_upstream
	for release in 3.99.1t 3.99.2t 3.99.3t; do
		run ungil install "$release" --source git
		assert_exit 0
	done
	kill "$WEB_PID"
	run git -C "$XDG_CACHE_HOME/ungil/git" fsck --connectivity-only
	assert_exit 0
	run ungil install 3.99.1 3.99.3 --source git --offline
	assert_exit 0
}

@test "a tag that moved is seen before anything is downloaded" {
	start_web
	mini_upstream
	git -C "$MINI/git/cpython.git" tag -f v3.99.1 v3.99.2 2>/dev/null
	run ungil install 3.99.1 --source git
	assert_exit 5
	assert_output --partial "$(git -C "$MINI/git/cpython.git" rev-parse 'v3.99.2^{commit}')"
	run web_log
	refute_output --partial POST
	store_is_empty
}

@test "a tree that is not the pinned one leaves nothing in the store" {
	start_web
	mini_upstream
	set_key 'pin 3\.99\.1' tree 0123456789012345678901234567890123456789
	run ungil install 3.99.1 --source git
	assert_exit 5
	assert_output --partial 0123456789012345678901234567890123456789
	assert_output --partial "$(git -C "$MINI/git/cpython.git" rev-parse 'v3.99.1^{tree}')"
	store_is_empty
}

@test "a connection that breaks in the middle: unreachable, nothing kept, and the next try succeeds" {
	start_web
	mini_upstream
	gate cut "${WEB#http://}" 1500
	run ungil install 3.99.1t --source "http://$GATE/git/cpython.git"
	assert_exit 4
	assert_output --partial "http://$GATE/git/cpython.git"
	assert_file_contains "$GATE_LOG" connection
	store_is_empty
	run ungil install 3.99.1t --source "$WEB/git/cpython.git"
	assert_exit 0
}

@test "a certificate that nobody signed is refused by name, and good with SSL_CERT_FILE" {
	mini_upstream
	certificate
	gate login "$CERTIFICATE" "$KEY"
	run ungil install 3.99.1 --source "https://localhost:${GATE#*:}/cpython.git"
	assert_exit 4
	assert_output --partial certificate
	assert_equal "$(wc -l <"$GATE_LOG")" 0
	SSL_CERT_FILE=$CERTIFICATE run ungil install 3.99.1 --source "https://localhost:${GATE#*:}/cpython.git"
	assert_exit 4
	refute_output --partial certificate
	assert_output --partial UNGIL_GIT_TOKEN
}

@test "UNGIL_GIT_TOKEN is sent over https to the host that asks" {
	mini_upstream
	certificate
	gate login "$CERTIFICATE" "$KEY"
	UNGIL_GIT_TOKEN=secret SSL_CERT_FILE=$CERTIFICATE run ungil install 3.99.1 --source "https://localhost:${GATE#*:}/cpython.git"
	assert_exit 4
	refute_output --partial secret
	assert_file_contains "$GATE_LOG" "Basic $(printf 'x-access-token:secret' | base64)"
}

@test "UNGIL_GIT_TOKEN is not sent over http" {
	mini_upstream
	gate login
	UNGIL_GIT_TOKEN=secret run ungil install 3.99.1 --source "http://$GATE/cpython.git"
	assert_exit 4
	assert_file_contains "$GATE_LOG" git-upload-pack
	run grep -c Basic "$GATE_LOG"
	assert_output 0
}

@test "UNGIL_GIT_TOKEN does not follow a redirect to another host" {
	local there
	mini_upstream
	certificate
	export SSL_CERT_FILE=$CERTIFICATE
	gate login "$CERTIFICATE" "$KEY" # over https, where a token may go when it is asked for there
	there=$GATE_LOG
	gate away "https://127.1:${GATE#*:}" "$CERTIFICATE" "$KEY"
	# Without a token it is followed: what comes after proves nothing otherwise.
	run ungil install 3.99.1 --source "https://localhost:${GATE#*:}/cpython.git"
	assert_exit 4
	assert_file_contains "$there" git-upload-pack
	: >"$there"
	UNGIL_GIT_TOKEN=secret run ungil install 3.99.1 --source "https://localhost:${GATE#*:}/cpython.git"
	assert_exit 4
	assert_equal "$(grep -c Basic "$there")" 0
	assert_file_contains "$GATE_LOG" git-upload-pack
}

@test "a login in a URL is in no message, log, receipt or cache" {
	local url secret=s3cret
	start_web
	mini_upstream
	for url in "http://user:$secret@${WEB#http://}/git/cpython.git" \
		"http://user:$secret@${WEB#http://}/tarballs/3.99.1/Python-3.99.1.tar.xz" \
		"http://user:$secret@127.0.0.1:1/cpython.git" "http://$secret@127.0.0.1:1/cpython.git" \
		"ssh://user:$secret@127.0.0.1:1/cpython.git" "git://user:$secret@127.0.0.1:1/cpython.git"; do
		run ungil install 3.99.1t -v --no-bench --force --keep-build --source "$url"
		case $url in *:1/*) assert_exit 4 ;; *) assert_exit 0 ;; esac
		refute_output --partial "$secret"
		run grep -rl "$secret" "$XDG_CACHE_HOME" "$UNGIL_ROOT"
		assert_output ''
		rm -rf "$XDG_CACHE_HOME"
	done
	run ungil show 3.99.1t
	assert_output --partial "${WEB#http://}/tarballs/3.99.1/Python-3.99.1.tar.xz"
}

@test "a link that leads out of the tree, and a file below a link, are refused" {
	mini_upstream
	git clone -q "$MINI/git/cpython.git" work 2>/dev/null
	ln -s ../../outside work/escape
	git -C work add -A
	git -C work -c user.name=t -c user.email=t@localhost commit -qm escape
	git -C work tag v3.99.9
	run ungil install 3.99.9 --unpinned --source "$PWD/work"
	assert_exit 5
	assert_output --partial escape
	assert_nothing_installed
}

@test "--source that is neither repository, archive nor URL is a usage error" {
	mini_upstream
	mkdir empty
	echo text >file
	for source in empty file nowhere gti ./nowhere.tar.xz ./nowhere.git; do
		run ungil install 3.99.1 --source "$source"
		assert_exit 2
		assert_output --partial "$source"
	done
}
