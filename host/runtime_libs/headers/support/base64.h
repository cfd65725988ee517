// Stands in for TVM's header of this name, which the apache-tvm wheel leaves out.
//
// Only tensors in JSON are stored as base64. A board reads none, so these streams refuse.
#ifndef TVM_SUPPORT_BASE64_H_
#define TVM_SUPPORT_BASE64_H_

#include <tvm/support/io.h>

namespace tvm {
namespace support {

class Base64Stream : public Stream {
 public:
  explicit Base64Stream(Stream*) {
    TVM_FFI_THROW(RuntimeError) << "this runtime is built without tensors in JSON";
  }
  using Stream::Read;
  using Stream::Write;
  size_t Read(void*, size_t) final { return 0; }
  size_t Write(const void*, size_t) final { return 0; }
  void InitPosition() {}
  void Finish() {}
};
using Base64InStream = Base64Stream;
using Base64OutStream = Base64Stream;

}  // namespace support
}  // namespace tvm
#endif  // TVM_SUPPORT_BASE64_H_
