"""Runs confgate as the unit confines it, and has it do what it does: serve, record, ship, rotate, reload, end.

confine.py UNIT PROGRAM

The system calls, address families, memory and namespaces that the unit takes away are taken away by a seccomp filter
made from the unit, as systemd would make it. But a call that the unit answers with EPERM ends the process here, so that
none passes unnoticed. What takes a systemd that runs (its file system, its credentials) is not part of it.
"""

import errno
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import seccomp
from seccomp import ALLOW, EQ, ERRNO, KILL_PROCESS, MASKED_EQ, Arg

NOBODY = 65534
PROT_WRITE, PROT_EXEC = 2, 4
# CLONE_NEW*: time, mount, cgroup, uts, ipc, user, pid, net.
NAMESPACES = 0x80 | 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
# What systemd allows beside every list, for its own way to the program.
ALWAYS = {"@default", "execve", "exit", "exit_group", "getrlimit", "rt_sigreturn"}
PATIENCE = 30
ANY_PORT = "127.0.0.1:0"


def settings(unit, key):
    lines = Path(unit).read_text().splitlines()
    return [line.split("=", 1)[1] for line in lines if line.startswith(key + "=")]


def calls(name):
    """The system calls of a group, as this systemd has it."""
    if not name.startswith("@"):
        return {name}
    shown = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True)
    members = [line.strip() for line in shown.stdout.splitlines()[1:]]
    return set().union(*(calls(member) for member in members if member and not member.startswith("#")))


def allowed(unit):
    """Lists take effect one after the other; one with a ~ takes away."""
    left = set().union(*(calls(name) for name in ALWAYS))
    for line in settings(unit, "SystemCallFilter"):
        group = set().union(*(calls(name) for name in line.lstrip("~").split()))
        left = left - group if line.startswith("~") else left | group
    # No list takes these away.
    return left | {"execve", "exit", "exit_group", "rt_sigreturn"}


def filter_of(unit):
    for key in ("MemoryDenyWriteExecute", "RestrictNamespaces", "NoNewPrivileges"):
        assert settings(unit, key) == ["yes"], f"{key} is what this filter takes for granted"
    families = [getattr(socket, name) for line in settings(unit, "RestrictAddressFamilies") for name in line.split()]
    assert families, "the unit restricts address families"
    confined = seccomp.SyscallFilter(defaction=KILL_PROCESS)
    for name in sorted(allowed(unit) - {"socket", "mmap", "mprotect", "clone", "clone3"}):
        try:
            confined.add_rule(ALLOW, name)
        except RuntimeError:
            pass  # Not a call of this architecture.
    for family in range(socket.AF_UNSPEC, 64):
        # Not a crime: name lookup asks the kernel for its addresses over AF_NETLINK, and goes without.
        action = ALLOW if family in families else ERRNO(errno.EAFNOSUPPORT)
        confined.add_rule(action, "socket", Arg(0, EQ, family))
    confined.add_rule(ALLOW, "mmap", Arg(2, MASKED_EQ, PROT_WRITE, 0))
    confined.add_rule(ALLOW, "mmap", Arg(2, MASKED_EQ, PROT_EXEC, 0))
    confined.add_rule(ALLOW, "mprotect", Arg(2, MASKED_EQ, PROT_EXEC, 0))
    confined.add_rule(ALLOW, "clone", Arg(0, MASKED_EQ, NAMESPACES, 0))
    confined.add_rule(ERRNO(errno.ENOSYS), "clone3")
    return confined


def confine(confined, files):
    def enter():
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        confined.load()

    return enter


def until(what, find):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = find()
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit(f"{what}: not within {PATIENCE} s")


def ask(url, method="GET", token=None, body=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, body and body.encode(), headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def addresses(log):
    """Where the gateway says that it serves, and its admin port; None until it does."""
    for line in log.read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("message") == "serving":
            return event["address"], event["admin"]
    return None


def own(directory):
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)


