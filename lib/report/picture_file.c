/* SPDX-License-Identifier: MIT */
/* picture_file.c - names, creation and renaming of the files of one picture.
 *
 *     leak.png            the target
 *     leak.dot            its source, kept where drawing failed
 *     ./.heapsight-x.dot  temporary source      all in the target's directory, so that a rename is
 *     ./.heapsight-x.png  temporary picture     all it takes
 *
 * What dot is given begins with "/" or "./": a name that begins with "-" would be an option.
 *
 * I1  has_source, has_picture  <=>  a file of that name is ours to remove
 * I2  the target is untouched until the rename
 *
 * Created with mode 0666 and the umask, as any program does, and only where nothing is (O_EXCL).
 * O(length of the name); the names belong to the struct. */
#include "report/picture_file.h"

#include "base/hash.h"
#include "report/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *ending;
    const char *tail;
} formats[] = {
#define FORMAT_ITEM(name, text, ending, tail) {ending, tail},
    HSIGHT__PICTURE_LIST(FORMAT_ITEM)
#undef FORMAT_ITEM
};

enum { ENDING_BYTES = 4, FORMAT_COUNT = sizeof formats / sizeof formats[0], SHOWN_TARGET = 120 };

/* A target as messages show it. */
typedef struct {
    char text[4 * SHOWN_TARGET];
} shown_target;

static shown_target show(const char *target)
{
    shown_target shown;
    hsight__text text;
    hsight__text_init(&text, shown.text, sizeof shown.text);
    hsight__text_add_cut(&text, (hsight_string){target, strlen(target)}, SHOWN_TARGET,
                         HSIGHT__CUT_FRONT);
    hsight__text_finish(&text);
    return shown;
}

static hsight_status fail(const char *path, const char *step, hsight_error *err)
{
    return hsight__fail_errno(err, errno, "cannot write %s (%s)", show(path).text, step);
}

/* ---- names ----------------------------------------------------------------------------------- */

static hsight_status find_format(hsight__picture_files *files, hsight_error *err)
{
    size_t length = strlen(files->target);
    for (size_t i = 0; length > ENDING_BYTES && i < FORMAT_COUNT; i++) {
        if (strcasecmp(files->target + length - ENDING_BYTES, formats[i].ending) == 0) {
            files->format = (hsight__picture_format)i;
            return HSIGHT_OK;
        }
    }
    return hsight__fail(err, HSIGHT_EINVAL,
                        "cannot tell the format of a picture called '%s': the name must end in "
                        ".png, .svg, .pdf or .dot",
                        show(files->target).text);
}

/* Bytes of "dir/" at the beginning of the target, 0 when it is a bare name. */
static size_t directory_bytes(const char *target)
{
    const char *slash = strrchr(target, '/');
    return slash != NULL ? (size_t)(slash - target) + 1 : 0;
}

static hsight_status append(hsight__vec *name, const char *text, size_t length, hsight_error *err)
{
    return hsight__vec_append(name, text, length, err);
}

/* "./dir/.heapsight-0123456789abcdef.png" */
static hsight_status make_temporary(const char *target, uint64_t random, const char *ending,
                                    hsight__vec *name, hsight_error *err)
{
    char last[48];
    int length = snprintf(last, sizeof last, ".heapsight-%016" PRIx64 "%s", random, ending);
    hsight_status status = append(name, "./", target[0] == '/' ? 0 : 2, err);
    if (status == HSIGHT_OK) {
        status = append(name, target, directory_bytes(target), err);
    }
    return status == HSIGHT_OK ? append(name, last, (size_t)length + 1, err) : status;
}

static hsight_status make_names(hsight__picture_files *files, hsight_error *err)
{
    const char *target = files->target;
    uint64_t random = hsight__hash_seed();
    hsight_status status = make_temporary(target, random, ".dot", &files->source, err);
    if (status == HSIGHT_OK) {
        const char *ending = formats[files->format].ending;
        status = make_temporary(target, random + 1, ending, &files->picture, err);
    }
    if (status == HSIGHT_OK) {
        status = append(&files->kept_source, target, strlen(target) - ENDING_BYTES, err);
    }
    return status == HSIGHT_OK ? append(&files->kept_source, ".dot", ENDING_BYTES + 1, err)
                               : status;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)   ? "a directory"
           : S_ISLNK(mode) ? "a symbolic link, which is not followed; name the file itself"
                           : "not an ordinary file";
}

