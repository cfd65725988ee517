/* Makes this process believe that its x86-64 CPU ends at AVX2.

   Linux can let the CPUID instruction fault (arch_prctl(2), ARCH_SET_CPUID). The handler executes it for
   the program and clears the bits of what is newer than x86-64-v3. Threads started later inherit the
   setting; exec ends it. Libraries ask once, so that nothing is slower afterwards. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

/* Bit numbers: Intel SDM volume 2A, CPUID, leaves 7 and 0DH. */
static const unsigned AVX512_EBX = BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
/* VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ */
static const unsigned LEAF7_ECX = BIT(1) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14);
/* 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8 */
static const unsigned LEAF7_EDX = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);
/* SHA512, SM3, SM4, AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA */
static const unsigned LEAF7_1_EAX = BIT(0) | BIT(1) | BIT(2) | BIT(4) | BIT(5) | BIT(21) | BIT(23);
/* AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10 */
static const unsigned LEAF7_1_EDX = BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19);
/* State of opmask and ZMM registers and AMX tiles */
static const unsigned LEAFD_EAX = BIT(5) | BIT(6) | BIT(7) | BIT(17) | BIT(18);

static struct sigaction previous;

static int set_cpuid(unsigned long enabled) {
    return syscall(SYS_arch_prctl, ARCH_SET_CPUID, enabled) ? errno : 0;
}

static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *code = (const unsigned char *)registers[REG_RIP];
    if (info->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2) {
        sigaction(number, &previous, 0);
        return;
    }
    unsigned leaf = registers[REG_RAX], subleaf = registers[REG_RCX], a, b, c, d;
    int saved = errno;
    set_cpuid(1);
    __cpuid_count(leaf, subleaf, a, b, c, d);
    set_cpuid(0);
    errno = saved;
    if (leaf == 7 && subleaf == 0) {
        b &= ~AVX512_EBX;
        c &= ~LEAF7_ECX;
        d &= ~LEAF7_EDX;
    } else if (leaf == 7 && subleaf == 1) {
        a &= ~LEAF7_1_EAX;
        d &= ~LEAF7_1_EDX;
    } else if (leaf == 0xd && subleaf == 0) {
        a &= ~LEAFD_EAX;
    } else if (leaf == 0x1d || leaf == 0x1e || leaf == 0x24) {
        /* AMX tiles and multiplication, AVX10 */
        a = b = c = d = 0;
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

/* Returns 0, or the errno of a kernel or CPU that cannot do it. */
int mask_cpuid(void) {
    struct sigaction action = {0};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    if (sigaction(SIGSEGV, &action, &previous))
        return errno;
    return set_cpuid(0);
}
