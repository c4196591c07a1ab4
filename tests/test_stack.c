/* Do all kernels run on a thread with a small stack? */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/child.h"
#include "runtime/kernel/probe.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { STACK = 1 << 20 }; /* frames are larger */
#else
enum { STACK = 96 << 10 }; /* the kernel's 64 KiB, and what the check around it takes */
#endif
enum { GUARD = 4 << 20 }; /* below it: more than any frame could jump over */

static void *try(void *kernel)
{
    return trit_kernel_probe(kernel) ? NULL : kernel;
}

/* In a child: on a stack with a guard below it. */
static bool on_a_small_stack(void *kernel)
{
    pthread_attr_t attr;
    pthread_t thread;
    void *wrong = kernel;
    uint8_t *memory = mmap(NULL, GUARD + STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + GUARD, STACK, PROT_READ | PROT_WRITE) ||
        pthread_attr_init(&attr) || pthread_attr_setstack(&attr, memory + GUARD, STACK) ||
        pthread_create(&thread, &attr, try, kernel))
        return false;
    pthread_join(thread, &wrong);
    return !wrong;
}

static void every_kernel_fits(void **state)
{
    (void)state;
    const struct trit_kernel *kernel;
    size_t wrong = 0;
    for (size_t i = 0; (kernel = trit_kernel_at(i)); i++) {
        if (!trit_isa_usable(kernel->isa, NULL))
            continue;
        struct trit_kernel copy = *kernel;
        const char *died = trit_try(on_a_small_stack, &copy);
        if (died)
            printf("%s: %s on a stack of %d KiB\n", kernel->name, died, STACK >> 10);
        wrong += died != NULL;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kernel_fits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
