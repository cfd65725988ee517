/* call_kernels IN OUT: calls every kernel of KERNELS on the tensors in IN, raw and one after another, and
 * writes all tensors to OUT. The table of kernels and what they need of TVM's runtime are the tuner's.
 */

#define main run_kernels
#include "../../../host/tune/run_kernels.c"
#undef main

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL, *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (!in || !out) return 2;
    for (unsigned k = 0; k < sizeof kernels / sizeof *kernels; k++) {
        DLTensor tensors[MAX_ARGUMENTS];
        TVMFFIAny arguments[MAX_ARGUMENTS], result = {0, 0, {0}};
        size_t sizes[MAX_ARGUMENTS];
        int count = 0;
        for (Tensor *t = kernels[k].tensors; count < MAX_ARGUMENTS && t->bits; t++, count++) {
            size_t bytes = t->bits / 8;
            for (int i = 0; i < t->rank; i++) bytes *= t->shape[i];
            DLTensor *d = &tensors[count];
            *d = (DLTensor){aligned_alloc(64, (bytes + 63) / 64 * 64), {DL_CPU, 0}, t->rank,
                            {(uint8_t)t->code, (uint8_t)t->bits, 1}, t->shape, NULL, 0};
            if (!d->data || fread(d->data, 1, bytes, in) != bytes) return 2;
            sizes[count] = bytes;
            arguments[count] = (TVMFFIAny){TVM_FFI_DL_TENSOR_PTR, 0, {0}};
            arguments[count].pointer = d;
        }
        if (kernels[k].call(NULL, arguments, count, &result)) return 1;
        for (int i = 0; i < count; i++) {
            if (fwrite(tensors[i].data, 1, sizes[i], out) != sizes[i]) return 2;
            free(tensors[i].data);
        }
    }
    return fclose(out) ? 2 : 0;
}
