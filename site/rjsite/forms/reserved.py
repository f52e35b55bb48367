"""Names that no question, and addresses that no form, may have."""

from __future__ import annotations

# Names that a question cannot have, because the form (rjsite/forms/form.py) or its page uses them. WTForms
# would run `validate_on_submit` as the validator of a question named on_submit.
RESERVED_NAMES = frozenset((
    "asked", "blocks", "chosen", "data", "definition", "errors", "errors_in_order", "fill", "form",
    "form_errors", "form_token", "given", "help-panel", "hidden_tag", "holds", "is_submitted", "keys",
    "leaving", "live", "main", "menu", "meta", "notice", "notice-title", "on_submit", "opened",
    "populate_obj", "post_process", "print-hint", "problem", "problem-title", "process",
    "progress-last", "sent_token", "stop", "to_referral", "token", "token_expired", "validate",
    "validate_on_submit", "values", "website", "wrong",
))  # fmt: skip

# The addresses that the site, its web server and the staff copy use themselves. No form may have one of them.
RESERVED_ADDRESSES = frozenset((
    "/case-studies", "/exit", "/healthz", "/readyz", "/sent", "/site-away", "/staff", "/styleguide",
    "/too-long",
))  # fmt: skip
RESERVED_PREFIXES = ("/case-studies/", "/papers/", "/staff/", "/static/")  # no address may begin with these
