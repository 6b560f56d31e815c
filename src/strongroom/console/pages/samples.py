"""Sample code that reads one secret from this server, in the languages that people ask for it in.

Written for this console. Names and addresses go in as string literals of JSON, which are literals of each language
here; the shell's are quoted for the shell.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

NAME = "THE-NAME"
"""Stands for a name that is not known yet."""


def of(url: str, region: str, name: str) -> Mapping[str, str]:
    """The texts by language."""
    both = {"@AT": "@"}
    given = both | {"@URL": json.dumps(url), "@REGION": json.dumps(region), "@NAME": json.dumps(name)}
    quoted = both | {"@URL": shlex.quote(url), "@REGION": shlex.quote(region), "@NAME": shlex.quote(name)}
    return {language: _filled(text, quoted if language == "AWS CLI" else given) for language, text in _TEXTS.items()}


def _filled(text: str, words: Mapping[str, str]) -> str:
    """Each word's places filled once: what is filled in is not looked at again."""
    out, rest = [], text
    while (at := rest.find("@")) >= 0:
        word = next(one for one in words if rest.startswith(one, at))
        out += [rest[:at], words[word]]
        rest = rest[at + len(word) :]
    return "".join([*out, rest])


_TEXTS = {
    "Python": """import boto3

client = boto3.client("secretsmanager", region_name=@REGION, endpoint_url=@URL)
value = client.get_secret_value(SecretId=@NAME)["SecretString"]
""",
    "JavaScript": """import { GetSecretValueCommand, SecretsManagerClient } from "@ATaws-sdk/client-secrets-manager";

const client = new SecretsManagerClient({ region: @REGION, endpoint: @URL });
const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: @NAME }));
""",
    "Java": """SecretsManagerClient client = SecretsManagerClient.builder()
    .region(Region.of(@REGION))
    .endpointOverride(URI.create(@URL))
    .build();
String value = client.getSecretValue(request -> request.secretId(@NAME)).secretString();
""",
    "Go": """loaded, err := config.LoadDefaultConfig(ctx, config.WithRegion(@REGION))
if err != nil {
    return err
}
client := secretsmanager.NewFromConfig(loaded, func(options *secretsmanager.Options) {
    options.BaseEndpoint = aws.String(@URL)
})
answer, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(@NAME)})
""",
    "Ruby": """require "aws-sdk-secretsmanager"

client = Aws::SecretsManager::Client.new(region: @REGION, endpoint: @URL)
value = client.get_secret_value(secret_id: @NAME).secret_string
""",
    ".NET": """var client = new AmazonSecretsManagerClient(new AmazonSecretsManagerConfig
{
    ServiceURL = @URL,
    AuthenticationRegion = @REGION,
});
var answer = await client.GetSecretValueAsync(new GetSecretValueRequest { SecretId = @NAME });
string value = answer.SecretString;
""",
    "AWS CLI": """aws secretsmanager get-secret-value --endpoint-url @URL --region @REGION \\
    --secret-id @NAME --query SecretString --output text
""",
}
