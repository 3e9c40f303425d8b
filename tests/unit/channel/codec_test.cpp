// The channel's frames: what was written is read again, however the stream is cut; every way to be wrong is named.

#include "common/channel/codec.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "common/channel/convert.hpp"

namespace common::channel {
namespace {

void feed(FrameReader& reader, ByteView octets) {
  const auto room = reader.space(octets.size());
  std::ranges::copy(octets, room.begin());
  reader.commit(octets.size());
}

Buffer header_only(std::uint32_t length, std::uint16_t type, std::uint16_t flags, std::uint32_t count) {
  const FrameHeader header{length, type, flags, 1, count};
  const auto octets = as_bytes(header);
  return {octets.begin(), octets.end()};
}

/// A frame as it stands, without going through FrameReader.
Frame frame_of(Type type, std::uint32_t count, ByteView payload) {
  return {{static_cast<std::uint32_t>(payload.size()), static_cast<std::uint16_t>(type), 0, 1, count}, payload};
}

TEST(Codec, WhatWasWrittenIsReadAgainOctetByOctet) {
  Buffer out;
  const Bytes blob = {1, 2, 3, 4, 5};
  {
    FrameWriter writer(out, Type::put_blob, 0, 77);
    writer.add(PutBlob{.session_id = 10}, blob);
    writer.add(PutBlob{.session_id = 11}, {});
  }
  {
    FrameWriter writer(out, Type::remove_sessions, 0, 78);
    writer.add(RemoveSession{.session_id = 12, .cause = 6});
  }
  FrameReader reader;
  std::size_t frames = 0;
  for (const std::uint8_t octet : out) {
    feed(reader, {&octet, 1});
    const auto frame = reader.next();
    ASSERT_TRUE(frame.has_value());
    if (!*frame) continue;
    ++frames;
    if (frames == 1) {
      EXPECT_EQ((*frame)->type(), Type::put_blob);
      EXPECT_EQ((*frame)->header.request_id, 77U);
      EXPECT_FALSE((*frame)->is_reply());
      auto records = Records<PutBlob>::read(**frame);
      ASSERT_TRUE(records.has_value());
      const auto first = records->next();
      ASSERT_TRUE(first.has_value());
      EXPECT_EQ(first->fixed.session_id, 10U);
      EXPECT_TRUE(std::ranges::equal(first->blob, blob));
      const auto second = records->next();
      ASSERT_TRUE(second.has_value());
      EXPECT_EQ(second->fixed.session_id, 11U);
      EXPECT_TRUE(second->blob.empty());
      EXPECT_FALSE(records->next().has_value());
    } else {
      auto records = Records<RemoveSession>::read(**frame);
      ASSERT_TRUE(records.has_value());
      EXPECT_EQ(records->next()->fixed.cause, 6);
    }
  }
  EXPECT_EQ(frames, 2U);
  EXPECT_EQ(reader.buffered(), 0U);
}

TEST(Codec, SeveralFramesInOnePiece) {
  Buffer out;
  for (std::uint32_t id = 1; id <= 3; ++id) FrameWriter(out, Type::list_sessions, 0, id).finish();
  FrameReader reader;
  feed(reader, out);
  for (std::uint32_t id = 1; id <= 3; ++id) {
    const auto frame = reader.next();
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((*frame)->header.request_id, id);
    EXPECT_EQ((*frame)->header.count, 0U);
  }
  EXPECT_FALSE(reader.next()->has_value());
}

TEST(Codec, LongReplyGoesOnInFurtherFrames) {
  Buffer out;
  {
    FrameWriter writer(out, Type::read_counters, kReply, 5, 4 * sizeof(SessionRef));
    for (std::uint64_t id = 1; id <= 10; ++id) writer.add(SessionRef{id});
  }
  FrameReader reader;
  feed(reader, out);
  std::uint64_t expected = 1;
  for (const bool more : {true, true, false}) {
    const auto frame = reader.next();
    ASSERT_TRUE(frame && *frame);
    EXPECT_TRUE((*frame)->is_reply());
    EXPECT_EQ((*frame)->has_more(), more);
    auto records = Records<SessionRef>::read(**frame);
    ASSERT_TRUE(records.has_value());
    while (const auto record = records->next()) EXPECT_EQ(record->fixed.session_id, expected++);
  }
  EXPECT_EQ(expected, 11U);
}

TEST(Codec, HeaderErrorsAreFoundBeforeThePayloadIsWaitedFor) {
  const auto error_of = [](const Buffer& octets) {
    FrameReader reader;
    feed(reader, octets);
    const auto frame = reader.next();
    return frame ? std::optional<CodecError>{} : frame.error();
  };
  EXPECT_EQ(error_of(header_only(kMaxFrameOctets + 1, 1, 0, 0)), CodecError::too_long);
  EXPECT_EQ(error_of(header_only(0xFFFFFFFF, 1, 0, 0)), CodecError::too_long);
  EXPECT_EQ(error_of(header_only(0, 0, 0, 0)), CodecError::unknown_type);
  EXPECT_EQ(error_of(header_only(0, 15, 0, 0)), CodecError::unknown_type);
  EXPECT_EQ(error_of(header_only(0, 63, 0, 0)), CodecError::unknown_type);
  EXPECT_EQ(error_of(header_only(0, 69, 0, 0)), CodecError::unknown_type);
  EXPECT_EQ(error_of(header_only(0, 1, 4, 0)), CodecError::bad_flags);
  EXPECT_EQ(error_of(header_only(kMaxFrameOctets, 1, 3, 0)), std::nullopt);
}

TEST(Codec, RecordErrors) {
  const Bytes nineteen(19);
  EXPECT_EQ(Records<DeleteChild>::read(frame_of(Type::delete_child, 2, nineteen)).error(), CodecError::truncated);
  EXPECT_EQ(Records<DeleteChild>::read(frame_of(Type::delete_child, 1, nineteen)).error(), CodecError::trailing);
  EXPECT_EQ(Records<DeleteChild>::read(frame_of(Type::delete_child, 0, nineteen)).error(), CodecError::trailing);
  // A count whose product with the record's size wraps 32 bits.
  EXPECT_EQ(Records<DeleteChild>::read(frame_of(Type::delete_child, 0x10000001, Bytes(16))).error(),
            CodecError::truncated);
  EXPECT_TRUE(Records<DeleteChild>::read(frame_of(Type::delete_child, 0, {})).has_value());
}

TEST(Codec, BlobErrors) {
  const auto with_blob = [](std::uint32_t claimed, std::size_t present) {
    const PutBlob record{.session_id = 1, .zero = 0, .blob_octets = claimed};
    const auto fixed = as_bytes(record);
    Bytes payload(fixed.begin(), fixed.end());
    payload.resize(payload.size() + present);
    return payload;
  };
  const auto error_of = [](const Bytes& payload, std::uint32_t count) {
    const auto records = Records<PutBlob>::read(frame_of(Type::put_blob, count, payload));
    return records ? std::optional<CodecError>{} : records.error();
  };
  EXPECT_EQ(error_of(with_blob(5, 4), 1), CodecError::truncated);
  EXPECT_EQ(error_of(with_blob(5, 6), 1), CodecError::trailing);
  EXPECT_EQ(error_of(with_blob(5, 5), 2), CodecError::truncated);
  EXPECT_EQ(error_of(with_blob(kMaxBlobOctets + 1, kMaxBlobOctets + 1), 1), CodecError::blob_too_long);
  EXPECT_EQ(error_of(with_blob(0xFFFFFFFF, 8), 1), CodecError::blob_too_long);
  EXPECT_EQ(error_of(with_blob(kMaxBlobOctets, kMaxBlobOctets), 1), std::nullopt);
  EXPECT_EQ(error_of(Bytes(15), 1), CodecError::truncated);
  EXPECT_EQ(error_of({}, 0xFFFFFFFF), CodecError::truncated);
}

TEST(Codec, ErrorsHaveNames) {
  for (const auto error : {CodecError::too_long, CodecError::unknown_type, CodecError::bad_flags, CodecError::truncated,
                           CodecError::trailing, CodecError::blob_too_long})
    EXPECT_NE(to_string(error), "unknown error");
}

TEST(Codec, OctetsThatHavePassedAreWiped) {
  FrameReader reader;
  Buffer out;
  const Bytes secret(64, 0xA5);
  FrameWriter(out, Type::put_blob, 0, 1).add(PutBlob{.session_id = 1}, secret);
  feed(reader, out);
  const auto frame = reader.next();
  ASSERT_TRUE(frame && *frame);
  const std::uint8_t* where = (*frame)->payload.data() + sizeof(PutBlob);
  ASSERT_EQ(*where, 0xA5);
  (void)reader.space(1);  // takes the frame back; the buffer itself stays
  EXPECT_EQ(std::count(where, where + secret.size(), 0xA5), 0);
}

TEST(Convert, AddressesGoBothWays) {
  for (const char* text : {"10.1.2.3", "0.0.0.0", "2001:db8::1"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address.has_value());
    EXPECT_EQ(from_wire(to_wire(*address)), address);
  }
  EXPECT_EQ(to_wire(std::optional<IpAddress>{}).family, 0);
  const Endpoint endpoint{IpAddress::v4(0x01020304), 4500};
  EXPECT_EQ(from_wire(to_wire(endpoint)), endpoint);
}

TEST(Convert, WrongAddressesAreRefused) {
  EXPECT_FALSE(from_wire(WireAddress{}).has_value());
  auto wire = to_wire(IpAddress::v4(0x01020304));
  wire.family = 5;
  EXPECT_FALSE(from_wire(wire).has_value());
  wire.family = 4;
  wire.octets[15] = 1;
  EXPECT_FALSE(from_wire(wire).has_value());
  wire.octets[15] = 0;
  wire.zero[1] = 1;
  EXPECT_FALSE(from_wire(wire).has_value());
  auto endpoint = to_wire(Endpoint{IpAddress::v4(1), 1});
  endpoint.zero = 1;
  EXPECT_FALSE(from_wire(endpoint).has_value());
}

}  // namespace
}  // namespace common::channel
