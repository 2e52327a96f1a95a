#include "io/git.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "io/git_tree.h"
#include "io/git_url.h"

#define LIBGIT2_AT_LEAST(major, minor)                                                             \
    (LIBGIT2_VER_MAJOR > (major) || (LIBGIT2_VER_MAJOR == (major) && LIBGIT2_VER_MINOR >= (minor)))

#define GIT_FUNCTIONS(X)                                                                           \
    X(commit_id)                                                                                   \
    X(commit_time)                                                                                 \
    X(commit_tree_id)                                                                              \
    X(credential_ssh_key_from_agent)                                                               \
    X(credential_ssh_key_new)                                                                      \
    X(credential_userpass_plaintext_new)                                                           \
    X(error_last)                                                                                  \
    X(fetch_options_init)                                                                          \
    X(libgit2_init)                                                                                \
    X(libgit2_opts)                                                                                \
    X(object_free)                                                                                 \
    X(object_lookup)                                                                               \
    X(object_peel)                                                                                 \
    X(oid_tostr)                                                                                   \
    X(reference_create)                                                                            \
    X(reference_free)                                                                              \
    X(reference_name_to_id)                                                                        \
    X(remote_connect_ext)                                                                          \
    X(remote_connect_options_init)                                                                 \
    X(remote_create_anonymous)                                                                     \
    X(remote_fetch)                                                                                \
    X(remote_free)                                                                                 \
    X(remote_init_callbacks)                                                                       \
    X(remote_ls)                                                                                   \
    X(repository_free)                                                                             \
    X(repository_init)                                                                             \
    X(repository_open)                                                                             \
    X(repository_open_bare)                                                                        \
    X(tree_lookup)
DL_API(git, git_, GIT_FUNCTIONS)

/* One job: a request, what it opened, what it found. */
struct job {
    const struct git_request *req;
    struct git_result *result;
    git_repository *repo;
    git_remote *remote;
    const char *ref;   /* "refs/tags/v3.14.7" */
    unsigned attempts; /* credentials offered on this connection */
    char *shown;       /* the URL for messages: without a password; owned */
    char *local;       /* path of a local repository, NULL: the store is used; owned */
};

static int load(void)
{
    static bool ready;
    int rc = DL_LOAD(git, LIBGIT2_SONAME);
    if (rc < 0 || ready)
        return rc < 0 ? E_UNREACHABLE : 0; /* the message stands; another provider may do */
    if (git.libgit2_init() < 0)
        return fail(E_UNREACHABLE, "libgit2 cannot start");
    /* Peak memory: a pack is mapped in windows; the defaults (1 GiB windows, 8 GiB in all) end with
     * the whole pack resident. */
    git.libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)(1 << 20));
    git.libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)(8 << 20));
    git.libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, (size_t)64);
    git.libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)(4 << 20));
    /* Only objects are read, no hook or filter ever runs, and the pin decides what is accepted:
     * another user's repository is as good as one's own. */
    git.libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
    if ((file && *file) || (dir && *dir))
        git.libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, file && *file ? file : NULL,
                         dir && *dir ? dir : NULL);
#if LIBGIT2_AT_LEAST(1, 7)
    git.libgit2_opts(GIT_OPT_SET_SERVER_CONNECT_TIMEOUT, 20000);
    git.libgit2_opts(GIT_OPT_SET_SERVER_TIMEOUT, 60000);
#endif
    ready = true;
    return 0;
}

bool repo_can_shallow(void)
{
    return LIBGIT2_AT_LEAST(1, 7);
}

static int git_fail(enum err code, const char *what, const char *subject)
{
    return git_tree_fail(code, git.error_last(), what, subject);
}

/* ---- callbacks ---- */

static int on_transfer(const git_indexer_progress *p, void *arg)
{
    struct job *j = arg;
    if (proc_interrupted())
        return -1;
    if (j->req->progress.update)
        j->req->progress.update(j->req->progress.arg, GIT_PHASE_FETCH, p->received_objects,
                                p->total_objects, p->received_bytes);
    return 0;
}

static int on_sideband(const char *text, int len, void *arg)
{
    (void)text, (void)len, (void)arg;
    return proc_interrupted() ? -1 : 0;
}

