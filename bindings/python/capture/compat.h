/* SPDX-License-Identifier: MIT */
/* compat.h - verbs with one meaning on CPython 3.11 to 3.15.
 *
 * compat_*.c are the only files that test a Python version, define Py_BUILD_CORE_MODULE or read a
 * private layout. Nothing here runs Python code, allocates Python objects or changes a refcount,
 * except hsight__compat_check(), which runs once at import. All references handed out are borrowed.
 * The GIL must be held throughout. */
#ifndef HEAPSIGHT_CAPTURE_COMPAT_H
#define HEAPSIGHT_CAPTURE_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <heapsight/tracer.h>

#include <stdbool.h>
#include <stdint.h>

/* ---- import ---- */

/* Why this interpreter cannot be walked, as one sentence; NULL when it can. Compares every private
 * layout that is used with what the running interpreter really does. */
const char *hsight__compat_check(void);
/* How the heap is walked, for the snapshot's metadata. */
const char *hsight__compat_description(void);
/* Was the class written in Python? All such have one tp_traverse; known once the check has looked
 * at attributes. */
bool hsight__compat_is_python_class(const PyTypeObject *type);

/* ---- the collector ---- */

typedef int (*hsight__compat_object_visitor)(PyObject *object, void *state); /* non-zero stops */

/* The collector's lists may be gone through from both ends: `backwards` is told, from the last on,
 * of those objects of which `forwards` is not. */
typedef struct {
    hsight__compat_object_visitor forwards;
    hsight__compat_object_visitor backwards;
    void *state;
} hsight__compat_tracked_visitor;

/* Every object the collector tracks, frozen ones (gc.freeze) included. Only record the pointer: on
 * 3.14+ the object holds one extra reference meanwhile. An object may come twice.
 * Returns the visitor's non-zero answer, else 0. */
int hsight__compat_visit_tracked(const hsight__compat_tracked_visitor *visitor);
/* Is this dict the interpreter's table of interned strings (tracked since 3.14)? Its references are
 * not in the refcounts. `probe` is any interned string. */
bool hsight__compat_is_interned_table(PyObject *dict, PyObject *probe);

/* ---- objects ---- */

/* The refcount says nothing: immortal (PEP 683), deep-frozen (3.11), or a static type. */
bool hsight__compat_is_immortal(PyObject *object);
/* Bytes before the object that belong to its block: gc head, managed dict and weakref slots. */
size_t hsight__compat_preheader_bytes(PyTypeObject *type);
size_t hsight__compat_int_bytes(PyObject *exact_or_sub_int);
bool hsight__compat_is_frozendict(PyTypeObject *type);

/* Where an instance keeps attributes that no materialised __dict__ holds. Never makes a dict. */
typedef struct {
    PyObject **slots; /* values by shared-key index; items may be NULL */
    Py_ssize_t count; /* of slots; 0 when there are none */
    PyObject *dict;   /* the materialised __dict__, or NULL */
    size_t bytes;     /* of the values block of this instance, wherever it lies */
} hsight__compat_attributes;
/* `type` has Py_TPFLAGS_MANAGED_DICT (test with hsight__compat_has_managed_dict). */
void hsight__compat_read_attributes(PyObject *object, PyTypeObject *type,
                                    hsight__compat_attributes *out);
/* Bytes of values that follow an instance in its own block; 0 where they lie in another one. */
size_t hsight__compat_following_values_bytes(PyObject *object, PyTypeObject *type);
/* The block of attribute values that an instance (before 3.13) or a dict keeps apart. Its bytes as
 * far as it tells, to within 7 words before 3.13; 0 and NULL where there is none. */
size_t hsight__compat_values_block(PyObject *object, PyTypeObject *type, const void **begin);
/* Where in an exact str words begin and end that may lead to memory of its own; equal for none. */
void hsight__compat_text_addresses(PyObject *text, size_t *begin, size_t *end);
bool hsight__compat_has_managed_dict(PyTypeObject *type);
/* Where an instance points to a values block apart from it (before 3.13), from the object on; else
 * 0.
 */
Py_ssize_t hsight__compat_values_offset(PyTypeObject *type);
/* Names for the slots: key number `index` shared by the instances of a heap type, or NULL. */
Py_ssize_t hsight__compat_shared_key_count(PyTypeObject *type);
PyObject *hsight__compat_shared_key(PyTypeObject *type, Py_ssize_t index);
/* Bytes of the table of those names; 0 where there is none. */
size_t hsight__compat_shared_keys_bytes(PyTypeObject *type);

/* How a dict holds its items. */
typedef enum {
    HSIGHT__DICT_COMBINED, /* owns keys and values */
    HSIGHT__DICT_SPLIT,    /* owns values, its class owns the keys */
    HSIGHT__DICT_EMBEDDED  /* the instance owns the values, its class the keys */
} hsight__compat_dict_kind;
hsight__compat_dict_kind hsight__compat_dict_kind_of(PyObject *dict);
/* The entries of a dict with a table of its own, deleted ones included: of entry i the words
 * first[i * word_count] and the next are the key and the value, which is NULL where it was deleted.
 */
