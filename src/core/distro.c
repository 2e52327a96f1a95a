#include "core/distro.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

enum { APT, DNF, APK, PACMAN, ZYPPER, MANAGERS };

static const struct manager {
    const char *name, *program, *install;
} managers[MANAGERS] = {
    [APT] = {"apt", "apt-get", "apt-get install"},
    [DNF] = {"dnf", "dnf", "dnf install"},
    [APK] = {"apk", "apk", "apk add"},
    [PACMAN] = {"pacman", "pacman", "pacman -S --needed"},
    [ZYPPER] = {"zypper", "zypper", "zypper install"},
};

/* What CPython's configure looks for, and who ships it. */
static const struct need {
    const char *key, *header;
    const char *package[MANAGERS];
} needs[] = {
    {"cc", NULL, {"gcc libc6-dev", "gcc glibc-devel", "gcc musl-dev", "gcc", "gcc glibc-devel"}},
    {"ccache", NULL, {"ccache", "ccache", "ccache", "ccache", "ccache"}},
    {"make", NULL, {"make", "make", "make", "make", "make"}},
    {"ssl",
     "openssl/ssl.h",
     {"libssl-dev", "openssl-devel", "openssl-dev", "openssl", "libopenssl-devel"}},
    {"ctypes", "ffi.h", {"libffi-dev", "libffi-devel", "libffi-dev", "libffi", "libffi-devel"}},
    {"sqlite3",
     "sqlite3.h",
     {"libsqlite3-dev", "sqlite-devel", "sqlite-dev", "sqlite", "sqlite3-devel"}},
    {"zlib", "zlib.h", {"zlib1g-dev", "zlib-devel", "zlib-dev", "zlib", "zlib-devel"}},
    {"bz2", "bzlib.h", {"libbz2-dev", "bzip2-devel", "bzip2-dev", "bzip2", "libbz2-devel"}},
    {"lzma", "lzma.h", {"liblzma-dev", "xz-devel", "xz-dev", "xz", "xz-devel"}},
    {"compression.zstd",
     "zstd.h",
     {"libzstd-dev", "libzstd-devel", "zstd-dev", "zstd", "libzstd-devel"}},
    {"readline",
     "readline/readline.h",
     {"libreadline-dev", "readline-devel", "readline-dev", "readline", "readline-devel"}},
    {"curses",
     "ncurses.h",
     {"libncurses-dev", "ncurses-devel", "ncurses-dev", "ncurses", "ncurses-devel"}},
    {"uuid",
     "uuid/uuid.h",
     {"uuid-dev", "libuuid-devel", "util-linux-dev", "util-linux-libs", "libuuid-devel"}},
    {"dbm.gnu", "gdbm.h", {"libgdbm-dev", "gdbm-devel", "gdbm-dev", "gdbm", "gdbm-devel"}},
    {"dbm.ndbm", "ndbm.h", {"libgdbm-compat-dev", "gdbm-devel", "gdbm-dev", "gdbm", "gdbm-devel"}},
    {"tkinter", "tk.h", {"tk-dev", "tk-devel", "tk-dev tcl-dev", "tk", "tk-devel"}},
};

/* Who ships a shared library. dnf and zypper resolve the name of the library itself. Debian renamed
 * some packages for 64-bit time (libssl3t64); apt resolves the old name, which the new one
 * provides.
 */
static const struct library {
    const char *soname; /* all of it, or its head up to where versions differ */
    const char *apt, *apk, *pacman;
} libraries[] = {
    {"libbz2.so.1", "libbz2-1.0", "libbz2", "bzip2"},
    {"libcrypt.so.1", "libcrypt1", "libxcrypt", "libxcrypt-compat"},
    {"libcrypt.so.2", "libcrypt2", "libxcrypt", "libxcrypt"},
    {"libcrypto.so.3", "libssl3", "libcrypto3", "openssl"},
    {"libdb-5.3.so", "libdb5.3", "db", "db5.3"},
    {"libffi.so.8", "libffi8", "libffi", "libffi"},
    {"libffi.so.7", "libffi7", "libffi", "libffi7"},
    {"libgdbm.so.6", "libgdbm6", "gdbm", "gdbm"},
    {"libgdbm_compat.so.4", "libgdbm-compat4", "gdbm", "gdbm"},
    {"liblzma.so.5", "liblzma5", "xz-libs", "xz"},
    {"libncursesw.so.6", "libncursesw6", "ncurses-libs", "ncurses"},
    {"libpanelw.so.6", "libncursesw6", "ncurses-libs", "ncurses"},
    {"libtinfo.so.6", "libtinfo6", "ncurses-libs", "ncurses"},
    {"libreadline.so.8", "libreadline8", "readline", "readline"},
    {"libsqlite3.so.0", "libsqlite3-0", "sqlite-libs", "sqlite"},
    {"libssl.so.3", "libssl3", "libssl3", "openssl"},
    {"libtcl8.6.so", "libtcl8.6", "tcl", "tcl"},
    {"libtk8.6.so", "libtk8.6", "tk", "tk"},
    {"libtsan.so.2", "libtsan2", NULL, "gcc-libs"},
    {"libuuid.so.1", "libuuid1", "libuuid", "util-linux-libs"},
    {"libz.so.1", "zlib1g", "zlib", "zlib"},
    {"libzstd.so.1", "libzstd1", "zstd-libs", "zstd"},
};

