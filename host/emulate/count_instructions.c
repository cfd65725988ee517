/* QEMU TCG plugin: counts guest instructions by class, and misses of a simulated level-one data cache.
 *
 * The guest brackets what is counted with the system call MARKER (a number no kernel has):
 *   MARKER(0, 0)      zero the counters
 *   MARKER(1, label)  write "label count count ..." to the file named by the argument out=PATH
 * The file's first line names the columns. With l1=BYTES and ways=N, 64-byte lines, least recently used
 * replacement; the cache is not emptied by a reset.
 *
 * Counts are per translation block, so exact for a guest with one thread.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of qemu-plugin.h that is used, as in the TCG plugin API from version 1 on: distributions do not
 * package that header. QEMU refuses a plugin made for a version it does not speak. */
#ifndef QEMU_PLUGIN_VERSION
#define QEMU_PLUGIN_VERSION 1
#endif
typedef uint64_t qemu_plugin_id_t;
typedef struct {
    const char *target_name;
    struct {
        int min, cur;
    } version;
    bool system_emulation;
} qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint32_t qemu_plugin_meminfo_t;
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum { QEMU_PLUGIN_MEM_RW = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
                                      void (*)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), int, int, void *);
void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t,
                                          void (*)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                   uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
#if QEMU_PLUGIN_VERSION < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);
#endif

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { MARKER = 4000 };

/* "loads" and "stores" count instructions, "…_registers" the 128-bit registers that they fill or empty. */
#define CLASSES(X)                                                                                              \
    X(fma) X(dot) X(multiply) X(multiply_long) X(pairwise_add) X(vector_other)                                  \
    X(vector_loads) X(vector_stores) X(loads) X(stores) X(branches) X(integer)
enum {
#define X(name) name,
    CLASSES(X)
#undef X
        N_CLASSES,
    load_registers = N_CLASSES,
    store_registers,
    l1_misses,
    N_COUNTERS
};
static const char *const names[N_COUNTERS] = {
#define X(name) #name,
    CLASSES(X)
#undef X
    "load_registers", "store_registers", "l1_misses"};

static uint64_t counters[N_COUNTERS];
static FILE *out;
static bool aarch64;

static inline uint32_t bits(uint32_t word, int high, int low) { return word >> low & ((2u << (high - low)) - 1); }

/* Advanced SIMD data processing, by the tables of the Arm Architecture Reference Manual, C4.1.96. */
static int vector_class(uint32_t w)
{
    if (w >> 31 || bits(w, 27, 25) != 7) return vector_other;
    bool unsigned_form = bits(w, 29, 29);
    if (bits(w, 28, 24) == 15 && !bits(w, 10, 10)) { /* by element */
        switch (bits(w, 15, 12)) {
        case 1: case 5: return fma;                  /* fmla, fmls */
        case 9: return fma;                          /* fmul */
        case 14: case 15: return dot;                /* sdot, udot, usdot, bfdot */
        case 2: case 6: case 10: case 3: case 7: case 11: return multiply_long;
        case 0: case 4: return unsigned_form ? multiply : vector_other;
        case 8: case 12: case 13: return multiply;
        }
        return vector_other;
    }
    if (bits(w, 28, 24) != 14) return vector_other;
    if (bits(w, 21, 21) && bits(w, 10, 10)) { /* three same */
        switch (bits(w, 15, 11)) {
        case 25: return unsigned_form ? vector_other : fma;
        case 27: return unsigned_form ? fma : vector_other;
        case 18: case 19: return multiply;
        case 22: return multiply; /* sqdmulh */
        }
        return vector_other;
    }
    if (bits(w, 21, 21) && bits(w, 11, 10) == 0) { /* three different */
        switch (bits(w, 15, 12)) {
        case 8: case 10: case 12: case 9: case 11: case 13: return multiply_long;
        }
        return vector_other;
    }
    if (bits(w, 21, 17) == 16 && bits(w, 11, 10) == 2) { /* two-register miscellaneous */
        uint32_t opcode = bits(w, 16, 12);
        return opcode == 6 || opcode == 2 ? pairwise_add : vector_other;
    }
    if (!bits(w, 21, 21) && bits(w, 10, 10)) {
        if (bits(w, 15, 15)) return bits(w, 14, 13) == 1 || bits(w, 14, 11) == 15 ? dot : vector_other;
        if (bits(w, 22, 22) && bits(w, 15, 14) == 0) /* three same, half precision */
            return bits(w, 13, 11) == (unsigned_form ? 3 : 1) ? fma : vector_other;
    }
    return vector_other;
}

