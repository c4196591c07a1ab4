/* Runs generator/generate.lua in a child process: what it may call, and how much memory and how
   many instructions it gets. */
#define _GNU_SOURCE
#include "generator/generate.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "generator/generate_child.h"
#include "runtime/base/arch.h"
#include "runtime/base/file.h"
#include "runtime/base/output.h"

enum {
    FILE_LIMIT = 16 << 20,
    HOOK_STEP = 1000000,
    HOOK_LIMIT = 500, /* times HOOK_STEP instructions: seconds; all templates together need a tenth
                         of one step */
    MEMORY_LIMIT = 128 << 20, /* all templates together need a quarter */
    MAX_INPUTS = 1024,
};

struct host {
    const struct trit_generate *what;
    size_t memory;
    int steps;
    char *doing;
    char *inputs[MAX_INPUTS]; /* files that were read, which live in this process */
    size_t ninputs;
};

static struct host *host_of(lua_State *lua)
{
    void *ud;
    lua_getallocf(lua, &ud);
    return ud;
}

static void *host_alloc(void *ud, void *block, size_t old, size_t size)
{
    struct host *host = ud;
    if (!block)
        old = 0;
    if (size == 0) {
        host->memory -= old;
        free(block);
        return NULL;
    }
    if (host->memory - old + size > MEMORY_LIMIT)
        return NULL;
    void *p = realloc(block, size);
    if (p)
        host->memory += size - old;
    return p;
}

static void host_hook(lua_State *lua, lua_Debug *debug)
{
    if (++host_of(lua)->steps <= HOOK_LIMIT)
        return;
    lua_getinfo(lua, "Sl", debug);
    lua_pushfstring(lua, "%s:%d: runs too long: a loop without end?", debug->short_src,
                    debug->currentline);
    lua_error(lua);
}

/* read(path) -> text, or nil where it cannot be read. */
static int host_read(lua_State *lua)
{
    struct host *host = host_of(lua);
    const char *path = luaL_checkstring(lua, 1);
    char *data;
    size_t bytes;
    if (trit_file_read(path, FILE_LIMIT, &data, &bytes, NULL))
        return 0;
    if (host->ninputs < MAX_INPUTS && (host->inputs[host->ninputs] = strdup(path)))
        host->ninputs++;
    lua_pushlstring(lua, data, bytes);
    free(data);
    return 1;
}

static bool same_content(const char *path, const char *text, size_t bytes)
{
    char *old;
    size_t n;
    if (trit_file_read(path, FILE_LIMIT, &old, &n, NULL))
        return false;
    bool same = n == bytes && !memcmp(old, text, n);
    free(old);
    return same;
}

/* The first lines of all that generate.lua writes. */
static bool is_generated(const char *head, size_t bytes)
{
    static const char *const starts[] = { "/* The vocabulary of ISA ",
                                          "/* The table of a kernel library: generated",
                                          "TRIT_KERNEL(",
                                          "TRIT_ISA(",
                                          "TRIT_PACKING(",
                                          "trit_kernel(",
                                          "#define TRIT_KERNEL_SET " };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (trit_head_is(head, bytes, starts[i]))
            return true;
    const char *end = memchr(head, '\n', bytes);
    return end && trit_head_is(head, bytes, "/* trit_") &&
           memmem(head, (size_t)(end - head), ": generated from ", 17);
}

static const struct trit_file_kind generated = { "a generated file", is_generated, 0666 };

/* Throws error.text. */
static int throw(lua_State * lua, const struct trit_error *error)
{
    lua_pushstring(lua, error->text);
    return lua_error(lua);
}

/* claim(path): an error where it may not be written, before there is anything to write. */
static int host_claim(lua_State *lua)
{
    const char *path = luaL_checkstring(lua, 1);
    struct trit_error error;
    if (trit_output_check(path, &generated, NULL, 0, &error))
        return throw(lua, &error);
    return 0;
}

/* folder(path): makes it, unless it is there. */
static int host_folder(lua_State *lua)
{
    const char *path = luaL_checkstring(lua, 1);
    struct trit_error error;
    if (!mkdir(path, 0777) || errno == EEXIST)
        return 0;
    trit_fail(&error, TRIT_EIO, "%s: cannot make the folder: %s", path, strerror(errno));
    return throw(lua, &error);
}

