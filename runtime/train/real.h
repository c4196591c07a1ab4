/* The numbers that are trained: binary32, or binary64 for checks of gradients. */
#ifndef TRIT_TRAIN_REAL_H
#define TRIT_TRAIN_REAL_H

#ifdef TRIT_TRAIN_DOUBLE
typedef double trit_real;
#else
typedef float trit_real;
#endif

#endif
