//go:build cgo && linux && (amd64 || arm64)

#include "lazy.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols.h"

#define HIDDEN __attribute__((visibility("hidden")))
#define SLOTS (sizeof winnow_tf_names / sizeof winnow_tf_names[0])

extern HIDDEN void *winnow_tf_table[SLOTS]; // trampolines_*.S

// A program has one TensorFlow: two would fight over its registries of kernels.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *loaded;

// winnow_tf_unloaded is what every slot holds before a library is loaded.
HIDDEN void winnow_tf_unloaded(void)
{
	fputs("winnow: a TensorFlow function was called before libtensorflow was loaded\n", stderr);
	abort();
}

static int older(const char *version, int major, int minor)
{
	int a = 0, b = 0;
	if (sscanf(version, "%d.%d", &a, &b) != 2)
		return 1;
	return a < major || (a == major && b < minor);
}

static int fill(void *lib, int major, int minor, char *msg, size_t n)
{
	void *table[SLOTS];
	const char *(*version)(void) = (const char *(*)(void))dlsym(lib, "TF_Version");
	if (version && older(version(), major, minor)) {
		snprintf(msg, n, "%s", version());
		return WINNOW_TF_OLD_VERSION;
	}
	for (size_t i = 0; i < SLOTS; i++) {
		table[i] = dlsym(lib, winnow_tf_names[i]);
		if (!table[i]) {
			snprintf(msg, n, "%s", winnow_tf_names[i]);
			return WINNOW_TF_NO_SYMBOL;
		}
	}
	memcpy(winnow_tf_table, table, sizeof table);
	return WINNOW_TF_LOADED;
}

static int load(const char *path, int major, int minor, char *msg, size_t n)
{
	if (loaded) {
		if (!strcmp(loaded, path))
			return WINNOW_TF_LOADED;
		snprintf(msg, n, "%s", loaded);
		return WINNOW_TF_OTHER_LOADED;
	}
	// Read once, when the library starts: less chatter on standard error, and on
	// arm64 no oneDNN, whose convolutions may take Winograd's transform and
	// then do not keep integers whole. The user's own settings stay.
	setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
#ifdef __aarch64__
	setenv("TF_ENABLE_ONEDNN_OPTS", "0", 0);
#endif
	void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (!lib) {
		snprintf(msg, n, "%s", dlerror());
		return WINNOW_TF_CANNOT_OPEN;
	}
	int result = fill(lib, major, minor, msg, n);
	if (result != WINNOW_TF_LOADED) {
		dlclose(lib);
		return result;
	}
	loaded = strdup(path);
	return result;
}

int winnow_tf_load(const char *path, int major, int minor, char *msg, size_t n)
{
	pthread_mutex_lock(&mutex);
	int result = load(path, major, minor, msg, n);
	pthread_mutex_unlock(&mutex);
	return result;
}

// Strings changed their layout in 2.4 and the binding still writes the old one:
// tensors of strings are refused. Nothing of ours makes any.

extern void TF_SetStatus(void *status, int code, const char *msg);

static size_t unsupported(void *status)
{
	TF_SetStatus(status, 12 /* TF_UNIMPLEMENTED */, "tensors of strings are not supported");
	return 0;
}

HIDDEN size_t TF_StringEncodedSize(size_t len) { return len + 10; }

HIDDEN size_t TF_StringEncode(const char *src, size_t len, char *dst, size_t cap, void *status)
{
	(void)src, (void)len, (void)dst, (void)cap;
	return unsupported(status);
}

HIDDEN size_t TF_StringDecode(const char *src, size_t len, const char **dst, size_t *dst_len, void *status)
{
	(void)src, (void)len, (void)dst, (void)dst_len;
	return unsupported(status);
}
