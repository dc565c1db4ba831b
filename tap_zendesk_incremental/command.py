"""The command: the SDK's, with every error on one line and without a traceback."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback

import click
from singer_sdk import metrics
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from singer_sdk.singerlib import Catalog

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.auth.redaction import RedactingFilter
from tap_zendesk_incremental.errors import one_line
from tap_zendesk_incremental.tap import TapZendeskIncremental

SDK_NOISE = (
    # said beside an error, which has a line of its own
    "An unhandled error occurred while syncing",
    "Config validation failed",
    # said in every run, whatever the settings and the selection are
    "Skipping parse of env var settings",
    "Added '%s' as child stream to '%s'",
    # said of each of the dozens of streams that nobody has selected
    "Skipping deselected stream '%s'",
)
"""Lines of the SDK's that tell nobody anything, by how they start."""

logger = logging.getLogger(TapZendeskIncremental.name)


class _QuietFilter(logging.Filter):
    """Leaves out what has been said, or is not worth it."""

    is_over = False
    """Whether the run has ended, so that what threads were about to do next is untrue."""

    def filter(self, record: logging.LogRecord) -> bool:
        if self.is_over and record.thread != threading.main_thread().ident:
            return False
        return not str(record.msg).startswith(SDK_NOISE)


class _MetricFilter(logging.Filter):
    """Leave out the SDK's METRIC lines, which are more than all others together.

    They come at level DEBUG, or where the user gives their logger handlers of its own.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        # The level of their logger is that of LOGLEVEL, whatever SINGER_SDK_LOG_CONFIG says.
        own = logging.getLogger(record.name)
        return bool(own.handlers) or min(own.level, logging.getLogger().level) <= logging.DEBUG


def _handlers() -> set[logging.Handler]:
    """Give the handlers of every logger: SINGER_SDK_LOG_CONFIG may set some beside the root's."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    return {handler for one in loggers for handler in one.handlers}


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
    for handler in _handlers():
        handler.addFilter(quiet)
        handler.addFilter(RedactingFilter())
    _quieten(logging.getLogger(Catalog.__module__))
    metrics.get_metrics_logger().addFilter(_MetricFilter())
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
