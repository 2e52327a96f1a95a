/* The parts that a prefix is packed in, see bundle.h. */
#include <string.h>

#include "base/fs.h"
#include "core/bundle.h"

/* Whether one of the directories in `relative` has this name. */
static bool is_below(const char *relative, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = relative; (at = strstr(at, name)); at++)
        if ((at == relative || at[-1] == '/') && at[n] == '/')
            return true;
    return false;
}

/* Modules that only the test suite imports; --disable-test-modules leaves out the same. */
static bool is_test_module(const char *base)
{
    static const char *const heads[] = {"_test", "_ctypes_test", "_xxtestfuzz", "xxlimited",
                                        "xxsubtype"};
    for (size_t i = 0; i < lengthof(heads); i++)
        if (str_starts(base, heads[i]))
            return true;
    return false;
}

enum bundle_part bundle_part_of(const char *relative)
{
    if (str_ends(relative, ".a"))
        return BUNDLE_STATIC;
    if (str_starts(relative, "lib/debug/"))
        return BUNDLE_DEBUG;
    if (!str_starts(relative, "lib/python") || is_below(relative, "site-packages"))
        return BUNDLE_MAIN;
    if (is_below(relative, "lib-dynload"))
        return is_test_module(path_base(relative)) ? BUNDLE_TESTS : BUNDLE_MAIN;
    return is_below(relative, "test") || is_below(relative, "tests") ||
                   is_below(relative, "idle_test")
               ? BUNDLE_TESTS
               : BUNDLE_MAIN;
}