typedef struct {
    PyObject *const *first;
    Py_ssize_t count;
    size_t word_count;
} hsight__compat_dict_entries;
hsight__compat_dict_entries hsight__compat_dict_entries_of(PyObject *dict);
/* Tables that belong to the dict: keys (when its own) and values. */
size_t hsight__compat_dict_table_bytes(PyObject *dict);
/* Can this be a copy of a dict with a table of its own? The table must look like one of that dict.
 */
bool hsight__compat_dict_can_be(const PyDictObject *copy, const hsight_block_reader *reader);
/* The block of its own keys; NULL where it has none. */
const void *hsight__compat_dict_table(PyObject *dict);

/* ---- memory that objects keep beside their own block ---- */

/* Bytes of what a heap type keeps in blocks of its own: shared keys, name and documentation. */
size_t hsight__compat_class_blocks_bytes(PyTypeObject *type);
/* Bytes of the C state of a module object; 0 until it is made, or where the module has none. */
size_t hsight__compat_module_state_bytes(PyObject *module);
/* Bytes of what a code object remembers of itself once somebody asked (3.12+). */
size_t hsight__compat_code_cache_bytes(PyObject *code);
/* Bytes of the system's lock behind each of the types _thread.lock and _thread.RLock; 0 where they
 * hold one themselves (3.14+). */
size_t hsight__compat_lock_bytes(void);
/* Does io.BytesIO tell the collector of the bytes object that is its buffer (3.12+)? */
bool hsight__compat_bytes_io_shows_buffer(void);
/* Bytes beside an io.StringIO. `written` receives a str that it alone has, which the collector is
 * not told of and which is not in the bytes, or NULL. */
size_t hsight__compat_string_io_bytes(PyObject *string_io, PyObject **written);
/* False: the layout is not as expected, and nothing beside a StringIO is counted. */
bool hsight__compat_knows_string_io(void);
/* Has a Struct its compiled format, without which its __sizeof__ crashes? */
bool hsight__compat_struct_has_codes(PyObject *compiled);
/* Bytes of the block that a value of ctypes keeps apart from itself: an object of `c_type`, one of
 * the types in C that all others are made from. */
size_t hsight__compat_ctypes_block_bytes(PyObject *value, PyTypeObject *c_type);
/* Compares the layouts of StringIO and Struct with real objects, once at import; where they differ,
 * nothing beside those objects is counted. */
void hsight__compat_check_buffers(void);

/* ---- types, code, modules, functions: parts that tp_traverse leaves out or cannot be called for
 * ---- */

typedef void (*hsight__compat_part_visitor)(const char *name, PyObject *part, void *state);
/* All references a class owns, but its metaclass: __dict__, __mro__, ... shared keys included
 * (name "shared key"). */
void hsight__compat_type_parts(PyTypeObject *type, hsight__compat_part_visitor visitor,
                               void *state);
void hsight__compat_code_parts(PyObject *code, hsight__compat_part_visitor visitor, void *state);
void hsight__compat_function_parts(PyObject *function, hsight__compat_part_visitor visitor,
                                   void *state);
/* Module fields that module_traverse does not visit. */
PyObject *hsight__compat_module_name(PyObject *module);
/* Borrowed __dict__ of a class; static builtin types keep it in the interpreter since 3.12. */
PyObject *hsight__compat_type_dict(PyTypeObject *type);
PyObject *hsight__compat_code_free_names(PyObject *code, Py_ssize_t index);

/* ---- frames ---- */

typedef struct _PyInterpreterFrame hsight__compat_frame;

typedef enum {
    HSIGHT__FRAME_FUNCTION,
    HSIGHT__FRAME_CODE,
    HSIGHT__FRAME_NAMESPACE, /* f_locals of a module or class body */
    HSIGHT__FRAME_OBJECT,    /* the materialised frame object */
    HSIGHT__FRAME_LOCAL,
    HSIGHT__FRAME_CELL,
    HSIGHT__FRAME_STACK
} hsight__compat_frame_kind;

typedef struct {
    hsight__compat_frame_kind kind;
    PyObject *name; /* LOCAL, CELL: the variable; else NULL */
    int index;      /* STACK: slot from the bottom */
    PyObject *object;
    bool owned; /* false: a borrowed slot (3.14+), not in the refcount */
} hsight__compat_frame_item;
typedef void (*hsight__compat_frame_visitor)(const hsight__compat_frame_item *item, void *state);

hsight__compat_frame *hsight__compat_current_frame(PyThreadState *thread);
hsight__compat_frame *hsight__compat_previous_frame(hsight__compat_frame *frame);
/* False for frames of the interpreter, which run no code of the program: entries, sentinels, and
 * those that hold an object while its __init__ runs (3.13+). Their items are owned all the same. */
bool hsight__compat_frame_has_code(hsight__compat_frame *frame);
PyObject *hsight__compat_frame_code(hsight__compat_frame *frame);
/* The code of a frame that runs in this thread, NULL where it has none of the program's. Does not
 * touch the code object, which may be far away. */
