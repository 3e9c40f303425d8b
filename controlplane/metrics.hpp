#pragma once
// What the rooms count, as /metrics shows it. Sessions and the dataplane are counted in admin/ itself.

#include <vector>

#include "controlplane/admin/api.hpp"
#include "controlplane/dae/pipeline.hpp"
#include "controlplane/dataplane/channel_client.hpp"
#include "controlplane/ike/responder.hpp"
#include "controlplane/radius/service.hpp"
#include "controlplane/radius/store.hpp"

namespace controlplane {

void add_ike(std::vector<admin::Metric>& all, const ike::Responder& responder);
/// RFC 4673's names per client, and the reasons of silence.
void add_dae(std::vector<admin::Metric>& all, const dae::Pipeline& pipeline);
void add_radius(std::vector<admin::Metric>& all, const radius::Service& service);
void add_store(std::vector<admin::Metric>& all, const radius::StoreStatistics& statistics);
void add_channel(std::vector<admin::Metric>& all, const dataplane::ChannelClient& channel);

}  // namespace controlplane
