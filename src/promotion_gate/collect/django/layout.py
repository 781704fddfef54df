"""Where things lie in a Django archive, and which of its files are modules."""

import re

NO_MODULE = re.compile(r"/locale/|^django/contrib/.*/migrations/|^django/conf/(?:app|project)_template/")
RELEASE_NOTE = re.compile(r"docs/releases/(\d+\.\d+(?:\.\d+)?)\.txt")


def is_module(path: str) -> bool:
    """Say whether a file is a module of Django: Python, and neither a translation, a migration nor a template.

    django/db/migrations holds no migrations but the code that plans and runs them, and is kept.
    """
    return path.startswith("django/") and path.endswith(".py") and not NO_MODULE.search(path)


def is_test(path: str) -> bool:
    """Say whether a file belongs to Django's own tests."""
    return path.startswith("tests/") and path.endswith(".py")


def is_documentation(path: str) -> bool:
    """Say whether a file is a documentation page; release notes are a history of their own and are not."""
    return path.startswith("docs/") and path.endswith(".txt") and not path.startswith("docs/releases/")


def noted_version(path: str) -> str | None:
    """Return the version whose release notes a file holds, or None."""
    match = RELEASE_NOTE.fullmatch(path)
    return match[1] if match else None
