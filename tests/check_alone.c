/* `tritmill check` as a program of its own, for CPUs that are emulated: nothing but kernels,
 * reference and check, from libc alone. */
#include "runtime/commands.h"

int main(int argc, char **argv)
{
    return trit_cmd_check.run(argc, argv);
}
