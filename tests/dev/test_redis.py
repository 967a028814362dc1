import shutil
from pathlib import Path

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from dev import runs
from dev.processes import Processes
from dev.redis import Redis


def test_a_redis_of_our_own_answers_on_its_socket_and_ends(
    folder: Path, processes: Processes
) -> None:
    server = Redis(processes, folder)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert client.config_get("port", "save", "appendonly") == {
            "port": "0",
            "save": "",
            "appendonly": "no",
        }
    assert processes.pid("redis") in runs.carriers(processes.run)

    server.stop()

    with redis.Redis.from_url(server.url) as client, pytest.raises(RedisConnectionError):
        client.ping()


def test_the_program_of_redis_tools_is_enough(
    folder: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("redis-check-rdb")
    if program is None:
        pytest.skip("this machine has no redis-tools")
    (folder / "bin").mkdir()
    (folder / "bin/redis-check-rdb").symlink_to(program)
    monkeypatch.setenv("PATH", str(folder / "bin"))
    server = Redis(processes, folder)

    server.start()

    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
