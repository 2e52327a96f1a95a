/* What one process of the audit answered and printed, turned into a verdict. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/str.h"
#include "core/audit_probe.h"
#include "core/text_json.h"

static const char *text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* The module's name in a target: NAME or NAME=PATH. Owned. */
static char *name_of(const char *target)
{
    return xstrndup(target, strcspn(target, "="));
}

static bool knows(json_t *culprits, const char *name)
{
    size_t i;
    json_t *c;
    json_array_foreach(culprits, i, c) if (str_eq(text_at(c, "module"), name)) return true;
    return false;
}

/* Adds the names between `before` and `after` wherever CPython printed these words. */
static void find_named(const char *printed, const char *before, const char *after, json_t *culprits)
{
    for (const char *at = printed; (at = strstr(at, before));) {
        at += strlen(before);
        const char *stop = strchr(at, '\'');
        if (!stop || stop - at > 512 || !str_starts(stop, after))
            continue;
        autofree char *name = xstrndup(at, (size_t)(stop - at));
        if (!knows(culprits, name))
            json_array_append_new(culprits,
                                  json_pack("{s:o, s:n}", "module", text_json(name), "file"));
    }
}

/* CPython 3.13 and 3.14 print the second line for each culprit; 3.15 for all but the first, which
 * its warning names. */
static json_t *culprits_in(const char *printed)
{
    json_t *culprits = json_array();
    find_named(printed, "enabled to load module '", "', which has not declared", culprits);
    find_named(printed, "# loading module '", "', which requires the GIL", culprits);
    return culprits;
}

static void add_files(json_t *culprits, json_t *files)
{
    size_t i;
    json_t *c;
    json_array_foreach(culprits, i, c)
    {
        json_t *file = json_object_get(files, text_at(c, "module"));
        if (file)
            json_object_set(c, "file", file);
    }
}

/* What a missing shared library is called in the dynamic linker's words; owned, NULL: none is. */
static char *library_in(const char *error)
{
    static const char *const words[] = {": cannot open shared object file",
                                        "' not found (required"};
    for (size_t i = 0; i < lengthof(words); i++) {
        const char *end = strstr(error, words[i]), *from = end;
        if (!end)
            continue;
        while (from > error && !strchr(" `'", from[-1]))
            from--;
        return xstrndup(from, (size_t)(end - from));
    }
    return NULL;
}

/* What is missing when an import failed; owned, NULL: it failed otherwise. A module that does not
 * find itself is no dependency. */
static char *needs_of(json_t *answer, const char *module)
{
    const char *type = text_at(answer, "type"), *error = text_at(answer, "error");
    const char *name = text_at(answer, "name");
    if (str_eq(type, "ModuleNotFoundError") && name && !str_eq(name, module)) {
        size_t n = strlen(name);
        bool parent = strncmp(module, name, n) == 0 && module[n] == '.';
        return parent ? NULL : xstrdup(name);
    }
    return str_eq(type, "ImportError") && error ? library_in(error) : NULL;
}

/* One import that came to its end. */
static json_t *judge_import(json_t *answer, const char *module)
{
    const char *type = text_at(answer, "type"), *error = text_at(answer, "error");
    autofree char *needs = type ? needs_of(answer, module) : NULL;
    autofree char *why = NULL;
    if (type) {
        why = xasprintf("%s%s%s", type, error && *error ? ": " : "", error ? error : "");
        for (char *c = why; *c; c++)
            if (*c == '\n')
                *c = ' ';
    }
    const char *verdict = needs                                          ? "missing"
                          : type                                         ? "error"
                          : json_is_true(json_object_get(answer, "gil")) ? "on"
                                                                         : "off";
    return json_pack("{s:s, s:s, s:o, s:o, s:O}", "module", module, "verdict", verdict, "why",
                     text_json(why), "needs", text_json(needs), "seconds",
                     json_object_get(answer, "seconds"));
}

struct seen {
    json_t *imports, *files;
    long begun; /* the import that has begun and not ended; -1: none */
    bool started, at_start, done;
    int gil; /* 1: on, 0: off, -1: not known */
};

static void note_answer(const struct audit_probe *probe, json_t *answer, struct seen *s)
{
    json_t *value;
    if ((value = json_object_get(answer, "start"))) {
        s->started = true;
        s->at_start = json_is_true(value);
    } else if ((value = json_object_get(answer, "begin"))) {
        s->begun = (long)json_integer_value(value);
    } else if ((value = json_object_get(answer, "end"))) {
        size_t i = (size_t)json_integer_value(value);
        s->begun = -1;
        s->gil = json_is_true(json_object_get(answer, "gil"));
        if (i < probe->targets.n && json_object_get(answer, "seconds")) {
            autofree char *name = name_of(probe->targets.v[i]);
            json_array_append_new(s->imports, judge_import(answer, name));
        }
    } else if ((value = json_object_get(answer, "files"))) {
        s->files = json_incref(value);
    } else if (json_is_true(json_object_get(answer, "done"))) {
        s->done = true;
    }
}

