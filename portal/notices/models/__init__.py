from portal.notices.models.mail import Digest, MailChoice
from portal.notices.models.notice import Notice

__all__ = ["Digest", "MailChoice", "Notice"]
