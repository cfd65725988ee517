// Stands in for TVM's header of this name, which the apache-tvm wheel leaves out.
//
// The stored form is dmlc-core's: numbers as they lie in little-endian memory, strings and vectors as a
// 64-bit count and their items, a DLDataType and a DLDevice field by field.
#ifndef TVM_SUPPORT_SERIALIZER_H_
#define TVM_SUPPORT_SERIALIZER_H_

#include <dlpack/dlpack.h>
#include <tvm/ffi/container/array.h>
#include <tvm/ffi/string.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace tvm {
namespace support {

class Stream;

template <typename T, typename = void>
struct Serializer;

template <typename T>
struct Serializer<T, std::enable_if_t<std::is_arithmetic_v<T> || std::is_enum_v<T>>> {
  template <typename S>
  static void Write(S* stream, const T& value) {
    stream->Write(static_cast<const void*>(&value), sizeof(T));
  }
  template <typename S>
  static bool Read(S* stream, T* value) {
    return stream->Read(static_cast<void*>(value), sizeof(T)) == sizeof(T);
  }
};

template <>
struct Serializer<DLDataType> {
  template <typename S>
  static void Write(S* stream, const DLDataType& type) {
    stream->Write(type.code);
    stream->Write(type.bits);
    stream->Write(type.lanes);
  }
  template <typename S>
  static bool Read(S* stream, DLDataType* type) {
    return stream->Read(&type->code) && stream->Read(&type->bits) && stream->Read(&type->lanes);
  }
};

template <>
struct Serializer<DLDevice> {
  template <typename S>
  static void Write(S* stream, const DLDevice& device) {
    stream->Write(static_cast<int32_t>(device.device_type));
    stream->Write(static_cast<int32_t>(device.device_id));
  }
  template <typename S>
  static bool Read(S* stream, DLDevice* device) {
    int32_t type, id;
    if (!stream->Read(&type) || !stream->Read(&id)) return false;
    device->device_type = static_cast<DLDeviceType>(type);
    device->device_id = id;
    return true;
  }
};

template <typename T>
struct Serializer<std::vector<T>> {
  template <typename S>
  static void Write(S* stream, const std::vector<T>& items) {
    stream->Write(static_cast<uint64_t>(items.size()));
    stream->WriteArray(items.data(), items.size());
  }
  template <typename S>
  static bool Read(S* stream, std::vector<T>* items) {
    uint64_t count;
    if (!stream->Read(&count)) return false;
    items->resize(static_cast<size_t>(count));
    return stream->ReadArray(items->data(), items->size());
  }
};

template <>
struct Serializer<std::string> {
  template <typename S>
  static void Write(S* stream, const std::string& text) {
    stream->Write(static_cast<uint64_t>(text.size()));
    stream->Write(static_cast<const void*>(text.data()), text.size());
  }
  template <typename S>
  static bool Read(S* stream, std::string* text) {
    uint64_t count;
    if (!stream->Read(&count)) return false;
    text->resize(static_cast<size_t>(count));
    return stream->Read(static_cast<void*>(text->data()), text->size()) == text->size();
  }
};

template <>
struct Serializer<ffi::String> {
  template <typename S>
  static void Write(S* stream, const ffi::String& text) {
    stream->Write(std::string(text));
  }
  template <typename S>
  static bool Read(S* stream, ffi::String* text) {
    std::string read;
    if (!stream->Read(&read)) return false;
    *text = ffi::String(std::move(read));
    return true;
  }
};

template <typename T>
struct Serializer<ffi::Array<T>> {
  template <typename S>
  static void Write(S* stream, const ffi::Array<T>& items) {
    stream->Write(static_cast<uint64_t>(items.size()));
    for (const T& item : items) stream->Write(item);
  }
  template <typename S>
  static bool Read(S* stream, ffi::Array<T>* items) {
    uint64_t count;
    if (!stream->Read(&count)) return false;
    items->clear();
    for (T item; count > 0; --count) {
      if (!stream->Read(&item)) return false;
      items->push_back(item);
    }
    return true;
  }
};

}  // namespace support
}  // namespace tvm
#endif  // TVM_SUPPORT_SERIALIZER_H_
