"""Errors with which a machine says that it has no more, or does not let us: no mistake of ours."""

import errno
from typing import Final

LIMITS: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EIO),
        *(errno.EMFILE, errno.ENFILE, errno.EAGAIN),
        *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP),
    }
)
