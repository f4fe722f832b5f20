#ifndef OXBOW_ALLOCATION_COUNT_H
#define OXBOW_ALLOCATION_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/// Whether the allocations of this process can be counted: with glibc, and without a sanitizer.
bool allocation_count_is_available(void);

/// Begins or ends counting, in all threads.
void allocation_count_enable(bool enabled);

/// How often any thread has asked for memory while counting was on; a change of size counts too.
uint64_t allocation_count_total(void);

#endif
