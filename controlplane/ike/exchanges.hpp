#pragma once
// The exchanges, each in a file of its own. Inside controlplane/ike only. Every function leaves either an answer, or a
// callback at the Door that will answer, or a counter.

#include "controlplane/ike/context.hpp"
#include "controlplane/ike/peer.hpp"
#include "controlplane/ike/wire/message.hpp"

namespace controlplane::ike {

/// IKE_SA_INIT (init.cpp). `message` is the datagram without its marker.
void on_init(Context& context, const Datagram& datagram, const wire::Message& message);
/// An IKE_SA_INIT request that does not parse is told so, where RFC 7296 §2.21.1 allows it.
void on_broken_init(Context& context, const Datagram& datagram, const wire::IkeHeader& header,
                    const wire::ParseError& error);

/// A message of an IKE SA (protected.cpp): window, fragments, integrity, then the exchange.
void on_protected(Context& context, const Datagram& datagram, const wire::Message& message);

/// IKE_AUTH with the identities (auth.cpp), and those after it (eap.cpp).
void on_first_auth(Peer& peer, IkeSa& sa, Opened request);
void on_later_auth(Peer& peer, IkeSa& sa, const Opened& request);

/// Starts the EAP conversation: the answer to the first IKE_AUTH (eap.cpp).
void begin_eap(Peer& peer, IkeSa& sa);

/// IDr, CERT and AUTH of ours (auth.cpp). @return false: we cannot sign for this peer
[[nodiscard]] bool add_our_auth(Peer& peer, IkeSa& sa, wire::PayloadWriter& payloads);
/// Our AUTH made of a shared secret (auth.cpp): PSK, or MSK at the end of EAP.
void add_shared_auth(Peer& peer, IkeSa& sa, common::ByteView secret, wire::PayloadWriter& payloads);

/// Identity proven and authorized: address, child SA, session, and the last answer of IKE_AUTH (establish.cpp).
void establish(Peer& peer, IkeSa& sa);

/// CREATE_CHILD_SA: rekey of a child (child.cpp) and of the IKE SA (rekey.cpp).
void on_create_child(Peer& peer, IkeSa& sa, const Opened& request);
void rekey_ike(Peer& peer, IkeSa& sa, const Opened& request);

/// INFORMATIONAL (informational.cpp).
void on_informational(Peer& peer, IkeSa& sa, const Opened& request);

/// The values that a child SA's channel message needs apart from keys (establish.cpp).
[[nodiscard]] common::channel::WireChild make_wire_child(Context& context, const Child& child);

/// The peer as `show` prints it (describe.cpp).
[[nodiscard]] SaListing list_sa(const Peer& peer, const IkeSa& sa);

}  // namespace controlplane::ike
