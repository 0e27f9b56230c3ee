/* SPDX-License-Identifier: MIT */
/* hook.c - wrappers around the allocators of the three domains, and how they come and go.
 *
 *     caller -> [other hooks] -> wrapper -> inner (what was there before us)
 *
 * I1  a wrapper passes on the ctx it is called with, and ours is installed with the inner one's:
 *     PyMem_SetAllocator() writes its five words one after the other, so a thread without the GIL
 *     may for a moment see a function of one allocator with the ctx of the other
 * I2  a set of inner functions is only called with its own ctx, and never changed or freed: a
 *     thread without the GIL may be inside a wrapper while what lies below it is replaced
 * I3  a free is recorded before the block is released; for a resize the old record is taken out
 *     before the call. No lock is held across a call
 * I4  nothing here calls Python, changes a refcount or allocates from the domains it watches
 * I5  tracer and code stay for the life of the process: a thread inside a wrapper that was taken
 *     out meanwhile finds a tracer that is not running
 *
 * Cost of a small block (1 to 256 bytes) between two samples: a word that tells that nothing else
 * is to be done, and a countdown, both thread-local; of a free: one look at a counter, that of
 * the known blocks in its page. */
#include "hook.h"

#include "compat.h"
#include "raw_stack.h"
#include "thread_names.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What a thread brings along; in static TLS, a few bytes, so that reaching it is one instruction.
 */
typedef struct {
    hsight_trace_thread trace;
    uint64_t state;    /* starts seen while sampling, plus BUSY for each level of it */
    uint32_t probing;  /* domain + 1 of an allocation made to see whether it comes by here */
    uint32_t named;    /* the start in which its name was kept */
    const void *fresh; /* allocated last, and no object was born in it yet; NULL else */
} local_state;

static _Thread_local local_state local __attribute__((tls_model("initial-exec")));

/* Inside the hook or an inner allocator: pass through. */
#define BUSY (UINT64_C(1) << 32)

static hsight_tracer *tracer;
static uint32_t starts;
/* What a thread's state is while all it has to do is count down; NOT_SAMPLING, which no thread's
 * state ever is, else. */
#define NOT_SAMPLING UINT64_MAX
static _Atomic uint64_t sampling = NOT_SAMPLING;

static inline bool is_busy(void)
{
    return local.state >= BUSY;
}

/* What lies below a wrapper. */
typedef struct inner_set {
    PyMemAllocatorEx call;
    /* Blocks of 1 to this many bytes are its own: refused only by the raw domain, which it asks
     * when it is full. 0 where that is not known. */
    size_t own_bytes;
    const struct inner_set *before; /* what lay there earlier */
} inner_set;

static _Atomic(const inner_set *) inner[HSIGHT_DOMAIN_COUNT];
static int (*_Atomic on_refusal)(void *);
static bool follow_children;
static bool handles_fork;
static bool births_lost; /* since the start */

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* ---- events ---- */

enum { SHALLOW = 64, RECORDS_LOOKED_AT = 128 };

/* Called for recorded blocks of a thread without a name. A new one gets its name some time after
 * its first allocation, and may end soon: so the first records look each, then the 256th, 512th,
 * ... Whoever forks has the names locked. */
static __attribute__((noinline)) void keep_name(const PyThreadState *thread)
{
    uint32_t recorded = local.trace.recorded;
    bool is_due = recorded < RECORDS_LOOKED_AT || (recorded & (recorded - 1)) == 0;
    if (is_due && thread != NULL && !local.trace.has_lock &&
        hsight__thread_names_keep(local.trace.number)) {
        local.named = local.trace.generation;
    }
}

static inline void record_frames(unsigned domain, const void *block, size_t bytes,
                                 hsight_raw_frame *frames, uint32_t limit)
{
    PyThreadState *thread =
        domain == HSIGHT_DOMAIN_RAW ? hsight__compat_own_thread() : hsight__compat_thread();
    uint32_t count = thread != NULL ? hsight__raw_stack(thread, frames, limit) : 0;
    hsight_tracer_record(tracer, &local.trace, block, bytes, frames, count);
    if (UNLIKELY(local.named != local.trace.generation)) {
        keep_name(thread);
    }
}

