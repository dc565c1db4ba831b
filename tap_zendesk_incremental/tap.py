"""The tap: settings in, streams out."""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import click
import msgspec
from singer_sdk.exceptions import FatalSyncError
from singer_sdk.singerlib import Catalog
from singer_sdk.singerlib.messages import StateMessage

from tap_zendesk_incremental import config, input_files, stream_maps
from tap_zendesk_incremental.auth.login import API_TOKENS_END, LOGIN_SETTINGS, hide_secrets
from tap_zendesk_incremental.child_stream import ChildStream
from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX, custom_object_keys
from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.http.client import Account, Client
from tap_zendesk_incremental.progress import Progress
from tap_zendesk_incremental.records.writer import CollectingWriter, print_text
from tap_zendesk_incremental.sdk import SdkStream, SdkTap
from tap_zendesk_incremental.state import checked_state
from tap_zendesk_incremental.streams import CHILD_STREAMS, STREAMS, CustomObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from singer_sdk import Stream


class TapZendeskIncremental(SdkTap):
    """Singer tap for Zendesk's incremental export API."""

    name = "tap-zendesk-incremental"
    message_writer_class = CollectingWriter
    config_jsonschema: ClassVar[dict[str, Any]] = config.SETTINGS.to_dict()

    _client: Client | None = None

    read_config = staticmethod(input_files.read_config)
    environment_problems = staticmethod(config.environment_problems)

    def __init__(
        self,
        *,
        catalog: dict[str, Any] | Catalog | None = None,
        **options: Any,  # noqa: ANN401 (the SDK's)
    ) -> None:
        """Prepare a run; see `singer_sdk.Tap`.

        Args:
            catalog: The catalog from `--catalog`.
            options: The other arguments of the SDK's tap.

        Raises:
            SingerSDKError: If the catalog, the state or a stream map cannot be used.
            ConfigValidationError: If a setting is wrong.
        """
        if catalog is not None:
            given = catalog.to_dict() if isinstance(catalog, Catalog) else catalog
            catalog = input_files.checked_catalog(given)
            for line in input_files.unknown_streams(catalog):
                self.logger.warning("%s", line)
        super().__init__(catalog=catalog, **options)

    def discover_streams(self) -> Sequence[Stream]:
        """Create all streams. They share one session, one login and one set of rate limits."""
        client = self._client = Client(
            Account(self.config), "discovery", self.logger, is_hurried=True
        )
        return [
            *(stream(self, client) for stream in STREAMS),
            *(CustomObject(self, client, key) for key in custom_object_keys(self, client)),
            *(stream(self, client) for stream in CHILD_STREAMS),
        ]

    def setup_mapper(self) -> None:
        """Create the stream maps of the selected streams, and check them.

        Raises:
            SingerSDKError: If one of them cannot be used.
        """
        mapper = self.mapper = stream_maps.StreamMapper(self)
        # This comes before the streams exist, because a stream may add to its catalog entry.
        mapper.register_raw_streams_from_catalog(self.catalog)
        for stream in self.streams.values():
            if stream.selected:
                mapper.check_names(stream)

    def run_discovery(self) -> str:
        """Print the catalog, and return it.

        Raises:
            TargetGoneError: If the catalog cannot be written to standard output.
        """
        self.is_discovering = True
        catalog = self.catalog_json_text
        print_text(catalog)
        return catalog

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, in which the tap itself reads `--state` and `--catalog`.

        The SDK does not say which file is not JSON, and leaves files open when `--discover` fails.
        """
        command = super().get_singer_command()
        readers = {"state": input_files.read_state, "catalog": input_files.read_catalog}
        for option in command.params:
            if read := readers.get(str(option.name)):
                option.type = click.Path(allow_dash=True)
                option.callback = _callback(read)
        return command

    def load_state(self, state: dict[str, Any]) -> None:
        """Check and load a state.

        Args:
            state: The state from `--state`.

        Raises:
            SingerSDKError: If the state is damaged, or a later version of the tap wrote it.
        """
        keys: dict[str, str | None] = {one.name: one.replication_key for one in STREAMS}
        bookmarks = state.get("bookmarks")
        for name in bookmarks if isinstance(bookmarks, dict) else ():
            if name.startswith(CUSTOM_OBJECT_PREFIX):
                keys[name] = CustomObject.replication_key
        super().load_state(checked_state(state, keys))

    def after_sync(self) -> None:
        """Fail if the account has none of the selected streams.

        Raises:
            FatalSyncError: If Zendesk has refused every stream.
        """
        streams = [stream for stream in self.streams.values() if stream.selected]
        if streams and all(isinstance(one, SdkStream) and one.is_skipped for one in streams):
            msg = (
                "Zendesk has refused every selected stream; check subdomain (or api_url), the "
                "login's rights and what the catalog selects"
            )
            raise FatalSyncError(msg)

    def may_run_concurrently(self) -> bool:
        """Return whether any request was served, is retried or waits for a limit; see `SdkTap`."""
        account = self._client.account if self._client else None
        return account is not None and (bool(account.served) or account.has_backed_off)

    def report(self) -> None:
        """Report progress from time to time; see `SdkTap`."""
        self._progress.report()

    def report_end(self) -> None:
        """Report what was exported; see `SdkTap`."""
        self._progress.finish()

    def finish_messages(self) -> None:
        """Write the state once more if records follow it; see `SdkTap`.

        The SDK leaves out a state that has not changed. Some targets print no state that a record
        follows.
        """
        writer = self.message_writer
        if isinstance(writer, CollectingWriter) and writer.is_state_due and self.state:
            self.write_message(StateMessage(value=self.state))

    @cached_property
    def _progress(self) -> Progress:
        streams = [
            stream.progress
            for stream in self.streams.values()
            if stream.selected or stream.has_selected_descendents
            if isinstance(stream, (ExportStream, ChildStream))
        ]
        return Progress(streams, self.logger)

    def config_problems(self, given: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
        """Check the settings, and fill in their defaults; see `SdkTap`."""
        hide_secrets(given)
        errors = config.problems(given, dict(schema))
        for line in config.unknown(given, schema["properties"]):
            self.logger.warning("%s", line)
        for line in stream_maps.unknown_streams(given):
            self.logger.warning("%s", line)
        if given.get("api_token") and not errors:
            self.logger.warning(
                "Zendesk's API tokens stop working on %s; move to OAuth (client_id and "
                "client_secret) before that day",
                API_TOKENS_END,
            )
        return errors

    def needs_valid_config(self, given: Mapping[str, Any]) -> bool:
        """Return whether discovery would log in. If so, no setting may be wrong; see `SdkTap`."""
        return any(map(given.get, LOGIN_SETTINGS))


def _callback(
    read: Callable[[str], dict[str, Any]],
) -> Callable[[click.Context, click.Parameter, str | None], io.StringIO | None]:
    """Return a callback for click that reads a file and returns it as the SDK expects: opened."""

    def callback(
        ctx: click.Context, param: click.Parameter, path: str | None
    ) -> io.StringIO | None:
        del ctx, param
        return None if path is None else io.StringIO(msgspec.json.encode(read(path)).decode())

    return callback
