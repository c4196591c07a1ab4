/* `tritmill list`, `create` and `rm`: the models folder from the command line. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/text.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/json.h"
#include "runtime/store/store.h"

struct options {
    const char *models, *file;
    int output; /* "md|json" */
};

#define AT(member) offsetof(struct options, member)
#define MODELS                                                                                   \
    {                                                                                            \
        "--models", TRIT_OPT_TEXT, AT(models), "DIR",                                            \
            "the models folder (default: TRITMILL_MODELS, else ~/.local/share/tritmill/models)", \
            0, 0, NULL                                                                           \
    }
static const struct trit_option list_options[] = {
    MODELS,
    { "-o,--output", TRIT_OPT_CHOICE, AT(output), NULL, "a table (default), or json", 0, 0,
      "md|json" },
};
static const struct trit_option create_options[] = {
    { "-f,--file", TRIT_OPT_TEXT, AT(file), "FILE", "the Modelfile (default: Modelfile; -: stdin)",
      0, 0, NULL },
    MODELS,
};
static const struct trit_option rm_options[] = { MODELS };
#undef MODELS
#undef AT

static const char *date_of(int64_t seconds, char out[24])
{
    const time_t t = (time_t)seconds;
    struct tm tm;
    if (!localtime_r(&t, &tm) || !strftime(out, 24, "%Y-%m-%d %H:%M", &tm))
        snprintf(out, 24, "?");
    return out;
}

static void print_table(const struct trit_store_model *models, size_t n)
{
    int width = 4;
    for (size_t i = 0; i < n; i++)
        width = (int)strlen(models[i].name) > width ? (int)strlen(models[i].name) : width;
    printf("%-*s  %10s  %10s  %-8s  %s\n", width, "NAME", "SIZE", "PARAMETERS", "TYPE", "MODIFIED");
    for (size_t i = 0; i < n; i++) {
        const struct trit_store_model *m = &models[i];
        char bytes[16], date[24];
        printf("%-*s  %10s  %10s  %-8s  %s\n", width, m->name,
               m->missing ? "gone" : trit_bytes_text((double)m->bytes, bytes), m->parameters,
               m->type, date_of(m->modified, date));
    }
}

static enum trit_code print_json(const struct trit_store_model *models, size_t n,
                                 struct trit_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct trit_store_model *m = &models[i];
        json_array_append_new(
            list, json_pack("{sosososssssssosIsb}", "name",
                            trit_json_text((struct trit_text){ m->name, strlen(m->name) }), "path",
                            trit_json_text((struct trit_text){ m->path, strlen(m->path) }), "size",
                            trit_json_u64(m->bytes), "digest", m->digest, "parameters",
                            m->parameters, "type", m->type, "family",
                            trit_json_text((struct trit_text){ m->family, strlen(m->family) }),
                            "modified", (json_int_t)m->modified, "created", (int)m->created));
    }
    return trit_json_print(list, error);
}

/* Options, and a name where the command takes one; then the folder is opened. */
static int begin(const struct trit_command *command, int argc, char **argv, struct options *o,
                 const char **name, struct trit_store **store)
{
    struct trit_error error;
    struct trit_rest names = { name, 1, 0 };
    const enum trit_parse parsed = trit_cli_parse(command, argc, argv, o, name ? &names : NULL);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (name && !names.n)
        return trit_cli_usage_error("%s: give the model's name (usage: tritmill %s %s)",
                                    command->name, command->name, command->usage);
    return trit_store_open(store, o->models, &error) ? trit_cli_error(&error) : 0;
}

static int run_list(int argc, char **argv)
{
    struct options o = { 0 };
    struct trit_error error;
    struct trit_store *store = NULL;
    struct trit_store_model *models = NULL;
    size_t n;
    const int failed = begin(&trit_cmd_list, argc, argv, &o, NULL, &store);
    if (failed || !store)
        return failed;
    enum trit_code code = trit_store_list(store, &models, &n, &error);
    if (!code && o.output)
        code = print_json(models, n, &error);
    else if (!code && n)
        print_table(models, n);
    else if (!code)
        fprintf(stderr, "tritmill: no models in %s ('tritmill pull OWNER/REPO' gets one)\n",
                trit_store_folder(store));
    free(models);
    trit_store_close(store);
    return code ? trit_cli_error(&error) : 0;
}

