/* JUnit XML, the form of test results that CI systems read: a testsuite for each interpreter, a
 * testcase for each check. */
#ifndef UNGIL_CLI_JUNIT_H
#define UNGIL_CLI_JUNIT_H

#include <jansson.h>

/* The document for what `ungil verify --json` calls "verified"; owned, always well-formed UTF-8. A
 * skipped or inconclusive check is "skipped", with the reason. */
char *junit_text(json_t *verified);

/* Writes it to a file, in one step. */
int junit_write(const char *path, json_t *verified);

#endif
