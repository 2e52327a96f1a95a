/* What a verification asks of an interpreter whose receipt is there: installed, or on its way. */
#ifndef UNGIL_CORE_VERIFY_RECEIPT_H
#define UNGIL_CORE_VERIFY_RECEIPT_H

#include "core/verify.h"

struct receipt;

/* What the options borrow; free with verify_question_free. */
struct verify_question {
    struct verify_opts opts;
    char *python, *control, *abiflags, *configured;
    struct strv stale, options, required, optional, parts;
};

/* `prefix`: where it is now. `sibling`: the prefix of the GIL build of the same release, as the
 * control of a free-threaded one; NULL, or nothing there: none. What is required and what is
 * optional, the recipe of the series says, or, where there is none, the receipt. The caller adds
 * `final`, more `stale` paths, progress. */
void verify_question_of(const struct receipt *r, const char *prefix, const char *sibling,
                        struct verify_question *q);
void verify_question_free(struct verify_question *q);

#endif
