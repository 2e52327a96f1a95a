/* Paths are what they say, trees are copied and removed whole, and nothing gets out of fs_beneath.
 */
#include "base/fs.h"

#include <errno.h>

#include "base/err.h"
#include "scratch.h"
#include "tap.h"

static void is_path(char *got, const char *expected, const char *what)
{
    is_str(got, expected, what);
    free(got);
}

static void paths(void)
{
    is_path(path_join("a", "b"), "a/b", "joined");
    is_path(path_join("a/", "b"), "a/b", "joined, with a slash");
    is_path(path_join("a", "/b"), "/b", "an absolute name stays");
    is_path(path_join("", "b"), "b", "below nothing");
    is_path(path_absolute("/a//b/./../c/"), "/a/c", "made plain");
    is_path(path_absolute("/../.."), "/", "nothing above the root");
    is_path(path_dir("a"), ".", "the directory of a name");
    is_path(path_dir("/a"), "/", "of something in the root");
    is_path(path_dir("/a/b"), "/a", "of a path");
    is_str(path_base("/a/b"), "b", "the last component");
}

static void files(void)
{
    char *text = NULL;
    size_t size;
    is_int(fs_read_text("none", &text), E_NOTFOUND, "no file: expected, silent");
    is_str(err_message(), "", "silent indeed");
    is_int(fs_write_atomic("f", "a\0b", 3, 0640), 0, "written");
    is_int(fs_read(("f"), &text, &size), 0, "read");
    is_int((long long)size, 3, "with its NUL");
    free(text);
    struct stat st;
    ok(lstat("f", &st) == 0 && (st.st_mode & 0777) == 0640, "its mode is exact under any umask");
    is_int(fs_write_atomic("none/f", "", 0, 0644), E_FAILED, "no directory to write to");
    autostrv names = {0};
    is_int(fs_list(".", &names), 0, "listed");
    is_int((long long)names.n, 1, "and no temporary file is left");
    is_int(fs_list("none", &names), 0, "a directory that is not there has no names");
    is_int(fs_mkdirs("x/y/z/", 0755), 0, "mkdir -p");
    is_int(fs_mkdirs("x/y", 0755), 0, "what is there is fine");
    is_int(fs_mkdirs("f/y", 0755), E_FAILED, "a file in the way is not");
    is_int(fs_symlink_replace("one", "l"), 0, "a link");
    is_int(fs_symlink_replace("two", "l"), 0, "replaced");
    is_int(fs_read_link("l", &text), 0, "read");
    is_str(text, "two", "its target");
    free(text);
    is_int(fs_rename_noreplace("f", "l"), E_EXISTS, "nothing is overwritten by accident");
    is_int(fs_rename_noreplace("f", "g"), 0, "a free name");
    is_int(fs_rename_exchange("g", "l"), 0, "exchanged");
    ok(lstat("g", &st) == 0 && S_ISLNK(st.st_mode), "the link has the file's name");
    ok(!fs_exists("g") && fs_exists("l"), "a dangling link does not exist, a file does");
    is_int(fs_sync_dir("."), 0, "a directory flushed");
    is_int(fs_sync_filesystem("."), 0, "a file system flushed");
    autofree char *sh = fs_find_program("sh");
    ok(sh && sh[0] == '/', "a program in PATH");
    ok(!fs_find_program("no-such-program-at-all"), "and one that is not");
}

static int count(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)path;
    (void)st;
    if (strcmp(relative, "sub/stop") == 0)
        return 42;
    ++*(int *)arg;
    return 0;
}

static void trees(void)
{
    scratch_file("t/sub/deep/file", "text", 0604);
    scratch_file("t/prog", "#!", 0755);
    ok(symlink("../prog", "t/sub/link") == 0, "a link");
    ok(mkdir("t/closed", 0500) == 0, "a directory");
    int n = 0;
    is_int(fs_walk("t", count, &n), 0, "walked");
    is_int(n, 6, "6 things");
    scratch_file("t/sub/stop", "", 0644);
    is_int(fs_walk("t", count, &n), 42, "a visit can stop the walk");
    struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000, .tv_nsec = 5000}};
    struct stat st;
    utimensat(AT_FDCWD, "t/sub/deep/file", old, 0);
    is_int(fs_copy_file("t/sub/deep/file", "t/prog"), 0, "a file copied over another");
    ok(lstat("t/prog", &st) == 0 && (st.st_mode & 07777) == 0604 && st.st_mtim.tv_nsec == 5000,
       "with its mode and time");
    autofree char *text = scratch_read("t/prog");
    is_str(text, "text", "and its content");
    unsigned long long once, twice;
    is_int(fs_usage("t", &once), 0, "its size on disk");
    ok(link("t/prog", "t/again") == 0 && fs_usage("t", &twice) == 0 && once > 0 && once == twice,
       "is not more when a file has two names");
    ok(fs_usage("none", &once) == 0 && once == 0, "and 0 for nothing");
    ok(symlink("t", "v") == 0 && fs_remove_tree("v") == 0 && fs_exists("t/prog"),
       "of a link only the link is removed");
    ok(mkfifo("t/fifo", 0600) == 0, "a fifo");
    chmod("t/sub", 0); /* also what cannot be entered is removed */
    is_int(fs_remove_tree("t"), 0, "removed");
    ok(!fs_exists("t"), "all of it");
    is_int(fs_remove_tree("t"), 0, "nothing there is as good");
}

