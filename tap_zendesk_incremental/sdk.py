"""The private members of the Singer SDK that the tap needs, each with its reason.

No other module names one: the SDK may change them in any release, and then there is one place to
look at.
"""

from __future__ import annotations

import abc
import contextlib
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click
from singer_sdk import Stream, Tap
from singer_sdk.configuration import _dict_config
from singer_sdk.exceptions import (
    ConfigValidationError,
    FatalAPIError,
    FatalSyncError,
    SingerSDKError,
)
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import RemoveRecordTransform

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.errors import GivenUpError, RefusedError, StreamMapError
from tap_zendesk_incremental.schedule import Schedule, one_ahead

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib.messages import RecordMessage

    from tap_zendesk_incremental.schedule import Arrival

_REPORT_SECONDS = 1.0
"""How often a tap may say how far it is while nothing comes."""


class SdkTap(Tap, abc.ABC):
    """A tap that checks its settings itself and ends where nothing is torn."""

    is_discovering = False
    """Whether the catalog is all that is asked for."""

    @staticmethod
    @abc.abstractmethod
    def read_config(path: str) -> dict[str, Any]:
        """Read a file of `--config`.

        Args:
            path: The file; may be a pipe, so it is read once.

        Raises:
            SingerSDKError: If it cannot be used.
        """

    @staticmethod
    @abc.abstractmethod
    def environment_problems(
        environment: Mapping[str, str], prefix: str, schema: Mapping[str, Any]
    ) -> list[str]:
        """Say what is wrong with the settings in the environment, a line each.

        Args:
            environment: The variables, without those that are set to nothing.
            prefix: What the name of a setting's variable starts with.
            schema: JSON Schema of all settings, the SDK's too.
        """

    @abc.abstractmethod
    def config_problems(self, given: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
        """Say what is wrong with the settings, a line each, and fill in their defaults.

        Args:
            given: The settings; may be changed.
            schema: JSON Schema of all settings, the SDK's too.
        """

    @abc.abstractmethod
    def needs_valid_config(self, given: Mapping[str, Any]) -> bool:
        """Say whether wrong settings end `--discover` too, which the SDK lets go without any.

        Args:
            given: The settings.
        """

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's own settings to the schema of the settings.

        In the SDK's schema of stream maps, `anyOf` holds a text among the schemas. The validator
        stumbles over it as soon as a map is wrong.

        Args:
            config_jsonschema: JSON Schema of the settings; is changed.
        """
        super().append_builtin_config(config_jsonschema)
        _mend(config_jsonschema["properties"]["stream_maps"])

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401 (the SDK's type is private)
        """Read the files of `--config` and check the environment.

        The callback is public, what it returns is not. The SDK reads each file by its path, does
        not say which one holds no JSON, and fails for a pipe that was read before.

        Args:
            ctx: Click's context.
            param: Click's parameter.
            value: The paths, among them `ENV` for the environment.

        Raises:
            click.BadParameter: If a file or a variable cannot be used.
        """
        files = [path for path in value if path != "ENV"]
        given = super().cb_config(ctx, param, ("ENV",) if len(files) < len(value) else ())
        try:
            for path in files:
                given.config.update(cls.read_config(path))
        except SingerSDKError as error:
            raise click.BadParameter(str(error)) from error
        if given.parse_env and (problems := cls._environment_problems()):
            raise click.BadParameter("; ".join(problems))
        return given

    @classmethod
    def _environment_problems(cls) -> list[str]:
        """Check the environment before the SDK reads it, which takes garbage for false.

        The SDK reads a file `.env` as well, but only when it reads the variables: asked for none
        of them, it reads just the file.
        """
        _dict_config.parse_environment_config({}, cls._env_var_prefix)
        cls.append_builtin_config(cls.config_jsonschema)
        for name in cls.config_jsonschema["properties"]:
            variable = f"{cls._env_var_prefix}{name.upper()}"
            if not os.environ.get(variable, "").strip():
                os.environ.pop(variable, None)
        return cls.environment_problems(os.environ, cls._env_var_prefix, cls.config_jsonschema)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings.

        The SDK's own check shows the values it does not like, which may be secrets, and knows
        nothing of settings that go together.
        """
        self.append_builtin_config(self.config_jsonschema)
        errors = self.config_problems(self._config, self.config_jsonschema)
        if errors and (raise_errors or self.needs_valid_config(self._config)):
            msg = "Config validation failed"
            raise ConfigValidationError(msg, errors=errors)
        return errors

    @abc.abstractmethod
    def after_sync(self) -> None:
        """Look at what a run has done.

        Raises:
            SingerSDKError: If it is a failure.
        """

    def may_run_at_once(self) -> bool:
        """Say whether no stream has to find out for the others whether the login is a good one."""
        return True

    def report(self) -> None:
        """Say how far a run is; called as it begins, at each page, and once a second."""

    def report_end(self) -> None:
        """Say what was exported, whatever has ended the run."""

    begun: list[SdkStream] | None = None
    """The streams whose pages are to come once each has written its SCHEMA message."""

    def sync_all(self) -> None:  # type: ignore[misc] # final, but the SDK has no hook behind it
        """Sync all streams: the SDK begins each of them, and then their pages come at once."""
        begun = self.begun = []
        self.report()
        try:
            try:
                super().sync_all()
            finally:
                self.begun = None
            export_at_once(begun, self)
        finally:
            self.report_end()
        self.after_sync()

    def _reset_state_progress_markers(self) -> None:
        """Take what another tap has left in the bookmarks of the tap's own streams.

        The SDK does it to all bookmarks, and stumbles over those that do not look as it likes.
        """
        for name, bookmark in self.state.get("bookmarks", {}).items():
            if name in self.streams:
                bookmark.pop("progress_markers", None)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with the exit code of the signal; the state of the last full page is out.

        The SDK's handler exits with 0 and may write into the middle of a line.
        """
        del frame
        shutdown.end(signum)


class SdkStream(Stream, abc.ABC):
    """A stream whose records are written a page at a time.

    The SDK's own loop takes nearly a third of the time of a small record, and bookmarks the highest
    replication key after each record, which is not where an export can be resumed.
    """

    # The order of an export is Zendesk's affair; the bookmark is its token, not a record's time.
    is_sorted = True
    # Zendesk sends JSON, and the records are read as JSON: there is nothing to conform.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    is_complete = False
    """Whether all that the stream has was given, so that a target may drop everything else."""

    is_skipped = False
    """Whether the account does not have the resource: Zendesk has refused all of it."""

    @property
    def tap(self) -> Tap:
        """The tap that the stream is of."""
        return self._tap

    @property
    def is_discovered(self) -> bool:
        """Whether no catalog and nobody else has touched the selection yet."""
        return self._metadata is None and self._tap_input_catalog is None

    @property
    @abc.abstractmethod
    def line(self) -> tuple[str, int]:
        """What the stream shares its rate limit with, and how many of those are fetched at once."""

    @abc.abstractmethod
    def exporting(self) -> contextlib.AbstractContextManager[None]:
        """Prepare an export, and end it with the block, which writes the pages.

        What ends the fetching is raised in the block.
        """

    @abc.abstractmethod
    def fetched_pages(self) -> Iterator[Any]:
        """Fetch the pages of an export; what gives them runs in another thread."""

    @abc.abstractmethod
    def writing(self, page: Any) -> contextlib.AbstractContextManager[list[Any]]:  # noqa: ANN401 (a stream's own)
        """Give a page's records; once the block has written them, the bookmark moves.

        Args:
            page: What `fetched_pages` gave.
        """

    def request_pages(self) -> Iterator[list[Any]]:
        """Give the records page by page. A page is written when the next one is asked for."""
        with self.exporting(), contextlib.closing(one_ahead(self.fetched_pages())) as pages:
            for page in pages:
                with self.writing(page) as records:
                    yield records

    def written_pages(self) -> Generator[None, Any, None]:
        """Write pages as they come: a coroutine that takes each page, and None at the end.

        So one thread can write many streams, each going on where it was.
        """
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            counter.with_context({})  # as the SDK does for what has no partitions
            timer.with_context({})
            with self.exporting():
                while (page := (yield)) is not None:
                    with self.writing(page) as records:
                        self.write_records(records)
                        self.state_manager.is_flushed = False
                    counter.increment(len(records))
                    del page, records  # or they stay in memory until the next page is there
        self._finalize_state(self.stream_state)
        if self.is_complete and self._stream_version is not None:
            super()._write_activate_version_message(self._stream_version)
        self._write_state_message()

    @abc.abstractmethod
    def write_records(self, records: list[Any]) -> None:
        """Write a page.

        Args:
            records: What `request_pages` gave.
        """

    @abc.abstractmethod
    def opened_records(self, records: list[Any]) -> Iterator[dict[str, Any]]:
        """Give the records of a page as dictionaries.

        Args:
            records: What `request_pages` gave.
        """

    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Give the records one by one.

        Args:
            context: Not used; exports have no partitions.
        """
        del context
        for records in self.request_pages():
            yield from self.opened_records(records)

    def write_schema(self) -> None:
        """Write the SCHEMA message; the SDK writes a child stream's for each parent record."""
        self._write_schema_message()

    def write_record(self, record: dict[str, Any]) -> None:
        """Write a record by the SDK's own way, which walks through all of it.

        Args:
            record: The record.
        """
        self._write_record_message(record)

    def write_state(self) -> None:
        """Write the state.

        With batch files, the SDK does it after the batch that covers it.
        """
        self.state_manager.is_flushed = False
        if not (self.selected and self.get_batch_config(self.config)):
            self._write_state_message()

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        """Write the records, or yield them for batch files; the SDK has no other place for this."""
        del context
        tap = self.tap
        if write_messages:
            if isinstance(tap, SdkTap) and tap.begun is not None:
                tap.begun.append(self)
            else:
                export_at_once([self])
            return
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            counter.with_context({})
            timer.with_context({})
            for records in self.request_pages():
                yield from self._batched(records)
                counter.increment(len(records))
                if isinstance(tap, SdkTap):
                    tap.report()
        self._finalize_state(self.stream_state)

    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """Leave the state of a stream alone that has only begun.

        Args:
            state: See `singer_sdk.Stream`.
        """
        if not (isinstance(self.tap, SdkTap) and self in (self.tap.begun or ())):
            super().finalize_state_progress_markers(state)

    def _batched(self, records: list[Any]) -> Iterator[dict[str, Any]]:
        """Give records as RECORD messages would hold them; the SDK writes them as they come.

        Raises:
            SingerSDKError: If several stream maps want the records, as a file has but one form.
        """
        kept = [one for one in self.stream_maps if not isinstance(one, RemoveRecordTransform)]
        if len(kept) > 1:
            msg = f"{self.name} has several stream maps, which batch_config cannot serve: keep one"
            raise SingerSDKError(msg)
        for record in self.opened_records(records):
            for message in self._generate_record_messages(record):
                yield message.record

    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage, None, None]:
        """Say whose stream map has failed."""
        with stream_map_errors(self.name):
            yield from super()._generate_record_messages(record)

    def _write_activate_version_message(self, full_table_version: int) -> None:
        """Do nothing yet: a target drops what it has, so everything has to be out before."""

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Give none: the bookmark holds Zendesk's token."""


