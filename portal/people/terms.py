"""The first version of the terms of acceptable use, which a new installation begins with."""

from datetime import date

from portal.people.models import TermsVersion

FIRST_DAY = date(2026, 1, 1)
FIRST_EN = """\
Use awarded GPU hours for the project that they were awarded to, and for nothing else.
Bring only data of the class that the site may hold. Secret data is never allowed.
Keep your password, passkeys and API tokens to yourself. Tell us at once when one is lost.
Awards are published: organisation, track, sector, province, hours granted and used. Names of persons are not.
What you do here is recorded: who did what, when, and for which reason.
Access ends where these terms are broken; the decision is reasoned and can be appealed.
"""
# Drafted by machine; a native speaker's review comes as a further version.
FIRST_UR = """\
منظور شدہ GPU گھنٹے صرف اسی منصوبے کے لیے استعمال کریں جس کے لیے وہ دیے گئے، کسی اور کام کے لیے نہیں۔
صرف اس درجے کا ڈیٹا لائیں جو سائٹ رکھ سکتی ہے۔ خفیہ ڈیٹا کی کبھی اجازت نہیں۔
اپنا پاس ورڈ، پاس کیز اور API ٹوکن اپنے تک رکھیں۔ ان میں سے کوئی کھو جائے تو ہمیں فوراً بتائیں۔
منظوریاں شائع کی جاتی ہیں: ادارہ، ٹریک، شعبہ، صوبہ، منظور شدہ اور استعمال شدہ گھنٹے۔ افراد کے نام شائع نہیں ہوتے۔
آپ یہاں جو کرتے ہیں وہ ریکارڈ ہوتا ہے: کس نے کیا کیا، کب، اور کس وجہ سے۔
ان شرائط کی خلاف ورزی پر رسائی ختم ہو جاتی ہے؛ فیصلہ وجوہات کے ساتھ ہوتا ہے اور اس کے خلاف اپیل کی جا سکتی ہے۔
"""  # noqa: E501


def seed() -> TermsVersion:
    """Plant version 1 where it is missing."""
    terms, _ = TermsVersion.objects.get_or_create(
        kind=TermsVersion.Kind.ACCEPTABLE_USE,
        number=1,
        defaults={"text_en": FIRST_EN, "text_ur": FIRST_UR, "in_force_from": FIRST_DAY},
    )
    return terms
