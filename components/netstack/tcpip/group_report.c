// When groups are reported to the link's multicast routers, and to the switches that listen to what hosts
// report: the host's part of IGMP (RFC 9776, RFC 2236, RFC 1112) and of MLD (RFC 9777, RFC 2710), which
// differ in their messages only (igmp.c, mld.c).
//
// A group is joined for all sources or not at all, so that a report has one record. Every group has a timer
// of its own: for what is still to be told of its joining or leaving, else for the answer to a query.
#include "stack.h"

#define ROBUSTNESS 2                              // RFC 9776, 8.1
#define UNSOLICITED_INTERVAL (1 * NS_PER_S)       // 8.11
#define UNSOLICITED_INTERVAL_OLD (10 * NS_PER_S)  // RFC 2236, 8.10; RFC 2710, 7.10
#define QUERY_INTERVAL (125 * NS_PER_S)           // 8.2
#define SOONEST (1 * NS_PER_MS)                   // an answer: queries that come together are answered once

static uint8_t robustness(const querier_t* querier) {
  return querier->robustness ? querier->robustness : ROBUSTNESS;
}

// What all routers on the link understand (RFC 9776, 7.2.1).
static unsigned version_of(const interface_t* interface, bool v4) {
  const querier_t* querier = &interface->queriers[v4];
  int64_t now = interface->stack->now;
  return now < querier->version_1_until   ? GROUP_VERSION_1
         : now < querier->version_2_until ? GROUP_VERSION_2
                                          : GROUP_VERSION_3;
}

// All hosts' groups are never reported, nor are those of a scope that no router is asked for (RFC 9777, 6).
static bool reportable(const group_t* group) {
  static const addr_t all_hosts = {{[10] = 0xff, 0xff, 224, 0, 0, 1}}, all_nodes = {{0xff, 2, [15] = 1}};
  const interface_t* interface = group->interface;
  if (!interface->info.up || interface->info.loopback || interface->stack->closing) return false;
  if (addr_is_v4(&group->address)) return !addr_equal(&group->address, &all_hosts);
  return interface->info.mtu >= IPV6_MIN_MTU && (group->address.b[1] & 0xf) > 1 &&
         !addr_equal(&group->address, &all_nodes);
}

static void due(wheel_timer_t* timer);

static void start(group_t* group, int64_t longest) {
  tcpip_t* stack = group->interface->stack;
  int64_t delay = stack_random_below(stack, (uint32_t)(longest / NS_PER_MS) + 1) * NS_PER_MS;
  group->timer.fire = due;
  group->due_at = stack->now + (delay > SOONEST ? delay : SOONEST);
  wheel_start(&stack->wheel, &group->timer, group->due_at);
}

static void report(group_t* group, unsigned version, group_news_t news) {
  if (addr_is_v4(&group->address))
    igmp_report(group->interface, &group->address, version, news);
  else
    mld_report(group->interface, &group->address, version, news);
}

static void report_member(group_t* group, unsigned version) {
  group_news_t news = group->changes_left ? GROUP_WAS_JOINED : GROUP_IS_MEMBER;
  report(group, version, news);
  group->reported = true;
  if (group->changes_left && --group->changes_left)
    start(group, version == GROUP_VERSION_3 ? UNSOLICITED_INTERVAL : UNSOLICITED_INTERVAL_OLD);
}

// Before version 3 a leaving is told once, and not by those whose membership nobody heard of (RFC 2236, 3).
static void report_left(group_t* group, unsigned version) {
  if (version == GROUP_VERSION_3 || (version == GROUP_VERSION_2 && group->reported))
    report(group, version, GROUP_WAS_LEFT);
  if (version == GROUP_VERSION_3 && --group->changes_left)
    start(group, UNSOLICITED_INTERVAL);
  else
    group_destroy(group);
}

static void due(wheel_timer_t* timer) {
  group_t* group = list_owner(timer, group_t, timer);
  unsigned version = version_of(group->interface, addr_is_v4(&group->address));
  if (group->members)
    report_member(group, version);
  else
    report_left(group, version);
}

void group_report_change(group_t* group) {
  wheel_stop(&group->interface->stack->wheel, &group->timer);
  if (!reportable(group)) {
    if (!group->members) group_destroy(group);
    return;
  }
  group->changes_left = robustness(&group->interface->queriers[addr_is_v4(&group->address)]);
  due(&group->timer);
}

void group_report_all(interface_t* interface, bool v4) {
  for (list_node_t *node = interface->groups.next, *next; node != &interface->groups; node = next) {
    next = node->next;
    group_t* group = list_owner(node, group_t, node);
    if (addr_is_v4(&group->address) == v4 && group->members) group_report_change(group);
  }
}

void group_report_stop(interface_t* interface) {
  memset(interface->queriers, 0, sizeof interface->queriers);  // the next link may have other routers
  for (list_node_t *node = interface->groups.next, *next; node != &interface->groups; node = next) {
    next = node->next;
    group_t* group = list_owner(node, group_t, node);
    wheel_stop(&interface->stack->wheel, &group->timer);
    group->changes_left = 0;
    group->reported = false;
    if (!group->members) group_destroy(group);
  }
}

// RFC 9776, 5.2: at a random time, so that not all hosts answer at once; what is due before stays. Where
// versions are mixed, those that came last are spoken until the older router must be gone.
void group_query_heard(interface_t* interface, const group_query_t* query) {
  bool v4 = addr_is_v4(&query->group);
  querier_t* querier = &interface->queriers[v4];
  int64_t now = interface->stack->now;
  int64_t until = now + robustness(querier) * QUERY_INTERVAL + query->delay;
  if (query->version == GROUP_VERSION_1) querier->version_1_until = until;
  if (query->version == GROUP_VERSION_2) querier->version_2_until = until;
  if (query->version == GROUP_VERSION_3) querier->robustness = query->robustness;
  for (list_node_t* node = interface->groups.next; node != &interface->groups; node = node->next) {
    group_t* group = list_owner(node, group_t, node);
    bool asked = addr_is_any(&query->group) ? addr_is_v4(&group->address) == v4
                                            : addr_equal(&group->address, &query->group);
    if (!asked || !group->members || !reportable(group)) continue;
    bool sooner = wheel_running(&group->timer) && group->due_at - now <= query->delay;
    if (!sooner) start(group, query->delay);
  }
}

// Before version 3 one member's report is enough for all; routers that speak it want to know all members.
void group_report_heard(interface_t* interface, const addr_t* address) {
  if (version_of(interface, addr_is_v4(address)) == GROUP_VERSION_3) return;
  for (list_node_t* node = interface->groups.next; node != &interface->groups; node = node->next) {
    group_t* group = list_owner(node, group_t, node);
    if (!addr_equal(&group->address, address) || !group->members) continue;
    wheel_stop(&interface->stack->wheel, &group->timer);
    group->changes_left = 0;
    group->reported = false;
  }
}
