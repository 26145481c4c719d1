"""What every long-running command does at its start."""

from __future__ import annotations

import subprocess
import sys

from tools.paths import ROOT

ROUND = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "energy.settings"
import django
django.setup()
from energy.lib.process import ProcessCommand

class Command(ProcessCommand):
    def work(self):
        print("at work", "energy.urls" in sys.modules, "django.urls" in sys.modules)
        return False

Command().run_from_argv(["manage.py", "probe", "--once"])
"""


def test_a_process_is_at_work_without_the_pages_of_the_product():
    done = subprocess.run(
        [sys.executable, "-c", ROUND], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[0] == "at work False True"
