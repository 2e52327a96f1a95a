#include "core/image_rootfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/distro.h"
#include "core/text_json.h"
#include "io/digest.h"
#include "io/elf.h"

const char *const image_programs[] = {"/usr/bin/env", "/usr/bin/dirname", "/usr/bin/realpath",
                                      NULL};

static const char certificates[] = "/etc/ssl/certs/ca-certificates.crt";

struct rootfs {
    const char *dir;
    char *loader;         /* "/lib64/ld-linux-x86-64.so.2" */
    char *libraries;      /* where all of them go: the directory of the C library */
    struct strv wanted;   /* sonames */
    size_t located;       /* so many of them were looked for */
    struct strv from, to; /* what was copied: here, and there */
};

static void rootfs_free(struct rootfs *r)
{
    free(r->loader);
    free(r->libraries);
    strv_free(&r->wanted);
    strv_free(&r->from);
    strv_free(&r->to);
}

/* ---- Files ---- */

static char *inside(const struct rootfs *r, const char *path)
{
    return xasprintf("%s/%s", r->dir, path + (*path == '/'));
}

/* The same file without a symbolic link on the way to it (it may be one itself); owned. */
static char *settled(const char *path)
{
    autofree char *dir = path_dir(path), *real = realpath(dir, NULL);
    return real ? path_join(real, path_base(path)) : xstrdup(path);
}

static int copy_to(struct rootfs *r, const char *from, const char *path)
{
    autofree char *real = realpath(from, NULL), *to = inside(r, path), *dir = path_dir(to);
    if (!real)
        return fail_errno(E_FAILED, "cannot read %s", from);
    if (strv_has(&r->to, path))
        return 0;
    int rc = proc_check();
    if (rc == 0)
        rc = fs_mkdirs(dir, 0755);
    if (rc == 0)
        rc = fs_copy_file(real, to);
    strv_add(&r->from, real);
    strv_add(&r->to, path);
    return rc;
}

/* Where it is here; what is not here is left out. */
static int copy_same(struct rootfs *r, const char *path)
{
    autofree char *to = settled(path);
    return fs_exists(path) ? copy_to(r, path, to) : 0;
}

static int put_text(struct rootfs *r, const char *path, const char *text)
{
    autofree char *to = inside(r, path), *dir = path_dir(to);
    int rc = fs_mkdirs(dir, 0755);
    return rc == 0 ? fs_write_atomic(to, text, strlen(text), 0644) : rc;
}

/* ---- Libraries ---- */

static void want(struct rootfs *r, const char *soname)
{
    if (!strv_has(&r->wanted, soname) && (!r->loader || strcmp(soname, path_base(r->loader)) != 0))
        strv_add(&r->wanted, soname);
}

static int want_those_of(struct rootfs *r, const char *path)
{
    struct elf_runtime e;
    int rc = elf_runtime_read(path, &e);
    if (rc == E_NOTFOUND || rc == E_INTEGRITY) { /* static, or a script */
        err_clear();
        return 0;
    }
    if (rc < 0)
        return rc;
    if (e.interpreter && !r->loader)
        r->loader = xstrdup(e.interpreter);
    for (size_t i = 0; i < e.libraries.n; i++)
        want(r, e.libraries.v[i]);
    elf_runtime_free(&e);
    return 0;
}

/* A library for newer processors lies beside the one that runs on all. */
static char *for_all(const char *path)
{
    static const char part[] = "/glibc-hwcaps/";
    const char *at = strstr(path, part);
    if (at) {
        autofree char *plain = xasprintf("%.*s/%s", (int)(at - path), path, path_base(path));
        if (fs_exists(plain))
            return steal(&plain);
    }
    return xstrdup(path);
}

static int add_library(struct rootfs *r, const char *soname, const char *found)
{
    if (!*found) {
        warn("%s is not on this machine; modules that need it cannot be imported in the image",
             soname);
        return 0;
    }
    autofree char *path = for_all(found), *to = path_join(r->libraries, soname);
    int rc = copy_to(r, path, to);
    return rc == 0 ? want_those_of(r, path) : rc;
}

/* The C library before 2.34 reads names of hosts and users with libraries that nothing names. */
static int add_name_services(struct rootfs *r, const char *libc)
{
    struct elf_runtime e;
    int rc = elf_runtime_read(libc, &e);
    if (rc < 0)
        return rc;
    if (!strv_has(&e.provides, "GLIBC_2.34")) {
        want(r, "libnss_files.so.2");
        want(r, "libnss_dns.so.2");
    }
    elf_runtime_free(&e);
    want(r, "libgcc_s.so.1"); /* for pthread_cancel, loaded when it is called */
    return 0;
}

