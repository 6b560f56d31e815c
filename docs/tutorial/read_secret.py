"""Reads one secret as any application would: nothing in here knows about Strongroom."""

import json
import os

import boto3
from botocore.exceptions import ClientError


def main() -> None:
    session = boto3.session.Session()
    client = session.client("secretsmanager", region_name=os.environ.get("MY_APP_REGION", "us-east-1"))
    secret_id = os.environ.get("SECRET_ARN") or os.environ["MY_APP_SECRET_NAME"]
    try:
        answer = client.get_secret_value(SecretId=secret_id)
    except ClientError as error:
        print(error.response["Error"]["Code"])
        return
    print("Successfully retrieved username:", json.loads(answer["SecretString"])["username"])


if __name__ == "__main__":
    main()
