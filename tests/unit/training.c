/* What a training run counted comes back whole or not at all, whatever happened to the store. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "core/training.h"
#include "io/digest.h"
#include "scratch.h"
#include "tap.h"

static const char text_a[] = "name=3.14.7t\nrelease=3.14.7\nvariant=ft\npreset=release\n"
                             "cc=gcc\nversion=gcc 12.2.0\nrelease=12\nOPT=-O3\n"
                             "pyconfig.h=0123456789abcdef0123456789abcdef0123456789abcdef\n";
static char *key_a;

/* ---- helpers ---- */

static char *entry_path(const char *key, const char *name)
{
    return xasprintf("cache/training/%s%s%s", key, *name ? "/" : "", name);
}

static void make_tree(const char *tree, const char *count)
{
    static const char *const names[] = {"Modules/_io/_iomodule.gcda", "Python/ceval.gcda",
                                        "Python/ceval.o", "code.profclangd", ".gcda"};
    fs_remove_tree(tree);
    for (size_t i = 0; i < lengthof(names); i++) {
        autofree char *path = path_join(tree, names[i]);
        autofree char *text = xasprintf("%s of %s\n", count, names[i]);
        scratch_file(path, text, 0644);
    }
}

static int save(const char *key_text, const char *count)
{
    struct training_facts facts = {.tests = (char *)"43 of 43", .missing = 4};
    make_tree("tree", count);
    return training_save("cache", key_text, "tree", &facts);
}

/* Into an empty tree. */
static int restore(const char *key_text, bool *found, struct training_facts *facts)
{
    fs_remove_tree("new");
    fs_mkdirs("new", 0755);
    return training_restore("cache", key_text, "new", found, facts);
}

static bool is_found(const char *key_text)
{
    struct training_facts facts = {0};
    bool found = false;
    int rc = restore(key_text, &found, &facts);
    training_facts_free(&facts);
    return rc == 0 && found;
}

static size_t entries_in(const char *dir)
{
    autostrv names = {0};
    fs_list(dir, &names);
    return names.n;
}

static bool file_is(const char *path, const char *expected)
{
    autofree char *text = scratch_read(path);
    return str_eq(text, expected);
}

/* stderr goes into a file until said() gives what is in it. */
static int kept_stderr;