/* The directory of the C library: the dynamic loader looks there without being told. */
static int find_directory(struct rootfs *r, const struct strv *sonames, const struct strv *paths)
{
    const char *libc = r->loader ? r->loader : "/lib/libc.so";
    for (size_t i = 0; i < sonames->n; i++)
        if (str_starts(sonames->v[i], "libc.so.") && *paths->v[i])
            libc = paths->v[i];
    autofree char *plain = for_all(libc), *path = settled(plain);
    r->libraries = path_dir(path);
    return str_starts(path_base(plain), "libc.so.") ? add_name_services(r, plain) : 0;
}

static int add_libraries(struct rootfs *r)
{
    int rc = 0;
    while (rc == 0 && r->located < r->wanted.n) {
        autostrv sonames = {0}, paths = {0};
        for (size_t i = r->located; i < r->wanted.n; i++)
            strv_add(&sonames, r->wanted.v[i]);
        r->located = r->wanted.n;
        rc = dl_locate(&sonames, &paths);
        if (rc == 0 && !r->libraries)
            rc = find_directory(r, &sonames, &paths);
        for (size_t i = 0; rc == 0 && i < sonames.n; i++)
            rc = add_library(r, sonames.v[i], paths.v[i]);
    }
    return rc;
}

/* ---- Programs ---- */

/* With the interpreter of a script: some systems have one program, and a script for each name. */
static int add_program(struct rootfs *r, const char *path)
{
    char head[256] = "";
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s, which scripts of the interpreters need", path);
    ssize_t n = fs_read_fd(fd, head, sizeof head - 1);
    int rc = copy_same(r, path);
    if (rc == 0 && n > 2 && memcmp(head, "#!", 2) == 0) {
        char *program = head + 2 + strspn(head + 2, " ");
        program[strcspn(program, " \n")] = '\0';
        rc = copy_same(r, program);
        return rc == 0 ? want_those_of(r, program) : rc;
    }
    return rc == 0 ? want_those_of(r, path) : rc;
}

static int add_programs(struct rootfs *r)
{
    int rc = add_program(r, IMAGE_SHELL);
    for (size_t i = 0; rc == 0 && image_programs[i]; i++)
        rc = add_program(r, image_programs[i]);
    return rc;
}

/* ---- Data ---- */

static int add_terminals(struct rootfs *r)
{
    static const char *const dirs[] = {"/etc/terminfo", "/lib/terminfo", "/usr/lib/terminfo",
                                       "/usr/share/terminfo"};
    static const char *const names[] = {"dumb",          "linux", "screen", "screen-256color",
                                        "tmux-256color", "vt100", "xterm",  "xterm-256color"};
    int rc = 0;
    for (size_t i = 0; i < lengthof(names); i++)
        for (size_t d = 0; rc == 0 && d < lengthof(dirs); d++) {
            autofree char *path = xasprintf("%s/%c/%s", dirs[d], *names[i], names[i]);
            if (!fs_exists(path))
                continue;
            rc = copy_same(r, path);
            break;
        }
    return rc;
}

/* Where OpenSSL looks, whoever compiled it: it says so in itself, OPENSSLDIR: "/usr/lib/ssl". */
static int link_certificates(struct rootfs *r)
{
    static const char key[] = "OPENSSLDIR: \"";
    for (size_t i = 0; i < r->to.n; i++) {
        char text[256] = "";
        off_t at = 0;
        if (!str_starts(path_base(r->to.v[i]), "libcrypto.so.") ||
            fs_find(r->from.v[i], key, sizeof key - 1, &at) != 1)
            continue;
        autofd fd = open(r->from.v[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || pread(fd, text, sizeof text - 1, at + (off_t)sizeof key - 1) < 0)
            return fail_errno(E_FAILED, "cannot read %s", r->from.v[i]);
        text[strcspn(text, "\"")] = '\0';
        autofree char *dir = inside(r, text), *path = path_join(dir, "cert.pem");
        int rc = *text == '/' ? fs_mkdirs(dir, 0755) : 0;
        return rc < 0 || *text != '/' ? rc : fs_symlink_replace(certificates, path);
    }
    return 0;
}

static int add_certificates(struct rootfs *r)
{
    static const char *const places[] = {certificates, "/etc/pki/tls/certs/ca-bundle.crt",
                                         "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < lengthof(places); i++) {
        if (!fs_exists(places[i]))
            continue;
        int rc = copy_to(r, places[i], certificates);
        return rc == 0 ? link_certificates(r) : rc;
    }
    warn("this machine has no file of certificates; in the image, none is trusted");
    return 0;
}

static int add_locale_file(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)relative;
    return S_ISREG(st->st_mode) ? copy_same(arg, path) : 0;
}

