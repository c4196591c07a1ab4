/* A pool of three threads as the state of a group of tests. */
#include "tests/lib_pool.h"

#include "runtime/thread/pool.h"

int trit_test_pool_setup(void **state)
{
    struct trit_pool *pool;
    if (trit_pool_create(&pool, 3, NULL))
        return -1;
    *state = pool;
    return 0;
}

int trit_test_pool_teardown(void **state)
{
    trit_pool_destroy(*state);
    return 0;
}