static __attribute__((noinline)) void record_deep(unsigned domain, const void *block, size_t bytes,
                                                  uint32_t limit)
{
    hsight_raw_frame frames[HSIGHT_FRAME_LIMIT_MAX];
    record_frames(domain, block, bytes, frames, limit);
}

static __attribute__((noinline)) void record(unsigned domain, const void *block, size_t bytes)
{
    hsight_raw_frame frames[SHALLOW];
    uint32_t limit = hsight_tracer_frame_limit(tracer);
    local.state += BUSY;
    if (LIKELY(limit <= SHALLOW)) {
        record_frames(domain, block, bytes, frames, limit);
    } else {
        record_deep(domain, block, bytes, limit);
    }
    local.state -= BUSY;
}

/* No memory was left for a block. NULL. */
static __attribute__((noinline)) void *refused(void)
{
    int (*call)(void *) = atomic_load(&on_refusal);
    if (call != NULL && !is_busy()) {
        (void)Py_AddPendingCall(call, NULL); /* full: others are waiting to tell the same */
    }
    return NULL;
}

static __attribute__((noinline)) void *allocated(unsigned domain, void *block, size_t bytes)
{
    if (UNLIKELY(is_busy())) {
        local.probing = local.probing == domain + 1 ? 0 : local.probing;
        return block;
    }
    if (UNLIKELY(block == NULL)) {
        return refused();
    }
    /* Before the generation is looked at: a new start is never taken for one met earlier. */
    uint64_t seen = atomic_load_explicit(&sampling, memory_order_acquire);
    hsight_trace_mode mode = hsight_tracer_mode(tracer);
    if (mode == HSIGHT_TRACE_SAMPLED) {
        bool wanted = hsight_tracer_wants(tracer, &local.trace, bytes);
        local.state = seen == NOT_SAMPLING ? 0 : seen; /* the tracer has met the thread since */
        if (UNLIKELY(wanted)) {
            record(domain, block, bytes);
        }
    } else if (mode == HSIGHT_TRACE_EXACT) {
        record(domain, block, bytes);
        local.fresh = block;
    } else if (mode == HSIGHT_TRACE_COUNTS) {
        hsight_tracer_count_allocation(tracer, domain, bytes);
    }
    return block;
}

/* An allocation of 1 byte or more: is counting down all there is to do? Done. */
static inline bool lies_between_samples(size_t bytes)
{
    if (LIKELY(local.state == atomic_load_explicit(&sampling, memory_order_relaxed) &&
               local.trace.countdown > (int64_t)bytes)) {
        local.trace.countdown -= (int64_t)bytes;
        return true;
    }
    return false;
}

static inline void count_free(unsigned domain, const void *block)
{
    if (UNLIKELY(hsight_tracer_mode(tracer) == HSIGHT_TRACE_COUNTS) && block != NULL &&
        !is_busy()) {
        hsight_tracer_count_free(tracer, domain);
    }
}

/* The first object in a block is what it was allocated for. One in a block that never left is from
 * a free list: its block gets the stack that took it. */
static void born(PyObject *object)
{
    if (is_busy()) {
        return;
    }
    size_t before = hsight__compat_preheader_bytes(Py_TYPE(object));
    const void *block = (const char *)object - before;
    hsight_traced_block taken;
    if (local.fresh == block) {
        local.fresh = NULL;
    } else if (hsight_tracer_is_reused(tracer, block) &&
               hsight_tracer_forget(tracer, &local.trace, block, &taken)) {
        record(HSIGHT_DOMAIN_OBJECT, block, taken.bytes);
    }
}

/* ---- wrappers ---- */

