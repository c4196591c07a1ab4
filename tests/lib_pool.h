/* A pool of three threads as the state of a group of tests. */
#ifndef TRIT_LIB_POOL_H
#define TRIT_LIB_POOL_H

int trit_test_pool_setup(void **state);
int trit_test_pool_teardown(void **state);

#endif
