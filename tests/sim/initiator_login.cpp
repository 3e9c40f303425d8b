// IKE_SA_INIT and IKE_AUTH as a client does them (RFC 7296 §1.2, §2.14 to §2.16).

#include <algorithm>

#include "controlplane/crypto/random.hpp"
#include "tests/sim/fake_door.hpp"
#include "tests/sim/initiator.hpp"

namespace sim {
namespace {

using enum wire::TransformType;
using wire::NotifyType;

Bytes nat_hash(std::uint64_t spi_i, std::uint64_t spi_r, const common::IpAddress& address, std::uint16_t port) {
  common::ByteWriter text;
  text.be64(spi_i);
  text.be64(spi_r);
  text.bytes(address.bytes());
  text.be16(port);
  const auto hash = crypto::sha1({text.view()});
  return {hash.begin(), hash.end()};
}

Bytes join(ByteView a, ByteView b) {
  Bytes both(a.begin(), a.end());
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

std::uint16_t chosen(const wire::Proposal& proposal, wire::TransformType type, std::uint16_t* bits = nullptr) {
  for (const wire::Transform& one : proposal.transforms)
    if (one.type == type) {
      if (bits != nullptr) *bits = one.key_bits;
      return one.id;
    }
  return 0;
}

}  // namespace

wire::Sa Initiator::ike_offer(ByteView spi) const { return {{{1, wire::ProtocolId::ike, spi, settings.ike}}}; }

wire::Sa Initiator::esp_offer(ByteView spi, std::uint16_t group) const {
  wire::Sa sa{settings.esp};
  for (wire::Proposal& proposal : sa.proposals) {
    proposal.spi = spi;
    if (group != 0) proposal.transforms.push_back({dh, group});
  }
  return sa;
}

void Initiator::connect() {
  sas.emplace_back();
  common::MutableByteView spi(reinterpret_cast<std::uint8_t*>(&sas.back().spi_i), 8);
  world.random(spi);
  ni_.resize(32);
  world.random(ni_);
  send_init();
}

void Initiator::send_init() {
  const std::uint16_t group = settings.ke_group;
  dh_ = crypto::Dh::generate(static_cast<crypto::Group>(group)).value();
  wire::IkeHeader header;
  header.initiator_spi = sas[0].spi_i;
  header.from_initiator = true;
  wire::PayloadWriter payloads;
  if (!cookie_.empty()) payloads.add(NotifyType::cookie, {cookie_});
  payloads.add(ike_offer({}));
  payloads.add(wire::Ke{group, dh_->public_value()});
  payloads.add(wire::Nonce{ni_});
  if (settings.nat_detection) {
    const auto own = settings.behind_nat.value_or(own_.address);
    payloads.add(NotifyType::nat_detection_source_ip, {nat_hash(sas[0].spi_i, 0, own, own_.port)});
    payloads.add(NotifyType::nat_detection_destination_ip,
                 {nat_hash(sas[0].spi_i, 0, gateway_.address, gateway_.port)});
  }
  if (settings.fragmentation) payloads.add(NotifyType::ikev2_fragmentation_supported);
  const std::uint8_t hashes[] = {0, 2, 0, 3, 0, 4};
  if (settings.hashes) payloads.add(NotifyType::signature_hash_algorithms, {hashes});
  init_request_ = wire::write_message(header, payloads);
  Pending pending;
  pending.datagrams.push_back(init_request_);
  pending.number = ++last_number_;
  pending_ = std::move(pending);
  transmit(pending_->number);
}

void Initiator::on_init_answer(const wire::Message& message) {
  if (!pending_ || pending_->message_id != 0 || sas[0].next != 0 || !init_answer_.empty()) {
    if (!init_answer_.empty() && message.header.responder_spi == sas[0].spi_r &&
        !std::ranges::equal(init_answer_, message.octets))
      answers_differed = true;
    return;
  }
  if (const wire::Notify* cookie = message.clear.find(NotifyType::cookie)) {
    if (std::ranges::equal(cookie_, cookie->data)) return;  // an old one again
    ++cookies;
    cookie_.assign(cookie->data.begin(), cookie->data.end());
    return send_init();
  }
  if (const wire::Notify* error = message.clear.error()) {
    common::ByteReader reader(error->data);
    const auto wanted = reader.be16();
    if (error->type == NotifyType::invalid_ke_payload && wanted) {
      if (*wanted == settings.ke_group) return;
      ++invalid_ke;
      settings.ke_group = *wanted;
      return send_init();
    }
    refusal_ = error->type;
    pending_.reset();
    return fail("IKE_SA_INIT refused");
  }
  pending_.reset();
  init_answer_.assign(message.octets.begin(), message.octets.end());
  nr_.assign(message.clear.nonce->data.begin(), message.clear.nonce->data.end());
  const auto answered = wire::parse_message(init_answer_).value();
  ClientSa& sa = sas[0];
  sa.spi_r = message.header.responder_spi;
  const wire::Proposal& proposal = answered.clear.sa->proposals.at(0);
  std::uint16_t bits = 0;
  const std::uint16_t encryption = chosen(proposal, encr, &bits);
  const auto suite = crypto::find_sk_suite(encryption, bits, chosen(proposal, integ));
  sa.prf = static_cast<crypto::Prf>(chosen(proposal, prf));
  if (!suite || chosen(proposal, dh) != settings.ke_group) return fail("the gateway chose what was not offered");
  const auto shared = dh_->derive(answered.clear.ke->data);
  if (!shared) return fail("bad public value");
  const Bytes key = join(ni_, nr_);
  make_keys(sa, crypto::prf(sa.prf, key, {shared->view()}).view(), *suite, ni_, nr_);
  sa.next = 1;
  for (const wire::Notify& notify : answered.clear.notifies)
    if (notify.type == NotifyType::nat_detection_destination_ip)
      nat_found = !std::ranges::equal(
          notify.data, nat_hash(sa.spi_i, sa.spi_r, settings.behind_nat.value_or(own_.address), own_.port));
  if (nat_found && settings.float_port) {
    own_.port = 4500;
    gateway_.port = 4500;
  }
  send_auth();
}

void Initiator::make_keys(ClientSa& sa, ByteView skeyseed, const crypto::SkSuiteFacts& suite, ByteView ni,
                          ByteView nr) {
  common::ByteWriter seed;
  seed.bytes(ni);
  seed.bytes(nr);
  seed.be64(sa.spi_i);
  seed.be64(sa.spi_r);
  const std::size_t n = crypto::prf_octets(sa.prf);
  const auto all = crypto::prf_plus(sa.prf, skeyseed, {seed.view()}, 3 * n + 2U * suite.sk_a + 2U * suite.sk_e);
  common::ByteReader keys(all.view());
  sa.d = common::SecretBytes(*keys.take(n));
  const auto ai = *keys.take(suite.sk_a);
  const auto ar = *keys.take(suite.sk_a);
  const auto ei = *keys.take(suite.sk_e);
  const auto er = *keys.take(suite.sk_e);
  sa.pi = common::SecretBytes(*keys.take(n));
  sa.pr = common::SecretBytes(*keys.take(n));
  sa.out.emplace(crypto::SkCipher::make(suite.suite, ei, ai).value());
  sa.in.emplace(crypto::SkCipher::make(suite.suite, er, ar).value());
}

Bytes Initiator::own_id_octets() const { return wire::id_octets({settings.id_type, settings.id, {}}); }

void Initiator::send_auth() {
  ClientSa& sa = sas[0];
  wire::PayloadWriter payloads;
  payloads.add_idi({settings.id_type, settings.id, {}});
  const Bytes covered = crypto::signed_octets(init_request_, nr_, sa.prf, sa.pi.view(), own_id_octets());
  if (settings.auth == ClientSettings::Auth::certificate)
    for (const crypto::Certificate& one : settings.credential->chain())
      payloads.add(wire::Cert{wire::CertEncoding::x509_signature, one.der()});
  if (settings.trust != nullptr) {
    // Windows lists every CA that it knows.
    Bytes authorities(20 * (settings.certreqs - 1), 0x5A);
    const Bytes own = settings.trust->certreq();
    authorities.insert(authorities.end(), own.begin(), own.end());
    payloads.add(wire::CertReq{wire::CertEncoding::x509_signature, authorities});
  }
  if (!settings.idr.empty()) payloads.add_idr({wire::IdType::fqdn, common::as_bytes(settings.idr), {}});
  if (settings.auth == ClientSettings::Auth::psk) {
    auto auth = crypto::shared_key_auth(sa.prf, common::as_bytes(settings.psk), covered);
    if (settings.wrong_auth) auth.mutable_view()[0] ^= 1;
    payloads.add(wire::Auth{2, auth.view()});
  } else if (settings.auth == ClientSettings::Auth::certificate) {
    const std::uint16_t hashes[] = {2, 3, 4};
    auto auth =
        crypto::sign_auth(*settings.credential,
                          settings.hashes ? std::span<const std::uint16_t>(hashes) : std::span<const std::uint16_t>(),
                          covered)
            .value();
    if (settings.wrong_auth) auth.data.back() ^= 1;
    payloads.add(wire::Auth{static_cast<std::uint8_t>(auth.method), auth.data});
  }
  if (settings.initial_contact) payloads.add(NotifyType::initial_contact);
  if (settings.wants_v4 || settings.wants_v6) {
    wire::Cp cp{wire::CpType::request, {}};
    if (settings.wants_v4) cp.attributes.push_back({wire::CpAttributeType::internal_ip4_address, {}});
    if (settings.wants_v4) cp.attributes.push_back({wire::CpAttributeType::internal_ip4_dns, {}});
    if (settings.wants_v6) cp.attributes.push_back({wire::CpAttributeType::internal_ip6_address, {}});
    payloads.add(cp);
  }
  const common::Be32 spi(++last_spi_);
  payloads.add(esp_offer(common::as_bytes(spi), 0));
  payloads.add_tsi({settings.tsi, 0});
  payloads.add_tsr({settings.tsr, 0});
  request_on(0, wire::ExchangeType::ike_auth, payloads,
             [this](const wire::Payloads& answer) { on_auth_answer(answer); });
}

void Initiator::verify_gateway(const wire::Payloads& payloads) {
  ClientSa& sa = sas[0];
  if (payloads.idr) {
    gateway_id_octets_.assign(payloads.idr->octets.begin(), payloads.idr->octets.end());
    gateway_id = common::as_text(payloads.idr->data);
  }
  if (!payloads.auth) return fail("the gateway proves nothing");
  gateway_auth_method = payloads.auth->method;
  const Bytes covered = crypto::signed_octets(init_answer_, ni_, sa.prf, sa.pr.view(), gateway_id_octets_);
  if (payloads.auth->method == 2) {
    const ByteView secret = !eap_done_ ? common::as_bytes(settings.psk) : msk_.empty() ? sa.pr.view() : msk_.view();
    const auto expected = crypto::shared_key_auth(sa.prf, secret, covered);
    if (!common::constant_time_equal(expected.view(), payloads.auth->data)) fail("the gateway's AUTH does not fit");
    return;
  }
  if (settings.trust == nullptr) return fail("no trust in certificates");
  std::vector<crypto::Certificate> chain;
  for (const wire::Cert& cert : payloads.certs) chain.push_back(crypto::Certificate::from_der(cert.data).value());
  certificates = static_cast<unsigned>(chain.size());
  if (chain.empty()) return fail("no certificate");
  if (!settings.trust->verify(chain[0], std::span(chain).subspan(1), world.clock().wall()))
    return fail("the gateway's certificate is not trusted");
  const auto verified =
      crypto::verify_auth(chain[0], payloads.auth->method, payloads.auth->data, covered, settings.hashes);
  if (!verified) fail("the gateway's signature does not verify");
}

void Initiator::on_auth_answer(const wire::Payloads& payloads) {
  if (payloads.error() != nullptr && !payloads.auth) return fail("IKE_AUTH refused");
  if (payloads.eap) {
    if (payloads.idr) verify_gateway(payloads);
    return on_eap(payloads);
  }
  on_final(payloads);
}

void Initiator::on_eap(const wire::Payloads& payloads) {
  const wire::Eap& eap = *payloads.eap;
  if (eap.code() == 4) {
    eap_failed = true;
    return fail("EAP failure");
  }
  wire::PayloadWriter answer;
  if (eap.code() == 3) {
    eap_done_ = true;
    if (settings.user != "keyless") msk_ = msk_of(settings.user);
    ClientSa& sa = sas[0];
    const Bytes covered = crypto::signed_octets(init_request_, nr_, sa.prf, sa.pi.view(), own_id_octets());
    auto auth = crypto::shared_key_auth(sa.prf, msk_.empty() ? sa.pi.view() : msk_.view(), covered);
    if (settings.wrong_auth) auth.mutable_view()[0] ^= 1;
    answer.add(wire::Auth{2, auth.view()});
    return request_on(0, wire::ExchangeType::ike_auth, answer,
                      [this](const wire::Payloads& last) { on_auth_answer(last); });
  }
  common::ByteWriter packet;
  const bool identity = eap.type() == 1;
  const std::size_t data = identity ? settings.user.size() : settings.user == "big" ? 5000 : 20;
  packet.u8(2);
  packet.u8(eap.identifier());
  packet.be16(static_cast<std::uint16_t>(5 + data));
  packet.u8(eap.type());
  if (identity)
    packet.text(settings.user);
  else
    packet.zeros(data);
  answer.add(wire::Eap{packet.view()});
  request_on(0, wire::ExchangeType::ike_auth, answer, [this](const wire::Payloads& next) { on_auth_answer(next); });
}

void Initiator::on_final(const wire::Payloads& payloads) {
  verify_gateway(payloads);
  if (payloads.error() != nullptr) return fail("no child SA");
  if (const wire::Cp* reply = payloads.find(wire::CpType::reply)) {
    for (const wire::CpAttribute& one : reply->attributes) {
      if (one.type == wire::CpAttributeType::internal_ip4_address) inner = common::IpAddress::from_bytes(one.value);
      if (one.type == wire::CpAttributeType::internal_ip4_dns) dns.push_back(*common::IpAddress::from_bytes(one.value));
      if (one.type == wire::CpAttributeType::internal_ip4_subnet)
        subnets.push_back({*common::IpAddress::from_bytes(one.value.first(4)),
                           static_cast<std::uint8_t>(std::popcount(
                               static_cast<unsigned>(one.value[4]) << 24U | static_cast<unsigned>(one.value[5]) << 16U |
                               static_cast<unsigned>(one.value[6]) << 8U | one.value[7]))});
    }
  }
  add_child(payloads, sas[0], {}, ni_, nr_);
  if (!failure_) established_ = true;
}

void Initiator::add_child(const wire::Payloads& payloads, const ClientSa& sa, ByteView shared, ByteView ni,
                          ByteView nr) {
  if (!payloads.sa || !payloads.tsi || !payloads.tsr) return fail("no child SA in the answer");
  const wire::Proposal& proposal = payloads.sa->proposals.at(0);
  ClientChild child;
  child.inbound = common::Spi(last_spi_);
  child.outbound = proposal.esp_spi().value();
  if (chosen(proposal, encr, &child.key_bits) != 20) return fail("the gateway chose another cipher");
  child.esn = chosen(proposal, esn) == 1;
  child.group = chosen(proposal, dh);
  const std::size_t octets = child.key_bits / 8U + 4;
  const auto keymat = crypto::prf_plus(sa.prf, sa.d.view(), {shared, ni, nr}, 2 * octets);
  child.outbound_key.assign(keymat.view().begin(), keymat.view().begin() + static_cast<long>(octets));
  child.inbound_key.assign(keymat.view().begin() + static_cast<long>(octets), keymat.view().end());
  child.tsi = payloads.tsi->selectors;
  child.tsr = payloads.tsr->selectors;
  children.push_back(std::move(child));
}

}  // namespace sim