static int add_locale(struct rootfs *r)
{
    static const char *const places[] = {"/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8"};
    for (size_t i = 0; i < lengthof(places); i++)
        if (fs_is_dir(places[i]))
            return fs_walk(places[i], add_locale_file, r);
    return 0;
}

static int add_texts(struct rootfs *r)
{
    int rc = put_text(r, "etc/passwd",
                      "root:x:0:0:root:/root:/bin/sh\n"
                      "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
    if (rc == 0)
        rc = put_text(r, "etc/group", "root:x:0:\nnogroup:x:65534:\n");
    if (rc == 0)
        rc = put_text(r, "etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
    if (rc == 0)
        rc = put_text(r, "etc/nsswitch.conf",
                      "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n");
    return rc == 0 && fs_exists("/etc/os-release")
               ? copy_to(r, "/etc/os-release", "/etc/os-release")
               : rc;
}

/* Directories that programs expect, and the links of a system whose /usr is merged. */
static int add_directories(struct rootfs *r)
{
    static const char *const empty[] = {"dev", "home", "proc", "root",
                                        "run", "sys",  "tmp",  "var/tmp"};
    static const char *const merged[] = {"bin", "lib", "lib32", "lib64", "libx32", "sbin"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lengthof(empty); i++) {
        autofree char *path = inside(r, empty[i]);
        rc = fs_mkdirs(path, 0755);
    }
    for (size_t i = 0; rc == 0 && i < lengthof(merged); i++) {
        autofree char *here = xasprintf("/%s", merged[i]), *there = inside(r, merged[i]);
        autofree char *target = NULL, *leads = NULL;
        struct stat st;
        if (lstat(here, &st) < 0 || !S_ISLNK(st.st_mode))
            continue;
        rc = fs_read_link(here, &target);
        leads = rc == 0 ? inside(r, target) : NULL;
        if (rc == 0 && fs_is_dir(leads) && symlink(target, there) < 0)
            rc = fail_errno(E_FAILED, "cannot make the link %s", there);
    }
    return rc;
}

/* ---- What went in ---- */

static int list_files(struct rootfs *r, json_t **files)
{
    autostrv packages = {0}, lines = {0};
    char hex[SHA256_HEX];
    int rc = distro_owners(&r->from, &packages);
    for (size_t i = 0; rc == 0 && i < r->to.n; i++) {
        autofree char *path = inside(r, r->to.v[i]);
        rc = digest_file(path, hex);
        if (rc == 0)
            strv_addf(&lines, "%s\t%s\t%s", r->to.v[i], hex, packages.v[i]);
    }
    if (rc < 0)
        return rc;
    strv_sort(&lines);
    autofree char *text = strv_join(&lines, "\n"), *whole = xasprintf("%s\n", text);
    *files = json_array();
    for (size_t i = 0; i < lines.n; i++) {
        char *digest = strchr(lines.v[i], '\t') + 1, *package = strchr(digest, '\t') + 1;
        digest[-1] = package[-1] = '\0';
        json_array_append_new(*files,
                              json_pack("{s:o, s:s, s:o}", "path", text_json(lines.v[i]), "sha256",
                                        digest, "package", text_json(*package ? package : NULL)));
    }
    return put_text(r, "usr/share/ungil/rootfs.list", whole);
}

static void want_runtime(struct rootfs *r, json_t *runtime)
{
    json_t *library;
    size_t i;
    const char *loader = json_text(runtime, "loader");
    if (!r->loader && *loader)
        r->loader = xstrdup(loader);
    json_array_foreach(json_object_get(runtime, "libraries"), i, library)
        want(r, json_text(library, "soname"));
}

int image_rootfs(json_t *const *runtimes, size_t n, const char *dir, json_t **files)
{
    struct rootfs r = {.dir = dir};
    *files = NULL;
    for (size_t i = 0; i < n; i++)
        want_runtime(&r, runtimes[i]);
    int rc = add_programs(&r);
    if (rc == 0 && r.loader)
        rc = copy_same(&r, r.loader);
    if (rc == 0)
        rc = add_libraries(&r);
    if (rc == 0)
        rc = add_terminals(&r);
    if (rc == 0)
        rc = add_certificates(&r);
    if (rc == 0)
        rc = add_locale(&r);
    if (rc == 0)
        rc = add_texts(&r);
    if (rc == 0)
        rc = add_directories(&r);
    if (rc == 0)
        rc = list_files(&r, files);
    rootfs_free(&r);
    return rc;
}
