/* The safetensors files of a folder: which there are, that they agree with the index, and reading
   from them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/convert/json.h"
#include "runtime/convert/safetensors.h"

#define ALONE "model.safetensors"
#define INDEX "model.safetensors.index.json"

enum { HEADER_MAX = 16 << 20, MAX_FILES = 512 };

static const struct trit_json_limits index_limits = {
    64 << 20, 8, 1 << 10, 1 << 10, 1 << 19, false
};

/* All of the bytes at `at`. */
static enum trit_code read_at(const struct trit_st_file *file, uint64_t at, size_t bytes,
                              void *buffer, struct trit_error *error)
{
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = pread(file->fd, (char *)buffer + done, bytes - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return trit_fail(error, TRIT_EIO, "%s: reading at byte %llu: %s", file->path,
                             (unsigned long long)(at + done), strerror(errno));
        if (n == 0)
            return trit_fail(error, TRIT_EIO, "%s: ends at byte %llu: it became shorter",
                             file->path, (unsigned long long)(at + done));
        done += (size_t)n;
    }
    return TRIT_OK;
}

static enum trit_code open_file(struct trit_st_file *file, const char *folder, const char *name,
                                struct trit_error *error)
{
    struct stat st;
    *file = (struct trit_st_file){ .path = trit_path_join(folder, name), .fd = -1 };
    if (!file->path)
        return trit_fail(error, TRIT_EMEMORY, "%s/%s: out of memory", folder, name);
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0 || fstat(file->fd, &st))
        return trit_fail(error, TRIT_EIO, "%s: %s", file->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return trit_fail(error, TRIT_EIO, "%s: is no regular file", file->path);
    file->size = (uint64_t)st.st_size;
    return TRIT_OK;
}

static enum trit_code read_header(struct trit_safetensors *st, const struct trit_st_file *file,
                                  struct trit_error *error)
{
    uint64_t length;
    if (file->size < sizeof length)
        return trit_fail(error, TRIT_EFORMAT, "%s: %llu bytes are no safetensors file", file->path,
                         (unsigned long long)file->size);
    enum trit_code code = read_at(file, 0, sizeof length, &length, error);
    if (code)
        return code;
    if (length > file->size - sizeof length)
        return trit_fail(error, TRIT_EFORMAT,
                         "%s: its header has %llu bytes, but the file only %llu", file->path,
                         (unsigned long long)length, (unsigned long long)file->size);
    if (length > HEADER_MAX)
        return trit_fail(error, TRIT_EFORMAT, "%s: its header has %llu bytes, at most %d are read",
                         file->path, (unsigned long long)length, HEADER_MAX);
    char *text = malloc(length ? length : 1);
    if (!text)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", file->path);
    code = read_at(file, sizeof length, length, text, error);
    if (!code)
        code = trit_safetensors_header(st, text, length, file->size, file->path, error);
    free(text);
    return code;
}

/* *file: its number. */
static enum trit_code add_file(struct trit_safetensors *st, const char *folder, const char *name,
                               struct trit_error *error)
{
    struct trit_st_file file;
    if (st->nfiles == MAX_FILES)
        return trit_fail(error, TRIT_EUNSUPPORTED, "%s: more than %d shards", folder, MAX_FILES);
    if (!trit_grow(&st->files, &st->files_room, st->nfiles + 1, sizeof file))
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", folder);
    enum trit_code code = open_file(&file, folder, name, error);
    if (!code)
        code = read_header(st, &file, error);
    st->files[st->nfiles++] = file; /* closed with the others, whatever came of it */
    return code;
}

/* --- the index --- */

/* A file of the folder itself. */
static bool is_name(const char *name)
{
    const size_t n = strlen(name), end = sizeof ".safetensors" - 1;
    return n > end && !strcmp(name + n - end, ".safetensors") && !strchr(name, '/') &&
           name[0] != '.';
}

static bool has_file(const struct trit_safetensors *st, const char *name)
{
    for (size_t i = 0; i < st->nfiles; i++)
        if (!strcmp(strrchr(st->files[i].path, '/') + 1, name))
            return true;
    return false;
}

