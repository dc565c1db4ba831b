"""Writes the seeds of time zones. Run it when the IANA data has changed.

Zendesk names time zones as Ruby on Rails does. Their offsets come from the IANA data that Python
finds: the system's, or that of the package `tzdata`.
"""

from __future__ import annotations

import csv
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEEDS = Path(__file__).parent / "seeds"
FIRST_YEAR, LAST_YEAR = 2007, 2037
"""Zendesk began in 2007, and the IANA data of zones is complete up to 2037."""

IANA_NAMES = {
    "Abu Dhabi": "Asia/Muscat",
    "Adelaide": "Australia/Adelaide",
    "Alaska": "America/Juneau",
    "Almaty": "Asia/Almaty",
    "American Samoa": "Pacific/Pago_Pago",
    "Amsterdam": "Europe/Amsterdam",
    "Arizona": "America/Phoenix",
    "Astana": "Asia/Almaty",
    "Athens": "Europe/Athens",
    "Atlantic Time (Canada)": "America/Halifax",
    "Auckland": "Pacific/Auckland",
    "Azores": "Atlantic/Azores",
    "Baghdad": "Asia/Baghdad",
    "Baku": "Asia/Baku",
    "Bangkok": "Asia/Bangkok",
    "Beijing": "Asia/Shanghai",
    "Belgrade": "Europe/Belgrade",
    "Berlin": "Europe/Berlin",
    "Bern": "Europe/Zurich",
    "Bogota": "America/Bogota",
    "Brasilia": "America/Sao_Paulo",
    "Bratislava": "Europe/Bratislava",
    "Brisbane": "Australia/Brisbane",
    "Brussels": "Europe/Brussels",
    "Bucharest": "Europe/Bucharest",
    "Budapest": "Europe/Budapest",
    "Buenos Aires": "America/Argentina/Buenos_Aires",
    "Cairo": "Africa/Cairo",
    "Canberra": "Australia/Canberra",
    "Cape Verde Is.": "Atlantic/Cape_Verde",
    "Caracas": "America/Caracas",
    "Casablanca": "Africa/Casablanca",
    "Central America": "America/Guatemala",
    "Central Time (US & Canada)": "America/Chicago",
    "Chatham Is.": "Pacific/Chatham",
    "Chennai": "Asia/Kolkata",
    "Chihuahua": "America/Chihuahua",
    "Chongqing": "Asia/Chongqing",
    "Copenhagen": "Europe/Copenhagen",
    "Darwin": "Australia/Darwin",
    "Dhaka": "Asia/Dhaka",
    "Dublin": "Europe/Dublin",
    "Eastern Time (US & Canada)": "America/New_York",
    "Edinburgh": "Europe/London",
    "Ekaterinburg": "Asia/Yekaterinburg",
    "Fiji": "Pacific/Fiji",
    "Georgetown": "America/Guyana",
    "Greenland": "America/Godthab",
    "Guadalajara": "America/Mexico_City",
    "Guam": "Pacific/Guam",
    "Hanoi": "Asia/Bangkok",
    "Harare": "Africa/Harare",
    "Hawaii": "Pacific/Honolulu",
    "Helsinki": "Europe/Helsinki",
    "Hobart": "Australia/Hobart",
    "Hong Kong": "Asia/Hong_Kong",
    "Indiana (East)": "America/Indiana/Indianapolis",
    "International Date Line West": "Pacific/Midway",
    "Irkutsk": "Asia/Irkutsk",
    "Islamabad": "Asia/Karachi",
    "Istanbul": "Europe/Istanbul",
    "Jakarta": "Asia/Jakarta",
    "Jerusalem": "Asia/Jerusalem",
    "Kabul": "Asia/Kabul",
    "Kaliningrad": "Europe/Kaliningrad",
    "Kamchatka": "Asia/Kamchatka",
    "Karachi": "Asia/Karachi",
    "Kathmandu": "Asia/Kathmandu",
    "Kolkata": "Asia/Kolkata",
    "Krasnoyarsk": "Asia/Krasnoyarsk",
    "Kuala Lumpur": "Asia/Kuala_Lumpur",
    "Kuwait": "Asia/Kuwait",
    "Kyiv": "Europe/Kiev",
    "La Paz": "America/La_Paz",
    "Lima": "America/Lima",
    "Lisbon": "Europe/Lisbon",
    "Ljubljana": "Europe/Ljubljana",
    "London": "Europe/London",
    "Madrid": "Europe/Madrid",
    "Magadan": "Asia/Magadan",
    "Marshall Is.": "Pacific/Majuro",
    "Mazatlan": "America/Mazatlan",
    "Melbourne": "Australia/Melbourne",
    "Mexico City": "America/Mexico_City",
    "Mid-Atlantic": "Atlantic/South_Georgia",
    "Midway Island": "Pacific/Midway",
    "Minsk": "Europe/Minsk",
    "Monrovia": "Africa/Monrovia",
    "Monterrey": "America/Monterrey",
    "Montevideo": "America/Montevideo",
    "Moscow": "Europe/Moscow",
    "Mountain Time (US & Canada)": "America/Denver",
    "Mumbai": "Asia/Kolkata",
    "Muscat": "Asia/Muscat",
    "Nairobi": "Africa/Nairobi",
    "New Caledonia": "Pacific/Noumea",
    "New Delhi": "Asia/Kolkata",
    "Newfoundland": "America/St_Johns",
    "Novosibirsk": "Asia/Novosibirsk",
    "Nuku'alofa": "Pacific/Tongatapu",
    "Osaka": "Asia/Tokyo",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Paris": "Europe/Paris",
    "Perth": "Australia/Perth",
    "Port Moresby": "Pacific/Port_Moresby",
    "Prague": "Europe/Prague",
    "Pretoria": "Africa/Johannesburg",
    "Puerto Rico": "America/Puerto_Rico",
    "Quito": "America/Lima",
    "Rangoon": "Asia/Rangoon",
    "Riga": "Europe/Riga",
    "Riyadh": "Asia/Riyadh",
    "Rome": "Europe/Rome",
    "Samara": "Europe/Samara",
    "Samoa": "Pacific/Apia",
    "Santiago": "America/Santiago",
    "Sapporo": "Asia/Tokyo",
    "Sarajevo": "Europe/Sarajevo",
    "Saskatchewan": "America/Regina",
    "Seoul": "Asia/Seoul",
    "Singapore": "Asia/Singapore",
    "Skopje": "Europe/Skopje",
    "Sofia": "Europe/Sofia",
    "Solomon Is.": "Pacific/Guadalcanal",
    "Srednekolymsk": "Asia/Srednekolymsk",
    "Sri Jayawardenepura": "Asia/Colombo",
    "St. Petersburg": "Europe/Moscow",
    "Stockholm": "Europe/Stockholm",
    "Sydney": "Australia/Sydney",
    "Taipei": "Asia/Taipei",
    "Tallinn": "Europe/Tallinn",
    "Tashkent": "Asia/Tashkent",
    "Tbilisi": "Asia/Tbilisi",
    "Tehran": "Asia/Tehran",
    "Tijuana": "America/Tijuana",
    "Tokelau Is.": "Pacific/Fakaofo",
    "Tokyo": "Asia/Tokyo",
    "UTC": "Etc/UTC",
    "Ulaanbaatar": "Asia/Ulaanbaatar",
    "Urumqi": "Asia/Urumqi",
    "Vienna": "Europe/Vienna",
    "Vilnius": "Europe/Vilnius",
    "Vladivostok": "Asia/Vladivostok",
    "Volgograd": "Europe/Volgograd",
    "Warsaw": "Europe/Warsaw",
    "Wellington": "Pacific/Auckland",
    "West Central Africa": "Africa/Algiers",
    "Yakutsk": "Asia/Yakutsk",
    "Yerevan": "Asia/Yerevan",
    "Zagreb": "Europe/Zagreb",
    "Zurich": "Europe/Zurich",
}
"""The IANA name of each zone, by its name at Zendesk."""

