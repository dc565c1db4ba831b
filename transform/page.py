"""Writes the answers as one HTML page with charts, which needs no network: `page.py FILE PAGE`.

It reads the DuckDB file in which the dbt project was built, and prints three of the answers. It
needs Altair, vl-convert-python and DuckDB.
"""

from __future__ import annotations

import html
import json
import sys
from pathlib import Path
from typing import Any

import altair as alt
import duckdb
import vl_convert

Rows = list[dict[str, Any]]
WIDTH, HEIGHT = 420, 220
QUERIES = {
    "Tickets that are open at the end of each day": "select * from backlog_by_day order by day",
    "Hours to the first reply, by priority": """
        select priority, median(first_reply_minutes) / 60 as hours from first_reply_time
        where first_reply_minutes is not null group by 1 order by 2""",
    "Tickets by group and status": """
        select * from tickets_by_group_and_status where status <> 'closed' order by 1, 2""",
    "SLA targets achieved and breached, by month": """
        select strftime(applied_at, '%Y-%m') as month,
          case when is_breached then 'breached' else 'achieved' end as outcome, count(*) as targets
        from sla_breaches group by 1, 2 order by 1, 2""",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Zendesk: answers</title><style>
body {{ font: 15px system-ui, sans-serif; margin: 24px auto; max-width: 1180px; color: #222 }}
main {{ display: grid; grid-template-columns: 1fr 1fr; gap: 16px }}
section {{ border: 1px solid #ddd; border-radius: 8px; padding: 12px }}
h2 {{ font-size: 16px; margin: 0 0 8px }}
</style><script>{library}</script></head>
<body><h1>Zendesk: answers</h1>{texts}<main>{sections}</main>
<script>{draw}</script></body></html>
"""
DRAW = """
const specs = {specs};
const options = {{actions: false, renderer: "svg"}};
Promise.all(specs.map((spec, n) => vegaEmbed("#chart-" + n, spec, options)))
  .then(() => document.body.dataset.drawn = specs.length);
"""


def rows_of(database: duckdb.DuckDBPyConnection, query: str) -> Rows:
    """Return the rows of a query, with days as text."""
    result = database.execute(query)
    names = [column[0] for column in result.description]
    return [
        {
            n: v if isinstance(v, (int, float, str, type(None))) else str(v)
            for n, v in zip(names, r, strict=True)
        }
        for r in result.fetchall()
    ]


def charts(tables: list[Rows]) -> list[dict[str, Any]]:
    """Return the charts of the answers, in the order of `QUERIES`.

    Args:
        tables: the rows of each query.
    """
    backlog, replies, groups, targets = (alt.Data(values=rows) for rows in tables)
    group = alt.Y("group_name:N", title=None)
    outcome = alt.Color("outcome:N", scale=alt.Scale(domain=["achieved", "breached"]))
    drawn = (
        alt.Chart(backlog)
        .mark_area(line=True, opacity=0.4)
        .encode(alt.X("day:T", title=None), alt.Y("open_tickets:Q", title="open tickets")),
        alt.Chart(replies)
        .mark_bar()
        .encode(alt.X("hours:Q", title="hours (median)"), alt.Y("priority:N", sort="x")),
        alt.Chart(groups).mark_bar().encode(alt.X("tickets:Q"), group, alt.Color("status:N")),
        alt.Chart(targets)
        .mark_bar()
        .encode(alt.X("month:O", title=None), alt.Y("targets:Q", stack=True), outcome),
    )
    return [chart.properties(width=WIDTH, height=HEIGHT).to_dict() for chart in drawn]


def texts(database: duckdb.DuckDBPyConnection) -> list[str]:
    """Return three of the answers in words."""
    ask = {
        "{} tickets are open": "select open_tickets from backlog_by_day order by day desc limit 1",
        "Half of the first replies take no more than {} minutes": (
            "select cast(median(first_reply_minutes) as bigint) from first_reply_time"
        ),
        "{} of {} SLA targets were breached": (
            "select count(*) filter (is_breached), count(*) from sla_breaches"
        ),
    }
    return [text.format(*(database.execute(q).fetchone() or ())) for text, q in ask.items()]


def main() -> None:
    """Write the page, and print the answers."""
    source, page = sys.argv[1:]
    with duckdb.connect(source, read_only=True) as database:
        database.execute("set search_path = 'zendesk_answers'")
        tables = [rows_of(database, query) for query in QUERIES.values()]
        said = texts(database)
    # In HTML, "</" could end the script.
    draw = DRAW.format(specs=json.dumps(charts(tables)).replace("</", "<\\/"))
    library = vl_convert.javascript_bundle().replace("</script", "<\\/script")
    sections = "".join(
        f'<section><h2>{html.escape(title)}</h2><div id="chart-{n}"></div></section>'
        for n, title in enumerate(QUERIES)
    )
    paragraphs = "".join(f"<p>{html.escape(text)}.</p>" for text in said)
    Path(page).write_text(
        PAGE.format(library=library, draw=draw, texts=paragraphs, sections=sections),
        encoding="utf-8",
    )
    sys.stdout.write("".join(f"{text}.\n" for text in said))


if __name__ == "__main__":
    main()
