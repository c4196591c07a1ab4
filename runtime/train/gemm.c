/* OpenBLAS behind one function. It is loaded when a model is trained, so that programs which only
   run models start without it, and need not have it. */
#include "runtime/train/gemm.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stdlib.h>

#ifdef TRIT_TRAIN_DOUBLE
#define GEMM cblas_dgemm
#define NAME "cblas_dgemm"
#else
#define GEMM cblas_sgemm
#define NAME "cblas_sgemm"
#endif

static __typeof__(GEMM) *multiply;
static __typeof__(openblas_get_corename) *corename;

enum trit_code trit_gemm_open(struct trit_error *error)
{
    static const char threads[] = "OPENBLAS_NUM_THREADS";
    if (multiply)
        return TRIT_OK;
    const bool told = getenv(threads) != NULL;
    if (!told)
        setenv(threads, "1", 1); /* it would start threads of its own as it is loaded */
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!told)
        unsetenv(threads);
    if (!library)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "training needs OpenBLAS (Debian: libopenblas0): %s", dlerror());
    __typeof__(openblas_set_num_threads) *set;
    *(void **)&set = dlsym(library, "openblas_set_num_threads");
    *(void **)&multiply = dlsym(library, NAME);
    *(void **)&corename = dlsym(library, "openblas_get_corename");
    if (!set || !multiply) {
        multiply = NULL;
        dlclose(library);
        return trit_fail(error, TRIT_EUNSUPPORTED, "libopenblas.so.0 has no %s", NAME);
    }
    set(1);
    return TRIT_OK;
}

const char *trit_gemm_kernels(void)
{
    return multiply && corename ? corename() : "?";
}

void trit_gemm(const struct trit_gemm *g)
{
    multiply(CblasRowMajor, g->across ? CblasTrans : CblasNoTrans,
             g->rows ? CblasTrans : CblasNoTrans, (blasint)g->m, (blasint)g->n, (blasint)g->k,
             g->alpha, g->a, (blasint)g->lda, g->b, (blasint)g->ldb, g->beta, g->c,
             (blasint)g->ldc);
}