/* The newest set with that ctx; the newest at all where none has it. */
static __attribute__((noinline)) const inner_set *earlier_inner(unsigned domain, void *ctx)
{
    const inner_set *newest = atomic_load_explicit(&inner[domain], memory_order_acquire);
    for (const inner_set *set = newest; set != NULL; set = set->before) {
        if (set->call.ctx == ctx) {
            return set;
        }
    }
    return newest;
}

static inline const inner_set *inner_of(unsigned domain, void *ctx)
{
    const inner_set *newest = atomic_load_explicit(&inner[domain], memory_order_acquire);
    return LIKELY(newest->call.ctx == ctx) ? newest : earlier_inner(domain, ctx);
}

/* An object allocator passes large blocks (more than 512 bytes, debug hooks included) and such of
 * no bytes on to the raw domain, where they would be met again, and with debug hooks between at
 * another address. A foreign one may do so with all, or, as under PYTHONMALLOC=malloc, with none:
 * then nobody else sees that it refused a block. */
enum { KEPT_BYTES = 256, PASSED_ON_BYTES = 4096 };

/* Around a call of the inner allocator that may pass something on. */
static inline void enter_inner(unsigned domain)
{
    local.state += domain != HSIGHT_DOMAIN_RAW ? BUSY : 0;
}

static inline void leave_inner(unsigned domain)
{
    local.state -= domain != HSIGHT_DOMAIN_RAW ? BUSY : 0;
}

static __attribute__((noinline)) void *malloc_with_care(unsigned domain, void *ctx, size_t bytes)
{
    enter_inner(domain);
    void *block = inner_of(domain, ctx)->call.malloc(ctx, bytes);
    leave_inner(domain);
    if (LIKELY(block != NULL && bytes > 0 && lies_between_samples(bytes))) {
        return block;
    }
    return allocated(domain, block, bytes);
}

/* What is rare in here is in functions that end it, so that it saves no registers for them. */
static inline void *wrapped_malloc(unsigned domain, void *ctx, size_t bytes)
{
    const inner_set *below = atomic_load_explicit(&inner[domain], memory_order_acquire);
    if (UNLIKELY(below->call.ctx != ctx || bytes - 1 >= below->own_bytes)) { /* 0 bytes: too */
        return malloc_with_care(domain, ctx, bytes);
    }
    if (LIKELY(lies_between_samples(bytes))) {
        if (domain != HSIGHT_DOMAIN_RAW) {
            return below->call.malloc(ctx, bytes); /* refused by RAW, if at all */
        }
        void *block = below->call.malloc(ctx, bytes);
        return LIKELY(block != NULL) ? block : refused();
    }
    return allocated(domain, below->call.malloc(ctx, bytes), bytes);
}

static inline void *wrapped_calloc(unsigned domain, void *ctx, size_t count, size_t bytes)
{
    enter_inner(domain);
    void *block = inner_of(domain, ctx)->call.calloc(ctx, count, bytes);
    leave_inner(domain);
    return allocated(domain, block, count * bytes); /* no overflow: the block was granted */
}

static inline void *wrapped_realloc(unsigned domain, void *ctx, void *old, size_t bytes)
{
    hsight_traced_block taken;
    local.trace.last_block = NULL; /* a block that grows is not a temporary one */
    bool known = hsight_tracer_may_have_sample(tracer, old) &&
                 hsight_tracer_forget(tracer, &local.trace, old, &taken);
    enter_inner(domain);
    void *block = inner_of(domain, ctx)->call.realloc(ctx, old, bytes);
    leave_inner(domain);
    if (LIKELY(block != NULL && bytes > 0 && lies_between_samples(bytes))) {
        return block;
    }
    if (block != NULL) {
        count_free(domain, old);
        return allocated(domain, block, bytes);
    }
    if (known) {
        hsight_tracer_restore(tracer, &local.trace, old, &taken);
    }
    return refused();
}

