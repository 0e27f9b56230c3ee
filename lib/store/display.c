/* SPDX-License-Identifier: MIT */
/* display.c - paths and byte counts as messages show them.
 *
 * Owns nothing; returns by value so that failing paths need no buffers. */
#include "store/display.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

hsight__shown_path hsight__show_path(const char *path)
{
    hsight__shown_path shown;
    const size_t room = sizeof shown.text - 1;
    size_t length = strlen(path);
    const char *cut = "";
    if (length > room) {
        cut = "...";
        path += length - (room - strlen(cut));
        while (is_continuation(*path)) {
            path++;
        }
    }
    snprintf(shown.text, sizeof shown.text, "%s%s", cut, path);
    for (char *at = shown.text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F) {
            *at = '?';
        }
    }
    return shown;
}

hsight__shown_number hsight__show_number(uint64_t number)
{
    hsight__shown_number shown;
    char digits[21];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    char *to = shown.text;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return shown;
}
