/* INI files by inih, made strict: an over-long line, a continuation, a malformed line is an error
 * with its line number, never a truncated value. */
#ifndef UNGIL_IO_INI_H
#define UNGIL_IO_INI_H

/* Called for each section with key and value NULL (inih itself says nothing of one without keys),
 * then for each key in it. Returns 0, or a negative error it has recorded (name and line are put in
 * front of the message). `section` is "" before the first one. */
typedef int ini_key(void *arg, int line, const char *section, const char *key, const char *value);
/* E_USAGE for what is no INI text. */
int ini_read_text(const char *name, const char *text, ini_key *handle, void *arg);

#endif
