from allocations.programme.models.request import AllocationRequest, Decision, RequestLine

__all__ = ["AllocationRequest", "Decision", "RequestLine"]
