#pragma once
// Everything that the dataplane counts, by name.

#include "dataplane/manager/channel_server.hpp"
#include "dataplane/manager/drain.hpp"
#include "dataplane/manager/manager.hpp"
#include "dataplane/manager/requests.hpp"
#include "dataplane/sa/writer.hpp"

namespace dataplane::manager {

/// Names: drop.REASON (over all threads), worker.N.*, port.NAME.*, relay.*, route.*, table.*, channel.*, manager.*.
void write_statistics(const Environment& environment, const sa::TableWriter& writer, const ProcessDrain& drain,
                      const ChannelCounters& channel, const StatisticsSink& sink);

}  // namespace dataplane::manager
