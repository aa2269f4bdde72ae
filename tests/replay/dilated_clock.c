/* A clock that goes slower, for programs that are started with this library preloaded: to them the machine is
 * DILATION times as fast. Time dilation as in Gupta et al., "To Infinity and Beyond: Time-Warped Network Emulation",
 * NSDI 2006, by the C library's calls instead of a hypervisor.
 *
 *     cc -O2 -shared -fPIC -o dilated_clock.so dilated_clock.c
 *     DILATION=3 LD_PRELOAD=$PWD/dilated_clock.so freehold bench replay ...
 *
 * Time is the kernel's divided by DILATION, in every process alike, the date too (it is that of a past year, which
 * nothing here minds); whatever waits for so long, or until then, waits DILATION times as long. Processor time is left
 * as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS 1000000000LL

static long dilation(void) {
    static long factor;
    if (factor == 0) {
        const char *text = getenv("DILATION");
        long wanted = text ? atol(text) : 1;
        factor = wanted > 0 ? wanted : 1;
    }
    return factor;
}

/* All but those that count processor time. */
static int is_dilated(clockid_t clock) {
    return clock >= 0 && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID;
}

static long long nanoseconds(const struct timespec *time) { return time->tv_sec * NANOSECONDS + time->tv_nsec; }

static struct timespec timespec(long long nanoseconds) {
    struct timespec time = {nanoseconds / NANOSECONDS, nanoseconds % NANOSECONDS};
    return time;
}

/* For the kernel: DILATION times as long, or that point of its own clock. */
static struct timespec longer(const struct timespec *time) { return timespec(nanoseconds(time) * dilation()); }

/* Nothing and "for ever" (negative) stay what they are. */
static int longer_milliseconds(int milliseconds) {
    long long time = (long long)milliseconds * dilation();
    return milliseconds <= 0 ? milliseconds : time > 0x7fffffff ? 0x7fffffff : (int)time;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real) real = NEXT(name)

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int failed = real(clock, time);
    if (!failed && is_dilated(clock)) *time = timespec(nanoseconds(time) / dilation());
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) *seconds = now.tv_sec;
    return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
    REAL(clock_nanosleep);
    struct timespec slow = longer(time);
    int failed = real(clock, flags, &slow, left);
    if (failed == EINTR && left && !(flags & TIMER_ABSTIME)) *left = timespec(nanoseconds(left) / dilation());
    return failed;
}

int nanosleep(const struct timespec *time, struct timespec *left) {
    int failed = clock_nanosleep(CLOCK_REALTIME, 0, time, left);
    if (!failed) return 0;
    errno = failed;
    return -1;
}

int usleep(useconds_t microseconds) {
    struct timespec time = timespec(microseconds * 1000LL);
    return nanosleep(&time, NULL);
}

int poll(struct pollfd *files, nfds_t count, int milliseconds) {
    REAL(poll);
    return real(files, count, longer_milliseconds(milliseconds));
}

int ppoll(struct pollfd *files, nfds_t count, const struct timespec *time, const sigset_t *mask) {
    REAL(ppoll);
    struct timespec slow;
    if (time) slow = longer(time);
    return real(files, count, time ? &slow : NULL, mask);
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int milliseconds) {
    REAL(epoll_wait);
    return real(epoll, events, count, longer_milliseconds(milliseconds));
}

int epoll_pwait(int epoll, struct epoll_event *events, int count, int milliseconds, const sigset_t *mask) {
    REAL(epoll_pwait);
    return real(epoll, events, count, longer_milliseconds(milliseconds), mask);
}

int select(int count, fd_set *reading, fd_set *writing, fd_set *failing, struct timeval *time) {
    REAL(select);
    if (!time) return real(count, reading, writing, failing, NULL);
    long long microseconds = (time->tv_sec * 1000000LL + time->tv_usec) * dilation();
    struct timeval slow = {microseconds / 1000000, microseconds % 1000000};
    return real(count, reading, writing, failing, &slow);
}

/* C++ waits by this one. */
int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until) {
    REAL(pthread_cond_clockwait);
    struct timespec slow = longer(until);
    return real(condition, mutex, clock, &slow);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    REAL(pthread_cond_timedwait);
    struct timespec slow = longer(until);
    return real(condition, mutex, &slow);
}

/* Rust waits by futexes, which the C library has no other function for. */
long syscall(long number, ...) {
    REAL(syscall);
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long), d = va_arg(list, long);
    long e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    struct timespec slow;
    if (number == SYS_futex && d != 0) {
        long command = b & FUTEX_CMD_MASK;
        int waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
        if (waits) {
            slow = longer((const struct timespec *)d);
            d = (long)&slow;
        }
    }
    return real(number, a, b, c, d, e, f);
}
