# The files of share/ci, which people copy into their own CI: linted, and their scripts run against real servers.

load helpers
source "$TESTS/upstream/registry.bash"

setup() {
	common_setup
	CI_FILES=$TOP/share/ci
	# the Python that has Debian's modules need not be the first in PATH
	for PYTHON in /usr/bin/python3 python3 ''; do
		[ -z "$PYTHON" ] || $PYTHON -c 'import yaml' 2>/dev/null && break
	done
	[ -n "$PYTHON" ] || skip "no Python with yaml"
}

take_apart() { "$PYTHON" "$TESTS/ci_files.py" "$@"; }

# --- lint ----------------------------------------------------------------------------------------

@test "yamllint finds nothing" {
	command -v yamllint >/dev/null || skip "no yamllint"
	run yamllint --strict -c "$CI_FILES/.yamllint" "$CI_FILES"
	assert_output ''
	assert_exit 0
}

@test "each script inside of a workflow, an action, a template, a Dockerfile passes shellcheck" {
	command -v shellcheck >/dev/null || skip "no shellcheck"
	mkdir scripts
	run take_apart scripts scripts "$CI_FILES"/github/*.yml "$CI_FILES"/gitlab/*.yml "$CI_FILES"/docker/Dockerfile
	assert_output 14
	local script
	for script in scripts/*; do
		# what the CI system sets has no assignment there
		shellcheck -s "${script##*.}" -e SC2154 "$script"
	done
	shellcheck "$CI_FILES"/slurm/ungil.sbatch
}

@test "a script with an expression of the workflow in it is found" {
	mkdir scripts
	sed 's|"$root/bin"|"${{ inputs.root }}/bin"|' "$CI_FILES/github/action.yml" >action.yml
	run take_apart scripts scripts action.yml
	assert_failure
	assert_output --partial "hand it over in env"
}

@test "the workflow gives the action inputs that it has, and uses outputs that it writes" {
	run take_apart action "$CI_FILES/github/ungil.yml" "$CI_FILES/github/action.yml"
	assert_output "2 uses, 1 outputs"
	sed 's/ bundles:/ bundle:/' "$CI_FILES/github/ungil.yml" >wrong.yml
	run take_apart action wrong.yml "$CI_FILES/github/action.yml"
	assert_failure
	assert_output --partial "no such inputs: {'bundle'}"
}

@test "the Dockerfile has instructions, stages and arguments in order" {
	run take_apart dockerfile "$CI_FILES/docker/Dockerfile"
	assert_output "2 stages"
	sed '/^ARG PRESET$/d' "$CI_FILES/docker/Dockerfile" >Dockerfile
	run take_apart dockerfile Dockerfile
	assert_failure
	assert_output --partial "RUN uses PRESET, which has no ARG in its stage"
}

@test "ansible-lint finds nothing" {
	command -v ansible-lint >/dev/null || skip "no ansible-lint"
	cd "$CI_FILES/ansible"
	run env NO_COLOR=1 ansible-lint --offline --nocolor -p --project-dir . playbook.yml roles
	assert_exit 0
}

@test "every file is named in the index" {
	local file
	while read -r file; do
		assert_file_contains "$CI_FILES/README.md" "${file##*/}"
	done < <(cd "$CI_FILES" && find . -type f ! -name .yamllint ! -name README.md ! -path '*/roles/*')
}

# --- run: GitHub's steps -------------------------------------------------------------------------

# A source of ungil whose bootstrap.sh only hands over to the ungil under test: what the real one does before that is
# tested in 90-bootstrap.bats and, in a fresh system, by .ci/run.
source_tree() {
	mkdir -p "$1/share" programs
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$UNGIL" >"$1/share/bootstrap.sh"
	ln -sf "$UNGIL" programs/ungil
	PATH=$PWD/programs:$PATH
}

# a step as the runner runs it: with bash, files for what it tells the runner, inputs in the environment
step() {
	local name=$1
	shift
	take_apart step "$CI_FILES/github/${FILE:-action.yml}" "$name" >step.sh
	env RUNNER_TEMP="$PWD" GITHUB_ENV="$PWD/env" GITHUB_PATH="$PWD/path" GITHUB_OUTPUT="$PWD/output" GITHUB_STEP_SUMMARY="$PWD/summary" \
		"$@" bash --noprofile --norc -eo pipefail step.sh
}

@test "GitHub: the action's steps install, tell the interpreters, and verify" {
	mini_upstream
	source_tree .ungil
	step provide SPEC=3.99.2 PRESET=quick LOCK= BUNDLES= REGISTRY= PUSH=false ROOT="$PWD/pythons"
	run cat output
	assert_output "root=$PWD/pythons
python=$PWD/pythons/bin/python3.99
python-ft=$PWD/pythons/bin/python3.99t"
	run cat env
	assert_output "UNGIL_ROOT=$PWD/pythons"
	run tail -n 1 path
	assert_output "$PWD/pythons/bin"
	step verify LOCK= UNGIL_ROOT="$PWD/pythons"
	assert_file_contains ungil-verify.xml '<testsuite name="3.99.2t"'
	assert_file_contains summary '^    3.99.2t  ft'
}

