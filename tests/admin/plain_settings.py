"""The product's settings without the admin theme."""

from energy.settings import *  # noqa: F403
from energy.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [app for app in _APPS if not app.startswith("unfold")]
