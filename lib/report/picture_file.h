/* SPDX-License-Identifier: MIT */
/* picture_file.h - the files of one picture: the source, and what `dot` draws from it.
 *
 * Both are made under names of their own beside the target and renamed when they are complete. */
#ifndef HEAPSIGHT_LIB_REPORT_PICTURE_FILE_H
#define HEAPSIGHT_LIB_REPORT_PICTURE_FILE_H

#include "base/error.h"
#include "base/vec.h"

#include <stdbool.h>

/* X(name, what dot calls it, ending, how a complete file ends) */
#define HSIGHT__PICTURE_LIST(X)                                                                    \
    X(PNG, "png", ".png", "IEND\xAE\x42\x60\x82")                                                  \
    X(SVG, "svg", ".svg", "</svg>")                                                                \
    X(PDF, "pdf", ".pdf", "%%EOF")                                                                 \
    X(DOT, "dot", ".dot", "}")

typedef enum {
#define HSIGHT__PICTURE_ENUM(name, text, ending, tail) HSIGHT__PICTURE_##name,
    HSIGHT__PICTURE_LIST(HSIGHT__PICTURE_ENUM)
#undef HSIGHT__PICTURE_ENUM
} hsight__picture_format;

typedef struct {
    hsight__picture_format format;
    const char *target;      /* what was asked for; borrowed */
    hsight__vec source;      /* char: NUL-terminated name of the temporary DOT source, */
    hsight__vec picture;     /* of the temporary picture, */
    hsight__vec kept_source; /* and of the target with its ending replaced by .dot */
    bool has_source;         /* the temporary files that exist */
    bool has_picture;
} hsight__picture_files;

/* Check the ending and what is there under the name, make up the names.
 * @param target  borrowed until hsight__picture_end()
 * @return HSIGHT_OK, HSIGHT_EINVAL (ending), HSIGHT_EIO (a directory, a device, a link), HSIGHT_ENOMEM */
hsight_status hsight__picture_begin(hsight__picture_files *files, const char *target,
                                    const hsight_allocator *allocator, hsight_error *err);
/* Remove the temporary files that are left, free the names. Also after a failed begin. */
void hsight__picture_end(hsight__picture_files *files);

/* Create the temporary source, or an empty picture for dot to fill. HSIGHT_OK or HSIGHT_EIO. */
hsight_status hsight__picture_create_source(hsight__picture_files *files, int *descriptor,
                                            hsight_error *err);
hsight_status hsight__picture_create_picture(hsight__picture_files *files, hsight_error *err);
/* Does the temporary picture end as its format does? */
bool hsight__picture_is_complete(const hsight__picture_files *files);

/* Put it in the target's place. */
hsight_status hsight__picture_commit(hsight__picture_files *files, hsight_error *err);
/* Keep the source beside the target. HSIGHT_OK or HSIGHT_EIO: also where its name is taken by
 * something that is no ordinary file. */
hsight_status hsight__picture_keep_source(hsight__picture_files *files, hsight_error *err);

static inline const char *hsight__picture_name(const hsight__vec *name)
{
    return name->data;
}

#endif
