"""Settings of the next version."""

from energy.settings import *  # noqa: F403
from energy.settings import INSTALLED_APPS as INSTALLED

INSTALLED_APPS = [*INSTALLED, "tests.faults.latecomer"]
