/* Libraries loaded on first use.
 *
 * libcurl, libgit2 and libarchive bring 40 more libraries with them; linking
 * them costs about 8 ms of every start, and libcrypto alone as much as all the
 * rest of it. `ungil list` or an `install` with nothing to do wants none of them. So the io/ file
 * that owns such a library names the functions it uses once, in a list macro, and calls them
 * through a struct that dl_load() fills:
 *
 *     #define CURL_FUNCTIONS(X) X(easy_init) X(easy_perform)
 *     DL_API(curl, curl_, CURL_FUNCTIONS)      // static struct curl_api curl
 *     ...
 *     if ((rc = DL_LOAD(curl, LIBCURL_SONAME)) < 0) return rc;
 *     curl.easy_init();
 *
 * Types are the library's own (typeof its prototypes), so the compiler checks
 * every call. With --disable-lazy-libraries the struct is filled at link time.
 */
#ifndef UNGIL_BASE_DL_H
#define UNGIL_BASE_DL_H

#include <stddef.h>

/* Opens `soname` and stores the addresses of `names` (n of them) in `slots`.
 * Nothing to do when *loaded is set, which it sets. E_FAILED, with the package to look
 * for, when the library or a function in it is missing. */
int dl_load(int *loaded, const char *soname, const char *const *names, void **slots, size_t n);

/* Where the dynamic loader finds libraries: a path for each of `sonames`, "" for one that it does
 * not find or cannot load. A child process loads them, with their constructors; nothing of them
 * stays in this one. 0 or E_FAILED. */
struct strv;
int dl_locate(const struct strv *sonames, struct strv *paths);

#ifdef UNGIL_LAZY_LIBRARIES
#define DL_LOAD(api, soname)                                                                       \
    dl_load(&api##_loaded, soname, api##_names, (void **)(void *)&api,                             \
            sizeof(api##_names) / sizeof(api##_names[0]))
#define DL_API(api, prefix, FUNCTIONS)                                                             \
    struct api##_api {                                                                             \
        FUNCTIONS(DL_MEMBER_##api)                                                                 \
    };                                                                                             \
    static const char *const api##_names[] = {FUNCTIONS(DL_NAME_##api)};                           \
    static int api##_loaded;                                                                       \
    static struct api##_api api;
#else
#define DL_LOAD(api, soname) 0
#define DL_API(api, prefix, FUNCTIONS)                                                             \
    struct api##_api {                                                                             \
        FUNCTIONS(DL_MEMBER_##api)                                                                 \
    };                                                                                             \
    static struct api##_api api = {FUNCTIONS(DL_ADDRESS_##api)};
#endif

/* The member, name and address of one function; the prefix must be spelt for the preprocessor,
 * so each library has its three lines here. */
#define DL_MEMBER_curl(f)     __typeof__(curl_##f) *f;
#define DL_NAME_curl(f)       "curl_" #f,
#define DL_ADDRESS_curl(f)    .f = curl_##f,
#define DL_MEMBER_git(f)      __typeof__(git_##f) *f;
#define DL_NAME_git(f)        "git_" #f,
#define DL_ADDRESS_git(f)     .f = git_##f,
#define DL_MEMBER_archive(f)  __typeof__(archive_##f) *f;
#define DL_NAME_archive(f)    "archive_" #f,
#define DL_ADDRESS_archive(f) .f = archive_##f,
#define DL_MEMBER_elf(f)      __typeof__(elf_##f) *f;
#define DL_NAME_elf(f)        "elf_" #f,
#define DL_ADDRESS_elf(f)     .f = elf_##f,
#define DL_MEMBER_gelf(f)     __typeof__(gelf_##f) *f;
#define DL_NAME_gelf(f)       "gelf_" #f,
#define DL_ADDRESS_gelf(f)    .f = gelf_##f,
#define DL_MEMBER_sha256(f)   __typeof__(SHA256_##f) *f;
#define DL_NAME_sha256(f)     "SHA256_" #f,
#define DL_ADDRESS_sha256(f)  .f = SHA256_##f,
#define DL_MEMBER_crypto(f)   __typeof__(f) *f;
#define DL_NAME_crypto(f)     #f,
#define DL_ADDRESS_crypto(f)  .f = f,

#endif
