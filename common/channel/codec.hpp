#pragma once
// Frames of the channel (messages.hpp) out of a stream of octets and into it. Both ends use it; neither trusts the
// other: every length is checked before it is believed. Buffers hold keys, so they are wiped when freed (P6).

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/bytes.hpp"
#include "common/channel/messages.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

namespace common::channel {

/// Frees memory wiped, also when a vector grows out of it.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  explicit(false) WipingAllocator(const WipingAllocator<U>&) noexcept {}
  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>{}.allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    wipe({reinterpret_cast<std::uint8_t*>(memory), count * sizeof(T)});
    std::allocator<T>{}.deallocate(memory, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};
using Buffer = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;

enum class CodecError : std::uint8_t {
  too_long,       ///< a frame claims more than kMaxFrameOctets
  unknown_type,   ///< the header's type names nothing
  bad_flags,      ///< bits that mean nothing
  truncated,      ///< fewer octets than `count` records need
  trailing,       ///< octets behind the last record
  blob_too_long,  ///< a blob of more than kMaxBlobOctets
};
[[nodiscard]] std::string_view to_string(CodecError error) noexcept;

[[nodiscard]] bool is_known(Type type) noexcept;
[[nodiscard]] constexpr bool is_event(Type type) noexcept { return static_cast<std::uint16_t>(type) >= 64; }

/// A whole frame. `payload` points into the reader that it came from and lives until that reader's next call.
struct Frame {
  FrameHeader header{};
  ByteView payload;

  [[nodiscard]] Type type() const noexcept { return static_cast<Type>(header.type); }
  [[nodiscard]] bool is_reply() const noexcept { return (header.flags & kReply) != 0; }
  [[nodiscard]] bool has_more() const noexcept { return (header.flags & kMore) != 0; }
};

/// Cuts a stream into frames. After an error the stream is useless: close it.
class FrameReader {
 public:
  /// Room for so many octets from the socket; `commit` says how many came. Takes back what `next` gave.
  [[nodiscard]] MutableByteView space(std::size_t octets);
  void commit(std::size_t octets) noexcept;

  /// The next whole frame, or nullopt: more octets are needed.
  /// @error too_long, unknown_type, bad_flags: found in the header alone, before its payload is waited for
  [[nodiscard]] Result<std::optional<Frame>, CodecError> next() noexcept;
  [[nodiscard]] std::size_t buffered() const noexcept { return filled_ - taken_; }

 private:
  Buffer buffer_;
  std::size_t taken_ = 0;   ///< octets that `next` has handed out
  std::size_t filled_ = 0;  ///< octets that hold something
};

template <class R>
concept WithBlob = requires(R record) { record.blob_octets; };

/// One record, copied out (the stream is not aligned), and its blob, which lives as long as the frame's payload.
template <class R>
struct Record {
  R fixed;
  ByteView blob;
};

/// Takes records off a payload. Construct through read_records.
template <class R>
  requires std::is_trivially_copyable_v<R>
class Records {
 public:
  /// Checks the whole frame: `count` records with their blobs fill the payload exactly. Nothing is copied, so a count
  /// of four thousand millions costs no memory.
  /// @error truncated, trailing, blob_too_long
  [[nodiscard]] static Result<Records, CodecError> read(const Frame& frame) noexcept {
    const Records records(frame);
    ByteReader in(frame.payload);
    if constexpr (!WithBlob<R>) {
      if (static_cast<std::uint64_t>(frame.header.count) * sizeof(R) > in.remaining())
        return std::unexpected(CodecError::truncated);
      if (!in.skip(frame.header.count * sizeof(R))) return std::unexpected(CodecError::truncated);
    } else {
      for (std::uint32_t i = 0; i < frame.header.count; ++i) {
        const auto octets = in.take(sizeof(R));
        if (!octets) return std::unexpected(CodecError::truncated);
        const R fixed = copy(*octets);
        if (fixed.blob_octets > kMaxBlobOctets) return std::unexpected(CodecError::blob_too_long);
        if (!in.skip(fixed.blob_octets)) return std::unexpected(CodecError::truncated);
      }
    }
    if (!in.empty()) return std::unexpected(CodecError::trailing);
    return records;
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }
  /// The next record, in order; nullopt behind the last.
  [[nodiscard]] std::optional<Record<R>> next() noexcept {
    if (given_ == count_) return std::nullopt;
    const auto octets = in_.take(sizeof(R));
    if (!octets) return std::nullopt;
    ++given_;
    Record<R> record{copy(*octets), {}};
    if constexpr (WithBlob<R>) {
      const auto blob = in_.take(record.fixed.blob_octets);
      if (!blob) return std::nullopt;
      record.blob = *blob;
    }
    return record;
  }

 private:
  explicit Records(const Frame& frame) noexcept : in_(frame.payload), count_(frame.header.count) {}
  [[nodiscard]] static R copy(ByteView octets) noexcept {
    R record;
    std::memcpy(&record, octets.data(), sizeof(R));
    return record;
  }

  ByteReader in_;
  std::uint32_t count_;
  std::uint32_t given_ = 0;
};

/// Appends frames of one type and id to a buffer. A reply that outgrows `frame_octets` goes on in another frame, and
/// all but the last carry kMore.
class FrameWriter {
 public:
  static constexpr std::size_t kReplyFrameOctets = 256U << 10U;

  /// @param out           where frames are appended; must outlive the writer
  /// @param frame_octets  a frame is closed when it has at least that many octets of payload; a request must be one
  ///                      frame, so it is given kMaxFrameOctets and the caller watches `room_for`
  FrameWriter(Buffer& out, Type type, std::uint16_t flags, std::uint32_t request_id,
              std::size_t frame_octets = kReplyFrameOctets);
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;
  ~FrameWriter() { finish(); }

  template <class R>
    requires std::is_trivially_copyable_v<R> && (!WithBlob<R>)
  void add(const R& record) {
    append(as_bytes(record), {});
  }
  /// @param blob  at most kMaxBlobOctets; `blob_octets` is filled in
  template <WithBlob R>
  void add(R record, ByteView blob) {
    record.blob_octets = static_cast<std::uint32_t>(blob.size());
    append(as_bytes(record), blob);
    wipe({reinterpret_cast<std::uint8_t*>(&record), sizeof record});
  }
  /// Would a record of that many octets, blob included, still fit into one frame?
  [[nodiscard]] bool room_for(std::size_t octets) const noexcept { return payload() + octets <= kMaxFrameOctets; }
  /// Closes the last frame; the destructor does it too. A reply without records is one empty frame.
  void finish() noexcept;

 private:
  void open();
  void close(std::uint16_t more) noexcept;
  void append(ByteView record, ByteView blob);
  [[nodiscard]] std::size_t payload() const noexcept { return out_.size() - start_ - sizeof(FrameHeader); }

  Buffer& out_;
  FrameHeader header_;
  std::size_t frame_octets_;
  std::size_t start_ = 0;
  bool open_ = false;
};

}  // namespace common::channel
