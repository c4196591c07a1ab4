/* A model opened for a command: which file, and what is told on the way. */
#include "runtime/cli/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/chat/chat.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/default.h"
#include "runtime/cli/plan.h"
#include "runtime/store/store.h"

static enum trit_code no_model(const char *given, struct trit_error *error)
{
    const char *variable = getenv("TRITMILL_MODEL");
    if (given)
        return trit_fail(error, TRIT_EARGUMENT, "-m %.40s...: the name is too long", given);
    if (variable)
        return trit_fail(error, TRIT_EIO, "TRITMILL_MODEL=%s: no such file", variable);
    return trit_fail(error, TRIT_EARGUMENT, "no model: name one with -m FILE");
}

/* What the models folder has of that name; *none: nothing. */
static enum trit_code find_by_name(const char *name, char *path, size_t room, bool *none,
                                   struct trit_error *error)
{
    struct trit_store_model model;
    struct trit_store *store;
    enum trit_code code = trit_store_open(&store, NULL, error);
    *none = code;
    if (code)
        return trit_store_is_hub_name(name) ? code : TRIT_OK;
    code = trit_store_find(store, name, &model, error);
    *none = code == TRIT_EIO;
    if (!code && snprintf(path, room, "%s", model.path) >= (int)room)
        code = trit_fail(error, TRIT_EARGUMENT, "%.40s...: the path is too long", model.path);
    if (*none && trit_store_is_hub_name(name))
        code = trit_fail(error, TRIT_EIO,
                         "%.200s: no such file, and no model of that name in %.512s: 'tritmill "
                         "pull %.200s' gets it",
                         name, trit_store_folder(store), name);
    else if (*none)
        code = TRIT_OK;
    trit_store_close(store);
    return code;
}

enum trit_code trit_cli_find_model(const char *model, char *path, size_t room,
                                   struct trit_error *error)
{
    const char *variable = getenv("TRITMILL_MODEL"), *word = model ? model : variable;
    bool none = true;
    if (word && trit_store_is_name(word) && access(word, F_OK)) {
        const enum trit_code code = find_by_name(word, path, room, &none, error);
        if (code || !none)
            return code;
    }
    return trit_default_model(model, path, room) ? TRIT_OK : no_model(model, error);
}

enum trit_code trit_cli_open_model(struct trit_engine *e, const char *model,
                                   struct trit_error *error)
{
    char path[sizeof e->path];
    *e = (struct trit_engine){ 0 };
    const enum trit_code code = trit_cli_find_model(model, path, sizeof path, error);
    return code ? code : trit_engine_open(e, path, error);
}

void trit_cli_layout(struct trit_engine *e, int layout)
{
    if (e->gguf)
        e->gguf->i2s = (enum trit_i2s)layout;
}

enum trit_code trit_cli_read_template(const char *wanted, char **text, struct trit_error *error)
{
    enum { MOST = 1 << 20 };
    size_t bytes;
    *text = NULL;
    for (const char *const *name = trit_chat_names(); wanted && *name; name++)
        if (!strcmp(wanted, *name))
            return TRIT_OK;
    return wanted ? trit_file_read(wanted, MOST, text, &bytes, error) : TRIT_OK;
}

static void tell(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "tritmill: %s\n", line);
}

/* Which it is, and whether it is stale. */
static void log_profile(const struct trit_profile *profile)
{
    char why[256];
    if (!profile)
        return;
    trit_profile_judge(profile, why, sizeof why);
    fprintf(stderr, "profile %s%s%s\n", profile->path, *why ? ": stale: " : "", why);
}

enum trit_code trit_cli_load_model(struct trit_engine *e, int threads, bool quiet,
                                   struct trit_error *error)
{
    struct trit_progress progress = { 0 };
    if (!quiet)
        trit_progress_begin(&progress, "loading");
    e->progress = trit_progress_step;
    e->progress_arg = &progress;
    e->tell = quiet ? NULL : tell;
    enum trit_code code = trit_engine_load_model(e, threads, error);
    e->progress_arg = NULL;
    e->progress = NULL;
    trit_progress_end(&progress);
    const char *log = getenv("TRITMILL_LOG");
    if (!code && log && !strcmp(log, "1")) {
        log_profile(e->profile);
        if (trit_engine_cache_used(e))
            fprintf(stderr, "packed cache %s\n", trit_engine_cache_used(e));
        trit_plan_log(e->model, stderr);
    }
    return code;
}
