"""Notices over REST."""

from rest_framework.routers import SimpleRouter

from portal.notices.api.views import NoticeViewSet

router = SimpleRouter()
router.register("notices", NoticeViewSet, basename="api_notice")
urlpatterns = router.urls
