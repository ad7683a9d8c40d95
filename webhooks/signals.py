"""What befalls a webhook. Its row is its record, so these are announced and not stored again.

Receivers get `event`, the PaymentWebhookEvent, after the commit; `webhook_rejected` comes with
`provider` and `reason` instead, since strangers must not be able to fill the disk. Of every
delivery `webhook_answered` tells its `provider`, and the `answer`: a status, or a refusal's code.
"""

from django.dispatch import Signal

webhook_received = Signal()
webhook_processed = Signal()
webhook_failed = Signal()
webhook_rejected = Signal()
webhook_answered = Signal()