static void listen(void)
{
    fflush(stderr);
    kept_stderr = dup(STDERR_FILENO);
    int fd = open("said", O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static char *said(void)
{
    fflush(stderr);
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    return scratch_read("said");
}

static void start(void)
{
    fs_remove_tree("cache");
    unsetenv("UNGIL_TRAINING_MAX");
}

/* ---- there and back ---- */

static void round_trip(void)
{
    struct training_facts facts = {0};
    bool found = true;
    start();
    is_int(restore(text_a, &found, &facts), 0, "no store is no error");
    ok(!found && !fs_exists("cache"), "nothing is found, and nothing made");
    is_int(save(text_a, "one"), 0, "kept");
    is_int(restore(text_a, &found, &facts), 0, "looked for");
    ok(found, "and found");
    ok(file_is("new/Python/ceval.gcda", "one of Python/ceval.gcda\n") &&
           file_is("new/Modules/_io/_iomodule.gcda", "one of Modules/_io/_iomodule.gcda\n") &&
           file_is("new/code.profclangd", "one of code.profclangd\n"),
       "what gcc and clang counted is there again");
    ok(!fs_exists("new/Python/ceval.o") && !fs_exists("new/.gcda"), "and nothing else");
    is_str(facts.origin, "trained here", "origin");
    is_str(facts.tests, "43 of 43", "tests");
    is_int(facts.missing, 4, "missing");
    is_int(facts.files, 3, "files");
    is_int((long long)facts.bytes, 82, "bytes");
    ok(facts.date && strlen(facts.date) == strlen("2026-08-05T12:00:00Z"), "date");
    training_facts_free(&facts);
    autofree char *key_file = entry_path(key_a, "key.txt"), *text = scratch_read(key_file);
    is_str(text, text_a, "the entry says what it depends on");
    is_int(save(text_a, "two"), 0, "kept again");
    ok(is_found(text_a) && file_is("new/code.profclangd", "two of code.profclangd\n"),
       "the newer one replaces the older one");
    is_int((long long)entries_in("cache/training"), 1, "nothing else is left in the store");
    is_int(training_forget("cache", text_a), 0, "forgotten");
    ok(!is_found(text_a) && entries_in("cache/training") == 0, "and not there any more");
    is_int(training_forget("cache", text_a), 0, "twice is no error");
}

static void nothing_to_keep(void)
{
    struct training_facts facts = {0};
    start();
    fs_remove_tree("tree");
    scratch_file("tree/a.o", "", 0644);
    is_int(training_save("cache", text_a, "tree", &facts), E_FAILED, "a tree that counted nothing");
    is_int((long long)entries_in("cache/training"), 0, "no half entry is left");
    make_tree("tree", "x");
    is_int(training_save("cache", "name=a\nOPT=\x1b[2J\n", "tree", &facts), E_FAILED,
           "a key that no terminal may show");
    err_clear();
}

/* ---- damage ---- */

enum { FLIP, SHORTEN, REMOVE, LINK, MODE, REPLACE };

static void hurt(int how, const char *path, const char *with)
{
    autofree char *text = scratch_read(path);
    if (how == FLIP && text) {
        text[3] ^= 1;
        scratch_file(path, text, 0644);
    } else if (how == SHORTEN && text) {
        text[strlen(text) / 2] = '\0';
        scratch_file(path, text, 0644);
    } else if (how == MODE) {
        ok(chmod(path, fs_is_dir(path) ? 0775 : 0664) == 0, "a group may write");
    } else if (how == REPLACE && text) {
        autostr out = {0};
        const char *from = "\"format\": 1", *at = strstr(text, from);
        str_addn(&out, text, (size_t)(at - text));
        str_addf(&out, "%s%s", with, at + strlen(from));
        scratch_file(path, out.s, 0644);
    } else {
        unlink(path);
        if (how == LINK)
            ok(symlink(with, path) == 0, "a link takes its place");
    }
}

static void damage(void)
{
    static const struct {
        const char *what;
        int how;
        const char *file, *with, *message;
    } cases[] = {
        {"a changed byte", FLIP, "data/Python/ceval.gcda", "", "SHA-256 differs"},
        {"half a file", SHORTEN, "data/Python/ceval.gcda", "", "has 12 bytes and not 25"},
        {"a missing file", REMOVE, "data/code.profclangd", "", "code.profclangd is not there"},
        {"a link", LINK, "data/code.profclangd", "/etc/passwd", "code.profclangd is not there"},
        {"another key", FLIP, "key.txt", "", "belongs to another key"},
        {"no key", REMOVE, "key.txt", "", "has no key.txt"},
        {"half a training.json", SHORTEN, "training.json", "", "no JSON object"},
        {"no training.json", REMOVE, "training.json", "", "has no training.json"},
        {"another format", REPLACE, "training.json", "\"format\": 2", "of another format"},
        {"a key twice", REPLACE, "training.json", "\"format\": 1, \"format\": 1", "no JSON object"},
        {"files elsewhere", REPLACE, "training.json",
         "\"format\": 1, \"files\": [{\"path\": \"../x.gcda\"}], \"f\": [{}], \"g\": {}, \"h\": [",
         "no JSON object"},
        {"others may write to the entry", MODE, "", "", "only its owner can write"},
        {"others may write training.json", MODE, "training.json", "", "only its owner can write"},
    };
    for (size_t i = 0; i < lengthof(cases); i++) {
        struct training_facts facts = {0};
        bool found = true;
        start();
        save(text_a, "one");
        autofree char *path = entry_path(key_a, cases[i].file);
        hurt(cases[i].how, path, cases[i].with);
        listen();
        int rc = restore(text_a, &found, &facts);
        autofree char *text = said();
        is_int(rc, 0, cases[i].what);
        ok(!found && entries_in("new") == 0, "is not used");
        ok(strstr(text, cases[i].message) && strstr(text, "it is removed"), cases[i].message);
        ok(entries_in("cache/training") == 0, "and not kept");
        training_facts_free(&facts);
    }
}

/* What a training.json names decides where files are written. */
static void paths(void)
{
    static const char *const bad[] = {"../x.gcda",      "/x.gcda",       "a//x.gcda",
                                      "a/../../x.gcda", "./x.gcda",      "x.o",
                                      "a/x.gcda/",      "\\u001bx.gcda", ""};
    for (size_t i = 0; i < lengthof(bad); i++) {
        start();
        save(text_a, "one");
        autofree char *path = entry_path(key_a, "training.json");
        autofree char *json =
            xasprintf("{\"format\": 1, \"files\": [{\"path\": \"%s\", \"size\": 1, \"sha256\": "
                      "\"%064d\"}]}",
                      bad[i], 0);
        scratch_file(path, json, 0644);
        listen();
        bool found = is_found(text_a);
        autofree char *text = said();
        ok(!found && strstr(text, "names a file that is no training data"), bad[i]);
    }
}

/* ---- the tree ---- */

static void links_in_the_tree(void)
{
    struct training_facts facts = {0};
    bool found = true;
    start();
    save(text_a, "one");
    fs_remove_tree("new");
    scratch_file("outside/ceval.gcda", "mine", 0644);
    fs_mkdirs("new", 0755);
    ok(symlink("../outside", "new/Python") == 0, "a directory of the tree leads elsewhere");
    int rc = training_restore("cache", text_a, "new", &found, &facts);
    is_int(rc, E_INTEGRITY, "it is not followed");
    ok(!found && file_is("outside/ceval.gcda", "mine"), "what is there stays");
    ok(!fs_exists("new/Modules/_io/_iomodule.gcda"), "what was restored before is taken back");
    unlink("new/Python");
    fs_mkdirs("new/Python", 0755);
    ok(symlink("../../outside/ceval.gcda", "new/Python/ceval.gcda") == 0, "a file does");
    rc = training_restore("cache", text_a, "new", &found, &facts);
    ok(rc == 0 && found && file_is("new/Python/ceval.gcda", "one of Python/ceval.gcda\n"),
       "it is replaced");
    ok(file_is("outside/ceval.gcda", "mine"), "not what it leads to");
    training_facts_free(&facts);
    start();
    make_tree("tree", "one");
    ok(symlink("../outside/ceval.gcda", "tree/other.gcda") == 0, "and one that was counted into");
    is_int(training_save("cache", text_a, "tree", &facts), 0, "the tree is kept");
    is_found(text_a);
    ok(fs_exists("new/Python/ceval.gcda") && !fs_exists("new/other.gcda"), "without the link");
    err_clear();
}

/* ---- another build's ---- */

static char *explained(const char *key_text)
{
    listen();
    bool found = is_found(key_text);
    char *text = said();
    ok(!found, "not found");
    return text;
}

static char *with(const char *line, const char *other)
{
    const char *at = strstr(text_a, line);
    return xasprintf("%.*s%s%s", (int)(at - text_a), text_a, other, at + strlen(line));
}

static void near_misses(void)
{
    start();
    save(text_a, "one");
    autofree char *compiler =
        with("version=gcc 12.2.0\nrelease=12", "version=gcc 13.1\nrelease=13");
    autofree char *far = xasprintf("%sextra=1\nmore=2\nEXTRA_CFLAGS=-g\nBASECFLAGS=\n", text_a);
    save(far, "two");
    autofree char *note_a = explained(compiler);
    autofree char *expected =
        xasprintf("3.14.7t: training anew: the nearest training data (%.12s) differs: compiler "
                  "version gcc 12.2.0 there, gcc 13.1 here; compiler release 12 there, 13 here",
                  key_a);
    ok(strstr(note_a, expected), expected);
    ok(strchr(note_a, '\n') == strrchr(note_a, '\n'), "in one line");
    autofree char *digest = with("pyconfig.h=0123", "pyconfig.h=4567");
    autofree char *note_b = explained(digest);
    ok(strstr(note_b, "differs: pyconfig.h differs\n"), "of a digest only the name is told");
    autofree char *many = with("cc=gcc\nversion=gcc 12.2.0\nrelease=12\nOPT=-O3",
                               "cc=cc\nversion=x\nrelease=1\nOPT=");
    autofree char *note_c = explained(many);
    ok(strstr(note_c, "CC gcc there, cc here; compiler version gcc 12.2.0 there, x here; compiler "
                      "release 12 there, 1 here; 1 more differ"),
       "not more than three");
    training_forget("cache", far);
    autofree char *note_d = explained(far);
    ok(strstr(note_d, "extra none there, 1 here; more none there, 2 here"), "what is new here");
    start();
    autofree char *old = xasprintf("%sdriver=/usr/bin/gcc-12 1000 sha256:%064d\nld=/usr/bin/ld 7 "
                                   "sha256:%064d\nLONG=%070d -O3 -g\n",
                                   text_a, 1, 1, 1);
    autofree char *new = xasprintf("%sdriver=/usr/bin/gcc-13 1001 sha256:%064d\nld=/usr/bin/ld 8 "
                                   "sha256:%064d\nLONG=%070d -O2 -g\n",
                                   text_a, 2, 2, 1);
    save(old, "one");
    autofree char *note_g = explained(new);
    ok(strstr(note_g, "differs: compiler program /usr/bin/gcc-12 there, /usr/bin/gcc-13 here; LONG "
                      "-O3 there, -O2 here; ld differs\n"),
       "of what is long the words that differ, unless they are sizes and digests");
    start();
    save(text_a, "one");
    autofree char *other = with("variant=ft", "variant=gil");
    autofree char *note_e = explained(other);
    is_str(note_e, "", "another variant's data is no near miss");
    autofree char *release = with("release=3.14.7", "release=3.14.6");
    autofree char *note_f = explained(release);
    is_str(note_f, "", "nor is another release's");
}

/* ---- the limit ---- */

static void make_text(char *out, size_t size, const char *name)
{
    snprintf(out, size, "name=%s\nrelease=1\nvariant=%s\n", name, name);
}

static void limit(void)
{
    static const struct {
        const char *value;
        int rc;
        unsigned long long bytes;
    } cases[] = {{"", 0, 1ull << 30},
                 {"0", 0, 0},
                 {"300", 0, 300},
                 {"2K", 0, 2048},
                 {"5M", 0, 5ull << 20},
                 {"3G", 0, 3ull << 30},
                 {"1.5G", E_USAGE, 0},
                 {"-1", E_USAGE, 0},
                 {"K", E_USAGE, 0},
                 {"1KB", E_USAGE, 0},
                 {"99999999999G", E_USAGE, 0},
                 {"99999999999999999999", E_USAGE, 0},
                 {"lots", E_USAGE, 0}};
    for (size_t i = 0; i < lengthof(cases); i++) {
        unsigned long long bytes = 0;
        setenv("UNGIL_TRAINING_MAX", cases[i].value, 1);
        int rc = training_limit(&bytes);
        ok(rc == cases[i].rc && (rc < 0 || bytes == cases[i].bytes), cases[i].value);
    }
    bool found = true;
    struct training_facts facts = {0};
    is_int(restore(text_a, &found, &facts), E_USAGE, "it is said before anything is trained");
    err_clear();
}

static void least_recently_used(void)
{
    char a[64], b[64], c[64];
    make_text(a, sizeof a, "a");
    make_text(b, sizeof b, "b");
    make_text(c, sizeof c, "c");
    start();
    setenv("UNGIL_TRAINING_MAX", "200", 1); /* each takes 82 */
    save(a, "one");
    save(b, "one");
    ok(is_found(a) && is_found(b) && is_found(a), "two of them fit");
    is_int(save(c, "one"), 0, "a third is kept");
    ok(is_found(a) && is_found(c), "beside the one used last");
    ok(!is_found(b), "and the other goes");
    setenv("UNGIL_TRAINING_MAX", "80", 1);
    is_int(save(b, "one"), E_FAILED, "what alone is too large is not kept");
    ok(strstr(err_message(), "it takes 82 B, and the store may have 80 B"), err_message());
    err_clear();
    ok(is_found(a) && is_found(c) && entries_in("cache/training") == 2, "for it nothing goes");
    setenv("UNGIL_TRAINING_MAX", "0", 1);
    ok(save(b, "one") == 0 && !is_found(b), "0 keeps nothing, and that is no error");
    start();
}

/* ---- several at once ---- */

static bool is_whole(void)
{
    autofree char *a = scratch_read("new/Python/ceval.gcda");
    autofree char *b = scratch_read("new/code.profclangd");
    autofree char *c = scratch_read("new/Modules/_io/_iomodule.gcda");
    return a && b && c && strncmp(a, b, 2) == 0 && strncmp(b, c, 2) == 0;
}

/* Each saves under the same key what only it counted, and finds one's, whole. */
static int rival(int number)
{
    autofree char *dir = xasprintf("rival%d", number);
    fs_mkdirs(dir, 0755);
    if (chdir(dir) < 0 || symlink("../cache", "cache") < 0)
        return 2;
    char count[3] = {(char)('0' + number), '-', '\0'};
    for (int i = 0; i < 12; i++) {
        if (save(text_a, count) < 0)
            return 3;
        if (!is_found(text_a) || !is_whole())
            return 4;
        if (i % 4 == number % 4 && training_forget("cache", "name=none\n") < 0)
            return 5;
    }
    return 0;
}

static void rivals(void)
{
    enum { RIVALS = 4 };
    pid_t pids[RIVALS];
    start();
    fs_mkdirs("cache", 0755);
    fflush(stdout);
    for (int i = 0; i < RIVALS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(rival(i));
    }
    for (int i = 0; i < RIVALS; i++) {
        int status = -1;
        waitpid(pids[i], &status, 0);
        ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "one of four at once is content");
    }
    is_int((long long)entries_in("cache/training"), 1, "one entry is left and nothing else");
}

/* One that is killed at any time leaves an old entry or a new one, and room for the next. */
static void killed(void)
{
    start();
    save(text_a, "old");
    fflush(stdout);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (;;)
                save(text_a, "new");
        }
        struct timespec delay = {.tv_nsec = 1000000L + 700000L * i};
        nanosleep(&delay, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        if (!is_found(text_a) || !is_whole())
            break;
    }
    ok(is_found(text_a) && is_whole(), "after twenty kills the entry is whole");
    is_int((long long)entries_in("cache/training"), 1, "what they left is swept");
}

