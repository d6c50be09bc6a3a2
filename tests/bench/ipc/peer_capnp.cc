// Cap'n Proto RPC over a socket pair.
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.capnp.h"
#include "peer.h"

namespace {

struct Connection {
  explicit Connection(int fd)
      : io(kj::setupAsyncIo()),
        stream(io.lowLevelProvider->wrapSocketFd(fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP)),
        client(*stream) {}
  kj::AsyncIoContext io;
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyClient client;
};

struct Link {
  int ends[2];
  uint32_t size;
  Connection* connection;
  Echo::Client* echo;
};

class EchoServer final : public Echo::Server {
 public:
  explicit EchoServer(const ipc_work* work) : work_(work) {}
  kj::Promise<void> swap(SwapContext context) override {
    ipc_run(work_);
    context.getResults().setData(context.getParams().getData());
    return kj::READY_NOW;
  }

 private:
  const ipc_work* work_;
};

void* OpenLink(const ipc_load* load, const char** why) {
  Link* link = static_cast<Link*>(calloc(1, sizeof(Link)));
  ipc_check(link && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link->ends) == 0, "socketpair");
  link->size = load->size;
  return link;
}

void Serve(void* context, const ipc_work* work) {
  Link* link = static_cast<Link*>(context);
  close(link->ends[0]);
  auto io = kj::setupAsyncIo();
  auto stream = io.lowLevelProvider->wrapSocketFd(link->ends[1], kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
  capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::SERVER);
  auto rpc = capnp::makeRpcServer(network, kj::heap<EchoServer>(work));
  network.onDisconnect().wait(io.waitScope);
}

void Start(void* context) {
  Link* link = static_cast<Link*>(context);
  close(link->ends[1]);
  link->connection = new Connection(link->ends[0]);
  link->echo = new Echo::Client(link->connection->client.bootstrap().castAs<Echo>());
}

void Call(void* context) {
  Link* link = static_cast<Link*>(context);
  auto request = link->echo->swapRequest();
  request.setData(kj::arrayPtr(reinterpret_cast<const kj::byte*>(ipc_message), link->size));
  auto response = request.send().wait(link->connection->io.waitScope);
  auto data = response.getData();
  ipc_check(data.size() == link->size, "the call over Cap'n Proto");
  memcpy(ipc_answer, data.begin(), data.size());
}

void CloseLink(void* context) {
  Link* link = static_cast<Link*>(context);
  delete link->echo;
  delete link->connection;
  free(link);
}

}  // namespace

extern "C" const ipc_peer ipc_capnp = {
    "Cap'n Proto", 0, false, true, OpenLink, Serve, Start, Call, CloseLink, nullptr};
