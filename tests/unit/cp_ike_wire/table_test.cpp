// The table of payloads per exchange: each form with what it needs, without it, twice, and with what does not belong.

#include "controlplane/ike/wire/table.hpp"

#include <gtest/gtest.h>

#include "controlplane/ike/wire/seal.hpp"
#include "samples.hpp"

namespace controlplane::ike::wire {
namespace {

using enum PayloadType;

IkeHeader header(ExchangeType exchange, bool response, std::uint32_t message_id = 0) {
  auto made = samples::header(exchange, message_id);
  made.response = response;
  return made;
}

TEST(Form, OfAHeader) {
  EXPECT_EQ(form_of(header(ExchangeType::ike_sa_init, false)), Form::init_request);
  EXPECT_EQ(form_of(header(ExchangeType::ike_sa_init, true)), Form::init_response);
  EXPECT_EQ(form_of(header(ExchangeType::ike_auth, false, 1)), Form::auth_first_request);
  EXPECT_EQ(form_of(header(ExchangeType::ike_auth, false, 2)), Form::auth_later_request);
  EXPECT_EQ(form_of(header(ExchangeType::ike_auth, true, 1)), Form::auth_response);
  EXPECT_EQ(form_of(header(ExchangeType::create_child_sa, false)), Form::child_request);
  EXPECT_EQ(form_of(header(ExchangeType::create_child_sa, true)), Form::child_response);
  EXPECT_EQ(form_of(header(ExchangeType::informational, false)), Form::informational_request);
  EXPECT_EQ(form_of(header(ExchangeType::informational, true)), Form::informational_response);
  EXPECT_FALSE(form_of(header(ExchangeType{43}, false)));
}

Payloads of(const PayloadWriter& writer) { return parse_payloads(writer.first(), writer.view()).value(); }

TEST(Table, RealMessagesPass) {
  const auto check = [](Form form, const PayloadWriter& writer) {
    return check_payloads(form, of(writer)).has_value();
  };
  EXPECT_TRUE(check(Form::init_request, samples::init_request()));
  EXPECT_TRUE(check(Form::init_request, samples::windows_init_request()));
  EXPECT_TRUE(check(Form::auth_first_request, samples::auth_request(true)));
  EXPECT_TRUE(check(Form::auth_first_request, samples::auth_request(false)));
  EXPECT_TRUE(check(Form::auth_later_request, samples::eap_response()));
  EXPECT_TRUE(check(Form::child_request, samples::rekey_request()));
  EXPECT_TRUE(check(Form::informational_request, samples::delete_request()));
  EXPECT_TRUE(check(Form::informational_request, PayloadWriter()));
  EXPECT_TRUE(check(Form::auth_later_request, PayloadWriter()));  // what an exchange needs beyond the table is its own
}

/// Payloads that consist of nothing but their types: the table looks at no bodies.
Payloads types(std::vector<PayloadType> order) {
  Payloads payloads;
  payloads.order = std::move(order);
  return payloads;
}

std::vector<PayloadType> needed_by(Form form) {
  std::vector<PayloadType> order;
  for (const Rule& rule : rules())
    if (rule.form == form) order.insert(order.end(), rule.min, rule.type);
  return order;
}

constexpr Form kForms[] = {Form::init_request,       Form::init_response,         Form::auth_first_request,
                           Form::auth_later_request, Form::auth_response,         Form::child_request,
                           Form::child_response,     Form::informational_request, Form::informational_response};
constexpr PayloadType kTypes[] = {sa, ke, idi, idr, cert, certreq, auth, nonce, delete_, tsi, tsr, cp, eap};

TEST(Table, EveryCell) {
  for (const Form form : kForms) {
    const auto needed = needed_by(form);
    ASSERT_TRUE(check_payloads(form, types(needed)));
    for (const PayloadType type : kTypes) {
      SCOPED_TRACE(std::string(to_string(type)) + " in form " + std::to_string(static_cast<int>(form)));
      const Rule* rule = nullptr;
      for (const Rule& candidate : rules())
        if (candidate.form == form && candidate.type == type) rule = &candidate;
      auto order = needed;
      if (rule == nullptr) {
        order.push_back(type);
        EXPECT_EQ(check_payloads(form, types(order)).error(), (ParseError{WireError::not_allowed, type}));
        continue;
      }
      std::erase(order, type);
      if (rule->min > 0) {
        EXPECT_EQ(check_payloads(form, types(order)).error(), (ParseError{WireError::missing, type}));
      }
      order.insert(order.end(), rule->max, type);
      EXPECT_TRUE(check_payloads(form, types(order)));
      order.push_back(type);
      EXPECT_EQ(check_payloads(form, types(order)).error(), (ParseError{WireError::duplicate, type}));
    }
  }
}

TEST(Table, NotificationsVendorsAndUnknownOnesMayStandAnywhere) {
  for (const Form form : kForms) {
    auto order = needed_by(form);
    order.insert(order.begin(), {notify, vendor, PayloadType{200}});
    EXPECT_TRUE(check_payloads(form, types(order)));
  }
}

TEST(Table, ARefusalNeedsNothingElse) {
  const auto only = [](NotifyType type) {
    Payloads payloads;
    payloads.order = {notify};
    payloads.notifies.push_back({.type = type});
    return payloads;
  };
  EXPECT_TRUE(check_payloads(Form::init_response, only(NotifyType::cookie)));
  EXPECT_TRUE(check_payloads(Form::init_response, only(NotifyType::invalid_ke_payload)));
  EXPECT_TRUE(check_payloads(Form::child_response, only(NotifyType::temporary_failure)));
  EXPECT_FALSE(check_payloads(Form::child_response, only(NotifyType::cookie)));
  EXPECT_FALSE(check_payloads(Form::init_response, only(NotifyType::initial_contact)));
  EXPECT_FALSE(check_payloads(Form::init_request, only(NotifyType::no_proposal_chosen)));  // a request is no refusal
}

TEST(Outer, OnlyInitIsInClear) {
  const auto clear = write_message(samples::header(ExchangeType::ike_sa_init), samples::init_request());
  const auto message = parse_message(clear).value();
  EXPECT_TRUE(check_outer(Form::init_request, message));
  EXPECT_EQ(check_outer(Form::auth_first_request, message).error(), (ParseError{WireError::missing, sk}));
  EXPECT_EQ(check_outer(Form::informational_request, message).error(), (ParseError{WireError::missing, sk}));

  PayloadWriter protected_only;
  protected_only.add_raw(sk, samples::filled(40, 1));
  const auto octets = write_message(samples::header(ExchangeType::ike_auth, 1), protected_only);
  const auto encrypted = parse_message(octets).value();
  EXPECT_TRUE(check_outer(Form::auth_first_request, encrypted));
  EXPECT_EQ(check_outer(Form::init_request, encrypted).error(), (ParseError{WireError::not_allowed, sk}));

  PayloadWriter mixed;
  mixed.add(NotifyType::initial_contact);
  mixed.add_raw(sk, samples::filled(40, 1));
  const auto mixed_octets = write_message(samples::header(ExchangeType::informational, 3), mixed);
  EXPECT_EQ(check_outer(Form::informational_request, parse_message(mixed_octets).value()).error(),
            (ParseError{WireError::not_allowed, notify}));
}

}  // namespace
}  // namespace controlplane::ike::wire
