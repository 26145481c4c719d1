"""How static files are stored for production."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed and compressed files; the modules that a script imports are hashed as well."""

    support_js_module_import_aggregation = True
