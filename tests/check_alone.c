/* `tritmill check` as a program of its own, for CPUs that are emulated: kernels, reference and
   check, from libc alone. It has neither generator nor compiler. */
#include "autotune/check/internal.h"
#include "runtime/cli/commands.h"

enum trit_code trit_check_make(const struct trit_check_make *what, struct trit_check_made *made,
                               struct trit_error *error)
{
    (void)what;
    *made = (struct trit_check_made){ 0 };
    return trit_fail(error, TRIT_EUNSUPPORTED, "check: this program cannot make kernels");
}

void trit_check_unmake(struct trit_check_made *made)
{
    (void)made;
}

const struct trit_kernel *trit_check_made_kernel(const struct trit_check_made *made, size_t i,
                                                 const char **why)
{
    (void)made, (void)i;
    *why = NULL;
    return NULL;
}

int main(int argc, char **argv)
{
    return trit_cmd_check.run(argc, argv);
}