static enum trit_code open_shards(struct trit_safetensors *st, const char *folder,
                                  const struct trit_json_in *in)
{
    const json_t *map = trit_json_get(in, "weight_map");
    const char *tensor;
    json_t *value;
    if (!json_is_object(map) || !json_object_size(map))
        return trit_fail(in->error, TRIT_EFORMAT, "%s: key 'weight_map' is no object with tensors",
                         in->path);
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!name || !is_name(name))
            return trit_fail(in->error, TRIT_EFORMAT,
                             "%s: 'weight_map': tensor '%.255s': '%.255s' is no name of a "
                             "safetensors file of this folder",
                             in->path, tensor, name ? name : "");
        enum trit_code code = has_file(st, name) ? TRIT_OK : add_file(st, folder, name, in->error);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct trit_st_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum trit_code sort(struct trit_safetensors *st, struct trit_error *error)
{
    if (st->n)
        qsort(st->tensors, st->n, sizeof *st->tensors, by_name);
    for (size_t i = 1; i < st->n; i++)
        if (!strcmp(st->tensors[i - 1].name, st->tensors[i].name))
            return trit_fail(error, TRIT_EFORMAT, "%s: tensor '%s': is in '%s' too",
                             trit_safetensors_path(st, &st->tensors[i]), st->tensors[i].name,
                             trit_safetensors_path(st, &st->tensors[i - 1]));
    return TRIT_OK;
}

/* What the index says and what the shards hold is the same. */
static enum trit_code check_index(const struct trit_safetensors *st, const struct trit_json_in *in)
{
    json_t *map = json_object_get(in->object, "weight_map"), *value;
    const char *name;
    json_object_foreach(map, name, value)
    {
        const struct trit_st_tensor *t = trit_safetensors_find(st, name);
        const char *file = t ? strrchr(trit_safetensors_path(st, t), '/') + 1 : NULL;
        if (!t || strcmp(file, json_string_value(value)))
            return trit_fail(in->error, TRIT_EFORMAT,
                             "%s: 'weight_map': tensor '%.255s' is not in '%.255s'", in->path, name,
                             json_string_value(value));
    }
    for (size_t i = 0; i < st->n; i++)
        if (!json_object_get(map, st->tensors[i].name))
            return trit_fail(in->error, TRIT_EFORMAT,
                             "%s: 'weight_map' does not have tensor '%s' of '%s'", in->path,
                             st->tensors[i].name, trit_safetensors_path(st, &st->tensors[i]));
    return TRIT_OK;
}

enum trit_code trit_safetensors_open(struct trit_safetensors *st, const char *folder,
                                     struct trit_error *error)
{
    json_t *json;
    char *path;
    *st = (struct trit_safetensors){ 0 };
    enum trit_code code = trit_json_optional(&json, &path, folder, INDEX, &index_limits, error);
    const struct trit_json_in in = { path, "", json, error };
    if (!code)
        code = json ? open_shards(st, folder, &in) : add_file(st, folder, ALONE, error);
    if (!code)
        code = sort(st, error);
    if (!code && json)
        code = check_index(st, &in);
    json_decref(json);
    free(path);
    if (code)
        trit_safetensors_close(st);
    return code;
}

void trit_safetensors_close(struct trit_safetensors *st)
{
    for (size_t i = 0; i < st->nfiles; i++) {
        if (st->files[i].fd >= 0)
            close(st->files[i].fd);
        free(st->files[i].path);
    }
    for (size_t i = 0; i < st->n; i++)
        free(st->tensors[i].name);
    free(st->files);
    free(st->tensors);
    *st = (struct trit_safetensors){ 0 };
}

const struct trit_st_tensor *trit_safetensors_find(const struct trit_safetensors *st,
                                                   const char *name)
{
    const struct trit_st_tensor key = { .name = (char *)(uintptr_t)name };
    return st->n ? bsearch(&key, st->tensors, st->n, sizeof key, by_name) : NULL;
}

const char *trit_safetensors_path(const struct trit_safetensors *st,
                                  const struct trit_st_tensor *tensor)
{
    return st->files[tensor->file].path;
}

enum trit_code trit_safetensors_read(const struct trit_safetensors *st,
                                     const struct trit_st_tensor *tensor, uint64_t offset,
                                     size_t bytes, void *buffer, struct trit_error *error)
{
    return read_at(&st->files[tensor->file], tensor->begin + offset, bytes, buffer, error);
}
