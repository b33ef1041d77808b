"""The refusals of the API: their shape is a fact, their statuses are inferred (docs/apis/gcore.md#errors)."""

from __future__ import annotations

from pulumi_cortecs.simulator.api_error import ApiError

_CLASSES = {
    400: "ValidationError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    409: "ConflictError",
    429: "TooManyRequestsError",
}
QUOTA = "QuotaExceededError"


def error_json(error: ApiError, request_id: str) -> dict[str, str]:
    """The body of an error."""
    named = error.code if error.code == QUOTA else _CLASSES.get(error.status, "InternalServerError")
    return {"exception_class": named, "message": error.message, "request_id": request_id}


def invalid(message: str) -> ApiError:
    """The refusal of arguments."""
    return ApiError(400, message)


def not_found(kind: str, name: str) -> ApiError:
    """The refusal of a name that does not exist, or does not exist any more."""
    return ApiError(404, f"{kind} {name!r} not found")


def conflict(message: str) -> ApiError:
    """The refusal of a name that is taken, and of a change that the present state does not allow."""
    return ApiError(409, message)


def quota_exceeded(status: int, message: str) -> ApiError:
    """The refusal of what exceeds a quota."""
    return ApiError(status, message, code=QUOTA)
