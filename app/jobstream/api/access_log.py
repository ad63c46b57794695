"""The access log, without the credentials that a stream's URL may carry."""

import logging
import re
from typing import Final

_CREDENTIAL: Final = re.compile(r"(?i)([?&;](?:token|ticket)=)[^&;\s]*")


def struck(url: str) -> str:
    """The URL with its credentials struck out."""
    return _CREDENTIAL.sub(r"\1***", url)


class Strike(logging.Filter):
    """Strikes credentials from every argument of a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record through."""
        if isinstance(record.args, tuple):
            record.args = tuple(struck(each) if isinstance(each, str) else each for each in record.args)
        return True


def configure() -> None:
    """Put the filter on the server's loggers; once is enough, more does no harm."""
    for name in ("uvicorn.access", "uvicorn.error"):
        logger = logging.getLogger(name)
        if not any(isinstance(each, Strike) for each in logger.filters):
            logger.addFilter(Strike())
