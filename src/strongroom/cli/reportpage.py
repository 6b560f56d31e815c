"""The access report as one page of HTML: no script, nothing from elsewhere, every text escaped.

Names and descriptions are whatever callers chose, so all of them are text to the page; its policy forbids the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from strongroom.cli.auditwho import plain
from strongroom.cli.reporttext import SECTIONS, Section, cells, notes, of_kind

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1b1f24}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p{margin:.3rem 0}"
    "table{border-collapse:collapse;width:100%;margin-top:.5rem}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #d8dee4;"
    "overflow-wrap:anywhere}th{background:#f3f5f7}.none{color:#57606a}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(report: Mapping[str, Any]) -> str:
    """The whole page."""
    return "\n".join(_parts(report)) + "\n"


def _parts(report: Mapping[str, Any]) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>Access report, account {_text(report['Account'])}</title><style>{_STYLE}</style></head><body>"
    yield "<h1>Access report</h1>"
    yield from (f"<p>{_text(note)}</p>" for note in notes(report))
    for section in SECTIONS:
        yield from _section(report, section)
    yield "</body></html>"


def _section(report: Mapping[str, Any], section: Section) -> Iterator[str]:
    found = of_kind(report, section)
    yield f"<h2>{_text(section.title)} ({len(found)})</h2>"
    if not found:
        yield '<p class="none">None.</p>'
        return
    yield f"<p>{_text(section.means)}</p>"
    heads = "".join(f'<th scope="col">{_text(heading)}</th>' for heading, _ in section.columns)
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
    for finding in found:
        yield "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in cells(section, finding)) + "</tr>"
    yield "</tbody></table>"


def _text(value: object) -> str:
    return escape(plain(value))
