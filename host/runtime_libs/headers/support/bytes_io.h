// Stands in for TVM's header of this name, which the apache-tvm wheel leaves out.
#ifndef TVM_SUPPORT_BYTES_IO_H_
#define TVM_SUPPORT_BYTES_IO_H_

#include <tvm/ffi/string.h>
#include <tvm/support/io.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace tvm {
namespace support {

// Reads bytes that outlive the stream.
class BytesInStream : public Stream {
 public:
  explicit BytesInStream(const std::string& bytes) : data_(bytes.data()), left_(bytes.size()) {}
  explicit BytesInStream(const ffi::Bytes& bytes) : data_(bytes.data()), left_(bytes.size()) {}

  using Stream::Read;
  using Stream::Write;
  size_t Read(void* data, size_t bytes) final {
    bytes = std::min(bytes, left_);
    if (bytes != 0) std::memcpy(data, data_, bytes);
    data_ += bytes;
    left_ -= bytes;
    return bytes;
  }
  size_t Write(const void*, size_t) final { TVM_FFI_THROW(InternalError) << "stream is read-only"; }

 private:
  const char* data_;
  size_t left_;
};

class BytesOutStream : public Stream {
 public:
  explicit BytesOutStream(std::string* bytes) : bytes_(bytes) {}

  using Stream::Read;
  using Stream::Write;
  size_t Read(void*, size_t) final { TVM_FFI_THROW(InternalError) << "stream is write-only"; }
  size_t Write(const void* data, size_t bytes) final {
    bytes_->append(static_cast<const char*>(data), bytes);
    return bytes;
  }

 private:
  std::string* bytes_;
};

}  // namespace support
}  // namespace tvm
#endif  // TVM_SUPPORT_BYTES_IO_H_