def export_at_once(streams: Sequence[SdkStream], tap: SdkTap | None = None) -> None:
    """Export streams: pages are fetched in many threads, and written in this one.

    All that touches messages or state is done here, so no message and no bookmark needs a lock. A
    stream that fails fails the run, but at its end: the others are exported. What fails all of
    them, such as a login, ends the run when what has been fetched is written.

    Args:
        streams: The streams; each has written its SCHEMA message.
        tap: Is told how far they are.

    Raises:
        BaseException: What has failed last; what has failed one stream before is a warning.
    """
    schedule: Schedule[SdkStream, Any] = Schedule()
    writers: dict[SdkStream, Generator[None, Any, None]] = {}
    failure: BaseException | None = None
    with contextlib.ExitStack() as stack:
        for stream in streams:
            writers[stream] = writer = stream.written_pages()
            stack.callback(writer.close)
            next(writer)
            line, threads = stream.line
            schedule.add(stream, stream.fetched_pages(), line, threads)
        # A login or an address that is wrong is wrong for all: one stream finds it out.
        may_run_at_once = tap.may_run_at_once if tap is not None else lambda: True
        arrivals = schedule.arrivals(_REPORT_SECONDS, may_run_at_once)
        for arrival in stack.enter_context(contextlib.closing(arrivals)):
            error = arrival and _go_on(writers, arrival)
            if arrival and error and not schedule.is_stopped:
                failure = error
                schedule.drop(arrival.key)
                if not _concerns_one_stream(error):
                    schedule.stop()
                elif writers:
                    arrival.key.logger.warning(
                        "%s; the other streams are exported before the run fails", error
                    )
            if tap is not None:
                tap.report()
        if failure is not None:
            raise failure