/* A rename would put a file in the place of a device, a pipe or a link. */
static hsight_status check_place(const char *path, hsight_error *err)
{
    struct stat there;
    if (lstat(path, &there) != 0) {
        return errno == ENOENT ? HSIGHT_OK : fail(path, "looking at it", err);
    }
    return S_ISREG(there.st_mode) ? HSIGHT_OK
                                  : hsight__fail(err, HSIGHT_EIO, "cannot write %s: it is %s",
                                                 show(path).text, kind_of(there.st_mode));
}

static hsight_status move(const char *from, const char *to, hsight_error *err)
{
    return rename(from, to) == 0 ? HSIGHT_OK : fail(to, "moving it into place", err);
}

hsight_status hsight__picture_begin(hsight__picture_files *files, const char *target,
                                    const hsight_allocator *allocator, hsight_error *err)
{
    *files = (hsight__picture_files){.target = target};
    hsight__vec_init(&files->source, allocator, 1);
    hsight__vec_init(&files->picture, allocator, 1);
    hsight__vec_init(&files->kept_source, allocator, 1);
    hsight_status status = find_format(files, err);
    if (status == HSIGHT_OK) {
        status = check_place(target, err);
    }
    return status == HSIGHT_OK ? make_names(files, err) : status;
}

void hsight__picture_end(hsight__picture_files *files)
{
    if (files->has_source) {
        unlink(files->source.data);
    }
    if (files->has_picture) {
        unlink(files->picture.data);
    }
    hsight__vec_free(&files->source);
    hsight__vec_free(&files->picture);
    hsight__vec_free(&files->kept_source);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int create(const hsight__vec *name)
{
    return open(name->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

hsight_status hsight__picture_create_source(hsight__picture_files *files, int *descriptor,
                                            hsight_error *err)
{
    *descriptor = create(&files->source);
    files->has_source = *descriptor >= 0;
    return files->has_source ? HSIGHT_OK : fail(files->target, "creating a file beside it", err);
}

hsight_status hsight__picture_create_picture(hsight__picture_files *files, hsight_error *err)
{
    int descriptor = create(&files->picture);
    if (descriptor < 0) {
        return fail(files->target, "creating a file beside it", err);
    }
    files->has_picture = true;
    close(descriptor);
    return HSIGHT_OK;
}

bool hsight__picture_is_complete(const hsight__picture_files *files)
{
    char end[64];
    const char *tail = formats[files->format].tail;
    int descriptor = open(files->picture.data, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    off_t size = lseek(descriptor, 0, SEEK_END);
    size_t wanted = size < (off_t)sizeof end ? (size_t)(size > 0 ? size : 0) : sizeof end;
    ssize_t got = pread(descriptor, end, wanted, size > 0 ? size - (off_t)wanted : 0);
    close(descriptor);
    return got > 0 && memmem(end, (size_t)got, tail, strlen(tail)) != NULL;
}

hsight_status hsight__picture_commit(hsight__picture_files *files, hsight_error *err)
{
    bool is_source = files->format == HSIGHT__PICTURE_DOT;
    const hsight__vec *from = is_source ? &files->source : &files->picture;
    hsight_status status = move(from->data, files->target, err);
    if (status == HSIGHT_OK) {
        *(is_source ? &files->has_source : &files->has_picture) = false;
    }
    return status;
}

hsight_status hsight__picture_keep_source(hsight__picture_files *files, hsight_error *err)
{
    assert(files->has_source);
    hsight_status status = check_place(files->kept_source.data, err);
    if (status == HSIGHT_OK) {
        status = move(files->source.data, files->kept_source.data, err);
    }
    files->has_source = status != HSIGHT_OK;
    return status;
}
