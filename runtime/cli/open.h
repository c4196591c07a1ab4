/* A model opened for a command: the engine, with what people see of it. */
#ifndef TRIT_OPEN_H
#define TRIT_OPEN_H

#include "runtime/decode/decode.h"
#include "runtime/engine/engine.h"

/* The path of the model that -m names: a file, else one of that name in the models folder
   (runtime/store/store.h); NULL: the default one. TRIT_EARGUMENT: the name may be several;
   TRIT_EIO: a hub's name, OWNER/REPO, of which there is nothing: the text says how to get it. A
   word that is no name of a model is taken for a path, which need not be there. */
enum trit_code trit_cli_find_model(const char *model, char *path, size_t room,
                                   struct trit_error *error);

/* trit_engine_open of what trit_cli_find_model finds. */
enum trit_code trit_cli_open_model(struct trit_engine *engine, const char *model,
                                   struct trit_error *error);

/* The option of commands that take a model, a text at offset `at`. */
/* clang-format off */
#define TRIT_MODEL_OPTION(at) \
    { "-m,--model", TRIT_OPT_TEXT, at, "FILE", \
      "the model, a GGUF file or a name (default: the bundled model, which tells stories)", 0, 0, \
      NULL }
/* clang-format on */

/* The option of commands that load a model, an int at offset `at`, and what it does to the opened
   one (or to none). */
/* clang-format off */
#define TRIT_LAYOUT_OPTION(at) \
    { "--i2s-layout", TRIT_OPT_CHOICE, at, NULL, \
      "how the weights of I2_S stand: 128 in 32 bytes (default), 64 in 16 (written on ARM), or " \
      "four rows together (an older program)", \
      0, 0, "128|64|rows4" }
/* clang-format on */
void trit_cli_layout(struct trit_engine *engine, int layout);

/* What --chat-template says: *text is that of a file, to be freed; NULL where wanted is NULL or the
   name of a built-in template. */
enum trit_code trit_cli_read_template(const char *wanted, char **text, struct trit_error *error);

/* trit_engine_load_model, with a progress line on stderr and lines that say what was ignored of
   profile and packed cache, unless quiet; TRITMILL_LOG=1 tells each matrix's kernels. */
enum trit_code trit_cli_load_model(struct trit_engine *engine, int threads, bool quiet,
                                   struct trit_error *error);

#endif
