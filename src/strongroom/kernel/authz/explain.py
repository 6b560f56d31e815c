"""A decision told in plain lines, for logs and for those who may ask why. Names only, no context values."""

from __future__ import annotations

from strongroom.kernel.authz.messages import context_text
from strongroom.kernel.authz.model import Decision, Match, Outcome

_WORDS = {
    Outcome.ALLOWED: "allowed",
    Outcome.EXPLICIT_DENY: "denied explicitly",
    Outcome.IMPLICIT_DENY: "denied, for want of an Allow",
}
_ALLOWED_BY = {
    "none": "the operation needs no permission",
    "root": "the caller is the root user of its account",
    "grant": "a grant on the key allows it",
}


def explain(decision: Decision) -> list[str]:
    """The outcome, its cause, the statements that applied, and what was not understood: one line each."""
    request = decision.request
    caller = request.principal.arn or "anonymous"
    lines = [
        f"{_WORDS[decision.outcome]}: {request.action} on {request.resource} by {caller}",
        _cause(decision),
    ]
    lines.extend(f"applied: {_told(match)}" for match in decision.matches)
    lines.extend(f"note: {note}" for note in decision.notes)
    return lines


def _cause(decision: Decision) -> str:
    if not decision.allowed:
        return f"cause: {context_text(decision)}"
    return f"cause: {_ALLOWED_BY.get(decision.kind, f'a policy of kind {decision.kind} allows it')}"


def _told(match: Match) -> str:
    sid = f" ({match.sid})" if match.sid else ""
    return f"{match.effect} in {match.kind} policy {match.label}, statement {match.index}{sid}"
