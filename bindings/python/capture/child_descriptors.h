/* SPDX-License-Identifier: MIT */
/* child_descriptors.h - a forked child lets go of the descriptors that it has a copy of. */
#ifndef HEAPSIGHT_CAPTURE_CHILD_DESCRIPTORS_H
#define HEAPSIGHT_CAPTURE_CHILD_DESCRIPTORS_H

/* Close all descriptors of this process but one; takes no lock and no memory. Linux. */
void hsight__close_all_but(int kept);

#endif