static int ssh_key(git_credential **out, const char *user, unsigned attempt)
{
    static const char *const names[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
    const char *home = getenv("HOME");
    unsigned seen = 0;
    for (size_t i = 0; home && i < lengthof(names); i++) {
        autofree char *key = xasprintf("%s/.ssh/%s", home, names[i]);
        autofree char *pub = xasprintf("%s.pub", key);
        if (fs_exists(key) && ++seen == attempt)
            return git.credential_ssh_key_new(out, user, fs_exists(pub) ? pub : NULL, key, NULL);
    }
    return GIT_EAUTH;
}

/* Each kind of credentials is offered once: a server that refuses would ask for ever. */
static int on_credentials(git_credential **out, const char *url, const char *user, unsigned allowed,
                          void *arg)
{
    struct job *j = arg;
    unsigned attempt = j->attempts++;
    if (proc_interrupted())
        return -1;
    if (allowed & GIT_CREDENTIAL_SSH_KEY) {
        const char *name = user && *user ? user : "git";
        if (attempt == 0 && getenv("SSH_AUTH_SOCK"))
            return git.credential_ssh_key_from_agent(out, name);
        return ssh_key(out, name, attempt + !getenv("SSH_AUTH_SOCK"));
    }
    if (allowed & GIT_CREDENTIAL_USERPASS_PLAINTEXT && j->req->token && attempt == 0 &&
        str_starts(url, "https://"))
        return git.credential_userpass_plaintext_new(out, user && *user ? user : "x-access-token",
                                                     j->req->token);
    return GIT_EAUTH;
}

static git_remote_callbacks callbacks(struct job *j)
{
    git_remote_callbacks cb;
    git.remote_init_callbacks(&cb, GIT_REMOTE_CALLBACKS_VERSION);
    cb.transfer_progress = on_transfer;
    cb.sideband_progress = on_sideband;
    cb.credentials = on_credentials;
    cb.payload = j;
    return cb;
}

/* ---- the pin ---- */

static int moved(const struct job *j, const char *what, const char *got, const char *pin)
{
    int rc = fail(E_INTEGRITY, "%s: the %s of tag %s is %s, the recipe pins %s", j->shown, what,
                  j->req->tag, got, pin);
    return err_hint(rc, "the tag was moved or the mirror is not what it says: nothing was kept");
}

/* Peels the reference and fills the result; compares it with the pin. */
static int check_pin(struct job *j, git_oid *tree)
{
    git_oid id;
    git_object *tag = NULL, *object = NULL;
    if (git.reference_name_to_id(&id, j->repo, j->ref) < 0)
        return fail(E_NOTFOUND, "%s has no tag %s",
                    j->req->offline && !j->local ? "the cache" : j->shown, j->req->tag);
    int rc = git.object_lookup(&tag, j->repo, &id, GIT_OBJECT_ANY);
    if (rc == 0)
        rc = git.object_peel(&object, tag, GIT_OBJECT_COMMIT);
    git.object_free(tag);
    if (rc < 0)
        return git_fail(E_NOTFOUND, "cannot read the tag", j->req->tag);
    git_commit *commit = (git_commit *)object;
    *tree = *git.commit_tree_id(commit);
    git.oid_tostr(j->result->commit, sizeof j->result->commit, git.commit_id(commit));
    git.oid_tostr(j->result->tree, sizeof j->result->tree, tree);
    time_t when = (time_t)git.commit_time(commit);
    struct tm tm;
    strftime(j->result->date, sizeof j->result->date, "%Y-%m-%d", gmtime_r(&when, &tm));
    git.object_free(object);
    if (j->req->commit && strcmp(j->req->commit, j->result->commit) != 0)
        return moved(j, "commit", j->result->commit, j->req->commit);
    if (j->req->tree && strcmp(j->req->tree, j->result->tree) != 0)
        return moved(j, "tree", j->result->tree, j->req->tree);
    return 0;
}

/* ---- the network ---- */

/* The server's list of references says before any download whether the tag is there and peels to
 * the pinned commit. */
static int check_advertised(struct job *j)
{
    const git_remote_head **heads = NULL;
    size_t n = 0;
    if (git.remote_ls(&heads, &n, j->remote) < 0)
        return git_fail(E_UNREACHABLE, "cannot list the tags of", j->shown);
    autofree char *peeled_name = xasprintf("%s^{}", j->ref);
    const git_oid *direct = NULL, *peeled = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(heads[i]->name, j->ref) == 0)
            direct = &heads[i]->oid;
        else if (strcmp(heads[i]->name, peeled_name) == 0)
            peeled = &heads[i]->oid;
    }
    if (!direct)
        return fail(E_NOTFOUND, "%s has no tag %s", j->shown, j->req->tag);
    char got[41];
    git.oid_tostr(got, sizeof got, peeled ? peeled : direct);
    if (j->req->commit && strcmp(got, j->req->commit) != 0)
        return moved(j, "commit", got, j->req->commit);
    return 0;
}

