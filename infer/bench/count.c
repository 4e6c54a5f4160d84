/* A qemu TCG plugin that counts executed instructions, SDOT among them, and
 * loads and stores, and prints them at exit. Plugin API version 1 (qemu 4.2 to
 * today); declared here because Debian ships no qemu-plugin.h. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *counter, uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

EXPORT int qemu_plugin_version = 1;
static uint64_t all, dot, memory;

static int is_dot(uint32_t w)
{
	return (w & 0xFFC0F400) == 0x4F80E000 || (w & 0xFFE0FC00) == 0x4E809400; /* by element, by vector */
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t d = 0, m = 0;
	(void)id;
	for (size_t i = 0; i < n; i++) {
		uint32_t w = *(const uint32_t *)qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i));
		d += is_dot(w);
		m += (w & 0x0A000000) == 0x08000000;
	}
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &all, n);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &dot, d);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &memory, m);
}

static void finished(plugin_id id, void *arg)
{
	(void)id;
	(void)arg;
	fprintf(stderr, "COUNT %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", all, dot, memory);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finished, NULL);
	return 0;
}