static __attribute__((noinline)) void free_and_count(unsigned domain, void *ctx, void *block)
{
    count_free(domain, block);
    enter_inner(domain);
    inner_of(domain, ctx)->call.free(ctx, block);
    leave_inner(domain);
}

static __attribute__((noinline)) void free_perhaps_known(unsigned domain, void *ctx, void *block)
{
    if (UNLIKELY(hsight_tracer_mode(tracer) == HSIGHT_TRACE_COUNTS)) {
        free_and_count(domain, ctx, block);
        return;
    }
    hsight_traced_block taken;
    (void)hsight_tracer_forget(tracer, &local.trace, block, &taken);
    inner_of(domain, ctx)->call.free(ctx, block); /* passed on, it is a block that is not known */
}

static inline void wrapped_free(unsigned domain, void *ctx, void *block)
{
    const inner_set *below = atomic_load_explicit(&inner[domain], memory_order_acquire);
    if (LIKELY(!hsight_tracer_may_have_sample(tracer, block) && below->call.ctx == ctx)) {
        below->call.free(ctx, block);
    } else {
        free_perhaps_known(domain, ctx, block);
    }
}

#define WRAPPERS(name, domain)                                                                     \
    static void *name##_malloc(void *ctx, size_t bytes)                                            \
    {                                                                                              \
        return wrapped_malloc(domain, ctx, bytes);                                                 \
    }                                                                                              \
    static void *name##_calloc(void *ctx, size_t count, size_t bytes)                              \
    {                                                                                              \
        return wrapped_calloc(domain, ctx, count, bytes);                                          \
    }                                                                                              \
    static void *name##_realloc(void *ctx, void *block, size_t bytes)                              \
    {                                                                                              \
        return wrapped_realloc(domain, ctx, block, bytes);                                         \
    }                                                                                              \
    static void name##_free(void *ctx, void *block)                                                \
    {                                                                                              \
        wrapped_free(domain, ctx, block);                                                          \
    }

WRAPPERS(raw, HSIGHT_DOMAIN_RAW)
WRAPPERS(mem, HSIGHT_DOMAIN_MEM)
WRAPPERS(object, HSIGHT_DOMAIN_OBJECT)

static const struct {
    PyMemAllocatorDomain domain;
    PyMemAllocatorEx wrapper; /* without ctx */
} domains[HSIGHT_DOMAIN_COUNT] = {
    [HSIGHT_DOMAIN_RAW] = {PYMEM_DOMAIN_RAW, {NULL, raw_malloc, raw_calloc, raw_realloc, raw_free}},
    [HSIGHT_DOMAIN_MEM] = {PYMEM_DOMAIN_MEM, {NULL, mem_malloc, mem_calloc, mem_realloc, mem_free}},
    [HSIGHT_DOMAIN_OBJECT] = {PYMEM_DOMAIN_OBJ,
                              {NULL, object_malloc, object_calloc, object_realloc, object_free}},
};

/* ---- in and out of the chain ---- */

static bool is_on_top(int domain)
{
    PyMemAllocatorEx current;
    PyMem_GetAllocator(domains[domain].domain, &current);
    return current.malloc == domains[domain].wrapper.malloc;
}

/* Does an allocation by `call` come by a wrapper? */
typedef enum { COMES_BY, DOES_NOT, REFUSED } probe_answer;

static probe_answer probe(const PyMemAllocatorEx *call, size_t bytes, int domain)
{
    local.state += BUSY;
    local.probing = (uint32_t)domain + 1;
    void *block = call->malloc(call->ctx, bytes);
    bool came_by = local.probing == 0;
    local.probing = 0;
    if (block != NULL) {
        call->free(call->ctx, block);
    }
    local.state -= BUSY;
    return came_by ? COMES_BY : block != NULL ? DOES_NOT : REFUSED;
}

enum { SMALL = 24 };