static void links_inside(void)
{
    static const struct {
        const char *at, *target;
        int inside;
    } cases[] = {
        {"l", "a", 1},           {"l", "a/b", 1},      {"l", "./a", 1},
        {"l", "..", 0},          {"l", "../a", 0},     {"a/l", "..", 1},
        {"a/l", "../b", 1},      {"a/l", "../..", 0},  {"a/b/l", "../../c", 1},
        {"l", "/a", 0},          {"l", "", 0},         {"l", "a/..", 0},
        {"a/l", "b/../../c", 0}, {"a/l", "./../b", 1}, {"a/l", "..//b/./c", 1},
        {"l", ".", 1},           {"l", "...", 1},      {"l", "..a", 1},
    };
    for (size_t i = 0; i < lengthof(cases); i++)
        if (!ok(fs_link_stays_inside(cases[i].at, cases[i].target) == cases[i].inside,
                "a link inside or not"))
            printf("# %s -> %s\n", cases[i].at, cases[i].target);
}

static void beneath(void)
{
    struct fs_beneath *b;
    fs_mkdirs("box", 0755);
    is_int(fs_beneath_open("box", &b), 0, "opened");
    int fd = fs_beneath_create(b, "a/b/c", 0644);
    ok(fd >= 0 && close(fd) == 0 && fs_exists("box/a/b/c"), "a file with its parents");
    is_int(fs_beneath_create(b, "../out", 0644), E_INTEGRITY, "not through ..");
    is_int(fs_beneath_create(b, "a/../../out", 0644), E_INTEGRITY, "nor in the middle");
    is_int(fs_beneath_create(b, "/out", 0644), E_INTEGRITY, "nor by an absolute path");
    is_int(fs_beneath_mkdirs(b, "a/..", 0755), E_INTEGRITY, "no directory either");
    is_int(fs_beneath_create(b, "a", 0644), E_EXISTS, "a directory is not replaced");
    is_int(fs_beneath_symlink(b, "a", "s"), 0, "a link inside");
    is_int(fs_beneath_create(b, "s/x", 0644), E_INTEGRITY, "nothing is made through it");
    is_int(fs_beneath_mkdirs(b, "s/x", 0755), E_INTEGRITY, "no directory either");
    ok(symlink(scratch_dir, "box/evil") == 0, "a link out that somebody else made");
    is_int(fs_beneath_create(b, "evil/x", 0644), E_INTEGRITY, "is not followed");
    fd = fs_beneath_create(b, "evil", 0644);
    struct stat st;
    ok(fd >= 0 && close(fd) == 0 && lstat("box/evil", &st) == 0 && S_ISREG(st.st_mode),
       "but replaced");
    is_int(fs_beneath_link(b, "a/b/c", "h"), 0, "a hard link");
    is_int(fs_beneath_link(b, "a/b/c", "h"), 0, "twice is once");
    ok(lstat("box/h", &st) == 0 && st.st_nlink == 2, "two names");
    is_int(fs_beneath_link(b, "s", "h2"), E_NOTFOUND, "none to a symlink");
    is_int(fs_beneath_link(b, "../t/prog", "h2"), E_INTEGRITY, "none to outside");
    fs_beneath_free(b);
    fs_beneath_free(NULL);
    is_int(fs_beneath_open("none", &b), E_FAILED, "no directory");
    autostrv outside = {0};
    fs_list(".", &outside);
    ok(!strv_has(&outside, "out"), "nothing got out");
}

/* A needle that lies over the end of a piece, at the very end, twice, or not there. */
static void finding(void)
{
    enum { SIZE = 3 * (256 << 10) };
    autofree char *text = xmalloc(SIZE + 1);
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    const size_t edge = (256 << 10) - 3;
    memcpy(text + edge, "needle", 6);
    memcpy(text + SIZE - 6, "needle", 6);
    scratch_file("large", text, 0644);
    off_t at = 0;
    is_int(fs_find("large", "needle", 6, &at), 1, "found");
    is_int((int)at, (int)edge, "over the end of a piece");
    at++;
    is_int(fs_find("large", "needle", 6, &at), 1, "found again, behind the first");
    is_int((int)at, SIZE - 6, "at the very end");
    at++;
    is_int(fs_find("large", "needle", 6, &at), 0, "no third one");
    at = 0;
    is_int(fs_find("large", "pin", 3, &at), 0, "not there");
    is_int(fs_find("large", "", 1, &at), 0, "no zero byte in a text");
    ok(fs_find("none", "x", 1, &at) < 0, "no file: an error");
    err_clear();
}

int main(void)
{
    scratch_enter();
    umask(027);
    err_clear();
    paths();
    files();
    trees();
    links_inside();
    beneath();
    finding();
    return tap_done();
}
