"""FIFO entries with every kind of wrong offset and length, from either side of the Ethernet protocol, in real processes."""

from systest import (ETHERNET, PATIENCE, Package, TapNetwork, case, expect, jacinth, main, require_root, resources, run)


def hostile_client(*arguments):
    with resources() as owned:
        network = TapNetwork(owned)
        package = Package(owned)
        package.manifest("client", use=[{"protocol": ETHERNET}], program={
            "runner": "elf", "binary": package.binary("tests/system/hostile_ethernet_client"),
            "args": [network.KERNEL, *arguments]})
        manifest = package.manifest(
            "hostile-client",
            children=[{"name": "ethernet", "url": "#meta/ethernet_tap.cml"},
                      {"name": "client", "url": "#meta/client.cml", "startup": "eager"}],
            offer=[{"protocol": "jacinth.host.Tap", "from": "parent", "to": "#ethernet"},
                   {"protocol": ETHERNET, "from": "#ethernet", "to": "#client"}],
            facets={"main": "#client"})
        done = network.run(jacinth(), "run", manifest, check=False, timeout=2 * PATIENCE)
        expect(done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}")


@case
def driver_answers_bad_entries_and_keeps_working():
    hostile_client()


@case
def driver_and_kernel_take_any_offload_header_and_keep_working():
    hostile_client("offloads")


@case
def netstack_drops_bad_entries_and_keeps_working():
    require_root()
    with resources() as owned:
        package = Package(owned)
        package.manifest("driver", capabilities=[{"protocol": ETHERNET}],
                         expose=[{"protocol": ETHERNET, "from": "self"}], program={
                             "runner": "elf", "binary": package.binary("tests/system/hostile_ethernet_driver"),
                             "args": [TapNetwork.NETSTACK]})
        manifest = package.manifest(
            "hostile-driver",
            children=[{"name": "driver", "url": "#meta/driver.cml"},
                      {"name": "netstack", "url": "#meta/netstack.cml", "startup": "eager"}],
            offer=[{"protocol": ETHERNET, "from": "#driver", "to": "#netstack"}],
            facets={"main": "#driver"})
        done = run(jacinth(), "run", manifest, check=False, timeout=2 * PATIENCE)
        expect(done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}")


main()
