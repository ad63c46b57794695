"""What tests share: waiting on conditions, free ports, real processes. Fixtures are in conftest.py."""

from tests.support.network import free_port
from tests.support.processes import Process
from tests.support.require import require
from tests.support.types import Connect, Connection
from tests.support.waiting import eventually

__all__ = ["Connect", "Connection", "Process", "eventually", "free_port", "require"]
