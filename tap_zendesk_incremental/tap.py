"""The tap: settings in, streams out."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar

import click
import msgspec
from singer_sdk.singerlib import Catalog

from tap_zendesk_incremental import config, given_state, input_files, stream_maps
from tap_zendesk_incremental.account import Account
from tap_zendesk_incremental.auth import API_TOKENS_END, LOGIN_SETTINGS, hide_secrets
from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX, custom_object_keys
from tap_zendesk_incremental.sdk import SdkTap
from tap_zendesk_incremental.streams import FED_STREAMS, STREAMS, CustomObject
from tap_zendesk_incremental.writer import CollectingWriter, print_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from singer_sdk import Stream

    from tap_zendesk_incremental.export import ExportStream


class TapZendeskIncremental(SdkTap):
    """Singer tap for Zendesk's incremental export API."""

    name = "tap-zendesk-incremental"
    message_writer_class = CollectingWriter
    config_jsonschema: ClassVar[dict[str, Any]] = config.SETTINGS.to_dict()

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
            catalog: What `--catalog` holds.
            options: What else the SDK's tap takes.

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
        """Make every stream; they share one session, one login and one set of limits."""
        account = Account(self.config)
        return [
            *(stream(self, account) for stream in STREAMS),
            *(CustomObject(self, account, key) for key in custom_object_keys(self, account)),
            *(fed_stream(self) for fed_stream in FED_STREAMS),
        ]

    def setup_mapper(self) -> None:
        """Make the stream maps of what is selected, and check them.

        Raises:
            SingerSDKError: If one of them cannot be used.
        """
        mapper = self.mapper = stream_maps.StreamMapper(self)
        mapper.register_raw_streams_from_catalog(self.catalog)
        for stream in self.streams.values():
            if stream.selected:
                mapper.check_names(stream)

    def run_discovery(self) -> str:
        """Print the catalog, and give it.

        Raises:
            TargetGoneError: If standard output does not take it.
        """
        catalog = self.catalog_json_text
        print_text(catalog)
        return catalog

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Give the command, with our own reading of `--state` and `--catalog`.

        The SDK does not say which file is no JSON, and leaves them open when `--discover` fails.
        """
        command = super().get_singer_command()
        readers = {"state": input_files.read_state, "catalog": input_files.read_catalog}
        for option in command.params:
            if read := readers.get(str(option.name)):
                option.type = click.Path(allow_dash=True)
                option.callback = _callback(read)
        return command

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over a state that can be gone on from.

        Args:
            state: What `--state` holds.

        Raises:
            SingerSDKError: If it is damaged, or a later version of the tap wrote it.
        """
        super().load_state(given_state.checked(state, self._stream_classes(state), self.logger))

    @staticmethod
    def _stream_classes(state: dict[str, Any]) -> dict[str, type[ExportStream]]:
        """Give the class of each stream, those of custom objects by the names in the state."""
        bookmarks = state.get("bookmarks")
        names = bookmarks if isinstance(bookmarks, dict) else {}
        return {
            **{stream.name: stream for stream in STREAMS},
            **{name: CustomObject for name in names if name.startswith(CUSTOM_OBJECT_PREFIX)},
        }

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
        """Say whether discovery would send a login: no wrong setting may pass then."""
        return any(map(given.get, LOGIN_SETTINGS))


def _callback(
    read: Callable[[str], dict[str, Any]],
) -> Callable[[click.Context, click.Parameter, str | None], io.StringIO | None]:
    """Give a callback of click's that reads a file and gives what the SDK expects: a file."""

    def callback(
        ctx: click.Context, param: click.Parameter, path: str | None
    ) -> io.StringIO | None:
        del ctx, param
        return None if path is None else io.StringIO(msgspec.json.encode(read(path)).decode())

    return callback
