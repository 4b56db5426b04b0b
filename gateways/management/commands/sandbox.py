"""`manage.py sandbox`: both gateways on this machine, for trying and testing."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateways.sandbox import accounts, server, simulator


class Command(BaseCommand):
    help = "Run the local simulator of Xendit and Midtrans. No money moves."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument(
            "--webhook-base-url",
            default="http://127.0.0.1:8000",
            help="where the merchant listens; /webhooks/xendit and /webhooks/midtrans are added",
        )
        parser.add_argument("--public-url", help="how browsers reach it, if not by host and port")
        parser.add_argument("--speed", type=float, default=60.0, help="divides retry times")
        parser.add_argument("--seed", type=int, help="makes ids and chances repeatable")
        parser.add_argument(
            "--xendit-rate-limit",
            type=int,
            default=600,
            metavar="CALLS",
            help="calls a minute before Xendit answers 429; 0 for no limit",
        )

        parser.add_argument(
            "--store",
            type=Path,
            metavar="FILE",
            help="keep payments in this SQLite file; without it they end with the process",
        )

    def handle(
        self,
        *,
        host: str,
        port: int,
        webhook_base_url: str,
        public_url: str | None,
        speed: float,
        seed: int | None,
        xendit_rate_limit: int,
        store: Path | None,
        **options: object,
    ) -> None:
        if settings.ENVIRONMENT == "production":
            raise CommandError("The sandbox did not start: ENVIRONMENT says production.")
        try:
            known = accounts.from_settings(
                xendit=settings.GATEWAY_CONNECTIONS["xendit"],
                midtrans=settings.GATEWAY_CONNECTIONS["midtrans"],
                webhook_base_url=webhook_base_url,
            )
            known.change({"speed": speed, "xendit": {"rate_limit_per_minute": xendit_rate_limit}})
            listener = server.listen(host, port)
        except (accounts.ProductionKey, accounts.UnknownSetting, server.PortTaken) as error:
            raise CommandError(f"The sandbox did not start: {error}.") from error
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        chosen = simulator.Options(
            accounts=known,
            public_url=(public_url or address).rstrip("/"),
            seed=seed,
            clock_file=Path(clock) if (clock := settings.DEVELOPMENT_CLOCK) else None,
            store=store,
        )
        self.stdout.write(f"Sandbox on {address} (console: {address}/control/). No money moves.")
        self.stdout.flush()  # the worker process must not inherit the line and say it again
        server.SandboxServer(chosen, listener).run()
