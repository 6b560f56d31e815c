"""Who signed a request. The surface for the chain; what the signer may do is ``authz``'s business.

The chain calls, in this order, with its own look-up of the access key between the second and the third::

    claim = read_claim(request)
    check_scope(claim, service="kms", regions=regions, now=machine_now)
    verify(claim, request, credential.secret, keys)
"""

from strongroom.kernel.signing.claim import Claim
from strongroom.kernel.signing.keys import SigningKeys
from strongroom.kernel.signing.scope import GLOBAL_REGIONS, check_scope
from strongroom.kernel.signing.sigv4 import read_claim, verify

__all__ = ["GLOBAL_REGIONS", "Claim", "SigningKeys", "check_scope", "read_claim", "verify"]
