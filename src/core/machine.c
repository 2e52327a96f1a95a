#include "core/machine.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/runtime.h"
#include "core/text_json.h"
#include "core/toolchain.h"
#include "core/training.h"
#include "core/variant.h"
#include "io/digest.h"

enum { ANSWER_SECONDS = 20, ANSWER_LIMIT = 64 << 10 };

/* ---- The compiler ---- */

int machine_toolchain(const struct variant *v, const struct preset *preset, char **text)
{
    autostrv env = {0};
    proc_clean_environment(&env);
    variant_environment(&env, v, preset, "/build");
    int rc = toolchain_add_llvm(&env);
    return rc < 0 ? rc : toolchain_describe(&env, env_get(&env, "CC"), text);
}

char *machine_toolchain_digest(const char *text)
{
    autostr kept = {0};
    char hex[SHA256_HEX];
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        n += line[n] == '\n';
        if (!str_starts(line, "cc=") && !str_starts(line, "wrapper="))
            str_addn(&kept, line, n);
        line += n;
    }
    digest_text(kept.s ? kept.s : "", hex);
    return xstrdup(hex);
}

char *machine_toolchain_value(const char *text, const char *name)
{
    autofree char *value = training_value(text, name);
    const char *space = value ? strrchr(value, ' ') : NULL;
    bool id = space && (str_starts(space, " build-id:") || str_starts(space, " sha256:"));
    return xstrdup(id ? space + 1 : value ? value : "");
}

/* ---- Programs that know ---- */

/* What a program prints, without white space at its ends; NULL when it is not there or fails. */
static char *answer(const char *const *words)
{
    autostrv argv = {0}, env = {0};
    char *text = NULL;
    int status = 0;
    for (; *words; words++)
        strv_add(&argv, *words);
    proc_clean_environment(&env);
    struct proc_opts o = PROC_OPTS_INIT;
    o.env = &env;
    int rc = proc_capture(&argv, &o, ANSWER_SECONDS, ANSWER_LIMIT, &text, &status);
    if (rc < 0 && rc != E_SIGNAL)
        err_clear();
    if (rc < 0 || !proc_ok(status)) {
        free(text);
        return NULL;
    }
    str_trim(text);
    return text;
}

/* ---- The C library ---- */

/* musl's dynamic loader says it of itself: "musl libc (x86_64)\nVersion 1.2.5\n..." and fails. */
static char *musl_version(const char *loader)
{
    autostrv argv = {0};
    autofree char *text = NULL;
    int status;
    struct proc_opts o = PROC_OPTS_INIT;
    strv_add(&argv, loader);
    if (proc_capture(&argv, &o, ANSWER_SECONDS, ANSWER_LIMIT, &text, &status) < 0)
        err_clear();
    const char *at = text ? strstr(text, "Version ") : NULL;
    at = at ? at + strlen("Version ") : "";
    return xasprintf("musl %.*s", (int)strcspn(at, " \n"), at);
}

char *machine_libc(void)
{
    json_t *here = runtime_here();
    const char *loader = json_text(here, "loader");
    char *libc = NULL;
    if (strstr(loader, "ld-musl"))
        libc = musl_version(loader);
#ifdef _CS_GNU_LIBC_VERSION
    char version[64];
    if (!libc && confstr(_CS_GNU_LIBC_VERSION, version, sizeof version) > 0)
        libc = xstrdup(version);
#endif
    if (!libc)
        libc = answer((const char *const[]){"getconf", "GNU_LIBC_VERSION", NULL});
    json_decref(here);
    return libc ? libc : xstrdup("unknown");
}

/* ---- Libraries ---- */

/* Under which name pkg-config knows what a library's headers come with. */
static const char *const modules[][2] = {
    {"libX11.so", "x11"},
    {"libbz2.so", "bzip2"},
    {"libcrypt.so", "libcrypt"},
    {"libcrypto.so", "libcrypto"},
    {"libedit.so", "libedit"},
    {"libexpat.so", "expat"},
    {"libffi.so", "libffi"},
    {"libgdbm.so", "gdbm"},
    {"liblzma.so", "liblzma"},
    {"libmpdec.so", "libmpdec"},
    {"libncursesw.so", "ncursesw"},
    {"libnsl.so", "libnsl"},
    {"libpanelw.so", "panelw"},
    {"libreadline.so", "readline"},
    {"libsqlite3.so", "sqlite3"},
    {"libssl.so", "libssl"},
    {"libtcl", "tcl"},
    {"libtinfo.so", "tinfo"},
    {"libtirpc.so", "libtirpc"},
    {"libtk", "tk"},
    {"libuuid.so", "uuid"},
    {"libz.so", "zlib"},
    {"libzstd.so", "libzstd"},
};

