"""The SDK's command, with every error on one line and without a traceback."""

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
    # logged in addition to an error, which has its own line
    "An unhandled error occurred while syncing",
    "Config validation failed",
    # logged in every run, whatever the settings and the selection
    "Skipping parse of env var settings",
    "Added '%s' as child stream to '%s'",
    # logged for each of the dozens of deselected streams
    "Skipping deselected stream '%s'",
)
"""The beginnings of log lines of the SDK that are left out."""

logger = logging.getLogger(TapZendeskIncremental.name)


class _QuietFilter(logging.Filter):
    """Leave out needless log lines of the SDK, and those of threads after the end of the run."""

    is_over = False
    """Whether the run has ended. What a thread says that it will do next is then untrue."""

    def filter(self, record: logging.LogRecord) -> bool:
        if self.is_over and record.thread != threading.main_thread().ident:
            return False
        return not str(record.msg).startswith(SDK_NOISE)


class _MetricFilter(logging.Filter):
    """Leave out the SDK's METRIC lines, which outnumber all other lines.

    They appear at level DEBUG, or if the user gives their logger its own handlers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        # LOGLEVEL sets the level of their logger, whatever SINGER_SDK_LOG_CONFIG says.
        own = logging.getLogger(record.name)
        return bool(own.handlers) or min(own.level, logging.getLogger().level) <= logging.DEBUG


def _handlers() -> set[logging.Handler]:
    """Return the handlers of all loggers, because SINGER_SDK_LOG_CONFIG may set any of them."""
    loggers = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    return {handler for one in loggers for handler in one.handlers}


def _quieten(selection: logging.Logger) -> None:
    """Leave out the SDK's DEBUG line for each property, about a thousand lines in a run.

    Args:
        selection: The SDK's logger of the selection. A level that the user has set stays.
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
    """Run the tap as a command. An error ends it with one line and an exit code that is not 0."""
    command = TapZendeskIncremental.cli  # sets up the SDK's log handlers
    quiet = _QuietFilter()
    for handler in _handlers():
        handler.addFilter(quiet)
        handler.addFilter(RedactingFilter())
    _quieten(logging.getLogger(Catalog.__module__))
    metrics.get_metrics_logger().addFilter(_MetricFilter())
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # `nohup` has it ignored
        signal.signal(signal.SIGHUP, lambda number, _: shutdown.end(number))
    code = 1
    try:
        try:
            code = _invoke(command)
        finally:
            quiet.is_over = True
    except click.Abort:  # click raises this on an interrupt before the tap handles signals
        code = shutdown.SIGNAL_EXIT_CODE + signal.SIGINT
    except click.ClickException as error:
        logger.error("%s", one_line(error.format_message()))  # noqa: TRY400
        code = error.exit_code
    except ConfigValidationError as error:
        for line in error.errors:
            logger.error("%s", line)  # noqa: TRY400
    except (SingerSDKError, OSError, ValueError, ImportError) as error:
        logger.error("%s", one_line(str(error)))  # noqa: TRY400
        logger.debug("%s", traceback.format_exc())
    except Exception as error:  # noqa: BLE001 (a bug in the tap, to be reported)
        logger.critical(
            "Unexpected %s: %s. Please report it, with what LOGLEVEL=DEBUG logs",
            type(error).__name__,
            one_line(str(error)),
        )
        logger.debug("%s", traceback.format_exc())
    finally:
        shutdown.settle()
    sys.exit(code)
