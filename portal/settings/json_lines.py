"""Log records as one JSON object a line, for whatever collects the logs."""

import json
import logging
from datetime import UTC, datetime

from portal.foundation import context


class JsonLines(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`; `request` where a request caused it, `trace` on errors.

    `request` is the X-Request-ID of the reply and stands in the audit's rows too.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := context.current().request_id:
            entry["request"] = request
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
