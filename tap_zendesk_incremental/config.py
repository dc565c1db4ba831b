"""The settings and their checks."""

from __future__ import annotations

import re
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from singer_sdk import typing as th
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR, extend_validator_with_defaults

from tap_zendesk_incremental.auth.login import API_TOKENS_END, SECRETS, login_problem
from tap_zendesk_incremental.errors import did_you_mean
from tap_zendesk_incremental.state import epoch, iso

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from jsonschema import ValidationError

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
SUBDOMAIN = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$(?!\n)"

_HEADER = re.compile(r"[ -~]*")

_DATE = re.compile(r"\d{4}-?(\d\d-?\d\d|W\d\d(-?\d)?)([Tt ].*)?")
"""Stricter than Python, which reads 1711012312345 as a date in the year 1711."""

_EPOCH = re.compile(r"(\d{10})(\d{3})?")
"""Epoch seconds, or milliseconds."""

_BOOLEANS = frozenset({"true", "1", "yes", "on", "false", "0", "no", "off"})
"""Valid values of an environment variable. The SDK reads any other value as false."""

_JSON_TYPES: dict[str, tuple[str, type]] = {
    "integer": ("an integer", int),
    "object": ("a JSON object", dict),
    "array": ("a JSON array", list),
}

_Validator = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)

SETTINGS = th.PropertiesList(
    th.Property(
        "subdomain",
        th.StringType(pattern=SUBDOMAIN),
        required=True,
        title="Subdomain",
        description="The part of your Zendesk address before .zendesk.com",
        examples=["acme"],
    ),
    th.Property(
        "client_id",
        th.StringType,
        secret=True,
        title="OAuth client ID",
        description="The unique identifier of the OAuth client; with client_secret the tap gets "
        "and renews its own token (recommended)",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="OAuth client secret",
        description="The secret of a confidential OAuth client",
    ),
    th.Property(
        "refresh_token",
        th.StringType,
        secret=True,
        title="OAuth refresh token",
        description="Exchanged for access tokens, with client_id (and client_secret if the "
        "client is confidential) and oauth_token_path",
    ),
    th.Property(
        "oauth_token_path",
        th.StringType,
        title="OAuth token file",
        description="File in which the tap keeps the current pair of tokens between runs. "
        "refresh_token needs it, because Zendesk voids a token at each use",
    ),
    th.Property(
        "access_token",
        th.StringType,
        secret=True,
        title="OAuth access token",
        description="An existing OAuth token of an admin, with the scope read",
    ),
    th.Property(
        "email",
        th.StringType,
        secret=True,
        title="Email",
        description="The admin's address, with api_token or password",
    ),
    th.Property(
        "api_token",
        th.StringType,
        secret=True,
        title="API token",
        description=f"With email; Zendesk ends API tokens on {API_TOKENS_END}",
    ),
    th.Property(
        "password",
        th.StringType,
        secret=True,
        title="Password",
        description="With email; for accounts that still allow it",
    ),
    th.Property(
        "chat_access_token",
        th.StringType,
        secret=True,
        title="Chat access token",
        description="For the streams of Zendesk Chat, which take no other login: an access token "
        "of an OAuth client that you create in the Chat dashboard",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Export what has changed since this date, in ISO 8601; everything if not set",
        examples=["2024-01-01T00:00:00Z"],
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description="Export only what changed before this date, in ISO 8601. The bookmark does not "
        "pass it, so you can load the past in slices",
        examples=["2025-01-01T00:00:00Z"],
    ),
    th.Property(
        "export_method",
        th.StringType,
        default="cursor",
        allowed_values=["cursor", "time", "list"],
        title="Export method",
        description="Form of the export of tickets, users and organizations. Zendesk does not "
        "close lists to third parties, but lists lack archived and deleted records",
    ),
    th.Property(
        "per_page",
        th.IntegerType(minimum=1, maximum=1000),
        default=1000,
        title="Records per page",
        description="How many records to ask for in a request; after a time-out the tap asks for "
        "fewer by itself",
    ),
    th.Property(
        "exclude_deleted",
        th.BooleanType,
        default=False,
        title="Exclude deleted tickets",
        description="Leave out deleted tickets, which otherwise come with the status deleted. A "
        "ticket that is deleted after it was loaded then keeps its last status",
    ),
    th.Property(
        "support_type_scope",
        th.StringType,
        allowed_values=["agent", "ai_agent", "all"],
        title="Support type scope",
        description="Export tickets handled by agents (what Zendesk sends if not set), by AI "
        "agents, or all",
    ),
    th.Property(
        "sample",
        th.BooleanType,
        default=False,
        title="Sample",
        description="Try a pipeline: every stream that has a sample endpoint exports one page of "
        "at most 50 records, and the state stays as it is",
    ),
    th.Property(
        "emit_activate_version_messages",
        th.BooleanType,
        default=False,
        title="Activate versions",
        description="After each export of a whole stream (field definitions, for example, or any "
        "stream with FULL_TABLE), tell the target to drop the rows that were not in it. Not with "
        "batch_config",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="API address",
        description="Address of the API, if it is not https://{subdomain}.zendesk.com. Plain http "
        "is allowed for loopback addresses only",
    ),
    th.Property(
        "request_timeout",
        th.IntegerType(minimum=1, maximum=86400),
        default=300,
        title="Request timeout",
        description="How many seconds a whole answer may take before the tap tries again",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        default=f"tap-zendesk-incremental/{metadata.version('tap-zendesk-incremental')}",
        title="User agent",
        description="How the tap introduces itself to Zendesk",
    ),
)
"""The tap's settings."""


