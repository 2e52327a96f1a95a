/* What configure could not find is read from its Makefile, and named as people and packages call
 * it. */
#include <stdlib.h>

#include "base/err.h"
#include "core/distro.h"
#include "core/modules.h"
#include "core/recipe.h"
#include "scratch.h"
#include "tap.h"

static const char makefile[] = "# MODULE_EGG_STATE=yes  # yes, missing, disabled, n/a\n"
                               "MODULE__IO_STATE=yes\n"
                               "MODULE__SSL_STATE=missing\n"
                               "MODULE__SSL_LDFLAGS=-lssl\n"
                               "MODULE__HASHLIB_STATE=missing\n"
                               "MODULE_READLINE_STATE=yes\n"
                               "MODULE_ZLIB_STATE=yes\n"
                               "MODULE__ZSTD_STATE=missing\n"
                               "MODULE__GDBM_STATE=missing\n"
                               "MODULE__DBM_STATE=yes\n"
                               "MODULE__TKINTER_STATE=disabled\n"
                               "MODULE__CURSES_PANEL_STATE=n/a";

static void is_state(const char *extension, const char *expected)
{
    autofree char *state = modules_state(makefile, extension);
    is_str(state, expected, extension);
}

static void is_extension(const char *module, const char *expected)
{
    autofree char *extension = modules_extension(makefile, module);
    is_str(extension, expected, module);
}

static void reading(void)
{
    is_state("_io", "yes");
    is_state("_ssl", "missing");
    is_state("_tkinter", "disabled");
    is_state("_curses_panel", "n/a");
    is_state("egg", NULL); /* a comment is no state */
    is_state("_curses", NULL);
    is_extension("ssl", "_ssl");
    is_extension("readline", "readline");
    is_extension("compression.zstd", "_zstd");
    is_extension("dbm.gnu", "_gdbm");
    is_extension("dbm.ndbm", "_dbm");
    is_extension("tkinter", "_tkinter");
    is_extension("json.decoder", NULL);
}

static void gate(const char *path)
{
    struct recipe r = {0};
    autostrv missing = {0};
    strv_split(&r.required, "zlib readline os");
    strv_split(&r.optional, "tkinter dbm.gnu dbm.ndbm");
    is_int(modules_gate(path, &r, &missing), 0, "everything required is there");
    autofree char *list = strv_join(&missing, " ");
    is_str(list, "tkinter dbm.gnu", "the optional modules that are missing");
    strv_split(&r.required, "ssl hashlib compression.zstd");
    is_int(modules_gate(path, &r, &missing), E_BUILD, "required ones are missing");
    ok(strstr(err_message(), "ssl (no <openssl/ssl.h>") != NULL, "the message names the header");
    ok(strstr(err_message(), "compression.zstd (no <zstd.h>") != NULL, "of each");
    ok(strstr(err_message(), "zlib") == NULL, "and nothing that is there");
    ok(err_hint_text() != NULL, "the hint says what to do");
    if (fs_exists("/usr/bin/apt-get"))
        ok(strstr(err_hint_text(), "apt-get install libssl-dev libzstd-dev\"") != NULL,
           "each package once");
    strv_free(&r.required);
    strv_free(&r.optional);
    is_int(modules_gate("/nowhere/Makefile", &r, &missing), E_BUILD, "no Makefile at all");
}

static void packages(void)
{
    static const char *const managers[] = {"apt", "dnf", "apk", "pacman", "zypper"};
    static const char *const keys[] = {
        "cc",     "make",     "ssl",  "hashlib", "sqlite3",          "zlib",    "bz2",    "lzma",
        "ctypes", "readline", "uuid", "curses",  "compression.zstd", "tkinter", "dbm.gnu"};
    for (size_t m = 0; m < lengthof(managers); m++)
        for (size_t k = 0; k < lengthof(keys); k++)
            if (!distro_package(managers[m], keys[k]))
                ok(0, keys[k]);
    is_str(distro_package("apt", "ctypes"), "libffi-dev", "Debian's libffi");
    is_str(distro_package("dnf", "lzma"), "xz-devel", "Fedora's xz");
    is_str(distro_package("apk", "uuid"), "util-linux-dev", "Alpine's libuuid");
    is_str(distro_package("apt", "antigravity"), NULL, "what nobody packages");
    is_str(distro_package("portage", "ssl"), NULL, "who is not known");
    is_str(distro_header("hashlib"), "openssl/ssl.h", "a header");
}

int main(void)
{
    const char *dir = ".";
    scratch_enter();
    autofree char *path = xasprintf("%s/Makefile", dir);
    ok(fs_write_atomic(path, makefile, strlen(makefile), 0644) == 0, "a Makefile");
    reading();
    gate(path);
    packages();
    return tap_done();
}
