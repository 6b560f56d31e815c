"""Administrators that the product makes, and the events that it records by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from strongroom.base.classes import dataclass
from strongroom.base.entropy import uuid4
from strongroom.kernel.call import Record
from strongroom.kernel.journal import event
from strongroom.kernel.recorder import Recorder
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.storage.port import Transaction
from strongroom.kernel.storage.writequeue import Outcome
from strongroom.server.directory import credentials_text, write_private
from strongroom.services import iam

if TYPE_CHECKING:
    from strongroom.app.product import Product

CREDENTIALS_FILE = "credentials"


@dataclass(frozen=True, slots=True)
class Made:
    """An administrator just made."""

    account: str
    key_id: str
    secret: str
    user: str = "admin"

    def profile(self) -> str:
        """As DIR/credentials holds it: the form of ~/.aws/credentials."""
        return credentials_text(self.key_id, self.secret)

    def told(self) -> Mapping[str, Any]:
        """As the admin socket tells it."""
        return {
            "account": self.account,
            "user": self.user,
            "access_key_id": self.key_id,
            "secret_access_key": self.secret,
        }


def administrator(
    product: Product, tx: Transaction, account: str, keyring: Keyring, recorder: Recorder, name: str
) -> Made:
    """Make the administrator of an account, recorded under this name; the default account's keys go to a file."""
    made = Made(
        account,
        *iam.create_administrator(tx, account=account, now=product.clock(), entropy=product.entropy, keyring=keyring),
    )
    if account == product.settings.account:
        write_private(product.settings.data / CREDENTIALS_FILE, made.profile().encode())
    tell(product, tx, recorder, name, account, {"userName": made.user, "accessKeyId": made.key_id})
    return made


def tell(
    product: Product, tx: Transaction, recorder: Recorder, name: str, account: str, details: Mapping[str, Any]
) -> None:
    """Record one event of the deployment's own, which stands or falls with the transaction."""
    now, event_id = product.clock(), uuid4(product.entropy)
    told = event.service_event(
        event_id=event_id,
        request_id=uuid4(product.entropy),
        when=now,
        product_now=now,
        service="strongroom",
        name=name,
        region="us-east-1",
        account=account,
        details=details,
    )
    recorder.before_commit(tx, [Outcome(keep=True, records=(Record(event_id, told, writes=True),), value=None)])