static char *ask_pkg_config(const char *soname)
{
    for (size_t i = 0; i < lengthof(modules); i++)
        if (str_starts(soname, modules[i][0]))
            return answer((const char *const[]){"pkg-config", "--modversion", modules[i][1], NULL});
    return NULL;
}

/* dpkg knows a file by the name it was shipped under: /lib/... for what is found as /usr/lib/....
 * "libbz2-1.0:amd64: /lib/x86_64-linux-gnu/libbz2.so.1.0", a line each. */
static char *ask_dpkg(const char *path)
{
    autofree char *pattern = xasprintf("*/%s", path_base(path));
    autofree char *owners = answer((const char *const[]){"dpkg-query", "-S", pattern, NULL});
    char *rest = NULL;
    for (char *line = owners ? strtok_r(owners, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *file = strstr(line, ": ");
        if (!file || (!str_ends(path, file + 2) && !str_ends(file + 2, path)))
            continue;
        *file = '\0';
        return answer((const char *const[]){"dpkg-query", "-W", "-f", "${Version}", line, NULL});
    }
    return NULL;
}

/* "FILE is owned by zlib-1.3.1-r2" (apk), "... by zlib 1:1.3.1-2" (pacman). */
static char *owner_version(const char *text)
{
    static const char by[] = " owned by ";
    const char *at = text ? strstr(text, by) : NULL;
    if (!at)
        return NULL;
    at += strlen(by);
    while (*at && (*at != '-' || !isdigit((unsigned char)at[1])) && *at != ' ')
        at++;
    return *at ? xstrndup(at + 1, strcspn(at + 1, " \n")) : NULL;
}

static char *ask_packages(const char *path)
{
    char *version = ask_dpkg(path);
    if (!version)
        version = answer(
            (const char *const[]){"rpm", "-qf", "--qf", "%{VERSION}-%{RELEASE}", path, NULL});
    if (!version) {
        autofree char *apk = answer((const char *const[]){"apk", "info", "-W", path, NULL});
        version = owner_version(apk);
    }
    if (!version) {
        autofree char *pacman = answer((const char *const[]){"pacman", "-Qo", path, NULL});
        version = owner_version(pacman);
    }
    return version;
}

static bool is_of_libc(const char *soname)
{
    static const char *const names[] = {"libc.",    "libm.",       "libdl.", "librt.",
                                        "libutil.", "libpthread.", "ld-"};
    for (size_t i = 0; i < lengthof(names); i++)
        if (str_starts(soname, names[i]))
            return true;
    return false;
}

int machine_sonames(const char *prefix, struct strv *sonames)
{
    json_t *runtime = NULL, *library;
    size_t i;
    int rc = runtime_collect(prefix, &runtime);
    json_array_foreach(json_object_get(runtime, "libraries"), i, library)
    {
        const char *soname = json_text(library, "soname");
        if (!is_of_libc(soname))
            strv_add(sonames, soname);
    }
    json_decref(runtime);
    return rc;
}

int machine_versions(const struct strv *sonames, struct strv *versions)
{
    autostrv paths = {0};
    int rc = sonames->n ? dl_locate(sonames, &paths) : 0;
    for (size_t i = 0; rc == 0 && i < sonames->n; i++) {
        char *version = *paths.v[i] ? ask_pkg_config(sonames->v[i]) : xstrdup("none");
        if (!version)
            version = ask_packages(paths.v[i]);
        strv_take(versions, version ? version : xstrdup("unknown"));
        rc = proc_check();
    }
    return rc;
}

/* ---- For the receipt ---- */

json_t *machine_json(const struct variant *v, const struct preset *preset, const char *prefix)
{
    json_t *json = json_object(), *libraries = json_object();
    autostrv sonames = {0}, versions = {0};
    autofree char *toolchain = NULL, *libc = machine_libc();
    if (machine_toolchain(v, preset, &toolchain) == 0)
        json_object_set_new(json, "toolchain", text_json(toolchain));
    if (machine_sonames(prefix, &sonames) == 0 && machine_versions(&sonames, &versions) == 0)
        for (size_t i = 0; i < sonames.n; i++)
            json_object_set_new(libraries, sonames.v[i], text_json(versions.v[i]));
    json_object_set_new(json, "libc", text_json(libc));
    json_object_set_new(json, "libraries", libraries);
    if (proc_check() < 0) {
        json_decref(json);
        return NULL;
    }
    err_clear();
    return json;
}
