// What a client does with a session: rekeys, deletes, probes.

#include "tests/sim/initiator.hpp"

namespace sim {

using wire::NotifyType;

void Initiator::probe() { request(wire::ExchangeType::informational, {}, {}); }

void Initiator::rekey_child(std::uint16_t group) {
  wire::PayloadWriter payloads;
  const common::Be32 old(children.back().inbound.value());
  payloads.add(wire::Notify{NotifyType::rekey_sa, wire::ProtocolId::esp, common::as_bytes(old), {}});
  const common::Be32 spi(++last_spi_);
  payloads.add(esp_offer(common::as_bytes(spi), group));
  auto nonce = std::make_shared<Bytes>(32);
  world.random(*nonce);
  payloads.add(wire::Nonce{*nonce});
  std::shared_ptr<crypto::Dh> dh;
  if (group != 0) {
    dh = std::make_shared<crypto::Dh>(crypto::Dh::generate(static_cast<crypto::Group>(group)).value());
    payloads.add(wire::Ke{group, dh->public_value()});
  }
  payloads.add_tsi({children.back().tsi, 0});
  payloads.add_tsr({children.back().tsr, 0});
  request(wire::ExchangeType::create_child_sa, payloads, [this, nonce, dh](const wire::Payloads& answer) {
    if (answer.error() != nullptr) return;
    common::SecretBytes shared;
    if (answer.ke && dh) shared = dh->derive(answer.ke->data).value();
    add_child(answer, sas.back(), shared.view(), *nonce, answer.nonce->data);
  });
}

void Initiator::delete_old_child() {
  wire::PayloadWriter payloads;
  payloads.add(wire::Delete{wire::ProtocolId::esp, {children.front().inbound}});
  request(wire::ExchangeType::informational, payloads, [this](const wire::Payloads& answer) {
    if (answer.deletes.size() != 1 || answer.deletes[0].spis.at(0) != children.front().outbound)
      return fail("the answer deletes another SA");
    children.erase(children.begin());
  });
}

void Initiator::delete_child() {
  wire::PayloadWriter payloads;
  payloads.add(wire::Delete{wire::ProtocolId::esp, {children.back().inbound}});
  request(wire::ExchangeType::informational, payloads, {});
}

void Initiator::rekey_ike() {
  auto fresh = std::make_shared<ClientSa>();
  world.random({reinterpret_cast<std::uint8_t*>(&fresh->spi_i), 8});
  const common::Be64 spi(fresh->spi_i);
  auto nonce = std::make_shared<Bytes>(32);
  world.random(*nonce);
  auto dh = std::make_shared<crypto::Dh>(crypto::Dh::generate(static_cast<crypto::Group>(settings.ke_group)).value());
  wire::PayloadWriter payloads;
  payloads.add(ike_offer(common::as_bytes(spi)));
  payloads.add(wire::Nonce{*nonce});
  payloads.add(wire::Ke{settings.ke_group, dh->public_value()});
  request(wire::ExchangeType::create_child_sa, payloads, [this, fresh, nonce, dh](const wire::Payloads& answer) {
    if (answer.error() != nullptr) return;
    const ClientSa& old = sas.back();
    const wire::Proposal& proposal = answer.sa->proposals.at(0);
    fresh->spi_r = proposal.ike_spi().value();
    std::uint16_t encryption = 0;
    std::uint16_t bits = 0;
    std::uint16_t integrity = 0;
    for (const wire::Transform& one : proposal.transforms) {
      if (one.type == wire::TransformType::encr) encryption = one.id, bits = one.key_bits;
      if (one.type == wire::TransformType::integ) integrity = one.id;
      if (one.type == wire::TransformType::prf) fresh->prf = static_cast<crypto::Prf>(one.id);
    }
    const auto shared = dh->derive(answer.ke->data).value();
    const auto skeyseed = crypto::prf(old.prf, old.d.view(), {shared.view(), *nonce, answer.nonce->data});
    make_keys(*fresh, skeyseed.view(), crypto::find_sk_suite(encryption, bits, integrity).value(), *nonce,
              answer.nonce->data);
    sas.push_back(std::move(*fresh));
  });
}

void Initiator::delete_old_ike() {
  wire::PayloadWriter payloads;
  payloads.add(wire::Delete{wire::ProtocolId::ike, {}});
  request_on(sas.size() - 2, wire::ExchangeType::informational, payloads,
             [this](const wire::Payloads&) { sas[sas.size() - 2].gone = true; });
}

void Initiator::delete_ike() {
  wire::PayloadWriter payloads;
  payloads.add(wire::Delete{wire::ProtocolId::ike, {}});
  request(wire::ExchangeType::informational, payloads, [this](const wire::Payloads&) {
    sas.back().gone = true;
    established_ = false;
  });
}

}  // namespace sim
