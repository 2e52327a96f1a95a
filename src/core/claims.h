/* What is commonly said about free-threaded Python, beside what was measured here.
 *
 * share/report/claims.json holds what is said, who says it, and what would make it true: conditions
 * on ratios of a benchmark result (core/bench.h, format 2). Adding a claim is adding data.
 *
 *     {"id", "said", "who",
 *      "series"?: "3.13", when it is about that series only,
 *      "conditions": [{"label"?, "what": "scaling|build_overhead|gil_off", "build" (for scaling),
 *                      "kernel"?, "form"?, "kind"?, "mode"? (threads), "workers"?,
 *                      "at_least" | "at_least_of_ideal" | "at_most" | "within": [low, high],
 * "slack"?}], "context": [conditions that ask nothing: figures to show beside], "why": {"holds",
 * "fails", "unsaid", "unmeasured"}}
 *
 * Of several ratios the median is asked, with the medians of their interval's ends. A condition
 * holds or fails only when the whole interval says so. Where fewer workers could be measured than
 * are claimed, more can still be ruled out: twice the workers are at most twice as fast.
 */
#ifndef UNGIL_CORE_CLAIMS_H
#define UNGIL_CORE_CLAIMS_H

#include <jansson.h>

/* Gives `result` the member "claims", replacing one that is there:
 *
 *     [{"id", "said", "who", "measured": text or null, "why": text,
 *       "verdict": "holds here|does not hold here|cannot be said|not measured"}]
 */
void claims_add(json_t *result);

/* The same for claims of one's own; a new reference. */
json_t *claims_judge(json_t *claims, json_t *result);

#endif
