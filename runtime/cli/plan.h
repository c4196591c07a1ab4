/* Showing which kernels the matrices of a model got, and why. */
#ifndef TRIT_CLI_PLAN_H
#define TRIT_CLI_PLAN_H

#include <stdio.h>

#include "runtime/model/model.h"

/* A line or two for each kind of matrix. */
void trit_plan_show(const struct trit_model *model, FILE *to);
/* One line per matrix: what TRITMILL_LOG=1 asks for. */
void trit_plan_log(const struct trit_model *model, FILE *to);

#endif
