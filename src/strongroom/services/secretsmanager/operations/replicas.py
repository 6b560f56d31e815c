"""Copies in other Regions: Replicate..., RemoveRegionsFromReplication, StopReplicationToReplica."""

from __future__ import annotations

from strongroom.kernel.call import Answer, Call
from strongroom.kernel.model.regions import aws_regions
from strongroom.kernel.registry import Mode
from strongroom.kernel.storage.port import Transaction
from strongroom.services.secretsmanager import errors, replication, store
from strongroom.services.secretsmanager.room import on_secret
from strongroom.services.secretsmanager.rules.regions import check_regions, check_removal
from strongroom.services.secretsmanager.shown import replication_status
from strongroom.services.secretsmanager.store import Secret

KNOWN = aws_regions()


@on_secret("ReplicateSecretToRegions", mode=Mode.WRITE, keeps_step=False)
def replicate_secret_to_regions(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Copy a secret to other Regions, or give a copy another KMS key; answers how each copy fares.

    Source: API reference, ReplicateSecretToRegions; facts secretsmanager section 10.
    """
    replicate(call, one, tx)
    return {"ARN": one.arn, "ReplicationStatus": replication_status(tx, one.pk)}


def replicate(call: Call, one: Secret, tx: Transaction) -> None:
    """Start the copies that a request's AddReplicaRegions asks for."""
    wanted = call["AddReplicaRegions"]
    if any("Region" not in each for each in wanted):
        raise errors.InvalidParameterException("Invalid replica region.")
    check_regions([each["Region"] for each in wanted], own=one.region, known=KNOWN)
    replication.start(call, tx, one, wanted, overwrite=call.get("ForceOverwriteReplicaSecret", False))


@on_secret("RemoveRegionsFromReplication", mode=Mode.WRITE, keeps_step=False)
def remove_regions_from_replication(call: Call, one: Secret, tx: Transaction) -> Answer:
    """Delete copies at once; answers the ones that are left.

    Source: API reference, RemoveRegionsFromReplication; facts secretsmanager section 10.
    """
    regions = call["RemoveReplicaRegions"]
    check_removal(regions, present={each.region for each in store.replicas.replicas_of(tx, one.pk)})
    replication.remove(tx, one, regions)
    return {"ARN": one.arn, "ReplicationStatus": replication_status(tx, one.pk)}


@on_secret("StopReplicationToReplica", mode=Mode.WRITE, keeps_step=False)
def stop_replication_to_replica(call: Call, one: Secret, tx: Transaction) -> Answer:  # noqa: ARG001
    """Make a copy a secret of its own, in its own Region. Our choice of text for what is no copy.

    Source: API reference, StopReplicationToReplica; facts secretsmanager section 10.
    """
    if one.primary_pk is None:
        raise errors.InvalidParameterException("You can only stop replication to a secret that is a replica.")
    replication.promote(tx, one)
    return {"ARN": one.arn}
