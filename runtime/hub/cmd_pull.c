/* `tritmill pull`: getting a model's file from a hub. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/cli/commands.h"
#include "runtime/hub/internal.h"

struct options {
    const char *models, *revision;
    int retries;
    double timeout;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "--models", TRIT_OPT_TEXT, AT(models), "DIR",
      "the models folder (default: TRITMILL_MODELS, else ~/.local/share/tritmill/models)", 0, 0,
      NULL },
    { "--revision", TRIT_OPT_TEXT, AT(revision), "NAME",
      "a branch, tag or commit of the repository (default main)", 0, 0, NULL },
    { "--timeout", TRIT_OPT_FLOAT, AT(timeout), "SECONDS",
      "how long a server may be silent (default 30)", 0.1, 3600, NULL },
    { "--retries", TRIT_OPT_INT, AT(retries), "N",
      "tries in a row that bring nothing, before it is given up (default 5)", 0, 1000, NULL },
};
#undef AT

/* What the argument says: OWNER/REPO[:FILE|TYPE]. wanted: "" where it is not said. */
static bool split(const char *name, struct trit_hub_list *list, char *wanted, size_t room)
{
    const char *bare = trit_store_bare_name(name), *slash = strchr(bare, '/'),
               *colon = strchr(bare, ':');
    if (!trit_store_is_hub_name(name) || !slash)
        return false;
    snprintf(list->owner, sizeof list->owner, "%.*s", (int)(slash - bare), bare);
    snprintf(list->repo, sizeof list->repo, "%.*s", (int)strcspn(slash + 1, ":"), slash + 1);
    snprintf(wanted, room, "%s", colon ? colon + 1 : "");
    return true;
}

static enum trit_code pull(struct trit_hub *hub, const struct options *o,
                           struct trit_hub_list *list, const char *wanted, struct trit_error *error)
{
    const struct trit_hub_file *file;
    struct trit_hub_outlook outlook;
    char path[TRIT_STORE_PATH], bytes[16];
    enum trit_code code = trit_hub_open(hub, error);
    hub->timeout = o->timeout;
    hub->retries = o->retries;
    if (!code)
        code = trit_hub_files(hub, list, error);
    if (!code)
        code = trit_hub_choose(hub, list, *wanted ? wanted : NULL, &file, &outlook, error);
    if (code)
        return code;
    fprintf(stderr, "tritmill: taking %s (%s): %s%s%s\n", file->path,
            trit_bytes_text((double)file->bytes, bytes),
            outlook.runs ? "" : "does not run here: ", outlook.line,
            *wanted       ? ""
            : list->n > 1 ? "; the best of the repository's files that runs here"
                          : "; the only file of the repository");
    code = trit_hub_fetch(hub, list, file, path, error);
    if (!code)
        puts(path);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = { .revision = "main", .timeout = 30, .retries = 5 };
    struct trit_error error;
    struct trit_hub_list list = { 0 };
    struct trit_hub hub = { 0 };
    const char *name = NULL;
    char wanted[160];
    struct trit_rest names = { &name, 1, 0 };
    const enum trit_parse parsed = trit_cli_parse(&trit_cmd_pull, argc, argv, &o, &names);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    if (!names.n || !split(name, &list, wanted, sizeof wanted))
        return trit_cli_usage_error("pull: give OWNER/REPO (usage: tritmill pull %s)",
                                    trit_cmd_pull.usage);
    if (strlen(o.revision) >= sizeof list.revision || strstr(o.revision, ".."))
        return trit_cli_usage_error("pull: --revision %.60s: is no revision", o.revision);
    snprintf(list.revision, sizeof list.revision, "%s", o.revision);
    trit_catch_stop();
    enum trit_code code = trit_store_open(&hub.store, o.models, &error);
    if (!code)
        code = pull(&hub, &o, &list, wanted, &error);
    trit_hub_close(&hub);
    trit_store_close(hub.store);
    free(list.v);
    return code ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_pull = {
    .name = "pull",
    .summary = "get a model's file from a hub",
    .usage = "OWNER/REPO[:FILE|TYPE] [options]",
    .detail =
        "The file then lies in DIR/OWNER/REPO, its path is printed, and -m OWNER/REPO[:TYPE] finds "
        "it. It is\nverified by the SHA-256 that the hub lists. Interrupted, the same command goes "
        "on where it ended.\nWithout FILE or TYPE the best file that runs here is taken: one that "
        "keeps more of the weights, then\nthe faster, then the smaller one; their headers are got "
        "for that. HF_ENDPOINT names another hub, and\nHF_TOKEN (or ~/.cache/huggingface/token) "
        "is sent to the hub itself and to no other host.",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .run = run,
};
