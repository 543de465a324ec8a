"""All targets of the campaign."""

from tests.fuzz import codec_targets, file_targets, http_targets, option_targets

TARGETS = [
    *file_targets.TARGETS,
    *option_targets.TARGETS,
    *http_targets.TARGETS,
    *codec_targets.TARGETS,
]
