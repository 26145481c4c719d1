"""The parts of the process that acts: `manage.py run_automation`."""
