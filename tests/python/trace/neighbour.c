/* SPDX-License-Identifier: MIT */
/* neighbour.c - another library in the process, which also hooks into allocators and fork().
 *
 * Loaded with ctypes.PyDLL by test_tracer_hook.py. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- fork ---- */

static void *kept;

static void allocate_and_free(void)
{
    PyMem_RawFree(kept);
    kept = PyMem_RawMalloc(100);
    PyMem_RawFree(PyMem_RawMalloc(200));
    kept = PyMem_RawRealloc(kept, 300);
}

/* Handlers before fork() (1), after it in the parent (2) and in the child (4). */
EXPORT int handle_forks(int which)
{
    kept = PyMem_RawMalloc(50);
    return pthread_atfork((which & 1) != 0 ? allocate_and_free : NULL,
                          (which & 2) != 0 ? allocate_and_free : NULL,
                          (which & 4) != 0 ? allocate_and_free : NULL);
}

/* ---- allocators on top, which pass everything on ---- */

static PyMemAllocatorEx below;
static int wrong_count;
EXPORT int refuses_next; /* a block of 24 bytes */

static void *inner_ctx(void *ctx)
{
    wrong_count += ctx != &below; /* our functions with the ctx of another allocator */
    return below.ctx;
}

static void *pass_malloc(void *ctx, size_t bytes)
{
    if (refuses_next && bytes == 24) {
        refuses_next = 0;
        return NULL;
    }
    return below.malloc(inner_ctx(ctx), bytes);
}

static void *pass_calloc(void *ctx, size_t count, size_t bytes)
{
    return below.calloc(inner_ctx(ctx), count, bytes);
}

static void *pass_realloc(void *ctx, void *block, size_t bytes)
{
    return below.realloc(inner_ctx(ctx), block, bytes);
}

static void pass_free(void *ctx, void *block)
{
    below.free(inner_ctx(ctx), block);
}

EXPORT void hook(PyMemAllocatorDomain domain)
{
    PyMemAllocatorEx ours = {&below, pass_malloc, pass_calloc, pass_realloc, pass_free};
    PyMem_GetAllocator(domain, &below);
    PyMem_SetAllocator(domain, &ours);
}

/* ---- a thread that is stopped between two loads ---- */

static PyMemAllocatorEx read_before;

/* It has read the allocator ... */
EXPORT void read_raw_allocator(void)
{
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &read_before);
}

/* ... and calls it only now. Returns how often hook()'s functions were called with a foreign ctx.
 */
EXPORT int call_what_was_read(void)
{
    PyMem_RawFree(read_before.malloc(read_before.ctx, 10));
    return wrong_count;
}

/* ---- an object allocator that takes everything from the raw domain, behind a header ---- */

typedef struct {
    uint64_t mark;
    uint64_t bytes;
} header;

static const uint64_t MARK = UINT64_C(0xC0FFEE1234567);

static int is_ours(const void *block)
{
    return ((const header *)block - 1)->mark == MARK;
}

static void *head_malloc(void *ctx, size_t bytes)
{
    header *head = PyMem_RawMalloc(bytes + sizeof(*head));
    (void)ctx;
    if (head == NULL) {
        return NULL;
    }
    *head = (header){MARK, bytes};
    return head + 1;
}

static void *head_calloc(void *ctx, size_t count, size_t bytes)
{
    void *block = head_malloc(ctx, count * bytes);
    return block != NULL ? memset(block, 0, count * bytes) : NULL;
}

static void head_free(void *ctx, void *block)
{
    (void)ctx;
    if (block != NULL && !is_ours(block)) { /* from before */
        below.free(below.ctx, block);
    } else if (block != NULL) {
        header *head = (header *)block - 1;
        head->mark = 0;
        PyMem_RawFree(head);
    }
}

static void *head_realloc(void *ctx, void *block, size_t bytes)
{
    if (block == NULL) {
        return head_malloc(ctx, bytes);
    }
    if (!is_ours(block)) {
        return below.realloc(below.ctx, block, bytes);
    }
    header *head = PyMem_RawRealloc((header *)block - 1, bytes + sizeof(*head));
    if (head == NULL) {
        return NULL;
    }
    head->bytes = bytes;
    return head + 1;
}

EXPORT void take_objects_from_raw(void)
{
    PyMemAllocatorEx ours = {NULL, head_malloc, head_calloc, head_realloc, head_free};
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &below);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &ours);
}