def _go_on(
    writers: dict[SdkStream, Generator[None, Any, None]], arrival: Arrival[SdkStream, Any]
) -> BaseException | None:
    """Have a stream write its page, or end; one that has ended is no longer among the writers.

    Returns:
        What has failed the stream, if anything has.
    """
    writer, failure = writers[arrival.key], None
    try:
        if arrival.error is None:
            writer.send(next(iter(arrival.items), None))
        else:
            writer.throw(arrival.error)
    except StopIteration:
        pass
    except BaseException as error:
        if error is not arrival.error and not isinstance(error, StreamMapError):
            raise
        failure = error
    else:
        return None
    del writers[arrival.key]
    return failure


def _concerns_one_stream(error: BaseException) -> bool:
    """Say whether other streams may do better: Zendesk refuses this one, or serves it badly.

    So they may where the stream's own map fails.
    """
    if isinstance(error, RefusedError):
        return error.status != HTTPStatus.UNAUTHORIZED
    if isinstance(error, StreamMapError):
        return True
    # Any other API error is for all: there is no answer, or no token.
    is_for_all = isinstance(error, FatalAPIError) and not isinstance(error, GivenUpError)
    return isinstance(error, FatalSyncError) and not is_for_all


@contextlib.contextmanager
def stream_map_errors(name: str) -> Iterator[None]:
    """Say whose stream map has failed.

    Args:
        name: The stream's name.

    Raises:
        StreamMapError: If a stream map fails in here.
    """
    try:
        yield
    except Exception as error:  # whatever an expression of the user's may raise
        cause = error.__cause__ or error  # the SDK names the expression, and not what is wrong
        msg = (
            f"The stream map of {name} failed on a record: {type(cause).__name__}: {cause}; "
            "correct it in stream_maps and run again with the last state"
        )
        raise StreamMapError(msg) from error


def _mend(schema: dict[str, Any]) -> None:
    schemas = schema.get("anyOf", [])
    schemas[:] = [one for one in schemas if isinstance(one, dict)]
    further = [schema.get("additionalProperties"), *schema.get("properties", {}).values()]
    for one in (*schemas, *further):
        if isinstance(one, dict):
            _mend(one)
