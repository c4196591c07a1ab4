/* Text to token ids and back, from a GGUF's tokenizer keys: byte-level BPE behind one of several
   pre-tokenizers (pre.h), and SentencePiece's BPE. */
#ifndef TRIT_TOKENIZER_H
#define TRIT_TOKENIZER_H

#include "runtime/format/gguf.h"

struct trit_tokenizer;

/* Longest text that is encoded at once, bytes. A piece of it, which in
   SentencePiece may be all of it, takes about 36 times its size. */
enum { TRIT_TEXT_MAX = 256 << 20 };

/* Copies what it needs; the GGUF may be closed after. Every fault of the vocabulary is TRIT_EFORMAT
   naming file and key; another kind of vocabulary is TRIT_EUNSUPPORTED. Encoding and decoding may
   be done by several threads at once. */
enum trit_code trit_tokenizer_load(struct trit_tokenizer **tokenizer, const struct trit_gguf *gguf,
                                   struct trit_error *error);
void trit_tokenizer_free(struct trit_tokenizer *tokenizer);

size_t trit_tokenizer_size(const struct trit_tokenizer *tokenizer); /* ids are 0 .. size-1 */
int32_t trit_tokenizer_bos(const struct trit_tokenizer *tokenizer); /* -1: none */
bool trit_tokenizer_add_bos(const struct trit_tokenizer *tokenizer);
int32_t trit_tokenizer_eos(const struct trit_tokenizer *tokenizer); /* -1: none */
/* Whether the file asks for an EOS behind a text: for embeddings, not where a text goes on. */
bool trit_tokenizer_add_eos(const struct trit_tokenizer *tokenizer);
/* SentencePiece: encoding puts a space before a text, and before each part of one that follows a
   special token. Whoever decodes a text from its beginning drops one space there. */
bool trit_tokenizer_prefixes(const struct trit_tokenizer *tokenizer);
/* Whether a text of these ids is to get a BOS before them: not where it begins with one itself. */
bool trit_tokenizer_lacks_bos(const struct trit_tokenizer *tokenizer, const int32_t *ids, size_t n);
/* End of text or of turn: what a key names (eos, eot, eom), and tokens known by their text, such as
   <|eot_id|> and <|im_end|>. Generation stops. */
bool trit_tokenizer_is_end(const struct trit_tokenizer *tokenizer, int32_t id);
/* The vocabulary's own string (byte-level alphabet, or U+2581 for spaces), not terminated; for
   display. */
struct trit_text trit_tokenizer_piece(const struct trit_tokenizer *tokenizer, int32_t id);
bool trit_tokenizer_is_special(const struct trit_tokenizer *tokenizer, int32_t id);

/* The ids of text, nothing added at either end; special: control tokens written out in the text
   become their ids, else they are text like any other; user-defined tokens always match. Bytes that
   are not UTF-8 are kept: they are split as if each were a character of no class, and come back
   from decode unchanged. In SentencePiece, spaces are added where trit_tokenizer_prefixes says so,
   U+2581 is a space. Bytes that have no token are lost, or become the unknown token. *ids is
   malloc'd, free() it. */
enum trit_code trit_tokenizer_encode(const struct trit_tokenizer *tokenizer, struct trit_text text,
                                     bool special, int32_t **ids, size_t *count,
                                     struct trit_error *error);

/* The same of a text with control tokens, parts of which were given by others: one byte a byte of
   text, not 0 where it was (NULL: nowhere). A control token, and a user-defined one that looks so
   (<name>), is one only where none of its bytes was given; all else is as in the whole text. */
enum trit_code trit_tokenizer_encode_marked(const struct trit_tokenizer *tokenizer,
                                            struct trit_text text, const uint8_t *given,
                                            int32_t **ids, size_t *count, struct trit_error *error);

/* The bytes of one token, not terminated, valid as long as the tokenizer. Control tokens give their
   name where `special`, else nothing. Ids out of range give nothing. Concatenated pieces are the
   text, byte for byte, but for what encode says of SentencePiece. */
struct trit_text trit_tokenizer_decode(const struct trit_tokenizer *tokenizer, int32_t id,
                                       bool special);

/* Holds back the bytes of an unfinished UTF-8 character while streaming. */
struct trit_utf8_stream {
    unsigned char held[4];
    int n;
};
/* Appends piece to what is held, writes what is complete (or can never become valid, unchanged) to
   out (room >= piece.n + 4), returns its length. flush: writes whatever is still held. */
size_t trit_utf8_feed(struct trit_utf8_stream *s, struct trit_text piece, char *out);
size_t trit_utf8_flush(struct trit_utf8_stream *s, char *out);

#endif
