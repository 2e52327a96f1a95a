/* Of a long log the lines that say what went wrong are shown, and few others. */
#include <stdlib.h>

#include "core/build_log.h"
#include "core/timings.h"
#include "scratch.h"
#include "tap.h"

static void picks(const char *log, const char *expected, const char *what)
{
    autofree char *got = build_log_excerpt(log, 6);
    is_str(got, expected, what);
}

static void compiler(void)
{
    picks("gcc -c a.c\n"
          "a.c: In function 'f':\n"
          "a.c:3:5: warning: unused variable 'error' [-Wunused-variable]\n"
          "a.c:4:7: error: 'x' undeclared (first use in this function)\n"
          "    4 |     x = 1;\n"
          "      |     ^\n"
          "gcc -c b.c\n"
          "make: *** [Makefile:10: a.o] Error 1\n"
          "make: *** Waiting for unfinished jobs....\n"
          "gcc -c c.c\n",
          "a.c:4:7: error: 'x' undeclared (first use in this function)\n"
          "make: *** [Makefile:10: a.o] Error 1\n",
          "the compiler's error and the target, not the jobs that ended later");
    picks("checking for x... error: no\nchecking for y... no\n"
          "configure: error: C compiler cannot create executables\nSee `config.log'\n",
          "configure: error: C compiler cannot create executables\n", "configure's error");
    picks("/usr/bin/ld: a.o: in function `f':\na.c:(.text+0x5): undefined reference to `g'\n"
          "collect2: error: ld returned 1 exit status\nmake: *** [Makefile:1: p] Error 1\n",
          "a.c:(.text+0x5): undefined reference to `g'\n"
          "collect2: error: ld returned 1 exit status\nmake: *** [Makefile:1: p] Error 1\n",
          "the linker's");
    picks("as: a.o: No space left on device\nmake: *** [Makefile:1: a.o] Error 1\n",
          "as: a.o: No space left on device\nmake: *** [Makefile:1: a.o] Error 1\n", "a full disk");
}

static void others(void)
{
    picks("one\ntwo\n\nTraceback (most recent call last):\n  File \"x.py\", line 1\n"
          "ValueError: no\nmake: *** [Makefile:1: run] Error 1\nlater\n",
          "two\nTraceback (most recent call last):\n  File \"x.py\", line 1\nValueError: no\n"
          "make: *** [Makefile:1: run] Error 1\n",
          "what came before make gave up, when nobody said \"error\"");
    picks("1\n2\n3\n4\n5\n6\n7\n8\n\n", "3\n4\n5\n6\n7\n8\n", "else the end");
    picks("", "", "an empty log");
    picks("x: error: a\nx: error: a\nx: error: b\n", "x: error: a\nx: error: b\n",
          "nothing is said twice");
    autostr many = {0};
    for (int i = 0; i < 100; i++)
        str_addf(&many, "x.c:%d: error: no\n", i);
    str_add(&many, "make: *** [x] Error 1\n");
    autofree char *got = build_log_excerpt(many.s, 6);
    size_t lines = 0;
    for (const char *at = got; (at = strchr(at, '\n')); at++)
        lines++;
    is_int((long long)lines, 6, "no more lines than asked for");
    ok(strncmp(got, "x.c:0:", 6) == 0, "the first ones");
    ok(strstr(got, "make: ***") != NULL, "and make's");
}

static void files(const char *dir)
{
    autofree char *path = xasprintf("%s/log", dir);
    static const char text[] = "a\0b: error: hidden\n";
    fs_write_atomic(path, text, sizeof text - 1, 0644);
    autofree char *got = build_log_read_excerpt(path, 0, 6), *none = NULL;
    is_str(got, "a?b: error: hidden\n", "a NUL hides nothing");
    none = build_log_read_excerpt("/nowhere/log", 0, 6);
    is_str(none, "", "no log, no lines");
}

static void times(const char *dir)
{
    is_int((long long)timings_get(dir, "3.14 ft quick 2 make").seconds, 0, "nothing is known");
    timings_put(dir, "3.14 gil quick 2 make", (struct timing){100, 5000});
    timings_put(dir, "3.14 ft quick 4 make", (struct timing){200, 6000});
    timings_put(dir, "3.14 ft quick 4 install", (struct timing){7, 1});
    is_int((long long)timings_get(dir, "3.14 ft quick 4 make").seconds, 200, "what was the last");
    is_int((long long)timings_get(dir, "3.14 ft quick 2 make").seconds, 100,
           "the other variant with as many jobs is the better guess");
    is_int((long long)timings_get(dir, "3.14 ft release 2 make").seconds, 0,
           "another preset says nothing");
    timings_put(dir, "3.14 gil quick 2 make", (struct timing){90, 5001});
    is_int(timings_get(dir, "3.14 gil quick 2 make").bytes, 5001, "a newer value replaces");
    autofree char *path = xasprintf("%s/timings", dir);
    fs_write_atomic(path, "3.14 ft quick 2 make = x\n\n=\n3.14\n", 33, 0644);
    is_int((long long)timings_get(dir, "3.14 ft quick 2 make").seconds, 0, "rubbish is ignored");
}

int main(void)
{
    const char *dir = ".";
    scratch_enter();
    compiler();
    others();
    files(dir);
    times(dir);
    return tap_done();
}
