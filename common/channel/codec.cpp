// Cutting frames out of a stream, and putting them together. What a frame means is messages.hpp's and its users'
// matter.

#include "common/channel/codec.hpp"

#include <algorithm>
#include <utility>

namespace common::channel {

std::string_view to_string(CodecError error) noexcept {
  switch (error) {
    case CodecError::too_long:
      return "frame longer than allowed";
    case CodecError::unknown_type:
      return "unknown frame type";
    case CodecError::bad_flags:
      return "unknown frame flags";
    case CodecError::truncated:
      return "frame shorter than its records";
    case CodecError::trailing:
      return "octets behind the last record";
    case CodecError::blob_too_long:
      return "blob longer than allowed";
  }
  return "unknown error";
}

bool is_known(Type type) noexcept {
  const auto value = std::to_underlying(type);
  return (value >= std::to_underlying(Type::hello) && value <= std::to_underlying(Type::read_statistics)) ||
         (value >= std::to_underlying(Type::event_peer_moved) &&
          value <= std::to_underlying(Type::event_child_expired));
}

MutableByteView FrameReader::space(std::size_t octets) {
  if (taken_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(taken_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
    const std::size_t left = filled_ - taken_;
    wipe(MutableByteView(buffer_).subspan(left, filled_ - left));  // keys have passed here
    filled_ = left;
    taken_ = 0;
  }
  if (buffer_.size() < filled_ + octets) buffer_.resize(filled_ + octets);
  return MutableByteView(buffer_).subspan(filled_, octets);
}

void FrameReader::commit(std::size_t octets) noexcept { filled_ = std::min(filled_ + octets, buffer_.size()); }

Result<std::optional<Frame>, CodecError> FrameReader::next() noexcept {
  if (buffered() < sizeof(FrameHeader)) return std::nullopt;
  Frame frame;
  std::memcpy(&frame.header, buffer_.data() + taken_, sizeof(FrameHeader));
  if (frame.header.length > kMaxFrameOctets) return std::unexpected(CodecError::too_long);
  if (!is_known(frame.type())) return std::unexpected(CodecError::unknown_type);
  if ((frame.header.flags & ~(kReply | kMore)) != 0) return std::unexpected(CodecError::bad_flags);
  if (buffered() - sizeof(FrameHeader) < frame.header.length) return std::nullopt;
  frame.payload = ByteView(buffer_).subspan(taken_ + sizeof(FrameHeader), frame.header.length);
  taken_ += sizeof(FrameHeader) + frame.header.length;
  return frame;
}

FrameWriter::FrameWriter(Buffer& out, Type type, std::uint16_t flags, std::uint32_t request_id,
                         std::size_t frame_octets)
    : out_(out),
      header_{0, std::to_underlying(type), flags, request_id, 0},
      frame_octets_(std::min<std::size_t>(frame_octets, kMaxFrameOctets)) {
  open();
}

void FrameWriter::open() {
  start_ = out_.size();
  header_.count = 0;
  out_.resize(start_ + sizeof(FrameHeader));
  open_ = true;
}

void FrameWriter::close(std::uint16_t more) noexcept {
  header_.length = static_cast<std::uint32_t>(payload());
  FrameHeader header = header_;
  header.flags |= more;
  std::memcpy(out_.data() + start_, &header, sizeof header);
  open_ = false;
}

void FrameWriter::finish() noexcept {
  if (open_) close(0);
}

void FrameWriter::append(ByteView record, ByteView blob) {
  if (header_.count > 0 && payload() + record.size() + blob.size() > frame_octets_) {
    close(kMore);
    open();
  }
  out_.insert(out_.end(), record.begin(), record.end());
  out_.insert(out_.end(), blob.begin(), blob.end());
  ++header_.count;
}

}  // namespace common::channel
