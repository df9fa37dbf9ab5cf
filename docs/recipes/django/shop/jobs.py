"""The jobs of this app. ``manage.py runjobs`` imports the module ``jobs`` of each installed app."""

from django.contrib.sessions.models import Session
from django.utils import timezone

from shop.scheduler import scheduler


@scheduler.scheduled("0 15 3 * * *", on_start=True)
def delete_expired_sessions() -> None:
    """Delete the sessions that have expired."""
    count, _ = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    print(f"deleted {count} sessions")
