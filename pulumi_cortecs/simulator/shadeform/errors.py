"""The refusals of the API: 409 with a code for orders (fact), and inferred ones (docs/apis/shadeform.md#errors)."""

from __future__ import annotations

from pulumi_cortecs.simulator.api_error import ApiError

_CODES = {400: "INVALID_REQUEST", 401: "UNAUTHORIZED", 404: "NOT_FOUND", 409: "CONFLICT", 429: "TOO_MANY_REQUESTS"}


def error_json(error: ApiError) -> dict[str, str]:
    """The body of an error."""
    code = error.code if error.code and error.code.isupper() else _CODES.get(error.status, "INTERNAL")
    return {"error_code": code, "error": error.message}


def not_found(kind: str, resource_id: str) -> ApiError:
    """The refusal of an id that does not exist, or does not exist any more."""
    return ApiError(404, f"{kind} {resource_id!r} not found")


def conflict(message: str) -> ApiError:
    """The refusal of a change that the present state does not allow."""
    return ApiError(409, message)


def out_of_stock(status: int = 409) -> ApiError:
    """The refusal of an order that no region can fill; the vendor gives it to an unknown region as well."""
    return ApiError(status, "Out of stock", code="OUT_OF_STOCK")


def insufficient_funds(status: int = 409) -> ApiError:
    """The refusal of an order for which the balance is too low."""
    message = "Balance must be a minimum of $5 to launch an instance."
    return ApiError(status, message, code="INSUFFICIENT_FUNDS")
