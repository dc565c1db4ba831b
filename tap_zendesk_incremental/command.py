"""The command: the SDK's, with every error on one line and without a traceback."""

from __future__ import annotations

import logging
import sys
import traceback

import click
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.auth.redaction import RedactingFilter
from tap_zendesk_incremental.errors import one_line
from tap_zendesk_incremental.tap import TapZendeskIncremental

SDK_NOISE = ("An unhandled error occurred while syncing", "Config validation failed")
"""What the SDK says beside an error that is said once, by itself."""

logger = logging.getLogger(TapZendeskIncremental.name)


class _QuietFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(SDK_NOISE)


def run() -> None:
    """Run the tap as a command; what goes wrong ends it with exit code 1 and one line."""
    command = TapZendeskIncremental.cli  # sets the SDK's log handlers up
    for handler in logging.getLogger().handlers:
        handler.addFilter(_QuietFilter())
        handler.addFilter(RedactingFilter())
    try:
        code = command.main(prog_name=TapZendeskIncremental.name, standalone_mode=False)
    except click.ClickException as error:
        logger.error("%s", one_line(error.format_message()))  # noqa: TRY400
        code = error.exit_code
    except ConfigValidationError as error:
        for line in error.errors:
            logger.error("%s", line)  # noqa: TRY400
        code = 1
    except (SingerSDKError, OSError, ValueError) as error:
        logger.error("%s", one_line(str(error)))  # noqa: TRY400
        logger.debug("%s", traceback.format_exc())
        code = 1
    except Exception as error:  # noqa: BLE001 (a bug of ours; its traceback is for the report)
        logger.critical(
            "Unexpected %s: %s. Please report it, with what LOGLEVEL=DEBUG logs",
            type(error).__name__,
            one_line(str(error)),
        )
        logger.debug("%s", traceback.format_exc())
        code = 1
    finally:
        shutdown.settle()
    sys.exit(code)
