// Arithmetic with times, saturating at both ends, and other units.
#ifndef ZIRCON_TIME_H_
#define ZIRCON_TIME_H_

#include <time.h>

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

static inline int64_t zx_saturate_(int64_t sum, int overflow, int down) {
  return !overflow ? sum : down ? ZX_TIME_INFINITE_PAST : ZX_TIME_INFINITE;
}

static inline zx_time_t zx_time_add_duration(zx_time_t time, zx_duration_t duration) {
  int64_t sum;
  int overflow = __builtin_add_overflow(time, duration, &sum);
  return zx_saturate_(sum, overflow, duration < 0);
}

static inline zx_time_t zx_time_sub_duration(zx_time_t time, zx_duration_t duration) {
  int64_t sum;
  int overflow = __builtin_sub_overflow(time, duration, &sum);
  return zx_saturate_(sum, overflow, duration > 0);
}

static inline zx_duration_t zx_time_sub_time(zx_time_t time1, zx_time_t time2) {
  return zx_time_sub_duration(time1, time2);
}

static inline zx_duration_t zx_duration_add_duration(zx_duration_t duration1, zx_duration_t duration2) {
  return zx_time_add_duration(duration1, duration2);
}

static inline zx_duration_t zx_duration_sub_duration(zx_duration_t duration1, zx_duration_t duration2) {
  return zx_time_sub_duration(duration1, duration2);
}

static inline zx_duration_t zx_duration_mul_int64(zx_duration_t duration, int64_t multiplier) {
  int64_t product;
  int overflow = __builtin_mul_overflow(duration, multiplier, &product);
  return zx_saturate_(product, overflow, (duration < 0) != (multiplier < 0));
}

static inline int64_t zx_nsec_from_duration(zx_duration_t duration) {
  return duration;
}

static inline zx_duration_t zx_duration_from_nsec(int64_t n) {
  return n;
}

static inline zx_duration_t zx_duration_from_usec(int64_t n) {
  return zx_duration_mul_int64(1000, n);
}

static inline zx_duration_t zx_duration_from_msec(int64_t n) {
  return zx_duration_mul_int64(1000000, n);
}

static inline zx_duration_t zx_duration_from_sec(int64_t n) {
  return zx_duration_mul_int64(1000000000, n);
}

static inline zx_duration_t zx_duration_from_min(int64_t n) {
  return zx_duration_mul_int64(ZX_MIN(1), n);
}

static inline zx_duration_t zx_duration_from_hour(int64_t n) {
  return zx_duration_mul_int64(ZX_HOUR(1), n);
}

static inline zx_duration_t zx_duration_from_timespec(struct timespec ts) {
  return zx_duration_add_duration(zx_duration_from_sec(ts.tv_sec), ts.tv_nsec);
}

static inline struct timespec zx_timespec_from_duration(zx_duration_t duration) {
  struct timespec ts;
  ts.tv_sec = (time_t)(duration / 1000000000);
  ts.tv_nsec = (long)(duration % 1000000000);
  return ts;
}

static inline zx_time_t zx_time_from_timespec(struct timespec ts) {
  return zx_duration_from_timespec(ts);
}

static inline struct timespec zx_timespec_from_time(zx_time_t time) {
  return zx_timespec_from_duration(time);
}

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_TIME_H_
