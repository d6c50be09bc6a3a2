// Finding one datagram's way in the recordings of all processes, and printing it step by step.
//
// The steps are those of the design document ("Life of a datagram"), by its numbers; some numbers take
// several trace points. Points of one way follow each other in time across the processes, whose clock is the
// same, but some of them in a lane of their own beside the call: the driver's part in sending, which goes on
// while the answer is on its way back, and the frame that comes in, which does not ask whether the
// application waits yet.
#include "life.h"

#include <string.h>

#include "recording.h"

typedef struct step {
  const char* number;
  const char* point;
  const char* what;
  bool beside;        // in the lane beside the call; a step follows the one before it in its lane,
  const char* after;  // and this one of the other lane, if not NULL
} step_t;

static const step_t send_steps[] = {
    {"1", "fdio.sendto", "the application calls sendto, which is fdio's", false, NULL},
    {"2", "zxio.sendmsg", "fdio calls zxio", false, NULL},
    {"3", "proxy.SynchronousDatagramSocket.SendMsg", "the FIDL proxy writes the request to the channel",
     false, NULL},
    {"4", "stub.SynchronousDatagramSocket.SendMsg", "the FIDL stub has decoded it", false, NULL},
    {"5", "netstack.SendMsg", "it calls the netstack's SendMsg", false, NULL},
    {"6", "udp.send", "the TCP/IP engine makes a UDP datagram of it", false, NULL},
    {"7", "ip.output", "and an IP packet, for the link endpoint", false, NULL},
    {"8", "link.tx", "the frame lies in the VMO, its entry in the FIFO", false, NULL},
    {"9", "driver.tx", "the Ethernet driver takes it from the FIFO", true, "link.tx"},
    {"9", "wire.tx", "and transmits it on the wire", true, NULL},
    {"10", "udp.send.done", "the engine's result", false, NULL},
    {"11", "netstack.SendMsg.done", "the netstack's result", false, NULL},
    {"12", "stub.SynchronousDatagramSocket.SendMsg.reply", "the stub writes the reply to the channel", false,
     NULL},
    {"13", "proxy.SynchronousDatagramSocket.SendMsg.done", "the proxy has decoded it", false, NULL},
    {"14", "zxio.sendmsg.done", "back in fdio", false, NULL},
    {"15-16", "fdio.sendto.done", "back in the application", false, NULL},
};

static const step_t receive_steps[] = {
    {"1", "fdio.recvfrom", "the application calls recvfrom, which is fdio's", false, NULL},
    {"2", "zxio.recvmsg", "fdio calls zxio", false, NULL},
    {"3", "proxy.SynchronousDatagramSocket.RecvMsg", "the FIDL proxy writes the request to the channel",
     false, NULL},
    {"4", "stub.SynchronousDatagramSocket.RecvMsg", "the FIDL stub has decoded it", false, NULL},
    {"5", "netstack.RecvMsg", "it calls the netstack's RecvMsg", false, NULL},
    {"6", "udp.recv", "the TCP/IP engine looks into the socket's queue", false, NULL},
    {"7", "udp.recv.would_block", "which is empty: would block", false, NULL},
    {"8", "stub.SynchronousDatagramSocket.RecvMsg.reply", "the stub writes that to the channel", false, NULL},
    {"9", "proxy.SynchronousDatagramSocket.RecvMsg.done", "the proxy has decoded it", false, NULL},
    {"10-11", "zxio.recvmsg.done", "back in fdio's recvfrom", false, NULL},
    {"12", "fdio.wait", "which waits on the eventpair it shares with the netstack", false, NULL},
    {"13", "driver.rx", "a frame has come; the driver puts it into the FIFO", true, "fdio.recvfrom"},
    {"14", "link.rx", "the link endpoint takes it", true, "udp.recv.would_block"},
    {"14", "ip.input", "IP takes the packet", true, NULL},
    {"14", "udp.input", "UDP queues the datagram at its port", true, NULL},
    {"15", "netstack.incoming", "the netstack signals \"incoming\" on the eventpair", true, NULL},
    {"16", "fdio.wait.done", "the wait is over", false, "netstack.incoming"},
    {"17", "zxio.recvmsg", "fdio asks again", false, NULL},
    {"18", "proxy.SynchronousDatagramSocket.RecvMsg", "the proxy writes the request", false, NULL},
    {"19", "stub.SynchronousDatagramSocket.RecvMsg", "the stub has decoded it", false, NULL},
    {"20", "netstack.RecvMsg", "the netstack's RecvMsg", false, NULL},
    {"21", "udp.recv", "the engine takes the datagram from the queue", false, NULL},
    {"22", "udp.recv.done", "here it is", false, NULL},
    {"23", "stub.SynchronousDatagramSocket.RecvMsg.reply", "the stub writes the reply", false, NULL},
    {"24", "proxy.SynchronousDatagramSocket.RecvMsg.done", "the proxy has decoded it", false, NULL},
    {"25", "zxio.recvmsg.done", "back in fdio", false, NULL},
    {"26", "fdio.recvfrom.done", "back in the application, with the datagram", false, NULL},
};

