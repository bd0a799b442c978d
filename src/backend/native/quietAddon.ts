/**
 * C++ source of an addon for what JavaScript cannot do. It has two functions: `hush` sends what the process writes to
 * standard error nowhere, `restore` ends that: TensorFlow's libraries print two lines while they are loaded, before
 * they look at TF_CPP_MIN_LOG_LEVEL.
 *
 * And while it is loaded it tells glibc's allocator to keep large pieces of memory for the next ones. Else every tensor
 * above 32 MB is new memory from the kernel, whose pages are faulted in and cleared one by one: one twentieth of an
 * encoder's time.
 */
export const QUIET_ADDON = `
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static int kept = -1;

static napi_value hush(napi_env, napi_callback_info) {
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere < 0 || kept >= 0) return nullptr;
  kept = dup(STDERR_FILENO);
  dup2(nowhere, STDERR_FILENO);
  close(nowhere);
  return nullptr;
}

static napi_value restore(napi_env, napi_callback_info) {
  if (kept < 0) return nullptr;
  dup2(kept, STDERR_FILENO);
  close(kept);
  kept = -1;
  return nullptr;
}

static void add(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  add(env, exports, "hush", hush);
  add(env, exports, "restore", restore);
  return exports;
}
`;