/* The folder of a Modelfile, which its paths are relative to. */
static void folder_of(const char *file, char *out, size_t room)
{
    const char *slash = strrchr(file, '/');
    if (slash)
        snprintf(out, room, "%.*s", slash > file ? (int)(slash - file) : 1, file);
    else
        snprintf(out, room, ".");
}

static enum trit_code create(struct trit_store *store, const char *name, const char *file,
                             struct trit_error *error)
{
    char folder[PATH_MAX], notes[4096], *text;
    size_t bytes;
    struct trit_modelfile m = { 0 };
    enum trit_code code = trit_file_read(file, TRIT_MODELFILE_MOST, &text, &bytes, error);
    if (code)
        return code;
    code = trit_modelfile_parse(&m, text, bytes, file, error);
    free(text);
    folder_of(file, folder, sizeof folder);
    if (!code && !m.from)
        code = trit_fail(error, TRIT_EFORMAT, "%s: has no line FROM", file);
    if (!code)
        code = trit_store_create(store, name, &m, folder, error);
    if (!code) {
        trit_modelfile_notes(&m, notes, sizeof notes);
        for (char *line = strtok(notes, "\n"); line; line = strtok(NULL, "\n"))
            fprintf(stderr, "tritmill: %s\n", line);
    }
    trit_modelfile_free(&m);
    return code;
}

static int run_create(int argc, char **argv)
{
    struct options o = { .file = "Modelfile" };
    struct trit_error error;
    struct trit_store *store = NULL;
    const char *name = NULL;
    const int failed = begin(&trit_cmd_create, argc, argv, &o, &name, &store);
    if (failed || !store)
        return failed;
    const enum trit_code code = create(store, name, o.file, &error);
    trit_store_close(store);
    if (!code)
        printf("created %s\n", name);
    return code ? trit_cli_error(&error) : 0;
}

static int run_rm(int argc, char **argv)
{
    struct options o = { 0 };
    struct trit_error error;
    struct trit_store *store = NULL;
    const char *name = NULL;
    char said[TRIT_STORE_PATH + TRIT_STORE_NAME + 64];
    const int failed = begin(&trit_cmd_rm, argc, argv, &o, &name, &store);
    if (failed || !store)
        return failed;
    const enum trit_code code = trit_store_delete(store, name, said, sizeof said, &error);
    trit_store_close(store);
    if (!code)
        puts(said);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_list = {
    .name = "list",
    .summary = "list the models of the models folder",
    .usage = "[options]",
    .detail = "Names are what -m takes: of files that were pulled or put there, and of models made "
              "by 'tritmill create'.",
    .options = list_options,
    .noptions = sizeof list_options / sizeof *list_options,
    .run = run_list,
};

const struct trit_command trit_cmd_create = {
    .name = "create",
    .summary = "give a model a name, parameters and texts by a Modelfile",
    .usage = "NAME[:TAG] [-f FILE] [options]",
    .detail = "Modelfiles are Ollama's: FROM (a file, or a name), PARAMETER, SYSTEM, TEMPLATE (in "
              "Jinja; one of Go is\nkept, and the model's own is used), MESSAGE, LICENSE. A file "
              "outside of the models folder gets a hard\nlink in it, or is copied; it is never "
              "moved.",
    .options = create_options,
    .noptions = sizeof create_options / sizeof *create_options,
    .run = run_create,
};

const struct trit_command trit_cmd_rm = {
    .name = "rm",
    .summary = "remove a model from the models folder",
    .usage = "NAME[:TAG] [options]",
    .detail =
        "Of a created one its name, and its file where no other name has it and it lies among "
        "the blobs; of a file\nthe file itself, unless a created name uses it.",
    .options = rm_options,
    .noptions = sizeof rm_options / sizeof *rm_options,
    .run = run_rm,
};
