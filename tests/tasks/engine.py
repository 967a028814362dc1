"""An engine room of its own: a database, a Redis that may suffer, and a tree of workers."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import redis
from flask import Flask
from rq import Queue

from dev.processes import Processes
from dev.redis import Redis
from tests.factories import Factories
from tests.sandbox.process import eventually
from tests.tasks.tree import Tree
from webapp.extensions import connect_redis
from webapp.jobs import QueueName


class FragileRedis:
    """A Redis server that can be stopped, hung and emptied."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="r-")).resolve()
        self._opened.callback(shutil.rmtree, folder)
        self._processes = self._opened.enter_context(Processes(folder / "log", backoff_s=0.01))
        self._server = Redis(self._processes, folder)
        self._server.start()
        self.client = connect_redis(self.url, timeout_s=10)
        self._opened.callback(self.client.close)

    def close(self) -> None:
        """End the server."""
        self._opened.close()

    @property
    def url(self) -> str:
        """Its address."""
        return self._server.url

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens during the block; afterwards the server is back, and empty."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Connections are taken during the block, and nothing is answered."""
        pid = self._processes.pid("redis")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def waiting(self) -> set[str]:
        """Return the commands in which workers wait for jobs at this moment."""
        with suppress(redis.RedisError):
            return {client["cmd"] for client in self.client.client_list()} & {"blpop", "blmove"}
        return set()


class Lingering:
    """A job that runs until it may finish."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        eventually((folder / "started").exists)
        self.pid, self.worker = map(int, (folder / "started").read_text().split())

    def finish(self) -> None:
        """Let it come to its end."""
        (self._folder / "go").touch()

    @property
    def is_done(self) -> bool:
        """Whether it came to its end."""
        return (self._folder / "done").exists()


def environment(app: Flask, server: FragileRedis) -> dict[str, str]:
    """Return the environment of a program that works on the app's database and this Redis."""
    url = app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    return {**os.environ, "DATABASE_URL": url, "REDIS_URL": server.url}


class Engine:
    """`python -m tasks.worker`, whose jobs are done as soon as they are asked for."""

    def __init__(self, app: Flask, server: FragileRedis) -> None:
        self.app = app
        self.make = Factories()
        self.redis = server
        self.folder = Path(tempfile.mkdtemp(prefix="engine-"))
        mail = (self.folder / "mail").as_uri()
        self._environment = environment(app, server) | {"MAIL_URL": mail}
        self.tree = self.start()

    def start(self) -> Tree:
        """Start a worker with its children."""
        return Tree("tasks.worker", self._environment, self.folder / "worker.log")

    def close(self) -> None:
        """End everything and leave nothing."""
        self.tree.end()
        shutil.rmtree(self.folder)

    def ready(self) -> None:
        """Wait until both workers wait for jobs; a tree that has ended is planted again."""
        if not self.tree.is_running:
            self.tree.end()
            self.tree = self.start()
        # The one with several queues waits by BLPOP, the one with a single queue by BLMOVE.
        eventually(lambda: self.redis.waiting() == {"blpop", "blmove"})

    def submit(self, queue: QueueName, job: str, where: Path) -> None:
        """Ask for a job of tests/tasks/jobs.py."""
        Queue(queue, connection=self.redis.client).enqueue(f"tests.tasks.jobs.{job}", str(where))

    def linger(self, queue: QueueName) -> Lingering:
        """Have a job begin that takes as long as the test wants."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        self.submit(queue, "linger", folder)
        return Lingering(folder)

    def note(self, queue: QueueName) -> Path:
        """Ask for a quick job; the file that it leaves says that it was done."""
        note = Path(tempfile.mkdtemp(dir=self.folder)) / "note"
        self.submit(queue, "leave_a_note", note)
        return note

    def works(self, queue: QueueName, *, within_s: float = 60) -> None:
        """See that a job in this queue is done."""
        eventually(self.note(queue).exists, within_s=within_s)
