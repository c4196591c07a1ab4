/* Private to `tritmill profile`: profiles for people. */
#ifndef TRIT_CMD_PROFILE_H
#define TRIT_CMD_PROFILE_H

#include <stdio.h>

#include "runtime/cli.h"
#include "runtime/cli_json.h"
#include "runtime/profile.h"

/* "47.1 us" or "5.21 ms" into out (16 bytes). Returns out. */
char *trit_profile_time(double ns, char *out);

void trit_profile_show(const struct trit_profile *profile, FILE *to);
json_t *trit_profile_json(const struct trit_profile *profile);
/* What differs from a to b; returns how many plans do. */
size_t trit_profile_diff(const struct trit_profile *a, const struct trit_profile *b, FILE *to);

#endif
