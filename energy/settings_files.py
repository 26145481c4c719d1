"""Where files lie: static ones, firmware, imports and exports; a part of energy.settings."""

from __future__ import annotations

from pathlib import Path

from energy.lib.env import read_environment

_env = read_environment()
_BASE_DIR = Path(__file__).resolve().parent.parent
_PRODUCTION = _env.str("ENVIRONMENT", default="production") == "production"

STATIC_URL = "/static/"
STATIC_ROOT = _BASE_DIR / "var" / "static"
STATICFILES_DIRS = [_BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # images of firmware have no address of their own: devices load them with signed URLs
    "firmware": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": _env.str("FIRMWARE_FOLDER", "") or str(_BASE_DIR / "var" / "firmware"),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    # what people upload to be imported has no address at all
    "imports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": _env.str("IMPORT_FOLDER", "") or str(_BASE_DIR / "var" / "imports"),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    # exported files are loaded with signed addresses, by who asked for them
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": _env.str("EXPORT_FOLDER", "") or str(_BASE_DIR / "var" / "exports"),
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": "energy.static_files.ModuleStaticFiles"
        if _PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# without collectstatic, files are served from the source folders
WHITENOISE_USE_FINDERS = not _PRODUCTION
WHITENOISE_MANIFEST_STRICT = False
