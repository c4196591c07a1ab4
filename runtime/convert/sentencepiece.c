/* tokenizer.model: SentencePiece's ModelProto, as far as BPE needs it, read by a small parser of
   protocol buffers. Source: sentencepiece_model.proto. */
#include <math.h>
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/convert/hf_vocab.h"

/* What is left of a message. */
struct bytes {
    const uint8_t *at, *end;
};

struct field {
    uint32_t number, wire; /* wire: 0 varint, 1 of 8 bytes, 2 of a length, 5 of 4 bytes */
    uint64_t value;        /* of varints and of fixed sizes */
    struct bytes in;       /* of a length */
};

struct parser {
    struct trit_hf_vocab *v;
    const char *path;
    const uint8_t *begin;
    size_t pieces;
    uint64_t model_type;
    struct trit_error *error;
};

static enum trit_code fault(const struct parser *p, const uint8_t *at, const char *what)
{
    return trit_fail(p->error, TRIT_EFORMAT, "%s: byte %zu: %s", p->path, (size_t)(at - p->begin),
                     what);
}

static bool varint(struct bytes *b, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && b->at < b->end; shift += 7) {
        const uint8_t byte = *b->at++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128))
            return true;
    }
    return false;
}

static bool fixed(struct bytes *b, size_t n, uint64_t *value)
{
    *value = 0;
    if ((size_t)(b->end - b->at) < n)
        return false;
    memcpy(value, b->at, n);
    b->at += n;
    return true;
}

/* The next field; false where the message is no protocol buffer. */
static bool next(struct bytes *b, struct field *f)
{
    uint64_t tag;
    *f = (struct field){ 0 };
    if (!varint(b, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
        return false;
    f->number = (uint32_t)(tag >> 3);
    f->wire = (uint32_t)(tag & 7);
    if (f->wire == 0)
        return varint(b, &f->value);
    if (f->wire == 1 || f->wire == 5)
        return fixed(b, f->wire == 1 ? 8 : 4, &f->value);
    if (f->wire != 2 || !varint(b, &f->value) || f->value > (uint64_t)(b->end - b->at))
        return false;
    f->in = (struct bytes){ b->at, b->at + f->value };
    b->at = f->in.end;
    return true;
}

static float float_of(uint64_t value)
{
    const uint32_t bits = (uint32_t)value;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* SentencePiece: piece = 1, score = 2, type = 3. */
static enum trit_code read_piece(struct parser *p, struct bytes in)
{
    const uint8_t *start = in.at;
    struct trit_text text = { "", 0 };
    uint64_t type = TRIT_HF_NORMAL;
    float score = 0;
    struct field f;
    while (in.at < in.end) {
        if (!next(&in, &f))
            return fault(p, in.at, "a piece is no protocol buffer");
        if (f.number == 1 && f.wire == 2)
            text = (struct trit_text){ (const char *)f.in.at, (size_t)f.value };
        else if (f.number == 2 && f.wire == 5)
            score = float_of(f.value);
        else if (f.number == 3 && f.wire == 0)
            type = f.value;
    }
    if (type < TRIT_HF_NORMAL || type > TRIT_HF_BYTE)
        return fault(p, start, "a piece has a type that is not known");
    if (!isfinite(score))
        return fault(p, start, "a piece has a score that is not finite");
    if (trit_utf8_valid(text.s, text.n) < text.n || memchr(text.s, 0, text.n))
        return fault(p, start, "a piece is not UTF-8");
    const size_t id = p->pieces++;
    const struct trit_hf_new token = { (int64_t)id, text, (enum trit_hf_token)type, false };
    enum trit_code code = trit_hf_token_set(p->v, p->path, &token, p->error);
    if (!code)
        p->v->scores[id] = score;
    return code;
}

/* TrainerSpec: model_type = 3, treat_whitespace_as_suffix = 24, ids of unk, bos, eos, pad = 40 ..
   43, which are int32, -1 where there is none. */
static enum trit_code read_trainer(struct parser *p, struct bytes in)
{
    static const int roles[] = { TRIT_HF_UNK, TRIT_HF_BOS, TRIT_HF_EOS, TRIT_HF_PAD };
    struct field f;
    while (in.at < in.end) {
        if (!next(&in, &f))
            return fault(p, in.at, "the trainer's part is no protocol buffer");
        if (f.wire != 0)
            continue;
        if (f.number == 3)
            p->model_type = f.value;
        else if (f.number == 24 && f.value)
            return fault(p, in.at, "spaces stand at the ends of words: not supported");
        else if (f.number >= 40 && f.number <= 43)
            p->v->ids[roles[f.number - 40]] = (int32_t)(uint32_t)f.value;
    }
    return TRIT_OK;
}

/* NormalizerSpec: precompiled_charsmap = 2, add_dummy_prefix = 3, remove_extra_whitespaces = 4,
   escape_whitespaces = 5. */
static enum trit_code read_normalizer(struct parser *p, struct bytes in)
{
    struct field f;
    while (in.at < in.end) {
        if (!next(&in, &f))
            return fault(p, in.at, "the normalizer's part is no protocol buffer");
        if (f.number == 2 && f.wire == 2 && f.value)
            return fault(p, in.at, "its normalizer changes characters: not supported");
        if (f.number == 3 && f.wire == 0)
            p->v->space_prefix = f.value;
        if (f.number == 4 && f.wire == 0)
            p->v->trim_spaces = f.value;
        if (f.number == 5 && f.wire == 0 && !f.value)
            return fault(p, in.at, "its spaces are not written as U+2581: not supported");
    }
    return TRIT_OK;
}

/* ModelProto: pieces = 1, trainer_spec = 2, normalizer_spec = 3. */
static enum trit_code read_model(struct parser *p, struct bytes in)
{
    enum trit_code code = TRIT_OK;
    struct field f;
    while (in.at < in.end && !code) {
        if (!next(&in, &f))
            return fault(p, in.at, "is no protocol buffer");
        if (f.wire == 2)
            code = f.number == 1   ? read_piece(p, f.in)
                   : f.number == 2 ? read_trainer(p, f.in)
                   : f.number == 3 ? read_normalizer(p, f.in)
                                   : TRIT_OK;
    }
    return code;
}

enum trit_code trit_hf_sentencepiece(struct trit_hf_vocab *v, const void *data, size_t bytes,
                                     const char *path, struct trit_error *error)
{
    enum { UNIGRAM = 1, BPE };
    struct parser p = { v, path, data, 0, UNIGRAM, error };
    v->ids[TRIT_HF_UNK] = 0; /* what the format has where nothing is said */
    v->ids[TRIT_HF_BOS] = 1;
    v->ids[TRIT_HF_EOS] = 2;
    v->add_bos = v->space_prefix = v->trim_spaces = true;
    const enum trit_code code = read_model(&p, (struct bytes){ p.begin, p.begin + bytes });
    if (code)
        return code;
    if (!p.pieces)
        return trit_fail(error, TRIT_EFORMAT, "%s: has no pieces", path);
    if (p.model_type != BPE)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: its model_type is %llu: supported is 2 (BPE)", path,
                         (unsigned long long)p.model_type);
    return TRIT_OK;
}
