"""The public register of awards, and what they come to: readable by everybody, without signing in.

Published under the Right of Access to Information Act 2017, section 5. Persons are never in it.
"""
