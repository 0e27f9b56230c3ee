/* SPDX-License-Identifier: MIT */
/* graph_text.h - a heap graph written as text: "root>a a>b b>c".
 *
 * Words are separated by white space. Objects are numbered in the order in which they are first
 * mentioned; references of one object keep the order of the text.
 *
 *     a                 an object
 *     a:Type=64*2!gn    its type, shallow size in bytes, refcount, flags; each part may be missing,
 *                       the order is fixed. Flags: g gc-tracked, i immortal, x garbage, t class,
 *                       m module, n namespace. Else: type "object", 16 bytes, refcount 1, no flags.
 *     a>b               a reference, "internal field" without a name
 *     a.x>b             attribute x             a[3]>b   index 3
 *     a{k}>b            dict value, k is the object that is its key
 *     a{}>b             dict key                a#>b     set member
 *     a|x>b             local variable x        a^x>b    cell x
 *     a@x>b             type part x             a(x)>b   internal field x
 *     a%>b              class of the object     a$3>b    operand stack, position 3
 *     a~>b              weak reference
 *     kind:name>>a      a root; kind is module, frame, interpreter, static, c or profiler. Of a c
 *                       root the name is its surplus: c:2>>a. A frame may go on with thread,
 *                       function, file and line: frame:job:worker:pin:service.py:41>>a
 *
 * Names are letters, digits and "_", in roots and types also "." and "-". The preview of an object
 * is its name; its address is 0x10000 + 0x100 * number. */
#ifndef HEAPSIGHT_TESTS_GRAPH_TEXT_H
#define HEAPSIGHT_TESTS_GRAPH_TEXT_H

#include <heapsight/builder.h>

/* The graph of a text, checked by hsight_graph_check(); owned by the caller. A mistake in the text
 * fails the test. `allocator` as for hsight_builder_new(); it must not refuse. */
hsight_graph *graph_text_build_on(const hsight_allocator *allocator, const char *text);
hsight_graph *graph_text_build(const char *text);

/* The object of that name; fails the test when there is none. O(objects). */
hsight_node_id graph_text_node(const hsight_graph *graph, const char *name);

#endif
