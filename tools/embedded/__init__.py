"""PostgreSQL, Redis and mosquitto without Docker, installation or root.

`Stack` serves code without an event loop; `Supervisor` keeps the demo running.
"""

from tools.embedded.stack import NotReady, Stack, throwaway_stack

__all__ = ["NotReady", "Stack", "throwaway_stack"]