static void read_answers(const struct audit_probe *probe, const char *token, const char *answers,
                         struct seen *s)
{
    for (const char *line = answers; *line;) {
        size_t n = strcspn(line, "\n");
        json_t *answer = json_loadb(line, n, 0, NULL);
        if (str_eq(text_at(answer, "token"), token))
            note_answer(probe, answer, s);
        json_decref(answer);
        line += n + (line[n] == '\n');
    }
}

static const char *signal_name(int signo)
{
    static const struct {
        int signo;
        const char *name;
    } names[] = {{SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},
                 {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},   {SIGKILL, "SIGKILL"},
                 {SIGTERM, "SIGTERM"}, {SIGTRAP, "SIGTRAP"}, {SIGXFSZ, "SIGXFSZ"},
                 {SIGSYS, "SIGSYS"},   {SIGPIPE, "SIGPIPE"}, {SIGINT, "SIGINT"}};
    for (size_t i = 0; i < lengthof(names); i++)
        if (names[i].signo == signo)
            return names[i].name;
    return NULL;
}

/* The last line it printed that is not CPython's -v; owned, NULL: none. */
static char *last_words(const char *printed)
{
    const char *end = printed + strlen(printed);
    while (end > printed) {
        const char *line = end;
        while (line > printed && line[-1] != '\n')
            line--;
        autofree char *text =
            xstrndup(line, (size_t)(end - line) < 200 ? (size_t)(end - line) : 200);
        const char *plain = str_trim(text);
        if (*plain && *plain != '#' && !str_starts(plain, "import ") &&
            !str_starts(plain, "Type \"help\"") && !str_starts(plain, "Python "))
            return xstrdup(plain);
        end = line > printed ? line - 1 : printed;
    }
    return NULL;
}

/* It did not come to its end. *why is owned. */
static const char *judge_end(int status, bool hung, bool started, const char *printed, char **why)
{
    if (hung) {
        *why = xstrdup("did not end within the time limit");
        return "hung";
    }
    autofree char *said = last_words(printed);
    if (WIFSIGNALED(status)) {
        const char *name = signal_name(WTERMSIG(status));
        *why = name ? xstrdup(name) : xasprintf("signal %d", WTERMSIG(status));
        return "crashed";
    }
    *why =
        xasprintf("%s with exit status %d%s%s", started ? "ended the process" : "could not start",
                  WEXITSTATUS(status), said ? ": " : "", said ? said : "");
    return "error";
}

static void judge_whole(json_t *result, struct seen *s)
{
    double seconds = 0;
    const char *verdict = s->gil == 1 ? "on" : "off";
    bool failed = false;
    size_t i;
    json_t *import;
    json_array_foreach(s->imports, i, import)
    {
        const char *v = text_at(import, "verdict");
        seconds += json_number_value(json_object_get(import, "seconds"));
        if (failed || str_eq(v, "on") || str_eq(v, "off"))
            continue;
        failed = true;
        verdict = v;
        json_object_set(result, "at", json_object_get(import, "module"));
        json_object_set(result, "why", json_object_get(import, "why"));
        json_object_set(result, "needs", json_object_get(import, "needs"));
    }
    json_object_set_new(result, "verdict", json_string(verdict));
    json_object_set_new(result, "seconds", json_real(seconds));
}

static void judge_broken(json_t *result, const struct audit_probe *probe, struct seen *s,
                         const char *printed, int status, bool hung)
{
    autofree char *why = NULL;
    const char *verdict = judge_end(status, hung, s->started, printed, &why);
    if (s->begun >= 0 && (size_t)s->begun < probe->targets.n) {
        autofree char *name = name_of(probe->targets.v[s->begun]);
        json_object_set_new(result, "at", text_json(name));
        json_array_append_new(s->imports, json_pack("{s:o, s:s, s:o, s:n, s:n}", "module",
                                                    text_json(name), "verdict", verdict, "why",
                                                    text_json(why), "needs", "seconds"));
    }
    json_object_set_new(result, "verdict", json_string(verdict));
    json_object_set_new(result, "why", text_json(why));
    s->gil = s->gil == 1 ? 1 : -1;
}

json_t *audit_probe_judge(const struct audit_probe *probe, const char *token, const char *answers,
                          const char *printed, int status, bool hung)
{
    struct seen s = {.imports = json_array(), .begun = -1, .gil = -1};
    read_answers(probe, token, answers, &s);
    json_t *culprits = culprits_in(printed);
    add_files(culprits, s.files);
    json_t *result = json_pack("{s:n, s:n, s:n, s:n, s:n, s:b, s:b}", "verdict", "at", "why",
                               "needs", "seconds", "at_start", s.at_start, "finished", s.done);
    if (json_array_size(culprits))
        s.gil = 1;
    if (s.done)
        judge_whole(result, &s);
    else
        judge_broken(result, probe, &s, printed, status, hung);
    json_object_set_new(result, "gil", s.gil < 0 ? json_null() : json_boolean(s.gil));
    json_object_set_new(result, "culprits", culprits);
    json_object_set_new(result, "imports", s.imports);
    json_decref(s.files);
    return result;
}
