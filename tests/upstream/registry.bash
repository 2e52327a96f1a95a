# A registry for bats files: Debian's docker-registry (distribution), alone or with TLS, logins or a token server.
# After helpers.bash:
#
#     source "$TESTS/upstream/registry.bash"
#     need_registry                       skips where there is no docker-registry
#     start_registry [tls] [basic|token]  sets REGISTRY (HOST:PORT), REGISTRY_URL, REGISTRY_LOG, REGISTRY_DIR (its storage)
#     stop_registry
#     login USER:PASSWORD [HOST]          a config.json with that login, as docker login writes it
#
# tls: its certificate, signed by itself, is in $CERTIFICATE and named by SSL_CERT_FILE. basic: lab with the password
# secret. token: the same, at the token server (tests/upstream/token_server.py); TOKEN_SECONDS is how long its tokens
# live (60), TOKEN_LOG what it was asked. The servers end with the test (helpers.bash).

need_registry() {
	PATH=$PATH:/usr/sbin
	command -v docker-registry >/dev/null || skip "no docker-registry"
}

make_certificate() {
	CERTIFICATE=$BATS_TEST_TMPDIR/certificate.pem
	[ ! -e "$CERTIFICATE" ] || return 0
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
		-addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout "$BATS_TEST_TMPDIR/key.pem" -out "$CERTIFICATE" 2>/dev/null
	export SSL_CERT_FILE=$CERTIFICATE
}

# wait_for_port PORT: something listens there
wait_for_port() { within 10 bash -c "exec 2>/dev/null 9<>/dev/tcp/127.0.0.1/$1"; }

start_token_server() {
	local port_file=$BATS_TEST_TMPDIR/token.port
	TOKEN_LOG=$BATS_TEST_TMPDIR/token.log
	rm -f "$port_file"
	: >"$TOKEN_LOG"
	make_certificate
	background python3 "$TESTS/upstream/token_server.py" "$port_file" "$TOKEN_LOG" "$BATS_TEST_TMPDIR/key.pem" \
		"$CERTIFICATE" "${TOKEN_SECONDS:-60}" "${1:-}"
	SERVERS+=("$PID")
	within 10 test -s "$port_file"
	TOKEN_PORT=$(cat "$port_file")
}

start_registry() {
	local port word conf=$BATS_TEST_TMPDIR/registry.yml tls='' auth='' _ scheme=http
	for word in "$@"; do
		case $word in
		tls) make_certificate && scheme=https && tls="  tls:
    certificate: $CERTIFICATE
    key: $BATS_TEST_TMPDIR/key.pem" ;;
		basic)
			# as htpasswd -B writes it
			echo 'lab:$2y$04$mCk78qgBNEaL2oPjTtp0XuxhWlG5c6WrePyYzLMBgCgOLWc8Cdyn2' >"$BATS_TEST_TMPDIR/htpasswd"
			auth="auth:
  htpasswd:
    realm: laboratory
    path: $BATS_TEST_TMPDIR/htpasswd" ;;
		token)
			case " $* " in *" tls "*) start_token_server tls ;; *) start_token_server ;; esac
			auth="auth:
  token:
    realm: $(case " $* " in *" tls "*) echo https ;; *) echo http ;; esac)://127.0.0.1:$TOKEN_PORT/token
    service: laboratory
    issuer: ungil-tests
    rootcertbundle: $CERTIFICATE" ;;
		esac
	done
	REGISTRY_DIR=${REGISTRY_DIR:-$BATS_TEST_TMPDIR/registry}
	REGISTRY_LOG=$BATS_TEST_TMPDIR/registry.log
	mkdir -p "$REGISTRY_DIR"
	for _ in 1 2 3; do
		port=${REGISTRY_PORT:-$(free_port)}
		cat >"$conf" <<END
version: 0.1
log:
  accesslog:
    disabled: false
  level: info
storage:
  filesystem:
    rootdirectory: $REGISTRY_DIR
  delete:
    enabled: true
http:
  addr: 127.0.0.1:$port
$tls
$auth
END
		background docker-registry serve "$conf" >"$REGISTRY_LOG" 2>&1
		SERVERS+=("$PID")
		REGISTRY_PID=$PID
		# shellcheck disable=SC2034 # the test files use them
		REGISTRY=127.0.0.1:$port REGISTRY_URL=$scheme://127.0.0.1:$port
		if wait_for_port "$port"; then return 0; fi
	done
	cat "$REGISTRY_LOG" >&2
	return 1
}

stop_registry() { kill "$REGISTRY_PID" && wait "$REGISTRY_PID" 2>/dev/null || true; }

login() {
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
	mkdir -p "$DOCKER_CONFIG"
	printf '{"auths": {"%s": {"auth": "%s"}}}\n' "${2:-$REGISTRY}" "$(printf %s "$1" | base64 -w0)" >"$DOCKER_CONFIG/config.json"
}

# start_faults [tls]: a registry that misbehaves (tests/upstream/registry_faults.py), at $FAULTS (HOST:PORT); what it is
# asked is in $FAULTS_LOG
start_faults() {
	local port_file=$BATS_TEST_TMPDIR/faults.port port elsewhere
	local -a tls=()
	# shellcheck disable=SC2034
	FAULTS_LOG=$BATS_TEST_TMPDIR/faults.log
	: >"$FAULTS_LOG"
	if [ "${1:-}" = tls ]; then
		make_certificate
		tls=("$CERTIFICATE" "$BATS_TEST_TMPDIR/key.pem")
	fi
	background python3 "$TESTS/upstream/registry_faults.py" "$port_file" "$FAULTS_LOG" "${tls[@]}"
	SERVERS+=("$PID")
	within 10 test -s "$port_file"
	read -r port elsewhere <"$port_file"
	# shellcheck disable=SC2034
	FAULTS=127.0.0.1:$port ELSEWHERE=127.0.0.1:$elsewhere
}
