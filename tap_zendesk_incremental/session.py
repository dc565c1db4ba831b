"""The HTTP session: requests' own, without the ways in which it reaches out by itself."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import MutableMapping


class ZendeskSession(requests.Session):
    """Talks to the address it is given, and to no other."""

    def __init__(self) -> None:
        """Take no cookies: every request carries its login."""
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Give none; requests reads the whole body of a redirect even where it follows none."""
        del resp

    def merge_environment_settings(
        self,
        url: Any,  # noqa: ANN401 (as in requests)
        proxies: MutableMapping[str, str] | None,
        stream: Any,  # noqa: ANN401
        verify: Any,  # noqa: ANN401
        cert: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Take proxies and certificate authorities from the environment.

        Plain http is for loopback addresses, so no proxy may see it.
        """
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if str(url).startswith("http:"):
            settings["proxies"] = {}
        return settings
