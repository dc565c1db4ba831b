"""The command: the SDK's, with every error on one line and without a traceback."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback

import click
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from singer_sdk.singerlib import Catalog

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.auth.redaction import RedactingFilter
from tap_zendesk_incremental.errors import one_line
from tap_zendesk_incremental.tap import TapZendeskIncremental

SDK_NOISE = ("An unhandled error occurred while syncing", "Config validation failed")
"""What the SDK says beside an error that is said once, by itself."""

logger = logging.getLogger(TapZendeskIncremental.name)


class _QuietFilter(logging.Filter):
    """Leaves out what has been said, or is not worth it."""

    is_over = False
    """Whether the run has ended, so that what threads were about to do next is untrue."""

    def filter(self, record: logging.LogRecord) -> bool:
        if self.is_over and record.thread != threading.main_thread().ident:
            return False
        return not str(record.msg).startswith(SDK_NOISE)


def _quieten(selection: logging.Logger) -> None:
    """Leave out what the SDK says of each property at level DEBUG: a thousand lines a run.

    Args:
        selection: The SDK's logger of selection; a level that the user has set stays.
    """
    if selection.level == logging.NOTSET:
        selection.setLevel(logging.INFO)


def _invoke(command: click.Command) -> int:
    """Run the command.

    Raises:
        SingerSDKError: If standard output is closed.
    """
    if sys.stdout is None:
        msg = "Standard output is closed; the tap writes its messages there"
        raise SingerSDKError(msg)
    return int(command.main(prog_name=TapZendeskIncremental.name, standalone_mode=False) or 0)


def run() -> None:
    """Run the tap as a command; what goes wrong ends it with exit code 1 and one line."""
    command = TapZendeskIncremental.cli  # sets the SDK's log handlers up
    quiet = _QuietFilter()
    for handler in logging.getLogger().handlers:
        handler.addFilter(quiet)
        handler.addFilter(RedactingFilter())
    _quieten(logging.getLogger(Catalog.__module__))
    code = 1
    try:
        try:
            code = _invoke(command)
        finally:
            quiet.is_over = True
    except click.Abort:  # what click makes of an interrupt before the tap handles signals
        code = shutdown.SIGNAL_EXIT_CODE + signal.SIGINT
    except click.ClickException as error:
        logger.error("%s", one_line(error.format_message()))  # noqa: TRY400
        code = error.exit_code
    except ConfigValidationError as error:
        for line in error.errors:
            logger.error("%s", line)  # noqa: TRY400
    except (SingerSDKError, OSError, ValueError) as error:
        logger.error("%s", one_line(str(error)))  # noqa: TRY400
        logger.debug("%s", traceback.format_exc())
    except Exception as error:  # noqa: BLE001 (a bug of ours; its traceback is for the report)
        logger.critical(
            "Unexpected %s: %s. Please report it, with what LOGLEVEL=DEBUG logs",
            type(error).__name__,
            one_line(str(error)),
        )
        logger.debug("%s", traceback.format_exc())
    finally:
        shutdown.settle()
    sys.exit(code)
