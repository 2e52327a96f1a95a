/* Keeping untrusted children in: no network, and nothing that outlives them. For the whole of this
 * process, and for good: for a verb that has nothing else to do afterwards. */
#ifndef UNGIL_BASE_CONFINE_H
#define UNGIL_BASE_CONFINE_H

/* Leaves the network: a new network namespace without any interface, inherited by every child. As
 * root, or by way of a user namespace (this user stays itself in it). Returns NULL on success, else
 * why it could not be had (owned); then nothing has changed. */
char *confine_network(void);

/* Orphaned descendants (daemons) become children of this process, so that they can be found. */
void confine_adopt(void);
/* Kills every child and adopted descendant, and waits for them. Only while none of ungil's own is
 * running. */
void confine_kill_all(void);

#endif
