// Any octets as a stream of the channel: cut in two at every input's own place, read, and written again. What was read
// without an error comes out as the same octets.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "common/channel/codec.hpp"

namespace {

using namespace common::channel;

void check(bool holds) {
  if (!holds) std::abort();
}

template <class R>
void round_trip(const Frame& frame) {
  auto records = Records<R>::read(frame);
  if (!records) return;
  Buffer out;
  {
    FrameWriter writer(out, frame.type(), frame.header.flags, frame.header.request_id, kMaxFrameOctets);
    while (const auto record = records->next()) {
      if constexpr (WithBlob<R>)
        writer.add(record->fixed, record->blob);
      else
        writer.add(record->fixed);
    }
  }
  check(out.size() == sizeof(FrameHeader) + frame.payload.size());
  check(std::memcmp(out.data(), &frame.header, sizeof(FrameHeader)) == 0);
  check(frame.payload.empty() ||
        std::memcmp(out.data() + sizeof(FrameHeader), frame.payload.data(), frame.payload.size()) == 0);
}

void look(const Frame& frame) {
  switch (frame.type()) {
    case Type::hello:
      frame.is_reply() ? round_trip<HelloReply>(frame) : round_trip<Hello>(frame);
      break;
    case Type::install_session:
      round_trip<InstallSession>(frame);
      break;
    case Type::rekey_child:
      round_trip<RekeyChild>(frame);
      break;
    case Type::delete_child:
      round_trip<DeleteChild>(frame);
      break;
    case Type::remove_sessions:
      round_trip<RemoveSession>(frame);
      break;
    case Type::update_peer:
      round_trip<UpdatePeer>(frame);
      break;
    case Type::set_policy:
      round_trip<SetPolicy>(frame);
      break;
    case Type::read_counters:
      frame.is_reply() ? round_trip<SessionCounters>(frame) : round_trip<SessionRef>(frame);
      break;
    case Type::list_sessions:
      round_trip<SessionListing>(frame);
      break;
    case Type::put_blob:
      round_trip<PutBlob>(frame);
      break;
    case Type::reserve_spis:
      frame.is_reply() ? round_trip<ReservedSpi>(frame) : round_trip<ReserveSpis>(frame);
      break;
    case Type::read_statistics:
      round_trip<NamedValue>(frame);
      break;
    case Type::event_peer_moved:
      round_trip<PeerMoved>(frame);
      break;
    default:
      round_trip<SessionStatus>(frame);
      break;
  }
}

void feed(FrameReader& reader, const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  std::memcpy(reader.space(size).data(), data, size);
  reader.commit(size);
  for (;;) {
    const auto frame = reader.next();
    if (!frame || !*frame) return;
    look(**frame);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FrameReader reader;
  const std::size_t cut = size == 0 ? 0 : data[size - 1] % size;
  feed(reader, data, cut);
  feed(reader, data + cut, size - cut);
  return 0;
}
