"""A service in Python, with nats-py and nothing of Hopwire but its contract.

It answers the call `dice.roll`, and rolls when somebody says "roll" in a room `table.*`.
Its user of NATS needs: NATS_SERVICES=dice=calls+listen+post
"""

import asyncio
import json
import os
import random
import signal
import time
import uuid

import nats

ROOM_BUCKETS = 64


def bucket_of(room: str) -> int:
    """The bucket in a room's subjects: FNV-1a, 32 bit, modulo 64."""
    value = 0x811C9DC5
    for byte in room.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % ROOM_BUCKETS


def room_of(subject: str) -> str:
    """The room in room.live.<bucket>.<room>, which may have dots."""
    return subject.split(".", 3)[3]


def headers_for(message, **more: str) -> dict:
    """Headers of what is sent because of a message: it is part of the same trace."""
    traceparent = (message.headers or {}).get("traceparent")
    return {**({"traceparent": traceparent} if traceparent else {}), **more}


async def main() -> None:
    nc = await nats.connect(
        os.environ["NATS_URL"],
        nkeys_seed=os.environ["NATS_NKEY_FILE"],
        inbox_prefix=os.environ["NATS_INBOX_PREFIX"].encode(),
        max_reconnect_attempts=-1,
    )

    async def roll(request) -> None:
        # NATS lets a requester name any subject for the reply; only inboxes get an answer.
        if not request.reply.startswith("_INBOX"):
            return
        sides = (json.loads(request.data)["data"] or {}).get("sides", 6)
        if not isinstance(sides, int) or sides < 2:
            headers = {"Nats-Service-Error": "sides: expected 2 or more", "Nats-Service-Error-Code": "400"}
            await nc.publish(request.reply, b"", headers=headers)
            return
        await request.respond(json.dumps({"rolled": random.randint(1, sides)}).encode())

    async def heard(message) -> None:
        # What a consumer of a stream delivers here is nobody's message.
        if message.reply.startswith("$JS."):
            return
        event = json.loads(message.data)
        if event["content"] != "roll" or event["userId"] == "dice":
            return
        room = room_of(message.subject)
        answer = {
            "room": room,
            "id": str(uuid.uuid4()),
            "userId": "dice",
            "username": "Dice",
            "content": f"{event['username']} rolled {random.randint(1, 6)}",
            "timestamp": int(time.time() * 1000),
        }
        subject = f"room.message.{bucket_of(room)}.{room}"
        # JetStream stores a message with this id once.
        headers = headers_for(message, **{"Nats-Msg-Id": f"dice:{room}:{event['id']}"})
        ack = await nc.request(subject, json.dumps(answer).encode(), timeout=5, headers=headers)
        print("stored", json.loads(ack.data)["seq"], flush=True)

    await nc.subscribe("call.dice.roll", queue="dice", cb=roll)
    await nc.subscribe("room.live.*.table.>", queue="dice", cb=heard)
    await nc.flush()
    print("ready", flush=True)

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await nc.drain()


asyncio.run(main())