/* Does the wrapper lie somewhere in the chain? */
static probe_answer look_for_wrapper(int domain)
{
    PyMemAllocatorEx current;
    PyMem_GetAllocator(domains[domain].domain, &current);
    if (atomic_load(&inner[domain]) == NULL) {
        return DOES_NOT;
    }
    return is_on_top(domain) ? COMES_BY : probe(&current, SMALL, domain);
}

/* The raw wrapper is in its place already when another domain asks. The allocators of the
 * interpreter have no ctx but for the debug hooks; another hook mostly has one, and may refuse a
 * block by itself, as tracemalloc does when it cannot keep a trace. */
static bool keeps_small_blocks(const PyMemAllocatorEx *call, int domain)
{
    return domain == HSIGHT_DOMAIN_RAW ||
           (call->ctx == NULL && probe(call, SMALL, HSIGHT_DOMAIN_RAW) == DOES_NOT &&
            probe(call, KEPT_BYTES, HSIGHT_DOMAIN_RAW) == DOES_NOT &&
            probe(call, PASSED_ON_BYTES, HSIGHT_DOMAIN_RAW) == COMES_BY);
}

/* Sets are kept for good (I2), one for each change of what was found below us. */
static bool keep_inner(int domain, const PyMemAllocatorEx *current)
{
    const inner_set *newest = atomic_load(&inner[domain]);
    if (newest != NULL && memcmp(&newest->call, current, sizeof(*current)) == 0) {
        return true;
    }
    inner_set *made = malloc(sizeof(*made));
    if (made == NULL) {
        return false;
    }
    *made = (inner_set){.call = *current, .before = newest};
    made->own_bytes = keeps_small_blocks(current, domain) ? KEPT_BYTES : 0;
    atomic_store_explicit(&inner[domain], made, memory_order_release);
    return true;
}

static bool install(int domain)
{
    probe_answer found = look_for_wrapper(domain);
    if (found != DOES_NOT) {
        return found == COMES_BY; /* REFUSED: put in a second time it would call itself */
    }
    PyMemAllocatorEx current;
    PyMem_GetAllocator(domains[domain].domain, &current);
    if (!keep_inner(domain, &current)) {
        return false;
    }
    PyMemAllocatorEx wrapper = domains[domain].wrapper;
    wrapper.ctx = current.ctx;
    PyMem_SetAllocator(domains[domain].domain, &wrapper);
    return true;
}

static void take_out(int domain)
{
    if (is_on_top(domain)) {
        PyMemAllocatorEx before = atomic_load(&inner[domain])->call;
        PyMem_SetAllocator(domains[domain].domain, &before);
    }
}

/* ---- fork ---- */

static void stop_tracer(void)
{
    atomic_store(&sampling, NOT_SAMPLING);
    hsight_tracer_stop(tracer);
}

/* Handlers of others run between ours and may allocate: the tracer lets the thread with its lock
 * pass. Ours are registered at import, so that the lock is taken late and released early. */
void hsight_hook_lock(void)
{
    hsight__thread_names_lock();
    if (tracer != NULL) {
        hsight_tracer_lock(tracer, &local.trace);
    }
}

void hsight_hook_unlock(void)
{
    if (local.trace.has_lock) {
        hsight_tracer_unlock(tracer, &local.trace);
    }
    hsight__thread_names_unlock();
}

static void after_fork_in_child(void)
{
    hsight__thread_names_forked();
    hsight_hook_unlock();
    if (tracer != NULL && !follow_children) {
        stop_tracer(); /* the wrappers stay and pass through */
    }
}

__attribute__((constructor)) static void watch_forks(void)
{
    handles_fork = pthread_atfork(hsight_hook_lock, hsight_hook_unlock, after_fork_in_child) == 0;
}

/* ---- start and stop ---- */

static hsight_status fail(hsight_error *err, hsight_status status, const char *message)
{
    if (err != NULL) {
        *err = (hsight_error){.status = status};
        strncpy(err->message, message, sizeof(err->message) - 1);
    }
    return status;
}

