/* Calls every kernel of KERNELS once, bracketed by the system calls that make the emulator count.
 *
 * KERNELS is a generated file of lines KERNEL(symbol, TENSOR(code, bits, rank, sizes...) TENSOR...).
 * Kernels are compiled by TVM: packed functions of its C ABI. What they need of its runtime is here, so that
 * nothing but libc is linked.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MARKER = 4000, MAX_RANK = 4, MAX_ARGUMENTS = 16, DL_CPU = 1, TVM_FFI_DL_TENSOR_PTR = 7 };

/* dlpack.h and tvm/ffi/c_api.h, the parts that packed functions see */
typedef struct {
    void *data;
    struct {
        int32_t type, id;
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} DLTensor;
typedef struct {
    int32_t type_index, padding;
    union {
        int64_t integer;
        void *pointer;
    };
} TVMFFIAny;
typedef int Packed(void *self, const TVMFFIAny *arguments, int32_t count, TVMFFIAny *result);
typedef struct {
    void *sync_handle;
    int32_t num_task;
} Environment;
typedef int ParallelLambda(int task, Environment *environment, void *data);

#ifdef __cplusplus
extern "C" {
#endif

void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count)
{
    fprintf(stderr, "%s: ", kind);
    for (int32_t i = 0; i < count; i++) fputs(parts[i] ? parts[i] : "", stderr);
    fputc('\n', stderr);
}

void TVMFFIErrorSetRaisedFromCStr(const char *kind, const char *message)
{
    fprintf(stderr, "%s: %s\n", kind, message);
}

static int launch(ParallelLambda *body, void *data, int tasks)
{
    (void)tasks;
    Environment one = {NULL, 1};
    return body(0, &one, data);
}

static void *workspace(int type, int id, uint64_t bytes, int code, int bits)
{
    (void)type, (void)id, (void)code, (void)bits;
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static int release(int type, int id, void *memory)
{
    (void)type, (void)id;
    free(memory);
    return 0;
}

int (*__TVMBackendParallelLaunch)(ParallelLambda *, void *, int) = launch;
void *(*__TVMBackendAllocWorkspace)(int, int, uint64_t, int, int) = workspace;
int (*__TVMBackendFreeWorkspace)(int, int, void *) = release;

#define KERNEL(symbol, tensors) Packed __tvm_ffi_##symbol;
#include KERNELS
#undef KERNEL

#ifdef __cplusplus
}
#endif

typedef struct {
    int code, bits, rank;
    int64_t shape[MAX_RANK];
} Tensor;

typedef struct {
    Packed *call;
    Tensor tensors[MAX_ARGUMENTS];
} Kernel;

#define TENSOR(code, bits, rank, ...) {code, bits, rank, {__VA_ARGS__}},
#define KERNEL(symbol, tensors) {__tvm_ffi_##symbol, {tensors}},
static Kernel kernels[] = {
#include KERNELS
};

int main(void)
{
    for (unsigned k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        DLTensor tensors[MAX_ARGUMENTS];
        TVMFFIAny arguments[MAX_ARGUMENTS], result = {0, 0, {0}};
        int count = 0;
        for (Tensor *t = kernels[k].tensors; count < MAX_ARGUMENTS && t->bits; t++, count++) {
            size_t bytes = t->bits / 8;
            for (int i = 0; i < t->rank; i++) bytes *= t->shape[i];
            DLTensor *d = &tensors[count];
            *d = (DLTensor){aligned_alloc(64, (bytes + 63) / 64 * 64), {DL_CPU, 0}, t->rank,
                            {(uint8_t)t->code, (uint8_t)t->bits, 1}, t->shape, NULL, 0};
            if (!d->data) return 1;
            for (size_t i = 0; i < bytes; i++) ((char *)d->data)[i] = 0;
            arguments[count] = (TVMFFIAny){TVM_FFI_DL_TENSOR_PTR, 0, {0}};
            arguments[count].pointer = d;
        }
        syscall(MARKER, 0, 0);
        int failed = kernels[k].call(NULL, arguments, count, &result);
        syscall(MARKER, 1, k);
        if (failed) return 1;
        while (count) free(tensors[--count].data);
    }
    return 0;
}