@test "GitHub: bundles are installed instead of anything else, and one variant has no python" {
	mini_upstream
	source_tree .ungil
	ungil install 3.99.2 --no-bench
	mkdir -p "$HOME/pair" && ungil pack 3.99.2t -o "$HOME/pair"
	knob fail-configure
	# shellcheck disable=SC2088 # the action makes it $HOME
	step provide SPEC=3.99.1 PRESET=quick LOCK= BUNDLES='~/pair' REGISTRY= PUSH=false ROOT="$PWD/pythons"
	run cat output
	assert_output "root=$PWD/pythons
python-ft=$PWD/pythons/bin/python3.99t"
}

@test "GitHub: with a lock, exactly what it names is installed and compared" {
	mini_upstream
	source_tree .ungil
	ungil install 3.99.1 --preset quick --no-bench
	ungil lock 3.99.1
	# SPEC would be 3.99.2
	step provide SPEC=3.99 PRESET=quick LOCK=ungil.lock BUNDLES= REGISTRY= PUSH=false ROOT="$PWD/pythons"
	assert_file_exist pythons/versions/3.99.1t/ungil.json
	assert_not_exist pythons/versions/3.99.2t
	step verify LOCK=ungil.lock UNGIL_ROOT="$PWD/pythons"
	ungil install 3.99.1t --preset release --force --no-bench --root "$PWD/pythons"
	run step verify LOCK=ungil.lock UNGIL_ROOT="$PWD/pythons"
	assert_exit 5
}

@test "GitHub: the first job leaves bundles and a lock in the cache; the run after the lock was committed builds nothing" {
	mini_upstream
	source_tree .ungil
	export XDG_CACHE_HOME=$HOME/.cache
	step provide SPEC=3.99 PRESET=quick LOCK= BUNDLES= REGISTRY= PUSH=false ROOT="$PWD/pythons"
	FILE=ungil.yml step "Pack the pair, for the cache and for the other jobs" UNGIL_ROOT="$PWD/pythons"
	assert_file_exist "$HOME"/.cache/ungil/pair/3.99.2t-*.tar.zst
	mv pythons elsewhere
	knob fail-configure
	step provide SPEC=3.99 PRESET=quick LOCK=ungil.lock BUNDLES= REGISTRY= PUSH=false ROOT="$PWD/pythons"
	assert_file_exist pythons/versions/3.99.2t/ungil.json
}

@test "GitHub: what a build fails with fails the step" {
	mini_upstream
	source_tree .ungil
	knob fail-compile
	run step provide SPEC=3.99.2 PRESET=quick LOCK= BUNDLES= REGISTRY= PUSH=false ROOT="$PWD/pythons"
	assert_exit 6
	assert_file_not_exist output
}

# --- run: GitLab's jobs --------------------------------------------------------------------------

# gitlab JOB/KEY...: as a runner's shell executor does: one shell, stopped by the first failure, each line shown as it is written
gitlab() {
	local key
	for key; do take_apart step "$CI_FILES/gitlab/ungil.gitlab-ci.yml" "$key"; done >job.sh
	env CI_REGISTRY="$REGISTRY" CI_REGISTRY_USER=lab CI_REGISTRY_PASSWORD="${SECRET-secret}" CI_REGISTRY_IMAGE="$REGISTRY/group/project" \
		UNGIL_REGISTRY="oci://$REGISTRY/group/project/python" UNGIL_SOURCE="$PWD/ungil.git" UNGIL_REF=main UNGIL_SPEC=3.99 UNGIL_PRESET=quick \
		UNGIL_ROOT="$PWD/${ROOT:-pythons}" DOCKER_CONFIG="$PWD/docker" XDG_CACHE_HOME="$PWD/cache-${ROOT:-pythons}" PYTHON=python3.99t \
		sh -ev job.sh 2>&1
}

gitlab_project() {
	need_registry
	command -v htpasswd >/dev/null || skip "no htpasswd"
	mini_upstream
	start_registry basic
	source_tree tree
	git -c init.defaultBranch=main init -q tree
	git -C tree add -A
	git -C tree -c user.name=lab -c user.email=lab@localhost commit -qm ungil
	git clone -q --bare tree ungil.git
}

@test "GitLab: the first job builds and pushes with the project's login, the others install from there" {
	gitlab_project
	run gitlab .ungil/before_script ungil:pair/script .ungil/after_script
	assert_exit 0
	refute_output --partial secret
	refute_output --partial "$(printf lab:secret | base64)"
	assert_file_contains ungil-verify.xml '<testsuite name="3.99.2t"'
	assert_not_exist docker

	# another machine: an empty root, an empty cache, and nothing can be compiled
	knob fail-configure
	ROOT=elsewhere run gitlab .ungil:test/before_script
	assert_exit 0
	assert_file_exist elsewhere/bin/python3.99t
	run stat -c %a docker/config.json
	assert_output 600
}

