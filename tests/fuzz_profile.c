/* Can any bytes make the reader of profiles, or what uses a profile, step outside them? */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plan/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be written, and reads back as the same text. */
static void write_back(const struct trit_profile *profile)
{
    char *text, *again;
    size_t bytes, n;
    struct trit_profile *back;
    if (trit_profile_print(profile, &text, &bytes, NULL) ||
        trit_profile_parse(&back, "fuzz", text, bytes, NULL) ||
        trit_profile_print(back, &again, &n, NULL) || n != bytes || memcmp(text, again, n) != 0)
        __builtin_trap();
    trit_profile_free(back);
    free(text);
    free(again);
}

/* Libraries are left alone: they would be looked for on the disk. */
static void use(struct trit_profile *profile)
{
    char why[256];
    struct trit_profile_plan plan;
    profile->tried = profile->nlibraries;
    trit_profile_judge(profile, why, sizeof why);
    for (size_t i = 0; i < profile->nrows; i++) {
        const struct trit_profile_row *row = &profile->rows[i];
        if (trit_profile_share(profile, row) < 0)
            __builtin_trap();
        const struct trit_product product = { row->n, row->k, { 0, TRIT_TRITS }, row->threads };
        trit_profile_plan(profile, &product, &plan);
    }
}

/* Bad input must also leave an error behind: one line, not empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_profile *profile;
    struct trit_error error = { 0 };
    if (trit_profile_parse(&profile, "fuzz", (const char *)data, size, &error) == TRIT_OK) {
        write_back(profile);
        use(profile);
    } else if (!*error.text || profile) {
        __builtin_trap();
    }
    trit_profile_free(profile);
    return 0;
}
