"""aioice as a scripted peer: the lines of docs/peer-protocol.md that the lab uses.

aioice gathers before it can begin, so its credentials come when it has. Of several TURN servers it takes one: the first
that is given.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import sys


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", choices=["controlling", "controlled"], default="controlling")
    parser.add_argument("--stun", action="append", default=[])
    parser.add_argument("--turn", action="append", default=[])
    parser.add_argument("--turn-user", action="append", default=[])
    parser.add_argument("--turn-password", action="append", default=[])
    parser.add_argument("--tls-ca")
    parser.add_argument("--policy", choices=["all", "relay"], default="all")
    return parser.parse_args()


OPTIONS = options()
if OPTIONS.tls_ca:
    # Read by OpenSSL when it is loaded.
    os.environ["SSL_CERT_FILE"] = OPTIONS.tls_ca

import aioice  # noqa: E402


def server(url):
    """The host, the port, the transport and whether it is TLS."""
    scheme, rest = url.split(":", 1)
    place, _, query = rest.partition("?")
    host, port = re.fullmatch(r"\[?([^\]]*)\]?:(\d+)", place).groups()
    transport = "tcp" if query == "transport=tcp" else "udp"
    return (host, int(port)), transport, scheme == "turns"


def connection():
    settings = {}
    if OPTIONS.stun:
        settings["stun_server"] = server(OPTIONS.stun[0])[0]
    if OPTIONS.turn:
        address, transport, tls = server(OPTIONS.turn[0])
        settings.update(turn_server=address, turn_transport=transport, turn_ssl=tls)
        settings.update(turn_username=OPTIONS.turn_user[0], turn_password=OPTIONS.turn_password[0])
    if OPTIONS.policy == "relay":
        settings["transport_policy"] = aioice.TransportPolicy.RELAY
    return aioice.Connection(ice_controlling=OPTIONS.role == "controlling", **settings)


def say(kind, **fields):
    print(json.dumps({"type": kind, **fields}), flush=True)


async def lines():
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def connect(ice):
    try:
        await ice.connect()
    except Exception as error:
        say("state", state="failed", reason=repr(error))
        return
    say("state", state="connected")
    # It tells nobody which pair it took.
    pair = next(iter(ice._nominated.values()))
    local, remote = pair.local_candidate.to_sdp(), pair.remote_candidate.to_sdp()
    say("selected", component=1, local=f"candidate:{local}", remote=f"candidate:{remote}")
    say("state", state="completed")
    while True:
        try:
            data = await ice.recv()
        except ConnectionError:
            return
        say("data", component=1, base64=base64.b64encode(data).decode())


async def main():
    ice = connection()
    await ice.gather_candidates()
    say("credentials", ufrag=ice.local_username, pwd=ice.local_password, options=[], lite=False)
    for candidate in ice.local_candidates:
        say("candidate", candidate=f"candidate:{candidate.to_sdp()}")
    say("end-of-candidates")
    task = None
    async for line in lines():
        kind = line["type"]
        if kind == "credentials":
            ice.remote_username, ice.remote_password = line["ufrag"], line["pwd"]
            task = asyncio.ensure_future(connect(ice))
        elif kind == "candidate":
            text = line["candidate"].removeprefix("candidate:")
            await ice.add_remote_candidate(aioice.Candidate.from_sdp(text))
        elif kind == "end-of-candidates":
            await ice.add_remote_candidate(None)
        elif kind == "send":
            await ice.send(line["text"].encode())
        elif kind == "close":
            break
    await ice.close()
    if task is not None:
        task.cancel()


asyncio.run(main())