@test "GitLab: a wrong password fails the job" {
	gitlab_project
	ungil install 3.99.2 --no-bench
	login lab:secret
	ungil push "oci://$REGISTRY/group/project/python" 3.99.2 3.99.2t
	SECRET=wrong ROOT=elsewhere run gitlab .ungil:test/before_script
	assert_exit 4
	refute_output --partial wrong:
	assert_not_exist elsewhere/versions/3.99.2
}

# --- run: the role -------------------------------------------------------------------------------

# play NAME: VALUE...: the role on this machine; its recap is in the output
play() {
	command -v ansible-playbook >/dev/null || skip "no ansible"
	printf '%s\n' '- hosts: localhost' '  connection: local' '  gather_facts: false' '  roles:' '    - role: ungil' '      vars:' >play.yml
	printf '        %s\n' "ungil_root: $PWD/pythons" "$@" >>play.yml
	run env ANSIBLE_ROLES_PATH="$CI_FILES/ansible/roles" ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=false TMPDIR="$PWD" \
		ansible-playbook "${PLAY[@]}" -i localhost, play.yml
}

@test "Ansible: the role installs, and a second run changes nothing" {
	mini_upstream
	local vars=("ungil_program: $UNGIL" "ungil_specs: ['3.99.2']" "ungil_preset: quick")
	PLAY=(--check)
	play "${vars[@]}"
	assert_exit 0
	assert_not_exist pythons
	PLAY=()
	play "${vars[@]}"
	assert_exit 0
	assert_output --regexp 'localhost +: ok=5 +changed=1 '
	run pythons/bin/python3.99t -V
	assert_output --partial 3.99.2
	play "${vars[@]}"
	assert_exit 0
	assert_output --regexp 'localhost +: ok=5 +changed=0 '
}

@test "Ansible: from a bundle, without a build" {
	mini_upstream
	ungil install 3.99.2 --no-bench
	ungil pack 3.99.2t -o ft.tar.zst
	knob fail-configure
	local vars=("ungil_program: $UNGIL" "ungil_specs: ['$PWD/ft.tar.zst']" "ungil_preset: ''")
	play "${vars[@]}"
	assert_output --regexp 'localhost +: ok=5 +changed=1 '
	play "${vars[@]}"
	assert_output --regexp 'localhost +: ok=5 +changed=0 '
}

@test "Ansible: what a lock names; and a registry is asked before anything is built" {
	need_registry
	mini_upstream
	start_registry
	ungil install 3.99.1 --preset quick --no-bench
	ungil lock 3.99.1
	UNGIL_REGISTRY=oci://$REGISTRY/lab/python ungil install 3.99.2 --preset quick --no-bench --push
	knob fail-configure
	# the lock's bundles are in the cache
	play "ungil_program: $UNGIL" "ungil_lock: $PWD/ungil.lock"
	assert_output --regexp 'localhost +: .*changed=2 .*failed=0'
	assert_file_exist pythons/versions/3.99.1t/ungil.json
	play "ungil_program: $UNGIL" "ungil_lock: $PWD/ungil.lock"
	assert_output --regexp 'localhost +: .*changed=0 .*failed=0'
	play "ungil_program: $UNGIL" "ungil_specs: ['3.99.2']" "ungil_preset: quick" "ungil_registry: oci://$REGISTRY/lab/python"
	assert_output --regexp 'localhost +: .*changed=1 .*failed=0'
	assert_file_exist pythons/versions/3.99.2t/ungil.json
}

@test "Ansible: a host without ungil gets it from a tarball of its source" {
	mini_upstream
	mkdir -p ungil-1/share
	# what bootstrap.sh leaves behind where it cannot be root
	printf '#!/bin/sh\nmkdir -p ~/.local/bin && ln -s "%s" ~/.local/bin/absent && exec ~/.local/bin/absent "$@"\n' "$UNGIL" >ungil-1/share/bootstrap.sh
	tar -czf ungil.tar.gz ungil-1
	local vars=("ungil_program: absent" "ungil_specs: ['3.99.2']" "ungil_preset: quick" "ungil_source: $PWD/ungil.tar.gz")
	play "${vars[@]}"
	assert_exit 0
	assert_output --regexp 'localhost +: .* failed=0 '
	assert_file_exist pythons.src/share/bootstrap.sh
	play "${vars[@]}"
	assert_output --regexp 'localhost +: ok=5 +changed=0 '
}

@test "Ansible: neither ungil nor a source is an error that says so; so is a build that fails" {
	play "ungil_program: absent"
	assert_failure
	assert_output --partial "set ungil_source to a tarball"
	mini_upstream
	knob fail-compile
	play "ungil_program: $UNGIL" "ungil_specs: ['3.99.2']" "ungil_preset: quick"
	assert_failure
	assert_output --partial '"rc": 6'
}
