// Ids and capabilities.
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "child.h"

// No capability is left in any set, and none can come back: not by a file's capabilities, not by being user
// 0.
static void drop_capabilities(const child_t* child) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
    // Without a user namespace an ordinary user may not do this, and has none to drop.
    if (prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EPERM)
      child_fail(child, "cannot drop a capability");
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  cap_t none = cap_init();
  if (!none || cap_set_proc(none) != 0) child_fail(child, "cannot drop capabilities");
  cap_free(none);
}

void child_drop_privileges(const child_t* child) {
  // Fails where an ordinary user's namespace may not change groups; then there are none to give up that it
  // could use.
  bool is_privileged = geteuid() == 0;
  if (is_privileged && child->uid != geteuid() && setgroups(0, NULL) != 0)
    child_fail(child, "cannot leave its groups");
  if (setresgid(child->gid, child->gid, child->gid) != 0) child_fail(child, "cannot become its group");
  // The bounding set has to be emptied while the right to do so is held, which a change of user ends.
  if (prctl(PR_SET_KEEPCAPS, 1) != 0 || setresuid(child->uid, child->uid, child->uid) != 0)
    child_fail(child, "cannot become its user");
  cap_t effective = cap_get_proc();
  cap_value_t set_pcap = CAP_SETPCAP;
  if (effective && cap_set_flag(effective, CAP_EFFECTIVE, 1, &set_pcap, CAP_SET) == 0)
    cap_set_proc(effective);
  if (effective) cap_free(effective);
  drop_capabilities(child);
  prctl(PR_SET_KEEPCAPS, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) child_fail(child, "cannot give up new privileges");
}