static hsight_status prepare(hsight_error *err)
{
    if (tracer == NULL) {
        hsight_status status = hsight_tracer_new(NULL, &tracer, err);
        if (status != HSIGHT_OK) {
            return status;
        }
    }
    if (!handles_fork) {
        watch_forks(); /* there may be memory now */
    }
    return handles_fork
               ? HSIGHT_OK
               : fail(err, HSIGHT_ENOMEM, "out of memory while the tracer prepared for fork()");
}

hsight_status hsight_hook_start(const hsight_hook_options *options, hsight_error *err)
{
    hsight_status status = prepare(err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight_tracer_options tracing = {
        .mode = options->mode,
        .frame_limit = options->frame_limit,
        .sample_bytes = options->sample_bytes,
        .seed = options->seed,
        .describe_code = hsight__raw_describe,
        .find_line = hsight__raw_line,
        .name_thread = hsight__thread_names_get,
    };
    status = hsight_tracer_start(tracer, &tracing, err);
    if (status != HSIGHT_OK) {
        return status;
    }
    hsight__thread_names_clear();
    births_lost = false;
    starts++;
    if (options->mode == HSIGHT_TRACE_SAMPLED) {
        atomic_store(&sampling, starts);
    } else if (options->mode == HSIGHT_TRACE_EXACT) {
        (void)hsight__compat_watch_births(born); /* else hsight_hook_births_are_lost() tells */
    }
    follow_children = options->follow_children;
    for (int domain = 0; domain < HSIGHT_DOMAIN_COUNT; domain++) {
        if (!install(domain)) {
            hsight_hook_stop();
            return fail(err, HSIGHT_ENOMEM, "out of memory while the allocator hook was installed");
        }
    }
    return HSIGHT_OK;
}

void hsight_hook_stop(void)
{
    if (tracer == NULL) {
        return;
    }
    hsight__compat_unwatch_births();
    for (int domain = HSIGHT_DOMAIN_COUNT - 1; domain >= 0; domain--) {
        take_out(domain);
    }
    stop_tracer();
}

hsight_tracer *hsight_hook_tracer(void)
{
    return tracer;
}

bool hsight_hook_is_running(void)
{
    return tracer != NULL && hsight_tracer_mode(tracer) != 0;
}

bool hsight_hook_is_removed(void)
{
    for (int domain = 0; hsight_hook_is_running() && domain < HSIGHT_DOMAIN_COUNT; domain++) {
        if (look_for_wrapper(domain) == DOES_NOT) {
            return true;
        }
    }
    return false;
}

bool hsight_hook_births_are_lost(void)
{
    births_lost |= hsight_hook_is_running() && hsight_tracer_mode(tracer) == HSIGHT_TRACE_EXACT &&
                   hsight__compat_births_go_elsewhere();
    return births_lost;
}

hsight_status hsight_hook_take(const hsight_reach *reach, hsight_trace **out,
                               hsight_stack_id **stack_map, uint32_t *map_count, hsight_error *err)
{
    if (!hsight_hook_is_running()) {
        return fail(err, HSIGHT_EINVAL, "no tracer is running; start a heapsight.Tracer first");
    }
    hsight__thread_names_refresh();
    if (stack_map != NULL) { /* it fits the numbers that the caller asks for with the same GIL */
        return hsight_tracer_take(tracer, reach, out, stack_map, map_count, err);
    }
    hsight_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = hsight_tracer_take(tracer, reach, out, NULL, NULL, err);
    Py_END_ALLOW_THREADS;
    return status;
}

uint32_t hsight_hook_stack_of(PyObject *object)
{
    if (!hsight_hook_is_running()) {
        return 0;
    }
    size_t before = hsight__compat_preheader_bytes(Py_TYPE(object));
    return hsight_tracer_stack_of(tracer, (const char *)object - before);
}

void hsight_hook_on_refusal(int (*call)(void *))
{
    atomic_store(&on_refusal, call);
}
