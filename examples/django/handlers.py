"""relay's side: jobs that relay's own workers run."""

from twisted.internet.task import deferLater

from relay import Context, job


@job(timeout=120)
async def invoice(context: Context, user: str, number: int) -> dict[str, str]:
    """A placeholder for the calls to slow services that make an invoice."""
    from twisted.internet import reactor

    await deferLater(reactor, float(context.settings.get("seconds", "5")))
    return {"user": user, "url": f"https://shop.example.com/invoices/{number}.pdf"}
