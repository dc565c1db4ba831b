"""The tap: its settings and its streams."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
import msgspec
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

from tap_zendesk_incremental import config, given_state, oversights, shutdown
from tap_zendesk_incremental.account import Account
from tap_zendesk_incremental.auth import API_TOKENS_END, LOGIN_SETTINGS, hide_secrets
from tap_zendesk_incremental.discovery import CUSTOM_OBJECT_PREFIX, custom_object_keys
from tap_zendesk_incremental.streams import FED_STREAMS, STREAMS, CustomObject
from tap_zendesk_incremental.writer import CollectingWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import IO

    from singer_sdk import Stream

    from tap_zendesk_incremental.export import ExportStream


class TapZendeskIncremental(Tap):
    """Singer tap for Zendesk's incremental export API."""

    name = "tap-zendesk-incremental"
    message_writer_class = CollectingWriter
    config_jsonschema: ClassVar[dict[str, Any]] = config.SETTINGS.to_dict()

    def discover_streams(self) -> Sequence[Stream]:
        """Make every stream; they share one session, one login and one set of limits."""
        account = Account(self.config)
        return [
            *(stream(self, account) for stream in STREAMS),
            *(CustomObject(self, account, key) for key in custom_object_keys(self, account)),
            *(fed_stream(self) for fed_stream in FED_STREAMS),
        ]

    @classmethod
    def invoke(
        cls,
        *,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
        **options: Any,  # noqa: ANN401 (the SDK's)
    ) -> None:
        """Run the tap, but not with a state or a catalog that is damaged.

        The SDK takes an empty list for no state, and does not say which file is no JSON.

        Args:
            state: The file of `--state`.
            catalog: The file of `--catalog`.
            options: What else the command line holds.

        Raises:
            SingerSDKError: If one of them is damaged.
        """
        if state is not None:
            state = _checked(state, "state", dict)
        if catalog is not None:
            checked = catalog = _checked(catalog, "catalog", _Catalog)
            for line in oversights.in_catalog(msgspec.json.decode(checked.getvalue())):
                cls.logger.warning("%s", line)
        super().invoke(state=state, catalog=catalog, **options)

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

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:  # noqa: ANN401 (private)
        """Read the files of `--config`; the SDK does not say which of them is no JSON object."""
        for path in value:
            if path == "ENV":
                cls._check_environment()
            else:
                _check_json_object(path)
        return super().cb_config(ctx, param, value)

    @classmethod
    def _check_environment(cls) -> None:
        """Leave out what is set to nothing; the SDK does not say which variable is no number."""
        cls.append_builtin_config(cls.config_jsonschema)
        for name, schema in cls.config_jsonschema["properties"].items():
            variable = f"{cls._env_var_prefix}{name.upper()}"
            if not (value := os.environ.get(variable, "").strip()):
                os.environ.pop(variable, None)
            elif "integer" in schema["type"]:
                _check_json(variable, value, int)
            elif "object" in schema["type"]:
                _check_json(variable, value, dict)

    # Private hooks of the SDK, for want of public ones.

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings.

        The SDK's own check shows the values it does not like, which may be secrets, and knows
        nothing of settings that go together.
        """
        hide_secrets(self._config)
        self.append_builtin_config(self.config_jsonschema)
        errors = config.problems(self._config, self.config_jsonschema)
        # Discovery may go without settings. With a login it sends that: no wrong setting may pass.
        if errors and (raise_errors or any(map(self._config.get, LOGIN_SETTINGS))):
            msg = "Config validation failed"
            raise ConfigValidationError(msg, errors=errors)
        for line in oversights.in_settings(self._config, self.config_jsonschema["properties"]):
            self.logger.warning("%s", line)
        if self._config.get("api_token") and not errors:
            self.logger.warning(
                "Zendesk's API tokens stop working on %s; move to OAuth (client_id and "
                "client_secret) before that day",
                API_TOKENS_END,
            )
        return errors

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with the exit code of the signal; the state of the last full page is out.

        The SDK's handler exits with 0 and may write into the middle of a line.
        """
        del frame
        shutdown.end(signum)


def _check_json_object(path: str) -> None:
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise click.BadParameter(msg) from error
    _check_json(path, text, dict)


def _check_json(name: str, text: str | bytes, type_: type) -> None:
    try:
        msgspec.json.decode(text, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        kind = "a JSON object" if type_ is dict else "an integer"
        msg = f"{name} is not {kind}: {error}"
        raise click.BadParameter(msg) from error


class _Schema(msgspec.Struct):
    properties: dict[str, Any]


class _Entry(msgspec.Struct):
    schema: _Schema


class _Catalog(msgspec.Struct):
    """What a catalog must have at least."""

    streams: list[_Entry]


def _checked(file: IO[str], what: str, type_: type) -> StringIO:
    text = ""
    try:
        text = file.read()
        msgspec.json.decode(text, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = (
            f"{error}" if text.strip() else f"it is empty; leave --{what} out if there is none yet"
        )
        msg = f"The {what} cannot be used: {file.name}: {why}. Nothing was exported."
        raise SingerSDKError(msg) from error
    return StringIO(text)
