// Keys with the AWS SDK for JavaScript v3. Prints what it found as one line of JSON.
// Everything about the server comes from the environment, as `strongroom env` prints it.

import { createDecipheriv, createCipheriv, createPublicKey, createVerify, randomBytes } from "node:crypto";
import * as KMS from "@aws-sdk/client-kms";

const client = new KMS.KMSClient({ maxAttempts: 1 });
const found = {};
const text = (bytes) => Buffer.from(bytes).toString();

async function refusal(command) {
  try {
    await client.send(command);
  } catch (error) {
    return [error.name, error.message, error.$metadata.httpStatusCode, error.constructor.name];
  }
  throw new Error("was not refused");
}

const made = (await client.send(new KMS.CreateKeyCommand({ Description: "for the tour" }))).KeyMetadata;
found.state = [made.KeyState, made.KeySpec, made.CreationDate instanceof Date];
await client.send(new KMS.CreateAliasCommand({ AliasName: "alias/js", TargetKeyId: made.KeyId }));

const EncryptionContext = { app: "tour", "umlaut ü": "ß" };
const sealed = await client.send(
  new KMS.EncryptCommand({ KeyId: "alias/js", Plaintext: Buffer.from("pässwörd"), EncryptionContext }),
);
await client.send(new KMS.RotateKeyOnDemandCommand({ KeyId: made.KeyId }));
const opened = await client.send(
  new KMS.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext }),
);
found.opened = [text(opened.Plaintext), opened.KeyId === made.Arn, opened.KeyMaterialId === made.CurrentKeyMaterialId];
found.withoutContext = await refusal(new KMS.DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob }));

// Envelope encryption as an application does it.
const dataKey = await client.send(new KMS.GenerateDataKeyCommand({ KeyId: "alias/js", KeySpec: "AES_256" }));
const iv = randomBytes(12);
const cipher = createCipheriv("aes-256-gcm", dataKey.Plaintext, iv);
const body = Buffer.concat([cipher.update("content"), cipher.final()]);
const again = await client.send(new KMS.DecryptCommand({ CiphertextBlob: dataKey.CiphertextBlob }));
const decipher = createDecipheriv("aes-256-gcm", again.Plaintext, iv).setAuthTag(cipher.getAuthTag());
found.envelope = decipher.update(body, undefined, "utf8") + decipher.final("utf8");

const signing = (await client.send(new KMS.CreateKeyCommand({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" })))
  .KeyMetadata;
const asked = { KeyId: signing.KeyId, Message: Buffer.from("message"), SigningAlgorithm: "ECDSA_SHA_256" };
const { Signature } = await client.send(new KMS.SignCommand(asked));
const { PublicKey } = await client.send(new KMS.GetPublicKeyCommand({ KeyId: signing.KeyId }));
const key = createPublicKey({ key: Buffer.from(PublicKey), format: "der", type: "spki" });
found.signed = [
  createVerify("sha256").update("message").verify(key, Signature),
  (await client.send(new KMS.VerifyCommand({ ...asked, Signature }))).SignatureValid,
];
found.wrongSignature = await refusal(
  new KMS.VerifyCommand({ ...asked, Message: Buffer.from("another"), Signature }),
);

const grant = await client.send(
  new KMS.CreateGrantCommand({
    KeyId: made.KeyId,
    GranteePrincipal: made.AWSAccountId,
    Operations: ["Encrypt", "RetireGrant"],
    Constraints: { EncryptionContextSubset: { app: "tour" } },
  }),
);
const { Grants } = await client.send(new KMS.ListGrantsCommand({ KeyId: made.KeyId }));
found.grants = [Grants.length, Grants[0].GrantId === grant.GrantId, Grants[0].Constraints];
await client.send(new KMS.RevokeGrantCommand({ KeyId: made.KeyId, GrantId: grant.GrantId }));

const rotations = [];
for await (const page of KMS.paginateListKeyRotations({ client }, { KeyId: made.KeyId, IncludeKeyMaterial: "ALL_KEY_MATERIAL" })) {
  rotations.push(...page.Rotations.map((one) => one.KeyMaterialState));
}
found.rotations = rotations;

const deleted = await client.send(
  new KMS.ScheduleKeyDeletionCommand({ KeyId: made.KeyId, PendingWindowInDays: 7 }),
);
found.deletion = [deleted.KeyState, deleted.DeletionDate instanceof Date];
found.pending = await refusal(new KMS.EncryptCommand({ KeyId: made.KeyId, Plaintext: Buffer.from("x") }));
found.arn = made.Arn;
console.log(JSON.stringify(found));
