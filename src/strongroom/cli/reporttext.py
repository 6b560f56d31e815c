"""The access report in words: one section a kind of finding, the same for text and page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from strongroom.base.classes import dataclass
from strongroom.cli.auditwho import plain

Finding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """One kind of finding: its heading, what it means, and its columns (heading, member)."""

    kind: str
    title: str
    means: str
    columns: Sequence[tuple[str, str]]


SECTIONS = (
    Section(
        "UnusedSecret",
        "Unused secrets",
        "No version of them was read for so long. Delete them, with a recovery window.",
        (("Secret", "Name"), ("Last read", "LastUsed"), ("Created", "Created"), ("Description", "Description")),
    ),
    Section(
        "UnusedPrincipal",
        "Unused principals",
        "Users and roles that made no call for so long. Take their keys and policies away.",
        (("Principal", "Resource"), ("Last call", "LastUsed"), ("Created", "Created")),
    ),
    Section(
        "UnusedPermissions",
        "Permissions never used",
        "Policies grant these, and no record shows that they were used. Narrow the policies.",
        (
            ("Principal", "Resource"), ("Service", "Service"), ("Used", "Used"), ("Never used", "Permissions"),
            ("Granted by", "Policies"),
        ),
    ),
    Section(
        "OverdueRotation",
        "Secrets overdue for rotation",
        "Their rotation is on, and the next one should have been.",
        (("Secret", "Name"), ("Due", "Due"), ("Last rotated", "LastUsed"), ("State", "State")),
    ),
    Section(
        "KeyNearDeletion",
        "Keys near deletion",
        "Whatever lies under them alone cannot be read any more after that.",
        (
            ("Key", "Resource"), ("Deleted on", "Due"), ("State", "State"), ("Still used by", "Dependents"),
            ("Description", "Description"),
        ),
    ),
)  # fmt: skip


def of_kind(report: Mapping[str, Any], section: Section) -> list[Finding]:
    """The findings of one section."""
    return [one for one in report["Findings"] if one["Kind"] == section.kind]


def cells(section: Section, finding: Finding) -> list[str]:
    """What stands under the section's columns."""
    return [_cell(member, finding.get(member)) for _, member in section.columns]


def notes(report: Mapping[str, Any]) -> Iterator[str]:
    """What the reader must know about how far the findings hold."""
    counts = report["LookedAt"]
    where = f"account {report['Account']} in {report['Region']} on {report['Now']}"
    yield f"{where}; unused means for {report['UnusedFor']}"
    yield "looked at " + ", ".join(f"{counts[part]} {part}" for part in counts)
    if "RecordsSince" in report:
        yield f"permissions: the index knows records since {report['RecordsSince']}"
    if report["RecordsBehind"]:
        yield "the index of events is behind: a permission that was just used may be told as never used"
    if not report["Complete"]:
        yield "there are more findings than are told here"


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report as text."""
    yield from notes(report)
    for section in SECTIONS:
        found = of_kind(report, section)
        yield ""
        yield f"{section.title}: {len(found)}"
        for finding in found:
            told = zip(section.columns, cells(section, finding), strict=True)
            first, *rest = [(heading, plain(text)) for (heading, _), text in told]
            yield f"  {first[1]}"
            yield from (f"      {heading.lower()}: {text}" for heading, text in rest if text)


def _cell(member: str, value: object) -> str:
    if value is None:
        return "never" if member == "LastUsed" else ""
    if isinstance(value, list):
        return ", ".join(str(one).partition(":")[2] if member == "Permissions" else str(one) for one in value)
    return str(value)
