// The life of a secret with the AWS SDK for JavaScript v3. Prints what it found as one line of JSON.
// Everything about the server comes from the environment, as `strongroom env` prints it.

import * as SM from "@aws-sdk/client-secrets-manager";

const client = new SM.SecretsManagerClient({ maxAttempts: 1 });
const found = {};

async function refusal(command) {
  try {
    await client.send(command);
  } catch (error) {
    return [error.name, error.message, error.$metadata.httpStatusCode, error.constructor.name];
  }
  throw new Error("was not refused");
}

const name = "js/db-creds";
const made = await client.send(
  new SM.CreateSecretCommand({
    Name: name,
    Description: "for the tour",
    SecretString: JSON.stringify({ username: "admin", password: "pässwörd" }),
    Tags: [{ Key: "team", Value: "js" }],
  }),
);
found.arn = made.ARN;
const read = await client.send(new SM.GetSecretValueCommand({ SecretId: name }));
found.value = JSON.parse(read.SecretString);
found.createdIsADate = read.CreatedDate instanceof Date;
found.stages = read.VersionStages;

const binary = Uint8Array.from([0, 1, 2, 255]);
await client.send(new SM.CreateSecretCommand({ Name: "js/binary", SecretBinary: binary }));
const bytes = await client.send(new SM.GetSecretValueCommand({ SecretId: "js/binary" }));
found.bytes = Array.from(bytes.SecretBinary);

const put = await client.send(new SM.PutSecretValueCommand({ SecretId: name, SecretString: "second" }));
const shown = await client.send(new SM.DescribeSecretCommand({ SecretId: made.ARN }));
found.labels = [shown.VersionIdsToStages[made.VersionId], shown.VersionIdsToStages[put.VersionId]];
found.tags = shown.Tags;
found.accessed = shown.LastAccessedDate.toISOString().slice(10);
await client.send(
  new SM.UpdateSecretVersionStageCommand({
    SecretId: name,
    VersionStage: "AWSCURRENT",
    MoveToVersionId: made.VersionId,
    RemoveFromVersionId: put.VersionId,
  }),
);
const back = await client.send(new SM.GetSecretValueCommand({ SecretId: name }));
found.rolledBack = back.VersionId === made.VersionId;

found.listed = [];
for await (const page of SM.paginateListSecrets(
  { client, pageSize: 1 },
  { Filters: [{ Key: "name", Values: ["js/"] }], SortBy: "name" },
)) {
  found.listed.push(...page.SecretList.map((one) => one.Name));
}
const batch = await client.send(new SM.BatchGetSecretValueCommand({ SecretIdList: ["js/binary", "js/never"] }));
found.batch = [batch.SecretValues.map((one) => one.Name), batch.Errors.map((one) => one.ErrorCode)];

const policy = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Deny", Principal: "*", Action: "secretsmanager:UntagResource", Resource: "*" }],
});
await client.send(new SM.PutResourcePolicyCommand({ SecretId: name, ResourcePolicy: policy, BlockPublicPolicy: true }));
found.policy =
  (await client.send(new SM.GetResourcePolicyCommand({ SecretId: name }))).ResourcePolicy === policy;
found.denied = (await refusal(new SM.UntagResourceCommand({ SecretId: name, TagKeys: ["team"] }))).slice(0, 1);
await client.send(new SM.DeleteResourcePolicyCommand({ SecretId: name }));
await client.send(new SM.UntagResourceCommand({ SecretId: name, TagKeys: ["team"] }));

const copies = await client.send(
  new SM.ReplicateSecretToRegionsCommand({ SecretId: name, AddReplicaRegions: [{ Region: "eu-west-1" }] }),
);
found.copies = copies.ReplicationStatus.map((one) => [one.Region, one.Status]);
await client.send(
  new SM.RemoveRegionsFromReplicationCommand({ SecretId: name, RemoveReplicaRegions: ["eu-west-1"] }),
);

found.password = (await client.send(new SM.GetRandomPasswordCommand({ PasswordLength: 20 }))).RandomPassword.length;
found.missing = await refusal(new SM.GetSecretValueCommand({ SecretId: "js/never" }));
found.taken = await refusal(new SM.CreateSecretCommand({ Name: name, SecretString: "x" }));
found.invalid = await refusal(new SM.DescribeSecretCommand({ SecretId: "not a name" }));
found.unrotatable = await refusal(new SM.RotateSecretCommand({ SecretId: name }));

const gone = await client.send(new SM.DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 }));
found.days = Math.round((gone.DeletionDate - Date.now()) / 86_400_000);
found.marked = await refusal(new SM.GetSecretValueCommand({ SecretId: name }));
await client.send(new SM.RestoreSecretCommand({ SecretId: name }));
for (const each of [name, "js/binary"]) {
  await client.send(new SM.DeleteSecretCommand({ SecretId: each, ForceDeleteWithoutRecovery: true }));
}
console.log(JSON.stringify(found));