/* write(path, text): only where the file's content differs. */
static int host_write(lua_State *lua)
{
    size_t bytes;
    const char *path = luaL_checkstring(lua, 1), *text = luaL_checklstring(lua, 2, &bytes);
    struct host *host = host_of(lua);
    struct trit_error error = { 0 };
    struct trit_file *file;
    if (same_content(path, text, bytes))
        return 0;
    if (!trit_output_check(path, &generated, (const char *const *)host->inputs, host->ninputs,
                           &error) &&
        !trit_file_create_as(&file, path, &generated, &error)) {
        trit_file_write(file, text, bytes);
        if (!trit_file_commit(file, &error))
            return 0;
    }
    return throw(lua, &error);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* list(dir) -> names, sorted; none where there is no such folder. */
static int host_list(lua_State *lua)
{
    const char *dir = luaL_checkstring(lua, 1);
    struct dirent **names;
    int n = scandir(dir, &names, visible, alphasort);
    if (n < 0 && errno == ENOENT) {
        lua_newtable(lua);
        return 1;
    }
    if (n < 0) {
        lua_pushfstring(lua, "%s: %s", dir, strerror(errno));
        return lua_error(lua);
    }
    lua_createtable(lua, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushstring(lua, names[i]->d_name);
        lua_rawseti(lua, -2, i + 1);
        free(names[i]);
    }
    free(names);
    return 1;
}

/* doing(name): what it is at. */
static int host_doing(lua_State *lua)
{
    trit_generate_doing(host_of(lua)->doing, luaL_checkstring(lua, 1));
    return 0;
}

/* wants(name) -> whether the caller wants that variant. */
static int host_wants(lua_State *lua)
{
    const struct trit_generate *what = host_of(lua)->what;
    lua_pushboolean(lua, !what->want || what->want(what->want_arg, luaL_checkstring(lua, 1)));
    return 1;
}

/* hash(text) -> 16 hexadecimal digits of 64-bit FNV-1a: names the text of a kernel in profiles. Lua
   takes seconds for it: all kernels and their vocabularies are tens of megabytes. */
static int host_hash(lua_State *lua)
{
    size_t length;
    const char *text = luaL_checklstring(lua, 1, &length);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    char digits[17];
    snprintf(digits, sizeof digits, "%016" PRIx64, hash);
    lua_pushstring(lua, digits);
    return 1;
}

static const luaL_Reg host_functions[] = {
    { "read", host_read },   { "claim", host_claim }, { "folder", host_folder },
    { "write", host_write }, { "list", host_list },   { "doing", host_doing },
    { "wants", host_wants }, { "hash", host_hash },   { NULL, NULL },
};

/* Only the libraries that compute; io, os, debug and package stay shut. */
static const luaL_Reg libraries[] = {
    { LUA_GNAME, luaopen_base },
    { LUA_TABLIBNAME, luaopen_table },
    { LUA_STRLIBNAME, luaopen_string },
    { LUA_MATHLIBNAME, luaopen_math },
    { NULL, NULL },
};

/* require(name): a file of the generator's folder, run once. */
static int host_require(lua_State *lua)
{
    const char *name = luaL_checkstring(lua, 1);
    lua_getfield(lua, LUA_REGISTRYINDEX, name);
    if (!lua_isnil(lua, -1))
        return 1;
    char path[PATH_MAX];
    lua_getfield(lua, LUA_REGISTRYINDEX, "trit_lua");
    snprintf(path, sizeof path, "%s/%s.lua", lua_tostring(lua, -1), name);
    if (luaL_loadfilex(lua, path, "t"))
        return lua_error(lua);
    lua_call(lua, 0, 1);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, LUA_REGISTRYINDEX, name);
    return 1;
}

/* A table of what is not NULL, as field `name` of the table on the stack. */
static void push_folders(lua_State *lua, const struct trit_generate *what)
{
    const char *const folders[] = { what->user_templates, what->templates };
    lua_newtable(lua);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (folders[i]) {
            lua_pushstring(lua, folders[i]);
            lua_rawseti(lua, -2, (lua_Integer)lua_rawlen(lua, -2) + 1);
        }
    lua_setfield(lua, -2, "folders");
}

static void push_shapes(lua_State *lua, const struct trit_generate *what)
{
    lua_newtable(lua);
    for (size_t i = 0; i < what->nshapes; i++) {
        lua_newtable(lua);
        lua_pushinteger(lua, (lua_Integer)what->shapes[i].n);
        lua_setfield(lua, -2, "n");
        lua_pushinteger(lua, (lua_Integer)what->shapes[i].k);
        lua_setfield(lua, -2, "k");
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    lua_setfield(lua, -2, "shapes");
}

static void push_options(lua_State *lua, const struct trit_generate *what)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        { "lua", what->lua },   { "out", what->out },       { "isa", what->isa },
        { "arch", what->arch }, { "suffix", what->suffix },
    };
    lua_newtable(lua);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        lua_pushstring(lua, texts[i].value);
        lua_setfield(lua, -2, texts[i].name);
    }
    lua_pushboolean(lua, what->known_arch);
    lua_setfield(lua, -2, "known_arch");
    push_folders(lua, what);
    push_shapes(lua, what);
    lua_setglobal(lua, "options");
}

/* Runs protected: leaves the list of variants on the stack. */
static int run(lua_State *lua)
{
    const struct trit_generate *what = lua_touserdata(lua, 1);
    for (const luaL_Reg *l = libraries; l->func; l++) {
        luaL_requiref(lua, l->name, l->func, 1);
        lua_pop(lua, 1);
    }
    lua_pushstring(lua, what->lua);
    lua_setfield(lua, LUA_REGISTRYINDEX, "trit_lua");
    lua_pushcfunction(lua, host_require);
    lua_setglobal(lua, "require");
    luaL_newlib(lua, host_functions);
    lua_setglobal(lua, "host");
    push_options(lua, what);
    lua_pushcfunction(lua, host_require);
    lua_pushstring(lua, "generate");
    lua_call(lua, 1, 1);
    lua_getfield(lua, -1, "run");
    lua_call(lua, 0, 1);
    return 1;
}