def main(unit, program):
    confined = filter_of(unit)
    # As many as the machine has to give.
    files = min(int(settings(unit, "LimitNOFILE")[0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    # The filter is there: what it does not allow ends a process.
    forbidden = subprocess.run(["chroot", "/", "true"], preexec_fn=confine(confined, files), capture_output=True)
    assert forbidden.returncode == -signal.SIGSYS, f"a system call that is not allowed ended with {forbidden}"

    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        work.chmod(0o711)
        copy = work / "confgate"
        copy.write_bytes(Path(program).read_bytes())
        copy.chmod(0o755)
        world = subprocess.Popen(
            [copy, "demo", "--directory", work / "world"]
            + [part for name in ("listen", "admin", "sandbox", "issuer")
               for part in (f"--{name}", ANY_PORT)],
            stdout=(work / "world.out").open("w"), stderr=subprocess.DEVNULL)
        try:
            serve(copy, work, confine(confined, files))
        finally:
            world.terminate()
            world.wait()


def serve(program, work, enter):
    bearer = r"Authorization: Bearer (\S+?)'"
    token = until("the demo", lambda: re.search(bearer, (work / "world.out").read_text()))[1]
    until("the demo's end of printing", lambda: "Ctrl-C" in (work / "world.out").read_text())
    own(work / "world")
    state = work / "state"
    state.mkdir()
    own(state)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.settimeout(PATIENCE)
    manager.bind(str(work / "notify"))
    os.chmod(work / "notify", 0o777)
    changed = {
        "LISTEN__ADDRESS": ANY_PORT, "LISTEN__DRAIN_DELAY": "0s", "ADMIN__ADDRESS": ANY_PORT,
        "AUDIT__DIRECTORY": str(state / "audit"), "AUDIT__SHIP__LOGS__SINK": "stdout",
        "AUDIT__SEGMENTS__MAX_SIZE": "64KiB", "AUDIT__SEGMENTS__COMPRESSION": "zstd",
        "AUDIT__RETENTION__MAX_SIZE": "64KiB", "AUDIT__DURABILITY__REFUSALS": "write",
    }
    environment = {f"CONFGATE__{key}": value for key, value in changed.items()}
    environment["NOTIFY_SOCKET"] = str(work / "notify")
    log = work / "log"
    gateway = subprocess.Popen(
        [program, "serve", "--config", work / "world/confgate.toml"], env=environment, preexec_fn=enter,
        stdout=(work / "shipped").open("w"), stderr=log.open("w"))
    try:
        assert manager.recv(256).startswith(b"READY=1"), "it says when it serves"
        address, admin = until("where it serves", lambda: addresses(log))
        conferences = f"http://{address}/conferences"
        # By a name, so that it is looked up.
        local = conferences.replace("127.0.0.1", "localhost")
        until("keys and a token", lambda: ask(f"http://{admin}/readyz")[0] == 200)
        status, created = ask(conferences, "POST", token, '{"confrType":10,"confrDelayMillis":600000}')
        assert status == 200, (status, created)
        conference = json.loads(created)["id"]
        assert ask(f"{local}/{conference}", token=token)[0] == 200
        assert ask(f"{conferences}/{conference}", "DELETE", token)[0] == 200
        # Enough for several files, of which the first are compressed and removed.
        codes = {ask(f"{conferences}/{conference}", token=token + "x")[0] for _ in range(400)}
        assert codes <= {401, 429}, codes
        until("old files to go", lambda: not (state / "audit/audit-00000000000000000001.jsonl").exists()
              and any((state / "audit").glob("*.zst")))
        gateway.send_signal(signal.SIGHUP)
        until("the reload", lambda: "the configuration was read again" in log.read_text())
        gateway.terminate()
        assert manager.recv(256).startswith(b"STOPPING=1"), "it says when it ends"
        assert gateway.wait(PATIENCE) == 0, gateway.returncode
    except BaseException:
        print(log.read_text()[-4000:], file=sys.stderr)
        print(f"exit code {gateway.poll()} (-{signal.SIGSYS} is a forbidden system call)", file=sys.stderr)
        raise
    finally:
        gateway.kill()
        gateway.wait()
    subprocess.run([program, "audit", "verify", state / "audit"], check=True)
    sequences = [json.loads(line)["seq"] for line in (work / "shipped").read_text().splitlines()]
    assert sequences == list(range(1, len(sequences) + 1)), "every record was shipped once, in order"
    print(f"served, recorded, shipped ({len(sequences)} records), reloaded and ended as the unit confines it")


main(*sys.argv[1:])
