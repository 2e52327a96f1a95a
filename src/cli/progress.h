/* Draws core/progress.h on stderr: on a terminal one line a task with stage, bar, elapsed and ETA,
 * drawn in place; else a line a finished stage, and a heartbeat each minute. */
#ifndef UNGIL_CLI_PROGRESS_H
#define UNGIL_CLI_PROGRESS_H

struct progress;
/* Owned by the cli, one at a time; also registers the log interlude, so that notes are printed
 * above the lines. Ends with progress_display_end (clears the lines; nothing when none began). */
const struct progress *progress_display_begin(void);
void progress_display_end(void);

#endif
