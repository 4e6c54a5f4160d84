/* Runs a .tflite file with one int8 input and one output through LiteRT's C API
 * (libLiteRt.so of the aarch64 wheel), single-threaded:
 *
 *     litert_arm libLiteRt.so MODEL RUNS
 *
 * The peer that `make bench-arm` counts. Declarations are those of LiteRT 2.3. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *handle;
struct ranked { int32_t elem; uint32_t bits; int32_t dims[8]; uint32_t strides[8]; };

static void *lib;

static void *need(const char *name)
{
	void *f = dlsym(lib, name);
	if (!f) {
		fprintf(stderr, "libLiteRt.so has no %s\n", name);
		exit(1);
	}
	return f;
}

/* CALL calls a function of the library and gives up if it fails. */
#define CALL(name, types, ...) do { \
	int status = ((int (*) types)need(#name))(__VA_ARGS__); \
	if (status) { fprintf(stderr, #name ": status %d\n", status); exit(1); } \
} while (0)

static void *read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END)) { perror(path); exit(1); }
	*n = (size_t)ftell(f);
	rewind(f);
	void *p = malloc(*n);
	if (!p || fread(p, 1, *n, f) != *n) { perror(path); exit(1); }
	fclose(f);
	return p;
}

static handle buffer(handle env, handle compiled, handle signature, int out)
{
	handle tensor, requirements, b;
	struct ranked type;
	if (out) {
		CALL(LiteRtGetSignatureOutputTensorByIndex, (handle, size_t, handle *), signature, 0, &tensor);
		CALL(LiteRtGetCompiledModelOutputBufferRequirements, (handle, size_t, size_t, handle *), compiled, 0, 0, &requirements);
	} else {
		CALL(LiteRtGetSignatureInputTensorByIndex, (handle, size_t, handle *), signature, 0, &tensor);
		CALL(LiteRtGetCompiledModelInputBufferRequirements, (handle, size_t, size_t, handle *), compiled, 0, 0, &requirements);
	}
	CALL(LiteRtGetRankedTensorType, (handle, struct ranked *), tensor, &type);
	CALL(LiteRtCreateManagedTensorBufferFromRequirements, (handle, struct ranked *, handle, handle *), env, &type, requirements, &b);
	return b;
}

static void noise(handle b)
{
	size_t n;
	uint8_t *p;
	uint32_t v = 1;
	CALL(LiteRtGetTensorBufferPackedSize, (handle, size_t *), b, &n);
	CALL(LiteRtLockTensorBuffer, (handle, void **, int), b, (void **)&p, 1);
	for (size_t i = 0; i < n; i++) {
		v = v * 1664525 + 1013904223;
		p[i] = v >> 24;
	}
	CALL(LiteRtUnlockTensorBuffer, (handle), b);
}

int main(int argc, char **argv)
{
	handle env, model, options, xnnpack, compiled, signature, in, out;
	size_t n;
	if (argc != 4 || !(lib = dlopen(argv[1], RTLD_NOW))) {
		fprintf(stderr, "usage: litert_arm libLiteRt.so MODEL RUNS\n%s\n", argc == 4 ? dlerror() : "");
		return 2;
	}
	void *file = read_file(argv[2], &n);
	CALL(LiteRtCreateEnvironment, (int, handle, handle *), 0, NULL, &env);
	CALL(LiteRtCreateModelFromBuffer, (handle, void *, size_t, handle *), env, file, n, &model);
	CALL(LiteRtCreateOptions, (handle *), &options);
	CALL(LiteRtSetOptionsHardwareAccelerators, (handle, int), options, 1);
	CALL(LiteRtCreateOpaqueOptions, (const char *, void *, void (*)(void *), handle *), "xnnpack",
		strdup("kernel_mode = \"delegate\"\nnum_threads = 1\n"), free, &xnnpack);
	CALL(LiteRtAddOpaqueOptions, (handle, handle), options, xnnpack);
	CALL(LiteRtCreateCompiledModel, (handle, handle, handle, handle *), env, model, options, &compiled);
	CALL(LiteRtGetModelSignature, (handle, size_t, handle *), model, 0, &signature);
	in = buffer(env, compiled, signature, 0);
	out = buffer(env, compiled, signature, 1);
	noise(in);
	for (int i = atoi(argv[3]); i > 0; i--)
		CALL(LiteRtRunCompiledModel, (handle, size_t, size_t, handle *, size_t, handle *), compiled, 0, 1, &in, 1, &out);
	return 0;
}
