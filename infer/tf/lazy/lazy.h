// What package lazy offers to Go over cgo.
#include <stddef.h>

enum {
	WINNOW_TF_LOADED = 0,
	WINNOW_TF_CANNOT_OPEN = 1,
	WINNOW_TF_NO_SYMBOL = 2,
	WINNOW_TF_OLD_VERSION = 3,
	WINNOW_TF_OTHER_LOADED = 4,
};

// winnow_tf_load opens the library and fills the table that the trampolines jump
// through. On failure it leaves the table alone and puts the linker's words, the
// symbol or the version into msg. A second call with the same path does nothing.
// Safe to call from several threads.
int winnow_tf_load(const char *path, int major, int minor, char *msg, size_t n);