def problems(config: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Check the settings, and fill in their defaults.

    Args:
        config: The settings as given. Defaults are added to this dictionary.
        schema: The JSON Schema of the settings.

    Returns:
        One line for each problem, without the values of secrets.
    """
    for name in [name for name, value in config.items() if _is_unset(value)]:
        del config[name]  # so that the default applies
    found = [_describe(_innermost(error)) for error in _Validator(schema).iter_errors(config)]
    found += filter(None, (login_problem(config), _api_url_problem(config.get("api_url"))))
    found += (*_date_problems(config), *_batch_problems(config.get("batch_config")))
    found += [
        f"{name} may contain only printable ASCII, without line feeds; copy it again"
        for name in ("access_token", "chat_access_token", "user_agent")
        if not _HEADER.fullmatch(str(config.get(name, "")))
    ]
    found += [
        f"{name} must not begin or end with white space"
        for name in sorted(SECRETS.intersection(config))
        if isinstance(config[name], str) and config[name] != config[name].strip()
    ]
    return found


def unknown(config: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    """Report settings that the tap does not have.

    Args:
        config: The settings as given.
        known: The names of the tap's settings.

    Yields:
        One line for each unknown setting.
    """
    for name in sorted(set(config).difference(known)):
        yield f"{name} is not a setting of this tap and is ignored{did_you_mean(name, known)}"


def environment_problems(
    environment: Mapping[str, str], prefix: str, schema: Mapping[str, Any]
) -> list[str]:
    """Check the settings in the environment, where all values are text.

    Args:
        environment: The environment variables.
        prefix: The prefix of the variables that hold settings.
        schema: The JSON Schema of the settings.

    Returns:
        One line for each problem, without the value, which may be a secret.
    """
    return [
        f"{prefix}{name.upper()} is not {expected}"
        for name, setting in schema["properties"].items()
        for type_ in setting.get("type", ())
        if (value := environment.get(prefix + name.upper()))
        and (expected := _expected_instead(type_, value.strip()))
    ]


def _expected_instead(type_: str, value: str) -> str | None:
    """Describe the values that a type expects. Returns None if the value is one of them."""
    if type_ == "boolean" and value.lower() not in _BOOLEANS:
        return "true or false"
    if type_ not in _JSON_TYPES:
        return None
    name, python_type = _JSON_TYPES[type_]
    try:
        msgspec.json.decode(value, type=python_type)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return f"{name}: {error}"
    return None


def _is_unset(value: object) -> bool:
    """Return whether a value counts as not set: null, or blank like an empty variable."""
    return value is None or (isinstance(value, str) and not value.strip())


def _innermost(error: ValidationError) -> ValidationError:
    """Return the most specific error, for a value that may have one of several forms."""
    errors = (error, *map(_innermost, error.context or ()))
    return max(errors, key=lambda found: len(found.absolute_path))


def _describe(error: ValidationError) -> str:
    if error.validator == "required":
        _, name, *_ = error.message.split("'")
        return f"{name} is required"
    name = ".".join(map(str, error.absolute_path))
    if isinstance(error.schema, dict) and error.schema.get("secret"):
        return f"{name} must be of type {error.schema['type'][0]}"
    if error.validator == "pattern":
        return (
            f"{name} {error.instance!r} may contain only letters, digits and inner hyphens; for "
            "acme.zendesk.com, set acme"
        )
    if error.validator == "anyOf":
        return f"{name} has the wrong type: {error.instance!r}"
    return f"{name}: {error.message}"


def _date_problems(config: dict[str, Any]) -> list[str]:
    given = {name: config.get(name) for name in ("start_date", "end_date")}
    dates = {name: date for name, date in given.items() if isinstance(date, str)}
    if wrong := {name: date for name, date in dates.items() if not _is_date(date)}:
        return [
            f"{name} {date!r} is not an ISO 8601 date, such as {_example(date)}"
            for name, date in wrong.items()
        ]
    if "start_date" in dates and epoch(dates["start_date"]) > time.time():
        return ["start_date is in the future"]
    seconds = [epoch(date) for date in dates.values()]
    return [] if seconds == sorted(set(seconds)) else ["end_date must be later than start_date"]


def _batch_problems(batches: object) -> Iterator[str]:
    """Report what batch files lack. The SDK would notice only when it writes the first one."""
    if not isinstance(batches, dict) or not batches:
        return
    for part, name in (("encoding", "format"), ("storage", "root")):
        given = batches.get(part)
        if not (isinstance(given, dict) and given.get(name)):
            yield f"batch_config.{part}.{name} is required"


def _is_date(date: str) -> bool:
    try:
        return bool(_DATE.fullmatch(date)) and epoch(date) is not None
    except (ValueError, OverflowError):
        return False


def _example(text: str) -> str:
    """Return a well-formed date as an example: the given one, if the text is an epoch time."""
    given = _EPOCH.fullmatch(text)
    return iso(int(given[1])) if given else "2024-01-01T00:00:00Z"


def _api_url_problem(url: object) -> str | None:
    if not url:
        return None
    try:
        parts = urlsplit(str(url))
        host = parts.hostname
    except ValueError:
        return "api_url is not a valid address"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "api_url must not contain credentials, a query or a fragment"
    if host and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)):
        return None
    return "api_url must start with https:// (http:// only for loopback addresses)"
