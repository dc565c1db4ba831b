"""The private members of the Singer SDK that the tap needs, each with its reason.

No module above this one names a private member of `Tap`: the SDK may change them in any release,
and then there is one place to look at.
"""

from __future__ import annotations

import abc
import os
from typing import TYPE_CHECKING, Any

import click
from singer_sdk import Tap
from singer_sdk.configuration import _dict_config
from singer_sdk.exceptions import ConfigValidationError, SingerSDKError

from tap_zendesk_incremental import shutdown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType


class SdkTap(Tap, abc.ABC):
    """A tap that checks its settings itself and ends where nothing is torn."""

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

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with the exit code of the signal; the state of the last full page is out.

        The SDK's handler exits with 0 and may write into the middle of a line.
        """
        del frame
        shutdown.end(signum)


def _mend(schema: dict[str, Any]) -> None:
    schemas = schema.get("anyOf", [])
    schemas[:] = [one for one in schemas if isinstance(one, dict)]
    further = [schema.get("additionalProperties"), *schema.get("properties", {}).values()]
    for one in (*schemas, *further):
        if isinstance(one, dict):
            _mend(one)