/* Modules that come with the library of another. */
static const struct alias {
    const char *key, *as;
} aliases[] = {
    {"hashlib", "ssl"},      {"curses.panel", "curses"},   {"dbm.sqlite3", "sqlite3"},
    {"_tkinter", "tkinter"}, {"zstd", "compression.zstd"}, {"gzip", "zlib"},
    {"gdbm", "dbm.gnu"},     {"dbm", "dbm.ndbm"},
};

static const struct need *find_need(const char *key)
{
    for (size_t i = 0; i < lengthof(aliases); i++)
        if (strcmp(aliases[i].key, key) == 0)
            key = aliases[i].as;
    for (size_t i = 0; i < lengthof(needs); i++)
        if (strcmp(needs[i].key, key) == 0)
            return &needs[i];
    return NULL;
}

static const struct manager *find_manager(void)
{
    /* PATH may be a poor one, which is often why somebody reads the hint. */
    static const char *const dirs[] = {"/usr/bin", "/sbin", "/usr/sbin", "/bin"};
    for (size_t i = 0; i < MANAGERS; i++) {
        autofree char *found = fs_find_program(managers[i].program);
        if (found)
            return &managers[i];
    }
    for (size_t i = 0; i < MANAGERS; i++)
        for (size_t d = 0; d < lengthof(dirs); d++) {
            autofree char *path = path_join(dirs[d], managers[i].program);
            if (access(path, X_OK) == 0)
                return &managers[i];
        }
    return NULL;
}

const char *distro_package(const char *manager, const char *key)
{
    const struct need *need = find_need(key);
    for (size_t i = 0; need && manager && i < MANAGERS; i++)
        if (strcmp(managers[i].name, manager) == 0)
            return need->package[i];
    return NULL;
}

const char *distro_header(const char *key)
{
    const struct need *need = find_need(key);
    return need ? need->header : NULL;
}

/* The command for these packages, each once; owned, NULL when there are none. */
static char *install_command(const struct manager *m, const struct strv *words)
{
    autostrv packages = {0};
    for (size_t i = 0; i < words->n; i++)
        if (!strv_has(&packages, words->v[i]))
            strv_add(&packages, words->v[i]);
    if (packages.n == 0)
        return NULL;
    autofree char *list = strv_join(&packages, " ");
    return xasprintf("%s%s %s", geteuid() == 0 ? "" : "sudo ", m->install, list);
}

char *distro_install_command(const struct strv *keys)
{
    const struct manager *m = find_manager();
    autostrv words = {0};
    for (size_t i = 0; m && i < keys->n; i++) {
        const char *package = distro_package(m->name, keys->v[i]);
        if (package)
            strv_split(&words, package);
    }
    return m ? install_command(m, &words) : NULL;
}

char *distro_install_packages(const struct strv *packages)
{
    const struct manager *m = find_manager();
    autostrv words = {0};
    for (size_t i = 0; m && i < packages->n; i++) {
        size_t n = strlen(m->name);
        if (strncmp(packages->v[i], m->name, n) == 0 && packages->v[i][n] == ':')
            strv_split_commas(&words, packages->v[i] + n + 1);
    }
    return m ? install_command(m, &words) : NULL;
}

/* The package that holds a library; owned, NULL when not known. */
static char *library_package(const struct manager *m, const char *soname)
{
    if (m == &managers[DNF] || m == &managers[ZYPPER])
        return xasprintf("'%s()(64bit)'", soname);
    for (size_t i = 0; i < lengthof(libraries); i++) {
        if (!str_starts(soname, libraries[i].soname))
            continue;
        return xstrdup(m == &managers[APT]   ? libraries[i].apt
                       : m == &managers[APK] ? libraries[i].apk
                                             : libraries[i].pacman);
    }
    return NULL;
}

char *distro_install_libraries(const struct strv *sonames)
{
    const struct manager *m = find_manager();
    autostrv words = {0};
    for (size_t i = 0; m && i < sonames->n; i++) {
        autofree char *package = library_package(m, sonames->v[i]);
        if (package)
            strv_add(&words, package);
    }
    return m ? install_command(m, &words) : NULL;
}