static int connect_failure(struct job *j, int code)
{
    j->result->host_down = true;
    bool ssh = git_url_is_ssh(j->req->url);
    if (code == GIT_ECERTIFICATE && ssh) {
        int rc = git_fail(E_UNREACHABLE, "the host key is not known of", j->shown);
        return err_hint(rc, "connect once with ssh, which asks and adds it to ~/.ssh/known_hosts");
    }
    if (code == GIT_ECERTIFICATE) {
        int rc = git_fail(E_UNREACHABLE, "the TLS certificate is not trusted at", j->shown);
        return err_hint(rc, "SSL_CERT_FILE=FILE names the authority of a private mirror");
    }
    if (code == GIT_EAUTH) {
        int rc = git_fail(E_UNREACHABLE, "access denied by", j->shown);
        return err_hint(rc, "%s",
                        ssh ? "your agent and the default keys in ~/.ssh were offered"
                            : "UNGIL_GIT_TOKEN=TOKEN is sent to https:// repositories");
    }
    return git_fail(E_UNREACHABLE, "cannot reach", j->shown);
}

static int connect_remote(struct job *j)
{
    git_remote_connect_options o;
    git.remote_connect_options_init(&o, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
    o.callbacks = callbacks(j);
    o.proxy_opts.type = GIT_PROXY_AUTO;
    /* A token must not follow a redirect to another host. */
    o.follow_redirects = j->req->token ? GIT_REMOTE_REDIRECT_NONE : GIT_REMOTE_REDIRECT_INITIAL;
    j->attempts = 0;
    if (git.remote_create_anonymous(&j->remote, j->repo, j->req->url) < 0)
        return git_fail(E_UNREACHABLE, "cannot use the URL", j->shown);
    int code = git.remote_connect_ext(j->remote, GIT_DIRECTION_FETCH, &o);
    if (code < 0)
        return connect_failure(j, code);
    return check_advertised(j);
}

static int download(struct job *j, bool shallow)
{
    autofree char *refspec = xasprintf("+%s:%s", j->ref, j->ref);
    git_strarray refspecs = {&refspec, 1};
    git_fetch_options o;
    git.fetch_options_init(&o, GIT_FETCH_OPTIONS_VERSION);
    o.callbacks = callbacks(j);
    o.proxy_opts.type = GIT_PROXY_AUTO;
    o.follow_redirects = j->req->token ? GIT_REMOTE_REDIRECT_NONE : GIT_REMOTE_REDIRECT_INITIAL;
    o.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
    o.prune = GIT_FETCH_NO_PRUNE;
#if LIBGIT2_AT_LEAST(1, 7)
    if (shallow)
        o.depth = 1;
#endif
    j->result->shallow = shallow;
    if (!shallow)
        note("%s: libgit2 %s cannot fetch one commit this way; fetching the whole history",
             j->shown, LIBGIT2_VERSION);
    if (git.remote_fetch(j->remote, &refspecs, &o, NULL) < 0)
        return git_fail(E_UNREACHABLE, "the transfer broke off from", j->shown);
    return 0;
}

static void disconnect(struct job *j)
{
    git.remote_free(j->remote);
    j->remote = NULL;
}

static int fetch_once(struct job *j, bool shallow)
{
    int rc = connect_remote(j);
    if (rc == 0)
        rc = download(j, shallow);
    disconnect(j);
    return rc;
}

/* libgit2 1.8 does not understand the shallow answer of a server it holds one connection to
 * (git://, ssh://): then the whole history it is. */
static int fetch(struct job *j)
{
    bool over_http = str_starts(j->req->url, "http");
    int rc = fetch_once(j, repo_can_shallow());
    if (rc != E_UNREACHABLE || j->result->host_down || over_http || !repo_can_shallow())
        return rc;
    detail("%s", err_message());
    return fetch_once(j, false);
}

/* ---- the store ---- */

static int lock_store(const char *store)
{
    autofree char *path = xasprintf("%s/ungil.lock", store);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot write %s", path);
    autofree char *waiting = xasprintf("another ungil fetches into %s; waiting", store);
    int rc = lock_wait(fd, LOCK_EX, path, waiting, NULL);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

static int open_store(struct job *j)
{
    const char *store = j->req->store;
    int rc = fs_mkdirs(store, 0700); /* libgit2 makes what is in it for the umask's group, too */
    if (rc < 0)
        return rc;
    if (git.repository_open_bare(&j->repo, store) < 0 &&
        git.repository_init(&j->repo, store, 1) < 0)
        return git_fail(E_FAILED, "cannot make the git store", store);
    return 0;
}

/* Makes what was fetched into `from` part of the store: its packs, its boundary, the tag. */
static int adopt(struct job *j, const char *from, const git_oid *id)
{
    autofree char *packs = path_join(from, "objects/pack");
    autofree char *shallow = path_join(j->req->store, "shallow"), *known = NULL;
    static const char *const parts[] = {".pack", ".idx"}; /* a pack counts once it has its index */
    autostrv names = {0};
    int rc = fs_list(packs, &names);
    for (size_t part = 0; part < lengthof(parts); part++)
        for (size_t i = 0; rc == 0 && i < names.n; i++) {
            autofree char *old = path_join(packs, names.v[i]);
            autofree char *new = xasprintf("%s/objects/pack/%s", j->req->store, names.v[i]);
            if (str_ends(names.v[i], parts[part]) && rename(old, new) < 0)
                rc = fail_errno(E_FAILED, "cannot move %s into the git store", names.v[i]);
        }
    if (rc == 0 && j->result->shallow) {
        if (fs_read_text(shallow, &known) < 0)
            known = xstrdup("");
        autofree char *more = xasprintf("%s%s\n", known, j->result->commit);
        if (!strstr(known, j->result->commit))
            rc = fs_write_atomic(shallow, more, strlen(more), 0644);
    }
    git_reference *ref = NULL;
    if (rc == 0 && git.reference_create(&ref, j->repo, j->ref, id, 1, NULL) < 0)
        rc = git_fail(E_FAILED, "cannot note the tag in", j->req->store);
    git.reference_free(ref);
    return rc;
}

/* What killed fetches left; the lock says that no other one is under way. */
static int sweep(const char *store)
{
    autostrv names = {0};
    int rc = fs_list(store, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *path = path_join(store, names.v[i]);
        if (str_starts(names.v[i], "fetch."))
            rc = fs_remove_tree(path);
    }
    return rc;
}

/* Each fetch goes into a repository of its own: nothing is kept of one that fails, and libgit2 1.8
 * fails at the second shallow fetch into one repository, whose first boundary it has forgotten. */
static int fetch_apart(struct job *j, git_oid *tree)
{
    autofree char *apart = NULL;
    git_repository *store = steal(&j->repo);
    git_oid id;
    int rc = fs_mkdtemp(j->req->store, "fetch", &apart);
    if (rc == 0 && git.repository_init(&j->repo, apart, 1) < 0)
        rc = git_fail(E_FAILED, "cannot make a git repository in", j->req->store);
    if (rc == 0)
        rc = fetch(j);
    if (rc == 0)
        rc = check_pin(j, tree);
    if (rc == 0 && git.reference_name_to_id(&id, j->repo, j->ref) < 0)
        rc = git_fail(E_FAILED, "cannot read the tag", j->req->tag);
    if (j->repo)
        git.repository_free(j->repo);
    j->repo = store;
    if (rc == 0)
        rc = adopt(j, apart, &id);
    if (apart)
        fs_remove_tree(apart);
    return rc;
}

static int use_store(struct job *j, git_oid *tree)
{
    int rc = open_store(j);
    if (rc < 0)
        return rc;
    autofd lock = lock_store(j->req->store);
    if (lock < 0)
        return lock;
    rc = sweep(j->req->store);
    if (rc == 0 && (j->req->commit || j->req->offline)) {
        rc = check_pin(j, tree);
        if (rc == 0)
            return 0;
        if (j->req->offline)
            return rc == E_INTEGRITY ? rc : err_context(rc, "offline");
    }
    return fetch_apart(j, tree);
}

static int open_job(struct job *j, git_oid *tree)
{
    j->local = git_local_path(j->req->url);
    if (!j->local)
        return use_store(j, tree);
    if (git.repository_open(&j->repo, j->local) < 0) {
        j->result->host_down = true;
        return git_fail(E_UNREACHABLE, "cannot open the git repository", j->local);
    }
    return check_pin(j, tree);
}

int repo_checkout(const struct git_request *req, const char *dir, struct git_result *result)
{
    autofree char *ref = xasprintf("refs/tags/%s", req->tag);
    struct job j = {.req = req, .result = result, .ref = ref, .shown = str_public_url(req->url)};
    git_oid tree;
    *result = (struct git_result){.host_down = false};
    int rc = load();
    if (rc == 0)
        rc = open_job(&j, &tree);
    if (rc == 0)
        rc = git_tree_write(&j.repo, j.local, j.shown, &tree, &req->progress, dir);
    if (j.repo)
        git.repository_free(j.repo);
    free(j.local);
    free(j.shown);
#ifdef __GLIBC__
    malloc_trim(0); /* the build that follows has better use for it */
#endif
    return rc;
}