#define STEPS_MAX 32u

// The index of the event that step `i` cannot come before: what it follows in its lane, or in the other one.
static size_t earliest(const step_t* steps, size_t i, const size_t* found) {
  size_t at = found[0];
  for (size_t before = 0; before < i; before++) {
    bool follows = steps[before].beside == steps[i].beside ||
                   (steps[i].after && strcmp(steps[i].after, steps[before].point) == 0);
    if (follows && found[before] > at) at = found[before];
  }
  return at + 1;
}

// Writes the index of each step's event to `found`. Returns how many steps were found in their order, from
// `start` on and, in the call's lane, not beyond the end of the call that begins there.
static size_t follow(const recording_t* recording, const step_t* steps, size_t count, size_t start,
                     size_t* found) {
  const recorded_event_t* first = &recording->events[start];
  found[0] = start;
  for (size_t i = 1; i < count; i++) {
    size_t next = earliest(steps, i, found);
    while (next < recording->count && strcmp(recording->events[next].event.name, steps[i].point) != 0) {
      const recorded_event_t* passed = &recording->events[next];
      bool call_over = strcmp(passed->event.name, steps[count - 1].point) == 0 &&
                       passed->instance == first->instance && passed->event.thread == first->event.thread;
      if (call_over && !steps[i].beside) return i;
      next++;
    }
    if (next == recording->count) return i;
    found[i] = next;
  }
  return count;
}

static void print_steps(const recording_t* recording, const step_t* steps, size_t count, const size_t* found,
                        const manager_t* manager, FILE* out) {
  uint64_t start = recording->events[found[0]].event.time_ns;
  for (size_t i = 0; i < count; i++) {
    const recorded_event_t* event = &recording->events[found[i]];
    fprintf(out, "%6s  %9.1f us  %-12s %-7d %-46s %s\n", steps[i].number,
            (double)(event->event.time_ns - start) / 1000.0, event->instance->name,
            manager_process(manager, event->instance), steps[i].point, steps[i].what);
  }
}

// The last datagram whose way was recorded whole: the first ones also pay for what is done once.
static bool print_life(const recording_t* recording, const step_t* steps, size_t count, const char* title,
                       const manager_t* manager, FILE* out) {
  size_t found[STEPS_MAX], best = 0;
  fprintf(out, "\n%s\n", title);
  for (size_t start = recording->count; start-- > 0;) {
    if (strcmp(recording->events[start].event.name, steps[0].point) != 0) continue;
    size_t reached = follow(recording, steps, count, start, found);
    if (reached == count) {
      print_steps(recording, steps, count, found, manager, out);
      return true;
    }
    if (reached > best) best = reached;
  }
  fprintf(out, "  No datagram's whole way was recorded: step %s (%s) is missing.\n", steps[best].number,
          steps[best].point);
  fprintf(out, "  (It can be followed where each is a request: the netstack's --datagrams=synchronous.)\n");
  return false;
}

bool life_print(const realm_t* realm, const manager_t* manager, FILE* out) {
  recording_t recording;
  recording_read(&recording, realm, manager);
  bool sent = print_life(&recording, send_steps, sizeof send_steps / sizeof *send_steps,
                         "Life of a datagram sent", manager, out);
  bool received = print_life(&recording, receive_steps, sizeof receive_steps / sizeof *receive_steps,
                             "Life of a datagram received", manager, out);
  return sent && received;
}