/* The fields of a variant, in the order in which they go through the pipe, each ended by a 0. */
enum { NAME, SOURCE, TEXT, HASH, ISA, ROW, FLAGS, NFIELDS };
static const char *const fields[NFIELDS] = {
    "id", "source", "text", "hash", "isa", "row", "flags"
};

static void send_variants(lua_State *lua, FILE *to)
{
    size_t n = lua_rawlen(lua, -1);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i);
        for (int f = 0; f < NFIELDS; f++) {
            lua_getfield(lua, -1, fields[f]);
            fputs(lua_tostring(lua, -1), to);
            fputc(0, to);
            lua_pop(lua, 1);
        }
        lua_pop(lua, 1);
    }
}

static void tell_variants(const char *text, size_t bytes, trit_variant_fn *each, void *arg)
{
    const char *end = text + bytes, *of[NFIELDS];
    while (text < end) {
        for (int f = 0; f < NFIELDS; f++) {
            of[f] = text;
            text += strlen(text) + 1;
        }
        const struct trit_variant v = { .name = of[NAME],
                                        .source = of[SOURCE],
                                        .text = of[TEXT],
                                        .hash = of[HASH],
                                        .isa = of[ISA],
                                        .row = of[ROW],
                                        .flags = of[FLAGS],
                                        .bytes = strlen(of[TEXT]) };
        each(arg, &v);
    }
}

struct job {
    struct trit_generate what;
    bool tell; /* the variants */
};

/* In the child. */
static bool generate(void *arg, FILE *to, char *doing)
{
    struct job *job = arg;
    struct host host = { .what = &job->what, .doing = doing };
    lua_State *lua = lua_newstate(host_alloc, &host);
    if (!lua) {
        fputs("generator: no memory for Lua", to);
        return false;
    }
    lua_sethook(lua, host_hook, LUA_MASKCOUNT, HOOK_STEP);
    lua_pushcfunction(lua, run);
    lua_pushlightuserdata(lua, &job->what);
    bool good = lua_pcall(lua, 1, 1, 0) == LUA_OK;
    if (!good) {
        const char *text = lua_tostring(lua, -1);
        fputs(text ? text : "the generator failed", to);
    } else if (job->tell) {
        send_variants(lua, to);
    }
    lua_close(lua);
    while (host.ninputs > 0)
        free(host.inputs[--host.ninputs]);
    return good;
}

/* What was left open: the installed folders, this architecture. */
static enum trit_code fill_in(struct trit_generate *what, char lua[PATH_MAX],
                              char templates[PATH_MAX], struct trit_error *error)
{
    struct stat status;
    if (what->user_templates && stat(what->user_templates, &status))
        return trit_fail(error, TRIT_EARGUMENT, "%s: no such folder of templates: %s",
                         what->user_templates, strerror(errno));
    if (what->user_templates && !S_ISDIR(status.st_mode))
        return trit_fail(error, TRIT_EARGUMENT, "%s: is not a folder of templates, but a file",
                         what->user_templates);
    what->known_arch &= what->arch != NULL;
    if (!what->arch)
        what->arch = TRIT_ARCH;
    if (!what->lua &&
        trit_file_locate(NULL, "generator", TRIT_SOURCE_DIR "/generator", lua, PATH_MAX))
        what->lua = lua;
    if (!what->templates && trit_file_locate("TRITMILL_TEMPLATES", "templates",
                                             TRIT_SOURCE_DIR "/templates", templates, PATH_MAX))
        what->templates = templates;
    if (what->lua && what->templates)
        return TRIT_OK;
    const char *named = getenv("TRITMILL_TEMPLATES");
    if (what->lua && named && *named)
        return trit_fail(error, TRIT_EIO, "TRITMILL_TEMPLATES=%s: no such folder", named);
    return trit_fail(error, TRIT_EIO,
                     "the generator's files are not where they were installed: `make install`");
}

enum trit_code trit_generate(const struct trit_generate *what, trit_variant_fn *each, void *arg,
                             struct trit_error *error)
{
    char lua_dir[PATH_MAX], templates[PATH_MAX], *text;
    struct job job = { *what, each != NULL };
    size_t bytes;
    enum trit_code code = fill_in(&job.what, lua_dir, templates, error);
    if (code)
        return code;
    code = trit_generate_apart(generate, &job, &text, &bytes, error);
    if (code == TRIT_EFORMAT && !strncmp(error->text, "--", 2)) /* of an option, not a template */
        return error->code = TRIT_EARGUMENT;
    if (code)
        return code;
    if (each)
        tell_variants(text, bytes, each, arg);
    free(text);
    return TRIT_OK;
}
