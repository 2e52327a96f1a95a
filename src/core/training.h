/* placeholder until merged */
#ifndef UNGIL_CORE_TRAINING_H
#define UNGIL_CORE_TRAINING_H
#include <stdbool.h>
struct training_facts {
    char *origin;
    long missing;
    long files;
    unsigned long long bytes;
    char *date;
    char *tests;
};
void training_facts_free(struct training_facts *f);
char *training_key(const char *key_text);
int training_restore(const char *cache, const char *key_text, const char *tree, bool *found,
                     struct training_facts *facts);
int training_save(const char *cache, const char *key_text, const char *tree,
                  const struct training_facts *facts);
int training_forget(const char *cache, const char *key_text);
#endif
