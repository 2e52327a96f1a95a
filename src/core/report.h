/* Reports: one self-contained HTML page that opens offline, made of a template and a JSON document.
 *
 * Templates, styles and scripts are files of share/report, carried in the binary. In a template
 *
 *     {{include FILE}}   is another of those files, as it is
 *     {{data}}           is the document, for <script type="application/json" id="data">
 *     {{policy}}         is a Content-Security-Policy that allows the page's own <style> and
 *                        <script> (plain tags, by their SHA-256) and nothing else: no request to
 *                        anywhere, no other code
 *
 * The scripts read the document and fill the page in; what it says is put there as text, never as
 * HTML. To add a report: NAME.html (start from bench.html), NAME.js, and both in Makefile.am.
 */
#ifndef UNGIL_CORE_REPORT_H
#define UNGIL_CORE_REPORT_H

#include <jansson.h>

#include "base/str.h"

/* Appends the page to *page. `name`: "bench" for bench.html. */
int report_page(const char *name, json_t *data, struct str *page);

/* Writes it to `file`, which then is the old page or the whole new one; "-" is stdout, and what is
 * no regular file is written to as it is. */
int report_write(const char *name, json_t *data, const char *file);

/* The document itself, indented, to a file, in the same way. */
int report_write_json(json_t *data, const char *file);

/* Whether it could be written there, as far as can be told beforehand. */
int report_check(const char *file);

/* The document as it stands in the page: JSON in ASCII that has no <, > or & in it; owned, NULL
 * when it is no JSON. */
char *report_data(json_t *data);

#endif
