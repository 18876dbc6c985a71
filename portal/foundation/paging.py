"""How lists of the API are cut (apart from api.py, which DRF's settings can't import)."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=` (up to 500)."""

    page_size_query_param = "page_size"
    max_page_size = 500
