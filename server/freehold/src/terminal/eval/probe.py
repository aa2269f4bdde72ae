# Fails unless the program is confined: no network, nothing to write but its folder, limits, no environment.
import os
import resource
import socket


def must_fail(what):
    try:
        what()
    except OSError:
        return
    raise SystemExit(1)


assert [name for _, name in socket.if_nameindex()] == ["lo"]
must_fail(lambda: socket.create_connection(("127.0.0.1", 9), 1))
for folder in ["/", "/usr", "/tmp", "/proc/sys/kernel"]:
    must_fail(lambda: open(folder + "/freehold-probe", "w"))
with open("written", "w") as file:
    file.write("x")
assert os.getcwd() == "/case" and not os.path.exists("/old/usr")
for limit in [resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE]:
    assert resource.getrlimit(limit)[1] != resource.RLIM_INFINITY
assert "FREEHOLD_HOME" not in os.environ and os.environ["HOME"] == "/case"
with open("/proc/self/status") as status:
    assert "CapEff:\t0000000000000000\n" in status.read()
