/* What the thread sanitizer must be told of Swift's standard library on Linux, where nothing is instrumented; loaded before
 * it (LD_PRELOAD): see run.
 *
 * Mutex: the fast path is compiled into the program, where the sanitizer sees it; the slow one (FUTEX_LOCK_PI and its like)
 * lies within the library.
 *
 * Continuations: a task that waits and is resumed goes on through a queue, of which the library tells the sanitizer. One
 * that is resumed before it has begun to wait goes straight on, and nobody tells: here, its resumer waits for a while until
 * it waits, and else it is told when it goes on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

/* Only programs that are built with the sanitizer have them. */
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

/* Mutex: functions of Synchronization._MutexHandle. */

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t thread, SELF void *handle) __asm__(LOCK);
SWIFT bool try_lock_slow(SELF void *handle) __asm__(TRY_LOCK);
SWIFT void unlock_slow(SELF void *handle) __asm__(UNLOCK);

SWIFT void lock_slow(uint32_t thread, SELF void *handle) {
    SWIFT void (*next)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK);
    next(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT bool try_lock_slow(SELF void *handle) {
    SWIFT bool (*next)(SELF void *) = dlsym(RTLD_NEXT, TRY_LOCK);
    bool is_locked = next(handle);
    if (is_locked && __tsan_acquire) __tsan_acquire(handle);
    return is_locked;
}

SWIFT void unlock_slow(SELF void *handle) {
    SWIFT void (*next)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) __tsan_release(handle);
    next(handle);
}

/* Continuations: the layout is that of the library's ABI. */

struct continuation_context {
    void *parent, *resume, *flags;
    _Atomic(uintptr_t) status;
};

enum { PENDING, AWAITED, RESUMED };

struct task {
    void *job[8];
    struct continuation_context *context;
};

__attribute__((weak)) void *swift_task_getCurrent(void);

static void let_it_wait(struct task *task) {
    /* The task itself resumes what it has not begun to wait for, or whoever resumes holds up the task. */
    if (swift_task_getCurrent() == task) return;
    for (int turn = 0; turn < 1500 && atomic_load(&task->context->status) == PENDING; turn++) {
        if (turn < 1000) sched_yield(); else usleep(100);
    }
}

SWIFT void swift_continuation_resume(struct task *task) {
    SWIFT void (*next)(struct task *) = dlsym(RTLD_NEXT, "swift_continuation_resume");
    let_it_wait(task);
    next(task);
}

SWIFT void swift_continuation_throwingResume(struct task *task) {
    SWIFT void (*next)(struct task *) = dlsym(RTLD_NEXT, "swift_continuation_throwingResume");
    let_it_wait(task);
    next(task);
}

SWIFT void swift_continuation_throwingResumeWithError(struct task *task, void *error) {
    SWIFT void (*next)(struct task *, void *) = dlsym(RTLD_NEXT, "swift_continuation_throwingResumeWithError");
    let_it_wait(task);
    next(task, error);
}

#define ASYNC __attribute__((swiftasynccall))

ASYNC void swift_continuation_await(struct continuation_context *context) {
    ASYNC void (*next)(struct continuation_context *) = dlsym(RTLD_NEXT, "swift_continuation_await");
    /* The library has released the task where it was resumed. */
    if (atomic_load(&context->status) == RESUMED && __tsan_acquire) __tsan_acquire(swift_task_getCurrent());
    __attribute__((musttail)) return next(context);
}
