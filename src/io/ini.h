/* INI files by inih, made strict: an over-long line, a continuation, a malformed line is an error
 * with its line number, never a truncated value. */
#ifndef UNGIL_IO_INI_H
#define UNGIL_IO_INI_H

/* Called for each key. Returns 0, or a negative error it has recorded (file and line are put in
 * front of the message). */
typedef int ini_key(void *arg, int line, const char *section, const char *key, const char *value);
int ini_read_text(const char *name, const char *text, ini_key *handle, void *arg);

#endif
