/* Draws core/progress.h on stderr: on a terminal one line a task with stage, bar, elapsed and ETA;
 * else a line a stage and a heartbeat each minute. */
#ifndef UNGIL_CLI_PROGRESS_H
#define UNGIL_CLI_PROGRESS_H

struct progress;
/* Owned by the cli, one at a time; also registers the log interlude. Ends with progress_display_end
 * (clears the lines). */
const struct progress *progress_display_begin(void);
void progress_display_end(void);

#endif