static void held(void)
{
    unsigned long long bytes;
    bool is_held = false;
    start();
    save(text_a, "one");
    int fd = open("cache/training", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    flock(fd, LOCK_SH);
    is_int(training_clean("cache", false, &is_held, &bytes), 0, "cleaned while another reads");
    ok(is_held && entries_in("cache/training") == 1, "it is kept");
    close(fd);
    ok(is_found(text_a), "and there afterwards");
    is_int(training_clean("cache", true, &is_held, &bytes), 0, "a dry run");
    ok(!is_held && bytes > 0 && fs_exists("cache/training"), "deletes nothing");
    is_int(training_clean("cache", false, &is_held, &bytes), 0, "when nobody does");
    ok(!is_held && !fs_exists("cache/training"), "it goes");
}

int main(void)
{
    scratch_enter();
    log_init(LOG_NORMAL);
    umask(022);
    key_a = training_key(text_a);
    char hex[SHA256_HEX];
    digest_text(text_a, hex);
    is_str(key_a, hex, "the key is the digest of what the data depends on");
    round_trip();
    nothing_to_keep();
    damage();
    paths();
    links_in_the_tree();
    near_misses();
    limit();
    least_recently_used();
    rivals();
    killed();
    held();
    free(key_a);
    return tap_done();
}
