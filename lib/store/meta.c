/* SPDX-License-Identifier: MIT */
/* meta.c - the META chunk: where a snapshot came from, as keys and values.
 *
 *     | u16 key bytes | u16 kind | u32 value bytes | key | value | 0 up to a multiple of 8 |
 *
 * A new field of hsight_snapshot_info is one line in FIELDS (and a row in the specification). Owns
 * nothing; the encoder grows the caller's vector. */
#include "store/meta.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/le.h"
#include "store/damage.h"

typedef struct {
    const char *key;
    uint16_t kind;
    size_t place; /* in hsight_snapshot_info: a hsight_string or a uint64_t by kind; or NOWHERE */
} field;

#define NOWHERE SIZE_MAX /* checked like the others when it is read, and told to nobody */

/* The formatter takes the braces of an item for a block. */
/* clang-format off */
#define TEXT(name)   {#name, HSIGHT__META_TEXT, offsetof(hsight_snapshot_info, name)}
#define NUMBER(name) {#name, HSIGHT__META_NUMBER, offsetof(hsight_snapshot_info, name)}
static const field FIELDS[] = {
    {"writer", HSIGHT__META_TEXT, NOWHERE},
    TEXT(label),
    TEXT(interpreter),
    TEXT(platform),
    TEXT(arguments),
    TEXT(capture),
    NUMBER(process_id),
    NUMBER(taken_at_ns),
    NUMBER(duration_ns),
    NUMBER(rss_bytes),
    NUMBER(dropped_count),
    NUMBER(overcounted_count),
    NUMBER(has_values),
    NUMBER(doubted_count),
    NUMBER(invalid_count),
    TEXT(overcounted_types),
    TEXT(doubted_types),
    TEXT(invalid_types),
};
#undef TEXT
#undef NUMBER
/* clang-format on */

enum { FIELD_COUNT = sizeof FIELDS / sizeof *FIELDS };

/* ---- writing --------------------------------------------------------------------------------- */

static hsight_status put_record(hsight__vec *out, const char *key, uint16_t kind,
                                hsight_string value, hsight_error *err)
{
    size_t key_bytes = strlen(key);
    if (value.length > UINT32_MAX) {
        return hsight__fail(err, HSIGHT_ELIMIT, "%s of the snapshot: %zu bytes, 4 GiB are possible",
                            key, value.length);
    }
    uint8_t head[sizeof(hsight__file_meta)];
    hsight__le_write_u16(head + offsetof(hsight__file_meta, key_bytes), (uint16_t)key_bytes);
    hsight__le_write_u16(head + offsetof(hsight__file_meta, kind), kind);
    hsight__le_write_u32(head + offsetof(hsight__file_meta, value_bytes), (uint32_t)value.length);
    hsight_status status = hsight__vec_append(out, head, sizeof head, err);
    if (status == HSIGHT_OK) {
        status = hsight__vec_append(out, key, key_bytes, err);
    }
    if (status == HSIGHT_OK) {
        status = hsight__vec_append(out, value.data, value.length, err);
    }
    if (status == HSIGHT_OK) {
        uint64_t padded = hsight__align_up(out->count, HSIGHT__META_ALIGNMENT);
        status = hsight__vec_append_zeros(out, (size_t)padded - out->count, err);
    }
    return status;
}

static hsight_status put_field(hsight__vec *out, const hsight_snapshot_info *info,
                               const field *what, hsight_error *err)
{
    static const char writer[] = "heapsight " HSIGHT_VERSION;
    hsight_string value;
    char number[8];
    if (what->place == NOWHERE) {
        value = (hsight_string){writer, sizeof writer - 1};
    } else if (what->kind == HSIGHT__META_TEXT) {
        memcpy(&value, (const char *)info + what->place, sizeof value);
    } else {
        uint64_t held;
        memcpy(&held, (const char *)info + what->place, sizeof held);
        hsight__le_write_u64(number, held);
        value = (hsight_string){number, sizeof number};
    }
    return put_record(out, what->key, what->kind, value, err);
}

