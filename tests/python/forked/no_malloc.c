/* SPDX-License-Identifier: MIT */
/* no_malloc.c - for LD_PRELOAD: malloc and its like may be called by the first process only.
 *
 * A child that calls one is ended at the call, with the code 99. glibc only. */
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void __libc_free(void *block);

static long owner;

__attribute__((constructor)) static void begin(void)
{
    owner = syscall(SYS_getpid);
}

static void check(void)
{
    if (owner != 0 && syscall(SYS_getpid) != owner) {
        _exit(99);
    }
}

void *malloc(size_t bytes)
{
    check();
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    check();
    return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    check();
    return __libc_realloc(block, bytes);
}

void free(void *block)
{
    check();
    __libc_free(block);
}
