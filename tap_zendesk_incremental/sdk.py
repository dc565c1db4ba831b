"""The private members of the Singer SDK that the tap needs, each with its reason.

No other module uses one. The SDK may change them in any release; then this is the only module to
look at.
"""

from __future__ import annotations

import abc
import contextlib
import os
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from singer_sdk import Stream, Tap, metrics
from singer_sdk.configuration import _dict_config
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import RemoveRecordTransform

from tap_zendesk_incremental import shutdown
from tap_zendesk_incremental.errors import StreamMapError
from tap_zendesk_incremental.schedule import one_ahead
from tap_zendesk_incremental.sync import concerns_one_stream, export_concurrently

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from types import FrameType

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib.messages import RecordMessage


class SdkTap(Tap, abc.ABC):
    """A tap that checks its settings itself, and exports its streams concurrently."""

    is_discovering = False
    """Whether the run only writes the catalog."""

    @staticmethod
    @abc.abstractmethod
    def read_config(path: str) -> dict[str, Any]:
        """Read a file of `--config`.

        Args:
            path: The file. It may be a pipe, so it can be read only once.

        Raises:
            SingerSDKError: If the file cannot be used.
        """

    @staticmethod
    @abc.abstractmethod
    def environment_problems(
        environment: Mapping[str, str], prefix: str, schema: Mapping[str, Any]
    ) -> list[str]:
        """Return what is wrong with the settings in the environment, one line each.

        Args:
            environment: The variables, without empty ones.
            prefix: The start of the names of settings' variables.
            schema: JSON Schema of all settings, including the SDK's.
        """

    @abc.abstractmethod
    def config_problems(self, given: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with the settings, one line each, and fill in their defaults.

        Args:
            given: The settings; defaults are added to them.
            schema: JSON Schema of all settings, including the SDK's.
        """

    @abc.abstractmethod
    def needs_valid_config(self, given: Mapping[str, Any]) -> bool:
        """Return whether wrong settings end `--discover` too, which the SDK runs without any.

        Args:
            given: The settings.
        """

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the SDK's own settings to the schema of the settings.

        The SDK's schema of stream maps has a string among the schemas of an `anyOf`, which breaks
        the validator as soon as a map is wrong. This method removes it.

        Args:
            config_jsonschema: JSON Schema of the settings; changed in place.
        """
        super().append_builtin_config(config_jsonschema)
        _mend(config_jsonschema["properties"]["stream_maps"])

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401 (the SDK's type is private)
        """Read the files of `--config` and check the environment.

        The callback is public, but the class of its result is not. The SDK does not say which
        file is not JSON, and it opens each file twice, which fails for a pipe.

        Args:
            ctx: Click's context.
            param: Click's parameter.
            value: The paths, with `ENV` for the environment.

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
        """Check the environment before the SDK reads it, because the SDK reads garbage as false.

        The variables may come from a file `.env`, which the SDK loads when it reads variables. The
        call with an empty schema makes it load the file and nothing else.
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

        The SDK's own check shows wrong values, which may be secrets, and does not know which
        settings belong together.
        """
        self.append_builtin_config(self.config_jsonschema)
        errors = self.config_problems(self._config, self.config_jsonschema)
        if errors and (raise_errors or self.needs_valid_config(self._config)):
            msg = "Config validation failed"
            raise ConfigValidationError(msg, errors=errors)
        return errors

    @abc.abstractmethod
    def after_sync(self) -> None:
        """Check the result of a run.

        Raises:
            SingerSDKError: If the run has failed.
        """

    def may_run_concurrently(self) -> bool:
        """Return whether streams may run concurrently; see `sync.export_concurrently`."""
        return True

    def report(self) -> None:
        """Report the progress of a run; called at its start, after each page, and once a second."""

    def report_end(self) -> None:
        """Report what was exported, however the run has ended."""

    def finish_messages(self) -> None:
        """Write the messages that a run ends with, called once the last page is written."""

    begun: list[SdkPagedStream] | None = None
    """The streams that have written their SCHEMA message, and whose pages follow."""

    failure: Exception | None = None
    """The error of a stream that was exported alone, raised after the others are exported."""

    @cached_property
    def announced(self) -> dict[str, list[SdkStream]]:
        """The streams that write under each name. The last one wrote the latest SCHEMA message."""
        return defaultdict(list)

    def sync_all(self) -> None:  # type: ignore[misc] # final, but the SDK has no hook behind it
        """Sync all streams: the SDK begins each of them, then they are exported concurrently."""
        begun = self.begun = list[SdkPagedStream]()
        self.failure = None
        self.report()
        try:
            try:
                super().sync_all()
            finally:
                self.begun = None
            export_concurrently(begun, self.report, self.may_run_concurrently, self.finish_messages)
            if self.failure is not None:
                raise self.failure
        finally:
            self.report_end()
        self.after_sync()

    @property
    def syncs_several(self) -> bool:
        """Whether a run is under way that exports more than one stream and its children."""
        roots = [one for one in self.streams.values() if not one.parent_stream_type]
        synced = [one for one in roots if one.selected or one.has_selected_descendents]
        return self.begun is not None and len(synced) > 1

    def _reset_state_progress_markers(self) -> None:
        """Remove what another tap has left in the bookmarks of this tap's streams.

        The SDK does this to all bookmarks, and fails on those of taps that do not use the SDK.
        """
        for name, bookmark in self.state.get("bookmarks", {}).items():
            if name in self.streams:
                bookmark.pop("progress_markers", None)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Exit with the code of the signal; the state of the last complete page is written.

        The SDK's handler exits with 0, and may write into the middle of a line.
        """
        del frame
        shutdown.end(signum)


class SdkStream(Stream, abc.ABC):
    """A stream of this tap, which writes its messages page by page."""

    # Zendesk sends JSON and the tap writes JSON, so there is nothing to conform.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    is_skipped = False
    """Whether the account lacks the resource, so that Zendesk has refused all of it."""

    @property
    def tap(self) -> Tap:
        """The tap that the stream belongs to."""
        return self._tap

    @property
    def is_discovered(self) -> bool:
        """Whether the selection is still the default: no catalog has been applied."""
        return self._metadata is None and self._tap_input_catalog is None

    def write_schema(self) -> None:
        """Write the SCHEMA message; the SDK repeats a child stream's for each parent record."""
        self._write_schema_message()

    @property
    def _sharing(self) -> list[list[SdkStream]]:
        """The streams that write under each name of this stream; see `SdkTap.announced`."""
        if not isinstance(self.tap, SdkTap):
            return []
        maps = (one for one in self.stream_maps if not isinstance(one, RemoveRecordTransform))
        return [self.tap.announced[one.stream_alias] for one in maps]

    def announce(self) -> None:
        """Write the SCHEMA message again if another stream has written one under the same name.

        Stream maps can give several streams one name. A loader reads a record by the latest SCHEMA
        message of its name, and drops the properties that this lacks.
        """
        if any(streams[-1:] != [self] for streams in self._sharing):
            self.write_schema()

    def write_record(self, record: dict[str, Any]) -> None:
        """Write a record with the SDK's own method, which walks through all of its values.

        Args:
            record: The record.
        """
        self._write_record_message(record)

    def _write_schema_message(self) -> None:
        """Keep which stream has written the latest SCHEMA message under a name."""
        super()._write_schema_message()
        for streams in self._sharing:
            streams[:] = [*(one for one in streams if one is not self), self]

    def _generate_record_messages(self, record: Record) -> Generator[RecordMessage, None, None]:
        """Name the stream in the error of a stream map."""
        with stream_map_errors(self.name):
            yield from super()._generate_record_messages(record)


class SdkPagedStream(SdkStream):
    """A stream that fetches pages, and writes each before it moves the bookmark.

    It replaces the SDK's own loop, which takes nearly a third of the time of a small record. That
    loop bookmarks the highest replication key, from which an export cannot be resumed.
    """

    # The bookmark is Zendesk's token, not a record's time, so the order does not matter here.
    is_sorted = True

    is_complete = False
    """Whether this run wrote every record of the stream, so that a target may drop all others."""

    @property
    @abc.abstractmethod
    def line(self) -> tuple[str, int]:
        """The line of streams that take turns, and how many of them are fetched at once."""

    @abc.abstractmethod
    def exporting(self) -> contextlib.AbstractContextManager[None]:
        """Prepare an export, and finish it after the block, which writes the pages.

        An error that ends the fetching is raised in the block.
        """

    @abc.abstractmethod
    def fetched_pages(self) -> Iterator[Any]:
        """Return the pages of an export. The iterator runs in another thread."""

    @abc.abstractmethod
    def writing(self, page: Any) -> contextlib.AbstractContextManager[list[Any]]:  # noqa: ANN401 (a stream's own)
        """Yield the records of a page to the block, which writes them; then move the bookmark.

        Args:
            page: An item of `fetched_pages`.
        """

    @abc.abstractmethod
    def write_records(self, records: list[Any]) -> None:
        """Write the records of a page.

        Args:
            records: What `writing` yields.
        """

    @abc.abstractmethod
    def decoded_records(self, records: list[Any]) -> Iterator[dict[str, Any]]:
        """Yield the records of a page as dictionaries.

        Args:
            records: What `writing` yields.
        """

    def written_pages(self) -> Generator[None, Any, None]:
        """Write the pages: a coroutine that takes each page, and None after the last one.

        As a coroutine it lets one thread write many streams in turns.
        """
        with self._counted() as counter, self.exporting():
            while (page := (yield)) is not None:
                with self.writing(page) as records:
                    if records:
                        self.announce()
                    self.write_records(records)
                    self.state_manager.is_flushed = False
                counter.increment(len(records))
                del page, records  # free the memory before the next page arrives
        self._finalize_state(self.stream_state)
        if self.is_complete and self._stream_version is not None:
            if all(streams == [self] for streams in self._sharing):
                super()._write_activate_version_message(self._stream_version)
            else:
                self.logger.warning(
                    "%s is written under the name of another stream, whose rows ACTIVATE_VERSION "
                    "would drop; rows that are gone stay",
                    self.name,
                )
        self._write_state_message()

    def get_records(self, context: Context | None) -> Iterable[dict[str, Any]]:
        """Yield the records one by one.

        Args:
            context: Unused, because exports have no partitions.
        """
        del context
        for records in self._pages_of_records():
            yield from self.decoded_records(records)

    def write_state(self) -> None:
        """Write the state, unless the SDK will write it after the batch file that it covers."""
        self.state_manager.is_flushed = False
        if not (self.selected and self.get_batch_config(self.config)):
            self._write_state_message()

    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """Do nothing for a stream that has only begun: its pages follow.

        Args:
            state: See `singer_sdk.Stream`.
        """
        if not (isinstance(self.tap, SdkTap) and self in (self.tap.begun or ())):
            super().finalize_state_progress_markers(state)

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Return None, because the bookmark holds Zendesk's token."""

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        """Write the records, or yield them for batch files; the SDK has no public hook for this."""
        del context
        if not write_messages:
            yield from self._batched_records()
        elif isinstance(self.tap, SdkTap) and self.tap.begun is not None:
            self.tap.begun.append(self)
        else:
            export_concurrently([self])

    def _batched_records(self) -> Iterator[dict[str, Any]]:
        """Yield the records for batch files, with the stream's map applied: the SDK applies none.

        Raises:
            SingerSDKError: If several stream maps apply, because a file has only one form.
        """
        if len(self.stream_maps) > 1:
            msg = f"{self.name} has several stream maps, which batch_config cannot serve: keep one"
            raise SingerSDKError(msg)
        tap = self.tap
        try:
            with self._counted() as counter:
                for records in self._pages_of_records():
                    for record in self.decoded_records(records):
                        for message in self._generate_record_messages(record):
                            yield message.record
                    counter.increment(len(records))
                    if isinstance(tap, SdkTap):
                        tap.report()
        except Exception as error:
            if not (isinstance(tap, SdkTap) and tap.syncs_several and concerns_one_stream(error)):
                raise
            tap.failure = error
            # The SDK writes the last file, which is complete up to the bookmark.
            self.logger.warning("%s; the other streams are exported before the run fails", error)
        else:
            self._finalize_state(self.stream_state)

    def _pages_of_records(self) -> Iterator[list[Any]]:
        """Yield the records page by page. The bookmark moves when the next page is requested."""
        with self.exporting(), contextlib.closing(one_ahead(self.fetched_pages())) as pages:
            for page in pages:
                with self.writing(page) as records:
                    yield records

    @contextlib.contextmanager
    def _counted(self) -> Iterator[metrics.Counter]:
        """Log the SDK's metrics of records and time."""
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            counter.with_context({})  # as the SDK does for streams without partitions
            timer.with_context({})
            yield counter

    def _write_activate_version_message(self, full_table_version: int) -> None:
        """Do nothing yet: all records must be written before a target may drop its old rows."""


@contextlib.contextmanager
def stream_map_errors(name: str) -> Iterator[None]:
    """Name the stream in the error of a stream map.

    Args:
        name: The stream's name.

    Raises:
        StreamMapError: If a stream map fails in the block.
    """
    try:
        yield
    except Exception as error:  # a user's expression may raise anything
        cause = error.__cause__ or error  # the SDK's error names only the expression
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