hsight_status hsight__meta_encode(const hsight_snapshot_info *info, hsight__vec *out,
                                  hsight_error *err)
{
    hsight_status status = HSIGHT_OK;
    for (int i = 0; i < FIELD_COUNT && status == HSIGHT_OK; i++) {
        status = put_field(out, info, &FIELDS[i], err);
    }
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct {
    const hsight__chunk *chunk;
    uint64_t at; /* offset of the record in the chunk */
    uint16_t kind;
    hsight_string key;
    hsight_string value;
} record;

static hsight_status fail_record(const record *where, const char *fault, hsight_error *err)
{
    return hsight__fail_damaged(err, "META chunk at offset %llu: record at %llu: %s",
                                (unsigned long long)where->chunk->offset,
                                (unsigned long long)where->at, fault);
}

static bool is_zero(const char *data, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Read the record at `at` and find where the next one begins. */
static hsight_status get_record(record *it, uint64_t *next, hsight_error *err)
{
    const char *data = (const char *)it->chunk->data + it->at;
    uint64_t left = it->chunk->bytes - it->at;
    hsight__file_meta head;
    if (left < sizeof head) {
        return fail_record(it, "cut inside its head", err);
    }
    memcpy(&head, data, sizeof head);
    uint64_t used = sizeof head + head.key_bytes + (uint64_t)head.value_bytes;
    uint64_t padded = hsight__align_up(used, HSIGHT__META_ALIGNMENT);
    if (padded > left) {
        return fail_record(it, "longer than the chunk", err);
    }
    if (head.key_bytes == 0 || head.key_bytes > 255) {
        return fail_record(it, "a key has 1 to 255 bytes", err);
    }
    if (head.kind != HSIGHT__META_TEXT && head.kind != HSIGHT__META_NUMBER) {
        return fail_record(it, "neither text nor number", err);
    }
    if (head.kind == HSIGHT__META_NUMBER && head.value_bytes != 8) {
        return fail_record(it, "a number has 8 bytes", err);
    }
    if (!is_zero(data + used, padded - used)) {
        return fail_record(it, "padding is not zero", err);
    }
    it->kind = head.kind;
    it->key = (hsight_string){data + sizeof head, head.key_bytes};
    it->value = (hsight_string){data + sizeof head + head.key_bytes, head.value_bytes};
    *next = it->at + padded;
    return HSIGHT_OK;
}

static int find_field(hsight_string key)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (strlen(FIELDS[i].key) == key.length &&
            memcmp(FIELDS[i].key, key.data, key.length) == 0) {
            return i;
        }
    }
    return -1;
}

static void store(const record *it, size_t place, hsight_snapshot_info *out)
{
    if (place == NOWHERE) {
        return;
    }
    if (it->kind == HSIGHT__META_TEXT) {
        memcpy((char *)out + place, &it->value, sizeof it->value);
    } else {
        uint64_t number = hsight__le_read_u64(it->value.data);
        memcpy((char *)out + place, &number, sizeof number);
    }
}

static hsight_status take_record(const record *it, bool seen[FIELD_COUNT],
                                 hsight_snapshot_info *out, hsight_error *err)
{
    int index = find_field(it->key);
    if (index < 0) {
        return HSIGHT_OK;
    }
    if (seen[index]) {
        return fail_record(it, "second one with this key", err);
    }
    if (it->kind != FIELDS[index].kind) {
        return fail_record(it, "text where a number belongs, or a number where a text belongs",
                           err);
    }
    seen[index] = true;
    store(it, FIELDS[index].place, out);
    return HSIGHT_OK;
}

hsight_status hsight__meta_decode(const hsight__chunk *chunk, hsight_snapshot_info *out,
                                  hsight_error *err)
{
    bool seen[FIELD_COUNT] = {false};
    record it = {.chunk = chunk};
    *out = (hsight_snapshot_info){0};
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (FIELDS[i].kind == HSIGHT__META_TEXT && FIELDS[i].place != NOWHERE) {
            const hsight_string empty = {"", 0};
            memcpy((char *)out + FIELDS[i].place, &empty, sizeof empty);
        }
    }
    hsight_status status = HSIGHT_OK;
    for (uint64_t next = 0; it.at < chunk->bytes && status == HSIGHT_OK; it.at = next) {
        status = get_record(&it, &next, err);
        if (status == HSIGHT_OK) {
            status = take_record(&it, seen, out, err);
        }
    }
    return status;
}
