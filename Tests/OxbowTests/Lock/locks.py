"""What redis-py does with a lock: locks.py PORT ACTION KEY, says on standard output what came of it."""

import sys
import time

import redis

port, action, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
client = redis.Redis(port=port, protocol=3, socket_timeout=20)
lock = client.lock(key, timeout=30, blocking=False)
if action == "try":
    print(lock.acquire())
elif action == "set":
    print(client.set(key, "somebody", nx=True, px=30_000))
elif action == "hold":  # for two seconds
    print(lock.acquire())
    time.sleep(2)
    lock.release()
elif action == "steal":
    lock.local.token = b"not the owner's"
    try:
        lock.release()
        print("released")
    except redis.exceptions.LockError as error:
        print(type(error).__name__)
else:
    sys.exit(f"no such action: {action}")
