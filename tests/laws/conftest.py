"""Laws run on busy machines too: no deadline for a single example."""

from hypothesis import settings

settings.register_profile("laws", deadline=None)
settings.load_profile("laws")
