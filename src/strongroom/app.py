"""The composition root: the only file that sees everything. It makes one product from the settings."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from strongroom.base.clock import Clock, from_ms, iso_seconds, machine_clock
from strongroom.base.entropy import Entropy, SystemEntropy, uuid4
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.base.names import is_account_id
from strongroom.base.refusals import Kind, Refusal
from strongroom.kernel import wire
from strongroom.kernel.call import Record
from strongroom.kernel.chain import Chain
from strongroom.kernel.jobloop import JobLoop
from strongroom.kernel.journal import event, settle
from strongroom.kernel.journal.segments import Journal
from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.kernel.model.regions import aws_regions
from strongroom.kernel.recorder import Recorder, committed_among, forget_settled
from strongroom.kernel.registry import Registry
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.kernel.sealing.seals import parse_seal
from strongroom.kernel.storage.migrations import migrate
from strongroom.kernel.storage.open import open_store
from strongroom.kernel.storage.port import Statement, Store, Transaction
from strongroom.kernel.storage.schema import setting
from strongroom.kernel.storage.writequeue import Outcome, WriteQueue
from strongroom.server.asgi import Application, Engine
from strongroom.server.hosts import HostCheck
from strongroom.server.parts import ASGI, Prepared, StartRefused
from strongroom.services import iam, kms, local, secretsmanager, sts
from strongroom.settings import Settings