HOUR = timedelta(hours=1)


def offset_at(zone: ZoneInfo, moment: datetime) -> timedelta:
    """Return the difference between a zone's local time and UTC."""
    return moment.astimezone(zone).utcoffset() or timedelta()


def changes(zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments, to the minute, at which the offset changes."""
    moment = datetime(FIRST_YEAR, 1, 1, tzinfo=timezone.utc)
    # No offset lasts less than a day.
    step = timedelta(days=1)
    while moment.year <= LAST_YEAR + 1:
        before, after = moment, moment + step
        if offset_at(zone, before) != offset_at(zone, after):
            while after - before > timedelta(minutes=1):
                middle = before + (after - before) // 2
                middle -= timedelta(seconds=middle.second, microseconds=middle.microsecond)
                if offset_at(zone, middle) == offset_at(zone, before):
                    before = middle
                else:
                    after = middle
            yield after
        moment += step


def standard_offset(zone: ZoneInfo) -> timedelta:
    """Return a zone's offset without daylight saving time: the smallest one of the last year."""
    days = (datetime(LAST_YEAR, month, 1, tzinfo=timezone.utc) for month in range(1, 13))
    return min(offset_at(zone, day) for day in days)


def daylight_times(zone: ZoneInfo) -> Iterator[tuple[int, str, str, int]]:
    """Yield year, start, end and hours of each period in which the offset is not the standard one.

    Differences that are not whole hours are left out, because the table counts hours.
    """
    standard = standard_offset(zone)
    first = datetime(FIRST_YEAR, 1, 1, tzinfo=timezone.utc)
    for start, end in pairwise([first, *changes(zone)]):
        hours, rest = divmod(offset_at(zone, start) - standard, HOUR)
        if hours and not rest and start.year <= LAST_YEAR:
            yield start.year, f"{start:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}", hours


def as_text(offset: timedelta) -> str:
    """Format an offset as sign, hours and minutes."""
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"


def write(name: str, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a seed file."""
    with (SEEDS / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def main() -> None:
    """Write both seed files."""
    SEEDS.mkdir(exist_ok=True)
    zones = {name: ZoneInfo(iana_name) for name, iana_name in IANA_NAMES.items()}
    write(
        "zendesk_time_zones",
        ("time_zone", "iana_name", "standard_offset"),
        ((name, zone.key, as_text(standard_offset(zone))) for name, zone in zones.items()),
    )
    write(
        "zendesk_daylight_times",
        ("time_zone", "year", "daylight_start_utc", "daylight_end_utc", "daylight_offset"),
        ((name, *row) for name, zone in zones.items() for row in daylight_times(zone)),
    )


if __name__ == "__main__":
    main()
