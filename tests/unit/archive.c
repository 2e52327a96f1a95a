/* Archives are unpacked as they are, and nothing in them gets out of the directory. */
#include "io/archive.h"

#include <errno.h>
#include <stdint.h>

#include "base/err.h"
#include "base/proc.h"
#include "generator.h"
#include "scratch.h"
#include "tap.h"

static const struct archive_limits limits = {.bytes = 1000000, .entries = 200};
static char *generator;

static int unpack_new(const char *file)
{
    fs_remove_tree("box");
    fs_mkdirs("box/dir", 0755);
    return archive_unpack(file, "box/dir", 1, &limits);
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static long mtime_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 ? (long)st.st_mtime : -1;
}

static void good(const char *file)
{
    printf("# %s\n", file);
    if (!is_int(unpack_new(file), 0, "a good archive is unpacked"))
        printf("# %s\n", err_message());
    autofree char *a = scratch_read("box/dir/a.txt");
    is_str(a, "hello", "content");
    is_int(mode_of("box/dir/a.txt"), 0644, "mode of a file");
    is_int(mode_of("box/dir/bin/run"), 0755, "mode of a program");
    is_int(mode_of("box/dir/empty"), 0755, "mode of a directory");
    is_int(mode_of("box/dir/deep/er"), 0755, "mode of a directory that is no entry");
    is_int(mtime_of("box/dir/a.txt"), 1000000000, "time of a file");
    is_int(mtime_of("box/dir/empty"), 1000000000, "time of a directory");
    is_int(mtime_of("box/dir/deep/up"), 1000000000, "time of a link");
    autofree char *through = scratch_read("box/dir/deep/up");
    is_str(through, "hello", "a link inside");
    autofree char *hard = scratch_read("box/dir/hard");
    is_str(hard, "hello", "a hard link inside");
    ok(fs_exists("box/dir/a name with spaces"), "spaces");
    ok(fs_exists("box/dir/n\xc3\xa4me-\xe2\x82\xac.txt"), "UTF-8 in the C locale");
    ok(fs_exists("box/dir/dotted"), "dots in a path");
    if (strstr(file, "latin1"))
        ok(fs_exists("box/dir/n\xe4me"), "a name that is not UTF-8");
}

static void bad(const char *file, const char *named)
{
    printf("# %s\n", file);
    is_int(unpack_new(file), E_INTEGRITY, "a bad archive is refused");
    if (!ok(strstr(err_message(), named), "and the message names the entry"))
        printf("# %s (not named: %s)\n", err_message(), named);
    autostrv inside = {0};
    fs_list("box", &inside);
    is_int((long long)inside.n, 1, "nothing was written outside");
}

/* Every prefix of an archive is an error, unless it is only the padding that lacks. */
static void truncated(const char *file, size_t step)
{
    autofree char *data = NULL;
    size_t size = 0;
    printf("# prefixes of %s\n", file);
    if (!is_int(fs_read(file, &data, &size), 0, "the archive can be read"))
        return;
    size_t accepted = 0, other = 0;
    for (size_t n = 1; n < size; n += step) {
        fs_write_atomic("cut", data, n, 0644);
        int rc = unpack_new("cut");
        accepted += rc == 0;
        other += rc != 0 && rc != E_INTEGRITY;
    }
    is_int((long long)accepted, 0, "no prefix is taken for the whole");
    is_int((long long)other, 0, "and each is E_INTEGRITY");
}

static void faults_of_the_machine(void)
{
    is_int(unpack_new("there-is-none.tar"), E_FAILED, "no such file");
    ok(strstr(err_message(), "there-is-none.tar"), "named");
    fs_remove_tree("box");
    is_int(archive_unpack("good.tar", "box/dir", 1, &limits), E_FAILED, "no such directory");
}

int main(void)
{
    char here[4096];
    const char *srcdir = getenv("srcdir");
    autofree char *relative = path_join(srcdir ? srcdir : ".", "tests/unit/archives.py");
    if (proc_init() < 0 || !getcwd(here, sizeof here))
        return 99;
    generator = path_join(here, relative);
    scratch_enter();
    umask(077);
    autostrv lines = {0};
    generate(generator, NULL, &lines);
    if (ok(lines.n > 30, "Python made the archives"))
        for (size_t i = 0; i < lines.n; i++) {
            char *tab = strchr(lines.v[i], '\t');
            *tab = '\0';
            if (str_starts(lines.v[i], "good"))
                good(lines.v[i]);
            else
                bad(lines.v[i], tab + 1);
        }
    truncated("good.tar.xz", 7);
    truncated("good.tar.gz", 13);
    bad("bad-cut.tar", "bad-cut.tar");
    faults_of_the_machine();
    free(generator);
    return tap_done();
}
