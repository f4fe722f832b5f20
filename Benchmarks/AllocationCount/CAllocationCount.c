#include "CAllocationCount.h"

#include <stdatomic.h>
#include <stdlib.h>

// Functions of the C library by which a program asks for memory, defined here once more: the program and all its
// libraries then call these. Each asks the C library under the name that glibc keeps for this purpose. What is not
// defined here (free, and the old valloc and pvalloc) stays glibc's.

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define OXBOW_SANITIZED 1 // these have allocators of their own
#endif
#endif

#if defined(__GLIBC__) && !defined(OXBOW_SANITIZED)

#include <errno.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

// Apart from what changes, so that looking at the flag costs no traffic between cores.
static _Alignas(128) atomic_bool enabled;
static _Alignas(128) atomic_uint_fast64_t total;

static inline void count(void) {
    if (__builtin_expect(atomic_load_explicit(&enabled, memory_order_relaxed), 0)) {
        atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
    }
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
    count();
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
        return EINVAL;
    }
    count();
    void *allocated = __libc_memalign(alignment, size);
    if (allocated == NULL) {
        return ENOMEM;
    }
    *memory = allocated;
    return 0;
}

bool allocation_count_is_available(void) { return true; }

void allocation_count_enable(bool on) { atomic_store_explicit(&enabled, on, memory_order_relaxed); }

uint64_t allocation_count_total(void) { return atomic_load_explicit(&total, memory_order_relaxed); }

#else

bool allocation_count_is_available(void) { return false; }

void allocation_count_enable(bool on) { (void)on; }

uint64_t allocation_count_total(void) { return 0; }

#endif