PyObject *hsight__compat_running_code(hsight__compat_frame *frame);
PyObject *hsight__compat_frame_globals(hsight__compat_frame *frame); /* NULL without such code */
int hsight__compat_frame_line(hsight__compat_frame *frame);          /* 0 unknown */
/* Where the frame stands in its code: bytes from the first instruction, negative before it. */
int hsight__compat_frame_offset(hsight__compat_frame *frame, PyObject *code);
/* Is the frame being set up (cells and generator objects are made then)? The interpreter leaves it
 * out of tracebacks, and its instructions have no line. */
bool hsight__compat_frame_is_starting(hsight__compat_frame *frame, PyObject *code);
/* The generator or coroutine that owns the frame, or NULL. */
PyObject *hsight__compat_frame_generator(hsight__compat_frame *frame);
void hsight__compat_frame_items(hsight__compat_frame *frame, hsight__compat_frame_visitor visitor,
                                void *state);
/* Slots whose use is unknown while the frame runs C code (before 3.14): they may hold owned
 * references or stale words. Compare them with addresses, never follow them. */
int hsight__compat_frame_unknown_slots(hsight__compat_frame *frame, PyObject ***slots);

/* Generators, coroutines, async generators: parts outside the frame, then the frame if it lives. */
void hsight__compat_generator_parts(PyObject *generator, hsight__compat_part_visitor visitor,
                                    void *state);
hsight__compat_frame *hsight__compat_generator_frame(PyObject *generator);
/* The code of a generator or frame object, also when its frame has ended; NULL when that is gone.
 */
PyObject *hsight__compat_generator_code(PyObject *generator);
PyObject *hsight__compat_frame_object_code(PyObject *frame_object);
/* Bytes of the slots that follow the fixed part inside a generator or frame object; 0 for NULL. */
size_t hsight__compat_code_slots_bytes(PyObject *code);
/* Frame objects: fields, then the frame when the object owns it (else NULL). */
void hsight__compat_frame_object_parts(PyObject *frame_object, hsight__compat_part_visitor visitor,
                                       void *state);
hsight__compat_frame *hsight__compat_frame_object_frame(PyObject *frame_object);

/* ---- births ---- */

/* Called when an object has its type and refcount, and nothing else. */
typedef void (*hsight__compat_birth_visitor)(PyObject *object);
/* False where the interpreter cannot tell (before 3.13), or tells somebody else. */
bool hsight__compat_watch_births(hsight__compat_birth_visitor visitor);
void hsight__compat_unwatch_births(void);
/* Does somebody else hear of births, so that the visitor does not? False before 3.13. */
bool hsight__compat_births_go_elsewhere(void);

/* ---- a forked child, whose only thread calls these: they take no lock ---- */

/* Nobody hears of births any more, whoever it was, tracemalloc too. */
void hsight__compat_silence_births(void);
/* The allocator of all three domains, for good. */
void hsight__compat_use_allocator(PyMemAllocatorEx *allocator);
/* Compares the interpreter's variables for it with what its functions say, once at import; where
 * they differ, the public functions are called, which take locks. */
void hsight__compat_check_child(void);

/* ---- code objects by offset ---- */

/* Parts of a code object that name a place in it. Borrowed; nothing is allocated. */
typedef struct {
    PyObject *name; /* qualified */
    PyObject *file;
    int first_line;
    const char *lines; /* the location table of 3.11+: see compat_code.c */
    size_t lines_bytes;
} hsight__compat_code_place;
void hsight__compat_code_places(PyObject *code, hsight__compat_code_place *out);
/* The line of an offset by such a table; 0 where it has none. The cursor goes on from call to call,
 * for offsets that do not descend. Needs no code object, nor the GIL. */
unsigned hsight__compat_line_at(hsight_string lines, int first_line, int offset,
                                hsight_line_cursor *cursor);

/* ---- threads ---- */

/* The thread state that holds the GIL, or NULL; not checked to be that of the calling thread where
 * the caller may have no GIL (before 3.12): compare hsight__compat_own_thread(). */
PyThreadState *hsight__compat_thread(void);
/* The calling thread's own state, NULL when it has none or does not hold the GIL. */
PyThreadState *hsight__compat_own_thread(void);
/* Are the modules of the calling thread's interpreter there to be looked at? Not while it is being
 * made or ends, and not in a subinterpreter. */
bool hsight__compat_has_modules(void);

/* Objects a thread state owns: exceptions being handled, context, trace function, ... */
void hsight__compat_thread_parts(PyThreadState *thread, hsight__compat_part_visitor visitor,
                                 void *state);
unsigned long hsight__compat_main_thread_id(void);
/* Is there one interpreter? Objects of others have blocks, too, and are in no snapshot. */
bool hsight__compat_is_alone(void);
/* The memory of the interpreter's own structure, to be compared word by word, never followed. */
const void *hsight__compat_interpreter_memory(size_t *bytes);

#endif