static int memory_class(uint32_t w, int *registers)
{
    bool vector = bits(w, 26, 26), load = bits(w, 22, 22), pair = bits(w, 29, 27) == 5;
    if (bits(w, 29, 27) == 3 && bits(w, 25, 24) == 0) load = true; /* literal */
    *registers = 1 + pair;
    if (bits(w, 31, 31) == 0 && bits(w, 29, 24) == 12) { /* multiple structures */
        static const uint8_t count[16] = {4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2};
        *registers = count[bits(w, 15, 12)];
    }
    return vector ? (load ? vector_loads : vector_stores) : load ? loads : stores;
}

static void classify(uint32_t w, uint32_t *count)
{
    uint32_t group = bits(w, 28, 25);
    if ((group & 5) == 4) {
        int registers, class = memory_class(w, &registers);
        count[class]++;
        if (class == vector_loads) count[load_registers] += registers;
        if (class == vector_stores) count[store_registers] += registers;
    } else if ((group & 7) == 7) {
        count[vector_class(w)]++;
    } else if ((group & 14) == 10) {
        count[branches]++;
    } else {
        count[integer]++;
    }
}

/* Level-one data cache: per set, tags from most to least recently used. */
static uint64_t *tags;
static unsigned ways, sets;

static void touch(uint64_t line)
{
    uint64_t *set = tags + (line % sets) * ways;
    unsigned i = 0;
    while (i < ways - 1 && set[i] != line) i++;
    if (set[i] != line) counters[l1_misses]++;
    for (; i; i--) set[i] = set[i - 1];
    set[0] = line;
}

static void on_memory(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    (void)cpu, (void)info, (void)data;
    touch(address >> 6);
}

static void on_execute(unsigned cpu, void *data)
{
    (void)cpu;
    const uint32_t *count = data;
    for (int i = 0; i < l1_misses; i++) counters[i] += count[i];
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    uint32_t *count = calloc(l1_misses, sizeof *count); /* lives as long as the block may */
    if (!count) abort();
    for (size_t i = 0, n = qemu_plugin_tb_n_insns(tb); i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (aarch64) {
            uint32_t word;
#if QEMU_PLUGIN_VERSION < 3
            memcpy(&word, qemu_plugin_insn_data(insn), 4);
#else
            qemu_plugin_insn_data(insn, &word, 4);
#endif
            classify(word, count);
        } else {
            count[integer]++;
        }
        if (tags) qemu_plugin_register_vcpu_mem_cb(insn, on_memory, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_execute, QEMU_PLUGIN_CB_NO_REGS, count);
}

static void on_syscall(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t command, uint64_t label, uint64_t a3,
                       uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)cpu, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != MARKER) return;
    if (command == 1) {
        fprintf(out, "%" PRIu64, label);
        for (int i = 0; i < N_COUNTERS; i++) fprintf(out, " %" PRIu64, counters[i]);
        fputc('\n', out);
        fflush(out);
    }
    memset(counters, 0, sizeof counters);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    unsigned long l1 = 0;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) out = fopen(argv[i] + 4, "w");
        if (!strncmp(argv[i], "l1=", 3)) l1 = strtoul(argv[i] + 3, NULL, 10);
        if (!strncmp(argv[i], "ways=", 5)) ways = strtoul(argv[i] + 5, NULL, 10);
    }
    if (!out || (l1 && !ways)) return 1;
    if (l1) {
        sets = l1 / 64 / ways;
        tags = calloc((size_t)sets * ways, sizeof *tags);
        if (!tags) return 1;
    }
    for (int i = 0; i < N_COUNTERS; i++) fprintf(out, "%s%c", names[i], i == N_COUNTERS - 1 ? '\n' : ' ');
    aarch64 = !strcmp(info->target_name, "aarch64");
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    return 0;
}
