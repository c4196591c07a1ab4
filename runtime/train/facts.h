/* What --name and --meta say of a model. */
#ifndef TRIT_TRAIN_FACTS_H
#define TRIT_TRAIN_FACTS_H

#include "runtime/cli/cli.h"
#include "runtime/train/export.h"

struct trit_train_facts {
    struct trit_train_fact list[1 + TRIT_LIST_MAX];
    size_t n;
};

/* name: NULL, or general.name; meta: "KEY=VALUE" each. Values point into what is given, which must
   outlive facts. TRIT_EARGUMENT names the option and what is wrong: a key that cannot be, that is
   given twice or that the file has anyway, a text that is not UTF-8, a number of sampling that is
   none or out of range. facts: zeros before; trit_train_facts_free whatever comes. */
enum trit_code trit_train_facts_read(struct trit_train_facts *facts, const char *name,
                                     const struct trit_texts *meta, struct trit_error *error);
void trit_train_facts_free(struct trit_train_facts *facts);

#endif
