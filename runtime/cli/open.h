/* A model opened for a command: the engine, with what people see of it. */
#ifndef TRIT_OPEN_H
#define TRIT_OPEN_H

#include "runtime/decode/decode.h"
#include "runtime/engine/engine.h"

/* trit_engine_open of the file, or of the default model (NULL; runtime/cli/default.h). */
enum trit_code trit_cli_open_model(struct trit_engine *engine, const char *model,
                                   struct trit_error *error);

/* Of an opened model: whether drafts can come from there (TRIT_EARGUMENT: not from a prediction
   block that the file has not), and that the block is loaded where they come from it. */
enum trit_code trit_cli_want_drafts(struct trit_engine *engine, enum trit_draft from,
                                    struct trit_error *error);

/* trit_engine_load_model, with a progress line on stderr and lines that say what was ignored of
   profile and packed cache, unless quiet; TRITMILL_LOG=1 tells each matrix's kernels. */
enum trit_code trit_cli_load_model(struct trit_engine *engine, int threads, bool quiet,
                                   struct trit_error *error);

#endif
