"""Why a call was denied, for those who may know."""

from __future__ import annotations

from strongroom.console.visit import Reply, Visit


def explained(visit: Visit) -> Reply:
    """The decision behind one request id."""
    request_id = visit.asked("request")
    answer = visit.attempt("strongroom", "Explain", RequestId=request_id)
    return visit.page("explain.html", answer=answer, request_id=request_id)


PAGES = (("GET", "/console/explain", explained),)
