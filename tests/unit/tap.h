/* The Test Anything Protocol for unit tests, as little of it as they need.
 *
 *     int main(void)
 *     {
 *         ok(1 + 1 == 2, "one and one is two");
 *         is_str(name, "3.14.7t", "the name of the free-threaded variant");
 *         return tap_done();
 *     }
 */
#ifndef UNGIL_TESTS_UNIT_TAP_H
#define UNGIL_TESTS_UNIT_TAP_H

#include <stdio.h>
#include <string.h>

static int tap_run, tap_failed;

static inline int tap_ok(int good, const char *what, const char *file, int line)
{
    tap_run++;
    printf("%sok %d - %s\n", good ? "" : "not ", tap_run, what);
    if (!good) {
        tap_failed++;
        printf("# failed at %s:%d\n", file, line);
    }
    fflush(stdout);
    return good;
}

static inline int tap_is_str(const char *got, const char *expected, const char *what,
                             const char *file, int line)
{
    int same = got && expected ? strcmp(got, expected) == 0 : got == expected;
    if (!tap_ok(same, what, file, line))
        printf("#      got: %s\n# expected: %s\n", got ? got : "(null)",
               expected ? expected : "(null)");
    return same;
}

static inline int tap_is_int(long long got, long long expected, const char *what, const char *file,
                             int line)
{
    if (!tap_ok(got == expected, what, file, line))
        printf("#      got: %lld\n# expected: %lld\n", got, expected);
    return got == expected;
}

/* Prints the plan; the exit status of main. */
static inline int tap_done(void)
{
    printf("1..%d\n", tap_run);
    return tap_failed > 0;
}

#define ok(good, what)              tap_ok((good) ? 1 : 0, what, __FILE__, __LINE__)
#define is_str(got, expected, what) tap_is_str(got, expected, what, __FILE__, __LINE__)
#define is_int(got, expected, what) tap_is_int(got, expected, what, __FILE__, __LINE__)

#endif
