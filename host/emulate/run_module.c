// Runs a bundle's module through the C ABI of libtvm_ffi, where there is no Python to do it.
//
// run_module MODEL INPUT OUTPUT CHANNELS HEIGHT WIDTH VALUES: INPUT holds float32 tensors [1, CHANNELS, HEIGHT,
// WIDTH] one after another; OUTPUT gets the VALUES float32 of each result.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tvm/ffi/c_api.h>

enum { kRelaxPooledAllocator = 2, kAlignment = 64 };

static void Fail(const char* what) {
  TVMFFIObjectHandle raised = NULL;
  TVMFFIErrorMoveFromRaised(&raised);
  if (raised != NULL) {
    TVMFFIErrorCell* cell = (TVMFFIErrorCell*)((char*)raised + sizeof(TVMFFIObject));
    fprintf(stderr, "error: %s: %.*s\n", what, (int)cell->message.size, cell->message.data);
  } else {
    fprintf(stderr, "error: %s\n", what);
  }
  exit(2);
}

static TVMFFIAny Object(int32_t type, TVMFFIObjectHandle handle) {
  TVMFFIAny any = {.type_index = type};
  any.v_obj = (TVMFFIObject*)handle;
  return any;
}

static TVMFFIAny Int(int64_t value) {
  TVMFFIAny any = {.type_index = kTVMFFIInt};
  any.v_int64 = value;
  return any;
}

static TVMFFIAny Text(const char* value) {
  TVMFFIAny any = {.type_index = kTVMFFIRawStr};
  any.v_c_str = value;
  return any;
}

static TVMFFIAny Call(TVMFFIAny function, const TVMFFIAny* arguments, int count, const char* what) {
  TVMFFIAny result = {.type_index = kTVMFFINone};
  if (TVMFFIFunctionCall(function.v_obj, (TVMFFIAny*)arguments, count, &result) != 0) Fail(what);
  return result;
}

static TVMFFIAny Global(const char* name) {
  TVMFFIByteArray key = {name, strlen(name)};
  TVMFFIObjectHandle handle = NULL;
  if (TVMFFIFunctionGetGlobal(&key, &handle) != 0 || handle == NULL) Fail(name);
  return Object(kTVMFFIFunction, handle);
}

static TVMFFIAny Method(TVMFFIAny module, const char* name) {
  TVMFFIAny arguments[3] = {module, Text(name), Int(1)};
  arguments[2].type_index = kTVMFFIBool;
  TVMFFIAny found = Call(Global("ffi.ModuleGetFunction"), arguments, 3, name);
  if (found.type_index != kTVMFFIFunction) Fail(name);
  return found;
}

int main(int argc, char** argv) {
  if (argc != 8) return 64;
  int64_t shape[4] = {1, atoll(argv[4]), atoll(argv[5]), atoll(argv[6])};
  size_t inputs = (size_t)(shape[1] * shape[2] * shape[3]), outputs = (size_t)atoll(argv[7]);

  TVMFFIAny path = Text(argv[1]);
  TVMFFIAny module = Call(Global("ffi.ModuleLoadFromFile"), &path, 1, argv[1]);
  TVMFFIAny machine = Call(Method(module, "vm_load_executable"), NULL, 0, "vm_load_executable");
  TVMFFIAny device[3] = {Int(kDLCPU), Int(0), Int(kRelaxPooledAllocator)};
  Call(Method(machine, "vm_initialization"), device, 3, "vm_initialization");
  TVMFFIAny function = Method(machine, "main");

  float* buffer = aligned_alloc(kAlignment, (inputs * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment);
  DLManagedTensor managed = {
      .dl_tensor = {.data = buffer,
                    .device = {kDLCPU, 0},
                    .ndim = 4,
                    .dtype = {kDLFloat, 32, 1},
                    .shape = shape}};
  TVMFFIObjectHandle handle = NULL;
  if (TVMFFITensorFromDLPack(&managed, 0, 1, &handle) != 0) Fail("input tensor");
  TVMFFIAny tensor = Object(kTVMFFITensor, handle);

  FILE *in = fopen(argv[2], "rb"), *out = fopen(argv[3], "wb");
  if (in == NULL || out == NULL) Fail(in == NULL ? argv[2] : argv[3]);
  while (fread(buffer, sizeof(float), inputs, in) == inputs) {
    TVMFFIAny result = Call(function, &tensor, 1, "main");
    const DLTensor* logits = (const DLTensor*)((char*)result.v_obj + sizeof(TVMFFIObject));
    const char* values = (const char*)logits->data + logits->byte_offset;
    if (fwrite(values, sizeof(float), outputs, out) != outputs) Fail(argv[3]);
    TVMFFIObjectDecRef(result.v_obj);
  }
  return fclose(out) == 0 ? 0 : 2;
}
