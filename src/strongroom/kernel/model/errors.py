"""Errors that a service's model declares, bound to that model when their class is defined.

    class KMSError(ServiceError, service="kms"): ...          the base of a room's errors
    class NotFoundException(KMSError): ...                     the error shape of that name

A name that the model does not have fails at import, so code, status and class cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from strongroom.base.refusals import Answerable
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.shapes import Shape

_DEFINED: dict[tuple[str, str], type[ServiceError]] = {}


class ServiceError(Answerable):
    """An error modelled by one service. Classes carry the name of their shape.

    ``message`` None leaves the text out of the answer altogether, as KMS does for InvalidCiphertextException.
    ``members`` are further modelled members of the error (``Reason`` of Lambda's TooManyRequestsException).
    Source: the model's ``error`` and ``fault`` traits; where they state no status it is 400, for faults 500.
    """

    service: ClassVar[str]
    shape: ClassVar[Shape]
    code: ClassVar[str]
    http_status: ClassVar[int]
    text_member: ClassVar[str]  # Message or message: the model knows which service writes which

    def __init__(
        self,
        message: str | None = None,
        *,
        detail: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.members = dict(members or {})

    def __init_subclass__(cls, *, service: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if service is not None:
            cls.service = service
            return
        shape = _error_shape(cls.service, cls.__name__)
        cls.shape = shape
        cls.code = shape.error_code or shape.name
        cls.http_status = shape.error_status or (500 if shape.fault else 400)
        cls.text_member = next((name for name in shape.members if name.lower() == "message"), "message")
        _DEFINED.setdefault((cls.service, cls.__name__), cls)


def error_class(service: str, name: str) -> type[ServiceError]:
    """The class that a room has defined for an error shape, for callers that know its name as data.

    Raises KeyError where the room has defined none.
    """
    return _DEFINED[service, name]


def _error_shape(service: str, name: str) -> Shape:
    try:
        shape = CATALOGUE.shape(service, name)
    except KeyError:
        raise TypeError(f"{service} models no error named {name}") from None
    if not shape.exception:
        raise TypeError(f"{service} models {name}, but not as an error")
    return shape
